"""The network for WebSockets: silent when cut, whole when mended."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.support.tcp_relay import TcpRelay

Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture
async def relay() -> AsyncIterator[TcpRelay]:
    """In front of a server that says everything back."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(1000):
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    running = await TcpRelay.open(server.sockets[0].getsockname())
    yield running
    await running.close()
    server.close()
    await server.wait_closed()


async def connect(relay: TcpRelay) -> Ends:
    return await asyncio.open_connection("127.0.0.1", relay.port)


async def echoed(ends: Ends, text: bytes) -> bytes:
    ends[1].write(text)
    async with asyncio.timeout(30):
        return await ends[0].readexactly(len(text))


async def test_a_cut_holds_everything_back_and_mending_lets_it_through(relay: TcpRelay) -> None:
    early = await connect(relay)
    assert await echoed(early, b"before") == b"before"
    relay.cut()
    late = await connect(relay)
    late[1].write(b"new")
    early[1].write(b"old")
    both = asyncio.gather(early[0].readexactly(3), late[0].readexactly(3))
    _, waiting = await asyncio.wait({both}, timeout=0.05)
    assert waiting
    relay.mend()
    async with asyncio.timeout(30):
        assert await both == [b"old", b"new"]
    for _, writer in (early, late):
        writer.close()


async def test_after_a_change_of_network_old_connections_are_dead_and_new_ones_work(relay: TcpRelay) -> None:
    old = await connect(relay)
    assert await echoed(old, b"before") == b"before"
    relay.change_network()
    old[1].write(b"lost")
    new = await connect(relay)
    assert await echoed(new, b"after") == b"after"
    assert old[0]._buffer == bytearray()  # type: ignore[attr-defined]
    assert relay.connections == 2
    for _, writer in (old, new):
        writer.close()


async def test_a_reset_is_seen_by_the_client(relay: TcpRelay) -> None:
    ends = await connect(relay)
    assert await echoed(ends, b"before") == b"before"
    relay.reset()
    with pytest.raises(ConnectionResetError):
        async with asyncio.timeout(30):
            await ends[0].readexactly(1)
    ends[1].close()
