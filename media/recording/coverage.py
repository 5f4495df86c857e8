"""How much of what should be there is there: intervals, gaps, completeness. Pure; times are seconds on the media host.

*Covered* is the time for which nothing the browser sent is missing: from a frame to the next one when no packet was
lost between them, however long the browser was silent (a still screen, a camera switched off, a muted track); and for
a frame's own duration where something was lost after it. Completeness = covered / expected seconds. A *gap* is any
absence a viewer would notice, lost or not sent.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

Interval = tuple[float, float]

START_GRACE_S: Final = 1.5
"""A browser may take so long to send its first key frame after it was expected to; that is not loss."""

END_GRACE_S: Final = 0.5
"""The journal writes the end of a call when the message comes; the last packet may be a little older."""

GAP_S: Final = {"audio": 0.25, "video": 1.0, "screen": 10.0}
"""Absences shorter than this are no gaps: a camera in the dark gives few pictures, a still screen hardly any."""

MAX_GAPS: Final = 1000
_MAX_FRAME_S: Final = 0.2
_FIRST_FRAME_S: Final = 1 / 15


def merged(intervals: Sequence[Interval]) -> list[Interval]:
    """The same time as few intervals in order; empty and backward ones vanish."""
    out: list[Interval] = []
    for start, end in sorted(interval for interval in intervals if interval[1] > interval[0]):
        if out and start <= out[-1][1]:
            out[-1] = (out[-1][0], max(out[-1][1], end))
        else:
            out.append((start, end))
    return out


def without(intervals: Sequence[Interval], holes: Sequence[Interval]) -> list[Interval]:
    """`intervals` minus `holes`."""
    out = merged(intervals)
    for hole_start, hole_end in merged(holes):
        cut: list[Interval] = []
        for start, end in out:
            if hole_end <= start or hole_start >= end:
                cut.append((start, end))
                continue
            cut += [part for part in ((start, hole_start), (hole_end, end)) if part[1] > part[0]]
        out = cut
    return out


def overlap_s(one: Sequence[Interval], other: Sequence[Interval]) -> float:
    """Seconds in both; each list merged and in order."""
    total, i, j = 0.0, 0, 0
    while i < len(one) and j < len(other):
        total += max(0.0, min(one[i][1], other[j][1]) - max(one[i][0], other[j][0]))
        if one[i][1] < other[j][1]:
            i += 1
        else:
            j += 1
    return total


@dataclass(slots=True)
class Coverage:
    """What of one output track is there, built frame by frame in order of time."""

    kind: str
    frames: int = 0
    covered: list[Interval] = field(default_factory=list)
    gaps: list[Interval] = field(default_factory=list)
    first_s: float | None = None
    end_s: float = 0.0
    _start_s: float = 0.0
    _last_s: float = 0.0
    _frame_s: float = _FIRST_FRAME_S

    def frame(self, time_s: float, duration_s: float | None, whole_since_last: bool) -> None:
        """A frame that is in the file. Without a duration (video) it lasts as long as the one before it did."""
        self.frames += 1
        if self.first_s is None:
            self.first_s = self._start_s = time_s
        else:
            if time_s - self.end_s >= GAP_S[self.kind] and len(self.gaps) < MAX_GAPS:
                self.gaps.append((self.end_s, time_s))
            if not whole_since_last:
                self._close(self.end_s, time_s)
            elif duration_s is None:
                self._frame_s = min(max(time_s - self._last_s, 0.0), _MAX_FRAME_S) or self._frame_s
        self._last_s = time_s
        self.end_s = max(self.end_s, time_s + (duration_s if duration_s is not None else self._frame_s))

    def _close(self, end_s: float, next_start_s: float) -> None:
        end_s = min(end_s, next_start_s)
        if end_s > self._start_s:
            self.covered.append((self._start_s, end_s))
        self._start_s = next_start_s

    def intervals(self) -> list[Interval]:
        """Everything covered."""
        if self.first_s is None:
            return []
        return merged([*self.covered, (self._start_s, self.end_s)])


def expected_with_grace(expected: Sequence[Interval], covered: Sequence[Interval]) -> list[Interval]:
    """`expected`, each interval begun with its first frame and ended with its last where those lie within the grace.

    An interval without any frame that was over within the grace is not expected.
    """
    out: list[Interval] = []
    for start, end in merged(expected):
        starts = [max(start, c_start) for c_start, c_end in covered if c_end > start and c_start < end]
        ends = [min(end, c_end) for c_start, c_end in covered if c_end > start and c_start < end]
        if starts and min(starts) - start <= START_GRACE_S:
            start = min(starts)
        if not starts and end - start <= START_GRACE_S:
            continue
        if ends and end - max(ends) <= END_GRACE_S:
            end = max(ends)
        if end > start:
            out.append((start, end))
    return out


def completeness(expected: Sequence[Interval], covered: Sequence[Interval]) -> tuple[float, float]:
    """(seconds expected after the grace, covered share of them in 0…1). Nothing expected is complete."""
    wanted = expected_with_grace(expected, covered)
    total = sum(end - start for start, end in wanted)
    if total <= 0:
        return 0.0, 1.0
    return total, min(1.0, overlap_s(wanted, merged(covered)) / total)
