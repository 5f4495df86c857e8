"""From a verdict every two seconds to what people are told: quick to warn, slow to take it back, no flicker. Pure.

The word goes down when two of the last three periods deserve it, and up when all of the last five do. Written as a
formula it is monotone: whoever had a worse time all along is never told a better word.
"""

from collections import Counter, deque
from typing import Final

from gateway.quality.judge import GOOD, WORDS, Cause, Verdict

DOWN_OF: Final = 3
DOWN_WHEN: Final = 2
UP_OF: Final = 5


class Settled:
    """One side's. `now` is what people are told."""

    def __init__(self) -> None:
        self.now = GOOD
        self._last: deque[Verdict] = deque([GOOD] * UP_OF, maxlen=UP_OF)

    def step(self, verdict: Verdict) -> Verdict:
        """One period more."""
        self._last.append(verdict)
        levels = [each.level for each in self._last]
        down = sorted(levels[-DOWN_OF:])[-DOWN_WHEN]
        level = max(down, min(self.now.level, max(levels)))
        word = WORDS[level]
        self.now = Verdict(word=word, cause=self._cause(level)) if level else GOOD
        return self.now

    def set(self, verdict: Verdict) -> Verdict:
        """What is known at once: the connection is lost, or there again. What follows is judged anew."""
        self._last.extend([GOOD] * UP_OF)
        self.now = verdict
        return verdict

    def _cause(self, level: int) -> Cause | None:
        """The most frequent cause of the periods that were as bad; the one told already when there is none."""
        causes = Counter(each.cause for each in self._last if each.level >= level and each.cause is not None)
        if not causes:
            causes = Counter(each.cause for each in self._last if each.cause is not None)
        if self.now.cause is not None and (not causes or causes[self.now.cause] == max(causes.values())):
            return self.now.cause
        return causes.most_common(1)[0][0]
