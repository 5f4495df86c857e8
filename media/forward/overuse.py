"""When a peer has gone beyond what a leg may cost for so long that its leg is closed. Plain numbers, no packets.

A browser that overshoots for a moment loses the packets beyond its limit and adapts: that is not overuse. One that goes
on is broken or hostile; every further packet of it costs a decryption, so its leg is ended, for a reason that names the
limit. Nobody else's leg is looked at.
"""

from collections import deque
from typing import Final

WINDOW_S: Final = 20
SECONDS_OVER: Final = 10
"""This many of the last `WINDOW_S` seconds over a limit are overuse: browsers adapt within three."""

MAX_STREAMS: Final = 64
"""SSRCs in the life of a leg, taken or refused. Three sections with RTX need six, and a browser rarely renews one."""


class Overuse:
    """One leg's record. The leg counts, `second` judges."""

    __slots__ = ("_history", "refused_bytes", "refused_packets", "refused_pictures", "streams")

    def __init__(self) -> None:
        self.refused_packets = 0
        """Over the bitrate, since the last `second`."""
        self.refused_bytes = 0
        self.refused_pictures = 0
        """Key frames larger than a picture may be, since the last `second`."""
        self.streams = 0
        """SSRCs since the leg was opened."""
        self._history: deque[str] = deque(maxlen=WINDOW_S)

    def second(self, small_bytes: int) -> str | None:
        """Judge the second that is over: the reason to close the leg, or None.

        `limit_streams` for too many SSRCs; `limit_packets` when what was refused were mostly packets smaller than
        `small_bytes`, which are charged as if they were that large; `limit_bitrate` when they were ordinary ones;
        `limit_picture` when pictures were too large.
        """
        if self.streams > MAX_STREAMS:
            return "limit_streams"
        over = ""
        if self.refused_packets:
            over = "limit_packets" if self.refused_bytes < small_bytes * self.refused_packets else "limit_bitrate"
        elif self.refused_pictures:
            over = "limit_picture"
        self.refused_packets = self.refused_bytes = self.refused_pictures = 0
        self._history.append(over)
        if sum(1 for each in self._history if each) < SECONDS_OVER:
            return None
        return over or None
