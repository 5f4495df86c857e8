"""One leg from its first period to its end, as the few numbers the journal keeps. Bounded whatever the leg lasts."""

from collections import Counter
from typing import Final

from gateway.quality.judge import Cause, Verdict, Word

MAX_SAMPLES: Final = 512
"""Kept per figure. Policy for *full*: every other one goes, and from then on every other one comes in."""


class Series:
    """Minimum, median and 95th percentile of samples, from at most `MAX_SAMPLES` of them, evenly spread."""

    __slots__ = ("_kept", "_least", "_seen", "_step")

    def __init__(self) -> None:
        self._kept: list[float] = []
        self._step = 1
        self._seen = 0
        self._least: float | None = None

    def add(self, value: float) -> None:
        self._least = value if self._least is None else min(self._least, value)
        if self._seen % self._step == 0:
            self._kept.append(value)
            if len(self._kept) >= MAX_SAMPLES:
                self._kept = self._kept[::2]
                self._step *= 2
        self._seen += 1

    def read(self) -> tuple[float, float, float] | None:
        """(min, median, p95) by nearest rank; None without samples."""
        if self._least is None:
            return None
        ordered = sorted(self._kept)
        last = len(ordered) - 1
        return self._least, ordered[round(last * 0.5)], ordered[round(last * 0.95)]


class LegSummary:
    """What one generation of a side had."""

    def __init__(self) -> None:
        self._series: dict[str, Series] = {}
        self._word_s = dict.fromkeys(Word, 0.0)
        self._cause_s: dict[Cause, float] = {}
        self._freezes: Counter[str] = Counter()
        self.seconds = 0.0

    def period(self, period_s: float, told: Verdict) -> None:
        self.seconds += period_s
        self._word_s[told.word] += period_s
        if told.cause is not None:
            self._cause_s[told.cause] = self._cause_s.get(told.cause, 0.0) + period_s

    def sample(self, name: str, value: float | None) -> None:
        if value is not None:
            self._series.setdefault(name, Series()).add(value)

    def froze(self, way: str, times: int) -> None:
        self._freezes[way] += times

    def data(self) -> dict[str, int | float]:
        """For the journal: `good_s` …, `<figure>_min|median|p95`, `<way>_freezes`, `cause_<cause>_s`."""
        told: dict[str, int | float] = {"seconds": round(self.seconds, 1)}
        told |= {f"{word}_s": round(self._word_s[word], 1) for word in Word}
        told |= {f"cause_{cause}_s": round(seconds, 1) for cause, seconds in sorted(self._cause_s.items())}
        told |= {f"{way}_freezes": count for way, count in sorted(self._freezes.items())}
        for name, series in sorted(self._series.items()):
            read = series.read()
            if read is not None:
                told |= {f"{name}_{key}": round(value, 4) for key, value in zip(_KEYS, read, strict=True)}
        return told


_KEYS = ("min", "median", "p95")
