"""Refusals, full queues, slow ACDs, cut lines, and restarts of either side."""

from gateway.acd.events import Connected, Ended, ExitReason, QueueExit
from gateway.acd.kit.log import Missed
from gateway.acd.kit.room import Call, Room
from gateway.acd.kit.scenario import acd_gives_up, call_mode, foreign, no_calls, scenario
from gateway.acd.kit.stand import Act, Hand
from gateway.acd.port import Phase, Resyncs
from gateway.base.errors import GatewayError, PortFailure


async def _refused(room: Room, *reasons: ExitReason) -> None:
    """The contact is not taken: refused at once, or let go with such a reason. Either way it is not in line."""
    try:
        await room.port.check()
        call = await room.enter()
    except GatewayError:
        for call in room.calls:
            call.closed = True
        return
    let_go = await call.says(QueueExit)
    if let_go.reason not in reasons:
        raise Missed(f"the contact was let go as {let_go.reason}")
    call.closed = True


@scenario(Act.FULL)
async def full(room: Room) -> None:
    """A full ACD says so and keeps nothing."""
    await room.do(Act.FULL)
    await _refused(room, ExitReason.FULL, ExitReason.REFUSED, ExitReason.FAILED)


@scenario(Act.REFUSE)
async def refused(room: Room) -> None:
    """An ACD that does not take the contact says so and keeps nothing."""
    await room.do(Act.REFUSE)
    await _refused(room, ExitReason.REFUSED, ExitReason.CLOSED, ExitReason.FAILED)


@scenario(Act.LET_GO, when=(acd_gives_up,))
async def let_go_by_the_queue(room: Room) -> None:
    """The ACD's longest wait is over: told once, with a reason, and the ACD has it no more."""
    call = await room.enter()
    await call.phase_becomes(Phase.QUEUED)
    await room.do(Act.LET_GO, call)
    await call.says(QueueExit)
    await call.gone()


@scenario(Act.HANG_UP_AT_ONCE, when=(foreign,))
async def hangs_up_at_once(room: Room) -> None:
    """The ACD takes the contact and ends it in the same breath: one close."""
    await room.do(Act.HANG_UP_AT_ONCE)
    call = await room.enter()
    await room.until(lambda: True if call.bodies(QueueExit, Ended) else None, "the end of the contact")
    await call.gone()


@scenario(Act.NEVER_CONNECT, when=(call_mode,), hand=Hand.NOBODY)
async def answers_and_never_connects(room: Room) -> None:
    """200 OK and then nothing: nobody is called connected, and our cancel ends the call."""
    await room.do(Act.NEVER_CONNECT)
    call = await room.enter()
    await room.quiet()
    if call.bodies(Connected):
        raise Missed("connected was told though nobody was there")
    await call.cancel("claim_timeout")
    await call.gone()


@scenario(Act.SLOW)
async def slow(room: Room) -> None:
    """A slow ACD slows nobody down beyond the bound of a command, and the contact is served."""
    await room.do(Act.SLOW)
    call = await room.enter()
    await room.ready(room.anna)
    await call.connect()


async def _cut(room: Room, call: Call) -> None:
    """Cut, and noticed: an adapter that only asks finds out when it asks."""
    await room.do(Act.CUT)
    if no_calls(room.can) is None:
        await room.ask(
            "update_attributes", call.contact_id, lambda: room.port.update_attributes(call.ref, {"step": "cut"})
        )
        await _check_becomes(room, well=False)


async def _cut_and_mend(room: Room, call: Call) -> None:
    await _cut(room, call)
    await room.do(Act.MEND)
    if isinstance(room.port, Resyncs):
        await room.until(room.back, "the word that the ACD is back")


@scenario(Act.CUT, Act.MEND)
async def cut_while_it_waits(room: Room) -> None:
    """The line is cut and mended while a contact waits: it is served, once."""
    call = await room.enter()
    await call.phase_becomes(Phase.QUEUED)
    await _cut_and_mend(room, call)
    await room.ready(room.anna)
    await call.connect()


@scenario(Act.CUT, Act.MEND)
async def cut_while_they_talk(room: Room) -> None:
    """The line is cut and mended during a call: the call goes on and ends once."""
    call = await room.enter()
    await room.ready(room.anna)
    await call.connect()
    await _cut_and_mend(room, call)
    await call.phase_becomes(Phase.CONNECTED)
    if call.bodies(Ended):
        raise Missed("the call was ended by a cut line")


@scenario(Act.CUT, Act.MEND)
async def leaves_while_cut(room: Room) -> None:
    """The customer leaves while the line is cut: the command does not fail, and the ACD hears of it afterwards."""
    call = await room.enter()
    await call.phase_becomes(Phase.QUEUED)
    await room.do(Act.CUT)
    await call.cancel()
    await room.do(Act.MEND)
    await call.gone()


@scenario(Act.CUT, Act.MEND, Act.HANG_UP, when=(foreign,))
async def ends_while_cut(room: Room) -> None:
    """The agent hangs up while the line is cut: known afterwards, by an event or by asking, and one close."""
    call = await room.enter()
    await room.ready(room.anna)
    await call.connect()
    await room.do(Act.CUT)
    await room.do(Act.HANG_UP, call, call.agent)
    await room.do(Act.MEND)
    await _known_over(room, call)


async def _known_over(room: Room, call: Call) -> None:
    """Told, or seen when asked."""
    deadline = room.clock.monotonic() + room.stand.wait_s
    while not call.bodies(Ended, QueueExit):
        try:
            snapshot = await call.snapshot()
        except GatewayError:
            snapshot = None  # not just now
        if snapshot is not None and snapshot.phase in (Phase.GONE, Phase.WRAP_UP):
            return
        if room.clock.monotonic() >= deadline:
            raise Missed("that the agent hung up while the line was cut was neither told nor to be seen")
        await room.quiet()


@scenario(Act.RESTART_ACD)
async def acd_restarts_while_it_waits(room: Room) -> None:
    """The ACD restarts and may have forgotten: asked, it says what it has; the contact is served or let go, not
    lost."""
    call = await room.enter()
    await call.phase_becomes(Phase.QUEUED)
    await room.do(Act.RESTART_ACD)
    await _served_or_known_gone(room, call)


@scenario(Act.RESTART_ACD)
async def acd_restarts_while_they_talk(room: Room) -> None:
    """The same in a call: asked, the ACD says what it has, and the contact ends once."""
    call = await room.enter()
    await room.ready(room.anna)
    await call.connect()
    await room.do(Act.RESTART_ACD)
    await call.phase_becomes(Phase.CONNECTED, Phase.GONE, Phase.WRAP_UP)


async def _served_or_known_gone(room: Room, call: Call) -> None:
    await call.phase_becomes(Phase.QUEUED, Phase.RINGING, Phase.GONE)
    snapshot = await call.snapshot()
    if snapshot is None or snapshot.phase is Phase.GONE:
        return
    await room.ready(room.anna)
    await call.connect()


@scenario(Act.RESTART_GATEWAY, hand=Hand.NOBODY)
async def gateway_restarts_while_it_waits(room: Room) -> None:
    """The adapter is built anew: commands find the contact by its ref, and it can be ended."""
    call = await room.enter()
    await call.phase_becomes(Phase.QUEUED)
    await room.do(Act.RESTART_GATEWAY)
    await call.cancel("gateway_restart")
    await call.gone()


@scenario(Act.RESTART_GATEWAY)
async def gateway_restarts_while_they_talk(room: Room) -> None:
    """The same in a call: nothing is left at the ACD."""
    call = await room.enter()
    await room.ready(room.anna)
    await call.connect()
    await room.do(Act.RESTART_GATEWAY)
    await call.end("gateway_restart")
    await call.wrap_up(None)
    await call.gone()


@scenario(Act.CUT, Act.MEND, when=(no_calls,))
async def a_cut_line_takes_no_contacts(room: Room) -> None:
    """While the line is cut `check` says so, and again that all is well when it is mended."""
    call = await room.enter()
    await call.phase_becomes(Phase.QUEUED)
    await _cut(room, call)
    await room.do(Act.MEND)
    await _check_becomes(room, well=True)


async def _check_becomes(room: Room, *, well: bool) -> None:
    deadline = room.clock.monotonic() + room.stand.wait_s
    while True:
        try:
            await room.ask("check", None, room.port.check)
            now_well = True
        except PortFailure:
            now_well = False
        if now_well is well:
            return
        if room.clock.monotonic() >= deadline:
            raise Missed(f"check {'fails though the line is mended' if well else 'passes though the line is cut'}")
        await room.quiet()
