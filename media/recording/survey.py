"""First pass over a recording's captures: which streams there are, how their clocks run, what was marked, how it ended.

It keeps no packet. What it finds is all the second pass (`media.recording.mux`) needs to write in one go.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from media.port import TELEPHONE
from media.recording.captures import Captures, Part, ending_of
from media.recording.coverage import Interval
from media.recording.format import (
    CaptureEnded,
    MarkSet,
    PacketsDropped,
    RtpCaptured,
    SenderReportCaptured,
    TrackOpened,
)
from media.recording.packet import Packet, parse_packet
from media.recording.reader import Ending
from media.recording.timeline import Placement, Placer, StreamClock, build

MEDIA_CODECS: Final = ("OPUS", "VP8", "H264")
KINDS: Final = ("audio", "video", "screen")

MAX_STREAMS: Final = 256
"""Streams (SSRCs) of one recording that are written; packets of further ones are counted as ignored."""

MAX_MARKS: Final = 2000
MAX_LEGS: Final = 500

StreamKey = tuple[str, str, str, int]
"""Role, kind, leg, SSRC: one sequence of packets."""


@dataclass(slots=True)
class Stream:
    """One SSRC of one leg. `order` counts from 0 in order of first arrival."""

    role: str
    kind: str
    leg: str
    order: int
    clock: StreamClock
    first_timestamp: int
    first_at_s: float


@dataclass(slots=True)
class Survey:
    """What the first pass found."""

    recording_id: str
    tracks: dict[int, TrackOpened] = field(default_factory=dict)
    streams: dict[StreamKey, Stream] = field(default_factory=dict)
    marks: list[MarkSet] = field(default_factory=list)
    pauses: list[Interval] = field(default_factory=list)
    placements: Mapping[int, Placement] = field(default_factory=dict)  # by Stream.order
    ending: Ending = Ending.CUT
    parts: list[Part] = field(default_factory=list)
    packets: int = 0
    ignored_packets: int = 0
    dropped_packets: int = 0
    first_at_s: float | None = None
    last_at_s: float = 0.0
    legs: list[tuple[float, str, str]] = field(default_factory=list)
    """(time, role, leg) of each leg when its first track was opened; one side's legs follow one another."""
    drops: list[Interval] = field(default_factory=list)
    """When packets never reached the disk: from the last one that did."""
    failure: str = ""
    """Code of the writer's own `failed` mark, empty when there is none."""

    def stream_of(self, captured: RtpCaptured) -> tuple[StreamKey, TrackOpened, Packet] | None:
        """The stream, track and packet of a record; None when it is no packet of a track we write."""
        track = self.tracks.get(captured.track)
        if track is None or track.kind not in KINDS:
            return None
        packet = parse_packet(captured.packet, captured.at_s)
        if packet is None:
            return None
        packet.codec_name = track.codec_name
        return (track.role, track.kind, track.leg, packet.ssrc), track, packet

    @property
    def zero_s(self) -> float:
        """Where the file begins: the earliest placed first packet of any stream (Unix seconds)."""
        starts = [
            Placer(self.placements[stream.order]).place(stream.first_timestamp, stream.first_at_s)
            for stream in self.streams.values()
        ]
        return min(starts, default=self.first_at_s or 0.0)


def survey(captures: Captures) -> Survey:
    """Read the captures through once. Raises OSError."""
    found = Survey(captures.recording_id)
    pauses = _Pauses(found.pauses)
    last_packet_s: dict[int, float] = {}
    for index, record in captures.records():
        found.last_at_s = max(found.last_at_s, record.at_s)
        match record:
            case RtpCaptured():
                pauses.packet(index, record.at_s)
                last_packet_s[index] = record.at_s
                _see_packet(found, record)
            case SenderReportCaptured():
                track = found.tracks.get(record.track)
                stream = found.streams.get((track.role, track.kind, track.leg, record.ssrc)) if track else None
                if stream is not None:
                    stream.clock.report(record.ntp_s, record.rtp_timestamp)
            case TrackOpened():
                found.tracks[record.track] = record
                known = any((role, leg) == (record.role, record.leg) for _, role, leg in found.legs)
                if not known and len(found.legs) < MAX_LEGS:
                    found.legs.append((record.at_s, record.role, record.leg))
            case MarkSet():
                if len(found.marks) < MAX_MARKS:
                    found.marks.append(record)
                pauses.mark(index, record)
                if record.name == "failed":
                    found.failure = record.detail.split(":")[0]
            case PacketsDropped():
                found.dropped_packets += record.count
                if len(found.drops) < MAX_MARKS:
                    found.drops.append((last_packet_s.get(index, record.at_s), record.at_s))
            case CaptureEnded():
                pass
    pauses.finish()
    found.parts = captures.parts
    found.ending = ending_of(captures.parts)
    legs: dict[tuple[str, str], dict[int, StreamClock]] = {}
    for (role, _, leg, _), stream in found.streams.items():
        legs.setdefault((role, leg), {})[stream.order] = stream.clock
    found.placements = build(legs.values())
    return found


class _Pauses:
    """The intervals in which nothing may be kept.

    A writer writes no packet while it is paused. So a packet behind a pause, in the same capture, means that the mark
    of the resumption was lost with a damaged block. In the *next* capture it means no such thing: a media process that
    died while paused leaves the pause to its successor, and until that says `resume` everything stays out.
    """

    def __init__(self, intervals: list[Interval]) -> None:
        self._intervals = intervals
        self._since_s: float | None = None
        self._capture = 0

    def mark(self, capture: int, mark: MarkSet) -> None:
        if mark.name == "pause":
            if self._since_s is None:
                self._since_s = mark.at_s
            self._capture = capture
        elif mark.name == "resume":
            self._end(mark.at_s)

    def packet(self, capture: int, at_s: float) -> None:
        if self._since_s is not None and capture == self._capture:
            self._end(at_s)

    def finish(self) -> None:
        self._end(float("inf"))

    def _end(self, at_s: float) -> None:
        if self._since_s is not None:
            self._intervals.append((self._since_s, at_s))
            self._since_s = None


def _see_packet(found: Survey, record: RtpCaptured) -> None:
    seen = found.stream_of(record)
    if seen is None:
        found.ignored_packets += 1
        return
    key, track, packet = seen
    if track.codec_name not in MEDIA_CODECS:  # telephone events: they hold a place in the sequence, nothing more
        return
    stream = found.streams.get(key)
    if stream is None:
        if len(found.streams) >= MAX_STREAMS:
            found.ignored_packets += 1
            return
        stream = found.streams[key] = Stream(
            track.role,
            track.kind,
            track.leg,
            len(found.streams),
            StreamClock(track.clock_rate_hz, telephone=track.role == TELEPHONE),
            packet.timestamp,
            packet.at_s,
        )
    if found.first_at_s is None:
        found.first_at_s = packet.at_s
    found.packets += 1
    stream.clock.packet(packet.timestamp, packet.at_s)
