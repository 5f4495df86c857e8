"""Short bursts of empty packets to a listener, to learn at once whether its way takes more than it is sent.

A burst leaves in one go; how far apart its packets arrive tells what the narrowest link carries. Empty packets are
padding on the retransmission stream (RFC 4588): receivers drop them after they were counted. Owns the packets and when
to send them; what a result means is `downlink`'s.
"""

from typing import Final

from media.forward.departures import Departures
from media.forward.outgoing import OutgoingTrack
from media.forward.rtp import FIXED_HEADER_BYTES, HEADER
from media.forward.twcc import LOST, TICK_S, TransportFeedback
from media.transport.link import BUFFER_BYTES, Link

PACKETS: Final = 10
PADDING_BYTES: Final = 240
LEAST_ANSWERED: Final = 6
"""Packets of a burst that must have come for its rate to mean anything."""

FIRST_AFTER_S: Final = 2.0
"""From the last sign of too much to the first probe."""

AGAIN_AFTER_S: Final = 0.25
INTERVAL_S: Final = 3.0
MAX_INTERVAL_S: Final = 6.0
GIVE_UP_S: Final = 1.5
_LEAST_SPAN_S: Final = 0.0005
_PADDED: Final = 0xB0  # version 2, padding, extension


class Prober:
    """One listener's."""

    def __init__(self, link: Link, departures: Departures, tracks: list[OutgoingTrack]) -> None:
        """`tracks` are what may carry padding: the first with a retransmission stream does."""
        self._link = link
        self._departures = departures
        self._buffer = bytearray(BUFFER_BYTES)
        self._carrier = next(
            (
                (out, codec.rtx_payload_type)
                for out in tracks
                for codec in out.section.codecs
                if codec.rtx_payload_type is not None and out.section.local_rtx_ssrc
            ),
            None,
        )
        self._sequence = 0
        self._first = self._end = 0  # of the burst under way; equal: none
        self._sent_s = 0.0
        self._due_s = 0.0
        self._interval_s = INTERVAL_S
        self._arrivals: dict[int, int] = {}
        self.sent = 0

    def step(self, congested_s: float, now_s: float) -> None:
        """Send a burst if one is due. Called while a limit is known, whenever there is news."""
        if self._first != self._end:
            if now_s - self._sent_s > GIVE_UP_S:
                self._end = self._first
            return
        if self._carrier is None or now_s < max(self._due_s, congested_s + FIRST_AFTER_S):
            return
        self._burst(now_s)

    def _burst(self, now_s: float) -> None:
        if self._carrier is None:
            return
        out, payload_type = self._carrier
        self._first = self._departures.next_number
        self._arrivals.clear()
        buffer, element = self._buffer, self._departures.element
        start = FIXED_HEADER_BYTES + 4 + len(element)
        length = start + PADDING_BYTES
        for _ in range(PACKETS):
            self._sequence = self._sequence + 1 & 0xFFFF
            HEADER.pack_into(
                buffer, 0, _PADDED, payload_type, self._sequence, out.timestamp, out.section.local_rtx_ssrc, 0xBEDE, 1
            )
            buffer[16:start] = element
            buffer[start:length] = bytes(PADDING_BYTES)
            buffer[length - 1] = PADDING_BYTES
            self._departures.stamp(buffer, length, now_s)
            self._link.send_rtp(buffer, length)
        self._end = self._departures.next_number
        self._sent_s = now_s
        self._due_s = now_s + self._interval_s
        self._interval_s = min(MAX_INTERVAL_S, 1.3 * self._interval_s)
        self.sent += 1

    def take(self, feedback: TransportFeedback) -> float | None:
        """The rate the burst under way got through at, in bit/s, as soon as its end was told of."""
        if self._first == self._end:
            return None
        base = self._departures.extended(feedback.base)
        for number, tick in enumerate(feedback.ticks, base):
            if tick != LOST and self._first <= number < self._end:
                self._arrivals[number] = tick
        if base + len(feedback.ticks) < self._end:
            return None
        came = len(self._arrivals)
        first, last = min(self._arrivals.values(), default=0), max(self._arrivals.values(), default=0)
        self._end = self._first
        if came < LEAST_ANSWERED:
            return 0.0
        size = FIXED_HEADER_BYTES + 8 + PADDING_BYTES + 10
        return (came - 1) * size * 8 / max(_LEAST_SPAN_S, (last - first) * TICK_S)

    def again(self, now_s: float) -> None:
        """The last burst found more: go on soon."""
        self._due_s = now_s + AGAIN_AFTER_S
        self._interval_s = INTERVAL_S
