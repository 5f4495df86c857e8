"""The shortcut does what the full way does: the same packets through both leave the same bytes and the same numbers."""

import struct
from collections import Counter
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pylibsrtp import Policy, Session

from gateway.base.clock import SystemClock
from media.forward.leg import ForwardLeg
from media.forward.outgoing import OutgoingTrack
from media.forward.shortcut import Shortcut
from media.port import Kind
from media.sdp.description import EXT_ABS_SEND_TIME, EXT_MID, EXT_TRANSPORT_NUMBER, Section
from media.transport.batch import Lane
from media.transport.dtls import Certificate
from media.transport.link import BUFFER_BYTES
from media.transport.secured import SecuredLink
from media.transport.srtp import PacketBuffer, SrtpKeys, SrtpSession
from media.transport.timers import TransportTimers
from tests.unit.media.forward.rig import H264, NOW_S, VP8, VP8_DELTA, VP8_KEY, Rig, negotiated, rtp, section

PROFILE = Policy.SRTP_PROFILE_AES128_CM_SHA1_80
KEY_BYTES = 30
CERTIFICATE = Certificate.generate()
SAME = {EXT_ABS_SEND_TIME: 2, EXT_MID: 4}
NUMBERED = {EXT_ABS_SEND_TIME: 2, EXT_TRANSPORT_NUMBER: 3, EXT_MID: 4}


class Outbox:
    def __init__(self) -> None:
        self.waiting: list[tuple[Lane, int, int]] = []


class Socket:
    """What a link and a shortcut use of a MediaSocket; what waits is kept as bytes instead of being sent."""

    def __init__(self, counters: Counter[str]) -> None:
        self.counters = counters
        self.arrived_s = NOW_S
        self.outbox = Outbox()
        self.slots = [PacketBuffer(BUFFER_BYTES, self, slot) for slot in range(2)]
        self.sent: list[tuple[Any, bytes]] = []
        self.rerouted = 0

    def lane_to(self, address: Any) -> Lane:
        return Lane(self.outbox, address)  # type: ignore[arg-type]

    def sender_for(self, address: Any) -> Any:
        return self.send

    def send(self, data: Any, address: Any) -> None:
        self.sent.append((address, bytes(data)))

    def reroute(self, before: Any, handler: Any) -> None:
        self.rerouted += 1

    def flush(self) -> None:
        for lane, slot, size in self.outbox.waiting:
            self.sent.append((lane.address, bytes(self.slots[slot][:size])))
        self.outbox.waiting.clear()


class Supervisor:
    """Handshakes and ends are not what is tested here."""

    def spawn(self, work: Any, *, name: str) -> Future[None]:
        work.close()
        return Future()


@dataclass
class Recorded:
    """A recorder that keeps what it is given."""

    written: list[tuple[int, bytes, float]] = field(default_factory=list)
    tracks: int = 0

    def track_for(self, codec: Any, ssrc: int) -> int:
        self.tracks += 1
        return self.tracks - 1

    def write_rtp(self, track: int, buffer: bytearray, length: int, at_s: float) -> None:
        self.written.append((track, bytes(buffer[:length]), at_s))

    def write_sender_report(self, *arguments: Any) -> None: ...


class House:
    """Three legs with keys on one socket: packets come from `a`; `b`, `c`, both or nobody listen."""

    def __init__(
        self, *, shortcut: bool, extensions: dict[str, int], target: dict[str, int], same_codecs: bool
    ) -> None:
        self.rig = Rig(max_bitrate_bps=120_000)
        self.socket = Socket(self.rig.drops)
        self.recorded = Recorded()
        codecs = (VP8, H264) if same_codecs else (H264, VP8)
        self.legs: dict[str, ForwardLeg] = {}
        self.links: dict[str, SecuredLink] = {}
        for number, name in enumerate("abc"):
            ids = extensions if name == "a" else target
            video = section(Kind.VIDEO, *(codecs if name == "a" else (VP8, H264)), ssrc=2, extensions=ids)
            self._add(name, number, (section(Kind.AUDIO, ssrc=1, extensions=ids), video), shortcut=shortcut)
        self.handler = self.links["a"].handler

    def _add(self, name: str, number: int, sections: tuple[Section, ...], *, shortcut: bool) -> None:
        rig = self.rig
        leg = ForwardLeg(
            name,
            emit=rig.events.append,
            timers=rig.timers,
            drops=rig.drops,
            limits=rig.limits,
            random=rig.random,
            scratch=PacketBuffer(BUFFER_BYTES),
        )
        link = SecuredLink(
            name=name,
            socket=self.socket,  # type: ignore[arg-type]
            sink=leg,
            dtls_role="server",
            remote_fingerprints=(),
            certificate=CERTIFICATE,
            timers=TransportTimers(),
            clock=SystemClock(),
            supervisor=Supervisor(),  # type: ignore[arg-type]
            on_stun=lambda buffer, length: None,
            on_gone=lambda: None,
            wall_s=rig.loop.wall,
        )
        link.set_path(("192.0.2.1", 5000 + number))
        link._srtp = SrtpSession(SrtpKeys(PROFILE, key(number), key(number + 10)), self.socket.counters)
        leg.open(link, negotiated(*sections))
        leg.on_connected(rig.loop.wall())
        assert self.socket.rerouted == number + 1
        if not shortcut:
            link.handler = link.on_datagram
        self.legs[name], self.links[name] = leg, link

    def arrive(self, datagram: bytes) -> None:
        slot = self.socket.slots[0]
        slot[: len(datagram)] = datagram
        self.socket.arrived_s = self.rig.loop.wall()
        self.handler(slot, len(datagram))
        self.socket.flush()
        slot[:] = b"\xee" * BUFFER_BYTES

    def act(self, what: str) -> None:
        now_s = self.rig.loop.wall()
        a, b, c = self.legs["a"], self.legs["b"], self.legs["c"]
        match what:
            case "b listens":
                b.take_from(a, now_s)
            case "c listens":
                c.take_from(a, now_s)
            case "b leaves":
                b.take_nothing()
            case "c leaves":
                c.take_nothing()
            case "b pauses":
                b.outgoing[Kind.VIDEO].pause(paused=True, now_s=now_s)
            case "b resumes":
                b.outgoing[Kind.VIDEO].pause(paused=False, now_s=now_s)
            case "b repeats":
                b.outgoing[Kind.AUDIO].repeats = not b.outgoing[Kind.AUDIO].repeats
            case "record":
                a.record(lambda kind: self.recorded)  # type: ignore[arg-type, return-value]
            case "stop":
                a.record(None)
            case "silence":
                self.links["a"]._silent = True
                a.on_silent(now_s)
            case "b moves":
                self.links["b"].set_path(("192.0.2.9", 9000))
            case "b goes":
                self.links["b"].finish("closed")
            case "second":
                self.rig.loop.advance(1.0)

    def state(self) -> dict[str, Any]:
        """Everything that anybody can see."""
        return {
            "sent": self.socket.sent,
            "drops": dict(self.rig.drops),
            "events": self.rig.events,
            "recorded": self.recorded,
            "heard": [link.heard for link in self.links.values()],
            "silent": [link.silent for link in self.links.values()],
            "legs": [(leg.budget_bytes, leg.closed) for leg in self.legs.values()],
            "streams": [_fields(stream) for leg in self.legs.values() for stream in leg.streams.values()],
            "outs": [_fields(out) for leg in self.legs.values() for out in leg.outgoing.values()],
        }


def _fields(thing: Any) -> dict[str, Any]:
    """The plain values of an object with slots; what it points to is compared by its own numbers."""
    plain = (int, float, str, bytes, tuple, list, dict, type(None))
    values = {name: getattr(thing, name) for name in type(thing).__slots__}
    return {name: value for name, value in values.items() if isinstance(value, plain)}


def key(number: int) -> bytes:
    return bytes([number]) * KEY_BYTES


def sealer() -> Session:
    policy = Policy(key(0), Policy.SSRC_ANY_OUTBOUND, 0, PROFILE)
    policy.allow_repeat_tx = True
    return Session(policy)


@dataclass
class Talker:
    """The peer of `a`: makes ciphertext, mostly in order."""

    session: Session = field(default_factory=sealer)
    sequence: dict[int, int] = field(default_factory=lambda: {1: 65_530, 2: 65_520, 3: 5})
    timestamp: dict[int, int] = field(default_factory=lambda: {1: 0xFFFFF000, 2: 0xFFFFE000, 3: 9})

    def packet(self, ssrc: int, step: int, forward: int, pt: int, extension: bytes | None, payload: bytes) -> bytes:
        self.sequence[ssrc] = self.sequence[ssrc] + step & 0xFFFF
        self.timestamp[ssrc] = self.timestamp[ssrc] + forward & 0xFFFFFFFF
        plain = rtp(ssrc, self.sequence[ssrc], self.timestamp[ssrc], payload, pt=pt, extension=extension)
        return self.session.protect(plain)


_STEP = st.sampled_from([1, 1, 1, 1, 1, 1, 2, 4, 0, -1, -3, 300, 5000])
_EXTENSION = st.sampled_from([None, b"\x22\0\0\1", b"\x22\0\0\2\x31\0\x09", b"\x31\0\x07\0", b"\x401", b"\x20"])
_AUDIO = st.tuples(
    st.just("packet"), st.just(1), _STEP, st.sampled_from([960, 960, 0]), st.sampled_from([111, 111, 111, 126]),
    _EXTENSION, st.sampled_from([b"sound", b"", b"s" * 300]),
)  # fmt: skip
_VIDEO = st.tuples(
    st.just("packet"), st.sampled_from([2, 2, 2, 2, 3]), _STEP, st.sampled_from([3000, 0, 0]),
    st.sampled_from([96, 96, 96, 96, 97, 102, 50]), _EXTENSION,
    st.sampled_from([VP8_KEY, VP8_DELTA, VP8_DELTA + bytes(1100), b"\x10\x00\x9d\x01\x2a\xff\x3f\xff\x3f" + bytes(9)]),
)  # fmt: skip
_ACTION = st.tuples(
    st.just("act"),
    st.sampled_from(
        [
            "b listens", "b listens", "c listens", "b leaves", "c leaves", "b pauses", "b resumes", "b repeats",
            "record", "stop", "silence", "b moves", "b goes", "second", "second",
        ]
    ),
)  # fmt: skip
_SPOILT = st.tuples(st.just("spoil"), st.integers(0, 40), st.integers(1, 255))
_RAW = st.tuples(st.just("raw"), st.binary(min_size=16, max_size=64) | st.just(b"\x80\xc9\0\1" + bytes(3) + b"\2" * 20))


@settings(deadline=None, max_examples=150, suppress_health_check=list(HealthCheck))
@given(
    st.lists(_AUDIO | _VIDEO | _VIDEO | _ACTION | _SPOILT | _RAW, min_size=25, max_size=60),
    st.sampled_from([(SAME, SAME), (NUMBERED, NUMBERED), (NUMBERED, SAME), (SAME, {EXT_MID: 4})]),
    st.booleans(),
)
def test_the_shortcut_and_the_full_way_leave_the_same_behind(
    steps: list[tuple[Any, ...]], extensions: tuple[dict[str, int], dict[str, int]], same_codecs: bool
) -> None:
    source, target = extensions
    houses = [
        House(shortcut=shortcut, extensions=source, target=target, same_codecs=same_codecs)
        for shortcut in (True, False)
    ]
    talker = Talker()
    last = talker.packet(1, 1, 960, 111, None, b"sound")
    for step in [("act", "b listens"), *steps]:
        if step[0] == "packet":
            last = talker.packet(*step[1:])
        elif step[0] == "spoil":
            spoilt = bytearray(last)
            spoilt[step[1] % len(spoilt)] ^= step[2]
            last = bytes(spoilt)
        for house in houses:
            if step[0] == "act":
                house.act(step[1])
            elif step[0] == "raw":
                house.arrive(step[1])
            else:
                house.rig.loop.advance(0.003)
                house.arrive(last)
        one, other = (house.state() for house in houses)
        assert one == other


@pytest.mark.parametrize("listening", [True, False])
def test_a_packet_in_order_never_goes_the_full_way_twice(listening: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison above would hold as well if nothing ever took the shortcut."""
    full_way, forwarded = Counter[str](), Counter[str]()
    on_datagram, forward = SecuredLink.on_datagram, OutgoingTrack.forward

    def counted(link: SecuredLink, buffer: PacketBuffer, length: int) -> None:
        full_way[link.name] += 1
        on_datagram(link, buffer, length)

    def counted_forward(out: OutgoingTrack, *arguments: Any) -> None:
        forwarded[out.section.kind] += 1
        forward(out, *arguments)

    monkeypatch.setattr(SecuredLink, "on_datagram", counted)
    monkeypatch.setattr(OutgoingTrack, "forward", counted_forward)
    house = House(shortcut=True, extensions=NUMBERED, target=NUMBERED, same_codecs=True)
    if listening:
        house.act("b listens")
    house.act("record")
    talker = Talker()
    for number in range(20):
        house.arrive(talker.packet(1, 1, 960, 111, b"\x31\0\1\0", b"sound"))
        house.arrive(talker.packet(2, 1, 3000, 96, b"\x31\0\2\0", VP8_DELTA if number else VP8_KEY))
    assert full_way == {"a": 2}
    assert forwarded == ({"audio": 1, "video": 1} if listening else {})
    assert len(house.recorded.written) == 40
    assert sum(address == ("192.0.2.1", 5001) for address, _ in house.socket.sent) >= (40 if listening else 0)


def test_a_strangers_datagram_from_the_peers_address_changes_nothing() -> None:
    house = House(shortcut=True, extensions=SAME, target=SAME, same_codecs=True)
    house.act("b listens")
    talker = Talker()
    for _ in range(3):
        house.arrive(talker.packet(1, 1, 960, 111, None, b"sound"))
    before = house.state()
    before["sent"] = list(before["sent"])
    header = struct.pack("!BBHII", 0x80, 111, talker.sequence[1] + 1 & 0xFFFF, 0, 1)
    house.arrive(header + bytes(60))
    after = house.state()
    assert after.pop("drops") == before.pop("drops") | {"srtp_auth": 1}
    assert after == before


def test_without_a_shortcut_the_leg_is_as_it_was() -> None:
    house = House(shortcut=True, extensions=SAME, target=SAME, same_codecs=True)
    assert Shortcut.install(house.legs["a"], None) is None
    house.links["a"].lane = None
    assert Shortcut.install(house.legs["a"], house.links["a"]) is None
