"""One timeline for everything in a capture: where on the media host's clock each packet's sound or picture belongs.

Per stream the RTP timestamps are unwrapped and cut where they stop following the arrivals (a restart, a mute that
stopped the sender's clock). Sender reports turn media time into the sender's NTP time. Streams of one leg share that
clock, so one offset to ours serves them all: the smallest delay seen, as a line under all (arrival - NTP) points,
because delay only ever adds, and because two clocks drift. Without sender reports the same is done with media time.
A telephone has none, and counts only the sound that came: what its trunk lost makes it fall behind, so it is taken up
sooner. That does no harm to it, because its packets are made in the process that writes down when they came.

Two passes: `StreamClock` observes the whole capture, `build` works the lines out, `Placer` places packet by packet.
Pure arithmetic; everything is bounded however long the call or strange the timestamps.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median
from typing import Final

JUMP_S: Final = 0.4
"""When timestamps and arrivals part by more than this between two packets, the sender's media clock stood or jumped."""

LATE_S: Final = 3.0
"""A packet up to this far back is late (a retransmission), not a jump."""

SAME_LINE_S: Final = 0.1
"""Two pieces whose delays differ by less were one: what looked like a jump was a stall that caught up."""

BEHIND_S: Final = 2.0
"""A media clock that has fallen this far behind the arrivals, however slowly, is taken up anew."""

TELEPHONE_BEHIND_S: Final = 0.1
TELEPHONE_SAME_LINE_S: Final = 0.05
"""As the two above, for a telephone's sound: it is never further from its place than this."""

WINDOW_S: Final = 10.0
"""One minimum is kept for each window: clocks drift less than 1 ms in it, and hours stay small."""

DRIFT_AFTER_S: Final = 60.0
"""Shorter spans are too short to tell drift from jitter."""

MAX_DRIFT: Final = 5e-4
MAX_PIECES: Final = 256
MAX_REPORTS: Final = 20_000
SAME_CLOCK_S: Final = 1.0
"""Streams of one leg whose smallest delays differ by more don't share a clock, whatever they say."""

EARLY_S: Final = 0.5
LATEST_S: Final = 10.0
"""A packet is never placed further than this before or after its arrival: then its arrival is the better witness."""


@dataclass(frozen=True, slots=True)
class Line:
    """y = base + slope * x."""

    base: float
    slope: float = 0.0

    def at(self, x: float) -> float:
        return self.base + self.slope * x


def line_under(points: Sequence[tuple[float, float]]) -> Line:
    """The line that lies under all points (x, y) and close to them: the lower hull's edge below their middle.

    Its slope is limited to `MAX_DRIFT`, and is 0 when the points span less than `DRIFT_AFTER_S`. Raises ValueError
    when there is no point.
    """
    ordered = sorted(points)
    slope = 0.0
    if ordered and ordered[-1][0] - ordered[0][0] >= DRIFT_AFTER_S:
        hull: list[tuple[float, float]] = []
        for x, y in ordered:
            while len(hull) > 1 and _turns_down(hull[-2], hull[-1], (x, y)):
                hull.pop()
            if hull and hull[-1][0] == x:
                continue
            hull.append((x, y))
        middle = sum(x for x, _ in ordered) / len(ordered)
        for (x1, y1), (x2, y2) in pairwise(hull):
            if x1 <= middle <= x2:
                slope = max(-MAX_DRIFT, min(MAX_DRIFT, (y2 - y1) / (x2 - x1)))
    return Line(min(y - slope * x for x, y in ordered), slope)


def _turns_down(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> bool:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]) <= 0


def line_through(points: Sequence[tuple[float, float]]) -> Line:
    """The line in the middle of points (x, y) with noise both ways and outliers (Theil-Sen on at most 64 of them)."""
    ordered = sorted(points)
    slope = 0.0
    if len(ordered) >= 6 and ordered[-1][0] - ordered[0][0] >= DRIFT_AFTER_S / 2:
        some = [ordered[i * (len(ordered) - 1) // 63] for i in range(64)] if len(ordered) > 64 else ordered
        slopes = [(y2 - y1) / (x2 - x1) for i, (x1, y1) in enumerate(some) for x2, y2 in some[i + 1 :] if x2 > x1]
        if slopes:
            slope = max(-MAX_DRIFT, min(MAX_DRIFT, median(slopes)))
    return Line(median(y - slope * x for x, y in ordered), slope)


class Unwrapper:
    """RTP timestamps (32 bits) into media seconds that never wrap, in pieces that follow the arrivals."""

    def __init__(self, clock_rate_hz: int, behind_s: float = BEHIND_S) -> None:
        self._rate = float(clock_rate_hz)
        self._behind_s = behind_s
        self._timestamp: int | None = None
        self._at_s = 0.0
        self._least_delay_s = 0.0
        self.media_s = 0.0
        self.piece = 0

    def step(self, timestamp: int, at_s: float) -> tuple[int, float]:
        """The piece and the media time (s) of a packet. Call once per packet, in order of arrival."""
        if self._timestamp is None:
            self._timestamp, self._at_s, self._least_delay_s = timestamp, at_s, at_s
            return self.piece, self.media_s
        delta_s = self._seconds_since(timestamp)
        if -LATE_S < delta_s < 0:
            return self.piece, self.media_s + delta_s
        elapsed_s = at_s - self._at_s
        self.media_s += delta_s
        delay_s = at_s - self.media_s
        self._least_delay_s = min(self._least_delay_s + max(0.0, elapsed_s) * 2 * MAX_DRIFT, delay_s)
        if abs(delta_s - elapsed_s) > JUMP_S or delay_s - self._least_delay_s > self._behind_s:
            self.piece = min(self.piece + 1, MAX_PIECES)
            self._least_delay_s = delay_s
        self._timestamp, self._at_s = timestamp, at_s
        return self.piece, self.media_s

    def relate(self, timestamp: int) -> tuple[int, float] | None:
        """The piece and media time of a timestamp told by a sender report; None before the first packet."""
        if self._timestamp is None:
            return None
        return self.piece, self.media_s + self._seconds_since(timestamp)

    def _seconds_since(self, timestamp: int) -> float:
        delta = (timestamp - (self._timestamp or 0)) & 0xFFFFFFFF
        return (delta - 0x100000000 if delta & 0x80000000 else delta) / self._rate


@dataclass(slots=True)
class _Piece:
    """What was seen of one piece: the fastest packet of each window as (media time, arrival), and the reports."""

    fastest: dict[int, tuple[float, float]] = field(default_factory=dict)
    reports: list[tuple[float, float]] = field(default_factory=list)  # (media time, NTP - media time)

    def delays(self) -> list[tuple[float, float]]:
        return [(media_s, at_s - media_s) for media_s, at_s in self.fastest.values()]


class StreamClock:
    """First pass over one stream (one SSRC)."""

    def __init__(self, clock_rate_hz: int, *, telephone: bool = False) -> None:
        self.clock_rate_hz = max(1, clock_rate_hz)
        self.behind_s = TELEPHONE_BEHIND_S if telephone else BEHIND_S
        self._same_line_s = TELEPHONE_SAME_LINE_S if telephone else SAME_LINE_S
        self._unwrapper = Unwrapper(self.clock_rate_hz, self.behind_s)
        self._pieces: list[_Piece] = []
        self._reports = 0

    def packet(self, timestamp: int, at_s: float) -> None:
        piece, media_s = self._unwrapper.step(timestamp, at_s)
        while len(self._pieces) <= piece:
            self._pieces.append(_Piece())
        fastest = self._pieces[piece].fastest
        window = int(at_s // WINDOW_S)
        best = fastest.get(window)
        if best is None or at_s - media_s < best[1] - best[0]:
            fastest[window] = (media_s, at_s)

    def report(self, ntp_s: float, rtp_timestamp: int) -> None:
        related = self._unwrapper.relate(rtp_timestamp)
        if related is None or self._reports >= MAX_REPORTS:
            return
        self._reports += 1
        piece, media_s = related
        self._pieces[piece].reports.append((media_s, ntp_s - media_s))

    def spans(self) -> list[tuple[range, list[tuple[float, float]], list[tuple[float, float]]]]:
        """Runs of pieces that lie on one line, each with its delays (media time, delay) and its reports."""
        runs: list[tuple[range, list[tuple[float, float]], list[tuple[float, float]]]] = []
        for index, piece in enumerate(self._pieces):
            delays = piece.delays()
            if runs and delays:
                pieces, known, reports = runs[-1]
                before = min(delay for _, delay in known[-2:])
                if abs(min(delay for _, delay in delays[:2]) - before) <= self._same_line_s:
                    runs[-1] = (range(pieces.start, index + 1), known + delays, reports + piece.reports)
                    continue
            if delays:
                runs.append((range(index, index + 1), delays, list(piece.reports)))
        return runs


@dataclass(slots=True)
class _Span:
    pieces: range
    delays: list[tuple[float, float]]
    ntp: Line | None
    line: Line = Line(0.0)

    def points(self) -> list[tuple[float, float]]:
        """(sender time, arrival - sender time); the sender's time is NTP where reports tell it, else media time."""
        if self.ntp is None:
            return self.delays
        ntp = self.ntp
        return [(media_s + ntp.at(media_s), delay - ntp.at(media_s)) for media_s, delay in self.delays]


@dataclass(frozen=True, slots=True)
class Placement:
    """How one stream's pieces are placed: piece → (NTP line or None, offset line)."""

    clock_rate_hz: int
    behind_s: float
    pieces: Mapping[int, tuple[Line | None, Line]]
    by_reports: bool
    """Whether any of it rests on sender reports rather than on arrivals alone."""


def build(legs: Iterable[Mapping[int, StreamClock]]) -> dict[int, Placement]:
    """Work out the placement of every stream. An item of `legs` holds the streams of one leg, under numbers of ours."""
    placements: dict[int, Placement] = {}
    for streams in legs:
        spans: dict[int, list[_Span]] = {
            number: [
                _Span(pieces, delays, line_through(reports) if reports else None)
                for pieces, delays, reports in clock.spans()
            ]
            for number, clock in streams.items()
        }
        _share_offsets([span for some in spans.values() for span in some if span.ntp is not None])
        for number, some in spans.items():
            for span in some:
                if span.ntp is None:
                    span.line = line_under(span.delays)
            placements[number] = Placement(
                streams[number].clock_rate_hz,
                streams[number].behind_s,
                {piece: (span.ntp, span.line) for span in some for piece in span.pieces},
                any(span.ntp is not None for span in some),
            )
    return placements


def _share_offsets(spans: list[_Span]) -> None:
    """Give spans of one clock one offset line: those whose smallest delays agree within `SAME_CLOCK_S`."""
    waiting = sorted(spans, key=lambda span: min(delay for _, delay in span.points()))
    while waiting:
        least = min(delay for _, delay in waiting[0].points())
        same = [span for span in waiting if min(delay for _, delay in span.points()) - least <= SAME_CLOCK_S]
        waiting = waiting[len(same) :]
        line = line_under([point for span in same for point in span.points()])
        for span in same:
            span.line = line


class Placer:
    """Second pass over one stream: the time of each packet on the media host's clock."""

    def __init__(self, placement: Placement) -> None:
        self._placement = placement
        self._unwrapper = Unwrapper(placement.clock_rate_hz, placement.behind_s)

    def place(self, timestamp: int, at_s: float) -> float:
        """Seconds since 1970. Call once per packet, in order of arrival, exactly as in the first pass."""
        piece, media_s = self._unwrapper.step(timestamp, at_s)
        if piece >= MAX_PIECES or piece not in self._placement.pieces:
            return at_s
        ntp, offset = self._placement.pieces[piece]
        sender_s = media_s + ntp.at(media_s) if ntp is not None else media_s
        time_s = sender_s + offset.at(sender_s)
        return time_s if at_s - LATEST_S <= time_s <= at_s + EARLY_S else at_s
