"""Listening, and connections that keep us waiting."""

import asyncio
import socket
from contextlib import suppress

import aiohttp
import pytest
from aiohttp import web

from gateway.base.errors import SetupError
from signaling.runner import listen, port_of, start
from tests.support.signaling_node import Node


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
        async with asyncio.timeout(30):
            while await reader.read(1000):
                pass
        writer.close()
        await writer.wait_closed()
    finally:
        await runner.cleanup()


REQUESTS = {
    "two lengths": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
    "length and chunks": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two hosts": b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
    "folded header": b"GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n",
    "space before colon": b"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\n\r\n",
    "nul in a header": b"GET / HTTP/1.1\r\nHost: x\r\nA: \x00\r\n\r\n",
    "no such version": b"GET / HTTP/9\r\nHost: x\r\n\r\n",
    "large header": b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 20_000 + b"\r\n\r\n",
    "many headers": b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 20_000 + b"\r\n",
    "long line": b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "not HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64),
}


@pytest.mark.parametrize("sent", REQUESTS.values(), ids=REQUESTS)
async def test_what_is_no_request_is_refused_counted_and_not_logged(
    here: Node, sent: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing of it reaches a route, and no line of it the log."""
    host, port = here.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(sent)
    async with asyncio.timeout(30):
        line = await reader.readline()
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()
    assert line.split()[1:2] == [b"400"]
    assert here.services.registry.get_sample_value("visavis_unreadable_requests_total") == 1
    assert caplog.text == ""


async def test_broken_cookies_are_no_cookies_and_no_log_line(here: Node, caplog: pytest.LogCaptureFixture) -> None:
    cookies = ["a=b; \x01=c", "visavis_session=" + "x" * 5000, "=", ";;;", "visavis_session"]
    async with aiohttp.ClientSession() as http:
        for cookie in cookies:
            async with http.get(
                f"{here.url}/api/v1/session", headers={"Cookie": cookie.replace("\x01", "\t")}
            ) as answer:
                assert answer.status == 401
    assert caplog.text == ""


def test_a_busy_port_is_said_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(SetupError) as refused:
        listen("127.0.0.1", taken.getsockname()[1])
    assert refused.value.code == "port_busy"
    assert "VISAVIS_HTTP__PORT" in refused.value.detail


def test_an_address_that_is_not_ours_is_said_in_one_line() -> None:
    with pytest.raises(SetupError) as refused:
        listen("192.0.2.77", 0)
    assert refused.value.code == "address_unusable"
