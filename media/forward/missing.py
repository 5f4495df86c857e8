"""Packets of one stream that have not come: when each is asked for, how often, and when it is given up.

Asking is dear where packets are lost because a way is full: every repetition lengthens its queue. So a packet is asked
for again only when the repetition is overdue as repetitions go at the moment, each time later, and all questions
together stay a share of what comes. Knows numbers and times; it sends nothing.
"""

from dataclasses import dataclass
from typing import Final

MAX_MISSING: Final = 256
"""Packets remembered; the oldest are given up first."""

TRIES: Final = 6
GIVE_UP_S: Final = 1.0
LEAST_PAUSE_S: Final = 0.02
PATIENCE: Final = 1.2
"""Round trips until a repetition is overdue; each further time half as long again."""

MAX_REORDER_S: Final = 0.05
"""Packets that overtake one another are waited for as long as they were late lately, at most so long."""

SHARE: Final = 0.3
"""Questions per packet received: enough for a loss of 15 % with the repetitions lost in their turn."""

STOCK: Final = 48.0
"""Questions that may be asked at once: a burst is repaired, then the share counts."""


@dataclass(slots=True)
class Missing:
    """A packet that has not come: since when, when it was asked for last and is next, and how often so far."""

    since_s: float
    ask_at_s: float
    asked_s: float = 0.0
    tries: int = 0


class MissingPackets:
    """One stream's, by extended sequence number."""

    __slots__ = ("_packets", "_received", "_reorder_s", "_repair_s", "_stock")

    def __init__(self) -> None:
        self._packets: dict[int, Missing] = {}
        self._repair_s = 0.0  # from asking to the repetition, as seen lately; 0: never yet
        self._reorder_s = 0.0  # how late packets come that nobody asked for
        self._stock = STOCK
        self._received = 0

    def __len__(self) -> int:
        return len(self._packets)

    def miss(self, first: int, end: int, at_s: float) -> None:
        """Packets `first` to `end` - 1 have been passed over."""
        for number in range(first, end):
            self._packets[number] = Missing(at_s, at_s + 1.25 * self._reorder_s)
        while len(self._packets) > MAX_MISSING:
            del self._packets[next(iter(self._packets))]

    def found(self, number: int, at_s: float) -> bool:
        """The packet has come; False when it was not missing."""
        missing = self._packets.pop(number, None)
        if missing is None:
            return False
        if missing.tries == 0:
            late_s = min(MAX_REORDER_S, max(0.0, at_s - missing.since_s))
            self._reorder_s = max(late_s, self._reorder_s - self._reorder_s / 32)
        elif missing.tries == 1:
            took_s = min(GIVE_UP_S, max(0.0, at_s - missing.asked_s))
            self._repair_s = took_s if took_s > self._repair_s else self._repair_s + (took_s - self._repair_s) / 8
        return True

    def clear(self) -> None:
        self._packets.clear()

    def overdue(self, now_s: float, round_trip_s: float, received: int) -> tuple[list[int], bool]:
        """Sequence numbers to ask for now, in order, and whether any were given up. `received`: packets so far."""
        self._stock = min(STOCK, self._stock + SHARE * max(0, received - self._received))
        self._received = received
        pause_s = max(LEAST_PAUSE_S, PATIENCE * max(round_trip_s, self._repair_s))
        asked: list[int] = []
        lost: list[int] = []
        for number, missing in self._packets.items():
            if missing.tries >= TRIES or now_s - missing.since_s > GIVE_UP_S:
                lost.append(number)
            elif now_s >= missing.ask_at_s and self._stock >= 1:
                self._stock -= 1
                missing.ask_at_s = now_s + pause_s * 1.5**missing.tries
                missing.asked_s = now_s
                missing.tries += 1
                asked.append(number & 0xFFFF)
        for number in lost:
            del self._packets[number]
        return asked, bool(lost)
