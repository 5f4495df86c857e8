"""What is fuzzed: each parser that strangers or peers feed, with the promises that hold for any input.

A target keeps state between inputs where the product does (a leg, a check list) and begins anew now and then.
"""

import struct
import zlib
from random import Random

from media.forward import rtcp
from media.forward.leg import ForwardLeg
from media.forward.rtp import well_formed
from media.port import MediaRefused
from media.sdp.answer import answer_offer
from media.sdp.parse import parse as parse_sdp
from media.transport import stun
from media.transport.ice import MAX_ADDRESSES, IceCredentials, LiteAgent
from tests.support.cti_targets import CTI_TARGETS, cti_target
from tests.support.fuzzing import Target
from tests.unit.media.forward.rig import VP8_KEY, FakeLink, Rig, rtp, video
from tests.unit.media.sdp.offers import LOCAL, numbers

_PASSWORD = b"ourpasswordourpassword"
_CREDENTIALS = IceCredentials(
    local_ufrag="ours", local_password=_PASSWORD, remote_ufrag="theirs", remote_password=b"theirpasswordtheirpa"
)
_RENEWED_EVERY = 400


def _promise(kept: bool, what: str) -> None:
    if not kept:
        raise AssertionError(what)


# ---------------------------------------------------------------- STUN


class _Stun:
    def __init__(self) -> None:
        self._agent = LiteAgent(_CREDENTIALS)
        self._count = 0

    def run(self, data: bytes) -> str:
        self._count += 1
        if self._count % _RENEWED_EVERY == 0:
            self._agent = LiteAgent(_CREDENTIALS)
        stun.peek_username(bytearray(data), len(data))
        message = stun.parse(data)
        if isinstance(message, stun.Flaw):
            return message.value
        address = ("192.0.2.1", 1 + self._count % 20)
        verdict = self._agent.check(message, address, self._count * 0.1)
        proved = message.verify(_PASSWORD)
        _promise(proved or not verdict.response, "a stranger got an answer")
        _promise(proved or not verdict.valid, "an address became valid without the password")
        _promise(len(verdict.response) <= 2 * len(data), "the answer amplifies")
        _promise(len(list(self._agent.addresses)) <= MAX_ADDRESSES, "too many addresses are kept")
        answer = stun.parse(verdict.response) if verdict.response else None
        _promise(not isinstance(answer, stun.Flaw), "our own answer is malformed")
        return verdict.dropped or f"answered {answer.error_code if answer else None} {verdict.moved}"


def _sign(data: bytes, random: Random) -> bytes:
    """The attributes of `data` under a right header, integrity and fingerprint; sometimes one of them left wrong."""
    body = bytearray(data[20:])
    position, cut = 0, len(body)
    while position + 4 <= len(body):  # what comes before the first integrity or fingerprint
        kind, size = struct.unpack_from("!HH", body, position)
        if kind in (0x0008, 0x8028):
            cut = position
            break
        position += 4 + size + (-size & 3)
    attributes = bytes(body[:cut]) + bytes(-cut & 3)
    kind = random.choice((0x0001, 0x0001, 0x0011, 0x0101, 0x0111))
    head = struct.pack("!HHI12s", kind, len(attributes) + 24, stun.MAGIC_COOKIE, data[8:20].ljust(12, b"t"))
    message = head + attributes
    message += struct.pack("!HH", 0x0008, 20) + stun.hmac.digest(_PASSWORD, message, "sha1")
    message = message[:2] + struct.pack("!H", len(message) + 8 - 20) + message[4:]
    return message + struct.pack("!HHI", 0x8028, 4, zlib.crc32(message) ^ 0x5354554E)


# ---------------------------------------------------------------- SDP


def _sdp(data: bytes) -> str:
    text = data.decode("utf-8", "surrogateescape") if len(data) % 2 else data.decode("latin-1")
    try:
        negotiated, answer = answer_offer(text, LOCAL, numbers(), "cname")
    except MediaRefused as refusal:
        _promise(len(refusal.detail) < 500, "a refusal quotes the peer at length")
        return refusal.code
    _promise(len(answer) < 20_000, "the answer is longer than an offer may be")
    parse_sdp(answer)
    return "answered " + " ".join(f"{s.kind}:{','.join(c.name for c in s.codecs)}" for s in negotiated.sections)[:80]


# ---------------------------------------------------------------- RTP and RTCP, inside SRTP


class _Bridge:
    """Two legs and what one is fed. Everything either sends must be well formed, whatever came."""

    def __init__(self, *, control: bool) -> None:
        self._control = control
        self._count = 0
        self._renew()

    def _renew(self) -> None:
        self._rig = Rig(max_bitrate_bps=1_000_000_000, max_resend_bps=1_000_000_000)
        self._a, self._b, self._a_link, self._b_link = self._rig.bridge()
        for number in range(8):  # something to ask for again, and to report on
            for leg in (self._a, self._b):
                self._rig.receive(leg, rtp(1, number, number * 960))
                self._rig.receive(leg, video(number, number * 3000, VP8_KEY))

    def run(self, data: bytes) -> str:
        self._count += 1
        if self._a.closed or self._count % _RENEWED_EVERY == 0:  # closed: by its limits
            self._end()
            self._renew()
        rig = self._rig
        before = dict(rig.drops)
        outcome: list[str] = []
        for part in _split(data):
            if self._control:
                outcome += _items(part)
                rig.receive_rtcp(self._a, part)
            else:
                rig.receive(self._a, part)
        rig.loop.advance(0.03 if self._count % 40 else 1.1)
        _promise(len(self._a.streams) <= rig.limits.max_ssrcs, "too many streams are kept")
        outcome += sorted(name for name, count in rig.drops.items() if count != before.get(name, 0))
        for link in (self._a_link, self._b_link):
            outcome += _checked(link)
        return " ".join(dict.fromkeys(outcome)) or "forwarded"

    def _end(self) -> None:
        for leg in (self._a, self._b):
            leg.on_closed("closed", self._rig.loop.wall())
        _promise(self._closed(self._a) and self._closed(self._b), "a leg did not close")
        _promise(not self._rig.loop.waiting, "a timer runs on without legs")

    @staticmethod
    def _closed(leg: ForwardLeg) -> bool:
        return leg.closed and all(out.source is None for out in leg.outgoing.values())


def _split(data: bytes) -> list[bytes]:
    """An input is one packet or several: each with its length before it, when it begins with 0xFF."""
    if data[:1] != b"\xff":
        return [data[:1400]]
    parts, position = [], 1
    while position + 2 <= len(data) and len(parts) < 40:
        size = struct.unpack_from("!H", data, position)[0]
        parts.append(data[position + 2 : position + 2 + size][:1400])
        position += 2 + size
    return parts


def _items(packet: bytes) -> list[str]:
    try:
        return [type(item).__name__ for item in rtcp.parse(bytearray(packet), len(packet))]
    except rtcp.MalformedRtcp:
        return []


def _checked(link: FakeLink) -> list[str]:
    said = []
    for packet in link.sent:
        _promise(well_formed(bytearray(packet), len(packet)), "a malformed packet was forwarded")
    for packet in link.rtcp:
        said += [type(item).__name__ for item in rtcp.parse(bytearray(packet), len(packet))]
    link.sent.clear()
    link.rtcp.clear()
    link.protected.clear()
    return said


def _lengthen(data: bytes, random: Random) -> bytes:
    """A compound whose packets have right lengths, as far as there are bytes (RFC 3550 §6.1)."""
    out, position = bytearray(), 0
    while position + 4 <= len(data) and len(out) < 1200:
        size = min(len(data) - position, 4 * random.choice((1, 2, 3, 6, 7, 8, 13, 20))) & ~3
        block = bytearray(data[position : position + size])
        block[0] = 0x80 | block[0] & 0x1F
        if not 200 <= block[1] <= 207:
            block[1] = random.choice((200, 201, 202, 203, 204, 205, 205, 206, 206, 207))
        block[2:4] = struct.pack("!H", size // 4 - 1)
        out += block
        position += size
    return bytes(out)


TARGETS = ("stun", "sdp", "rtp", "rtcp", *CTI_TARGETS)


def target(name: str) -> Target:
    """One of TARGETS, with fresh state."""
    match name:
        case "stun":
            words = tuple(
                struct.pack("!HH", kind, 4) + bytes(4) for kind in (0x6, 0x8, 0x24, 0x25, 0x8029, 0x802A, 0x9)
            )
            return Target("stun", _Stun().run, ("media/transport/stun", "media/transport/ice"), words, _sign)
        case "sdp":
            return Target("sdp", _sdp, ("media/sdp/",), _SDP_WORDS)
        case "rtp":
            words = (b"\x90", b"\xbe\xde\x00\x01", b"\x10\x00\x9d\x01\x2a", b"\x10\x00\x00\x01", b"\x67", b"\x7c\x85")
            return Target("rtp", _Bridge(control=False).run, ("media/forward/",), words)
        case "rtcp":
            words = (b"REMB", bytes.fromhex("81cd0003"), bytes.fromhex("80c80006"), bytes.fromhex("8fcd0005"), b"\xa0")
            return Target("rtcp", _Bridge(control=True).run, ("media/forward/",), words, _lengthen)
    if name in CTI_TARGETS:
        return cti_target(name)
    raise ValueError(f"there is no target {name}")


_SDP_WORDS = tuple(
    f"\r\n{line}\r\n".encode()
    for line in (
        "m=video 9 UDP/TLS/RTP/SAVPF 96 97",
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
        "a=mid:0",
        "a=inactive",
        "a=rtpmap:96 H264/90000",
        "a=fmtp:96 profile-level-id=42e01f;packetization-mode=1",
        "a=rtcp-fb:* transport-cc",
        "a=extmap:15 urn:ietf:params:rtp-hdrext:sdes:mid",
        "a=ssrc-group:FID 1 2",
        "a=ssrc:4294967295 cname:x",
        "a=candidate:1 1 udp 1 127.0.0.1 9 typ host",
        "a=fingerprint:sha-1 00:11",
        "a=setup:holdconn",
        "a=group:BUNDLE 0 0 0",
        "a=simulcast:send 1;2",
        "a=rid:1 send",
    )
)
