"""Calls out, to real servers that answer, hang, flood, cut and send us elsewhere."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from hypothesis import given
from hypothesis import strategies as st

from gateway.base.outbound import Outbound, Unanswered, basic_authorization, seconds

LIMIT_BYTES = 1000


@asynccontextmanager
async def served(
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
) -> AsyncIterator[tuple[str, list[web.Request]]]:
    """A server with one handler: its address, and the requests that came."""
    came: list[web.Request] = []

    async def note(request: web.Request) -> web.StreamResponse:
        came.append(request)
        return await handler(request)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", note)
    async with TestServer(app) as server:
        yield str(server.make_url("/")), came


@pytest.fixture
async def outbound() -> AsyncIterator[Outbound]:
    made = Outbound(connections=2, timeout_s=30, reply_limit_bytes=LIMIT_BYTES)
    yield made
    await made.aclose()


async def reason(outbound: Outbound, url: str, headers: dict[str, str] | None = None) -> str:
    with pytest.raises(Unanswered) as caught:
        await outbound.post(url, headers or {}, b"")
    return caught.value.reason


async def test_a_reply_is_told_whatever_its_status_is(outbound: Outbound) -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(status=503, body=await request.read(), headers={"Retry-After": "7"})

    async with served(handler) as (url, came):
        reply = await outbound.post(url, {"X-One": "1"}, b"body")
    assert (reply.status, reply.body, reply.retry_after_s) == (503, b"body", 7)
    assert (came[0].method, came[0].headers["X-One"]) == ("POST", "1")


async def test_a_redirect_is_an_answer_and_nothing_else_is_called(outbound: Outbound) -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(status=307, headers={"Location": "/elsewhere"})

    async with served(handler) as (url, came):
        assert (await outbound.post(url, {}, b"")).status == 307
    assert [each.path for each in came] == ["/"]


async def test_no_proxy_of_the_environment_is_asked(outbound: Outbound, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")

    async def handler(_: web.Request) -> web.Response:
        return web.Response()

    async with served(handler) as (url, _):
        assert (await outbound.post(url, {}, b"")).status == 200


async def test_a_cookie_is_not_kept(outbound: Outbound) -> None:
    async def handler(_: web.Request) -> web.Response:
        answer = web.Response()
        answer.set_cookie("who", "you")
        return answer

    async with served(handler) as (url, came):
        await outbound.post(url, {}, b"")
        await outbound.post(url, {}, b"")
    assert ["Cookie" in each.headers for each in came] == [False, False]


@pytest.mark.parametrize(("size_bytes", "read"), [(LIMIT_BYTES, True), (LIMIT_BYTES + 1, False)])
async def test_a_body_is_read_up_to_the_limit_or_not_told(outbound: Outbound, size_bytes: int, read: bool) -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(body=b"x" * size_bytes)

    async with served(handler) as (url, _):
        reply = await outbound.post(url, {}, b"")
    assert reply.status == 200
    assert reply.body == (b"x" * size_bytes if read else None)


async def test_a_small_reply_does_not_become_a_large_one(outbound: Outbound) -> None:
    bomb = gzip.compress(bytes(100_000))

    async def handler(_: web.Request) -> web.Response:
        return web.Response(body=bomb, headers={"Content-Encoding": "gzip"})

    async with served(handler) as (url, came):
        assert (await outbound.post(url, {}, b"")).body == bomb
    assert came[0].headers["Accept-Encoding"] == "identity"


async def test_a_body_nobody_wants_is_not_waited_for() -> None:
    ended = asyncio.Event()

    async def handler(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        await answer.write(b"x")
        await ended.wait()
        return answer

    outbound = Outbound(connections=1, timeout_s=30, reply_limit_bytes=0)
    async with served(handler) as (url, _):
        reply = await outbound.post(url, {}, b"")
        ended.set()
        await outbound.aclose()
    assert (reply.status, reply.body) == (200, b"")


async def test_who_never_answers_is_given_up() -> None:
    ended = asyncio.Event()

    async def handler(_: web.Request) -> web.Response:
        await ended.wait()
        return web.Response()

    outbound = Outbound(connections=1, timeout_s=0.05, reply_limit_bytes=LIMIT_BYTES)
    async with served(handler) as (url, _):
        assert await reason(outbound, url) == "timeout"
        ended.set()
    await outbound.aclose()


async def test_why_there_is_no_answer_is_told_apart(outbound: Outbound) -> None:
    async def cut(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async with served(cut) as (url, _):
        assert await reason(outbound, url) == "cut"
        assert await reason(outbound, url.replace("http:", "https:")) == "tls"
        assert await reason(outbound, url, {"X-One": "two\r\nX-Three: four"}) == "bad_request"
    assert await reason(outbound, url) == "unreachable"
    assert await reason(outbound, "no address") == "bad_request"


def test_a_user_and_a_password_are_spelled_as_the_rfc_says() -> None:
    assert basic_authorization("test", "123£") == "Basic dGVzdDoxMjPCow=="  # RFC 7617 §2.1


@given(st.one_of(st.text(max_size=12), st.integers(0, 10**12).map(str)))
def test_whatever_retry_after_holds_it_is_whole_seconds_or_nothing(header: str) -> None:
    asked_s = seconds(header)
    assert asked_s is None or 0 <= asked_s < 10**9
    assert (asked_s is not None) == (header.isascii() and header.isdecimal() and len(header) < 10)
