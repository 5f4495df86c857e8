"""Listening, and connections that keep us waiting (S27)."""

import asyncio
import socket

import pytest
from aiohttp import web

from gateway.base.errors import SetupError
from signaling.runner import listen, port_of, start


@pytest.mark.parametrize(
    "sent", [b"", b"GET /", b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: 1"], ids=["silent", "line", "header"]
)
async def test_a_connection_that_never_asks_is_closed(sent: bytes) -> None:
    listening = listen("127.0.0.1", 0)
    port = port_of(listening)
    runner = await start(web.Application(), listening, silence_s=0.2)
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        async with asyncio.timeout(5):
            while await reader.read(1000):
                pass
        writer.close()
        await writer.wait_closed()
    finally:
        await runner.cleanup()


def test_a_busy_port_is_said_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(SetupError) as refused:
        listen("127.0.0.1", taken.getsockname()[1])
    assert refused.value.code == "port_busy"
    assert "VISAVIS_HTTP__PORT" in refused.value.detail


def test_an_address_that_is_not_ours_is_said_in_one_line() -> None:
    with pytest.raises(SetupError) as refused:
        listen("192.0.2.77", 0)
    assert refused.value.code == "address_unusable"
