"""The life of a node: from the first socket to the last, with a signal between them."""

import asyncio
import contextlib
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

import uvloop

from gateway import runtime
from gateway.app.doors import services_of
from gateway.app.node import Opening
from gateway.app.rooms import build, start
from gateway.base import log
from gateway.base.clock import Clock, SystemClock
from gateway.base.upkeep import set_start_aside
from gateway.builtin import with_canary
from gateway.config import Settings
from gateway.contacts.desk import ContactDesk
from gateway.engines import check_voice, ports_of, start_engine
from gateway.process import StopSignals, data_folder, reason_of
from gateway.recordings.service import RecordingService
from media.player.library import ClipLibrary
from signaling import runner
from signaling.app import build_app

_SEAL_S: Final = 120.0  # after the last call the process waits this long for recordings to be sealed
_POLL_S: Final = 0.2

_log = log.get_logger("app")


def run(settings: Settings, opening: Opening | None = None) -> None:
    """Run a node until a signal ends it. Raises SetupError when it can't be started."""
    log.configure(json_lines=settings.log.json_lines, level=settings.log.level)
    uvloop.run(serve(with_canary(settings), opening))


async def serve(settings: Settings, opening: Opening | None = None) -> None:
    """From the first socket to the last."""
    signals = StopSignals()
    signals.listen()
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        stack.callback(signals.unlisten)
        listening = runner.listen(settings.http.host, settings.http.port)
        stack.callback(listening.close)
        port = runner.port_of(listening)
        data_dir = stack.enter_context(data_folder(settings.data_dir))
        clips = await asyncio.to_thread(ClipLibrary.load)
        check_voice(settings.acds)
        engine = await start_engine(settings.media, settings.voice, settings.log, clips)
        stack.push_async_callback(engine.aclose)
        rooms = await build(
            settings, clock, stack, data_dir=data_dir, engine=engine, clips=clips, port=port, opening=opening
        )
        await start(rooms, stack)
        services = await services_of(rooms, stack, demo_shop=opening is not None and opening.demo_shop)
        node, desk = rooms.node, rooms.desk
        web_runner = await runner.start(build_app(services, port=port), listening)
        stack.push_async_callback(web_runner.cleanup)
        stack.push_async_callback(desk.aclose)
        await asyncio.to_thread(_point_to, port, data_dir)
        stack.callback(runtime.forget, port)
        set_start_aside()
        rooms.health.started = True
        ports = ports_of(engine)
        _log.info("node.ready", url=node.url, media_port=ports[0], media_ports=ports, data_dir=str(data_dir))
        if opening is not None:
            opening.announce(node)
        await signals.drain.wait()
        desk.drain()
        _log.info("node.draining", contacts=desk.live_contacts)
        await _drained(settings, clock, signals, desk, rooms.recording.service)
        _log.info("node.stopping", contacts=desk.live_contacts)


async def _drained(
    settings: Settings, clock: Clock, signals: StopSignals, desk: ContactDesk, recordings: RecordingService
) -> None:
    """Return when the last contact is closed and its recording sealed, the grace is over, or a second signal came."""
    deadline = clock.monotonic() + settings.http.drain_grace.total_seconds()
    while desk.live_contacts and clock.monotonic() < deadline and not signals.now.is_set():
        await _at_most(signals.now.wait(), _POLL_S)
    if not desk.live_contacts and not signals.now.is_set():
        sealed = asyncio.ensure_future(recordings.idle())
        stopped = asyncio.ensure_future(signals.now.wait())
        await asyncio.wait({sealed, stopped}, timeout=_SEAL_S, return_when=asyncio.FIRST_COMPLETED)
        for task in (sealed, stopped):
            task.cancel()
        await asyncio.gather(sealed, stopped, return_exceptions=True)


async def _at_most(waiting: Coroutine[Any, Any, Any], limit_s: float) -> None:
    """Wait for it, but no longer than this."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(limit_s):
            await waiting


def _point_to(port: int, data_dir: Path) -> None:
    try:
        runtime.point_to(port, data_dir)
    except OSError as error:  # only a convenience for `visavis canary`: it can be told where the token is
        _log.warning("node.no_pointer", reason=reason_of(error))
