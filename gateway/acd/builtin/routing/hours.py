"""Whether a queue is open: weekly hours and days that differ, in the queue's own time zone.

The clock on the wall there decides, so an hour that a change of time skips or repeats is skipped or repeated.
"""

from datetime import date, datetime, timedelta
from typing import Final

from gateway.config.own import MIDNIGHT, QueueRouting, read_exception, read_opening, zone_of

_Span = tuple[timedelta, timedelta]

_ALL_DAY: Final[tuple[_Span, ...]] = ((timedelta(0), MIDNIGHT),)


class Hours:
    """The opening hours of one queue."""

    def __init__(self, queue: QueueRouting) -> None:
        """Of settings that were checked."""
        self._zone = zone_of(queue.timezone) if queue.opening or queue.exceptions else None
        self._week: dict[int, tuple[_Span, ...]] = dict.fromkeys(range(7), () if queue.opening else _ALL_DAY)
        for text in queue.opening:
            days, start, end = read_opening(text)
            for day in days:
                self._week[day] += ((start, end),)
        self._exceptions: dict[date, tuple[_Span, ...]] = {}
        for text in queue.exceptions:
            on, span = read_exception(text)
            self._exceptions[on] = self._exceptions.get(on, ()) + ((span,) if span is not None else ())

    def is_open(self, now: datetime) -> bool:
        """At the moment `now`, in any time zone."""
        if self._zone is None:
            return True
        local = now.astimezone(self._zone)
        at = timedelta(hours=local.hour, minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
        spans = self._exceptions.get(local.date(), self._week[local.weekday()])
        return any(start <= at < end for start, end in spans)
