"""Who is cut short while media begins or ends lets go of all of it, at whatever step of the event loop that was."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from media.engine import EngineSettings, InProcessEngine
from media.player.library import ClipLibrary
from media.port import EVENT, MediaEvent, MediaRefused, RecordingStopped, StartRecording, StopRecording
from media.recording import disk as disk_module
from media.recording import opening as opening_module
from media.recording.capture import CaptureWriter
from media.recording.disk import DiskThread
from media.transport.server import TransportServer
from media.workers.pool import WorkerPool
from media.workers.process import WorkerProcess, WorkerSettings
from tests.integration.media.transport_rig import connect, open_files, serving, until
from tests.support.product import children

LOCAL = EngineSettings(host="127.0.0.1")


async def cut_short(doing: Coroutine[Any, Any, object], turns: int) -> None:
    """Cancel it after so many turns of the loop."""
    task = asyncio.create_task(doing)
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("turns", range(1, 12))
async def test_a_peer_whose_close_is_cut_short_is_closed(turns: int) -> None:
    async with serving() as server:
        files = open_files()
        call = await connect(server)
        await cut_short(call.peer.close(), turns)
        assert open_files() == files


@pytest.mark.parametrize("turns", range(1, 12))
async def test_a_server_whose_close_is_cut_short_is_closed(turns: int) -> None:
    files = open_files()
    server = await TransportServer.open(host="127.0.0.1")
    call = await connect(server)
    await cut_short(server.aclose(), turns)
    async with asyncio.timeout(30):
        await server.aclose()
    await call.peer.close()
    assert open_files() == files


async def test_a_pool_whose_start_is_cut_short_leaves_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """One was up already, the other was not."""
    before, real, up = children(), WorkerProcess.spawn, asyncio.Event()

    async def spawn(name: str, settings: WorkerSettings, engine: EngineSettings) -> WorkerProcess:
        if name != "media-0":
            await asyncio.Event().wait()
        process = await real(name, settings, engine)
        asyncio.get_running_loop().call_soon(up.set)
        return process

    monkeypatch.setattr(WorkerProcess, "spawn", spawn)
    starting = asyncio.create_task(WorkerPool.start(2, WorkerSettings(engine=LOCAL)))
    async with asyncio.timeout(60):
        await up.wait()
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert children() == before


async def opening(folder: Path, disk: DiskThread) -> CaptureWriter:
    return await CaptureWriter.open(
        folder, "rc_1", on_started=lambda at_s: None, on_failed=lambda code, detail, at_s: None, disk=disk
    )


async def test_a_capture_that_is_given_up_while_it_is_made_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files, disk, real, go_on = open_files(), DiskThread(), opening_module._make, threading.Event()

    def make(folder: Path, recording_id: str) -> tuple[int, Path] | MediaRefused:
        go_on.wait(30)
        return real(folder, recording_id)

    monkeypatch.setattr(opening_module, "_make", make)
    await cut_short(opening(tmp_path / "rc_1", disk), 3)
    go_on.set()
    await until(lambda: not disk.running, "the disk's thread has ended")
    assert open_files() == files
    assert list((tmp_path / "rc_1").iterdir()) == []


async def test_a_capture_that_is_given_up_in_the_moment_when_it_is_there_is_removed(tmp_path: Path) -> None:
    files, disk = open_files(), DiskThread()
    jobs: list[Callable[[], None]] = []
    disk.do = jobs.append  # type: ignore[method-assign]
    task = asyncio.create_task(opening(tmp_path / "rc_1", disk))
    await until(lambda: jobs, "it was asked for")
    jobs.pop()()
    asyncio.get_running_loop().call_soon(task.cancel)  # behind what tells that it is made
    with pytest.raises(asyncio.CancelledError):
        await task
    for job in jobs:
        job()
    assert open_files() == files
    assert list((tmp_path / "rc_1").iterdir()) == []
    await until(lambda: not disk.running, "the disk's thread has ended")


async def test_an_engine_that_closes_waits_for_a_recording_whose_stop_was_cut_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its last seconds are on the way to the disk, and the process ends with the engine."""
    go_on = threading.Event()

    def sync(file: int) -> None:
        go_on.wait(30)

    monkeypatch.setattr(disk_module, "DISK", DiskThread(sync=sync))
    engine = await InProcessEngine.start(LOCAL, clips=ClipLibrary([]))
    told: list[MediaEvent] = []
    engine.events.on(EVENT, told.append)
    await engine.execute(StartRecording(recording_id="rc_1", folder=str(tmp_path / "rc_1")))
    await cut_short(engine.execute(StopRecording(recording_id="rc_1")), 3)
    closing = asyncio.create_task(engine.aclose())
    asyncio.get_running_loop().call_later(0.2, go_on.set)
    await closing
    assert [type(event) for event in told] == [RecordingStopped]
