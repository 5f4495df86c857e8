"""How soon a process that died is started again, and when that is taken for a loop. Pure."""

from collections import deque
from typing import Final

WINDOW_S: Final = 120.0
"""Deaths within this count together."""

LOOP_DEATHS: Final = 4
"""So many within the window: it won't get better by itself, somebody must look."""

FIRST_DELAY_S: Final = 0.5
LONGEST_DELAY_S: Final = 20.0
"""It is tried for ever: what made it die (a full disk, another program's memory) may go away."""


class RestartPolicy:
    """The deaths of one worker. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._deaths: deque[float] = deque(maxlen=32)

    def died(self, now_s: float) -> float:
        """It died just now. Returns how long to wait before the next start: nothing after the first death."""
        self._deaths.append(now_s)
        recent = self._recent(now_s)
        return 0.0 if recent == 1 else min(FIRST_DELAY_S * 2 ** (recent - 2), LONGEST_DELAY_S)

    def looping(self, now_s: float) -> bool:
        """Whether it dies again and again."""
        return self._recent(now_s) >= LOOP_DEATHS

    def _recent(self, now_s: float) -> int:
        return sum(now_s - at_s < WINDOW_S for at_s in self._deaths)
