"""A CRM behind HTTP for tests: keeps what it is told as documented in docs/integrator/crm.md, or misbehaves as asked.

It checks every signature itself, with the three lines an integrator would write, not with our own module.
"""

import asyncio
import hashlib
import hmac
import json
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

SECRET = "the secret of both sides"

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class CrmServer:
    """`url` after `start`. `misbehave` answers in place of it while it is set; `asked` counts all requests."""

    def __init__(self) -> None:
        self.customers: dict[str, dict[str, Any]] = {}  # by subject
        self.interactions: dict[str, dict[str, Any]] = {}  # by id
        self.deliveries: list[str] = []  # ids as they came, repetitions too
        self.finds: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.asked = 0
        self.misbehave: Answer | None = None
        self.lose_answers = 0  # so many times it does what it is asked and says nothing
        self.url = ""
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        app = web.Application()
        app.router.add_post("/crm", self._serve)
        app.router.add_route("*", "/elsewhere", self._elsewhere)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
        self.url = f"http://127.0.0.1:{port}/crm"
        self.went_elsewhere = 0

    async def aclose(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _elsewhere(self, request: web.Request) -> web.Response:
        self.went_elsewhere += 1
        return web.json_response({"customer": None})

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        self.asked += 1
        body = await request.read()
        self.headers.append(dict(request.headers))
        signed = f"{request.headers['Visavis-Timestamp']}.".encode() + body
        expected = "v1=" + hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected, request.headers["Visavis-Signature"]):
            return web.Response(status=401)
        if self.misbehave is not None:
            return await self.misbehave(request)
        message = json.loads(body)
        if message["type"] == "customer.find":
            self.finds.append(message)
            subject = message["customer"]["subject"]
            return web.json_response({"customer": self._found(subject)})
        self.deliveries.append(message["id"])
        first = self.interactions.setdefault(message["id"], message) is message
        if self.lose_answers:
            self.lose_answers -= 1
            if request.transport is not None:
                request.transport.abort()
            await asyncio.sleep(0)
        return web.Response(status=204 if first else 409)

    def _found(self, subject: str | None) -> dict[str, Any] | None:
        theirs = sorted(
            (each for each in self.interactions.values() if each["customer"]["subject"] == subject),
            key=lambda each: each["started_at"],
        )
        known = self.customers.get(subject or "")
        if subject is None or (known is None and not theirs):
            return None
        last = [
            {
                "at": each["started_at"],
                "queue": each["queue"],
                "agent": each["agent"],
                "disposition": each["disposition"],
            }
            for each in theirs
        ]
        return {"name": "", **(known or {}), "contacts": len({each["contact_id"] for each in theirs}), "last": last}
