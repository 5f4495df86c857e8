"""One AMI connection: greeting, login, actions and the answers to them by ActionID, lists that end with an event.

What answers nothing goes to `on_event`. Source: docs.asterisk.org, "AMI v2 Specification".
"""

import asyncio
import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from hashlib import md5
from typing import Final

from gateway.acd.cti.ami.wire import GREETING, AmiMessage, AmiParser, render
from gateway.acd.cti.connection import Address, LoginRefused, Pipe, unavailable
from gateway.base.errors import PortFailure

MAX_PENDING: Final = 256
MAX_LIST: Final = 50_000
"""Items of one list: members, callers, channels. A longer list is given up: PortFailure."""


@dataclass(slots=True)
class _Pending:
    answer: "asyncio.Future[AmiMessage]"
    items: list[AmiMessage] | None = None
    complete: "asyncio.Future[None] | None" = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AmiLogin:
    """`challenge`: the secret itself is not sent (MD5 of it and a challenge is)."""

    user: str
    secret: str = field(repr=False)
    challenge: bool = True


class AmiConnection:
    """Implements `gateway.acd.cti.connection.Connection`."""

    def __init__(self, pipe: Pipe, login: AmiLogin, address: Address, on_event: Callable[[AmiMessage], None]) -> None:
        self.parser = AmiParser()
        self._pipe = pipe
        self._login = login
        self._answer_s = address.answer_s
        self._on_event = on_event
        self._ids = itertools.count(1)
        self._pending: dict[str, _Pending] = {}
        self._greeted = asyncio.Event()
        self._closed = False

    # ---------------------------------------------------------------- reading

    async def read(self) -> None:
        await self._pipe.pump(self._take)

    def _take(self, data: bytes) -> None:
        for message in self.parser.feed(data):
            pending = self._pending.get(message.action_id) if message.action_id else None
            if message.response:
                if pending is not None and not pending.answer.done():
                    pending.answer.set_result(message)
            elif pending is not None and pending.items is not None:
                self._take_item(pending, message)
            elif message.event:
                self._on_event(message)
        if self.parser.greeting is not None:
            self._greeted.set()

    @staticmethod
    def _take_item(pending: _Pending, message: AmiMessage) -> None:
        if pending.items is None or pending.complete is None or pending.complete.done():
            return
        if message.get("EventList").lower() == "complete" or message.event.endswith("Complete"):
            pending.complete.set_result(None)
        elif len(pending.items) >= MAX_LIST:
            pending.complete.set_exception(unavailable("the list has no end"))
        else:
            pending.items.append(message)

    # ---------------------------------------------------------------- asking

    async def act(self, action: str, fields: Iterable[tuple[str, str]] = ()) -> AmiMessage:
        """Do it and return the response, whatever it says. PortFailure when none comes in time."""
        return (await self._ask(action, fields, listed=False))[0]

    async def collect(self, action: str) -> list[AmiMessage]:
        """A list, whole. PortFailure when it does not come in time, is refused, or is too long."""
        response, items = await self._ask(action, (), listed=True)
        if response.response != "Success":
            raise PortFailure("acd_refused", f"The ACD refused {action}: {response.get('Message')[:100]}")
        return items

    async def _ask(
        self, action: str, fields: Iterable[tuple[str, str]], *, listed: bool
    ) -> tuple[AmiMessage, list[AmiMessage]]:
        if self._closed or len(self._pending) >= MAX_PENDING:
            raise unavailable("closed" if self._closed else "too much is asked at once")
        action_id = str(next(self._ids))
        data = render(action, action_id, fields)
        loop = asyncio.get_running_loop()
        pending = _Pending(loop.create_future())
        if listed:
            pending.items, pending.complete = [], loop.create_future()
        self._pending[action_id] = pending
        try:
            async with asyncio.timeout(self._answer_s):
                await self._pipe.send(data)
                response = await pending.answer
                if pending.complete is not None and response.response == "Success":
                    await pending.complete
                return response, pending.items or []
        except TimeoutError as error:
            raise unavailable(f"{action}: no answer in time") from error
        finally:
            del self._pending[action_id]
            for future in (pending.answer, pending.complete):
                if future is not None and not future.cancel() and not future.cancelled():
                    future.exception()  # it is known to whoever asked, or nobody asks any more

    # ---------------------------------------------------------------- life

    async def login(self) -> None:
        """LoginRefused (`cti_login_refused`) when Asterisk says no; PortFailure when that is no Asterisk, or silent."""
        try:
            async with asyncio.timeout(self._answer_s):
                await self._greeted.wait()
        except TimeoutError as error:
            raise unavailable("no greeting") from error
        if not (self.parser.greeting or "").startswith(GREETING):
            raise unavailable("that is no Asterisk Manager Interface")
        user = ("Username", self._login.user)
        if self._login.challenge:
            offered = await self.act("Challenge", [("AuthType", "MD5")])
            challenge = offered.get("Challenge")
            if not challenge:
                raise LoginRefused("cti_login_refused", 'Asterisk gives no challenge; set login = "plain" with TLS.')
            key = md5((challenge + self._login.secret).encode(), usedforsecurity=False).hexdigest()
            response = await self.act("Login", [("AuthType", "MD5"), user, ("Key", key)])
        else:
            response = await self.act("Login", [user, ("Secret", self._login.secret)])
        if response.response != "Success":
            raise LoginRefused("cti_login_refused", f"Asterisk refused the login: {response.get('Message')[:100]}")

    async def ping(self) -> None:
        await self.act("Ping")

    async def aclose(self) -> None:
        self._closed = True
        for pending in self._pending.values():
            for future in (pending.answer, pending.complete):
                if future is not None and not future.done():
                    future.set_exception(unavailable("the connection is gone"))
        await self._pipe.aclose()
