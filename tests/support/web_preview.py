"""The pages without a gateway: serves them under the product's own policy and says whatever a test wants said.

One `Preview` is a web server on a port of the system's choice. What the pages ask over HTTP is answered from plain
values a test may replace; what comes over a WebSocket is kept, and messages are sent with `tell`. It knows no rule of
the contact center, and no media: legs stay unanswered.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import WSMsgType, web

import web as pages
from signaling.headers import common_headers, page_csp
from signaling.origins import Origins

Json = dict[str, Any]

PATIENCE_S = 30.0


class Talker:
    """One page's WebSocket, from the gateway's side."""

    def __init__(self, ws: web.WebSocketResponse, preview: "Preview") -> None:
        self._ws = ws
        self._preview = preview
        self._sent = 0
        self._seen = 0
        self.said: list[Json] = []

    async def tell(self, *messages: Json) -> None:
        for message in messages:
            self._sent += 1
            await self._ws.send_str(json.dumps({**message, "seq": self._sent, "ack": self._seen}))

    async def say_bye(self, code: str, close: int) -> None:
        await self._ws.send_str(json.dumps({"type": "bye", "seq": 0, "ack": self._seen, "code": code, "detail": ""}))
        await self._ws.close(code=close, message=code.encode())

    async def heard(self, kind: str) -> Json:
        """The last message of that type, once the page has sent one."""
        async with asyncio.timeout(PATIENCE_S):
            while not (found := [each for each in self.said if each["type"] == kind]):
                await self._preview.news()
        return found[-1]

    async def run(self, number: int, greeting: list[Json]) -> None:
        async for frame in self._ws:
            if frame.type is not WSMsgType.TEXT:
                continue
            message: Json = json.loads(frame.data)
            self._seen = max(self._seen, message["seq"])
            self.said.append(message)
            if message["type"] == "hello":
                await self._welcome(number)
                await self.tell(*greeting)
            self._preview.announce()

    async def _welcome(self, number: int) -> None:
        welcome: Json = {"type": "welcome", "version": 1, "session_id": f"se_{number:012d}", "secret": "s" * 32}
        welcome |= {"resumed": False, "contact_id": "ct_0123456789ab", "grace_s": 60.0, "ice_servers": []}
        await self._ws.send_str(json.dumps({**welcome, "seq": 0, "ack": 0}))


class Preview:
    """The server. `answers` is what HTTP says; `greeting[path]` what a socket is told after its welcome.

    `files`, by path and query, are served as they are, in parts where a player asks for parts.
    """

    def __init__(self) -> None:
        self.origin = ""
        self.talkers: list[Talker] = []
        self.greeting: dict[str, list[Json]] = {}
        self.answers: dict[tuple[str, str], tuple[int, Any]] = {}
        self.files: dict[str, Path] = {}
        self._news = asyncio.Event()

    def announce(self) -> None:
        self._news.set()

    async def news(self) -> None:
        self._news.clear()
        await self._news.wait()

    async def talker(self, number: int = 1) -> Talker:
        """The socket with that number, from 1, once it is there."""
        async with asyncio.timeout(PATIENCE_S):
            while len(self.talkers) < number:
                await self.news()
        return self.talkers[number - 1]

    async def _socket(self, request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse(protocols=("visavis.v1",))
        await ws.prepare(request)
        talker = Talker(ws, self)
        self.talkers.append(talker)
        self.announce()
        await talker.run(len(self.talkers), self.greeting.get(request.path, []))
        return ws

    async def _api(self, request: web.Request) -> web.StreamResponse:
        if request.path_qs in self.files:
            return web.FileResponse(self.files[request.path_qs])
        status, answer = self.answers.get((request.method, request.path), (404, {"code": "not_found", "detail": ""}))
        return web.json_response(answer, status=status)

    async def _page(self, request: web.Request) -> web.FileResponse:
        origins = Origins(self.origin, frozenset({self.origin}))
        framed = request.path in ("/widget/", "/agent/embed/")
        csp = page_csp(origins, frame_ancestors=() if framed else None, frames=request.path == "/")
        headers = {**common_headers(origins), "Content-Security-Policy": csp}
        address = "/agent/" if request.path.startswith("/agent/claim/") else request.path
        return web.FileResponse(str(pages.folder().joinpath(pages.PAGES[address])), headers=headers)

    async def _static(self, request: web.Request) -> web.FileResponse:
        path = pages.folder().joinpath(pages.STATIC, request.match_info["path"])
        if not path.is_file():
            raise web.HTTPNotFound
        return web.FileResponse(str(path), headers={"Cache-Control": "no-store"})

    def application(self) -> web.Application:
        app = web.Application()
        for path in pages.PAGES:
            app.router.add_get(path, self._page)
        app.router.add_get("/agent/claim/{correlation}", self._page)
        app.router.add_get("/static/{path:.+}", self._static)
        app.router.add_get("/ws/{side}", self._socket)
        app.router.add_route("*", "/api/{path:.+}", self._api)
        return app


@asynccontextmanager
async def serve_preview() -> AsyncIterator[Preview]:
    preview = Preview()
    runner = web.AppRunner(preview.application(), shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    preview.origin = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield preview
    finally:
        await runner.cleanup()
