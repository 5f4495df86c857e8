"""Who is cut short while media begins or ends lets go of all of it, at whatever step of the event loop that was."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from media.engine import EngineSettings
from media.transport.server import TransportServer
from media.workers.pool import WorkerPool
from media.workers.process import WorkerProcess, WorkerSettings
from tests.integration.media.transport_rig import connect, open_files, serving
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
