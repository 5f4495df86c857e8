"""One browser's leg: takes what its link received, hands it on, and answers for what it is sent.

Owns the streams of the leg, the limits a peer is held to, and the leg's RTCP. A leg knows the leg it is sent from; it
knows no engine, no recording and no clip. The packet path is `on_rtp` → `OutgoingTrack.forward` → `Link.send_rtp`.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Final

from media.forward import rtcp
from media.forward.estimate import Capacity
from media.forward.feedback import FeedbackTimers
from media.forward.incoming import IncomingStream, IncomingTrack, Recorder
from media.forward.outgoing import OutgoingTrack
from media.forward.rtp import FIXED_HEADER_BYTES, HEADER, find_extension, restore_rtx, well_formed
from media.port import Kind, LegClosed, LegConnected, LegFirstMedia, LegHeard, LegSilent, MediaEvent
from media.sdp.description import EXT_MID, Negotiated
from media.transport.link import BUFFER_BYTES, Link

MIN_CHARGE_BYTES: Final = 200
"""What the smallest packet counts against the bitrate, so that the limit is one of packets too."""

DEFAULT_ROUND_TRIP_S: Final = 0.1
REMB_INTERVAL_S: Final = 0.2
REMB_LIFETIME_S: Final = 10.0
STREAM_IDLE_S: Final = 0.5
"""A section's other stream takes over when the current one has been quiet for this long."""

_CLOCK_STEP: Final = 1 << 32
"""One second in NTP units: a sender whose clock moved by more has set it, and is translated anew."""

_unpack = HEADER.unpack_from


def _refilled(budget_bytes: int, rate_bps: int, elapsed_s: float) -> int:
    """A token bucket after `elapsed_s`; it holds what one second may cost."""
    return min(rate_bps // 8, budget_bytes + int(rate_bps / 8 * elapsed_s))


@dataclass(frozen=True, slots=True, kw_only=True)
class ForwardLimits:
    """What one leg may cost. Over a limit packets are dropped and counted; the leg lives on."""

    max_bitrate_bps: int = 4_000_000
    max_ssrcs: int = 16
    max_resend_bps: int = 2_000_000


class ForwardLeg:
    """A PacketSink. Made before its link is, `open`ed with it, gone with `on_closed`."""

    def __init__(
        self,
        leg_id: str,
        *,
        emit: Callable[[MediaEvent], None],
        timers: FeedbackTimers,
        drops: Counter[str],
        limits: ForwardLimits,
        random: Random,
        scratch: bytearray,
    ) -> None:
        """`drops` counts dropped packets by reason, for all legs; `scratch` is lent to all legs for fanning out."""
        self.leg_id = leg_id
        self.closed = False
        self.source: ForwardLeg | None = None
        self.incoming: dict[Kind, IncomingTrack] = {}
        self.outgoing: dict[Kind, OutgoingTrack] = {}
        self.capacity = Capacity()
        self.clock_shift = 0
        self.round_trip_s: float | None = None
        self.rtcp_in = 0
        self.on_clip_key_frame: Callable[[str, OutgoingTrack, float], None] | None = None
        self._emit = emit
        self._timers = timers
        self._drops = drops
        self._limits = limits
        self._random = random
        self._scratch = scratch
        self._link: Link | None = None
        self._cname = ""
        self._reporter_ssrc = 0
        self._rtcp = bytearray(BUFFER_BYTES)
        self._budget_bytes = limits.max_bitrate_bps // 8
        self._streams: dict[int, IncomingStream] = {}
        self._signalled: dict[int, tuple[IncomingTrack, bool]] = {}
        self._lossy: set[IncomingStream] = set()
        self._heard_kinds: set[Kind] = set()
        self._clock_known = False
        self._fir_command = 0
        self._estimates: dict[str, tuple[int, float]] = {}  # listener's leg id → (bits per second, when)
        self._estimate_at_s = 0.0
        self._estimate_waits = False

    def open(self, link: Link, negotiated: Negotiated) -> None:
        """Take what was agreed on. Called once, before the first packet."""
        self._link = link
        for section in negotiated.sections:
            if not section.codecs:
                continue
            if section.peer_sends:
                track = IncomingTrack(section, self._ask_for_key_frame, self._on_loss, self._on_wait)
                self.incoming[section.kind] = track
                self._signalled.update(dict.fromkeys(section.peer_ssrcs, (track, False)))
                self._signalled.update(dict.fromkeys(section.peer_rtx_ssrcs, (track, True)))
            if section.peer_receives:
                out = OutgoingTrack(section, link, self._drops, self._random)
                out.resend_budget_bytes = self._limits.max_resend_bps // 8
                self.outgoing[section.kind] = out
            self._cname = self._cname or section.cname
            self._reporter_ssrc = self._reporter_ssrc or section.local_ssrc

    @property
    def link(self) -> Link | None:
        return self._link

    # ------------------------------------------------------------ sources

    def take_from(self, source: "ForwardLeg", now_s: float) -> None:
        """Send what `source` receives, kind by kind, from its next packet (its next key frame) on."""
        self.take_nothing()
        self.source = source
        for kind, out in self.outgoing.items():
            track = source.incoming.get(kind)
            if track is not None:
                out.attach(track, now_s)

    def take_nothing(self) -> None:
        """Leave the source. Also the first step to a clip."""
        for out in self.outgoing.values():
            out.detach()
        if self.source is not None:
            self.source._estimates.pop(self.leg_id, None)
            self.source = None

    def record(self, recorder_for: Callable[[Kind], Recorder] | None) -> None:
        """Copy everything received to `recorder_for(kind)` from now on; None ends it."""
        for kind, track in self.incoming.items():
            track.recorder = None if recorder_for is None else recorder_for(kind)
        for stream in self._streams.values():
            stream.recorder_track = -1

    # ------------------------------------------------------------ the packet path

    def on_rtp(self, buffer: bytearray, length: int, at_s: float) -> None:
        first, second, sequence, timestamp, ssrc, _, words = _unpack(buffer)
        if first == 0x90:
            if length < 16 + 4 * words:
                self._drops["malformed_rtp"] += 1
                return
        elif (first != 0x80 or length < FIXED_HEADER_BYTES) and not well_formed(buffer, length):
            self._drops["malformed_rtp"] += 1
            return
        self._budget_bytes -= length if length > MIN_CHARGE_BYTES else MIN_CHARGE_BYTES
        if self._budget_bytes < 0:
            self._drops["over_bitrate"] += 1
            return
        stream = self._streams.get(ssrc)
        if stream is None:
            stream = self._learn(buffer, length, second & 0x7F, sequence, ssrc, at_s)
            if stream is None:
                return
        if second & 0x7F != stream.payload_type:
            if stream.is_rtx:
                self._restore(stream, buffer, length, second & 0x7F, at_s)
                return
            codec = stream.track.codecs.get(second & 0x7F)
            if codec is None:
                self._drops["unknown_payload_type"] += 1
                return
            stream.use(codec)
        number = stream.expected
        if sequence == number & 0xFFFF:
            stream.expected = number + 1
        else:
            number = stream.place(sequence, at_s)
            if number < 0:
                self._drops["duplicate_or_late"] += 1
                return
        stream.received += 1
        stream.packets += 1
        stream.octets += length
        if timestamp != stream.last_timestamp:
            stream.time(timestamp, at_s)
        track = stream.track
        recorder = track.recorder
        if recorder is not None:
            recorder_track = stream.recorder_track
            if recorder_track == -1:
                recorder_track = self._begin_recorder_track(stream, recorder)
            if recorder_track >= 0:
                recorder.write_rtp(recorder_track, buffer, length, at_s)
        if track.current is not stream and not self._take_over(stream, at_s):
            return
        outs = track.outs
        if not outs:
            return
        for other in outs[1:]:
            scratch = self._scratch  # protecting is in place, so all but the first need bytes of their own
            scratch[:length] = buffer[:length]
            other.forward(scratch, length, number, timestamp, stream, at_s)
        outs[0].forward(buffer, length, number, timestamp, stream, at_s)

    def _learn(
        self, buffer: bytearray, length: int, payload_type: int, sequence: int, ssrc: int, at_s: float
    ) -> IncomingStream | None:
        """Find the section of an SSRC not seen before: as signalled, by mid (RFC 8843 §9.2), or by payload type."""
        track, is_rtx = self._signalled.get(ssrc) or (None, False)
        if track is None:
            track = self._track_by_mid(buffer, length) or self._track_by_payload_type(payload_type)
            is_rtx = track is not None and payload_type in track.rtx
        if track is None or payload_type not in (track.rtx if is_rtx else track.codecs):
            self._drops["unknown_payload_type"] += 1
            return None
        if len(self._streams) >= self._limits.max_ssrcs:
            self._drops["ssrc_limit"] += 1
            return None
        stream = IncomingStream(ssrc, track, sequence, is_rtx=is_rtx)
        self._streams[ssrc] = stream
        if not is_rtx:
            track.adopt(stream, at_s)
            if track.section.kind not in self._heard_kinds:
                self._heard_kinds.add(track.section.kind)
                self._emit(LegFirstMedia(leg_id=self.leg_id, kind=track.section.kind, at_s=at_s))
        return stream

    def _track_by_mid(self, buffer: bytearray, length: int) -> IncomingTrack | None:
        for track in self.incoming.values():
            number = track.section.extensions.get(EXT_MID)
            if number is not None and find_extension(buffer, length, number) == track.section.mid.encode():
                return track
        return None

    def _track_by_payload_type(self, payload_type: int) -> IncomingTrack | None:
        """The section that has this payload type; of several (camera and screen) the first that hears nothing yet."""
        fitting = [
            track for track in self.incoming.values() if payload_type in track.codecs or payload_type in track.rtx
        ]
        return next((track for track in fitting if track.current is None), fitting[0] if fitting else None)

    def _restore(self, rtx: IncomingStream, buffer: bytearray, length: int, payload_type: int, at_s: float) -> None:
        """Give a retransmission back its place among the packets it repeats."""
        track = rtx.track
        rtx.packets += 1
        rtx.octets += length
        original = track.rtx.get(payload_type)
        media_ssrc = track.section.peer_rtx_ssrcs.get(rtx.ssrc)
        media = self._streams.get(media_ssrc) if media_ssrc is not None else track.current
        if original is None or media is None or media.is_rtx:
            self._drops["rtx_unmatched"] += 1
            return
        restored = restore_rtx(buffer, length, original, media.ssrc)
        if not restored:
            self._drops["rtx_empty"] += 1
            return
        before = media.received
        self.on_rtp(buffer, restored, at_s)
        if media.received > before:
            media.received -= 1  # not received by itself: reports tell the loss of the path (RFC 4588 §6.3)
            media.restored += 1

    def _take_over(self, stream: IncomingStream, at_s: float) -> bool:
        """Whether a packet of a stream that is not the section's current one makes it so."""
        track = stream.track
        if track.current is not None and 0 <= at_s - track.current.last_at_s < STREAM_IDLE_S:
            self._drops["other_stream"] += 1
            return False
        track.adopt(stream, at_s)
        return True

    def _begin_recorder_track(self, stream: IncomingStream, recorder: Recorder) -> int:
        if stream.codec is not None:
            stream.recorder_track = recorder.track_for(stream.codec, stream.ssrc)
        return stream.recorder_track

    # ------------------------------------------------------------ RTCP in

    def on_rtcp(self, buffer: bytearray, length: int, at_s: float) -> None:
        self._budget_bytes -= length
        if self._budget_bytes < 0:
            self._drops["over_bitrate"] += 1
            return
        try:
            items = rtcp.parse(buffer, length)
        except rtcp.MalformedRtcp:
            self._drops["malformed_rtcp"] += 1
            return
        self.rtcp_in += 1
        for item in items:
            match item:
                case rtcp.SenderReport():
                    self._on_sender_report(item, at_s)
                case rtcp.ReportBlock():
                    self._on_report_block(item, at_s)
                case rtcp.Nack():
                    out = self._out_of(item.media_ssrc)
                    if out is not None:
                        out.resend(item.sequences, self.round_trip_s or DEFAULT_ROUND_TRIP_S, at_s)
                case rtcp.KeyFrameRequest():
                    out = self._out_of(item.media_ssrc)
                    if out is not None and out.source is not None:
                        out.source.request_key_frame(at_s)
                    elif out is not None and self.on_clip_key_frame is not None:
                        self.on_clip_key_frame(self.leg_id, out, at_s)
                case rtcp.Remb():
                    if self.source is not None and any(self._out_of(ssrc) for ssrc in item.ssrcs):
                        octets = sum(out.octets for kind, out in self.outgoing.items() if kind != Kind.AUDIO)
                        self.source.limit(self.leg_id, self.capacity.estimate(item.bitrate_bps, octets, at_s), at_s)
                case rtcp.Bye():
                    for ssrc in item.ssrcs:
                        self._forget(ssrc)

    def _out_of(self, ssrc: int) -> OutgoingTrack | None:
        return next((out for out in self.outgoing.values() if out.ssrc == ssrc), None)

    def _on_sender_report(self, report: rtcp.SenderReport, at_s: float) -> None:
        stream = self._streams.get(report.ssrc)
        if stream is None or stream.is_rtx or not report.ntp:  # 0: the sender has no clock (RFC 3550 §6.4.1)
            return
        stream.report_ntp = report.ntp
        stream.report_timestamp = report.rtp_timestamp
        stream.report_at_s = at_s
        shift = rtcp.ntp64(at_s) - report.ntp
        if not self._clock_known or abs(shift - self.clock_shift) > _CLOCK_STEP:
            self._clock_known = True
            self.clock_shift = shift
        recorder = stream.track.recorder
        if recorder is not None and stream.recorder_track >= 0:
            ntp_s = rtcp.ntp_to_unix_s(report.ntp)
            recorder.write_sender_report(stream.recorder_track, stream.ssrc, ntp_s, report.rtp_timestamp, at_s)

    def _on_report_block(self, block: rtcp.ReportBlock, at_s: float) -> None:
        out = self._out_of(block.ssrc)
        measured = out.round_trip_s(block, at_s) if out is not None else None
        if measured is not None:
            before = self.round_trip_s
            self.round_trip_s = measured if before is None else before + (measured - before) / 8

    def _forget(self, ssrc: int) -> None:
        """The peer said goodbye to a stream: its place is free."""
        stream = self._streams.pop(ssrc, None)
        if stream is None:
            return
        self._lossy.discard(stream)
        stream.track.leave(stream)

    # ------------------------------------------------------------ RTCP out

    def _send_rtcp(self, packet: bytes) -> None:
        link = self._link
        if link is not None and not self.closed and link.connected:
            self._rtcp[: len(packet)] = packet
            link.send_rtcp(self._rtcp, len(packet))

    def _ask_for_key_frame(self, track: IncomingTrack, stream: IncomingStream) -> None:
        feedback = (stream.codec or track.section.codecs[0]).feedback
        if "nack pli" in feedback:
            self._send_rtcp(rtcp.picture_loss(self._reporter_ssrc, stream.ssrc))
        elif "ccm fir" in feedback:
            self._fir_command += 1
            self._send_rtcp(rtcp.full_intra_request(self._reporter_ssrc, stream.ssrc, self._fir_command))

    def _on_loss(self, stream: IncomingStream) -> None:
        self._lossy.add(stream)
        self._timers.on_loss(self)

    def _on_wait(self) -> None:
        self._timers.on_loss(self)

    def repair(self, now_s: float) -> bool:
        """Ask upstream for what is missing (RFC 4585 §6.2.1) and for key frames that had to wait. True while any is."""
        for track in self.incoming.values():
            if track.key_frame_wanted:
                track.request_key_frame(now_s)
        for stream in list(self._lossy):
            asked = stream.overdue(now_s, self.round_trip_s or DEFAULT_ROUND_TRIP_S)
            if asked:
                self._send_rtcp(rtcp.nack(self._reporter_ssrc, stream.ssrc, asked))
            if not stream.missing:
                self._lossy.discard(stream)
        return bool(self._lossy) or any(track.key_frame_wanted for track in self.incoming.values())

    def limit(self, listener: str, bitrate_bps: int, now_s: float) -> None:
        """A listener can take this much: tell the sender the least that any of its listeners can take."""
        self._estimates[listener] = (min(bitrate_bps, self._limits.max_bitrate_bps), now_s)
        if 0 <= now_s - self._estimate_at_s < REMB_INTERVAL_S:
            self._estimate_waits = True
            return
        self._send_estimate(now_s)

    def _send_estimate(self, now_s: float) -> None:
        self._estimate_waits = False
        self._estimate_at_s = now_s
        fresh = [bps for bps, at_s in self._estimates.values() if now_s - at_s < REMB_LIFETIME_S]
        ssrcs = [
            track.current.ssrc
            for track in self.incoming.values()
            if track.current is not None and any("goog-remb" in codec.feedback for codec in track.section.codecs)
        ]
        if fresh and ssrcs:
            self._send_rtcp(rtcp.bitrate_estimate(self._reporter_ssrc, min(fresh), ssrcs))

    def report(self, now_s: float, elapsed_s: float) -> None:
        """The once-a-second compound: sender reports, receiver reports, CNAME; and the refill of the leg's budgets."""
        self._budget_bytes = _refilled(max(0, self._budget_bytes), self._limits.max_bitrate_bps, elapsed_s)
        if self._estimate_waits:
            self._send_estimate(now_s)
        shift = self.source.clock_shift if self.source is not None else 0
        blocks = [rtcp.block(s.report(now_s)) for s in self._streams.values() if not s.is_rtx and s.packets]
        parts: list[bytes] = []
        ssrcs: list[int] = []
        for out in self.outgoing.values():
            out.resend_budget_bytes = _refilled(out.resend_budget_bytes, self._limits.max_resend_bps, elapsed_s)
            told = out.sender_report(shift, now_s)
            if told is not None:
                parts.append(rtcp.sender_report(told, out.packets, out.octets, () if parts else blocks))
                ssrcs.append(out.ssrc)
        if not parts:
            parts.append(rtcp.receiver_report(self._reporter_ssrc, blocks))
            ssrcs.append(self._reporter_ssrc)
        parts.append(rtcp.description(ssrcs, self._cname))
        self._send_rtcp(b"".join(parts))

    # ------------------------------------------------------------ life

    def on_connected(self, at_s: float) -> None:
        self._timers.add(self)
        self._emit(LegConnected(leg_id=self.leg_id, at_s=at_s))
        for out in self.outgoing.values():
            if out.source is not None:
                out.source.request_key_frame(at_s)

    def on_silent(self, at_s: float) -> None:
        self._emit(LegSilent(leg_id=self.leg_id, at_s=at_s))

    def on_heard(self, at_s: float) -> None:
        self._emit(LegHeard(leg_id=self.leg_id, at_s=at_s))

    def on_closed(self, reason: str, at_s: float) -> None:
        """Leave every bridge and every timer, then say so, once."""
        if self.closed:
            return
        self.closed = True
        self.take_nothing()
        for track in self.incoming.values():
            for out in track.outs:
                out.detach()
            track.recorder = None
        self._timers.remove(self)
        self._emit(LegClosed(leg_id=self.leg_id, reason=reason, at_s=at_s))
