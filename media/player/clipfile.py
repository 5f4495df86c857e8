"""Clips on disk: the one place that knows the layout of a `.clip` file. Read once at start, checked whole, bounded.

    magic "VVCLIP\\r\\n", version u8, CRC-32 u32 of all that follows
    name, language (each: length u8, ASCII), duration in ms u32, number of tracks u8, then for each track
        codec name (length u8, ASCII), clock rate in Hz u32, number of packets u32, then for each packet
            due in ms u32, RTP ticks u32, flags u8 (1 marker, 2 key frame), length u16, payload

All integers are big-endian. It knows no sending and no codec.
"""

import struct
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Final
from zlib import crc32

from media.player.clip import MAX_PAYLOAD_BYTES, Clip, ClipPacket, ClipTrack

MAGIC: Final = b"VVCLIP\r\n"
VERSION: Final = 1
SUFFIX: Final = ".clip"
MAX_FILE_BYTES: Final = 16 * 1024 * 1024
MAX_TRACKS: Final = 8
MAX_PACKETS: Final = 200_000
MAX_DURATION_MS: Final = 10 * 60 * 1000

_HEAD = struct.Struct(">BI")
_COUNTS = struct.Struct(">IB")
_TRACK = struct.Struct(">II")
_PACKET = struct.Struct(">IIBH")
_MARKER, _KEY_FRAME = 1, 2


class ClipDamaged(ValueError):
    """Bytes that are no whole, consistent clip. The text says what is wrong."""


def encode_clip(clip: Clip) -> bytes:
    """The file's bytes. Raises ClipDamaged for a clip that `decode_clip` would refuse."""
    _check(clip)
    parts = [_text(clip.name), _text(clip.language), _COUNTS.pack(clip.duration_ms, len(clip.tracks))]
    for track in clip.tracks:
        parts += [_text(track.codec_name), _TRACK.pack(track.clock_rate_hz, len(track.packets))]
        for packet in track.packets:
            flags = (_MARKER if packet.marker else 0) | (_KEY_FRAME if packet.key_frame else 0)
            parts += [_PACKET.pack(packet.due_ms, packet.rtp_ticks, flags, len(packet.payload)), packet.payload]
    body = b"".join(parts)
    if len(body) > MAX_FILE_BYTES - 64:
        raise ClipDamaged("the clip is too large")
    return MAGIC + _HEAD.pack(VERSION, crc32(body)) + body


def decode_clip(data: bytes) -> Clip:
    """The clip in a file's bytes. Raises ClipDamaged."""
    if len(data) > MAX_FILE_BYTES:
        raise ClipDamaged("the file is too large")
    start = len(MAGIC) + _HEAD.size
    if len(data) < start or not data.startswith(MAGIC):
        raise ClipDamaged("not a clip")
    version, crc = _HEAD.unpack_from(data, len(MAGIC))
    if version != VERSION:
        raise ClipDamaged(f"clip version {version} is not known here")
    if crc32(data[start:]) != crc:
        raise ClipDamaged("the clip is damaged")
    cursor = _Cursor(data, start)
    try:
        clip = _clip(cursor)
    except ClipDamaged:
        raise
    except (struct.error, ValueError) as error:  # ValueError: not ASCII, or what Clip itself refuses
        raise ClipDamaged(str(error)) from error
    if cursor.at != len(data):
        raise ClipDamaged("there is more in the file than the clip")
    _check(clip)
    return clip


def load_clip(path: Path) -> Clip:
    """Read one file. Raises ClipDamaged, or OSError when it can't be read."""
    with path.open("rb") as file:
        return decode_clip(file.read(MAX_FILE_BYTES + 1))


def load_clips(folder: Path | None = None) -> dict[tuple[str, str], Clip]:
    """Every clip in `folder` (by default those that come with the product) by (name, language).

    Raises ClipDamaged naming the file, or OSError.
    """
    clips: dict[tuple[str, str], Clip] = {}
    for path in _clip_files(folder or Path(str(files("media.player") / "assets"))):
        try:
            clip = load_clip(path)
        except ClipDamaged as error:
            raise ClipDamaged(f"{path.name}: {error}") from error
        clips[clip.name, clip.language] = clip
    return clips


def _clip_files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.iterdir()) if path.suffix == SUFFIX and path.is_file())


def _text(text: str) -> bytes:
    data = text.encode("ascii")
    return bytes((len(data),)) + data


class _Cursor:
    """Where reading has come to; every read is checked against the end by `struct` or here."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data = data
        self.at = at

    def take(self, length: int) -> bytes:
        end = self.at + length
        if end > len(self._data):
            raise ClipDamaged("the clip ends too early")
        data, self.at = self._data[self.at : end], end
        return data

    def text(self) -> str:
        return self.take(self.take(1)[0]).decode("ascii")


def _clip(cursor: _Cursor) -> Clip:
    name, language = cursor.text(), cursor.text()
    duration_ms, track_count = _COUNTS.unpack(cursor.take(_COUNTS.size))
    if track_count > MAX_TRACKS:
        raise ClipDamaged("too many tracks")
    return Clip(name, language, duration_ms, tuple(_track(cursor) for _ in range(track_count)))


def _track(cursor: _Cursor) -> ClipTrack:
    codec_name = cursor.text()
    clock_rate_hz, count = _TRACK.unpack(cursor.take(_TRACK.size))
    if count > MAX_PACKETS:
        raise ClipDamaged("too many packets")
    return ClipTrack(codec_name, clock_rate_hz, tuple(_packet(cursor) for _ in range(count)))


def _packet(cursor: _Cursor) -> ClipPacket:
    due_ms, rtp_ticks, flags, length = _PACKET.unpack(cursor.take(_PACKET.size))
    return ClipPacket(
        due_ms=due_ms,
        rtp_ticks=rtp_ticks,
        marker=bool(flags & _MARKER),
        payload=cursor.take(length),
        key_frame=bool(flags & _KEY_FRAME),
    )


def _check(clip: Clip) -> None:
    """What the pacer relies on, so that it need not look again."""
    for text in (clip.name, clip.language, *(track.codec_name for track in clip.tracks)):
        if not (text.isascii() and text.isprintable() and 0 < len(text) <= 32):
            raise ClipDamaged("a name is empty, too long or no printable ASCII")
    if not 0 < clip.duration_ms <= MAX_DURATION_MS:
        raise ClipDamaged("the duration is 0 or over ten minutes")
    if len(clip.tracks) > MAX_TRACKS or len({track.codec_name for track in clip.tracks}) != len(clip.tracks):
        raise ClipDamaged("too many tracks, or two of one codec")
    for track in clip.tracks:
        _check_track(track, clip.duration_ms)


def _check_track(track: ClipTrack, duration_ms: int) -> None:
    if not 8000 <= track.clock_rate_hz <= 192_000 or not 0 < len(track.packets) <= MAX_PACKETS:
        raise ClipDamaged("a track has no packets, too many, or no sensible clock rate")
    if track.codec_name != "OPUS" and not track.packets[0].key_frame:
        raise ClipDamaged("a video track does not begin with a key frame")
    due_ms = ticks = 0
    for packet in track.packets:
        if not due_ms <= packet.due_ms < duration_ms or packet.rtp_ticks < ticks:
            raise ClipDamaged("the packets are not in order, or later than the clip's end")
        if not 0 < len(packet.payload) <= MAX_PAYLOAD_BYTES:
            raise ClipDamaged("a payload is empty or too long for a packet")
        due_ms, ticks = packet.due_ms, packet.rtp_ticks
    if ticks * 1000 > duration_ms * track.clock_rate_hz:
        raise ClipDamaged("the media runs past the clip's end")
