"""One WebSocket from hello to goodbye: reads, answers, writes, and gives up on who breaks the limits.

It owns the socket and one writer task. What a message means is the side's; what is sent again is the session's.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from aiohttp import ClientError, WSCloseCode, WSMsgType, web

from gateway.base.clock import Clock
from gateway.base.errors import BadInput, GatewayError, NotFound, StateConflict, TooManyRequests
from gateway.base.log import bind, get_logger
from gateway.base.tasks import cancel_and_wait
from gateway.parties import Party
from signaling.closing import BYE_CLOSE, refusal_of
from signaling.messages import (
    PROTOCOL_VERSION,
    Ack,
    Bye,
    Error,
    Hello,
    IceRequest,
    IceServers,
    Message,
    Ping,
    Welcome,
)
from signaling.metrics import SignalingMetrics
from signaling.pace import TokenBucket
from signaling.parsing import Unreadable, parse
from signaling.session import Session
from signaling.sessions import Sessions
from signaling.sides import Side
from signaling.turn import NO_TURN, Turn

SUBPROTOCOL: Final = "visavis.v1"
HEARTBEAT_S: Final = 10.0  # a dead peer is noticed after at most one and a half of these
HELLO_TIMEOUT_S: Final = 5.0
SEND_TIMEOUT_S: Final = 5.0  # a peer whose buffers stay full this long does not read
CLOSE_TIMEOUT_S: Final = 2.0

_log = get_logger("signaling.socket")


def _nothing() -> None:
    """Nobody waits for the welcome."""


class _Gone(Exception):
    """The socket is at its end: nothing more can be said over it."""


class _HelloLate(BadInput):
    ws_close = 4408


class _Binary(BadInput):
    ws_close = int(WSCloseCode.UNSUPPORTED_DATA)


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketTimes:
    """How long a socket waits for whom, in seconds."""

    heartbeat_s: float = HEARTBEAT_S
    hello_s: float = HELLO_TIMEOUT_S
    send_s: float = SEND_TIMEOUT_S


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketSettings:
    """What is the same for every socket of the node."""

    messages_per_second: float
    message_burst: int
    turn: Turn = NO_TURN
    times: SocketTimes = SocketTimes()


class Socket:
    """One socket. `run` lives as long as it does; `wake` and `cut` (the session's `Carrier`) come from anywhere."""

    def __init__(
        self,
        ws: web.WebSocketResponse,
        transport: asyncio.Transport | None,
        side: Side,
        sessions: Sessions,
        settings: SocketSettings,
        clock: Clock,
        metrics: SignalingMetrics,
        *,
        sign_in: str = "",
    ) -> None:
        self.sign_in = sign_in  # the cookie that opened it, asked about again while it is open; empty for a customer
        self.on_welcome: Callable[[], None] = _nothing
        self._ws = ws
        self._transport = transport
        self._side = side
        self._sessions = sessions
        self._settings = settings
        self._clock = clock
        self._metrics = metrics
        self._bucket = TokenBucket(
            per_second=settings.messages_per_second, burst=settings.message_burst, now=clock.monotonic()
        )
        self._work = asyncio.Event()
        self._bye: Bye | None = None
        self._acked = 0  # the `ack` last sent
        self._pong_due = False
        self._ice_due = False
        self._page_gone = False

    def carries(self, owner: Party) -> bool:
        """Whether this is the socket over which `owner` is reached now."""
        session = self._sessions.of(owner)
        return session is not None and session.carrier is self

    @property
    def in_call(self) -> bool:
        """Whether who is signed in here is on a contact."""
        return self._side.in_call

    # ---------------------------------------------------------------- Carrier

    def wake(self) -> None:
        self._work.set()

    def cut(self, code: str, detail: str = "") -> None:
        if self._bye is None:
            self._bye = Bye(code=code, detail=detail)
            self._work.set()

    # ---------------------------------------------------------------- life

    async def run(self) -> None:
        """From the upgrade to the end of the socket. Raises nothing but CancelledError."""
        session: Session | None = None
        writer: asyncio.Task[None] | None = None
        try:
            hello = await self._hello()
            session = await self._side.admit(hello)
            bind(session_id=session.session_id)
            await self._attach(session, hello)
            writer = asyncio.create_task(self._write(session), name=f"socket:{session.session_id}:writer")
            await self._read(session)
        except _Gone:
            pass
        except GatewayError as error:
            await self._refuse(error, session)
        except Exception as error:  # noqa: BLE001 - the top of a socket: log, and end this one only
            _log.exception("socket.failed", side=self._side.name)
            await self._refuse(error, session)
        finally:
            if writer is not None:
                if self._bye is not None:  # without it the client would come back, and fight whoever took over
                    await asyncio.wait({writer}, timeout=self._settings.times.send_s + CLOSE_TIMEOUT_S)
                await cancel_and_wait(writer)
            if session is not None:
                await self._detach(session)
            await self._close(1000, "")

    async def _hello(self) -> Hello:
        try:
            async with asyncio.timeout(self._settings.times.hello_s):
                while (message := await self._receive()) is None:
                    pass
        except TimeoutError:
            raise _HelloLate("hello_timeout", "The first message must be hello, and come soon.") from None
        if not isinstance(message, Hello):
            raise BadInput("hello_expected", "The first message must be hello.")
        if PROTOCOL_VERSION not in message.versions:
            raise BadInput("version_unsupported", f"This gateway speaks version {PROTOCOL_VERSION} of the protocol.")
        return message

    async def _attach(self, session: Session, hello: Hello) -> None:
        """Carry `session` from now on: the other socket that did is cut, the center learns that the person is there."""
        async with session.lock:
            if not self._sessions.holds(session):
                raise NotFound("session_over", "This session is over.")
            older, session.carrier, session.lost_at = session.carrier, self, None
            if older is not None:
                older.cut("taken_over", "Opened in another window.")
            resumed = hello.resume is not None and session.can_replay(hello.resume.last_seq)
            if resumed and hello.resume is not None:
                await self._say_present(session)  # the same page: what it had before it still has
                session.replay(hello.resume.last_seq)
            else:
                session.restart()
                try:
                    await self._side.present(session, True, page_gone=True)
                    view = await self._side.view(session)
                except StateConflict as error:  # the contact is over, and there is nothing left to show of it
                    self._sessions.drop(session, "session_over", error.detail)
                    raise NotFound("session_over", error.detail) from None
                session.release(view)
            self._acked = session.received
            welcome = Welcome(
                ack=session.received,
                version=PROTOCOL_VERSION,
                session_id=session.session_id,
                secret=session.new_secret(),
                resumed=resumed,
                contact_id=self._side.contact_id(session),
                grace_s=self._sessions.grace_s,
                ice_servers=self._settings.turn.servers_for(session.owner, self._clock),
                ice_lifetime_s=self._settings.turn.lifetime_s,
            )
            await self._send(welcome)
            self._work.set()
        self.on_welcome()
        self._metrics.opened(self._side.name, resumed=resumed)

    async def _say_present(self, session: Session) -> None:
        try:
            await self._side.present(session, True)
        except StateConflict:
            _log.debug("session.over_already")  # what it still has to say is in the outbox

    async def _detach(self, session: Session) -> None:
        """The socket is gone. Unless another one carries the session by now, the center learns it at once."""
        async with session.lock:
            if session.carrier is not self:
                return
            session.carrier, session.lost_at = None, self._clock.monotonic()
            if not self._sessions.holds(session):
                return
            if not self._side.keeps_session:
                self._sessions.drop(session, "session_over")
            try:
                await self._side.present(session, False, page_gone=self._page_gone)
            except GatewayError as error:
                _log.info("presence.refused", code=error.code)
            except Exception:  # noqa: BLE001 - nothing may keep a socket from ending
                _log.exception("presence.failed", side=self._side.name)

    # ---------------------------------------------------------------- reading

    async def _read(self, session: Session) -> None:
        while True:
            try:
                message = await self._receive()
                if message is None:
                    continue
                async with session.lock:
                    await self._handle(session, message)
            except Unreadable as error:
                async with session.lock:
                    if not self._speaks_for(session):
                        raise _Gone from None
                    if error.seq != 0:
                        session.take(error.seq)
                    self._tell_refused(session, error, error.seq or None)

    async def _handle(self, session: Session, message: Message) -> None:
        if not self._speaks_for(session):
            raise _Gone  # taken over or ended while this message was on its way
        session.acknowledge(message.ack)
        session.confirm()
        if isinstance(message, Ping):
            self._pong_due = True
            self._work.set()
        if isinstance(message, IceRequest):
            self._ice_due = True
            self._work.set()
        if isinstance(message, Ack | Ping | IceRequest) and message.seq == 0:
            return
        if isinstance(message, Hello):
            raise BadInput("hello_repeated", "This socket has said hello already.")
        if not session.take(message.seq) or isinstance(message, Ack | Ping | IceRequest):
            return
        self._work.set()  # an acknowledgement is due
        try:
            await self._side.request(session, message)
        except GatewayError as error:
            self._tell_refused(session, error, message.seq)

    def _speaks_for(self, session: Session) -> bool:
        return session.carrier is self and self._sessions.holds(session)

    def _tell_refused(self, session: Session, error: GatewayError, re_seq: int | None) -> None:
        refusal = refusal_of(error)
        self._metrics.refused(self._side.name, refusal.code)
        if refusal.ws_close == 1011:
            _log.error("request.failed", exc_info=error)
        session.send(Error(code=refusal.code, detail=refusal.detail, re_seq=re_seq))

    async def _receive(self) -> Message | None:
        """The next message; None for a frame that says nothing to us. Raises _Gone at the end of the socket."""
        frame = await self._ws.receive()
        if frame.type in (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR):
            # RFC 6455 §7.4.1: a browser that loads the page again or closes it says "going away".
            self._page_gone = frame.type is WSMsgType.CLOSE and frame.data == WSCloseCode.GOING_AWAY
            raise _Gone
        if not self._bucket.take(self._clock.monotonic()):
            raise TooManyRequests("too_many_messages", "Too many messages. Slow down.")
        if frame.type is WSMsgType.TEXT:
            self._metrics.received(self._side.name)
            return parse(self._side.adapter, frame.data)
        if frame.type is WSMsgType.PING:
            await self._ws.pong(frame.data)
            return None
        if frame.type is WSMsgType.PONG:
            return None
        raise _Binary("binary_refused", "Only text messages are understood here.")

    # ---------------------------------------------------------------- writing

    async def _write(self, session: Session) -> None:
        """Send what the session has, as it comes; at the end `bye`. The reader ends when the socket is closed."""
        try:
            while True:
                await self._work.wait()
                self._work.clear()
                if self._bye is not None:
                    await self._say_bye(self._bye)
                    return
                while self._bye is None and (message := session.next_unsent()) is not None:
                    await self._send(message.model_copy(update={"ack": session.received}))
                    self._acked = session.received
                if self._bye is None and self._ice_due:
                    self._ice_due = False
                    turn = self._settings.turn
                    servers = turn.servers_for(session.owner, self._clock)
                    await self._send(IceServers(ack=session.received, servers=servers, lifetime_s=turn.lifetime_s))
                if self._bye is None and (self._acked != session.received or self._pong_due):
                    self._pong_due = False
                    await self._send(Ack(ack=session.received))
                    self._acked = session.received
        except _Gone:
            self._abort()
        except Exception:  # noqa: BLE001 - the top of a task: log, and end this socket only
            _log.exception("socket.writer_failed", side=self._side.name)
            self._abort()

    async def _say_bye(self, bye: Bye) -> None:
        await self._send(bye)
        self._metrics.cut(self._side.name, bye.code)
        await self._close(BYE_CLOSE[bye.code], bye.code)

    async def _send(self, message: Message) -> None:
        try:
            async with asyncio.timeout(self._settings.times.send_s):
                await self._ws.send_str(message.model_dump_json())
        except (TimeoutError, ClientError, ConnectionError) as error:
            raise _Gone from error
        self._metrics.sent(self._side.name)

    async def _refuse(self, error: Exception, session: Session | None) -> None:
        """End the socket because of `error`: the message `error` (or `bye`), then the close code of its kind."""
        refusal = refusal_of(error)
        self._metrics.refused(self._side.name, refusal.code)
        _log.info("socket.refused", side=self._side.name, code=refusal.code)
        last: Message = (
            Bye(code=refusal.code, detail=refusal.detail)
            if refusal.code in BYE_CLOSE
            else Error(code=refusal.code, detail=refusal.detail)
        )
        try:
            await self._send(last)
        except _Gone:
            self._abort()
            return
        await self._close(refusal.ws_close, refusal.code)

    async def _close(self, code: int, reason: str) -> None:
        if self._ws.closed:
            return
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S * 2):
                await self._ws.close(code=code, message=reason.encode())
        except (TimeoutError, ClientError, ConnectionError):
            self._abort()

    def _abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()
