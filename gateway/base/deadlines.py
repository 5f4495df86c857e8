"""Every deadline of the node on one sleeping task: set, move and cancel by key."""

import asyncio
import heapq
from collections.abc import Callable, Hashable
from itertools import count

from gateway.base.clock import Clock
from gateway.base.log import get_logger
from gateway.base.tasks import Supervisor

_log = get_logger("deadlines")


class Deadlines:
    """Calls back on the loop when a deadline is reached, until the supervisor is closed: then none is any more.

    Bounded by its keys: one deadline each.
    """

    def __init__(self, clock: Clock, supervisor: Supervisor) -> None:
        self._clock = clock
        self._supervisor = supervisor
        self._due: dict[Hashable, tuple[float, int, Callable[[], None]]] = {}
        self._heap: list[tuple[float, int, Hashable]] = []
        self._order = count()
        self._sleeper: asyncio.Task[None] | None = None
        self._sleeping_until = float("inf")

    def __len__(self) -> int:
        return len(self._due)

    def set(self, key: Hashable, at_s: float, callback: Callable[[], None]) -> None:
        """Call `callback` at `at_s` of the monotonic clock, instead of whatever was set for `key`."""
        known = self._due.get(key)
        if known is not None and known[0] == at_s:
            self._due[key] = (at_s, known[1], callback)
            return
        number = next(self._order)
        self._due[key] = (at_s, number, callback)
        heapq.heappush(self._heap, (at_s, number, key))
        if len(self._heap) > 64 and len(self._heap) > 4 * len(self._due):  # moved deadlines leave old entries behind
            self._heap = [(at, n, k) for k, (at, n, _) in self._due.items()]
            heapq.heapify(self._heap)
        self._arrange()

    def cancel(self, key: Hashable) -> None:
        """Forget the deadline of `key`; an unknown key is no error. The sleeper may wake once for nothing."""
        self._due.pop(key, None)

    def _arrange(self) -> None:
        if self._supervisor.closed:
            return
        if self._sleeper is not None and not self._sleeper.done() and self._heap[0][0] >= self._sleeping_until:
            return
        if self._sleeper is not None:
            self._sleeper.cancel()
        self._sleeping_until = -float("inf")  # a new task looks at the heap itself before it sleeps
        self._sleeper = self._supervisor.spawn(self._sleep(), name="deadlines")

    async def _sleep(self) -> None:
        while self._heap:
            self._sleeping_until = self._heap[0][0]
            await self._clock.sleep_until(self._sleeping_until)
            self._fire()
        self._sleeping_until = float("inf")

    def _fire(self) -> None:
        now = self._clock.monotonic()
        self._sleeping_until = -float("inf")  # callbacks may set deadlines: this task looks at the heap again itself
        while self._heap and self._heap[0][0] <= now:
            _, number, key = heapq.heappop(self._heap)
            known = self._due.get(key)
            if known is None or known[1] != number:
                continue
            del self._due[key]
            try:
                known[2]()
            except Exception:  # noqa: BLE001 - one deadline must not stop the others
                _log.exception("deadline.failed", key=str(key))
