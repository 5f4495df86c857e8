"""One secured path, the same on both sides: DTLS first, then SRTP in and out; ends once, for a stated reason.

Who may send here and where we send is decided outside, by an ICE agent (`ice.LiteAgent`,
`controlling.ControllingAgent`) whose owner calls `set_path`. This module knows no SDP, and nothing of the other links
of its socket.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from typing import Final

from gateway.base.clock import Clock
from gateway.base.log import get_logger
from gateway.base.tasks import Supervisor, cancel_and_wait
from media.transport.batch import Lane
from media.transport.dtls import Certificate, DatagramPipe, DtlsSession
from media.transport.link import PacketSink
from media.transport.srtp import PacketBuffer, SrtpSession
from media.transport.stun import Address
from media.transport.timers import TransportTimers
from media.transport.udp import Handler, MediaSocket, Sender, send_nowhere

_NO_GOODBYE: Final = frozenset({"bye", "setup_timeout", "dtls_failed", "consent_lost"})
"""Then no close_notify is sent: without consent or keys there is nobody we may, or could, tell (RFC 7675 §5.1)."""

_log = get_logger("link")


class SecuredLink:
    """Implements `media.transport.link.Link`. Made by TransportServer and ClientPeer; `finish` or `close` ends it."""

    def __init__(
        self,
        *,
        name: str,
        socket: MediaSocket,
        sink: PacketSink,
        dtls_role: str,
        remote_fingerprints: tuple[tuple[str, str], ...],
        certificate: Certificate,
        timers: TransportTimers,
        clock: Clock,
        supervisor: Supervisor,
        on_stun: Handler,
        on_gone: Callable[[], None],
        wall_s: Callable[[], float] = time.time,
    ) -> None:
        self.name = name
        self.heard = 0
        """Authenticated packets of any kind so far: compared once a tick instead of reading a clock per packet."""
        self.round_trip_ms: float | None = None
        """Of connectivity checks; only the client's side sends any."""
        self.socket = socket
        self.lane: Lane | None = None
        """Where slots of the socket wait to be sent to the peer; None where each datagram goes by itself."""
        self.handler: Handler = self.on_datagram
        """Who takes what comes from the peer's addresses."""
        self._counters: Counter[str] = socket.counters
        self._sink = sink
        self._timers = timers
        self._supervisor = supervisor
        self._on_stun = on_stun
        self._on_gone = on_gone
        self._wall_s = wall_s
        self._pipe = DatagramPipe(self._send_plain, self._counters)
        self._dtls = DtlsSession(self._pipe, certificate, dtls_role, remote_fingerprints, self._peer_closed)
        self._srtp: SrtpSession | None = None
        self._address: Address | None = None
        self._sendto: Sender = send_nowhere
        self._handshake: asyncio.Task[None] | None = None
        self._ending: asyncio.Task[None] | None = None
        self._closed = False
        self._setup_deadline_s = clock.monotonic() + timers.setup_s
        self._seen = 0
        self._last_heard_s = clock.monotonic()
        self._silent = False

    # ------------------------------------------------------------ what sinks and engines see

    @property
    def connected(self) -> bool:
        return self._srtp is not None

    @property
    def closed(self) -> bool:
        return self._closed

    @property
    def silent(self) -> bool:
        return self._silent

    @property
    def remote_address(self) -> str:
        if self._address is None:
            return ""
        host, port = self._address[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def send_rtp(self, buffer: bytearray, length: int) -> int:
        """Protect `buffer[:length]` in place and send it; the ciphertext's length, 0 when it was not taken."""
        srtp = self._srtp
        if srtp is None:
            self._counters["send_not_connected"] += 1
            return 0
        size = srtp.protect_rtp(buffer, length)
        return self._transmit(buffer, size) if size else 0

    def send_rtcp(self, buffer: bytearray, length: int) -> int:
        """As `send_rtp`, for a compound RTCP packet."""
        srtp = self._srtp
        if srtp is None:
            self._counters["send_not_connected"] += 1
            return 0
        size = srtp.protect_rtcp(buffer, length)
        return self._transmit(buffer, size) if size else 0

    def send_protected(self, ciphertext: bytes) -> None:
        """Send again what `send_rtp` made."""
        if self._srtp is not None:
            self._send_plain(ciphertext)

    async def close(self) -> None:
        """close_notify, then gone within the close deadline. Idempotent: every caller waits for the same end."""
        self.finish("closed")
        if self._ending is not None:
            await asyncio.wait((self._ending,))

    # ------------------------------------------------------------ for a shortcut

    @property
    def srtp(self) -> SrtpSession | None:
        """The session, while there are keys."""
        return self._srtp

    def shorten(self, handler: Handler) -> None:
        """Have `handler` take what comes from the peer. What it doesn't know it gives to `on_datagram`."""
        self.socket.reroute(self.handler, handler)
        self.handler = handler

    # ------------------------------------------------------------ for the agent and the ticker

    def set_path(self, address: Address) -> None:
        """Send to `address` from now on. The first path starts the handshake. The caller has validated it."""
        if self._closed:
            return
        self._address = address
        self._sendto = self.socket.sender_for(address)
        self.lane = self.socket.lane_to(address)
        if self._handshake is None:
            self._handshake = self._supervisor.spawn(self._secure(), name=f"{self.name}:handshake")

    def on_datagram(self, buffer: PacketBuffer, length: int) -> None:
        """One datagram from a validated address (RFC 7983 tells the kinds apart)."""
        first = buffer[0]
        if 127 < first < 192:
            srtp = self._srtp
            if srtp is None:
                self._counters["media_early"] += 1
            elif 191 < buffer[1] < 224:  # RTCP on the same port: RFC 5761 §4
                if size := srtp.unprotect_rtcp(buffer, length):
                    self.heard += 1
                    if self._silent:
                        self._hear()
                    self._sink.on_rtcp(buffer, size, self.socket.arrived_s)
            elif size := srtp.unprotect_rtp(buffer, length):
                self.heard += 1
                if self._silent:
                    self._hear()
                self._sink.on_rtp(buffer, size, self.socket.arrived_s)
        elif first < 4:
            self._on_stun(buffer, length)
        elif 19 < first < 64:
            self._pipe.push(bytes(buffer.view[:length]))
        else:
            self._counters["datagram_kind"] += 1

    def heard_check(self) -> None:
        """A valid STUN message came from the peer: it is alive, whatever its media does."""
        self.heard += 1
        if self._silent:
            self._hear()

    def tick(self, now_s: float) -> None:
        """Apply the set-up and silence deadlines. Called by the one ticker of the socket's owner."""
        if self._srtp is None:
            if now_s >= self._setup_deadline_s:
                self.finish("setup_timeout")
        elif self.heard != self._seen:
            self._seen = self.heard
            self._last_heard_s = now_s
        elif not self._silent and now_s - self._last_heard_s >= self._timers.silence_s:
            self._silent = True
            self._sink.on_silent(self._wall_s())

    def finish(self, reason: str) -> None:
        """End the link now: nothing is received or sent any more, the sink is told. Only the first call counts."""
        if self._closed:
            return
        self._closed = True
        self._srtp = None
        self._ending = self._supervisor.spawn(
            self._wind_up(say_goodbye=reason not in _NO_GOODBYE), name=f"{self.name}:end"
        )
        self._ending.add_done_callback(lambda _: self._pipe.end())  # however it ended, begun or not: the pump ends too
        self._on_gone()
        self._sink.on_closed(reason, self._wall_s())

    # ------------------------------------------------------------ inside

    async def _secure(self) -> None:
        """The handshake, as a task of the supervisor: ends with keys, or ends the link."""
        try:
            done = await self._dtls.handshake()
        except Exception as error:  # noqa: BLE001 - whatever a peer's handshake provokes costs this link only
            self._counters["dtls_error"] += 1
            _log.warning("link.handshake_error", link=self.name, error_type=type(error).__name__)
            done = False
        keys = self._dtls.keys
        if self._closed:
            return
        if not done or keys is None:
            self.finish("dtls_failed")
            return
        self._srtp = SrtpSession(keys, self._counters)
        self._sink.on_connected(self._wall_s())

    async def _wind_up(self, *, say_goodbye: bool) -> None:
        try:
            async with asyncio.timeout(self._timers.close_s):
                if self._handshake is not None and self._handshake is not asyncio.current_task():
                    await cancel_and_wait(self._handshake)
                await self._dtls.shut_down(say_goodbye=say_goodbye)
        except TimeoutError:
            self._counters["close_abandoned"] += 1

    def _peer_closed(self) -> None:
        self.finish("bye")

    def _hear(self) -> None:
        self._silent = False
        self._sink.on_heard(self._wall_s())

    def _transmit(self, buffer: bytearray, size: int) -> int:
        if type(buffer) is PacketBuffer:
            lane = self.lane
            if lane is not None and buffer.owner is self.socket:  # a slot: it leaves with the others of its wake-up
                lane.waiting.append((lane, buffer.slot, size))
                return size
            view = buffer.view
        else:
            view = memoryview(buffer)
        try:
            self._sendto(view[:size], self._address)  # type: ignore[arg-type]  # with keys there is a path
        except OSError as error:
            self.socket.count_send_error(error)
            return 0
        return size

    def _send_plain(self, data: bytes) -> None:
        if self._address is not None:
            self.socket.send(data, self._address)
