"""Transport-wide feedback as bytes (draft-holmer-rmcat-transport-wide-cc-extensions-01): which packets came, and when.

Both directions: what browsers tell of what we sent, and what we tell of what they sent. Knows no leg and no estimate.
Reading checks every length before it reads; writing is exact for what fits and says what did not.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from operator import sub
from typing import Final

from media.forward.rtcp import FMT_TRANSPORT, RTPFB, MalformedRtcp

TICK_S: Final = 0.00025
REFERENCE_TICKS: Final = 256
"""The reference time counts 64 ms; deltas count 250 µs."""

MAX_PACKETS: Final = 2048
"""Packets one feedback may tell of: seconds of the most a leg may carry. More is malformed."""

LOST: Final = -1

_FIXED: Final = struct.Struct("!HHI")  # base sequence, packet count, reference time (24 bits) and feedback count (8)
_SHORT: Final = struct.Struct("!H")
_SIGNED: Final = struct.Struct("!h")
_HEAD: Final = struct.Struct("!BBHII")
_TICKS_PER_S: Final = 4000
_MAX_RUN: Final = 0x1FFF
_ONE_BIT, _TWO_BIT = 14, 7
_REFERENCE_MASK: Final = 0xFFFFFF


@dataclass(frozen=True, slots=True)
class TransportFeedback:
    """`ticks[i]`: when packet `base + i` (modulo 2^16) came, in 250 µs of the receiver's clock, or LOST.

    The clock's origin is unknown and its reference wraps after 12 days; only differences mean anything.
    """

    base: int
    ticks: tuple[int, ...]


def read(buffer: bytearray | bytes, at: int, end: int) -> TransportFeedback:
    """The feedback in `buffer[at:end]`, which follows the two SSRCs. Raises MalformedRtcp and nothing else."""
    if end - at < _FIXED.size:
        raise MalformedRtcp("a transport feedback is cut off")
    base, count, clock = _FIXED.unpack_from(buffer, at)
    if not 0 < count <= MAX_PACKETS:
        raise MalformedRtcp("a transport feedback tells of too many packets")
    at += _FIXED.size
    now = (clock >> 8) * REFERENCE_TICKS
    if at + 2 + count <= end and (buffer[at] << 8 | buffer[at + 1]) == (1 << 13 | count):
        deltas = buffer[at + 2 : at + 2 + count]  # all came, one byte each: as nearly always
        return TransportFeedback(base, tuple(accumulate(deltas, initial=now))[1:])
    symbols: list[int] = []
    while len(symbols) < count:
        if at + 2 > end:
            raise MalformedRtcp("a transport feedback lacks chunks")
        chunk = buffer[at] << 8 | buffer[at + 1]
        at += 2
        if not chunk & 0x8000:
            symbols.extend([chunk >> 13] * min(chunk & _MAX_RUN, count - len(symbols)))
            if not chunk & _MAX_RUN:
                raise MalformedRtcp("a run of no packets")
        elif chunk & 0x4000:
            symbols.extend([chunk >> shift & 3 for shift in range(12, -2, -2)])
        else:
            symbols.extend([chunk >> shift & 1 for shift in range(13, -1, -1)])
    del symbols[count:]
    ticks: list[int] = []
    for symbol in symbols:
        if symbol == 1:
            if at >= end:
                raise MalformedRtcp("a transport feedback lacks deltas")
            now += buffer[at]
            at += 1
            ticks.append(now)
        elif symbol == 0:
            ticks.append(LOST)
        elif symbol == 2:
            if at + 2 > end:
                raise MalformedRtcp("a transport feedback lacks deltas")
            now += _SIGNED.unpack_from(buffer, at)[0]
            at += 2
            ticks.append(max(0, now))
        else:
            raise MalformedRtcp("a reserved packet status")
    return TransportFeedback(base, tuple(ticks))


def write(
    sender_ssrc: int, media_ssrc: int, base: int, arrivals_s: Sequence[float | None], count: int
) -> tuple[bytes, int]:
    """A feedback about the packets from `base` on: seconds of arrival on one clock, None for what did not come.

    One at least must have come; `count` numbers the feedback messages. Returns the packet and of how many arrivals it
    tells: fewer than given when two are further apart than a delta can say (8 s), or there are more than MAX_PACKETS.
    """
    first_s = next(each for each in arrivals_s if each is not None)
    reference = int(first_s / (TICK_S * REFERENCE_TICKS))
    now = reference * REFERENCE_TICKS
    if None not in arrivals_s and len(arrivals_s) <= _MAX_RUN:
        ticks = [now, *(round(each * _TICKS_PER_S) for each in arrivals_s)]  # type: ignore[operator]
        try:
            deltas = bytes(map(sub, ticks[1:], ticks))
        except ValueError:  # one of them needs two bytes
            pass
        else:
            chunks = _SHORT.pack(1 << 13 | len(deltas))
            return _packet(sender_ssrc, media_ssrc, base, len(deltas), reference, count, chunks + deltas), len(deltas)
    symbols: list[int] = []
    written = bytearray()
    for arrival_s in arrivals_s[:MAX_PACKETS]:
        if arrival_s is None:
            symbols.append(0)
            continue
        delta = round(arrival_s * _TICKS_PER_S) - now
        if 0 <= delta <= 0xFF:
            written.append(delta)
            symbols.append(1)
        elif -0x8000 <= delta <= 0x7FFF:
            written += _SIGNED.pack(delta)
            symbols.append(2)
        else:
            break
        now += delta
    while symbols[-1] == 0:  # what may still come is told later
        symbols.pop()
    told = _chunks(symbols) + written
    return _packet(sender_ssrc, media_ssrc, base, len(symbols), reference, count, told), len(symbols)


def _packet(sender: int, media: int, base: int, packets: int, reference: int, count: int, told: bytes) -> bytes:
    clock = (reference & _REFERENCE_MASK) << 8 | count & 0xFF
    body = _FIXED.pack(base & 0xFFFF, packets, clock) + told
    body += bytes(-len(body) % 4)
    return _HEAD.pack(0x80 | FMT_TRANSPORT, RTPFB, 2 + len(body) // 4, sender, media) + body


def _chunks(symbols: list[int]) -> bytes:
    """Runs where they are longer than a vector would be, else one bit a packet, else two."""
    out = bytearray()
    at, total = 0, len(symbols)
    while at < total:
        symbol = symbols[at]
        run = 1
        while at + run < total and symbols[at + run] == symbol and run < _MAX_RUN:
            run += 1
        if run >= _ONE_BIT or at + run == total:
            out += _SHORT.pack(symbol << 13 | run)
            at += run
            continue
        several = symbols[at : at + _ONE_BIT]
        if 2 not in several:
            bits = sum(bit << 13 - place for place, bit in enumerate(several))
            out += _SHORT.pack(0x8000 | bits)
            at += len(several)
        else:
            several = several[:_TWO_BIT]
            bits = sum(bits << 12 - 2 * place for place, bits in enumerate(several))
            out += _SHORT.pack(0xC000 | bits)
            at += len(several)
    return bytes(out)
