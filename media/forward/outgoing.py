"""What goes to a peer: one SSRC per media section, continuous whatever its source is.

Owns the outgoing sequence numbers and timestamps across sources (hold clip → leg → hold → other leg), the wait for a
key frame, the ring that answers NACKs, and the sender reports. Knows its link and the incoming track it takes from; no
engine.
"""

from collections import Counter
from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING, Final

from media.forward import rtcp
from media.forward.departures import Departures
from media.forward.keyframe import starts_key_frame
from media.forward.mapping import UNMAPPED, ExtensionMap, payload_types
from media.forward.quality import ReceiverView
from media.forward.rtp import FIXED_HEADER_BYTES, HEADER, SEQUENCE_TIMESTAMP_SSRC, payload_end, payload_offset
from media.sdp.description import Codec, Section
from media.transport.link import Link

if TYPE_CHECKING:
    from media.forward.incoming import IncomingStream, IncomingTrack

RING_PACKETS: Final = 512
"""Ciphertext kept per video track: more than two seconds at 1.2 Mbit/s, 0.6 MB. A power of two."""

REPEAT_WITHIN_S: Final = 0.1
"""Sound older than this comes too late to be sent again."""

MIN_RESEND_S: Final = 0.02
_MAX_STEP_TICKS: Final = 0x7FFFFFFF
_NOT_BEGUN: Final = 1 << 62
RING_MASK: Final = RING_PACKETS - 1
_REPORTS_KEPT: Final = 8

_pack = SEQUENCE_TIMESTAMP_SSRC.pack_into


class OutgoingTrack:
    """One section's stream to a peer. `forward` is the packet path: it rewrites a lent buffer in place and sends it."""

    __slots__ = (
        "_clip_timestamp_offset",
        "_extensions",
        "_gave_up",
        "_last",
        "_last_at_s",
        "_needs_key_frame",
        "_payload_types",
        "_reports_sent",
        "_resent_at_s",
        "_send",
        "_source",
        "clock_rate_hz",
        "departures",
        "drops",
        "first",
        "link",
        "octets",
        "on_unmatched",
        "packets",
        "paused",
        "receiver",
        "repeats",
        "resend_budget_bytes",
        "resent",
        "ring",
        "section",
        "sent_at_s",
        "sequence",
        "sequence_offset",
        "ssrc",
        "timestamp",
        "timestamp_offset",
    )

    def __init__(self, section: Section, link: Link, drops: Counter[str], random: Random) -> None:
        self.section = section
        self.ssrc = section.local_ssrc
        self.drops = drops
        self.clock_rate_hz = section.codecs[0].clock_rate_hz
        self.sequence = 0x10000 + random.randrange(0x8000)  # extended; the first packet takes the next one
        self.timestamp = random.randrange(1 << 32)
        self.sent_at_s = 0.0  # 0: nothing sent yet
        self.packets = 0
        self.octets = 0
        self.resent = 0
        self.receiver = ReceiverView()
        self.resend_budget_bytes = 0
        self.departures: Departures | None = None
        """Numbers what is sent, when the peer gives transport-wide feedback."""
        self.paused = False
        self.repeats = False
        """Each packet goes out again with the one after it (sound on a way that loses much)."""
        self.on_unmatched: Callable[[Codec, float], None] = lambda codec, at_s: None
        """Hears of each picture packet in a codec that the peer did not agree on."""
        self.link = link
        self._send = link.send_rtp
        self._needs_key_frame = section.kind != "audio"
        self.ring: list[bytearray | None] | None = [None] * RING_PACKETS if self._needs_key_frame else None
        self._resent_at_s: dict[int, float] = {}
        self._reports_sent: dict[int, float] = {}  # middle 32 bits of the NTP time → when it was sent
        self._source: IncomingTrack | None = None
        self._payload_types: dict[int, int] | None = None
        self._extensions: ExtensionMap | None = None
        self.first = _NOT_BEGUN
        self._gave_up = False
        self._last: bytes | None = None
        self._last_at_s = 0.0
        self.sequence_offset = 0
        self.timestamp_offset = 0
        self._clip_timestamp_offset: int | None = None

    # ------------------------------------------------------------ sources

    def attach(self, source: "IncomingTrack", at_s: float) -> None:
        """Take the packets of `source` from now on; a picture begins at its next key frame, which is asked for."""
        self.detach()
        self._source = source
        self._payload_types = payload_types(source.section, self.section)
        self._extensions = ExtensionMap.between(source.section, self.section)
        source.subscribe(self)
        source.request_key_frame(at_s, anew=True)

    def detach(self) -> None:
        """Take nothing from anyone. The next source goes on where this one ended."""
        if self._source is not None:
            self._source.unsubscribe(self)
            self._source = None
        self.restart()

    def restart(self) -> None:
        """The next packet begins anew: its numbers are joined to the last ones sent."""
        self.first = _NOT_BEGUN
        self._clip_timestamp_offset = None

    @property
    def fits(self) -> bool:
        """Whether the source could send something that the peer takes."""
        types = self._payload_types
        return types is None or any(each != UNMAPPED for each in types.values())

    @property
    def rewrites(self) -> bool:
        """Whether the source's payload types or header extensions become others."""
        return self._payload_types is not None or self._extensions is not None

    @property
    def source(self) -> "IncomingTrack | None":
        return self._source

    @property
    def waits_for_key_frame(self) -> bool:
        waits = self._needs_key_frame and self._source is not None and self.first == _NOT_BEGUN
        return waits and not self.paused

    def pause(self, *, paused: bool, now_s: float) -> None:
        """Send nothing until the next call; then go on where this ended, from a key frame, which is asked for."""
        self.paused = paused
        self.restart()
        if not paused and self._source is not None:
            self._source.request_key_frame(now_s, anew=True)

    def _join(self, at_s: float) -> int:
        """The timestamp a new source begins with: the last one and the time since, in this track's clock."""
        if not self.sent_at_s:
            return self.timestamp
        ticks = round((at_s - self.sent_at_s) * self.clock_rate_hz)
        return (self.timestamp + min(max(1, ticks), _MAX_STEP_TICKS)) & 0xFFFFFFFF

    # ------------------------------------------------------------ the packet path

    def forward(
        self, buffer: bytearray, length: int, number: int, timestamp: int, stream: "IncomingStream", at_s: float
    ) -> None:
        """Send one packet of the source: `number` is its extended sequence number, each at most once.

        Gaps stay gaps, so that the receiver can ask for what is missing; late packets keep their place. The buffer
        holds ciphertext afterwards.
        """
        if number < self.first and not self._begin(buffer, length, number, timestamp, stream, at_s):
            return
        sequence = number + self.sequence_offset
        timestamp = (timestamp + self.timestamp_offset) & 0xFFFFFFFF
        if sequence > self.sequence:
            self.sequence = sequence
            self.timestamp = timestamp
            self.sent_at_s = at_s
        _pack(buffer, 2, sequence & 0xFFFF, timestamp, self.ssrc)
        if self._payload_types is not None:
            second = buffer[1]
            target = self._payload_types[second & 0x7F]
            if target == UNMAPPED:
                self._unmatched(stream.codec, at_s)
                return
            buffer[1] = second & 0x80 | target
        if self._extensions is not None:
            self._extensions.rewrite(buffer, length)
        if self.departures is not None:
            self.departures.stamp(buffer, length, at_s)
        sent = self._send(buffer, length)
        if sent:
            self.packets += 1
            self.octets += length
            if self.ring is not None:
                self.ring[sequence & RING_MASK] = buffer[:sent]
            elif self.repeats:
                self._repeat(bytes(buffer[:sent]))

    def _begin(
        self, buffer: bytearray, length: int, number: int, timestamp: int, stream: "IncomingStream", at_s: float
    ) -> bool:
        """Decide about a packet from before the first one sent: begin here, or drop it."""
        if self.first != _NOT_BEGUN:
            self.drops["before_start"] += 1
            return False
        if self.paused:
            self.drops["video_paused"] += 1
            return False
        if not self.link.connected:  # a key frame sent now would be lost, and nobody would ask for another
            self.drops["not_connected"] += 1
            return False
        codec = stream.codec
        if codec is None or (self._payload_types and self._payload_types[codec.payload_type] == UNMAPPED):
            self._unmatched(codec, at_s)
            return False
        if stream.oversize:
            self.drops["picture_too_large"] += 1
            stream.track.request_key_frame(at_s)
            return False
        if self._needs_key_frame:
            offset = payload_offset(buffer, length)
            if not starts_key_frame(codec.name, buffer, offset, payload_end(buffer, length, offset)):
                self.drops["awaiting_key_frame"] += 1
                stream.track.request_key_frame(at_s)
                return False
        else:
            buffer[1] |= 0x80  # the first packet of a talkspurt (RFC 3551 §4.1)
        self.first = number
        self.sequence_offset = self.sequence + 1 - number
        self.timestamp_offset = self._join(at_s) - timestamp
        return True

    def _unmatched(self, codec: Codec | None, at_s: float) -> None:
        self.drops["codec_unmatched"] += 1
        if codec is not None and self._needs_key_frame:
            self.on_unmatched(codec, at_s)

    def _repeat(self, packet: bytes) -> None:
        """Send the packet before this one again: who has it drops it as a replay."""
        before, self._last = self._last, packet
        if before is not None and self.sent_at_s - self._last_at_s < REPEAT_WITHIN_S:
            self.link.send_protected(before)
        self._last_at_s = self.sent_at_s

    def send_clip(
        self, scratch: bytearray, payload: bytes, codec: Codec, ticks: int, *, marker: bool, at_s: float
    ) -> None:
        """Send one packet of our own media: `ticks` is its media time since the clip began on this track, growing."""
        if self.paused:
            return
        if self._clip_timestamp_offset is None:
            self._clip_timestamp_offset = self._join(at_s) - ticks
            marker = marker or not self._needs_key_frame
        self.sequence += 1
        timestamp = (ticks + self._clip_timestamp_offset) & 0xFFFFFFFF
        if timestamp != self.timestamp or not self.sent_at_s:
            self.timestamp = timestamp  # a picture's time is when its first packet is due: the others are spread out
            self.sent_at_s = at_s
        second = marker << 7 | codec.payload_type
        departures = self.departures
        start = FIXED_HEADER_BYTES
        if departures is None:
            # The header is packed with the extension words that it does not have; the payload then lies over them.
            HEADER.pack_into(scratch, 0, 0x80, second, self.sequence & 0xFFFF, timestamp, self.ssrc, 0, 0)
        else:
            start += 8
            HEADER.pack_into(scratch, 0, 0x90, second, self.sequence & 0xFFFF, timestamp, self.ssrc, 0xBEDE, 1)
            scratch[16:start] = departures.element
        length = start + len(payload)
        scratch[start:length] = payload
        if departures is not None:
            departures.stamp(scratch, length, at_s)
        sent = self._send(scratch, length)
        if sent:
            self.packets += 1
            self.octets += length
            if self.ring is not None:
                self.ring[self.sequence & RING_MASK] = scratch[:sent]

    # ------------------------------------------------------------ feedback

    def resend(self, sequences: tuple[int, ...], round_trip_s: float, now_s: float) -> None:
        """Answer a NACK from the ring: the same ciphertext again, each packet at most once per round trip.

        A receiver that did not get it has it unseen by its replay check. What left the ring is not sent, and the bytes
        resent are limited by `resend_budget_bytes`, which its leg refills.
        """
        if self.ring is None:
            return
        pause_s = max(MIN_RESEND_S, round_trip_s)
        for sequence in sequences:
            packet = self.ring[sequence & RING_MASK]
            if packet is None or packet[2] << 8 | packet[3] != sequence:
                self.drops["nack_unanswered"] += 1
                self._gave_up = True
                continue
            if 0 <= now_s - self._resent_at_s.get(sequence, -pause_s) < pause_s:
                self.drops["nack_repeated"] += 1
                continue
            if self.resend_budget_bytes < len(packet):
                self.drops["nack_over_rate"] += 1
                self._gave_up = True
                return
            self.resend_budget_bytes -= len(packet)
            self._resent_at_s.pop(sequence, None)
            self._resent_at_s[sequence] = now_s
            if len(self._resent_at_s) > RING_PACKETS:
                del self._resent_at_s[next(iter(self._resent_at_s))]
            self.resent += 1
            if self.departures is not None:
                self.departures.resent(packet)
            self.link.send_protected(bytes(packet))

    def catch_up(self, now_s: float) -> None:
        """The way is free again: a receiver that was refused a packet needs a key frame before it asks for one."""
        if self._gave_up and self._source is not None:
            self._gave_up = False
            self._source.request_key_frame(now_s)

    def sender_report(self, clock_shift: int, now_s: float) -> rtcp.SenderReport | None:
        """Where this track's timeline is now, or None while that is not known.

        From a leg it is the sender's own pair of NTP time and timestamp, carried on to `now_s`: the timestamp moved by
        this track's offset, the NTP time by `clock_shift` (NTP units), one number for all of the sender's tracks, so
        sound and picture keep their distance exactly. All sources thus share this host's clock: a receiver that fits a
        line through several reports would be led astray by another machine's clock after every switch.
        """
        source = self._source
        if source is None:
            if self._clip_timestamp_offset is None:
                return None
            ticks = round((now_s - self.sent_at_s) * self.clock_rate_hz)
            return self._reported(rtcp.ntp64(now_s), self.timestamp + ticks, now_s)
        stream = source.current
        if stream is None or not stream.report_at_s or self.first == _NOT_BEGUN:
            return None
        age_s = max(0.0, now_s - stream.report_at_s)
        ntp = stream.report_ntp + clock_shift + int(age_s * 4294967296)
        timestamp = stream.report_timestamp + self.timestamp_offset + round(age_s * stream.clock_rate_hz)
        return self._reported(ntp & 0xFFFFFFFFFFFFFFFF, timestamp, now_s)

    def _reported(self, ntp: int, timestamp: int, now_s: float) -> rtcp.SenderReport:
        self._reports_sent[ntp >> 16 & 0xFFFFFFFF] = now_s
        if len(self._reports_sent) > _REPORTS_KEPT:
            del self._reports_sent[next(iter(self._reports_sent))]
        return rtcp.SenderReport(self.ssrc, ntp, timestamp & 0xFFFFFFFF)

    def round_trip_s(self, block: rtcp.ReportBlock, now_s: float) -> float | None:
        """The round trip a report block measures (RFC 3550 §6.4.1), None when it answers no report of ours."""
        sent_at_s = self._reports_sent.get(block.lsr) if block.lsr else None
        if sent_at_s is None:
            return None
        return max(0.0, now_s - sent_at_s - block.dlsr / 65536)
