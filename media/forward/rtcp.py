"""RTCP as bytes and as plain values: RFC 3550 §6, RFC 4585 (NACK, PLI), RFC 5104 (FIR), draft-alvestrand-rmcat-remb-03.

Parsing checks every length before reading, so a hostile compound costs its own packet and nothing else. Knows no leg.
"""

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

SR, RR, SDES, BYE, APP, RTPFB, PSFB = 200, 201, 202, 203, 204, 205, 206
FMT_NACK, FMT_PLI, FMT_FIR, FMT_REMB, FMT_TRANSPORT = 1, 1, 4, 15, 15
MAX_NACKED = 512
"""Sequence numbers taken from one compound: as many as a ring holds. The rest is ignored."""

NTP_UNIX_OFFSET_S = 2_208_988_800
_U32 = 0xFFFFFFFF
_HEAD = struct.Struct("!BBH")
_SENDER_INFO = struct.Struct("!IQIII")
_BLOCK = struct.Struct("!IIIIII")
_TWO = struct.Struct("!II")
_NACK_ITEM = struct.Struct("!HH")


class MalformedRtcp(Exception):
    """The compound breaks its own lengths. The whole compound is dropped."""


@dataclass(frozen=True, slots=True)
class SenderReport:
    """`ntp` is the 64-bit NTP timestamp (RFC 3550 §6.4.1) of the sender's clock."""

    ssrc: int
    ntp: int
    rtp_timestamp: int


@dataclass(frozen=True, slots=True)
class ReportBlock:
    """What the peer says of one of our streams. `lsr` and `dlsr` in units of 1/65536 s."""

    ssrc: int
    fraction_lost: int
    cumulative_lost: int
    highest_sequence: int
    jitter_ticks: int
    lsr: int
    dlsr: int


@dataclass(frozen=True, slots=True)
class Nack:
    media_ssrc: int
    sequences: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class KeyFrameRequest:
    """A PLI or a FIR: for the stream's receiver they ask for the same."""

    media_ssrc: int


@dataclass(frozen=True, slots=True)
class Remb:
    """The most the peer wants to receive, of everything in `ssrcs` together."""

    bitrate_bps: int
    ssrcs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Transport:
    """Transport-wide feedback, unread: `media.forward.twcc` reads `body`."""

    body: bytes


@dataclass(frozen=True, slots=True)
class Bye:
    ssrcs: tuple[int, ...]


Item = SenderReport | ReportBlock | Nack | KeyFrameRequest | Remb | Transport | Bye


def ntp64(unix_s: float) -> int:
    """Unix seconds as a 64-bit NTP timestamp."""
    return int((unix_s + NTP_UNIX_OFFSET_S) * 4294967296) & 0xFFFFFFFFFFFFFFFF


def ntp_to_unix_s(ntp: int) -> float:
    return ntp / 4294967296 - NTP_UNIX_OFFSET_S


# ---------------------------------------------------------------- reading


def parse(buffer: bytearray | bytes, length: int) -> list[Item]:
    """What `buffer[:length]` asks and tells, in its order. Types not used here are skipped.

    Reduced-size packets (RFC 5506) are accepted. Raises MalformedRtcp and nothing else.
    """
    items: list[Item] = []
    at = 0
    if length < 8:
        raise MalformedRtcp("shorter than any RTCP packet")
    while at < length:
        if at + 4 > length:
            raise MalformedRtcp("a header is cut off")
        first, kind, words = _HEAD.unpack_from(buffer, at)
        end = at + 4 * (words + 1)
        if first & 0xC0 != 0x80:
            raise MalformedRtcp("not version 2")
        if end > length:
            raise MalformedRtcp("a packet is longer than the compound")
        body_end = end
        if first & 0x20:
            padding = buffer[end - 1]
            if end != length or padding == 0 or padding > end - at - 4:  # browsers pad feedback by less than a word
                raise MalformedRtcp("impossible padding")
            body_end -= padding
        _read_packet(items, buffer, at + 4, body_end, kind, first & 0x1F)
        at = end
    return items


def _read_packet(items: list[Item], buffer: bytearray | bytes, at: int, end: int, kind: int, count: int) -> None:
    if kind == SR:
        if end - at < 24:
            raise MalformedRtcp("a sender report is cut off")
        ssrc, ntp, timestamp, _, _ = _SENDER_INFO.unpack_from(buffer, at)
        items.append(SenderReport(ssrc, ntp, timestamp))
        _read_blocks(items, buffer, at + 24, end, count)
    elif kind == RR:
        if end - at < 4:
            raise MalformedRtcp("a receiver report is cut off")
        _read_blocks(items, buffer, at + 4, end, count)
    elif kind == BYE:
        if end - at < 4 * count:
            raise MalformedRtcp("a goodbye is cut off")
        items.append(Bye(struct.unpack_from(f"!{count}I", buffer, at)))
    elif kind in (RTPFB, PSFB):
        if end - at < 8:
            raise MalformedRtcp("a feedback message is cut off")
        _read_feedback(items, buffer, at, end, kind, count)


def _read_blocks(items: list[Item], buffer: bytearray | bytes, at: int, end: int, count: int) -> None:
    if end - at < 24 * count:
        raise MalformedRtcp("a report block is cut off")
    for start in range(at, at + 24 * count, 24):
        ssrc, loss, highest, jitter, lsr, dlsr = _BLOCK.unpack_from(buffer, start)
        cumulative = loss & 0xFFFFFF
        if cumulative & 0x800000:
            cumulative -= 0x1000000
        items.append(ReportBlock(ssrc, loss >> 24, cumulative, highest, jitter, lsr, dlsr))


def _read_feedback(items: list[Item], buffer: bytearray | bytes, at: int, end: int, kind: int, fmt: int) -> None:
    media_ssrc: int = _TWO.unpack_from(buffer, at)[1]
    body = at + 8
    if kind == RTPFB:
        if fmt == FMT_NACK:
            if (end - body) % 4 or end == body:
                raise MalformedRtcp("a NACK is cut off")
            items.append(Nack(media_ssrc, _nacked(buffer, body, end)))
        elif fmt == FMT_TRANSPORT:
            items.append(Transport(bytes(buffer[body:end])))
    elif fmt == FMT_PLI:
        items.append(KeyFrameRequest(media_ssrc))
    elif fmt == FMT_FIR:
        if (end - body) % 8 or end == body:
            raise MalformedRtcp("a FIR is cut off")
        items.extend(KeyFrameRequest(_TWO.unpack_from(buffer, entry)[0]) for entry in range(body, end, 8))
    elif fmt == FMT_REMB and buffer[body : body + 4] == b"REMB":
        if end - body < 8:
            raise MalformedRtcp("a REMB is cut off")
        count = buffer[body + 4]
        if end - body < 8 + 4 * count:
            raise MalformedRtcp("a REMB has fewer SSRCs than it says")
        mantissa = (buffer[body + 5] & 0x03) << 16 | buffer[body + 6] << 8 | buffer[body + 7]
        ssrcs = struct.unpack_from(f"!{count}I", buffer, body + 8)
        items.append(Remb(mantissa << (buffer[body + 5] >> 2), ssrcs))


def _nacked(buffer: bytearray | bytes, at: int, end: int) -> tuple[int, ...]:
    found: list[int] = []
    for start in range(at, end, 4):
        first, mask = _NACK_ITEM.unpack_from(buffer, start)
        found.append(first)
        if mask:
            found.extend((first + bit + 1) & 0xFFFF for bit in range(16) if mask >> bit & 1)
        if len(found) >= MAX_NACKED:
            return tuple(found[:MAX_NACKED])
    return tuple(found)


# ---------------------------------------------------------------- writing


def _packet(kind: int, count: int, body: bytes) -> bytes:
    return _HEAD.pack(0x80 | count, kind, len(body) // 4) + body


def block(report: ReportBlock) -> bytes:
    """One report block; every field is held within its width (RFC 3550 §6.4.1, appendix A.3)."""
    lost = max(-0x800000, min(0x7FFFFF, report.cumulative_lost)) & 0xFFFFFF
    return _BLOCK.pack(
        report.ssrc,
        min(255, report.fraction_lost) << 24 | lost,
        report.highest_sequence & _U32,
        min(_U32, report.jitter_ticks),
        report.lsr & _U32,
        min(_U32, report.dlsr),
    )


def sender_report(report: SenderReport, packets: int, octets: int, blocks: Sequence[bytes] = ()) -> bytes:
    """An SR with at most 31 report blocks."""
    info = _SENDER_INFO.pack(report.ssrc, report.ntp, report.rtp_timestamp & _U32, packets & _U32, octets & _U32)
    return _packet(SR, len(blocks), info + b"".join(blocks))


def receiver_report(ssrc: int, blocks: Sequence[bytes] = ()) -> bytes:
    return _packet(RR, len(blocks), ssrc.to_bytes(4, "big") + b"".join(blocks))


def description(ssrcs: Iterable[int], cname: str) -> bytes:
    """An SDES that gives every SSRC the same CNAME (at most 255 bytes of UTF-8)."""
    name = cname.encode()[:255]
    chunks = b""
    count = 0
    for ssrc in ssrcs:
        chunk = ssrc.to_bytes(4, "big") + bytes((1, len(name))) + name + b"\0"
        chunks += chunk + bytes(-len(chunk) % 4)
        count += 1
    return _packet(SDES, count, chunks)


def nack(sender_ssrc: int, media_ssrc: int, sequences: Sequence[int]) -> bytes:
    """A generic NACK for sequence numbers in ascending order (modulo 2^16)."""
    items: list[tuple[int, int]] = []
    for sequence in sequences:
        if items and 0 < (distance := (sequence - items[-1][0]) & 0xFFFF) <= 16:
            items[-1] = (items[-1][0], items[-1][1] | 1 << (distance - 1))
        else:
            items.append((sequence, 0))
    body = b"".join(_NACK_ITEM.pack(first, mask) for first, mask in items)
    return _packet(RTPFB, FMT_NACK, _TWO.pack(sender_ssrc, media_ssrc) + body)


def picture_loss(sender_ssrc: int, media_ssrc: int) -> bytes:
    return _packet(PSFB, FMT_PLI, _TWO.pack(sender_ssrc, media_ssrc))


def full_intra_request(sender_ssrc: int, media_ssrc: int, command: int) -> bytes:
    """A FIR; `command` counts requests modulo 256, so that a repetition is known from a new one (RFC 5104 §4.3.1.1)."""
    return _packet(PSFB, FMT_FIR, _TWO.pack(sender_ssrc, 0) + _TWO.pack(media_ssrc, (command & 0xFF) << 24))


def bitrate_estimate(sender_ssrc: int, bitrate_bps: int, ssrcs: Sequence[int]) -> bytes:
    """A REMB over all `ssrcs`; the rate is rounded down to 18 significant bits."""
    exponent = max(0, bitrate_bps.bit_length() - 18)
    packed = len(ssrcs) << 24 | exponent << 18 | bitrate_bps >> exponent
    return _packet(
        PSFB,
        FMT_REMB,
        _TWO.pack(sender_ssrc, 0) + b"REMB" + packed.to_bytes(4, "big") + struct.pack(f"!{len(ssrcs)}I", *ssrcs),
    )


def goodbye(ssrcs: Sequence[int]) -> bytes:
    return _packet(BYE, len(ssrcs), struct.pack(f"!{len(ssrcs)}I", *ssrcs))
