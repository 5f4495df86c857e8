"""After-call work that an ACD keeps by itself and tells nobody: it begins with the end of a talk and ends by the clock.

Pure; time is passed in.
"""

from typing import Final

from gateway.acd.cti.agents import MAX_AGENTS

MAX_WRAP_UP_S: Final = 3_600.0


class WrapUps:
    """Agents in after-call work, and until when (monotonic seconds)."""

    def __init__(self) -> None:
        self._until: dict[str, float] = {}

    def begin(self, ref: str, length_s: float, now_s: float) -> bool:
        """The agent's talk is over. False: nothing is kept for them."""
        if length_s <= 0 or len(self._until) >= MAX_AGENTS:
            return False
        self._until[ref] = now_s + min(length_s, MAX_WRAP_UP_S)
        return True

    def __contains__(self, ref: str) -> bool:
        return ref in self._until

    def end(self, ref: str) -> None:
        """They do something else now."""
        self._until.pop(ref, None)

    def next_deadline(self) -> float | None:
        return min(self._until.values(), default=None)

    def due(self, now_s: float) -> list[str]:
        """Whose after-call work is over by now, once."""
        over = [ref for ref, until in self._until.items() if until <= now_s]
        for ref in over:
            del self._until[ref]
        return over
