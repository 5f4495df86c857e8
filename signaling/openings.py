"""Who opened which recording lately. A player asks for one film in a hundred parts: that is one opening, not a
hundred.
"""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Final

from gateway.base.clock import Clock

ANEW_S: Final = 600.0
"""Parts asked for later than this after the opening are another one."""

LIMIT: Final = 10_000
"""Beyond it the oldest is forgotten: an opening is written twice then, never not at all."""


class Openings:
    """Bounded, in memory: after a restart every opening is a new one."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: OrderedDict[Hashable, float] = OrderedDict()

    def is_known(self, opening: Hashable) -> bool:
        """Whether it was written down a short while ago."""
        at_s = self._known.get(opening)
        return at_s is not None and self._clock.monotonic() - at_s < ANEW_S

    def note(self, opening: Hashable) -> None:
        """It is written down."""
        self._known.pop(opening, None)
        self._known[opening] = self._clock.monotonic()
        while len(self._known) > LIMIT:
            self._known.popitem(last=False)
