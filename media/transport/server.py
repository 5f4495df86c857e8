"""The server's side of every link: one UDP port, answers for offers, one ticker. It knows no codec rule and no bridge.

server = await TransportServer.open(host="", port=0)
link, negotiated, answer_sdp = server.answer(offer_sdp, sink, "lg_…")
"""

import asyncio
import ipaddress
import secrets
import socket
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Self

import ifaddr

from gateway.base.clock import Clock, SystemClock
from gateway.base.log import get_logger
from gateway.base.tasks import Supervisor
from media.port import MediaRefused
from media.sdp.answer import answer_offer
from media.sdp.description import Negotiated
from media.sdp.write import LocalTransport
from media.transport.dtls import Certificate
from media.transport.ice import IceCredentials, LiteAgent
from media.transport.identity import new_password, new_ufrag, ssrc_source
from media.transport.link import Link, PacketSink
from media.transport.secured import SecuredLink
from media.transport.srtp import PacketBuffer
from media.transport.stun import Address, Flaw, looks_like_binding, parse, peek_username
from media.transport.timers import TransportTimers
from media.transport.udp import SOCKET_BUFFER_BYTES, MediaSocket, Tray

LINK_CHECKS_PER_TICK: Final = 100
"""Checks read per link and tick, more are dropped. A browser sends some dozens at set-up, then one every 2 to 5 s.

There is no allowance for strangers as a whole that a flood could use up: what doesn't name a link's 96-bit fragment is
dropped after one look at header and USERNAME, before any checksum or HMAC, so new calls are set up during floods too.
"""

_log = get_logger("transport")


@dataclass(slots=True, eq=False)
class _Leg:
    """What the server keeps of one link."""

    leg_id: str
    ufrag: bytes
    agent: LiteAgent
    link: SecuredLink
    checks_left: int = LINK_CHECKS_PER_TICK


class TransportServer:
    """One UDP port shared by every link. Created by `open`, ended by `aclose`."""

    def __init__(
        self,
        *,
        host: str,
        port: int,
        announce: Sequence[str],
        timers: TransportTimers,
        max_links: int,
        max_bitrate_bps: int,
        clock: Clock,
        wall_s: Callable[[], float],
    ) -> None:
        self.counters: Counter[str] = Counter()
        """What was dropped or failed, by reason (`stranger_junk`, `srtp_replay`, …). Only grows; for metrics."""
        self._timers = timers
        self._max_links = max_links
        self._max_bitrate_bps = max_bitrate_bps
        self._clock = clock
        self._wall_s = wall_s
        self._supervisor = Supervisor("transport")
        self._legs: dict[str, _Leg] = {}
        self._by_ufrag: dict[bytes, _Leg] = {}
        self._at: dict[Address, _Leg] = {}  # who owns which route of the socket
        self._certificate = Certificate.generate()
        self._closing = False
        self._closed = asyncio.Event()
        self._socket = MediaSocket(host, port, self._on_stranger, self.counters, wall_s=wall_s)
        self.port: int = self._socket.port
        """The UDP port bound, the same for IPv4 and IPv6."""
        self.announced: tuple[str, ...] = tuple(announce) or _own_addresses(self._socket)
        """The addresses every answer carries as host candidates, best first."""
        if self._socket.receive_buffer_bytes < SOCKET_BUFFER_BYTES:
            _log.info(
                "transport.small_receive_buffer",
                granted_bytes=self._socket.receive_buffer_bytes,
                wanted_bytes=SOCKET_BUFFER_BYTES,
                remedy="sysctl net.core.rmem_max",
            )
        self._next_tick_s = clock.monotonic() + timers.tick_s
        self._ticker = self._supervisor.spawn(self._tick_forever(), name="ticker")

    @classmethod
    async def open(
        cls,
        *,
        host: str = "",
        port: int = 0,
        announce: Sequence[str] = (),
        timers: TransportTimers | None = None,
        max_links: int = 500,
        max_bitrate_bps: int = 2_500_000,
        clock: Clock | None = None,
        wall_s: Callable[[], float] = time.time,
    ) -> Self:
        """Bind the port and start the ticker.

        `host`: `""` or `"::"` binds every address of both families, `"localhost"` both loopbacks, a literal address
        only itself. `announce`: IP literals for the answers (1:1 NAT, containers); default the host's own addresses,
        and loopback when bound to any or to loopback. `max_bitrate_bps` is what answers ask of each video section.
        `wall_s` dates what is received.

        Raises OSError when the port can't be bound, ValueError for a name where an IP literal is asked (names are not
        looked up here: that would block the loop).
        """
        for each in (*announce, *(() if host in ("", "localhost") else (host,))):
            ipaddress.ip_address(each)
        return cls(
            host=host,
            port=port,
            announce=announce,
            timers=timers or TransportTimers(),
            max_links=max_links,
            max_bitrate_bps=max_bitrate_bps,
            clock=clock or SystemClock(),
            wall_s=wall_s,
        )

    @property
    def tray(self) -> Tray:
        """Buffers for packets that are sent by the clock."""
        return self._socket.tray

    @property
    def links(self) -> int:
        """Links not yet closed."""
        return len(self._legs)

    def answer(
        self, offer_sdp: str, sink: PacketSink, leg_id: str, others: Sequence[Negotiated] = ()
    ) -> tuple[Link, Negotiated, str]:
        """Answer an offer: the new link, what was agreed on, and the answer's text. `others` as in `answer_offer`.

        No I/O and no await: no packet reaches `sink` before this returns. Raises MediaRefused (`sdp_…`, `capacity`,
        `leg_exists`, `engine_stopped`), and then nothing changed.
        """
        if self._closing:
            raise MediaRefused("engine_stopped", "the media engine is closing")
        if leg_id in self._legs:
            raise MediaRefused("leg_exists", f"there is a leg {leg_id} already")
        if len(self._legs) >= self._max_links:
            raise MediaRefused("capacity", f"all {self._max_links} media links are in use")
        if self._certificate.needs_renewal(self._clock.now()):
            self._certificate = Certificate.generate()
        local = LocalTransport(
            ufrag=new_ufrag(),
            password=new_password(),
            fingerprint=self._certificate.fingerprint(),
            candidates=tuple((host, self.port) for host in self.announced),
            setup="passive",
            ice_lite=True,
            session_id=secrets.randbits(62),
            max_bitrate_bps=self._max_bitrate_bps,
        )
        negotiated, answer_sdp = answer_offer(offer_sdp, local, ssrc_source(), secrets.token_hex(8), others)
        leg = self._make_leg(leg_id, negotiated, sink)
        self._legs[leg_id] = leg
        self._by_ufrag[leg.ufrag] = leg
        return leg.link, negotiated, answer_sdp

    async def aclose(self) -> None:
        """Close every link (`engine_stopped`), then the socket. Idempotent; ends within the close deadline."""
        if self._closing:
            await self._closed.wait()
            return
        self._closing = True
        links = [leg.link for leg in self._legs.values()]
        try:
            for link in links:
                link.finish("engine_stopped")
            await asyncio.gather(*(link.close() for link in links))
        finally:
            try:
                await self._supervisor.aclose()
            finally:
                self._socket.close()
                self._closed.set()

    # ------------------------------------------------------------ datagrams

    def _on_stranger(self, buffer: PacketBuffer, length: int) -> None:
        """A source that has passed no check: only what looks like one is read; without a valid one, no answer."""
        if looks_like_binding(buffer, length):
            self._on_stun(buffer, length)
        else:
            self.counters["stranger_junk"] += 1

    def _on_stun(self, buffer: PacketBuffer, length: int) -> None:
        leg = self._by_ufrag.get(peek_username(buffer, length).partition(b":")[0])
        if leg is None:
            self.counters["stun_username"] += 1
            return
        if leg.checks_left <= 0:
            self.counters["stun_rate"] += 1
            return
        leg.checks_left -= 1
        address = self._socket.source_of(buffer)
        if self._is_taken(address, leg):
            self.counters["address_taken"] += 1
            return
        message = parse(bytes(buffer.view[:length]))
        if isinstance(message, Flaw):
            self.counters[message.value] += 1
            return
        verdict = leg.agent.check(message, address, self._clock.monotonic())
        if verdict.dropped:
            self.counters[verdict.dropped] += 1
            return
        if verdict.evicted is not None:
            self._drop_route(leg, verdict.evicted)
        if verdict.valid:
            self._socket.route(address, leg.link.handler)
            self._at[address] = leg
            leg.link.heard_check()
        self._socket.send(verdict.response, address)
        if verdict.moved:
            leg.link.set_path(address)

    def _is_taken(self, address: Address, leg: _Leg) -> bool:
        """Whether another link is alive at that address: a customer's forged check must not cut off somebody else."""
        owner = self._at.get(address)
        return owner is not None and owner is not leg and owner.link.connected and not owner.link.silent

    # ------------------------------------------------------------ life of links

    def _make_leg(self, leg_id: str, negotiated: Negotiated, sink: PacketSink) -> _Leg:
        link = SecuredLink(
            name=leg_id,
            socket=self._socket,
            sink=sink,
            dtls_role=negotiated.dtls_role,
            remote_fingerprints=negotiated.remote_fingerprints,
            certificate=self._certificate,
            timers=self._timers,
            clock=self._clock,
            supervisor=self._supervisor,
            on_stun=self._on_stun,
            on_gone=partial(self._forget, leg_id),
            wall_s=self._wall_s,
        )
        agent = LiteAgent(
            IceCredentials(
                local_ufrag=negotiated.local_ufrag,
                local_password=negotiated.local_password.encode(),
                remote_ufrag=negotiated.remote_ufrag,
                remote_password=negotiated.remote_password.encode(),
            )
        )
        return _Leg(leg_id, negotiated.local_ufrag.encode(), agent, link)

    def _forget(self, leg_id: str) -> None:
        leg = self._legs.pop(leg_id)
        del self._by_ufrag[leg.ufrag]
        for address in leg.agent.addresses:
            self._drop_route(leg, address)

    def _drop_route(self, leg: _Leg, address: Address) -> None:
        if self._at.get(address) is leg:
            del self._at[address]
            self._socket.unroute(address)

    async def _tick_forever(self) -> None:
        while True:
            await self._clock.sleep_until(self._next_tick_s)
            now_s = self._clock.monotonic()
            late_s = now_s - self._next_tick_s
            self._next_tick_s = now_s + self._timers.tick_s
            for leg in list(self._legs.values()):
                leg.checks_left = LINK_CHECKS_PER_TICK
                if late_s < self._timers.tick_s:  # after a stall the socket is read before anybody is judged by it
                    self._judge(leg, now_s)

    def _judge(self, leg: _Leg, now_s: float) -> None:
        try:
            leg.link.tick(now_s)
            consent_s = leg.agent.last_consent_s
            if consent_s is not None and now_s - consent_s >= self._timers.consent_s:
                leg.link.finish("consent_lost")
            for address in leg.agent.expire(now_s, self._timers.consent_s):
                self._drop_route(leg, address)
        except Exception as error:  # noqa: BLE001 - a sink's bug: the other links keep their deadlines
            self.counters["handler_error"] += 1
            _log.error("transport.tick_failed", leg_id=leg.leg_id, exc_info=error)


def _own_addresses(opened: MediaSocket) -> tuple[str, ...]:
    """What to announce when nobody said: the bound address, or every address of this host, IPv4 first, loopback last.

    Link-local addresses are left out: they mean nothing without a zone.
    """
    found: list[ipaddress.IPv4Address | ipaddress.IPv6Address] = []
    for family in opened.families:
        bound = ipaddress.ip_address(opened.local_address(family))
        if not bound.is_unspecified:
            found.append(bound)
            continue
        version = 4 if family == socket.AF_INET else 6
        literals = [ip.ip if isinstance(ip.ip, str) else ip.ip[0] for a in ifaddr.get_adapters() for ip in a.ips]
        own = [ipaddress.ip_address(literal) for literal in literals]
        found += [address for address in own if address.version == version and not address.is_link_local]
    return tuple(str(address) for address in sorted(found, key=lambda a: (a.is_loopback, a.version)))
