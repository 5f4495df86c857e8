"""A page on loopback: what it sends over HTTP, and one WebSocket of a person."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Self

import aiohttp

from signaling.socket import SUBPROTOCOL
from tests.support.signaling_node import Node


def own(here: "Node", cookie: str = "", **more: str) -> dict[str, str]:
    """The headers a page of ours sends."""
    headers = {"Origin": here.url, "X-Visavis": "1", **more}
    if cookie:
        headers["Cookie"] = f"visavis_session={cookie}"
    return headers


async def said(answer: aiohttp.ClientResponse) -> tuple[int, str]:
    """Status and code of a refusal."""
    body: dict[str, Any] = await answer.json(content_type="application/problem+json")
    assert set(body) == {"type", "title", "status", "code", "detail"}
    assert body["status"] == answer.status
    return answer.status, body["code"]


async def eventually(fact: Callable[[], bool], *, within_s: float = 30.0) -> None:
    """Give way until `fact` holds; TimeoutError when it does not in time."""
    async with asyncio.timeout(within_s):
        while not fact():  # noqa: ASYNC110 - what is waited for belongs to others and has no event
            await asyncio.sleep(0.002)


class Browser:
    """One WebSocket of a person, numbered as a page numbers. Reads with a deadline."""

    def __init__(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        self.ws = ws
        self.sent = 0
        self.seen = 0
        self.welcome: dict[str, Any] = {}

    @classmethod
    @asynccontextmanager
    async def at(cls, url: str, path: str, *, cookie: str = "", origin: str | None = None) -> AsyncIterator[Self]:
        headers = {"Origin": origin or url}
        if cookie:
            headers["Cookie"] = f"visavis_session={cookie}"
        async with (
            aiohttp.ClientSession() as http,
            http.ws_connect(f"{url}{path}", protocols=(SUBPROTOCOL,), headers=headers, autoping=True) as ws,
        ):
            yield cls(ws)

    async def send_raw(self, **message: object) -> None:
        await self.ws.send_str(json.dumps(message))

    async def send(self, kind: str, **fields: object) -> None:
        """A numbered message."""
        self.sent += 1
        await self.send_raw(type=kind, seq=self.sent, ack=self.seen, **fields)

    async def ack(self) -> None:
        await self.send_raw(type="ack", ack=self.seen)

    async def hello(self, **fields: object) -> dict[str, Any]:
        """Greet, and return the answer: a welcome that is acknowledged at once, or what was said instead."""
        await self.send_raw(type="hello", versions=[1], **fields)
        answer = await self.receive()
        if answer["type"] == "welcome":
            self.welcome = answer
            if not answer["resumed"]:
                self.sent = self.seen = 0
            await self.ack()
        return answer

    def resume(self) -> dict[str, object]:
        return {
            "session_id": self.welcome["session_id"],
            "secret": self.welcome["secret"],
            "last_seq": self.seen,
        }

    def cut(self) -> None:
        """The network is gone: no goodbye."""
        connection = self.ws._response.connection
        if connection is not None and connection.transport is not None:
            connection.transport.abort()

    async def receive(self) -> dict[str, Any]:
        """The next message of any type."""
        async with asyncio.timeout(30):
            frame = await self.ws.receive()
        if frame.type is not aiohttp.WSMsgType.TEXT:
            raise AssertionError(f"the socket ended with {self.ws.close_code} {frame.extra!r}")
        message: dict[str, Any] = json.loads(frame.data)
        self.seen = max(self.seen, message["seq"])
        return message

    async def expect(self, kind: str) -> dict[str, Any]:
        """The next message of this type; acknowledgements and others before it are passed over."""
        while (message := await self.receive())["type"] != kind:
            pass
        return message

    async def closed(self) -> tuple[int | None, str]:
        """Close code and reason, after whatever was still said."""
        async with asyncio.timeout(30):
            while True:
                frame = await self.ws.receive()
                if frame.type is aiohttp.WSMsgType.CLOSE:
                    return frame.data, str(frame.extra or "")
                if frame.type is not aiohttp.WSMsgType.TEXT:
                    return self.ws.close_code, ""
