"""The customer leaves, in every phase. Whoever rang or talked is free for the next one."""

from gateway.acd.events import Connected, Ended
from gateway.acd.kit.log import Missed
from gateway.acd.kit.room import Room
from gateway.acd.kit.scenario import rings, scenario, we_answer
from gateway.acd.kit.stand import Act, Hand
from gateway.acd.port import DeclineReason, Phase


@scenario(hand=Hand.NOBODY)
async def leaves_at_once(room: Room) -> None:
    """Gone before the ACD has said a word of it."""
    call = await room.enter()
    await call.cancel()
    await call.gone()


@scenario(hand=Hand.NOBODY)
async def leaves_in_line(room: Room) -> None:
    """Gone while it waits; an agent who becomes ready is not rung for it."""
    call = await room.enter()
    await call.phase_becomes(Phase.QUEUED)
    await call.cancel()
    await call.gone()
    before = len(call.events)
    await room.ready(room.anna)
    await room.quiet()
    if call.rung() is not None or any(isinstance(event.body, Connected) for event in call.events[before:]):
        raise Missed("an agent was rung for a contact that is gone")


@scenario(when=(rings,))
async def leaves_while_it_rings(room: Room) -> None:
    """Gone while an agent's desk rings: it stops, and the agent gets the next contact."""
    call = await room.enter()
    await room.ready(room.anna)
    await call.rings()
    await call.cancel()
    await call.gone()
    following = await room.enter()
    await following.connect()


@scenario(when=(we_answer,))
async def leaves_between_accept_and_media(room: Room) -> None:
    """The agent has accepted, the pictures are not there yet, and the customer is gone."""
    call = await room.enter()
    await room.ready(room.anna)
    await call.accept(await call.rings())
    await call.end("abandoned")
    await call.wrap_up(None)
    await call.gone()


@scenario()
async def customer_hangs_up(room: Room) -> None:
    """The customer ends the call: our end is the only one."""
    call = await room.enter()
    await room.ready(room.anna)
    await call.connect()
    await call.end("customer_left")
    await room.quiet()
    if call.bodies(Ended):
        raise Missed("the ACD's end was told though the call was ended by us: a command does not publish its result")
    await call.wrap_up()
    await call.gone()


@scenario(Act.ANSWER, when=(rings,))
async def leaves_as_the_agent_answers(room: Room) -> None:
    """Cancel and answer cross: the contact is gone, and nobody is connected to it."""
    call = await room.enter()
    await room.ready(room.anna)
    reserved = await call.rings()
    await room.do(Act.ANSWER, call, reserved.agent_id)
    await call.cancel()
    await room.quiet()
    await call.gone()


@scenario(hand=Hand.NOBODY)
async def leaves_twice(room: Room) -> None:
    """Cancelled twice, and ended after that: the first counts, the others are no error."""
    call = await room.enter()
    await call.cancel()
    await call.cancel()
    await call.end()
    await call.wrap_up(None)
    await call.gone()


@scenario(when=(we_answer,))
async def decline_after_the_customer_left(room: Room) -> None:
    """An answer to an offer that is over is no error and brings nothing back."""
    call = await room.enter()
    await room.ready(room.anna)
    reserved = await call.rings()
    await call.cancel()
    await call.decline(reserved, DeclineReason.WITHDRAWN)
    await room.quiet()
    await call.gone()
