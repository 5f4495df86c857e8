"""Fakes for the forwarding tests: a link that keeps what it is given, a loop with virtual time, packets by hand."""

import heapq
import struct
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

from media.forward.feedback import FeedbackTimers
from media.forward.leg import ForwardLeg, ForwardLimits
from media.port import Kind, MediaEvent
from media.sdp.description import EXT_ABS_SEND_TIME, EXT_MID, Codec, Negotiated, Section
from media.transport.link import BUFFER_BYTES

NOW_S = 1_700_000_000.0
OPUS = Codec(name="OPUS", payload_type=111, clock_rate_hz=48000, channels=2)
TONES = Codec(name="TELEPHONE-EVENT", payload_type=126, clock_rate_hz=48000)
FEEDBACK = frozenset({"nack", "nack pli", "ccm fir", "goog-remb"})
VP8 = Codec(name="VP8", payload_type=96, clock_rate_hz=90000, rtx_payload_type=97, feedback=FEEDBACK)
H264 = Codec(name="H264", payload_type=102, clock_rate_hz=90000, rtx_payload_type=103, feedback=FEEDBACK)
VP8_KEY = b"\x10\x00\x9d\x01\x2a" + bytes(20)
VP8_DELTA = b"\x10\x01" + bytes(20)
VP8_MORE = b"\x00\x55" + bytes(20)


class FakeHandle:
    def __init__(self, call: Callable[..., None], arguments: tuple[Any, ...]) -> None:
        self.call: Callable[..., None] | None = call
        self.arguments = arguments

    def cancel(self) -> None:
        self.call = None


class FakeLoop:
    """The timers of an event loop, in virtual seconds."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.fired = 0
        self._due: list[tuple[float, int, FakeHandle]] = []
        self._count = 0

    def time(self) -> float:
        return self.now_s

    def wall(self) -> float:
        return NOW_S + self.now_s - 1000.0

    def call_at(self, when: float, call: Callable[..., None], *arguments: Any) -> FakeHandle:
        handle = FakeHandle(call, arguments)
        self._count += 1
        heapq.heappush(self._due, (when, self._count, handle))
        return handle

    def call_later(self, delay: float, call: Callable[..., None], *arguments: Any) -> FakeHandle:
        return self.call_at(self.now_s + delay, call, *arguments)

    @property
    def waiting(self) -> int:
        return sum(1 for _, _, handle in self._due if handle.call is not None)

    def advance(self, seconds: float) -> None:
        """Let time pass, firing what is due in its order."""
        end = self.now_s + seconds
        while self._due and self._due[0][0] <= end:
            when, _, handle = heapq.heappop(self._due)
            self.now_s = max(self.now_s, when)
            if handle.call is not None:
                self.fired += 1
                handle.call(*handle.arguments)
        self.now_s = end


class OneBuffer:
    """A tray whose packets have left before the next is built."""

    def __init__(self) -> None:
        self.buffer = bytearray(BUFFER_BYTES)
        self.flushed = 0

    def slot(self) -> bytearray:
        return self.buffer

    def flush(self) -> None:
        self.flushed += 1


class FakeLink:
    """Keeps plaintext where a link would send ciphertext; `full` drops as a full socket does."""

    def __init__(self) -> None:
        self.connected = True
        self.remote_address = "192.0.2.1:5000"
        self.round_trip_ms: float | None = None
        self.full = False
        self.keep = True
        self.sent: list[bytes] = []
        self.rtcp: list[bytes] = []
        self.protected: list[bytes] = []
        self.closed = False
        self.ended_for = ""
        self.on_finish: Callable[[str], None] = lambda reason: None  # the leg hears of it, as from a real link

    def send_rtp(self, buffer: bytearray, length: int) -> int:
        if self.full or not self.connected:
            return 0
        if self.keep:
            self.sent.append(bytes(buffer[:length]))
        return length

    def send_rtcp(self, buffer: bytearray, length: int) -> int:
        self.rtcp.append(bytes(buffer[:length]))
        return length

    def send_protected(self, ciphertext: bytes) -> None:
        self.protected.append(ciphertext)

    def finish(self, reason: str) -> None:
        self.ended_for = self.ended_for or reason
        self.on_finish(reason)

    async def close(self) -> None:
        self.closed = True


def section(kind: Kind, *codecs: Codec, mid: str = "", ssrc: int = 0, **fields: Any) -> Section:
    """A section as a browser's offer and our answer agree on it; `ssrc` is the peer's, signalled when not 0."""
    number = {Kind.AUDIO: 0, Kind.VIDEO: 1, Kind.SCREEN: 2}[kind]
    fields.setdefault("extensions", {EXT_ABS_SEND_TIME: 2, EXT_MID: 4})
    fields.setdefault("local_ssrc", 0xA0000000 + number)
    return Section(
        kind=kind,
        mid=mid or str(number),
        codecs=codecs or ((OPUS, TONES) if kind == Kind.AUDIO else (VP8, H264)),
        peer_ssrcs=(ssrc,) if ssrc else (),
        cname="here",
        **fields,
    )


def negotiated(*sections: Section) -> Negotiated:
    return Negotiated(
        sections=sections,
        local_ufrag="",
        local_password="",
        remote_ufrag="",
        remote_password="",
        remote_fingerprints=(),
        dtls_role="server",
    )


class Rig:
    """Any number of legs over fake links, one virtual clock, one set of timers."""

    def __init__(self, **limits: int) -> None:
        self.loop = FakeLoop()
        self.timers = FeedbackTimers(self.loop, self.loop.wall)  # type: ignore[arg-type]
        self.drops: Counter[str] = Counter()
        self.events: list[MediaEvent] = []
        self.limits = ForwardLimits(**limits)
        self.random = Random(7)
        self.scratch = bytearray(BUFFER_BYTES)
        self.buffer = bytearray(BUFFER_BYTES)

    def leg(self, name: str, *sections: Section, connected: bool = True) -> tuple[ForwardLeg, FakeLink]:
        leg = ForwardLeg(
            name,
            emit=self.events.append,
            timers=self.timers,
            drops=self.drops,
            limits=self.limits,
            random=self.random,
            scratch=self.scratch,
        )
        link = FakeLink()
        link.connected = connected
        link.on_finish = lambda reason: leg.on_closed(reason, self.loop.wall())
        leg.open(link, negotiated(*(sections or (section(Kind.AUDIO, ssrc=1), section(Kind.VIDEO, ssrc=2)))))
        if connected:
            leg.on_connected(self.loop.wall())
        return leg, link

    def bridge(self, *sections: Section) -> tuple[ForwardLeg, ForwardLeg, FakeLink, FakeLink]:
        """(a, b, a's link, b's link): b is sent what a receives, and the other way round."""
        a, a_link = self.leg("lg_a", *sections)
        b, b_link = self.leg("lg_b")
        b.take_from(a, self.loop.wall())
        a.take_from(b, self.loop.wall())
        return a, b, a_link, b_link

    def receive(self, leg: ForwardLeg, packet: bytes) -> None:
        """Let a packet arrive in a lent buffer, which is spoilt afterwards."""
        self.buffer[: len(packet)] = packet
        leg.on_rtp(self.buffer, len(packet), self.loop.wall())
        self.buffer[:] = b"\xee" * BUFFER_BYTES

    def receive_rtcp(self, leg: ForwardLeg, packet: bytes) -> None:
        self.buffer[: len(packet)] = packet
        leg.on_rtcp(self.buffer, len(packet), self.loop.wall())


def rtp(
    ssrc: int,
    sequence: int,
    timestamp: int = 0,
    payload: bytes = b"sound",
    *,
    pt: int = 111,
    marker: bool = False,
    extension: bytes | None = None,
    profile: int = 0xBEDE,
) -> bytes:
    first = 0x80 | (0x10 if extension is not None else 0)
    head = struct.pack("!BBHII", first, marker << 7 | pt, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc)
    if extension is not None:
        extension += bytes(-len(extension) % 4)
        head += struct.pack("!HH", profile, len(extension) // 4) + extension
    return head + payload


def video(sequence: int, timestamp: int = 0, payload: bytes = VP8_DELTA, *, ssrc: int = 2, pt: int = 96) -> bytes:
    return rtp(ssrc, sequence, timestamp, payload, pt=pt)


def parsed(packet: bytes) -> tuple[int, int, int, int, int]:
    """(marker, payload type, sequence, timestamp, SSRC)"""
    _, second, sequence, timestamp, ssrc = struct.unpack("!BBHII", packet[:12])
    return second >> 7, second & 0x7F, sequence, timestamp, ssrc


def sent_tracks(link: FakeLink) -> dict[int, list[tuple[int, int, int, int, int]]]:
    """What a link sent, by SSRC."""
    found: dict[int, list[tuple[int, int, int, int, int]]] = {}
    for packet in link.sent:
        fields = parsed(packet)
        found.setdefault(fields[4], []).append(fields)
    return found
