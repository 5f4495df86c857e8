"""One RTP packet read from a capture (RFC 3550 § 5.1), and the sequence it belongs to put back in order.

Knows headers and sequence numbers; no codec, no clock, no file.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

_FIXED = struct.Struct(">BBHII")
_EXTENSION = struct.Struct(">HH")

WINDOW_S = 1.5
"""How long a missing packet is waited for: retransmissions came within this, or the far end gave up as well."""

WINDOW_PACKETS = 1024
"""At most so many packets of one stream are held while waiting."""

START_S = 0.2
START_PACKETS = 64
"""The first packets of a stream may be out of order as well: so long, or so many, are waited for before it begins."""

JUMP_PACKETS = 3000
"""A sequence number this far from the last is a restart, not loss or lateness (RFC 3550 A.1, MAX_DROPOUT)."""


@dataclass(slots=True)
class Packet:
    """The fields the finaliser needs. `time_s` is set by whoever knows the stream's clock, and `rotation_deg` by
    whoever knows which header extension tells it; it stays None in packets that don't."""

    sequence: int
    timestamp: int
    ssrc: int
    marker: bool
    payload: bytes
    at_s: float
    codec_name: str = ""
    time_s: float = 0.0
    rotation_deg: int | None = None


def parse_packet(data: bytes, at_s: float) -> Packet | None:
    """Read a packet; None when it is no well-formed RTP."""
    if len(data) < _FIXED.size:
        return None
    first, second, sequence, timestamp, ssrc = _FIXED.unpack_from(data)
    if first >> 6 != 2:
        return None
    start = _FIXED.size + 4 * (first & 0x0F)
    end = len(data)
    if first & 0x10:
        if start + _EXTENSION.size > end:
            return None
        start += _EXTENSION.size + 4 * _EXTENSION.unpack_from(data, start)[1]
    if first & 0x20:
        end -= data[-1]
        if not data[-1]:
            return None
    if start > end:
        return None
    return Packet(sequence, timestamp, ssrc, bool(second & 0x80), data[start:end], at_s)


@dataclass(slots=True)
class InOrder:
    """A packet whose predecessors have all come or been given up. `broken`: it does not follow the one before it."""

    packet: Packet
    broken: bool


class Reorder:
    """Puts the packets of one SSRC back in sequence, within a bounded window."""

    def __init__(self) -> None:
        self._next: int | None = None  # extended sequence number to be delivered next; None until the start is known
        self._base = 0  # what extended numbers are made from while there is no next one
        self._held: dict[int, Packet] = {}
        self._waiting_since_s = 0.0
        self._restart_at: int | None = None
        self._broken = False
        self.lost = 0
        self.discarded = 0  # doubled or too late

    def push(self, packet: Packet) -> Iterator[InOrder]:
        """Take a packet in order of arrival; gives every packet that is now in sequence."""
        if self._next is None and not self._held:
            self._base = packet.sequence
        near = self._base if self._next is None else self._next
        extended = near + ((packet.sequence - near + 0x8000) & 0xFFFF) - 0x8000
        if abs(extended - near) > JUMP_PACKETS:
            if self._restart_at != packet.sequence:  # one stray packet is no restart; two in a row are
                self._restart_at = (packet.sequence + 1) & 0xFFFF
                self.discarded += 1
                return
            yield from self.interrupt()
            self._base = extended = packet.sequence
        self._restart_at = None
        if extended in self._held or (self._next is not None and extended < self._next):
            self.discarded += 1
            return
        if not self._held:
            self._waiting_since_s = packet.at_s
        self._held[extended] = packet
        yield from self._ready()
        while self._held and self._waited(packet.at_s):
            self._give_up_hole()
            self._waiting_since_s = packet.at_s
            yield from self._ready()

    def _waited(self, at_s: float) -> bool:
        if self._next is None:
            return len(self._held) > START_PACKETS or at_s - self._waiting_since_s > START_S
        return len(self._held) > WINDOW_PACKETS or at_s - self._waiting_since_s > WINDOW_S

    def _ready(self) -> Iterator[InOrder]:
        while self._next is not None and (packet := self._held.pop(self._next, None)) is not None:
            self._next += 1
            self._waiting_since_s = packet.at_s
            broken, self._broken = self._broken, False
            yield InOrder(packet, broken)

    def _give_up_hole(self) -> None:
        first = min(self._held)
        if self._next is not None:
            self.lost += first - self._next
            self._broken = True
        self._next = first

    def flush(self) -> Iterator[InOrder]:
        """Give up every hole and deliver what is held."""
        while self._held:
            self._give_up_hole()
            yield from self._ready()

    def interrupt(self) -> Iterator[InOrder]:
        """Deliver what is held and begin anew with the next packet, whatever its number: nothing between was lost."""
        yield from self.flush()
        self._next = None
        self._restart_at = None
        self._broken = True
