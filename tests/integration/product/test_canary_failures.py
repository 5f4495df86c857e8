"""Whatever a gateway does, a robot answers with one plain sentence and never with a traceback."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from gateway.canary.run import CanaryPlan, make_calls
from gateway.canary.talk import CanaryFailure, Talk, first_hello
from signaling.messages import AgentState, HangUp, SetReady, Welcome

Handler = Callable[[web.WebSocketResponse], Awaitable[None]]


@asynccontextmanager
async def gateway(routes: list[web.RouteDef]) -> AsyncIterator[str]:
    """A scripted gateway on a port of its own."""
    app = web.Application()
    app.add_routes(routes)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def socket(script: Handler) -> Callable[[web.Request], Awaitable[web.WebSocketResponse]]:
    async def handle(request: web.Request) -> web.WebSocketResponse:
        response = web.WebSocketResponse(protocols=("visavis.v1",))
        await response.prepare(request)
        await script(response)
        await response.close()
        return response

    return handle


def problem(status: int, code: str, detail: str) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        return web.json_response({"code": code, "detail": detail}, status=status)

    return handle


async def seated(request: web.Request) -> web.Response:
    return web.json_response({})


async def welcome(response: web.WebSocketResponse) -> None:
    await response.receive()
    message = Welcome(version=1, session_id="se_1", secret="s", resumed=False, grace_s=60)
    await response.send_str(message.model_dump_json())


async def report(url: str) -> tuple[str | None, list[str | None]]:
    lines: list[str] = []
    plan = CanaryPlan(url=url, token="secret", calls=1, talk_s=1, at_once=1)
    async with asyncio.timeout(30):
        found = await make_calls(plan, lines.append)
    assert not found.ok
    assert "Traceback" not in "".join(lines)
    assert json.loads(found.model_dump_json())["ok"] is False
    return found.error, [call.error for call in found.calls]


async def test_a_gateway_that_is_not_there_is_one_sentence(unused_tcp_port: int) -> None:
    error, _ = await report(f"http://127.0.0.1:{unused_tcp_port}")
    assert error is not None
    assert error.startswith("robot agent 0: POST /api/v1/canary/seat failed")


async def test_a_wrong_token_is_told_in_the_words_of_the_gateway() -> None:
    refuse = problem(401, "canary_refused", "This token is not known here.")
    async with gateway([web.post("/api/v1/canary/seat", refuse)]) as url:
        error, _ = await report(url)
    assert error == "robot agent 0: POST /api/v1/canary/seat answered 401 canary_refused This token is not known here."


async def test_something_that_is_no_gateway_is_one_sentence() -> None:
    async def page(request: web.Request) -> web.Response:
        return web.Response(text="<html>It works!</html>", content_type="text/html")

    async with gateway([web.post("/api/v1/canary/seat", page)]) as url:
        error, _ = await report(url)
    assert error == "robot agent 0: POST /api/v1/canary/seat answered something that is not JSON"


async def test_a_refused_call_names_the_reason() -> None:
    async def agents(response: web.WebSocketResponse) -> None:
        await welcome(response)
        state = AgentState(seq=1, state="ready")
        await response.send_str(state.model_dump_json())
        async for _ in response:
            """Until the robot leaves."""

    async def draining(request: web.Request) -> web.Response:
        return web.json_response({"offered": False, "code": "draining"})

    routes = [
        web.post("/api/v1/canary/seat", seated),
        web.get("/ws/agent", socket(agents)),
        web.post("/api/v1/widget/availability", draining),
    ]
    async with gateway(routes) as url:
        error, calls = await report(url)
    assert error is None
    assert calls == ["video is not offered: draining"]


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ('{"type": "bye", "code": "shutdown", "detail": "The gateway is restarting."}', "shutdown The gateway is"),
        ('{"type": "error", "seq": 1, "code": "bad_message", "detail": "No."}', "refused the agent: bad_message No."),
        ('{"type": "surprise"}', "unreadable (ValidationError)"),
    ],
)
async def test_whatever_comes_instead_of_the_answer_is_told(sent: str, words: str) -> None:
    async def script(response: web.WebSocketResponse) -> None:
        await welcome(response)
        await response.send_str(sent)

    async with gateway([web.get("/ws/agent", socket(script))]) as url, aiohttp.ClientSession(url) as http:
        talk, _ = await Talk.open(http, "/ws/agent", first_hello(), who="agent")
        try:
            with pytest.raises(CanaryFailure) as failed:
                await talk.wait_for(AgentState)
        finally:
            await talk.close()
    assert words in str(failed.value)


async def test_messages_are_numbered_from_one_and_acknowledge_what_was_seen() -> None:
    heard: list[dict[str, object]] = []
    done = asyncio.Event()

    async def script(response: web.WebSocketResponse) -> None:
        await welcome(response)
        for seq in (1, 2, 2, 1):  # what was seen before is ignored
            await response.send_str(AgentState(seq=seq, state=f"s{seq}").model_dump_json())
        async for frame in response:
            heard.append(json.loads(frame.data))
            if len(heard) == 3:
                done.set()

    async with gateway([web.get("/ws/agent", socket(script))]) as url, aiohttp.ClientSession(url) as http:
        talk, _ = await Talk.open(http, "/ws/agent", first_hello(), who="agent")
        await talk.wait_for(AgentState, lambda state: state.state == "s2")
        await talk.send(SetReady())
        await talk.send(HangUp())
        await asyncio.wait_for(done.wait(), 10)
        await talk.close()
    assert [(message["type"], message["seq"]) for message in heard] == [("ack", 0), ("set_ready", 1), ("hang_up", 2)]
    assert heard[1]["ack"] == 2
