"""The two clocks of the product, passed in wherever time matters, and a calendar time that never steps."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, Protocol


class Clock(Protocol):
    """Time as the product sees it: `monotonic` measures, `now` dates."""

    def monotonic(self) -> float:
        """Seconds from an arbitrary start; never goes back."""
        ...

    def now(self) -> datetime:
        """The wall clock, aware, in UTC. It may jump: never subtract two of these to measure a wait."""
        ...

    async def sleep_until(self, deadline: float) -> None:
        """Return when `monotonic()` has reached `deadline` (seconds on the monotonic clock)."""
        ...


class SystemClock:
    """The machine's clocks."""

    def monotonic(self) -> float:
        return time.monotonic()

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def sleep_until(self, deadline: float) -> None:
        await asyncio.sleep(max(0.0, deadline - time.monotonic()))


SLEW: Final = 0.0005
"""How far a steady clock approaches the wall clock: half a millisecond a second, as the system's own slewing does."""

FOLLOWED_S: Final = 60.0
"""A wall clock that is further away was set, and is not followed: at that pace it would take days."""

_LOOK_EVERY_S: Final = 1.0


class SteadyWall:
    """Calendar time in seconds of the epoch, as `time.time()` gives it, but it never jumps. Call it to read it.

    For moments that are written down to be compared with one another, as those of packets are: when the machine's clock
    is set in mid-call, the call has no hole of days in it. Small differences are made up slowly; `renew` takes over the
    wall clock at once, when nothing is under way that began by the old one.
    """

    __slots__ = ("_look_s", "_monotonic", "_offset_s", "_wall")

    def __init__(self, wall: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._wall = wall
        self._monotonic = monotonic
        self._offset_s = 0.0
        self._look_s = 0.0
        self.renew()

    def __call__(self) -> float:
        now_s = self._monotonic()
        if now_s >= self._look_s:
            self._follow(now_s)
        return now_s + self._offset_s

    def renew(self) -> None:
        """Show what the wall clock shows now."""
        now_s = self._monotonic()
        self._offset_s = self._wall() - now_s
        self._look_s = now_s + _LOOK_EVERY_S

    def _follow(self, now_s: float) -> None:
        behind_s = self._wall() - now_s - self._offset_s
        most_s = SLEW * (now_s - self._look_s + _LOOK_EVERY_S)
        if abs(behind_s) <= FOLLOWED_S:
            self._offset_s += max(-most_s, min(most_s, behind_s))
        self._look_s = now_s + _LOOK_EVERY_S
