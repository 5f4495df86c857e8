"""A robot's conversation with the gateway: HTTP requests and one WebSocket, over the public interfaces only.

Owns numbering and waiting on the client's side. Every failure is a `CanaryFailure` with one plain sentence.
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any, Self, TypeVar

import aiohttp
from pydantic import ValidationError

from signaling.messages import (
    PROTOCOL_VERSION,
    Ack,
    Bye,
    Error,
    Hello,
    LegRefused,
    Message,
    ServerMessage,
    Welcome,
    server_messages,
)

SUBPROTOCOL = "visavis.v1"
_ACK_EVERY = 16
_MAX_KEPT = 4096  # messages of one conversation; a robot call exchanges some tens

M = TypeVar("M", bound=Message)


class CanaryFailure(Exception):
    """A robot could not do what a person could. The text says what, in one sentence."""


class TryLater(CanaryFailure):
    """The gateway asks to come back (503, 429)."""


async def request(
    http: aiohttp.ClientSession, method: str, path: str, *, body: object = None, token: str | None = None
) -> dict[str, Any]:
    """One JSON request. Raises CanaryFailure with the gateway's own code and words when it refuses."""
    headers = {"X-Visavis": "1"}
    if token is not None:
        headers["Authorization"] = f"Canary {token}"
    try:
        async with http.request(method, path, json=body, headers=headers) as response:
            payload = await response.json(content_type=None) if response.content_length != 0 else {}
            if response.status >= 400:
                code = payload.get("code", "") if isinstance(payload, dict) else ""
                detail = payload.get("detail", "") if isinstance(payload, dict) else ""
                kind = TryLater if response.status in (429, 503) else CanaryFailure
                raise kind(f"{method} {path} answered {response.status} {code} {detail}".rstrip())
            return payload if isinstance(payload, dict) else {}
    except aiohttp.ClientError as error:
        raise CanaryFailure(f"{method} {path} failed: {str(error) or type(error).__name__}") from error
    except ValueError as error:
        raise CanaryFailure(f"{method} {path} answered something that is not JSON") from error


class Talk:
    """One WebSocket conversation. Messages are kept in order; `wait_for` looks from where the last one was found."""

    _refusals: tuple[type[Error | LegRefused], ...] = (Error, LegRefused)
    """What ends a wait with a failure."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, who: str) -> None:
        self._socket = socket
        self._who = who
        self._sent = 0
        self._seen = 0
        self._acknowledged = 0
        self._messages: list[ServerMessage] = []
        self._position = 0
        self._news = asyncio.Event()
        self._listeners: list[Callable[[ServerMessage], None]] = []
        self._over: str | None = None
        self._bye: str | None = None
        self._reader: asyncio.Task[None] | None = None

    @classmethod
    async def open(cls, http: aiohttp.ClientSession, path: str, hello: Hello, *, who: str) -> tuple[Self, Welcome]:
        """Connect and greet. `hello` brings who we are; the answer is the welcome."""
        try:
            socket = await http.ws_connect(path, protocols=(SUBPROTOCOL,), max_msg_size=1 << 20)
        except aiohttp.ClientError as error:
            raise CanaryFailure(f"the {who}'s WebSocket was refused: {error}") from error
        talk = cls(socket, who)
        await socket.send_str(hello.model_dump_json())
        talk._reader = asyncio.get_running_loop().create_task(talk._read(), name=f"robot-{who}-socket")
        try:
            welcome = await talk.wait_for(Welcome)
        except BaseException:
            await talk.close()
            raise
        await talk._acknowledge()
        return talk, welcome

    async def send(self, message: Message) -> None:
        """Number and send a message."""
        self._sent += 1
        numbered = message.model_copy(update={"seq": self._sent, "ack": self._seen})
        self._acknowledged = self._seen
        try:
            await self._socket.send_str(numbered.model_dump_json())
        except (aiohttp.ClientError, ConnectionError) as error:
            raise CanaryFailure(f"the {self._who}'s connection to the gateway is lost") from error

    def listen(self, listener: Callable[[ServerMessage], None]) -> None:
        """Call `listener` with every message as it comes, whoever waits for it."""
        self._listeners.append(listener)

    async def wait_for(self, kind: type[M], matching: Callable[[M], bool] = lambda _: True) -> M:
        """The next message of that kind (and shape). CanaryFailure when the gateway refuses or hangs up instead."""
        while True:
            while self._position < len(self._messages):
                message = self._messages[self._position]
                self._position += 1
                if isinstance(message, kind) and matching(message):
                    return message
                if isinstance(message, self._refusals):
                    raise CanaryFailure(f"the gateway refused the {self._who}: {message.code} {message.detail}")
            if self._over is not None:
                raise CanaryFailure(f"the {self._who}'s connection ended: {self._over}")
            self._news.clear()
            await self._news.wait()

    async def _read(self) -> None:
        reason = "the robot left"
        try:
            reason = await self._converse()
        finally:
            self._over = reason
            self._news.set()

    async def _converse(self) -> str:
        """Take messages until the socket has ended; why it has."""
        try:
            async for frame in self._socket:
                if frame.type is not aiohttp.WSMsgType.TEXT:
                    return "it sent something other than text"
                await self._take(frame.data)
        except (ValidationError, aiohttp.ClientError, ConnectionError) as error:
            return f"unreadable ({type(error).__name__})"
        return self._bye or f"closed with code {self._socket.close_code}"

    async def _take(self, text: str) -> None:
        message = server_messages.validate_json(text)
        if message.seq:
            if message.seq <= self._seen:
                return
            self._seen = message.seq
        if isinstance(message, Bye):
            self._bye = f"{message.code} {message.detail}".rstrip()
        if len(self._messages) >= _MAX_KEPT:
            del self._messages[: _MAX_KEPT // 2]
            self._position = max(0, self._position - _MAX_KEPT // 2)
        self._messages.append(message)
        self._news.set()
        for listener in self._listeners:
            listener(message)
        if self._seen - self._acknowledged >= _ACK_EVERY:
            await self._acknowledge()

    async def _acknowledge(self) -> None:
        """Say what was seen. On a socket that is going the reader tells why; that says more than a failed write."""
        self._acknowledged = self._seen
        with contextlib.suppress(aiohttp.ClientError, ConnectionError):
            await self._socket.send_str(Ack(ack=self._seen).model_dump_json())

    async def close(self) -> None:
        """Leave. Idempotent."""
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.gather(self._reader, return_exceptions=True)
            self._reader = None
        await self._socket.close()


def first_hello(entry_token: str | None = None) -> Hello:
    """The greeting of a fresh page."""
    return Hello(versions=[PROTOCOL_VERSION], entry_token=entry_token)
