"""How a leg does: what its counters gained since the last look, said as `LegQuality` every two seconds.

Owns differences and nothing else: the packet path counts, the report timer asks. `PictureTimes` and `ReceiverView` are
the two things counted for it alone, one call per picture and one per report. It sends nothing and knows no leg.
"""

from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from media.forward.rtcp import ReportBlock
from media.port import Kind, KindQuality, LegQuality

if TYPE_CHECKING:
    from media.forward.incoming import IncomingTrack
    from media.forward.outgoing import OutgoingTrack

PERIOD_S: Final = 2.0
MEAN_OF: Final = 30
"""Pictures whose mean interval a freeze is held against (W3C webrtc-stats, `freezeCount`)."""

FREEZE_RATIO: Final = 3.0
FREEZE_EXTRA_S: Final = 0.15
SWITCHED_OFF_S: Final = 5.0
"""A picture away for longer was switched off or is lost altogether: it begins anew, and is no freeze."""

MAX_PICTURES: Final = 512
"""Arrivals kept between two looks: two seconds at 256 pictures a second. Policy for *full*: the oldest go."""

REPORT_LIFETIME_S: Final = 12.0
"""A receiver's last word counts for so long: browsers report sound every five seconds."""

MIN_EXPECTED: Final = 20
"""A share is made of at least so many packets: one that is late is no loss of one half, although only two were due."""


class PictureTimes:
    """When pictures of one stream began to arrive, and which of them came too late."""

    __slots__ = ("_arrivals", "_intervals", "_last_s", "_newest")

    def __init__(self) -> None:
        self._arrivals: deque[float] = deque(maxlen=MAX_PICTURES)
        self._intervals: deque[float] = deque(maxlen=MEAN_OF)
        self._last_s = 0.0  # 0: none yet
        self._newest = -1

    def note(self, timestamp: int, at_s: float) -> None:
        """A packet of another picture than the one before it; an older picture's late packet begins nothing."""
        if self._newest < 0 or 0 < (timestamp - self._newest) & 0xFFFFFFFF < 0x80000000:
            self._newest = timestamp
            self._arrivals.append(at_s)

    def take(self) -> tuple[int, int]:
        """(pictures, freezes) since the last call."""
        freezes = 0
        for at_s in self._arrivals:
            interval_s = at_s - self._last_s
            if self._last_s and 0 <= interval_s < SWITCHED_OFF_S:
                freezes += self._is_freeze(interval_s)
                self._intervals.append(interval_s)
            else:
                self._intervals.clear()
            self._last_s = at_s
        pictures = len(self._arrivals)
        self._arrivals.clear()
        return pictures, freezes

    def _is_freeze(self, interval_s: float) -> bool:
        if not self._intervals:
            return False
        mean_s = sum(self._intervals) / len(self._intervals)
        return interval_s >= max(FREEZE_RATIO * mean_s, mean_s + FREEZE_EXTRA_S)


class ReceiverView:
    """What a peer's report blocks tell of one stream that it is sent.

    A receiver counts as lost whatever is missing in the numbers, so also what never came to us from the source. Those
    gaps are known here and are taken off: what is left was lost on the way to the peer.
    """

    __slots__ = ("_at_s", "_gaps", "_highest", "_lost", "_measured", "jitter_ms", "loss")

    def __init__(self) -> None:
        self.loss = 0.0
        self.jitter_ms: float | None = None
        self._at_s = 0.0
        self._measured = False
        self._highest = -1
        self._lost = 0
        self._gaps = 0

    def take(self, block: ReportBlock, *, sequence: int, packets: int, clock_rate_hz: int, at_s: float) -> None:
        """A report block; `sequence` and `packets` are what we have sent by now."""
        self.jitter_ms = block.jitter_ticks * 1000 / clock_rate_hz
        self._at_s = at_s
        gaps = sequence - packets
        expected = (block.highest_sequence - self._highest) & 0xFFFFFFFF
        if self._highest >= 0 and expected < 0x80000000:
            missing = max(0, gaps - self._gaps)
            if expected - missing < MIN_EXPECTED:
                return  # the next report will be of these packets too
            lost = block.cumulative_lost - self._lost - missing
            self.loss = min(1.0, max(0, lost) / (expected - missing))
            self._measured = True
        self._highest = block.highest_sequence
        self._lost = block.cumulative_lost
        self._gaps = gaps

    def fresh(self, now_s: float) -> bool:
        """Whether it has told lately, and enough for a share: that is of what came between two reports."""
        return self._measured and now_s - self._at_s < REPORT_LIFETIME_S


class _Gained:
    """What sums have gained between two looks; never negative, because a stream may begin anew."""

    __slots__ = ("_before",)

    def __init__(self) -> None:
        self._before: dict[tuple[Kind, str], int] = {}

    def __call__(self, kind: Kind, name: str, now: int) -> int:
        before = self._before.get((kind, name), now)
        self._before[(kind, name)] = now
        return max(0, now - before)


class QualityMeter:
    """One leg's. `measure` is called by its report timer."""

    def __init__(
        self,
        leg_id: str,
        incoming: "Mapping[Kind, IncomingTrack]",
        outgoing: "Mapping[Kind, OutgoingTrack]",
    ) -> None:
        """The tables may fill up later."""
        self._leg_id = leg_id
        self._incoming = incoming
        self._outgoing = outgoing
        self._gained = _Gained()
        self._since_s = 0.0  # 0: not begun

    def measure(self, now_s: float, *, round_trip_s: float | None, downlink_bps: int | None) -> LegQuality | None:
        """How the leg did since the last answer, or None while the period is not over."""
        period_s = now_s - self._since_s
        if self._since_s and 0 <= period_s < PERIOD_S - 0.1:  # the timer may be a little early
            return None
        begun = self._since_s > 0 and period_s > 0
        self._since_s = now_s
        uplink = {kind.value: self._uplink(track, period_s) for kind, track in self._incoming.items()}
        downlink = {kind.value: self._downlink(out, period_s, now_s) for kind, out in self._outgoing.items()}
        if not begun:
            return None
        return LegQuality(
            leg_id=self._leg_id,
            at_s=now_s,
            period_s=period_s,
            uplink={kind: quality for kind, quality in uplink.items() if quality is not None},
            downlink={kind: quality for kind, quality in downlink.items() if quality is not None},
            round_trip_ms=None if round_trip_s is None else round_trip_s * 1000,
            downlink_bps=downlink_bps,
        )

    def _uplink(self, track: "IncomingTrack", period_s: float) -> KindQuality | None:
        kind = track.section.kind
        pictures, freezes = track.current.pictures.take() if track.current is not None else (0, 0)
        packets = self._gained(kind, "packets in", track.packets)
        octets = self._gained(kind, "octets in", track.octets)
        restored = self._gained(kind, "restored", track.restored)
        given_up = self._gained(kind, "given up", track.lost - track.missing)
        if track.current is None:
            return None
        expected = packets + given_up
        return KindQuality(
            bitrate_bps=round(octets * 8 / period_s),
            loss=min(1.0, (given_up + restored) / expected) if expected else 0.0,
            unrepaired=given_up / expected if expected else 0.0,
            jitter_ms=track.jitter_ms,
            frames_per_s=None if kind is Kind.AUDIO else pictures / period_s,
            freezes=freezes if kind is Kind.VIDEO else 0,
        )

    def _downlink(self, out: "OutgoingTrack", period_s: float, now_s: float) -> KindQuality | None:
        kind = out.section.kind
        packets = self._gained(kind, "packets out", out.packets)
        octets = self._gained(kind, "octets out", out.octets)
        resent = self._gained(kind, "resent", out.resent)
        if not out.packets:
            return None
        told = out.receiver if out.receiver.fresh(now_s) else None
        unrepaired = told.loss if told is not None else 0.0
        return KindQuality(
            bitrate_bps=round(octets * 8 / period_s),
            loss=min(1.0, unrepaired + resent / packets) if packets else unrepaired,
            unrepaired=unrepaired,
            jitter_ms=told.jitter_ms if told is not None else None,
        )
