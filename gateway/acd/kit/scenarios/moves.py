"""Hold and transfer, from either side."""

from gateway.acd.events import (
    Accepted,
    Connected,
    Ended,
    Held,
    Party,
    Reserved,
    Resumed,
    TransferFailed,
    TransferMode,
    Transferred,
)
from gateway.acd.kit.log import Missed
from gateway.acd.kit.room import Call, Room
from gateway.acd.kit.scenario import holds, rings, scenario, we_answer
from gateway.acd.kit.stand import Act
from gateway.acd.port import AcdCapabilities, AcdMode, Phase
from gateway.base.errors import GatewayError, StateConflict


def _blind(capabilities: AcdCapabilities) -> str | None:
    return None if TransferMode.BLIND in capabilities.transfers else "blind transfer is the gateway's"


def _consult(capabilities: AcdCapabilities) -> str | None:
    return None if TransferMode.CONSULT in capabilities.transfers else "consult transfer is the gateway's"


def _lacks_one(capabilities: AcdCapabilities) -> str | None:
    return None if len(capabilities.transfers) < len(TransferMode) else "the ACD carries out every transfer"


async def _talking(room: Room) -> Call:
    call = await room.enter()
    await room.ready(room.anna)
    await call.connect()
    return call


@scenario()
async def we_hold(room: Room) -> None:
    """Hold and resume by our side return their result; they are not told back as events."""
    call = await _talking(room)
    await call.hold()
    await call.hold()
    await call.resume()
    await room.quiet()
    if call.bodies(Held, Resumed):
        raise Missed("our own hold was told back: a command does not publish its result")
    await call.phase_becomes(Phase.CONNECTED)


@scenario(Act.HOLD, Act.RESUME, when=(holds,))
async def the_agent_holds(room: Room) -> None:
    """The agent holds and resumes at the ACD: told, in that order."""
    call = await _talking(room)
    await room.do(Act.HOLD, call, call.agent)
    held = await call.says(Held)
    if held.by not in (Party.AGENT, Party.ACD, Party.UNKNOWN):
        raise Missed(f"the agent's hold was told as {held.by}'s")
    await room.do(Act.RESUME, call, call.agent)
    await call.says(Resumed)


@scenario(Act.HOLD, Act.HANG_UP, when=(holds,))
async def ends_on_hold(room: Room) -> None:
    """The agent hangs up while the customer is on hold: one end."""
    call = await _talking(room)
    await room.do(Act.HOLD, call, call.agent)
    await call.says(Held)
    await room.do(Act.HANG_UP, call, call.agent)
    await call.says(Ended)


@scenario(when=(_lacks_one,))
async def a_transfer_it_can_not(room: Room) -> None:
    """What the ACD does not carry out is refused at once, and the contact stays where it is."""
    call = await _talking(room)
    lacking = [mode for mode in TransferMode if mode not in room.can.transfers]
    target = room.stand.target
    for mode in lacking:
        try:
            await call.transfer(mode, target)
        except StateConflict:
            continue
        raise Missed(f"a {mode.value} transfer was taken though the adapter says it has none")
    await call.phase_becomes(Phase.CONNECTED)


@scenario(when=(_blind,))
async def we_transfer_blind(room: Room) -> None:
    """A blind transfer: told when it is done, and the contact is not closed by it."""
    call = await _talking(room)
    await room.ready(room.ben)
    await call.transfer(TransferMode.BLIND, room.stand.target)
    await call.says(Transferred)
    if call.bodies(Ended):
        raise Missed("the contact was closed by its transfer")


@scenario(when=(_consult,))
async def we_transfer_after_consulting(room: Room) -> None:
    """A consult transfer: told when it is done, and the contact is not closed by it."""
    call = await _talking(room)
    await room.ready(room.ben)
    await call.transfer(TransferMode.CONSULT, room.stand.target)
    await call.says(Transferred)
    if call.bodies(Ended):
        raise Missed("the contact was closed by its transfer")


@scenario(Act.FAIL_TRANSFERS, when=(_blind,))
async def our_transfer_fails(room: Room) -> None:
    """A transfer that fails leaves the contact with its agent."""
    call = await _talking(room)
    await room.do(Act.FAIL_TRANSFERS)
    try:
        await call.transfer(TransferMode.BLIND, room.stand.target)
    except GatewayError:
        pass  # refused at once is as good as told later
    else:
        await call.says(TransferFailed)
    if call.bodies(Ended, Transferred):
        raise Missed("the contact left its agent though the transfer failed")
    await call.phase_becomes(Phase.CONNECTED)


@scenario(Act.MOVE, when=(rings,))
async def the_agent_transfers(room: Room) -> None:
    """The agent transfers at the ACD: told as a transfer or as the new agent's connection, nothing is closed, and the
    new agent has an offer of their own."""
    call = await _talking(room)
    await room.ready(room.ben)
    connected = len(call.bodies(Connected))
    await room.do(Act.MOVE, call, room.ben)

    def moved() -> bool | None:
        return True if call.bodies(Transferred) or len(call.bodies(Connected)) > connected else None

    await room.until(moved, "the transfer")
    if call.bodies(Ended):
        raise Missed("the contact was closed by its transfer")
    call.agent = room.ben
    if room.can.mode is AcdMode.CALL:
        return
    await call.says(Accepted)
    offered = call.bodies(Reserved)[-1].agent_id
    if offered != room.ben:
        raise Missed(f"it was transferred to {room.ben} and is offered to {offered}")
    await call.media(True)


@scenario(when=(we_answer,))
async def a_colleague_takes_over(room: Room) -> None:
    """An agent asked a colleague, who took the customer over: the colleague is booked, the first agent gets the next
    contact, and nothing is closed."""
    call = await _talking(room)
    await room.ready(room.ben)
    await call.hand_over(room.ben)
    await room.quiet()  # the ACD hears of it
    await room.ready(room.anna)
    second = await room.enter()
    rung = (await second.rings()).agent_id
    if rung != room.anna:
        raise Missed(f"the first agent is free, and {rung} was rung")
    third = await room.enter()
    await room.quiet()
    if third.bodies(Reserved):
        raise Missed("another contact rang at the colleague, who has the first one")
    if call.bodies(Ended):
        raise Missed("the contact was closed by being taken over")
    await call.end()
    await call.wrap_up()
    rung = (await third.rings()).agent_id
    if rung != room.ben:
        raise Missed(f"the colleague's contact is over, and {rung} was rung")
