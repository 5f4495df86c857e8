"""A robot's conversation that comes back: over one socket at a time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from gateway.canary import lasting
from gateway.canary.lasting import LastingTalk
from gateway.canary.talk import SUBPROTOCOL, first_hello
from signaling.messages import Welcome
from tests.support.servers import until

WELCOME = Welcome(ack=0, version=1, session_id="se_012345678901", secret="s" * 32, resumed=True, grace_s=60.0)


class Gateway:
    """The first socket is welcomed and lost, the second is never answered, the third is welcomed."""

    def __init__(self) -> None:
        self.sockets: list[web.WebSocketResponse] = []
        self.open_before: list[int] = []  # how many there were as each came

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(protocols=(SUBPROTOCOL,))
        await socket.prepare(request)
        self.open_before.append(sum(not each.closed for each in self.sockets))
        self.sockets.append(socket)
        number = len(self.sockets)
        async for frame in socket:
            if number != 2 and "hello" in frame.data:
                await socket.send_str(WELCOME.model_dump_json())
            elif number == 1:  # it knows that it is welcome
                break
        return socket

    @classmethod
    @asynccontextmanager
    async def running(cls) -> AsyncIterator[tuple["Gateway", aiohttp.ClientSession]]:
        gateway, app = cls(), web.Application()
        app.router.add_get("/ws/customer", gateway.serve)
        runner = web.AppRunner(app, shutdown_timeout=1)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            async with aiohttp.ClientSession(f"http://127.0.0.1:{runner.addresses[0][1]}") as http:
                yield gateway, http
        finally:
            await runner.cleanup()


async def test_a_socket_that_is_not_welcomed_in_time_is_left_before_the_next_is_tried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What it had asked for would take the session from the next one, once a network that was away is back."""
    monkeypatch.setattr(lasting, "_WELCOME_S", 0.3)
    monkeypatch.setattr(lasting, "_FIRST_RETRY_S", 0.01)
    async with Gateway.running() as (gateway, http):
        talk, _ = await LastingTalk.open(http, "/ws/customer", first_hello("t" * 20), who="customer")
        try:
            async with asyncio.timeout(30):
                await until(lambda: len(gateway.sockets) == 3, what="it tried again")
                await talk.ready()
                assert gateway.open_before == [0, 0, 0]
        finally:
            await talk.close()
