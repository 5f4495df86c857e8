"""Who is cut short while media begins or ends lets go of all of it, at whatever step of the event loop that was."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from media.transport.server import TransportServer
from tests.integration.media.transport_rig import connect, open_files, serving


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
