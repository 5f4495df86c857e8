"""Agents come and go, with and without a word."""

from gateway.acd.events import AcdAgentState, Ended, QueueExit
from gateway.acd.kit.log import Missed, SaidOfAgent
from gateway.acd.kit.room import Room
from gateway.acd.kit.scenario import rings, scenario, tells_agents, we_answer
from gateway.acd.kit.stand import Act
from gateway.acd.port import AcdMode, DeclineReason


@scenario(when=(rings,))
async def not_ready_is_not_rung(room: Room) -> None:
    """An agent who was ready and is not any more is not rung."""
    await room.ready(room.anna)
    await room.not_ready(room.anna)
    call = await room.enter()
    await room.quiet()
    if call.rung() is not None:
        raise Missed("an agent was rung who is not ready")
    await room.ready(room.ben)
    reserved = await call.rings()
    if reserved.agent_id not in (room.ben, None):
        raise Missed(f"{reserved.agent_id} was rung, and only {room.ben} is ready")


@scenario(Act.CRASH, when=(rings,))
async def gone_while_ready(room: Room) -> None:
    """A ready agent's desk is gone without a word: the contact rings at the next one."""
    await room.ready(room.anna)
    await room.do(Act.CRASH, agent=room.anna)
    call = await room.enter()
    await room.ready(room.ben)
    await call.connect()


@scenario(Act.CRASH, when=(rings,))
async def gone_while_ringing(room: Room) -> None:
    """The agent's desk is gone while it rings: the contact is not lost and rings at the next one."""
    call = await room.enter()
    await room.ready(room.anna)
    reserved = await call.rings()
    await room.do(Act.CRASH, call, room.anna)
    if room.can.mode is AcdMode.OWN:  # the desks of our own agents are watched by us
        await call.decline(reserved, DeclineReason.WITHDRAWN)
    await room.until(lambda: True if call.rung() is None else None, "the end of the ringing")
    await room.ready(room.ben)
    await call.connect()


@scenario(Act.CRASH, when=(rings,))
async def gone_while_talking(room: Room) -> None:
    """The agent's desk is gone in the call: either the ACD ends the contact, once, or we give it back and it rings at
    the next one."""
    call = await room.enter()
    await room.ready(room.anna)
    await call.connect()
    await room.do(Act.CRASH, call, room.anna)
    await room.quiet()
    if call.bodies(Ended, QueueExit):
        return
    await room.not_ready(room.anna)
    await call.requeue("agent_lost")
    await room.ready(room.ben)
    await call.connect()


@scenario(when=(we_answer,))
async def lost_in_the_call(room: Room) -> None:
    """We lose the agent in the call and give the contact back: it is offered again, before others that came later."""
    call = await room.enter()
    await room.ready(room.anna)
    await call.connect()
    later = await room.enter()
    await room.not_ready(room.anna)
    await call.requeue("agent_lost")
    await room.ready(room.ben)
    await call.rings()
    if later.rung() is not None:
        raise Missed("the contact that came later was offered first")


@scenario(Act.READY, Act.NOT_READY, when=(tells_agents,))
async def states_are_told(room: Room) -> None:
    """An agent's state at the ACD is told, with the name the ACD gives them."""

    def told(*wanted: AcdAgentState) -> bool | None:
        states = [entry.event.state for entry in room.log.entries if isinstance(entry, SaidOfAgent)]
        return True if any(state in wanted for state in states) else None

    await room.do(Act.READY, agent=room.anna)
    await room.until(lambda: told(AcdAgentState.READY), "the agent's readiness")
    await room.do(Act.NOT_READY, agent=room.anna)
    await room.until(lambda: told(AcdAgentState.NOT_READY, AcdAgentState.LOGGED_OFF), "the agent's break")
