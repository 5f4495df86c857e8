"""The capture on disk, byte by byte: the one place that knows the layout (docs/developer/capture-format.md).

A capture is an append-only file: a header, then records, each with its own length and CRC-32, so that a reader can stop
at the first byte that was not written whole. It knows nothing of files, threads or codecs.

    header  magic "VVCAP\\r\\n\\x1a", version u8, id length u8, id (ASCII), salt u32, CRC-32 u32 of all before it
    record  body length u16, CRC-32 u32 of the body begun at the salt, body
    body    type u8, track u16 (0 where none), time f64 (Unix seconds on the media host), then by type

All integers are big-endian. A body is never empty, so a run of zeros (a torn block after power loss) is no record.
The salt is random for each capture: what a peer sends can't pass for a record, whatever bytes it holds, so a reader may
look for the next record behind a damaged block. Version 1 had no salt.
"""

import struct
from dataclasses import dataclass
from enum import IntEnum
from zlib import crc32

MAGIC = b"VVCAP\r\n\x1a"
VERSION = 2
FILE_NAME = "capture.vvc"
MAX_CAPTURES = 64
"""Captures of one recording: the media process may die so often before its recording is given up."""

MAX_BODY_BYTES = 4096
"""No record body is longer: an RTP packet is at most 1500 bytes, texts are cut."""

MAX_NAME_BYTES = 64
MAX_DETAIL_BYTES = 1024
MAX_TRACKS = 1024


class RecordType(IntEnum):
    """What a record's body holds after type, track and time."""

    TRACK = 1
    RTP = 2
    SENDER_REPORT = 3
    MARK = 4
    DROPPED = 5
    END = 6


FRAME = struct.Struct(">HI")  # body length, CRC-32 of the body
BODY = struct.Struct(">BHd")  # type, track, time
FRAME_AND_BODY = struct.Struct(">HIBHd")
CRC = struct.Struct(">I")
CRC_OFFSET = 2
_TRACK = struct.Struct(">II")  # SSRC, clock rate
_REPORT = struct.Struct(">IdI")  # SSRC, NTP seconds, RTP timestamp
_COUNT = struct.Struct(">Q")


class CaptureDamaged(ValueError):
    """Bytes that are no header or no record of a capture."""


@dataclass(frozen=True, slots=True)
class TrackOpened:
    """Packets with this track number are of that role, kind and codec from now on."""

    track: int
    at_s: float
    role: str
    kind: str
    codec_name: str
    clock_rate_hz: int
    ssrc: int
    leg: str
    """Tracks with the same leg were sent by one browser: their sender reports share a clock. May be empty."""
    orientation_id: int = 0
    """The header extension (RFC 8285) that says how a picture is to be turned; 0 when none was agreed on."""


@dataclass(frozen=True, slots=True)
class RtpCaptured:
    """One RTP packet as it arrived, decrypted, header and all. Of a telephone event only the header is kept."""

    track: int
    at_s: float
    packet: bytes


@dataclass(frozen=True, slots=True)
class SenderReportCaptured:
    """RFC 3550 § 6.4.1: the sender's clock said `ntp_s` when its media clock said `rtp_timestamp`."""

    track: int
    at_s: float
    ssrc: int
    ntp_s: float
    rtp_timestamp: int


@dataclass(frozen=True, slots=True)
class MarkSet:
    """Something that happened beside the packets: consent, hold, pause, transfer, or `failed` by the writer itself."""

    at_s: float
    name: str
    detail: str


@dataclass(frozen=True, slots=True)
class PacketsDropped:
    """The disk was too slow: `count` packets never reached it, just before this record."""

    at_s: float
    count: int


@dataclass(frozen=True, slots=True)
class CaptureEnded:
    """The capture was closed in order. A capture without this record was cut (a crash, a full disk)."""

    at_s: float
    packets: int


Record = TrackOpened | RtpCaptured | SenderReportCaptured | MarkSet | PacketsDropped | CaptureEnded


# ---------------------------------------------------------------- encoding


def capture_name(number: int) -> str:
    """The file of a recording's `number`-th capture, from 1: `capture.vvc`, `capture-2.vvc`, …"""
    return FILE_NAME if number == 1 else f"capture-{number}.vvc"


@dataclass(frozen=True, slots=True)
class Header:
    """What a capture begins with. `salt` is None in captures of version 1, whose checksums begin at nothing."""

    recording_id: str
    salt: int | None
    size_bytes: int


def encode_header(recording_id: str, salt: int = 0) -> bytes:
    """The bytes a capture begins with. Raises ValueError when the id is not 1 to 64 ASCII characters."""
    name = recording_id.encode("ascii")
    if not 0 < len(name) <= MAX_NAME_BYTES:
        raise ValueError("a recording id has 1 to 64 ASCII characters")
    head = MAGIC + bytes((VERSION, len(name))) + name + CRC.pack(salt)
    return head + CRC.pack(crc32(head))


def decode_header(data: bytes) -> Header:
    """Raises CaptureDamaged."""
    fixed = len(MAGIC) + 2
    if len(data) < fixed or data[: len(MAGIC)] != MAGIC:
        raise CaptureDamaged("not a capture")
    version = data[len(MAGIC)]
    if not 1 <= version <= VERSION:
        raise CaptureDamaged(f"capture version {version} is not known here")
    end_of_id = fixed + data[fixed - 1]
    end = end_of_id if version == 1 else end_of_id + CRC.size
    if len(data) < end + CRC.size or CRC.unpack_from(data, end)[0] != crc32(data[:end]):
        raise CaptureDamaged("the capture's header is damaged")
    salt = None if version == 1 else CRC.unpack_from(data, end_of_id)[0]
    try:
        return Header(data[fixed:end_of_id].decode("ascii"), salt, end + CRC.size)
    except UnicodeDecodeError as error:
        raise CaptureDamaged("the capture's id is not ASCII") from error


def _framed(body: bytes, salt: int) -> bytes:
    return FRAME.pack(len(body), crc32(body, salt)) + body


def _text(value: str, limit_bytes: int) -> bytes:
    """`value` in UTF-8 with its length before it, cut to `limit_bytes` at a character's border."""
    data = value.encode("utf-8", "replace")[:limit_bytes].decode("utf-8", "ignore").encode("utf-8")
    return struct.pack(">H", len(data)) + data


def encode_track(opened: TrackOpened, salt: int = 0) -> bytes:
    """A framed TRACK record; texts over 64 bytes are cut."""
    texts = (opened.role, opened.kind, opened.codec_name, opened.leg)
    return _framed(
        BODY.pack(RecordType.TRACK, opened.track, opened.at_s)
        + _TRACK.pack(opened.ssrc & 0xFFFFFFFF, opened.clock_rate_hz)
        + b"".join(_text(text, MAX_NAME_BYTES) for text in texts)
        + bytes((opened.orientation_id & 0xFF,)),
        salt,
    )


def encode_report(report: SenderReportCaptured, salt: int = 0) -> bytes:
    return _framed(
        BODY.pack(RecordType.SENDER_REPORT, report.track, report.at_s)
        + _REPORT.pack(report.ssrc & 0xFFFFFFFF, report.ntp_s, report.rtp_timestamp & 0xFFFFFFFF),
        salt,
    )


def encode_mark(mark: MarkSet, salt: int = 0) -> bytes:
    """A framed MARK record; a name over 64 bytes or a detail over 1024 bytes is cut."""
    return _framed(
        BODY.pack(RecordType.MARK, 0, mark.at_s)
        + _text(mark.name, MAX_NAME_BYTES)
        + _text(mark.detail, MAX_DETAIL_BYTES),
        salt,
    )


def encode_dropped(dropped: PacketsDropped, salt: int = 0) -> bytes:
    return _framed(BODY.pack(RecordType.DROPPED, 0, dropped.at_s) + _COUNT.pack(dropped.count), salt)


def encode_end(end: CaptureEnded, salt: int = 0) -> bytes:
    return _framed(BODY.pack(RecordType.END, 0, end.at_s) + _COUNT.pack(end.packets), salt)


def encode_rtp(captured: RtpCaptured, salt: int = 0) -> bytes:
    """A framed RTP record. The writer does the same in place (`CaptureWriter.write_rtp`); a test compares both."""
    return _framed(BODY.pack(RecordType.RTP, captured.track, captured.at_s) + captured.packet, salt)


# ---------------------------------------------------------------- decoding


def _take_text(body: bytes, offset: int) -> tuple[str, int]:
    (length,) = struct.unpack_from(">H", body, offset)
    end = offset + 2 + length
    if end > len(body):
        raise CaptureDamaged("a text runs over the end of its record")
    return body[offset + 2 : end].decode("utf-8"), end


def decode_body(body: bytes) -> Record:
    """The record in a body whose CRC-32 was right. Raises CaptureDamaged for one this version does not know."""
    try:
        kind, track, at_s = BODY.unpack_from(body)
        if kind == RecordType.RTP:
            return RtpCaptured(track, at_s, body[BODY.size :])
        if kind == RecordType.SENDER_REPORT:
            ssrc, ntp_s, rtp_timestamp = _REPORT.unpack_from(body, BODY.size)
            return SenderReportCaptured(track, at_s, ssrc, ntp_s, rtp_timestamp)
        if kind == RecordType.TRACK:
            ssrc, clock_rate_hz = _TRACK.unpack_from(body, BODY.size)
            texts, offset = [], BODY.size + _TRACK.size
            for _ in range(4):
                text, offset = _take_text(body, offset)
                texts.append(text)
            role, media_kind, codec_name, leg = texts
            orientation_id = body[offset] if offset < len(body) else 0  # older captures end with the texts
            return TrackOpened(track, at_s, role, media_kind, codec_name, clock_rate_hz, ssrc, leg, orientation_id)
        if kind == RecordType.MARK:
            name, offset = _take_text(body, BODY.size)
            detail, _ = _take_text(body, offset)
            return MarkSet(at_s, name, detail)
        if kind == RecordType.DROPPED:
            return PacketsDropped(at_s, _COUNT.unpack_from(body, BODY.size)[0])
        if kind == RecordType.END:
            return CaptureEnded(at_s, _COUNT.unpack_from(body, BODY.size)[0])
    except (struct.error, UnicodeDecodeError) as error:
        raise CaptureDamaged("a record is too short or not text") from error
    raise CaptureDamaged(f"record type {kind} is not known here")
