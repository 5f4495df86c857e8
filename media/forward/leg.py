"""One browser's leg: takes what its link received and hands it on.

Owns the streams of the leg and the limits a peer is held to; RTCP is its `control` channel's. It knows no engine, no
recording and no clip. The packet path is `on_rtp` → `OutgoingTrack.forward` → `Link.send_rtp`; the common packet takes
a `Shortcut` that does the same.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Final

from media.forward.arrivals import Arrivals
from media.forward.control import ControlChannel
from media.forward.delivery import Delivery, transport_number
from media.forward.feedback import FeedbackTimers
from media.forward.incoming import IncomingStream, IncomingTrack, Recorder
from media.forward.keyframe import key_frame_size, starts_key_frame
from media.forward.outgoing import OutgoingTrack
from media.forward.overuse import Overuse
from media.forward.quality import QualityMeter
from media.forward.rtp import (
    FIXED_HEADER_BYTES,
    HEADER,
    find_extension,
    payload_end,
    payload_offset,
    restore_rtx,
    well_formed,
)
from media.forward.shortcut import MIN_CHARGE_BYTES, Shortcut
from media.port import (
    Kind,
    LegClosed,
    LegConnected,
    LegFirstMedia,
    LegHeard,
    LegSilent,
    LegVideoPaused,
    LegVideoResumed,
    LegVideoUnmatched,
    MediaEvent,
)
from media.sdp.description import EXT_MID, Codec, Negotiated
from media.transport.link import Link

STREAM_IDLE_S: Final = 0.5
"""A section's other stream takes over when the current one has been quiet for this long."""

_unpack = HEADER.unpack_from


def _refilled(budget_bytes: int, rate_bps: int, elapsed_s: float) -> int:
    """A token bucket after `elapsed_s`; it holds what one second may cost."""
    return min(rate_bps // 8, budget_bytes + int(rate_bps / 8 * elapsed_s))


@dataclass(frozen=True, slots=True, kw_only=True)
class ForwardLimits:
    """What one leg may cost. Over a limit packets are dropped and counted; a leg that goes on is closed (`overuse`)."""

    max_bitrate_bps: int = 4_000_000
    max_ssrcs: int = 16
    max_resend_bps: int = 2_000_000
    max_picture_pixels: int = 1920 * 1088
    max_screen_pixels: int = 2560 * 1600  # pages ask for no more


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
        self._emit = emit
        self._timers = timers
        self._drops = drops
        self._limits = limits
        self._random = random
        self._scratch = scratch
        self._link: Link | None = None
        self._shortcut: Shortcut | None = None
        self.note: Callable[[bytearray, int, float], None] | None = None
        self.budget_bytes = limits.max_bitrate_bps // 8
        self._overuse = Overuse()
        self.streams: dict[int, IncomingStream] = {}
        self._signalled: dict[int, tuple[IncomingTrack, bool]] = {}
        self._heard_kinds: set[Kind] = set()
        self._source_leg_id: str | None = None
        self._unmatched_told = False  # of that source
        self.control = ControlChannel(
            leg_id,
            self.streams,
            wake=partial(timers.on_loss, self),
            drops=drops,
            max_bitrate_bps=limits.max_bitrate_bps,
        )
        self.incoming = self.control.incoming
        self.outgoing = self.control.outgoing
        self._meter = QualityMeter(leg_id, self.incoming, self.outgoing)

    def open(self, link: Link, negotiated: Negotiated) -> None:
        """Take what was agreed on. Called once, before the first packet."""
        self._link = link
        cname, ssrc = "", 0
        for section in negotiated.sections:
            if not section.codecs:
                continue
            if section.peer_sends:
                control = self.control
                track = IncomingTrack(section, control.ask_for_key_frame, control.on_loss, control.wake)
                self.incoming[section.kind] = track
                self._signalled.update(dict.fromkeys(section.peer_ssrcs, (track, False)))
                self._signalled.update(dict.fromkeys(section.peer_rtx_ssrcs, (track, True)))
            if section.peer_receives:
                out = OutgoingTrack(section, link, self._drops, self._random)
                out.resend_budget_bytes = self._limits.max_resend_bps // 8
                out.on_unmatched = partial(self._on_unmatched, out)
                self.outgoing[section.kind] = out
            cname = cname or section.cname
            ssrc = ssrc or section.local_ssrc
        self.control.open(link, ssrc, cname)
        number = transport_number(negotiated.sections)
        if number:
            self.control.arrivals = arrivals = Arrivals(number, self.control.tell_arrivals)
            self.note = arrivals.note
            self.control.delivery = Delivery(
                number,
                link,
                self.outgoing,
                most_bps=self._limits.max_bitrate_bps,
                on_limit=self.control.on_limit,
                on_pause=self._on_pause,
            )

    def _on_pause(self, paused: bool, downlink_bps: int, at_s: float) -> None:
        refresh = self.control.on_clip_key_frame
        for kind, out in self.outgoing.items():
            if not paused and refresh is not None and kind != Kind.AUDIO and out.source is None:
                refresh(self.leg_id, out, at_s)
        event = LegVideoPaused if paused else LegVideoResumed
        self._emit(event(leg_id=self.leg_id, downlink_bps=downlink_bps, at_s=at_s))

    def _on_unmatched(self, out: OutgoingTrack, codec: Codec, at_s: float) -> None:
        if self._unmatched_told or self._source_leg_id is None:
            return
        self._unmatched_told = True
        event = LegVideoUnmatched(
            leg_id=self.leg_id,
            source_leg_id=self._source_leg_id,
            codec=codec.name,
            in_common=out.fits,
            at_s=at_s,
        )
        self._emit(event)

    @property
    def link(self) -> Link | None:
        return self._link

    @property
    def round_trip_s(self) -> float | None:
        """As the peer's reports tell it; None before the first that answers one of ours."""
        return self.control.round_trip_s

    # ------------------------------------------------------------ sources

    def take_from(self, source: "ForwardLeg", now_s: float) -> None:
        """Send what `source` receives, kind by kind, from its next packet (its next key frame) on."""
        self.take_from_both(source, source, now_s)

    def take_from_both(self, sound: "ForwardLeg | None", picture: "ForwardLeg | None", now_s: float) -> None:
        """Send the sound that one leg receives and the pictures that another does; None: nothing of that."""
        self.take_nothing()
        self._source_leg_id = picture.leg_id if picture is not None else None
        main = picture or sound
        if main is not None:
            self.control.listen_to(main.control, now_s, sound=sound.control if sound is not None else None)
        for kind, out in self.outgoing.items():
            source = sound if kind is Kind.AUDIO else picture
            track = source.incoming.get(kind) if source is not None else None
            if track is not None:
                out.attach(track, now_s)

    def take_nothing(self) -> None:
        """Leave the source. Also the first step to a clip."""
        for out in self.outgoing.values():
            out.detach()
        self._source_leg_id = None
        self._unmatched_told = False
        self.control.leave()

    def record(self, recorder_for: Callable[[Kind], Recorder] | None) -> None:
        """Copy everything received to `recorder_for(kind)` from now on; None ends it."""
        for kind, track in self.incoming.items():
            track.recorder = None if recorder_for is None else recorder_for(kind)
        for stream in self.streams.values():
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
        self.budget_bytes = budget = self.budget_bytes - (length if length > MIN_CHARGE_BYTES else MIN_CHARGE_BYTES)
        if budget < 0:
            self._refuse(length)
            return
        note = self.note
        if note is not None and first & 0x10:
            note(buffer, length, at_s)
        stream = self.streams.get(ssrc)
        if stream is None:
            stream = self._learn(buffer, length, second & 0x7F, sequence, ssrc, at_s)
            if stream is None:
                return
        track = stream.track
        if second & 0x7F != stream.payload_type:
            if stream.is_rtx:
                self._restore(stream, buffer, length, second & 0x7F, at_s)
                return
            codec = track.codecs.get(second & 0x7F)
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
            if track.repairs:
                self.look(stream, buffer, length)
        if track.recorder is not None:
            self.record_packet(stream, track.recorder, buffer, length, at_s)
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

    def look(self, stream: IncomingStream, buffer: bytearray, length: int) -> None:
        """At the first packet of a picture: a key frame says how large it is, and too large a one goes to nobody.

        A decoder takes memory for what a header claims, and everybody's browser has a decoder.
        """
        codec_name = stream.codec.name if stream.codec is not None else ""
        offset = payload_offset(buffer, length)
        end = payload_end(buffer, length, offset)
        if not starts_key_frame(codec_name, buffer, offset, end):
            return
        stream.track.key_frame_owed = False
        size = key_frame_size(codec_name, bytes(buffer[offset:end]))
        if size is None:
            return
        screen = stream.track.section.kind is Kind.SCREEN
        limit = self._limits.max_screen_pixels if screen else self._limits.max_picture_pixels
        stream.picture_size = size
        stream.oversize = size[0] * size[1] > limit
        if stream.oversize:
            self._drops["picture_size"] += 1
            self._overuse.refused_pictures += 1
            stream.track.restart()

    def _refuse(self, length: int) -> None:
        self._drops["over_bitrate"] += 1
        self._overuse.refused_packets += 1
        self._overuse.refused_bytes += length

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
        self._overuse.streams += 1
        if len(self.streams) >= self._limits.max_ssrcs:
            self._drops["ssrc_limit"] += 1
            return None
        stream = IncomingStream(ssrc, track, sequence, is_rtx=is_rtx)
        self.streams[ssrc] = stream
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
        media = self.streams.get(media_ssrc) if media_ssrc is not None else track.current
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

    def record_packet(
        self, stream: IncomingStream, recorder: Recorder, buffer: bytearray, length: int, at_s: float
    ) -> None:
        if stream.recorder_track == -1 and stream.codec is not None:
            stream.recorder_track = recorder.track_for(stream.codec, stream.ssrc)
        if stream.recorder_track >= 0:
            recorder.write_rtp(stream.recorder_track, buffer, length, at_s)

    # ------------------------------------------------------------ RTCP

    def on_rtcp(self, buffer: bytearray, length: int, at_s: float) -> None:
        self.budget_bytes -= length
        if self.budget_bytes < 0:
            self._refuse(length)
            return
        self.control.on_rtcp(buffer, length, at_s)

    def repair(self, now_s: float) -> bool:
        """See `ControlChannel.repair`."""
        return self.control.repair(now_s)

    def report(self, now_s: float, elapsed_s: float) -> None:
        """Once a second: budgets are refilled, reports are sent, and every other time it is told how the leg does.

        A leg whose peer has gone beyond its limits for long ends here.
        """
        limit = self._overuse.second(MIN_CHARGE_BYTES)
        if limit is not None and self._link is not None:
            self._link.finish(limit)
            return
        self.budget_bytes = _refilled(max(0, self.budget_bytes), self._limits.max_bitrate_bps, elapsed_s)
        delivery, resend_bps = self.control.delivery, self._limits.max_resend_bps
        if delivery is not None:
            resend_bps = delivery.resend_bps(resend_bps)
        for out in self.outgoing.values():
            out.resend_budget_bytes = _refilled(out.resend_budget_bytes, resend_bps, elapsed_s)
        for track in self.incoming.values():
            track.ask_again(now_s)
        self.control.report(now_s)
        told = self._meter.measure(now_s, round_trip_s=self.round_trip_s, downlink_bps=self.control.downlink_bps)
        if told is not None:
            self._emit(told)

    # ------------------------------------------------------------ life

    def on_connected(self, at_s: float) -> None:
        self._timers.add(self)
        self._shortcut = Shortcut.install(self, self._link)
        self._emit(LegConnected(leg_id=self.leg_id, at_s=at_s))
        for out in self.outgoing.values():
            if out.source is not None:
                out.source.request_key_frame(at_s)

    def on_silent(self, at_s: float) -> None:
        if self._shortcut is not None:
            self._shortcut.forget()  # the full path notices that the peer is heard again
        self._emit(LegSilent(leg_id=self.leg_id, at_s=at_s))

    def on_heard(self, at_s: float) -> None:
        self._emit(LegHeard(leg_id=self.leg_id, at_s=at_s))

    def on_closed(self, reason: str, at_s: float) -> None:
        """Leave every bridge and every timer, then say so, once."""
        if self.closed:
            return
        self.closed = True
        if self._shortcut is not None:
            self._shortcut.forget()
        self.take_nothing()
        for track in self.incoming.values():
            for out in track.outs:
                out.detach()
            track.recorder = None
        self._timers.remove(self)
        self.control.close()
        self._emit(LegClosed(leg_id=self.leg_id, reason=reason, at_s=at_s))
