"""One ESL connection: auth, subscription, commands one after the other. Events go to `on_event`, still unread.

Answers carry no number and come in the order of the commands; when one does not come in time, no later one can be told
from it, and the connection ends. One that nobody waits for any more is left out when it comes.
Source: developer.signalwire.com/freeswitch, "mod_event_socket".
"""

import asyncio
from collections.abc import Callable
from typing import Final

from gateway.acd.cti.connection import Address, LoginRefused, Pipe, unavailable
from gateway.acd.cti.esl.wire import EslParser, Frame, FrameType, render
from gateway.base.errors import PortFailure

EVENTS: Final = "CHANNEL_HOLD CHANNEL_UNHOLD CHANNEL_BRIDGE CHANNEL_HANGUP_COMPLETE CUSTOM callcenter::info"
"""CUSTOM last: every word after it is taken for the name of a custom event."""


class EslConnection:
    """Implements `gateway.acd.cti.connection.Connection`."""

    def __init__(self, pipe: Pipe, password: str, address: Address, on_event: Callable[[Frame], None]) -> None:
        self.parser = EslParser()
        self._pipe = pipe
        self._password = password
        self._answer_s = address.answer_s
        self._on_event = on_event
        self._turn = asyncio.Lock()
        self._answer: asyncio.Future[Frame] | None = None
        self._owed = 0  # answers to come that nobody waits for any more
        self._greeting: asyncio.Future[Frame] = asyncio.get_running_loop().create_future()
        self._closed = False

    # ---------------------------------------------------------------- reading

    async def read(self) -> None:
        await self._pipe.pump(self._take)

    def _take(self, data: bytes) -> None:
        for frame in self.parser.feed(data):
            match frame.kind:
                case FrameType.EVENT:
                    self._on_event(frame)
                case FrameType.COMMAND_REPLY | FrameType.API_RESPONSE:
                    if self._owed:
                        self._owed -= 1
                    elif self._answer is not None and not self._answer.done():
                        self._answer.set_result(frame)
                case FrameType.AUTH_REQUEST | FrameType.REJECTED:
                    if not self._greeting.done():
                        self._greeting.set_result(frame)
                case FrameType.DISCONNECT:
                    raise unavailable("FreeSWITCH ended the connection")
                case _:
                    pass  # logs and event formats that were not asked for

    # ---------------------------------------------------------------- asking

    async def api(self, command: str) -> str:
        """What FreeSWITCH answers. PortFailure when nothing comes in time: the connection is useless then."""
        return (await self._ask(f"api {command}")).body.decode("utf-8", "replace")

    async def order(self, command: str) -> None:
        """The same for commands that answer +OK. PortFailure (`acd_refused`) for -ERR."""
        answer = (await self.api(command)).strip()
        if not answer.startswith("+OK"):
            raise PortFailure("acd_refused", f"The ACD refused {command.split()[0]}: {answer[:100]}")

    async def _ask(self, command: str) -> Frame:
        data = render(command)
        async with self._turn:
            if self._closed:
                raise unavailable("closed")
            self._answer = asyncio.get_running_loop().create_future()
            try:
                async with asyncio.timeout(self._answer_s):
                    await self._pipe.send(data)
                    return await self._answer
            except TimeoutError as error:
                self._closed = True
                raise unavailable(f"{command.partition(' ')[0]}: no answer in time") from error
            except asyncio.CancelledError:
                if self._answer.cancelled() or not self._answer.done():
                    self._owed += 1
                raise
            finally:
                _forget(self._answer)
                self._answer = None
                if self._closed:
                    self._pipe.abort()

    # ---------------------------------------------------------------- life

    async def login(self) -> None:
        """LoginRefused (`cti_login_refused`) for a wrong password or address; PortFailure: that is no FreeSWITCH."""
        try:
            async with asyncio.timeout(self._answer_s):
                greeting = await self._greeting
        except TimeoutError as error:
            raise unavailable("no greeting") from error
        if greeting.kind == FrameType.REJECTED:
            raise LoginRefused("cti_login_refused", "FreeSWITCH does not let this address in: apply-inbound-acl.")
        if not (await self._ask(f"auth {self._password}")).reply.startswith("+OK"):
            raise LoginRefused("cti_login_refused", "FreeSWITCH refused the password.")
        if not (await self._ask(f"event plain {EVENTS}")).reply.startswith("+OK"):
            raise LoginRefused("cti_login_refused", "FreeSWITCH refused the events.")

    async def ping(self) -> None:
        await self.api("uptime")

    async def aclose(self) -> None:
        self._closed = True
        for future in (self._answer, self._greeting):
            if future is not None and not future.done():
                future.set_exception(unavailable("the connection is gone"))
        _forget(self._greeting)
        await self._pipe.aclose()


def _forget(future: "asyncio.Future[Frame]") -> None:
    """Whatever it says is known, or nobody asks any more."""
    if not future.cancel() and not future.cancelled():
        future.exception()
