"""Writes descriptions from agreed values: the one place that knows how our SDP looks (RFC 9429 §5.2.1, §5.3.1)."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from media.port import Kind
from media.sdp.description import Codec, Section

PROTOCOL: Final = "UDP/TLS/RTP/SAVPF"

_STREAM_IDS: Final = {Kind.AUDIO: "main", Kind.VIDEO: "main", Kind.SCREEN: "screen"}
"""Sound and picture share a stream, so that a browser plays them in step; the screen is one of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalTransport:
    """What a description says of our side of the one transport."""

    ufrag: str
    password: str
    fingerprint: str  # sha-256, "AB:CD:…"
    candidates: tuple[tuple[str, int], ...]  # host candidates, best first
    setup: str  # actpass, active, passive
    ice_lite: bool
    session_id: int  # RFC 8866 §5.2: numeric, unique
    max_bitrate_bps: int | None = None  # per video section


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedSection:
    """A section of the offer that the answer refuses: it keeps its place with port 0 (RFC 3264 §6)."""

    media: str
    protocol: str
    formats: tuple[str, ...]
    mid: str


def description(sections: Iterable[Section | RefusedSection], local: LocalTransport) -> str:
    """The whole text. Sections keep their order; the first accepted one carries the candidates (RFC 9143 §7.1.3)."""
    listed = list(sections)
    accepted = [each for each in listed if isinstance(each, Section)]
    lines = ["v=0", f"o=- {local.session_id} 1 IN IP4 127.0.0.1", "s=-", "t=0 0"]
    if local.ice_lite:
        lines.append("a=ice-lite")
    lines.append(" ".join(["a=group:BUNDLE", *(each.mid for each in accepted)]))
    lines.append("a=msid-semantic:WMS *")
    for each in listed:
        if isinstance(each, Section):
            lines += _section(each, local, first=each is accepted[0])
        else:
            lines += _refused(each)
    return "\r\n".join(lines) + "\r\n"


def _refused(section: RefusedSection) -> list[str]:
    lines = [f"m={section.media} 0 {section.protocol} {' '.join(section.formats)}", "c=IN IP4 0.0.0.0", "a=inactive"]
    return [*lines, f"a=mid:{section.mid}"] if section.mid else lines


def _section(section: Section, local: LocalTransport, *, first: bool) -> list[str]:
    media = "audio" if section.kind is Kind.AUDIO else "video"
    types = [pt for codec in section.codecs for pt in (codec.payload_type, codec.rtx_payload_type) if pt is not None]
    lines = [f"m={media} 9 {PROTOCOL} {' '.join(map(str, types))}", "c=IN IP4 0.0.0.0"]
    if media == "video" and local.max_bitrate_bps is not None:
        lines += [f"b=AS:{local.max_bitrate_bps // 1000}", f"b=TIAS:{local.max_bitrate_bps}"]
    if first:
        lines += [_candidate(number, each) for number, each in enumerate(local.candidates)]
        lines.append("a=end-of-candidates")
    lines += [
        f"a=ice-ufrag:{local.ufrag}",
        f"a=ice-pwd:{local.password}",
        f"a=fingerprint:sha-256 {local.fingerprint}",
        f"a=setup:{local.setup}",
        f"a=mid:{section.mid}",
        f"a={_direction(section)}",
        "a=rtcp-mux",
    ]
    if section.reduced_size:
        lines.append("a=rtcp-rsize")
    lines += [f"a=extmap:{number} {uri}" for uri, number in sorted(section.extensions.items(), key=lambda x: x[1])]
    for codec in section.codecs:
        lines += _codec(codec)
    if section.peer_receives and section.local_ssrc:
        lines += _sources(section)
    return lines


def _direction(section: Section) -> str:
    """Ours: we send what the peer receives."""
    if section.peer_receives:
        return "sendrecv" if section.peer_sends else "sendonly"
    return "recvonly" if section.peer_sends else "inactive"


def _codec(codec: Codec) -> list[str]:
    name = {"OPUS": "opus", "TELEPHONE-EVENT": "telephone-event"}.get(codec.name, codec.name)
    channels = f"/{codec.channels}" if codec.channels > 1 else ""
    lines = [f"a=rtpmap:{codec.payload_type} {name}/{codec.clock_rate_hz}{channels}"]
    lines += [f"a=rtcp-fb:{codec.payload_type} {each}" for each in sorted(codec.feedback)]
    if codec.fmtp:
        lines.append(f"a=fmtp:{codec.payload_type} {codec.fmtp}")
    if codec.rtx_payload_type is not None:
        lines.append(f"a=rtpmap:{codec.rtx_payload_type} rtx/{codec.clock_rate_hz}")
        lines.append(f"a=fmtp:{codec.rtx_payload_type} apt={codec.payload_type}")
    return lines


def _sources(section: Section) -> list[str]:
    """Our SSRCs, with msid, so that the browser makes a track per section before any packet comes (RFC 8830)."""
    msid = f"{_STREAM_IDS[section.kind]} {section.kind.value}"
    lines = [f"a=msid:{msid}"]
    ssrcs = [section.local_ssrc]
    if section.local_rtx_ssrc:
        ssrcs.append(section.local_rtx_ssrc)
        lines.append(f"a=ssrc-group:FID {section.local_ssrc} {section.local_rtx_ssrc}")
    for ssrc in ssrcs:
        lines += [f"a=ssrc:{ssrc} cname:{section.cname}", f"a=ssrc:{ssrc} msid:{msid}"]
    return lines


def _candidate(number: int, address: tuple[str, int]) -> str:
    """A host candidate (RFC 8445 §5.1.2.1: type preference 126, local preference falling with the order)."""
    priority = (126 << 24) | ((65535 - number) << 8) | 255
    return f"a=candidate:{number + 1} 1 udp {priority} {address[0]} {address[1]} typ host"
