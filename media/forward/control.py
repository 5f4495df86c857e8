"""The RTCP half of a leg: what its peer asks and tells, and what the peer is asked and told.

Owns reports, NACKs, key-frame requests, bandwidth estimates and the round trip of one leg. It knows the control channel
of the leg that is listened to; no event, no recording, no clip, and nothing of the packet path.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from media.forward import rtcp, twcc
from media.forward.arrivals import Arrivals
from media.forward.delivery import Delivery
from media.forward.estimate import Capacity
from media.forward.incoming import IncomingStream, IncomingTrack
from media.forward.outgoing import OutgoingTrack
from media.port import Kind
from media.transport.link import BUFFER_BYTES, Link

DEFAULT_ROUND_TRIP_S: Final = 0.1
REMB_INTERVAL_S: Final = 0.2
REMB_LIFETIME_S: Final = 10.0

_CLOCK_STEP: Final = 1 << 32
"""One second in NTP units: a sender whose clock moved by more has set it, and is translated anew."""


class ControlChannel:
    """One leg's. The leg fills `incoming` and `outgoing` once and shares its table of streams with it."""

    def __init__(
        self,
        leg_id: str,
        streams: dict[int, IncomingStream],
        *,
        wake: Callable[[], None],
        drops: Counter[str],
        max_bitrate_bps: int,
    ) -> None:
        """`streams` by SSRC; `wake` has `repair` called soon; a sender is never told more than `max_bitrate_bps`."""
        self.incoming: dict[Kind, IncomingTrack] = {}
        self.outgoing: dict[Kind, OutgoingTrack] = {}
        self.clock_shift = 0
        self.round_trip_s: float | None = None
        self.on_clip_key_frame: Callable[[str, OutgoingTrack, float], None] | None = None
        """(leg id, track, at_s): the peer lost the picture of a clip."""
        self.wake = wake
        self.arrivals: Arrivals | None = None
        """Notes what the peer sends, when transport-wide feedback was agreed on; so does `delivery` what it is sent."""
        self.delivery: Delivery | None = None
        self._leg_id = leg_id
        self._streams = streams
        self._drops = drops
        self._max_bitrate_bps = max_bitrate_bps
        self._source: ControlChannel | None = None
        self._sound: ControlChannel | None = None  # the one whose clock sound has; mostly the same
        self._link: Link | None = None
        self._cname = ""
        self._ssrc = 0
        self._buffer = bytearray(BUFFER_BYTES)
        self._capacity = Capacity()
        self._estimated = False
        self._lossy: dict[IncomingStream, None] = {}  # in the order of their losses
        self._clock_known = False
        self._fir_command = 0
        self._estimates: dict[str, tuple[int, float]] = {}  # listener's leg id → (bits per second, when)
        self._estimate_at_s = 0.0
        self._estimate_waits = False

    def open(self, link: Link, ssrc: int, cname: str) -> None:
        """Send through `link`, in the name of `ssrc`."""
        self._link = link
        self._ssrc = ssrc
        self._cname = cname

    def close(self) -> None:
        """Send nothing any more."""
        self._link = None

    def listen_to(self, source: "ControlChannel", now_s: float, *, sound: "ControlChannel | None" = None) -> None:
        """The leg is sent what `source` receives, or the sound of another where that is given: their clocks are shared,
        and the sender of `source` is told what this leg can take."""
        self._source = source
        self._sound = sound or source
        if self.delivery is not None:
            source.limit(self._leg_id, self.delivery.told_bps, now_s)

    def leave(self) -> None:
        """Listen to nobody; the sender is no longer held to this leg's estimate."""
        if self._source is not None:
            self._source._estimates.pop(self._leg_id, None)
            self._source = None
        self._sound = None

    @property
    def downlink_bps(self) -> int | None:
        """What the way to the peer is believed to carry; None before it has said anything."""
        if self.delivery is not None:
            return self.delivery.downlink.limit_bps
        return self._capacity.bps if self._estimated else None

    # ------------------------------------------------------------ in

    def on_rtcp(self, buffer: bytearray, length: int, at_s: float) -> None:
        """Take one compound; a malformed one is dropped whole."""
        try:
            items = rtcp.parse(buffer, length)
            self._take(items, at_s)
        except rtcp.MalformedRtcp:
            self._drops["malformed_rtcp"] += 1

    def _take(self, items: list[rtcp.Item], at_s: float) -> None:
        for item in items:
            match item:
                case rtcp.SenderReport():
                    self._on_sender_report(item, at_s)
                case rtcp.ReportBlock():
                    self._on_report_block(item, at_s)
                case rtcp.Nack():
                    out = self._out_of(item.media_ssrc)
                    if out is not None:
                        out.resend(item.sequences, self.resend_pause_s, at_s)
                case rtcp.KeyFrameRequest():
                    self._on_key_frame_request(item, at_s)
                case rtcp.Remb():
                    self._on_estimate(item, at_s)
                case rtcp.Transport():
                    if self.delivery is not None:
                        self.delivery.take(item.body, at_s)
                case rtcp.Bye():
                    for ssrc in item.ssrcs:
                        self._forget(ssrc)

    @property
    def resend_pause_s(self) -> float:
        """For how long a packet sent again may be under way: the round trip, and the queue before it."""
        round_trip_s = self.round_trip_s or DEFAULT_ROUND_TRIP_S
        return round_trip_s if self.delivery is None else round_trip_s + self.delivery.downlink.queue_s

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
        if out is None:
            return
        out.receiver.take(block, sequence=out.sequence, packets=out.packets, clock_rate_hz=out.clock_rate_hz, at_s=at_s)
        measured = out.round_trip_s(block, at_s)
        if measured is not None:
            before = self.round_trip_s
            if before is None or measured > before:  # a queue is known at once, and forgotten slowly
                self.round_trip_s = measured
            else:
                self.round_trip_s = before + (measured - before) / 4

    def _on_key_frame_request(self, request: rtcp.KeyFrameRequest, at_s: float) -> None:
        out = self._out_of(request.media_ssrc)
        if out is not None and out.source is not None:
            out.source.request_key_frame(at_s)
        elif out is not None and self.on_clip_key_frame is not None:
            self.on_clip_key_frame(self._leg_id, out, at_s)

    def _on_estimate(self, remb: rtcp.Remb, at_s: float) -> None:
        if self.delivery is None and self._source is not None and any(self._out_of(ssrc) for ssrc in remb.ssrcs):
            self._estimated = True
            octets = sum(out.octets for kind, out in self.outgoing.items() if kind != Kind.AUDIO)
            self._source.limit(self._leg_id, self._capacity.estimate(remb.bitrate_bps, octets, at_s), at_s)

    def _forget(self, ssrc: int) -> None:
        """The peer said goodbye to a stream: its place is free."""
        stream = self._streams.pop(ssrc, None)
        if stream is None:
            return
        self._lossy.pop(stream, None)
        stream.track.leave(stream)

    def on_limit(self, bitrate_bps: int, now_s: float) -> None:
        """`delivery` knows anew what the way to the peer can take."""
        if self._source is not None:
            self._source.limit(self._leg_id, bitrate_bps, now_s)

    # ------------------------------------------------------------ out

    def tell_arrivals(self, base: int, arrivals_s: Sequence[float | None], count: int) -> int:
        """Send a transport-wide feedback; returns of how many arrivals it tells."""
        packet, told = twcc.write(self._ssrc, self._any_stream(), base, arrivals_s, count)
        self._send(packet)
        return told

    def _any_stream(self) -> int:
        return next((track.current.ssrc for track in self.incoming.values() if track.current is not None), 0)

    def _send(self, packet: bytes) -> None:
        link = self._link
        if link is not None and link.connected:
            self._buffer[: len(packet)] = packet
            link.send_rtcp(self._buffer, len(packet))

    def ask_for_key_frame(self, track: IncomingTrack, stream: IncomingStream) -> None:
        """Ask in the words the codec's section agreed on; in none when it agreed on none."""
        feedback = (stream.codec or track.section.codecs[0]).feedback
        if "nack pli" in feedback:
            self._send(rtcp.picture_loss(self._ssrc, stream.ssrc))
        elif "ccm fir" in feedback:
            self._fir_command += 1
            self._send(rtcp.full_intra_request(self._ssrc, stream.ssrc, self._fir_command))

    def on_loss(self, stream: IncomingStream) -> None:
        """Packets of `stream` are missing: `repair` will ask for them."""
        self._lossy[stream] = None
        self.wake()

    def repair(self, now_s: float) -> bool:
        """Ask upstream for what is missing (RFC 4585 §6.2.1) and for key frames that had to wait. True while any is."""
        for track in self.incoming.values():
            if track.key_frame_wanted:
                track.request_key_frame(now_s)
        for stream in list(self._lossy):
            asked = stream.overdue(now_s, self.round_trip_s or DEFAULT_ROUND_TRIP_S)
            if asked:
                self._send(rtcp.nack(self._ssrc, stream.ssrc, asked))
            if not stream.missing:
                self._lossy.pop(stream, None)
        return bool(self._lossy) or any(track.key_frame_wanted for track in self.incoming.values())

    def limit(self, listener: str, bitrate_bps: int, now_s: float) -> None:
        """A listener can take this much: tell the sender the least that any of its listeners can take."""
        self._estimates[listener] = (min(bitrate_bps, self._max_bitrate_bps), now_s)
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
            self._send(rtcp.bitrate_estimate(self._ssrc, min(fresh), ssrcs))

    def _block(self, stream: IncomingStream, now_s: float) -> rtcp.ReportBlock:
        """What is told of a stream. Of sound it is the loss of the whole way to the listener who hears least.

        A browser protects its sound by the loss it is told (Opus repeats a packet's sound in the next one): told of its
        own way only, it would not when the listener's is the bad one. Pictures are repaired on each way by itself.
        """
        block = stream.report(now_s)
        if stream.track.section.kind != Kind.AUDIO:
            return block
        heard = [out.receiver.loss for out in stream.track.outs if out.receiver.fresh(now_s)]
        comes = (1 - block.fraction_lost / 256) * (1 - max(heard, default=0.0))
        return replace(block, fraction_lost=round(256 * (1 - comes)))

    def report(self, now_s: float) -> None:
        """The once-a-second compound: sender reports, receiver reports, CNAME; and an estimate that had to wait."""
        if self.arrivals is not None:
            self.arrivals.flush(now_s)
        if self.delivery is not None:
            self.delivery.report(now_s)
        if self._estimate_waits:
            self._send_estimate(now_s)
        blocks = [rtcp.block(self._block(s, now_s)) for s in self._streams.values() if not s.is_rtx and s.packets]
        parts: list[bytes] = []
        ssrcs: list[int] = []
        for kind, out in self.outgoing.items():
            clock = self._sound if kind is Kind.AUDIO else self._source
            told = out.sender_report(clock.clock_shift if clock is not None else 0, now_s)
            if told is not None:
                parts.append(rtcp.sender_report(told, out.packets, out.octets, () if parts else blocks))
                ssrcs.append(out.ssrc)
        if not parts:
            parts.append(rtcp.receiver_report(self._ssrc, blocks))
            ssrcs.append(self._ssrc)
        parts.append(rtcp.description(ssrcs, self._cname))
        self._send(b"".join(parts))
