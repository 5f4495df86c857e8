"""When a way is too narrow for pictures, and when it is wide enough again. Plain numbers."""

from typing import Final

PAUSE_BPS: Final = 120_000
"""Sound takes half of it; what is left carries no picture worth looking at."""

RESUME_BPS: Final = 200_000
PAUSE_AFTER_S: Final = 3.0
RESUME_AFTER_S: Final = 1.0


class Floor:
    """One listener's: paused or not, with two thresholds and two patiences."""

    __slots__ = ("_since_s", "paused")

    def __init__(self) -> None:
        self.paused = False
        self._since_s: float | None = None

    def decide(self, limit_bps: int | None, now_s: float) -> bool:
        """Take what the way carries (None: no limit is known). True when `paused` has changed."""
        if self.paused:
            beyond = limit_bps is None or limit_bps >= RESUME_BPS
        else:
            beyond = limit_bps is not None and limit_bps < PAUSE_BPS
        if not beyond:
            self._since_s = None
            return False
        if self._since_s is None or now_s < self._since_s:
            self._since_s = now_s
        if now_s - self._since_s < (RESUME_AFTER_S if self.paused else PAUSE_AFTER_S):
            return False
        self.paused = not self.paused
        self._since_s = None
        return True
