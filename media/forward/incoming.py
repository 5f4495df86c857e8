"""What comes from a peer: one `IncomingStream` per SSRC with its statistics, one `IncomingTrack` per media section.

Owns sequence accounting, loss, jitter, the list of missing packets and when to ask for a key frame. It sends nothing by
itself: its leg gives it a `request` function. Knows no other leg and no engine.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from media.forward import rtcp
from media.forward.missing import MissingPackets
from media.forward.quality import PictureTimes
from media.sdp.description import Codec, Section

if TYPE_CHECKING:
    from media.forward.outgoing import OutgoingTrack

MAX_GAP: Final = 1000
"""A step in sequence numbers beyond this, either way, is a restart and not loss (RFC 3550 appendix A.1)."""

MAX_REPAIRED_GAP: Final = 128
"""A longer gap is not asked for packet by packet: a key frame is cheaper, and a peer can't buy work with gaps."""

KEY_FRAME_INTERVAL_S: Final = 1.0
MAX_KEY_FRAME_INTERVAL_S: Final = 4.0
"""A way that loses key frame after key frame is not helped by more of them: each question waits half as long again."""

LEAST_HEEDED_S: Final = 0.3
"""A browser pays no heed to what comes sooner after the last (libwebrtc, least interval of key frames asked for)."""

RECORDED_INTERVAL_S: Final = LEAST_HEEDED_S + 0.1
"""A recording that begins asks so soon after somebody else has: without a key frame it shows nothing. The question
before may have been longer on its way; were this one not heeded for that, the next would come a second later."""

_FIRST_CYCLE: Final = 0x10000
"""Extended numbers begin one cycle up, so that a packet from before the first one stays positive."""

_UNTOLD: Final = -1
"""Not to be forwarded: seen before, too old, or not yet believed."""

Tap = Callable[[int, bytearray, int, float], None]
"""(track, buffer, length, at_s): the recorder's, see `IncomingTrack.tap`."""

ReportTap = Callable[[int, int, float, int, float], None]
"""(track, ssrc, ntp_s, rtp_timestamp, at_s)."""


@dataclass(frozen=True, slots=True)
class Recorder:
    """Where a track's packets are copied to. `track_for(codec, ssrc)` names the recording's track of one stream."""

    track_for: Callable[[Codec, int], int]  # -2 when the recording takes no more tracks
    write_rtp: Tap
    write_sender_report: ReportTap


class IncomingStream:
    """One SSRC of a peer.

    Sequence numbers are extended to grow without end: `expected` is the next one, its low 16 bits are on the wire.
    The leg updates the counters of in-order packets itself, so that the common packet costs no call.
    """

    __slots__ = (
        "base",
        "clock_rate_hz",
        "codec",
        "expected",
        "expected_prior",
        "is_rtx",
        "jitter_ticks",
        "last_at_s",
        "last_timestamp",
        "missing",
        "octets",
        "oversize",
        "packets",
        "payload_type",
        "picture_size",
        "pictures",
        "received",
        "received_prior",
        "recorder_track",
        "report_at_s",
        "report_ntp",
        "report_timestamp",
        "restart_at",
        "restored",
        "ssrc",
        "track",
    )

    def __init__(self, ssrc: int, track: "IncomingTrack", sequence: int, *, is_rtx: bool = False) -> None:
        self.ssrc = ssrc
        self.track = track
        self.is_rtx = is_rtx
        self.codec: Codec | None = None
        self.clock_rate_hz = 0
        self.payload_type = -1  # of the last packet; an RTX stream keeps -1, so that each of its packets is looked at
        self.expected = sequence + _FIRST_CYCLE
        self.base = self.expected
        self.packets = 0
        self.octets = 0
        self.received = 0  # since `base`, without restored ones: what RFC 3550 reports
        self.restored = 0
        self.expected_prior = 0
        self.received_prior = 0
        self.jitter_ticks = 0.0
        self.last_timestamp = -1
        self.last_at_s = 0.0
        self.missing = MissingPackets()
        self.pictures = PictureTimes()
        self.picture_size: tuple[int, int] | None = None  # pixels, as the last key frame said
        self.oversize = False  # larger than its leg may send: nothing of it is forwarded until a smaller key frame
        self.restart_at = -1
        self.report_ntp = 0
        self.report_timestamp = 0
        self.report_at_s = 0.0  # 0: none yet
        self.recorder_track = -1

    def use(self, codec: Codec) -> None:
        """The payload type changed to one of `codec`."""
        if codec.clock_rate_hz != self.clock_rate_hz:
            self.clock_rate_hz = codec.clock_rate_hz
            self.last_timestamp = -1
        self.recorder_track = -1
        self.codec = codec
        self.payload_type = codec.payload_type

    def place(self, sequence: int, at_s: float) -> int:
        """The extended number of a packet that is not the expected one; negative when it must not be forwarded.

        Notes what is missing in between. A jump is believed when two packets in a row confirm it (RFC 3550 A.1): then
        the stream goes on in a later cycle and the receivers' tracks make it continuous.
        """
        ahead = (sequence - self.expected) & 0xFFFF
        if ahead <= MAX_GAP:
            number = self.expected + ahead
            self._miss(number, at_s)
            self.expected = number + 1
            return number
        if ahead >= 0x10000 - MAX_GAP:
            number = self.expected - (0x10000 - ahead)
            return number if self.missing.found(number, at_s) else _UNTOLD
        if sequence != self.restart_at:
            self.restart_at = (sequence + 1) & 0xFFFF
            return _UNTOLD
        number = ((self.expected >> 16) + 1 << 16) + sequence
        self.track.keep_sums(self)
        self.restored = 0
        self.missing.clear()
        self.base = number
        self.expected = number + 1
        self.received = self.expected_prior = self.received_prior = 0
        self.restart_at = -1
        self.track.restart()
        return number

    def _miss(self, number: int, at_s: float) -> None:
        if number - self.expected > MAX_REPAIRED_GAP:
            self.track.request_key_frame(at_s)
            return
        self.missing.miss(self.expected, number, at_s)
        if self.track.repairs and self.codec is not None and "nack" in self.codec.feedback:
            self.track.on_loss(self)

    def overdue(self, now_s: float, round_trip_s: float) -> list[int]:
        """Sequence numbers to ask for now, in order. Those asked for often enough are given up for a key frame."""
        asked, given_up = self.missing.overdue(now_s, round_trip_s, self.packets)
        if given_up:
            self.track.request_key_frame(now_s)
        return asked

    def time(self, timestamp: int, at_s: float) -> None:
        """Take a new timestamp into the jitter (RFC 3550 §6.4.1). Differences are modulo 2^32, so nothing overflows."""
        if self.last_timestamp >= 0:
            ticks = (timestamp - self.last_timestamp) & 0xFFFFFFFF
            if ticks >= 0x80000000:
                ticks -= 0x100000000
            deviation = abs((at_s - self.last_at_s) * self.clock_rate_hz - ticks)
            self.jitter_ticks += (deviation - self.jitter_ticks) / 16
        self.last_timestamp = timestamp
        self.last_at_s = at_s
        if self.track.repairs:
            self.pictures.note(timestamp, at_s)

    @property
    def lost(self) -> int:
        """Packets that never came by themselves, less duplicates; may be negative (RFC 3550 §6.4.1)."""
        return self.expected - self.base - self.received

    @property
    def unrepaired(self) -> int:
        """Packets that never came, not even as a retransmission."""
        return max(0, self.lost - self.restored)

    def report(self, now_s: float) -> rtcp.ReportBlock:
        """The report block since the last one. LSR and DLSR are 0 before the first sender report."""
        expected = self.expected - self.base
        expected_interval = expected - self.expected_prior
        lost_interval = expected_interval - (self.received - self.received_prior)
        self.expected_prior = expected
        self.received_prior = self.received
        fraction = lost_interval * 256 // expected_interval if expected_interval > 0 and lost_interval > 0 else 0
        return rtcp.ReportBlock(
            self.ssrc,
            fraction,
            self.lost,
            (self.expected - 1 - _FIRST_CYCLE) & 0xFFFFFFFF,
            int(self.jitter_ticks),
            self.report_ntp >> 16 & 0xFFFFFFFF,
            int(max(0.0, now_s - self.report_at_s) * 65536) if self.report_at_s else 0,
        )


class IncomingTrack:
    """What a peer sends in one media section: its current stream, who takes it, where it is recorded."""

    __slots__ = (
        "_key_frame_at_s",
        "_key_frame_interval_s",
        "_lost_before",
        "_octets_before",
        "_on_wait",
        "_packets_before",
        "_request",
        "_restored_before",
        "_wanted_after_s",
        "codecs",
        "current",
        "key_frame_owed",
        "key_frame_wanted",
        "key_frames_requested",
        "on_loss",
        "outs",
        "recorder",
        "repairs",
        "rtx",
        "section",
        "streams",
    )

    def __init__(
        self,
        section: Section,
        request: Callable[["IncomingTrack", IncomingStream], None],
        on_loss: Callable[[IncomingStream], None],
        on_wait: Callable[[], None] = lambda: None,
    ) -> None:
        """`request` sends the question, `on_loss` and `on_wait` have `repair` called soon."""
        self.section = section
        self.codecs = {codec.payload_type: codec for codec in section.codecs}
        self.rtx = {
            codec.rtx_payload_type: codec.payload_type for codec in section.codecs if codec.rtx_payload_type is not None
        }
        self.repairs = section.kind != "audio"
        self.current: IncomingStream | None = None
        self.outs: tuple[OutgoingTrack, ...] = ()
        self.recorder: Recorder | None = None
        self.on_loss = on_loss
        self.key_frame_wanted = False
        self.key_frame_owed = False
        """A recording asked for one and has none yet."""
        self.key_frames_requested = 0
        self.streams: dict[IncomingStream, None] = {}  # in the order they came
        self._lost_before = 0  # this and the following: of streams that have ended
        self._octets_before = 0
        self._packets_before = 0
        self._restored_before = 0
        self._request = request
        self._on_wait = on_wait
        self._key_frame_at_s = 0.0
        self._key_frame_interval_s = KEY_FRAME_INTERVAL_S
        self._wanted_after_s = 0.0  # since the last question, while one is wanted

    def request_key_frame(self, now_s: float, *, anew: bool = False, recorded: bool = False) -> None:
        """Ask the peer for a key frame now, or as soon as the limit allows. No stream, no question.

        The limit is one a second, and less often when one after the other is wanted; for a receiver that begins `anew`
        it is one a second always, and shorter for what begins to be `recorded`.
        """
        if not self.repairs or self.current is None:
            return
        self.key_frame_owed |= recorded
        since_s = now_s - self._key_frame_at_s
        limit_s = RECORDED_INTERVAL_S if recorded else KEY_FRAME_INTERVAL_S if anew else self._key_frame_interval_s
        if self.key_frame_wanted:
            limit_s = min(limit_s, self._wanted_after_s)
        if 0 <= since_s < limit_s:
            self._wanted_after_s = limit_s
            if not self.key_frame_wanted:
                self.key_frame_wanted = True
                self._on_wait()
            return
        self.key_frame_wanted = False
        again = 0 <= since_s < 2 * self._key_frame_interval_s
        longer_s = min(MAX_KEY_FRAME_INTERVAL_S, 1.5 * self._key_frame_interval_s)
        self._key_frame_interval_s = longer_s if again else KEY_FRAME_INTERVAL_S
        self._key_frame_at_s = now_s
        self.key_frames_requested += 1
        self._request(self, self.current)

    def ask_again(self, now_s: float) -> None:
        """Once a second: a question of a recording, or its answer, may be lost, and nobody else need ask. Not while
        nothing comes: then there is nothing to record."""
        if not self.key_frame_owed or self.recorder is None or self.current is None:
            return
        if 0 <= now_s - self.current.last_at_s < KEY_FRAME_INTERVAL_S <= now_s - self._key_frame_at_s:
            self.request_key_frame(now_s, anew=True)

    def restart(self) -> None:
        """The stream jumped or another took its place: receivers begin anew, at a key frame where there are any."""
        for out in self.outs:
            out.restart()

    def adopt(self, stream: IncomingStream, at_s: float) -> None:
        """`stream` is what this section carries from now on."""
        self.streams[stream] = None
        self.current = stream
        self.restart()
        if any(out.waits_for_key_frame for out in self.outs):
            self.request_key_frame(at_s)

    def keep_sums(self, stream: IncomingStream) -> None:
        """The numbers of `stream` end, or begin anew: what was lost of it and restored stays in the sums."""
        self._lost_before += stream.unrepaired
        self._restored_before += stream.restored

    def leave(self, stream: IncomingStream) -> None:
        """`stream` has ended. Its counts stay in the sums."""
        self.streams.pop(stream, None)
        self._packets_before += stream.packets
        self._octets_before += stream.octets
        self.keep_sums(stream)
        if self.current is stream:
            self.current = None
            self.key_frame_wanted = False
            self.restart()

    @property
    def packets(self) -> int:
        return self._packets_before + sum(stream.packets for stream in self.streams)

    @property
    def octets(self) -> int:
        return self._octets_before + sum(stream.octets for stream in self.streams)

    @property
    def lost(self) -> int:
        """Packets that came neither by themselves nor by retransmission."""
        return self._lost_before + sum(stream.unrepaired for stream in self.streams)

    @property
    def missing(self) -> int:
        """Packets of `lost` that may still come, because they are asked for."""
        return sum(len(stream.missing) for stream in self.streams) if self.repairs else 0

    @property
    def restored(self) -> int:
        return self._restored_before + sum(stream.restored for stream in self.streams)

    @property
    def jitter_ms(self) -> float:
        stream = self.current
        return stream.jitter_ticks * 1000 / stream.clock_rate_hz if stream is not None and stream.clock_rate_hz else 0.0

    def subscribe(self, out: "OutgoingTrack") -> None:
        self.outs = (*self.outs, out)

    def unsubscribe(self, out: "OutgoingTrack") -> None:
        self.outs = tuple(other for other in self.outs if other is not out)
