"""The events of one contact in their order, each once: identity by event id, order by the sender's numbers.

A number that is missing is waited for, but not for long: then those behind it go on, and it comes too late. Pure:
`now` is our monotonic clock; the sender's clock plays no part.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

MAX_WAITING: Final = 64  # behind a gap; one more, and the gap is given up
MAX_KNOWN: Final = 512  # event ids per contact; a repetition after so many others is an event

T = TypeVar("T")


@dataclass(slots=True)
class Arrived(Generic[T]):
    """What may go on now, in order. `late`: its number was given up before. `skipped`: numbers given up just now."""

    ready: list[T] = field(default_factory=list)
    late: list[T] = field(default_factory=list)
    skipped: int = 0


class InOrder(Generic[T]):
    """One contact's. Numbers begin at 1; events without a number go on at once."""

    def __init__(self, gap_wait_s: float) -> None:
        self._gap_wait_s = gap_wait_s
        self._known: OrderedDict[str, None] = OrderedDict()
        self._next = 1
        self._waiting: dict[int, T] = {}
        self._gap_ends: float | None = None

    @property
    def deadline(self) -> float | None:
        """When `expire` must be called; None: nothing waits."""
        return self._gap_ends

    def knows(self, event_id: str) -> bool:
        """Whether it would be a repetition."""
        return event_id in self._known

    def arrive(self, event_id: str, number: int | None, item: T, now: float) -> Arrived[T]:
        """Take in one event; a repetition comes to nothing."""
        arrived: Arrived[T] = Arrived()
        if event_id in self._known:
            self._known.move_to_end(event_id)
            return arrived
        self._known[event_id] = None
        if len(self._known) > MAX_KNOWN:
            self._known.popitem(last=False)
        if number is None:
            arrived.ready.append(item)
        elif number < self._next:
            arrived.late.append(item)
        elif number not in self._waiting:  # the same number under another id: the first one counts
            self._waiting[number] = item
            self._release(arrived)
            if len(self._waiting) > MAX_WAITING:
                self._give_up(arrived)
        self._set_deadline(now)
        return arrived

    def expire(self, now: float) -> Arrived[T]:
        """Give up the gap whose time is over."""
        arrived: Arrived[T] = Arrived()
        if self._gap_ends is not None and now >= self._gap_ends:
            self._give_up(arrived)
            self._gap_ends = None
            self._set_deadline(now)
        return arrived

    def _give_up(self, arrived: Arrived[T]) -> None:
        first = min(self._waiting)
        arrived.skipped += first - self._next
        self._next = first
        self._release(arrived)

    def _release(self, arrived: Arrived[T]) -> None:
        while self._next in self._waiting:
            arrived.ready.append(self._waiting.pop(self._next))
            self._next += 1

    def _set_deadline(self, now: float) -> None:
        if not self._waiting:
            self._gap_ends = None
        elif self._gap_ends is None:
            self._gap_ends = now + self._gap_wait_s
