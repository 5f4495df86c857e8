"""The common packet's way through the house in one function: from the socket's slot to what waits to be sent.

What is common: media in order from a stream that is known and current, in the codec it had, within the leg's limits, to
one listener or none. Everything else goes the full way, `SecuredLink.on_datagram` → `ForwardLeg.on_rtp` →
`OutgoingTrack.forward` → `SecuredLink.send_rtp`, which is the truth: this does the same in fewer steps, and a test
puts the same packets through both and compares every number. It decides which way from the header alone and changes
nothing before libsrtp has authenticated the packet, so a stranger's datagram moves no state.

Why: a packet costs as much as the instructions the interpreter is led through. Half of them are calls, arguments and
attributes that lead from one object to the next and are the same for every packet of a stream (docs/performance.md).
"""

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from media.forward.outgoing import RING_MASK, OutgoingTrack
from media.forward.rtp import FIXED_HEADER_BYTES, HEADER, SEQUENCE_TIMESTAMP_SSRC
from media.transport.link import Link
from media.transport.secured import SecuredLink
from media.transport.srtp import PacketBuffer
from media.transport.udp import Handler

if TYPE_CHECKING:
    from media.forward.incoming import IncomingStream, IncomingTrack
    from media.forward.leg import ForwardLeg

MIN_CHARGE_BYTES: Final = 200
"""What the smallest packet counts against the bitrate, so that the limit is one of packets too."""


class _Hop(NamedTuple):
    """What is the same for every packet of a stream, until its listener changes."""

    stream: "IncomingStream"
    track: "IncomingTrack"
    outs: tuple[OutgoingTrack, ...]
    out: OutgoingTrack | None
    plain: bool  # neither payload types nor header extensions are rewritten, and slots may wait in the link's lane
    link: Any  # SecuredLink of a plain one
    protect: Any
    context: Any
    trailer_bytes: int
    stamp: Any
    """Numbers the packet for the whole transport; None when the listener gives no such feedback."""


class Shortcut:
    """One leg's, from its keys on."""

    def __init__(self, leg: "ForwardLeg", link: SecuredLink) -> None:
        self._leg = leg
        self._link = link
        self._hops: dict[int, _Hop] = {}

    @classmethod
    def install(cls, leg: "ForwardLeg", link: Link | None) -> "Shortcut | None":
        """Take what comes for `leg` from now on; None where there is no shortcut."""
        if not isinstance(link, SecuredLink) or link.srtp is None or link.lane is None:
            return None
        shortcut = cls(leg, link)
        link.shorten(shortcut._handler())
        return shortcut

    def forget(self) -> None:
        """The next packet of each stream goes the full way."""
        self._hops.clear()

    def _uncommon(self, buffer: PacketBuffer, length: int, ssrc: int) -> None:
        """The full way, and then a look whether the stream's next packet may be a common one."""
        self._link.on_datagram(buffer, length)
        self._hops.pop(ssrc, None)
        stream = self._leg.streams.get(ssrc)
        if stream is None or stream.is_rtx or stream.codec is None or len(stream.track.outs) > 1:
            return
        if self._leg.closed or self._link.silent:
            return
        outs = stream.track.outs
        out = outs[0] if outs else None
        link = out.link if out is not None else None
        if out is None or not isinstance(link, SecuredLink) or link.srtp is None or link.lane is None:
            self._hops[ssrc] = _Hop(stream, stream.track, outs, out, False, None, None, None, 0, None)
            return
        sealing = link.srtp.sealing
        plain = not out.rewrites and link.socket is self._link.socket
        stamp = None if out.departures is None else out.departures.stamp
        self._hops[ssrc] = _Hop(
            stream,
            stream.track,
            outs,
            out,
            plain,
            link,
            sealing.function,
            sealing.context,
            sealing.trailer_bytes,
            stamp,
        )

    def _handler(self) -> Handler:
        """The function itself: a closure, because its variables cost less than attributes."""
        leg, link, hops, uncommon = self._leg, self._link, self._hops, self._uncommon
        srtp, socket = link.srtp, link.socket
        if srtp is None:
            raise RuntimeError("there are no keys yet")
        opening = srtp.opening
        unprotect, context_in, size_cell, tag_bytes = (
            opening.function,
            opening.context,
            opening.size,
            opening.trailer_bytes,
        )
        note, look, record = leg.note, leg.look, leg.record_packet
        unpack, pack = HEADER.unpack_from, SEQUENCE_TIMESTAMP_SSRC.pack_into

        def take(buffer: PacketBuffer, datagram_bytes: int) -> None:
            first, second, sequence, timestamp, ssrc, _, words = unpack(buffer)
            hop = hops.get(ssrc)
            if hop is None:
                uncommon(buffer, datagram_bytes, ssrc)
                return
            stream, track, outs, out, plain, out_link, protect, context_out, trailer_bytes, stamp = hop
            number = stream.expected
            length = datagram_bytes - tag_bytes
            budget_bytes = leg.budget_bytes - (length if length > MIN_CHARGE_BYTES else MIN_CHARGE_BYTES)
            if (
                sequence != number & 0xFFFF
                or second & 0x7F != stream.payload_type
                or (first != 0x90 and first != 0x80)
                or length < (16 + 4 * words if first == 0x90 else FIXED_HEADER_BYTES)
                or track.outs is not outs
                or track.current is not stream
                or budget_bytes < 0
            ):
                uncommon(buffer, datagram_bytes, ssrc)
                return
            size_cell[0] = datagram_bytes
            if status := unprotect(context_in, buffer.pointer, size_cell):
                srtp.count_refused(status)
                return
            at_s = socket.arrived_s
            link.heard += 1
            leg.budget_bytes = budget_bytes
            if note is not None and first == 0x90:
                note(buffer, length, at_s)
            stream.expected = number + 1
            stream.received += 1
            stream.packets += 1
            stream.octets += length
            if timestamp != stream.last_timestamp:
                stream.time(timestamp, at_s)
                if track.repairs:
                    look(stream, buffer, length)
            if track.recorder is not None:
                record(stream, track.recorder, buffer, length, at_s)
            if out is None:
                return
            if not plain or number < out.first or out.repeats:
                out.forward(buffer, length, number, timestamp, stream, at_s)
                return
            # From here on what `OutgoingTrack.forward` does with a packet that is the newest of its track.
            out.sequence = sequence = number + out.sequence_offset
            out.timestamp = timestamp = timestamp + out.timestamp_offset & 0xFFFFFFFF
            out.sent_at_s = at_s
            pack(buffer, 2, sequence & 0xFFFF, timestamp, out.ssrc)
            if stamp is not None:
                stamp(buffer, length, at_s)
            size_cell[0] = length
            if protect(context_out, buffer.pointer, size_cell):
                socket.counters["send_protect"] += 1
                return
            sealed_bytes = length + trailer_bytes
            lane = out_link.lane
            lane.waiting.append((lane, buffer.slot, sealed_bytes))
            out.packets += 1
            out.octets += length
            ring = out.ring
            if ring is not None:
                ring[sequence & RING_MASK] = buffer[:sealed_bytes]

        return take
