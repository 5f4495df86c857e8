"""What a listener can take, from its bandwidth estimates (REMB) and from what it is sent. Plain numbers, no packets.

A receiver's estimate never exceeds about one and a half times what arrives: it can't know more. Relayed as it is, a
quiet picture would talk its sender down step by step, each lower rate proving the next lower estimate, until a moving
picture needs a minute to recover. So an estimate below what we send is congestion and counts; any other only proves
that much and takes nothing back.
"""

from typing import Final

START_BPS: Final = 300_000
"""Believed before anything is known: what browsers begin with."""

FLOOR_BPS: Final = 100_000
"""Never less: of so little a receiver's estimate is mostly noise, and below it the sender's own loss control acts."""

_RATE_WINDOW_S: Final = 0.5
_MARGIN: Final = 0.95
"""Receivers leave headers out and cut to 0.85 of what arrives, so this tells a cut from the noise of measuring."""


class Capacity:
    """One listener's. It outlives the listener's sources, because it is the listener's path."""

    __slots__ = ("_at_s", "_octets", "_sent_bps", "bps")

    def __init__(self) -> None:
        self.bps = START_BPS
        self._octets = 0
        self._at_s = 0.0
        self._sent_bps = 0.0

    def estimate(self, told_bps: int, octets: int, now_s: float) -> int:
        """Take an estimate of the receiver; `octets` is all that was sent so far of what it covers. Returns `bps`."""
        elapsed_s = now_s - self._at_s
        if elapsed_s >= _RATE_WINDOW_S or elapsed_s < 0:
            self._sent_bps = (octets - self._octets) * 8 / elapsed_s if self._at_s and elapsed_s > 0 else 0.0
            self._octets = octets
            self._at_s = now_s
        congested = told_bps < _MARGIN * self._sent_bps
        self.bps = max(told_bps, FLOOR_BPS if congested else self.bps)
        return self.bps
