"""A clock that stands still until a test moves it."""

import asyncio
from collections import deque
from datetime import UTC, datetime, timedelta


class FakeClock:
    """Both clocks of the product. `advance` moves them together and wakes whoever waits for a moment that has come."""

    def __init__(self, start: datetime = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)) -> None:
        self._start = start
        self._elapsed_s = 0.0
        self._waiting: list[tuple[float, asyncio.Future[None]]] = []

    def monotonic(self) -> float:
        return self._elapsed_s

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._elapsed_s)

    async def sleep_until(self, deadline: float) -> None:
        if deadline <= self._elapsed_s:
            await asyncio.sleep(0)
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((deadline, waiter))
        await waiter

    @property
    def sleepers(self) -> int:
        """How many wait for a moment that has not come."""
        return sum(not waiter.done() for _, waiter in self._waiting)

    def advance(self, seconds: float) -> None:
        """Move on by `seconds`. Who wakes runs when the test next gives way."""
        self._elapsed_s += seconds
        due = [waiter for deadline, waiter in self._waiting if deadline <= self._elapsed_s]
        self._waiting = [entry for entry in self._waiting if entry[0] > self._elapsed_s]
        for waiter in due:
            if not waiter.done():
                waiter.set_result(None)

    async def run(self, seconds: float) -> None:
        """Move on by `seconds`, stopping at every moment somebody waits for, until all they set off has come to rest.

        Only for code that waits for nothing but this clock: no sockets, no threads.
        """
        end_s = self._elapsed_s + seconds
        await at_rest()
        while True:
            pending = [deadline for deadline, waiter in self._waiting if not waiter.done()]
            due_s = min(pending, default=end_s)
            if due_s > end_s:
                break
            self.advance(max(0.0, due_s - self._elapsed_s))
            await at_rest()
            if due_s == end_s and not any(d <= end_s for d, waiter in self._waiting if not waiter.done()):
                break
        self.advance(end_s - self._elapsed_s)
        await at_rest()


async def at_rest() -> None:
    """Give way until nothing on the loop is ready to run any more."""
    loop = asyncio.get_running_loop()
    ready: deque[object] = loop._ready  # type: ignore[attr-defined]
    for _ in range(100_000):
        await asyncio.sleep(0)
        if not ready:
            return
    raise AssertionError("the loop never comes to rest")
