"""How many events may come before we stop listening for a moment: a bucket of tokens. Pure.

An ACD that says more than we can follow would hold up every call. What is too much is dropped unread; when it has
become quiet again the state is asked for as a whole, which costs once what the dropped events would have cost each.
"""


class FloodGate:
    """`rate` events a second for long, `burst` at once."""

    def __init__(self, rate: float, burst: float, now_s: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._at_s = now_s
        self.behind = False  # something was dropped, and the state is not asked for yet
        self.dropped = 0

    def let_in(self, now_s: float) -> bool:
        """Whether to read the event that came at `now_s`."""
        self._refill(now_s)
        if self._tokens < 1:
            self.behind = True
            self.dropped += 1
            return False
        if self.behind and self._tokens < self._burst / 2:
            self.dropped += 1
            return False  # dropped until it is quiet: half a state is worse than an old one
        self._tokens -= 1
        return True

    def quiet(self, now_s: float) -> bool:
        """Whether what was dropped may be made good now."""
        self._refill(now_s)
        return self._tokens >= self._burst / 2

    def quiet_at(self, now_s: float) -> float:
        """When it may be, if nothing more comes."""
        self._refill(now_s)
        return now_s + max(0.0, self._burst / 2 - self._tokens) / self._rate

    def _refill(self, now_s: float) -> None:
        self._tokens = min(self._burst, self._tokens + max(0.0, now_s - self._at_s) * self._rate)
        self._at_s = max(self._at_s, now_s)
