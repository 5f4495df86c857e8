"""What a leg is sent, numbered for its whole transport, so that its peer can tell what came and when.

Owns the outgoing transport-wide sequence numbers, the times they left and their sizes. It turns a feedback into one
`Sample` of plain figures and leaves what they mean to `downlink`. A sender's own numbers never reach a receiver.
"""

from dataclasses import dataclass
from typing import Final

from media.forward.rtp import extensions
from media.forward.twcc import LOST, TICK_S, TransportFeedback

KEPT: Final = 2048
"""Packets remembered: eight seconds at 250 a second. A power of two."""

_MASK: Final = KEPT - 1
_CYCLE: Final = 0x10000


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What one feedback said of packets it had not told of before. Arrivals are seconds of the peer's clock."""

    received: int
    lost: int
    found: int
    """Of the received: told lost before, and come after all, sent again or late."""
    octets: int
    last_arrival_s: float
    least_delay_s: float | None
    """Arrival less departure, two clocks apart; of the least delayed packet. None when only repetitions came."""


class Departures:
    """One leg's. `number` is the id of the header extension; a packet without it goes unnumbered and is not missed."""

    __slots__ = ("_head", "_next", "_number", "_numbers", "_sent_s", "_sizes")

    def __init__(self, number: int) -> None:
        self._number = number
        self._head = number << 4 | 1
        self._next = _CYCLE  # extended
        self._numbers = [0] * KEPT
        self._sent_s = [0.0] * KEPT  # 0: sent again, when is not known
        self._sizes = [0] * KEPT  # negative once told lost, 0 once told received

    @property
    def next_number(self) -> int:
        """The extended number that the next packet gets."""
        return self._next

    @property
    def element(self) -> bytes:
        """A one-byte header extension block of one word with room for the number (RFC 8285 §4.2)."""
        return bytes((self._head, 0, 0, 0))

    def stamp(self, buffer: bytearray, length: int, at_s: float) -> None:
        """Number a packet that is sent now. On the packet path: browsers put this element first."""
        if not (buffer[16] == self._head and buffer[12] == 0xBE and buffer[0] & 0x10):
            self._stamp_elsewhere(buffer, length, at_s)
            return
        number = self._next
        self._next = number + 1
        buffer[17] = number >> 8 & 0xFF
        buffer[18] = number & 0xFF
        slot = number & _MASK
        self._numbers[slot] = number
        self._sent_s[slot] = at_s
        self._sizes[slot] = length

    def _stamp_elsewhere(self, buffer: bytearray, length: int, at_s: float) -> None:
        for found, _, data, size in extensions(buffer, length):
            if found == self._number and size >= 2:
                number = self._next
                self._next = number + 1
                buffer[data : data + 2] = (number & 0xFFFF).to_bytes(2, "big")
                slot = number & _MASK
                self._numbers[slot] = number
                self._sent_s[slot] = at_s
                self._sizes[slot] = length
                return

    def resent(self, packet: bytes | bytearray) -> None:
        """A packet goes out again as it was (its header is not encrypted): how long it took can't be told any more."""
        if packet[0] & 0x10 and packet[16] == self._head and packet[12] == 0xBE:
            number = self.extended(packet[17] << 8 | packet[18])
            if self._numbers[number & _MASK] == number:
                self._sent_s[number & _MASK] = 0.0

    def extended(self, number: int) -> int:
        """The extended number nearest to the next one, of 16 bits from the wire."""
        return self._next + ((number - self._next + 0x8000 & 0xFFFF) - 0x8000)

    def take(self, feedback: TransportFeedback) -> Sample | None:
        """What the feedback says that was not known. None when it says nothing new of anything remembered."""
        received = lost = found = octets = 0
        last = -1
        least: float | None = None
        numbers, sizes, sent_s = self._numbers, self._sizes, self._sent_s
        for number, tick in enumerate(feedback.ticks, self.extended(feedback.base)):
            slot = number & _MASK
            if numbers[slot] != number:
                continue
            size = sizes[slot]
            if tick == LOST:
                if size > 0:
                    sizes[slot] = -size
                    lost += 1
            elif size:
                sizes[slot] = 0
                received += 1
                octets += abs(size)
                found += size < 0
                last = max(last, tick)
                departed_s = sent_s[slot]
                if departed_s:
                    delay_s = tick * TICK_S - departed_s
                    if least is None or delay_s < least:
                        least = delay_s
        if not received and not lost:
            return None
        return Sample(
            received=received,
            lost=lost,
            found=found,
            octets=octets,
            last_arrival_s=max(0, last) * TICK_S,
            least_delay_s=least,
        )
