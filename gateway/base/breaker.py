"""A circuit breaker: when a peer fails again and again, it is left alone for a while, and then asked once.

Pure: knows no peer and does no I/O; time is passed in as seconds of a monotonic clock. One owner, one event loop.

    if not breaker.admits(now_s): … do without, or wait `breaker.opens_in(now_s)` …
    try: … ask … ; breaker.succeeded(now_s)
    except …: breaker.failed(now_s)

Every `admits` that said True is followed by exactly one of `succeeded`, `failed` and `gave_up` (cancelled: nothing was
learned).
"""

from enum import StrEnum
from typing import Final

FAILURES: Final = 5
FIRST_PAUSE_S: Final = 1.0
LAST_PAUSE_S: Final = 60.0


class BreakerState(StrEnum):
    CLOSED = "closed"  # asked as usual
    OPEN = "open"  # left alone
    TRYING = "trying"  # one is being asked, the others wait for what comes of it


class Breaker:
    """Opens after `failures` in a row; every failed try doubles the pause, from `first_pause_s` to `last_pause_s`."""

    def __init__(
        self,
        *,
        failures: int = FAILURES,
        first_pause_s: float = FIRST_PAUSE_S,
        last_pause_s: float = LAST_PAUSE_S,
    ) -> None:
        self._limit = failures
        self._first_pause_s = first_pause_s
        self._last_pause_s = last_pause_s
        self._in_a_row = 0
        self._pause_s = first_pause_s
        self._open_until_s = 0.0
        self.state = BreakerState.CLOSED
        self.opened = 0  # times that it went from closed to open: an alarm and a figure

    def admits(self, now_s: float) -> bool:
        """Whether the peer may be asked now. In the try after a pause it admits one and no second."""
        match self.state:
            case BreakerState.CLOSED:
                return True
            case BreakerState.OPEN if now_s >= self._open_until_s:
                self.state = BreakerState.TRYING
                return True
            case _:
                return False

    def opens_in(self, now_s: float) -> float:
        """Seconds until the next try may be made; 0 when it may be made now. While one is being tried: the first pause,
        since nobody knows how long that takes."""
        match self.state:
            case BreakerState.CLOSED:
                return 0.0
            case BreakerState.OPEN:
                return max(0.0, self._open_until_s - now_s)
            case BreakerState.TRYING:
                return self._first_pause_s

    def succeeded(self, now_s: float) -> None:
        """The peer answered. What an open breaker learns late, from a question of before, closes it too."""
        self._in_a_row = 0
        self._pause_s = self._first_pause_s
        self._open_until_s = now_s
        self.state = BreakerState.CLOSED

    def failed(self, now_s: float) -> None:
        """It did not, or answered that it can't. Late failures of before it opened do not make the pause longer."""
        match self.state:
            case BreakerState.CLOSED:
                self._in_a_row += 1
                if self._in_a_row >= self._limit:
                    self.opened += 1
                    self._open(now_s)
            case BreakerState.TRYING:
                self._pause_s = min(self._last_pause_s, self._pause_s * 2)
                self._open(now_s)
            case BreakerState.OPEN:
                pass

    def gave_up(self, now_s: float) -> None:
        """Whoever asked was cancelled. A try that was given up is made anew by the next who asks."""
        if self.state is BreakerState.TRYING:
            self._open_until_s = now_s
            self.state = BreakerState.OPEN

    def _open(self, now_s: float) -> None:
        self._open_until_s = now_s + self._pause_s
        self.state = BreakerState.OPEN
