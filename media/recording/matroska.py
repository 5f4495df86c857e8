"""Writes Matroska and WebM (RFC 9559): frames in, a seekable file out, with the head filled in at the end.

What a track is (its size, its channels, its parameter sets) is only known once all frames were seen, so room for the
head is kept at the front and written last. Memory holds one cluster and the cue points. The same frames give the same
bytes. It knows no packet and no clock: times are milliseconds from the start of the file, already in order per track.
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import BinaryIO, Final

HEAD_BYTES: Final = 16 * 1024
"""Room kept for everything before the first cluster; parameter sets are the largest part of it."""

CLUSTER_MS: Final = 5000
CLUSTER_BYTES: Final = 2 * 1024 * 1024
MIN_CLUSTER_MS: Final = 500
"""A key frame begins a new cluster, but a flood of key frames does not."""

MAX_BLOCK_OFFSET_MS: Final = 30_000  # a block's time is 16 bits beside its cluster's

_EBML, _SEGMENT, _SEEK_HEAD, _INFO, _TRACKS, _CLUSTER, _CUES, _CHAPTERS, _TAGS, _VOID = (
    0x1A45DFA3,
    0x18538067,
    0x114D9B74,
    0x1549A966,
    0x1654AE6B,
    0x1F43B675,
    0x1C53BB6B,
    0x1043A770,
    0x1254C367,
    0xEC,
)
_MUXER: Final = "vis-a-vis"
_EPOCH_2001_S: Final = 978_307_200


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackEntry:
    """What the head says of a track. `number` counts from 1; sizes are 0 for audio, channels 0 for video.

    `rotation_deg`: 0, 90, 180 or 270, how far a player turns the picture clockwise; sizes are those before it does.
    """

    number: int
    name: str
    codec_name: str  # OPUS, VP8, H264
    private: bytes = b""
    channels: int = 0
    width: int = 0
    height: int = 0
    rotation_deg: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What the file says of itself. `language` is BCP 47, empty when unknown; `chapters` are (start, end, title)."""

    title: str = ""
    language: str = ""
    language_639_2: str = "und"
    tags: Sequence[tuple[str, str]] = ()
    chapters: Sequence[tuple[int, int, str]] = ()


_CODEC_IDS: Final = {"OPUS": "A_OPUS", "VP8": "V_VP8", "H264": "V_MPEG4/ISO/AVC"}


class HeadTooLarge(ValueError):
    """The tracks' descriptions don't fit into the room kept for them."""


def opus_head(channels: int) -> bytes:
    """The identification header (RFC 7845 § 5.1) that is an Opus track's CodecPrivate."""
    return b"OpusHead" + struct.pack("<BBHIhB", 1, channels, 0, 48000, 0, 0)


def _size(length: int) -> bytes:
    """A length as a variable-size integer (RFC 8794 § 4), as short as it can be."""
    for width in range(1, 9):
        if length < (1 << (7 * width)) - 1:
            return (length | 1 << (7 * width)).to_bytes(width, "big")
    raise ValueError("an element this large can't be written")


def _element(ident: int, content: bytes) -> bytes:
    return ident.to_bytes((ident.bit_length() + 7) // 8, "big") + _size(len(content)) + content


def _unsigned(ident: int, value: int) -> bytes:
    return _element(ident, value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big"))


def _text(ident: int, value: str) -> bytes:
    return _element(ident, value.encode("utf-8"))


def _float(ident: int, value: float) -> bytes:
    return _element(ident, struct.pack(">d", value))


def _projection(rotation_deg: int) -> bytes:
    """A Projection (RFC 9559 § 5.1.4.1.28.41) that turns a flat picture clockwise; nothing for one that is upright.

    ProjectionPoseRoll counts the other way round, from -180 to 180.
    """
    if not rotation_deg:
        return b""
    roll_deg = float(-rotation_deg if rotation_deg <= 180 else 360 - rotation_deg)
    return _element(0x7670, _unsigned(0x7671, 0) + _float(0x7675, roll_deg))


def _chapters(about: About) -> bytes:
    """One edition (RFC 9559 § 5.1.7); empty without chapters, because an edition must hold one."""
    atoms = b"".join(
        _element(
            0xB6,
            _unsigned(0x73C4, number)
            + _unsigned(0x91, start_ms * 1_000_000)
            + _unsigned(0x92, end_ms * 1_000_000)
            + _element(0x80, _text(0x85, title) + _text(0x437C, about.language_639_2)),
        )
        for number, (start_ms, end_ms, title) in enumerate(about.chapters, start=1)
    )
    return _element(_CHAPTERS, _element(0x45B9, _unsigned(0x45DB, 1) + atoms)) if atoms else b""


def _tags(about: About, started_at_s: float) -> bytes:
    """Tags of the whole file (RFC 9559 § 5.1.8), with the names players know."""
    if not about.tags:
        return b""
    when = datetime.fromtimestamp(started_at_s, UTC).strftime("%Y-%m-%d %H:%M:%S")
    simple = b"".join(
        _element(0x67C8, _text(0x45A3, name) + _text(0x447A, "und") + _text(0x4487, value))
        for name, value in (("DATE_RECORDED", when), *about.tags)
    )
    return _element(_TAGS, _element(0x7373, _element(0x63C0, _unsigned(0x68CA, 50)) + simple))


class MatroskaWriter:
    """One file being written. `add_frame` in order of time per track, then `finish` once.

    Writes to `file` (seekable, empty) only; OSErrors of it are passed on. The file is complete after `finish`.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._file.write(bytes(HEAD_BYTES))
        self._blocks: list[bytes] = []
        self._blocks_bytes = 0
        self._cluster_ms: int | None = None
        self._cluster_cues: list[tuple[int, int]] = []  # (track, time) of key frames since the cluster began
        self._cues: list[tuple[int, int, int]] = []  # (time, track, cluster position)
        self._position = HEAD_BYTES
        self._end_ms = 0

    def add_frame(self, track: int, time_ms: int, data: bytes, *, key_frame: bool, cue: bool) -> None:
        """Append a frame. `cue`: a player may begin here (a video key frame, or sound where there is no video)."""
        if self._cluster_ms is None or self._is_due(time_ms, cue):
            self._flush_cluster()
            self._cluster_ms = time_ms
        block = struct.pack(">hB", time_ms - self._cluster_ms, 0x80 if key_frame else 0)
        block = _element(0xA3, _size(track) + block + data)
        if cue and (not self._cluster_cues or all(number != track for number, _ in self._cluster_cues)):
            self._cluster_cues.append((track, time_ms))
        self._blocks.append(block)
        self._blocks_bytes += len(block)
        self._end_ms = max(self._end_ms, time_ms)

    def _is_due(self, time_ms: int, cue: bool) -> bool:
        age_ms = time_ms - (self._cluster_ms or 0)
        return (
            age_ms >= CLUSTER_MS
            or age_ms < -MAX_BLOCK_OFFSET_MS
            or self._blocks_bytes >= CLUSTER_BYTES
            or (cue and age_ms >= MIN_CLUSTER_MS)
        )

    def _flush_cluster(self) -> None:
        if self._cluster_ms is None:
            return
        cluster = _element(_CLUSTER, _unsigned(0xE7, self._cluster_ms) + b"".join(self._blocks))
        self._file.write(cluster)
        self._cues += [(time_ms, track, self._position) for track, time_ms in self._cluster_cues]
        self._position += len(cluster)
        self._blocks, self._blocks_bytes, self._cluster_cues = [], 0, []

    def finish(
        self,
        tracks: Sequence[TrackEntry],
        *,
        web: bool,
        duration_ms: float,
        started_at_s: float,
        about: About | None = None,
    ) -> None:
        """Write the last cluster, what follows the clusters, and the head. `web`: every codec is one WebM allows.

        Raises HeadTooLarge when the tracks don't fit.
        """
        about = about or About()
        self._flush_cluster()
        head = self._start_of_file("webm" if web else "matroska")
        data_start = len(head) + 12  # after the Segment's id and its size in eight bytes
        positions: dict[int, int] = {}
        for ident, element in (
            (_CUES, self._cue_points(data_start)),
            (_CHAPTERS, _chapters(about)),
            (_TAGS, _tags(about, started_at_s)),
        ):
            if element:
                positions[ident] = self._position - data_start
                self._file.write(element)
                self._position += len(element)
        segment_size = self._position - data_start
        head += _SEGMENT.to_bytes(4, "big") + (segment_size | 1 << 56).to_bytes(8, "big")

        info = _element(
            _INFO,
            _unsigned(0x2AD7B1, 1_000_000)
            + _float(0x4489, duration_ms)
            + _element(0x4461, struct.pack(">q", round((started_at_s - _EPOCH_2001_S) * 1000) * 1_000_000))
            + (_text(0x7BA9, about.title) if about.title else b"")
            + _text(0x4D80, _MUXER)
            + _text(0x5741, _MUXER),
        )
        entries = _element(_TRACKS, b"".join(self._track_entry(track, about) for track in tracks))
        seeks = self._seek_head(len(info), len(entries), positions)
        head += seeks + info + entries
        spare = HEAD_BYTES - len(head) - 9
        if spare < 0:
            raise HeadTooLarge("the descriptions of the tracks are too large")
        head += _VOID.to_bytes(1, "big") + (spare | 1 << 56).to_bytes(8, "big") + bytes(spare)
        self._file.seek(0)
        self._file.write(head)
        self._file.flush()

    @staticmethod
    def _start_of_file(doc_type: str) -> bytes:
        return _element(
            _EBML,
            _unsigned(0x4286, 1)
            + _unsigned(0x42F7, 1)
            + _unsigned(0x42F2, 4)
            + _unsigned(0x42F3, 8)
            + _text(0x4282, doc_type)
            + _unsigned(0x4287, 4)
            + _unsigned(0x4285, 2),
        )

    def _cue_points(self, data_start: int) -> bytes:
        points = b"".join(
            _element(
                0xBB,
                _unsigned(0xB3, time_ms)
                + _element(0xB7, _unsigned(0xF7, track) + _unsigned(0xF1, position - data_start)),
            )
            for time_ms, track, position in sorted(self._cues)
        )
        return _element(_CUES, points) if points else b""

    @staticmethod
    def _seek_head(info_bytes: int, tracks_bytes: int, others: Mapping[int, int]) -> bytes:
        """Where Info, Tracks and the others are, from the start of the Segment's data. Positions take eight bytes."""

        def seek(ident: int, position: int) -> bytes:
            place = _element(0x53AC, position.to_bytes(8, "big"))
            return _element(0x4DBB, _element(0x53AB, ident.to_bytes(4, "big")) + place)

        def all_seeks(size: int) -> bytes:
            seeks = seek(_INFO, size) + seek(_TRACKS, size + info_bytes)
            return _element(_SEEK_HEAD, seeks + b"".join(seek(*other) for other in others.items()))

        return all_seeks(len(all_seeks(0)))

    @staticmethod
    def _track_entry(track: TrackEntry, about: About) -> bytes:
        audio = track.channels > 0
        entry = (
            _unsigned(0xD7, track.number)
            + _unsigned(0x73C5, track.number)
            + _unsigned(0x83, 2 if audio else 1)
            + _unsigned(0x9C, 0)
            + _text(0x536E, track.name)
            + _text(0x22B59C, about.language_639_2 if audio else "und")
            + (_text(0x22B59D, about.language) if audio and about.language else b"")
            + _text(0x86, _CODEC_IDS[track.codec_name])
        )
        if track.private:
            entry += _element(0x63A2, track.private)
        if audio:
            entry += _unsigned(0x56BB, 80_000_000)  # Opus needs 80 ms to settle after a seek (RFC 7845 § 4.6)
            entry += _element(0xE1, _float(0xB5, 48000.0) + _unsigned(0x9F, track.channels))
        else:
            size = _unsigned(0xB0, track.width) + _unsigned(0xBA, track.height)
            entry += _element(0xE0, size + _projection(track.rotation_deg))
        return _element(0xAE, entry)
