"""What happens all day: a contact comes in, is served and ends."""

from gateway.acd.events import Connected, Ended, Queued, Reserved, VoiceUp, WrapUpDone, WrapUpStarted
from gateway.acd.kit.log import Missed
from gateway.acd.kit.room import Room
from gateway.acd.kit.scenario import call_mode, positions, rings, scenario, we_answer, wraps_up
from gateway.acd.kit.stand import Act, Hand
from gateway.acd.port import Phase

_LARGE = {f"field_{number}": "x" * 1000 for number in range(100)}


@scenario()
async def served(room: Room) -> None:
    """A contact waits, is rung, talks, ends and is wrapped up; then the ACD has forgotten it."""
    call = await room.enter()
    await room.ready(room.anna)
    await call.connect()
    await call.phase_becomes(Phase.CONNECTED)
    await call.end()
    await call.wrap_up()
    await call.gone()


@scenario()
async def served_at_once(room: Room) -> None:
    """An agent was ready before the contact came."""
    await room.ready(room.anna)
    call = await room.enter()
    await call.connect()
    await call.end()
    await call.wrap_up("follow_up")
    await call.gone()


@scenario(when=(rings,), hand=Hand.NOBODY)
async def waits_for_an_agent(room: Room) -> None:
    """Nobody is ready: nothing rings, and the contact is in line."""
    call = await room.enter()
    await call.phase_becomes(Phase.QUEUED)
    await room.quiet()
    if call.bodies(Reserved):
        raise Missed("a contact rang though no agent was ready")


@scenario()
async def offered_twice(room: Room) -> None:
    """The same contact offered again is the same contact: one ref, one place."""
    call = await room.enter()
    first = call.ref
    await call.offered()
    if call.ref != first:
        raise Missed(f"the second offer gave another ref: {first}, {call.ref}")
    await room.ready(room.anna, room.ben)
    await call.connect()


@scenario()
async def more_is_known(room: Room) -> None:
    """What is known of a contact changes, beyond every limit: what does not fit is left out, nothing fails."""
    call = await room.enter()
    await room.ask("update_attributes", call.contact_id, lambda: room.port.update_attributes(call.ref, {"step": "2"}))
    await room.ask("update_attributes", call.contact_id, lambda: room.port.update_attributes(call.ref, _LARGE))
    await room.ready(room.anna)
    await call.connect()


@scenario(when=(positions,), hand=Hand.NOBODY)
async def places_in_line(room: Room) -> None:
    """Each contact is told its place, in the order they came, and the new one when somebody before it leaves."""
    first = await room.enter()
    second = await room.enter()

    def place_of_second(place: int) -> bool | None:
        told = second.bodies(Queued)
        return True if told and told[-1].place == place else None

    await room.until(lambda: place_of_second(2), "place 2 of the second contact")
    await first.cancel()
    await room.until(lambda: place_of_second(1), "place 1 of the second contact")


@scenario(when=(we_answer,))
async def kept_but_not_offered(room: Room) -> None:
    """A contact whose network is gone just now keeps its place and rings at nobody until it is back."""
    call = await room.enter(offerable=False)
    await room.ready(room.anna)
    await room.quiet()
    if call.rung() is not None:
        raise Missed("a contact rang though it was not to be offered")
    await room.ask("set_offerable", call.contact_id, lambda: room.port.set_offerable(call.ref, True))
    await call.connect()


@scenario(Act.HANG_UP)
async def agent_hangs_up(room: Room) -> None:
    """The agent ends the call at the ACD: one end is told, and no second one follows ours."""
    call = await room.enter()
    await room.ready(room.anna)
    await call.connect()
    await room.do(Act.HANG_UP, call, call.agent)
    await call.says(Ended)
    call.talking = False
    await call.wrap_up()
    await call.gone()


@scenario(Act.HANG_UP, Act.WRAP_UP, Act.WRAP_UP_DONE, when=(wraps_up,))
async def wrap_up_at_the_acd(room: Room) -> None:
    """After-call work that the ACD keeps is told from its beginning to its end."""
    call = await room.enter()
    await room.ready(room.anna)
    await call.connect()
    await room.do(Act.HANG_UP, call, call.agent)
    await call.says(Ended)
    call.talking = False
    await room.do(Act.WRAP_UP, call, call.agent)
    await call.says(WrapUpStarted)
    await room.do(Act.WRAP_UP_DONE, call, call.agent)
    await call.says(WrapUpDone)
    await call.wrap_up()
    await call.gone()


@scenario(when=(call_mode,), hand=Hand.NOBODY)
async def an_answer_is_not_an_agent(room: Room) -> None:
    """A queue answers the call: the customer hears it, and nobody is called connected before there is somebody."""
    call = await room.enter()
    await call.says(VoiceUp)
    await room.quiet()
    if call.bodies(Connected):
        raise Missed("connected was told though no agent was ready")
