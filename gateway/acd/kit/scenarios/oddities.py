"""Events as real ACDs send them: twice, late, in the wrong order, not at all, unknown, of strangers, from wrong clocks.

None of it breaks the adapter, and a contact is served afterwards as if nothing had been.
"""

from datetime import timedelta

from gateway.acd.events import Accepted, Connected, Reserved
from gateway.acd.kit.log import Missed
from gateway.acd.kit.room import Call, Room
from gateway.acd.kit.scenario import foreign, rings, scenario
from gateway.acd.kit.stand import Act
from gateway.acd.port import AcdMode


async def _ringing(room: Room) -> Call:
    call = await room.enter()
    await room.ready(room.anna)
    await call.rings()
    return call


async def _serves(room: Room, call: Call) -> None:
    """The contact that rings is taken, and a second one is served too."""
    await call.connect()
    await call.end()
    await call.wrap_up()
    following = await room.enter()
    await room.ready(room.anna)
    await following.connect()


async def _taken(room: Room, call: Call) -> None:
    """What we do when the ACD says that an agent took it."""
    if room.can.mode is AcdMode.CALL:
        await call.claim(room.anna)
    else:
        await call.media(True)


@scenario(Act.REPEAT, when=(rings, foreign))
async def an_event_twice(room: Room) -> None:
    """A repeated event is told once."""
    call = await _ringing(room)
    before = len(call.events)
    await room.do(Act.REPEAT, call)
    await room.quiet()
    if len(call.events) != before:
        raise Missed(f"a repeated event was told again: {call.events[before].body}")
    await _serves(room, call)


@scenario(Act.SAY_OLD, Act.REJECT, when=(rings, foreign))
async def an_event_too_late(room: Room) -> None:
    """An event of an offer that is over does not touch the one that rings."""
    call = await _ringing(room)
    await room.do(Act.REJECT, call, room.anna)
    await room.until(lambda: True if call.rung() is None else None, "the end of the first offer")
    await room.ready(room.ben)
    second = await call.rings()
    await room.do(Act.SAY_OLD, call, room.anna)
    await room.quiet()
    if call.rung() != second:
        raise Missed("a late event of the first offer ended the second")
    await _serves(room, call)


@scenario(Act.SWAP, Act.ANSWER, when=(rings, foreign))
async def events_in_the_wrong_order(room: Room) -> None:
    """Two events arrive the wrong way round: what they say is told in its order."""
    call = await room.enter()
    await room.do(Act.SWAP)
    await room.ready(room.anna)
    await room.do(Act.ANSWER, call, room.anna)
    await call.says(Connected if room.can.mode is AcdMode.CALL else Accepted)
    await _taken(room, call)
    order = [type(body).__name__ for body in call.bodies(Reserved, Accepted, Connected)]
    if order[:1] != ["Reserved"]:
        raise Missed(f"told in the wrong order: {', '.join(order)}")


@scenario(Act.LOSE, Act.ANSWER, when=(rings, foreign))
async def an_event_never_arrives(room: Room) -> None:
    """The ringing is never told, the answer is: what is missing is made up, and marked."""
    call = await room.enter()
    await room.do(Act.LOSE)
    await room.ready(room.anna)
    await room.do(Act.ANSWER, call, room.anna)
    await call.says(Connected if room.can.mode is AcdMode.CALL else Accepted)
    await _taken(room, call)
    made_up = [event for event in call.events if isinstance(event.body, Reserved)]
    if not made_up:
        raise Missed("the missing offer was not made up")
    if not made_up[0].synthesized:
        raise Missed("the missing offer was made up and not marked")


@scenario(Act.SAY_UNKNOWN, when=(rings, foreign))
async def an_unknown_event(room: Room) -> None:
    """An event nobody knows moves nothing."""
    call = await _ringing(room)
    ringing = call.rung()
    await room.do(Act.SAY_UNKNOWN, call)
    await room.quiet()
    if call.rung() != ringing:
        raise Missed("an unknown event moved the contact")
    await _serves(room, call)


@scenario(Act.SAY_MORE, when=(foreign,))
async def unknown_fields(room: Room) -> None:
    """Fields nobody knows are passed over."""
    await room.do(Act.SAY_MORE)
    call = await room.enter()
    await room.ready(room.anna)
    await _serves(room, call)


@scenario(Act.SAY_STRANGER, when=(foreign,))
async def a_contact_nobody_knows(room: Room) -> None:
    """Events of contacts that are not ours are nobody's."""
    call = await room.enter()
    await room.do(Act.SAY_STRANGER)
    await room.quiet()
    strangers = [event for event in room.log.said() if event.contact_id != call.contact_id]
    if strangers:
        raise Missed(f"an event of a stranger was told: {strangers[0].body}")
    await room.ready(room.anna)
    await call.connect()


@scenario(Act.SAY_NONSENSE, when=(foreign,))
async def what_can_not_be_read(room: Room) -> None:
    """What is no event at all harms nothing."""
    call = await room.enter()
    await room.do(Act.SAY_NONSENSE)
    await room.ready(room.anna)
    await _serves(room, call)


@scenario(Act.CLOCK_WRONG, when=(foreign,))
async def a_wrong_clock(room: Room) -> None:
    """The ACD's clock is a year ahead: nothing is computed with it, what we received is dated by ours."""
    await room.do(Act.CLOCK_WRONG)
    call = await room.enter()
    await room.ready(room.anna)
    await call.connect()
    now = room.clock.now()
    if any(abs(event.received_at - now) > timedelta(minutes=10) for event in call.events):
        raise Missed("an event was dated by the ACD's clock")
    await call.end()
    await call.wrap_up()
    await call.gone()
