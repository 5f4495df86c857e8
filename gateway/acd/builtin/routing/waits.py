"""How long a wait may be, and how far off that was. Pure.

The estimate at a place is that place times the mean gap between the queue's recent answers. It is told only when it
means something; what was told first to a contact is kept, and compared when the contact is answered.
"""

from collections import deque
from dataclasses import dataclass
from typing import Final

ESTIMATE_SAMPLES: Final = 5
ESTIMATE_MEMORY: Final = 20
ESTIMATE_WINDOW_S: Final = 30 * 60.0


class Pace:
    """How fast a queue moves, from its last answers."""

    def __init__(self) -> None:
        self._answers: deque[float] = deque(maxlen=ESTIMATE_MEMORY)

    def answered(self, now_s: float) -> None:
        self._answers.append(now_s)

    def estimate_s(self, place: int, now_s: float) -> float | None:
        """Seconds until the contact at `place` is answered, or None when there is nothing honest to say.

        The mean gap between the recent answers times the place, with the gap that is still open counted in: a queue
        that has stopped moving says so by a growing number. Too few recent answers say nothing.
        """
        recent = [at for at in self._answers if now_s - at <= ESTIMATE_WINDOW_S]
        if len(recent) < ESTIMATE_SAMPLES:
            return None
        mean_s = (recent[-1] - recent[0]) / (len(recent) - 1)
        return place * max(mean_s, now_s - recent[-1])


@dataclass(frozen=True, slots=True)
class Told:
    """An estimate as it was first told to a contact."""

    at_s: float
    estimate_s: float

    def off_by_s(self, answered_s: float) -> float:
        """How much longer than told it took; negative: it was answered earlier."""
        return answered_s - self.at_s - self.estimate_s
