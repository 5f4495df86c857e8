"""A conversation that comes back as a page's does: a lost socket is opened again, and the session goes on.

Owns the resume secret, what the gateway has not acknowledged, and the pauses between tries. The canary's own calls do
without: there a lost socket is a failure. Robots that live on a bad network use it.
"""

import asyncio
import contextlib
import random
from collections import deque
from typing import Final, Self

import aiohttp

from gateway.canary.talk import SUBPROTOCOL, CanaryFailure, Talk
from signaling.messages import PROTOCOL_VERSION, Ack, Bye, Error, Hello, Message, Resume, Welcome, server_messages

OUTBOX_LIMIT: Final = 256
_FIRST_RETRY_S: Final = 0.25
_LONGEST_RETRY_S: Final = 8.0
_WELCOME_S: Final = 10.0
_CLOSE_S: Final = 1.0  # the network may be away
_FINAL_BYES: Final = frozenset({"taken_over", "signed_out", "session_over"})
_NUMBERING_CLOSES: Final = frozenset({"sequence_gap", "sequence_missing", "ack_unknown"})
_FINAL_CLOSES: Final = frozenset({4400, 4401, 4403, 4404, 4409})


class LastingTalk(Talk):
    """A `Talk` whose socket may come and go. Messages sent meanwhile are kept, up to `OUTBOX_LIMIT`."""

    _refusals = (Error,)  # a refused leg is tried again by who keeps it

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, who: str) -> None:
        super().__init__(socket, who)
        self.losses = 0
        """Sockets lost so far, reloads included."""
        self._http: aiohttp.ClientSession | None = None
        self._path = ""
        self._welcome: Welcome | None = None
        self._outbox: deque[Message] = deque(maxlen=OUTBOX_LIMIT)
        self._ready = asyncio.Event()
        self._knows_session = True

    @classmethod
    async def open(cls, http: aiohttp.ClientSession, path: str, hello: Hello, *, who: str) -> tuple[Self, Welcome]:
        """As `Talk.open`; only this first socket may be refused."""
        talk, welcome = await super().open(http, path, hello, who=who)
        talk._http, talk._path, talk._welcome = http, path, welcome
        talk._ready.set()
        return talk, welcome

    @property
    def session_id(self) -> str:
        """The session that the sockets belong to."""
        return self._welcome.session_id if self._welcome is not None else ""

    @property
    def over(self) -> str | None:
        """Why the session is over for good; None while it lives."""
        return self._over

    async def ready(self) -> None:
        """Return when the socket is open (as far as this side knows)."""
        await self._ready.wait()

    async def send(self, message: Message) -> None:
        """Number the message, keep it until it is acknowledged, send it as soon as there is a socket."""
        if self._over is not None:
            raise CanaryFailure(f"the {self._who}'s connection ended: {self._over}")
        self._sent += 1
        numbered = message.model_copy(update={"seq": self._sent})
        self._outbox.append(numbered)
        if self._ready.is_set():
            await self._write(numbered)

    async def reload(self) -> None:
        """Leave as a page does that is loaded again: the next hello knows the session and nothing of what was said."""
        self._knows_session = False
        await self._socket.close()

    async def _write(self, message: Message) -> None:
        self._acknowledged = self._seen
        with contextlib.suppress(aiohttp.ClientError, ConnectionError):  # the reader sees it too, and comes back
            await self._socket.send_str(message.model_copy(update={"ack": self._seen}).model_dump_json())

    async def _take(self, text: str) -> None:
        message = server_messages.validate_json(text)
        while self._outbox and self._outbox[0].seq <= message.ack:
            self._outbox.popleft()
        if isinstance(message, Bye) and message.code not in _FINAL_BYES:
            return  # it comes back: nothing is over
        await super()._take(text)

    async def _converse(self) -> str:
        """Until the session is over, over as many sockets as it takes."""
        while True:
            reason = await super()._converse()
            self._ready.clear()
            if self._bye is not None or self._socket.close_code in _FINAL_CLOSES or self._welcome is None:
                return reason
            self.losses += 1
            if (final := await self._come_back()) is not None:
                return final

    async def _come_back(self) -> str | None:
        """Open the socket again, however long it takes; why that makes no sense any more, or None when it is open."""
        attempt = 0
        while True:
            pause_s = min(_LONGEST_RETRY_S, _FIRST_RETRY_S * 2**attempt)
            await asyncio.sleep(pause_s / 2 * (1 + random.random()))
            attempt += 1
            try:
                async with asyncio.timeout(_WELCOME_S):
                    final = await self._resume()
            except (aiohttp.ClientError, ConnectionError, TimeoutError):
                continue
            if final is None and not self._ready.is_set():
                continue
            return final

    async def _resume(self) -> str | None:
        """One try. `_ready` says whether it led to a socket; a text says that no further one will."""
        if self._http is None or self._welcome is None:
            return "there is no session to resume"
        limits = aiohttp.ClientWSTimeout(ws_close=_CLOSE_S)
        self._socket = await self._http.ws_connect(
            self._path, protocols=(SUBPROTOCOL,), max_msg_size=1 << 20, timeout=limits
        )
        try:
            return await self._greet(self._welcome)
        finally:
            if not self._ready.is_set():  # or its hello, late, would take the session from the next one
                await self._socket.close()

    async def _greet(self, last: Welcome) -> str | None:
        secret = Resume(
            session_id=last.session_id,
            secret=last.secret,
            last_seq=self._seen if self._knows_session else 0,
        )
        await self._socket.send_str(Hello(versions=[PROTOCOL_VERSION], resume=secret).model_dump_json())
        frame = await self._socket.receive()
        if frame.type is not aiohttp.WSMsgType.TEXT:
            self._knows_session = self._knows_session and frame.extra not in _NUMBERING_CLOSES
            final = self._socket.close_code in _FINAL_CLOSES
            return f"not resumed: {self._socket.close_code} {frame.extra}" if final else None
        welcome = server_messages.validate_json(frame.data)
        if not isinstance(welcome, Welcome):
            return None
        await self._welcomed(welcome)
        return None

    async def _welcomed(self, welcome: Welcome) -> None:
        self._welcome = welcome
        if welcome.resumed:
            while self._outbox and self._outbox[0].seq <= welcome.ack:
                self._outbox.popleft()
            self._sent = max(self._sent, welcome.ack)
        else:
            self._outbox.clear()
            self._sent = self._seen = self._acknowledged = 0
        self._knows_session = True
        await self._socket.send_str(Ack(ack=self._seen).model_dump_json())
        self._ready.set()
        for message in list(self._outbox):
            await self._write(message)
