"""What a leg's peer is told of the packets it sent: one transport-wide feedback every tenth of a second.

The browser's own estimator does the rest: it knows best what its way up can take. Owns the numbers that have come since
the last feedback. There is no timer: the packet that comes when a feedback is due sends it.
"""

from collections.abc import Callable, Sequence
from typing import Final

from media.forward.rtp import extensions

INTERVAL_S: Final = 0.1
MAX_NOTED: Final = 2000
"""Packets kept for one feedback: 20 000 a second. The rest stays untold, which their sender takes for loss."""

MAX_STEP: Final = 1000
"""A number further away than this from the last ones begins anew, like a first one."""

MAX_RETOLD: Final = 100
"""So many packets are told of again when one before them comes late."""

_CYCLE: Final = 0x10000


class Arrivals:
    """One leg's. `number` is the id of the header extension that carries the transport-wide sequence number."""

    __slots__ = ("_before", "_begin_s", "_count", "_due_s", "_head", "_next", "_number", "_numbers", "_send", "_times")

    def __init__(self, number: int, send: Callable[[int, Sequence[float | None], int], int]) -> None:
        """`send(base, arrivals, count)` sends a feedback and says of how many arrivals it tells."""
        self._number = number
        self._head = number << 4 | 1
        self._send = send
        self._numbers: list[int] = []
        self._times: list[float] = []
        self._before: tuple[int, Sequence[float | None]] = (0, ())  # first number and arrivals told last
        self._next = -1  # extended; -1 before the first
        self._count = 0
        self._due_s = 0.0

    def note(self, buffer: bytearray, length: int, at_s: float) -> None:
        """A packet with a header extension came. On the packet path: browsers put this element first."""
        if buffer[16] == self._head and buffer[12] == 0xBE:
            self._numbers.append(buffer[17] << 8 | buffer[18])
        else:
            found = self._find(buffer, length)
            if found < 0:
                return
            self._numbers.append(found)
        self._times.append(at_s)
        if at_s >= self._due_s or at_s < self._due_s - 2 * INTERVAL_S:
            self.flush(at_s)

    def _find(self, buffer: bytearray, length: int) -> int:
        for number, _, data, size in extensions(buffer, length):
            if number == self._number and size >= 2:
                return buffer[data] << 8 | buffer[data + 1]
        return -1

    def flush(self, now_s: float) -> None:
        """Tell what has come. Nothing has come, nothing is told."""
        self._due_s = now_s + INTERVAL_S
        numbers, times = self._numbers, self._times
        if not numbers:
            return
        self._numbers, self._times = [], []
        if self._next < 0 or abs(_signed(numbers[0] - self._next)) > MAX_STEP:
            self._next = numbers[0] + _CYCLE
            self._before = (0, ())
        first = self._next & 0xFFFF
        if numbers[-1] - first + 1 == len(numbers) and numbers == list(range(first, first + len(numbers))):
            self._tell(self._next, times)  # in order, none missing: as nearly always
            self._before = (self._next, times)
            self._next += len(times)
            return
        self._flush_anyhow(numbers, times)

    def _flush_anyhow(self, numbers: list[int], times: list[float]) -> None:
        """Tell what has come when some is missing, late or repeated."""
        came: dict[int, float] = {}
        for number, at_s in zip(numbers[:MAX_NOTED], times, strict=False):
            extended = self._next + _signed(number - self._next)
            if abs(extended - self._next) <= MAX_STEP:
                came.setdefault(extended, at_s)
        first, last = min(came), max(came)
        if first < self._next:  # late: everything from there on is told again
            before = dict(enumerate(self._before[1], self._before[0]))
            came = {number: at_s for number, at_s in before.items() if number > first and at_s is not None} | came
            last = max(last, self._next - 1)
        else:
            first = self._next  # what lies between was lost, or is late
        while first <= last:
            arrivals = [came.get(number) for number in range(first, last + 1)]
            if all(each is None for each in arrivals):
                break
            first += self._tell(first, arrivals)
        self._next = max(self._next, last + 1)
        first = max(min(came), last - MAX_RETOLD)
        self._before = (first, [came.get(number) for number in range(first, last + 1)])

    def _tell(self, first: int, arrivals: Sequence[float | None]) -> int:
        count = self._count & 0xFF
        self._count += 1
        return self._send(first & 0xFFFF, arrivals, count)


def _signed(difference: int) -> int:
    """A difference of two sequence numbers modulo 2^16, as the shorter way round."""
    return (difference + 0x8000 & 0xFFFF) - 0x8000
