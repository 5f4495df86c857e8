"""What the operator sees of one ACD in task mode: counted here, shown by `gateway.metrics.tasks`."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

CALL_BUCKETS_S: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class EventResult(StrEnum):
    """What became of one event of a webhook, or of the webhook where nothing could be read of it."""

    TAKEN = "taken"
    REPEATED = "repeated"
    LATE = "late"  # its number had been given up
    UNKNOWN_EVENT = "unknown_event"  # no rule of the mapping knows it
    UNKNOWN_CONTACT = "unknown_contact"
    UNREADABLE = "unreadable"
    NOT_SIGNED = "not_signed"


@dataclass(slots=True)
class Durations:
    """A histogram of seconds."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(CALL_BUCKETS_S) + 1))
    total_s: float = 0.0

    def add(self, seconds: float) -> None:
        self.counts[bisect_left(CALL_BUCKETS_S, seconds)] += 1
        self.total_s += seconds

    def buckets(self) -> Sequence[tuple[str, int]]:
        """Upper bound → how many were no longer, as Prometheus writes them."""
        names = [*map(str, CALL_BUCKETS_S), "+Inf"]
        return [(name, sum(self.counts[: at + 1])) for at, name in enumerate(names)]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFigures:
    """One look at one ACD. Counts are since the start."""

    tasks: int  # that are not over there
    waiting: int  # letters that are not delivered
    sent: int
    failed: int  # tries
    dead: int
    is_open: bool  # the breaker: the ACD is left alone
    calls: Durations
    events: Mapping[EventResult, int]
