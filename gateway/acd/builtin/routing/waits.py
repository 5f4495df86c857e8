"""How long a wait may be, and how far off that was. Pure.

Who finds an agent free waits as long as ringing takes. Who does not waits, besides, as many gaps between answers as
there are contacts up to their place. Gaps in which somebody waited all the time say how fast a queue can be; where
there are too few of them, all gaps are taken, which are longer. Where too little is known, nothing is said. What was
told first to a contact is kept, and compared when the contact is answered.
"""

from collections import deque
from dataclasses import dataclass
from statistics import fmean
from typing import Final

ESTIMATE_SAMPLES: Final = 5
ESTIMATE_MEMORY: Final = 40
ESTIMATE_WINDOW_S: Final = 30 * 60.0


class Pace:
    """How fast a queue moves, from its last answers."""

    def __init__(self) -> None:
        self._gaps: deque[tuple[float, float]] = deque(maxlen=ESTIMATE_MEMORY)  # when it ended, how long it was
        self._rings: deque[tuple[float, float]] = deque(maxlen=ESTIMATE_MEMORY)
        self._open_s: float | None = None  # the last answer, when others still waited
        self._last_s: float | None = None
        self._all_gaps: deque[tuple[float, float]] = deque(maxlen=ESTIMATE_MEMORY)

    def answered(self, now_s: float, *, rang_s: float, others_wait: bool) -> None:
        """An agent answered after `rang_s` of ringing; `others_wait`: somebody for whom nobody rings yet."""
        if self._open_s is not None:
            self._gaps.append((now_s, now_s - self._open_s))
        if self._last_s is not None:
            self._all_gaps.append((now_s, now_s - self._last_s))
        self._last_s = now_s
        self._open_s = now_s if others_wait else None
        self._rings.append((now_s, rang_s))

    def nobody_waits(self) -> None:
        """The line has become empty without an answer: the gap that was open says nothing."""
        self._open_s = None

    def estimate_s(self, place: int, free: int, now_s: float) -> float | None:
        """Seconds until the contact at `place` is answered, or None when there is nothing honest to say.

        `place` counts those for whom nobody rings; `free` agents are ready.
        """
        return self.outlook(now_s).estimate_s(place, free)

    def outlook(self, now_s: float) -> "Outlook":
        """What is known at `now_s`, for all places. The gap that is still open counts in: a queue that has stopped
        moving says so by a growing number."""
        rings = _recent(self._rings, now_s)
        if len(rings) < ESTIMATE_SAMPLES:
            return UNKNOWN
        gaps = _recent(self._gaps, now_s)
        since_s = self._open_s
        if len(gaps) < ESTIMATE_SAMPLES:
            gaps, since_s = _recent(self._all_gaps, now_s), self._last_s
        if len(gaps) < ESTIMATE_SAMPLES - 1:
            return Outlook(ring_s=fmean(rings), gap_s=None)
        gap_s = max(fmean(gaps), now_s - since_s if since_s is not None else 0.0)
        return Outlook(ring_s=fmean(rings), gap_s=gap_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """How long ringing takes, and how long after one another contacts are answered; None: too little is known."""

    ring_s: float | None
    gap_s: float | None

    def estimate_s(self, place: int, free: int) -> float | None:
        """As `Pace.estimate_s`."""
        behind = place - free
        if self.ring_s is None or behind <= 0:
            return self.ring_s
        return None if self.gap_s is None else behind * self.gap_s + self.ring_s


UNKNOWN: Final = Outlook(ring_s=None, gap_s=None)


def as_read(estimate_s: float | None) -> int | None:
    """The figure that people read: whole minutes, at least one. An estimate is told anew when this is another."""
    return None if estimate_s is None else max(1, round(estimate_s) // 60)


def _recent(samples: deque[tuple[float, float]], now_s: float) -> list[float]:
    return [value for at_s, value in samples if now_s - at_s <= ESTIMATE_WINDOW_S]


@dataclass(frozen=True, slots=True)
class Told:
    """An estimate as it was first told to a contact."""

    at_s: float
    estimate_s: float

    def off_by_s(self, answered_s: float) -> float:
        """How much longer than told it took; negative: it was answered earlier."""
        return answered_s - self.at_s - self.estimate_s
