"""How fast one socket may talk: a token bucket."""


class TokenBucket:
    """`per_second` sustained, `burst` at once. Policy for *empty*: the caller closes the socket."""

    def __init__(self, *, per_second: float, burst: int, now: float) -> None:
        self._per_second = per_second
        self._burst = burst
        self._tokens = float(burst)
        self._at = now

    def take(self, now: float) -> bool:
        """Take one token at `now` (monotonic seconds); False when there is none."""
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._per_second)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
