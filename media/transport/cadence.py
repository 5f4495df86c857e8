"""When a busy socket is read: as soon as something comes, or once a millisecond.

Waking up costs as much as several packets (docs/performance.md). A socket that keeps its loop busy is therefore read by
the clock: more packets come with each read, more leave with each call of the system, and a call more fits on the core.
What it costs is up to a millisecond of delay, and only where the queue before the core would soon cost more than that.
Pure: time is passed in.
"""

from typing import Final

POLL_S: Final = 0.001
"""The finest an event loop's timer goes."""

WINDOW_S: Final = 0.25
BUSY_SHARE: Final = 0.45
"""Of a core, spent on what was read: above it the socket is read by the clock."""

CALM_SHARE: Final = 0.2
"""Below it again as it comes. Reading by the clock takes off about a third, so the two must lie far apart."""


class Cadence:
    """Of one port."""

    __slots__ = ("_began_s", "_busy_s", "_until_s", "polling")

    def __init__(self) -> None:
        self.polling = False
        self._until_s = 0.0
        self._began_s = 0.0
        self._busy_s = 0.0

    def spent(self, began_s: float, ended_s: float) -> bool:
        """A read and what followed took that long. Whether the window is over and the mode is another now."""
        self._busy_s += ended_s - began_s
        if ended_s < self._until_s:
            return False
        elapsed_s = ended_s - self._began_s
        share = self._busy_s / elapsed_s if elapsed_s < 4 * WINDOW_S else 0.0  # nothing was read for long: calm
        self._began_s, self._busy_s, self._until_s = ended_s, 0.0, ended_s + WINDOW_S
        before = self.polling
        self.polling = share > (CALM_SHARE if before else BUSY_SHARE)
        return self.polling is not before
