"""The two clocks of the product, passed in wherever time matters."""

import asyncio
import time
from datetime import UTC, datetime
from typing import Protocol


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
