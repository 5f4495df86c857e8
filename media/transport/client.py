"""The browser's side for robots and tests: offers, checks as the controlling agent, DTLS client, SRTP.

peer = await ClientPeer.open(sink, screen=True)
link, negotiated = await peer.set_answer(await ask_somebody(peer.create_offer()))
await peer.connected(timeout_s=5)
"""

import asyncio
import secrets
import time
from collections import Counter
from typing import Self

from gateway.base.clock import Clock, SystemClock
from gateway.base.tasks import Supervisor
from media.sdp.answer import read_answer
from media.sdp.description import Negotiated, Section
from media.sdp.offer import make_offer
from media.sdp.write import LocalTransport
from media.transport.controlling import ControllingAgent
from media.transport.dtls import Certificate
from media.transport.ice import IceCredentials
from media.transport.identity import new_password, new_ufrag, ssrc_source
from media.transport.link import Link, PacketSink
from media.transport.secured import SecuredLink
from media.transport.srtp import PacketBuffer
from media.transport.stun import Address, Flaw, parse
from media.transport.timers import TransportTimers
from media.transport.udp import MediaSocket


class ClientPeer:
    """One robot's peer: its own UDP socket, one link. Made by `open`, ended by `close`."""

    def __init__(
        self,
        sink: PacketSink,
        *,
        host: str,
        screen: bool,
        h264: bool,
        vp8: bool,
        timers: TransportTimers,
        clock: Clock,
    ) -> None:
        self.counters: Counter[str] = Counter()
        """What was dropped or failed, by reason, as the server's."""
        self._sink = _Watched(sink)
        self._timers = timers
        self._clock = clock
        self._supervisor = Supervisor("client")
        self._certificate = Certificate.generate()
        self._socket = MediaSocket(host, 0, self._on_stun, self.counters)
        family = self._socket.families[0]
        self._local = LocalTransport(
            ufrag=new_ufrag(),
            password=new_password(),
            fingerprint=self._certificate.fingerprint(),
            candidates=((self._socket.local_address(family), self._socket.port),),
            setup="actpass",
            ice_lite=False,
            session_id=secrets.randbits(62),
        )
        self._sections, self._offer = make_offer(
            self._local, ssrc_source(), secrets.token_hex(8), screen=screen, h264=h264, vp8=vp8
        )
        self._agent: ControllingAgent | None = None
        self._link: SecuredLink | None = None
        self._checks_due = asyncio.Event()

    @classmethod
    async def open(
        cls,
        sink: PacketSink,
        *,
        host: str = "127.0.0.1",
        screen: bool = False,
        h264: bool = True,
        vp8: bool = True,
        timers: TransportTimers | None = None,
        clock: Clock | None = None,
    ) -> Self:
        """Open a socket on `host` (IPv4 or IPv6 literal, `""` for both; the port is the OS's choice)."""
        return cls(
            sink,
            host=host,
            screen=screen,
            h264=h264,
            vp8=vp8,
            timers=timers or TransportTimers(),
            clock=clock or SystemClock(),
        )

    @property
    def offered(self) -> tuple[Section, ...]:
        """The sections of the offer, with the SSRCs this side sends."""
        return self._sections

    @property
    def local_port(self) -> int:
        return self._socket.port

    def create_offer(self) -> str:
        """The offer: audio, video and (with `screen`) a second video section, as a browser with transceivers does."""
        return self._offer

    async def set_answer(self, answer_sdp: str) -> tuple[Link, Negotiated]:
        """Take the answer and begin checks. Raises MediaRefused (`sdp_…`)."""
        if self._link is not None:
            raise RuntimeError("this peer has its answer already")
        negotiated = read_answer(answer_sdp, self._sections, self._local)
        families = {4 if ":" not in str(self._socket.local_address(f)) else 6 for f in self._socket.families}
        candidates: list[Address] = [
            (host, port) if ":" not in host else (host, port, 0, 0)
            for host, port in dict.fromkeys(negotiated.remote_candidates)
            if (6 if ":" in host else 4) in families
        ]
        self._agent = ControllingAgent(
            IceCredentials(
                local_ufrag=negotiated.local_ufrag,
                local_password=negotiated.local_password.encode(),
                remote_ufrag=negotiated.remote_ufrag,
                remote_password=negotiated.remote_password.encode(),
            ),
            candidates,
            tie_breaker=secrets.randbits(64),
            new_transaction_id=lambda: secrets.token_bytes(12),
            timers=self._timers,
            now_s=self._clock.monotonic(),
        )
        self._link = SecuredLink(
            name="client",
            socket=self._socket,
            sink=self._sink,
            dtls_role=negotiated.dtls_role,
            remote_fingerprints=negotiated.remote_fingerprints,
            certificate=self._certificate,
            timers=self._timers,
            clock=self._clock,
            supervisor=self._supervisor,
            on_stun=self._on_stun,
            on_gone=self._socket.unroute_all,
            wall_s=time.time,
        )
        self._checks = self._supervisor.spawn(self._check_forever(self._link, self._agent), name="checks")
        return self._link, negotiated

    async def connected(self, timeout_s: float = 10.0) -> None:
        """Return when media can flow. Raises TimeoutError, or ConnectionError when the link closed instead."""
        async with asyncio.timeout(timeout_s):
            await self._sink.decided.wait()
        if self._sink.reason:
            raise ConnectionError(self._sink.reason)

    async def rebind(self) -> None:
        """Leave the socket for a new one in mid-call, as a phone that changes network; checks nominate it at once."""
        self._socket.rebind()
        if self._agent is not None and self._link is not None:
            if self._agent.selected is not None:
                self._link.set_path(self._agent.selected)
            self._agent.network_changed(self._clock.monotonic())
            self._checks_due.set()

    def send_raw(self, datagram: bytes) -> None:
        """Send bytes as they are to the nominated address (tests)."""
        if self._agent is None or self._agent.selected is None:
            raise ConnectionError("no address is nominated yet")
        self._socket.send(datagram, self._agent.selected)

    def vanish(self) -> None:
        """Go without a word, as a device whose battery died: the socket is closed, nothing is sent any more."""
        self._socket.close()

    async def close(self) -> None:
        """close_notify, then the socket. Idempotent; cancelled, it does without waiting for the peer, and ends all."""
        try:
            if self._link is not None:
                await self._link.close()
        finally:
            try:
                await self._supervisor.aclose()
            finally:
                self._socket.close()

    def _on_stun(self, buffer: PacketBuffer, length: int) -> None:
        if self._agent is None or self._link is None:
            return
        address = self._socket.source_of(buffer)
        message = parse(bytes(buffer.view[:length]))
        if isinstance(message, Flaw):
            self.counters[message.value] += 1
            return
        outcome = self._agent.on_message(message, address, self._clock.monotonic())
        if outcome.dropped:
            self.counters[outcome.dropped] += 1
            return
        if outcome.response:
            self._socket.send(outcome.response, address)
        if outcome.valid:
            self._socket.route(address, self._link.on_datagram)
            self._link.heard_check()
            if outcome.round_trip_s is not None:
                self._link.round_trip_ms = outcome.round_trip_s * 1000
        if outcome.selected and self._agent.selected is not None:
            self._link.set_path(self._agent.selected)
        self._checks_due.set()

    async def _check_forever(self, link: SecuredLink, agent: ControllingAgent) -> None:
        next_tick_s = self._clock.monotonic()
        while not link.closed:
            now_s = self._clock.monotonic()
            for request, address in agent.due(now_s):
                self._socket.send(request, address)
            if now_s >= next_tick_s:
                link.tick(now_s)
                next_tick_s = now_s + self._timers.tick_s
                if agent.last_consent_s is not None and now_s - agent.last_consent_s >= self._timers.consent_s:
                    link.finish("consent_lost")
            await self._until(min(agent.next_due_s, next_tick_s))

    async def _until(self, deadline_s: float) -> None:
        """Until the clock says so, or a STUN message changed what is due."""
        self._checks_due.clear()
        waits = [
            asyncio.ensure_future(self._clock.sleep_until(deadline_s)),
            asyncio.ensure_future(self._checks_due.wait()),
        ]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waits:
                each.cancel()
            await asyncio.gather(*waits, return_exceptions=True)


class _Watched:
    """The caller's sink, and an event for `connected`. Media goes to the caller's methods directly."""

    def __init__(self, sink: PacketSink) -> None:
        self._sink = sink
        self.decided = asyncio.Event()
        self.reason = ""
        self.on_rtp = sink.on_rtp
        self.on_rtcp = sink.on_rtcp
        self.on_silent = sink.on_silent
        self.on_heard = sink.on_heard

    def on_connected(self, at_s: float) -> None:
        self.decided.set()
        self._sink.on_connected(at_s)

    def on_closed(self, reason: str, at_s: float) -> None:
        self.reason = reason
        self.decided.set()
        self._sink.on_closed(reason, at_s)
