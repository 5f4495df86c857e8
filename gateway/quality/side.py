"""One side of a contact, watched: what the media engine measures and what its page reports become figures and a word.

Owns the side's last report, its settled word and the summary of its present leg. It knows of the other side only what
that side's ways are like at the moment, so that nobody is blamed for another's connection.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from gateway.parties import QualityFigures, ReportQuality
from gateway.quality.judge import GOOD, LOST, Figure, Verdict, judge, mos
from gateway.quality.settle import Settled
from gateway.quality.summary import LegSummary
from media.port import Kind, KindQuality, LegQuality

REPORT_LIFETIME_S: Final = 6.0
REPORT_GAP_S: Final = 1.0
"""A page reports every two seconds; what comes sooner than this is not looked at."""

_CAMERA, _SOUND = Kind.VIDEO.value, Kind.AUDIO.value
_STILL_BPS: Final = 120_000
"""A listener that can take no more than this makes the sender's pictures few: that is not the sender's doing."""

PASSED_ON_PERIODS: Final = 3
"""What came broken from the sender is in the listener's words so much later: a browser reports on sound every five
seconds, and its page every two."""

_BROKEN_SHARE: Final = 0.01
_SHAKEN_MS: Final = 50.0
"""Sound that comes with more jitter than this (judged "fair" of who sends it) is guessed at by who hears it."""

_GONE: Final = KindQuality(bitrate_bps=0, loss=1.0, unrepaired=1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What else must be known to judge a side."""

    says: bool = False  # its microphone is on
    shows: bool = False  # its camera is on
    hears: bool = False  # it is sent the other side's sound, not a clip's
    gets_pictures: bool = False  # it is sent a camera's pictures, not a clip
    strained: bool = False  # the gateway is late


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """One period of one side, for metrics."""

    quality: LegQuality
    told: Verdict
    mos_uplink: float | None  # None: no sound, or its receiver says nothing of it
    mos_downlink: float | None
    freezes_uplink: int | None  # None: there was no picture to freeze
    freezes_downlink: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """What one kind of a side's media has suffered on its way up, and no repair took back."""

    unrepaired: float
    jitter_ms: float


class SideWatch:
    """One side through all its legs."""

    def __init__(self) -> None:
        self._settled = Settled()
        self._page: ReportQuality | None = None
        self._page_at_s = float("-inf")
        self._freezes = 0  # reported, not judged yet
        self._summary: LegSummary | None = None
        self._quality: LegQuality | None = None
        self._came: deque[Mapping[str, KindQuality]] = deque(maxlen=PASSED_ON_PERIODS)
        self._paused = False
        self._lost_since_s: float | None = None
        self._present: Mapping[Figure, float] = {}

    @property
    def told(self) -> Verdict:
        return self._settled.now

    @property
    def troubled_uplink(self) -> bool:
        """Its pictures may come broken to the other side, through no fault of that side."""
        seen = self._quality.uplink.get(_CAMERA) if self._quality is not None else None
        if seen is None:
            return False
        return seen.unrepaired >= 0.01 or seen.freezes > 0 or (seen.frames_per_s or 0.0) < 12

    @property
    def troubled_sound(self) -> bool:
        """Its sound may come to the other side in pieces, through no fault of that side."""
        broken = self.passed_on(_SOUND)
        return broken.unrepaired >= _BROKEN_SHARE or broken.jitter_ms >= _SHAKEN_MS

    def passed_on(self, kind: str) -> Damage:
        """The worst that its way up did lately: the other side gets it that way, and reports it later."""
        came = [kinds[kind] for kinds in self._came if kind in kinds]
        return Damage(
            unrepaired=max((each.unrepaired for each in came), default=0.0),
            jitter_ms=max((each.jitter_ms or 0.0 for each in came), default=0.0),
        )

    @property
    def narrow_downlink(self) -> bool:
        """It can take so little that who sends to it is held back."""
        narrow = self._quality.downlink_bps if self._quality is not None else None
        return self._paused or (narrow is not None and narrow < _STILL_BPS)

    # ------------------------------------------------------------ what comes in

    def page_says(self, report: ReportQuality, now_s: float) -> bool:
        """Take what its page measured; False when it came too soon after the one before."""
        if now_s - self._page_at_s < REPORT_GAP_S:
            return False
        self._page, self._page_at_s = report, now_s
        self._freezes += report.freezes
        return True

    def video_paused(self, paused: bool) -> None:
        """The way to this side carries no pictures, or does again."""
        self._paused = paused

    @property
    def pictures_paused(self) -> bool:
        return self._paused

    def measured(self, quality: LegQuality, around: Around, other: "SideWatch | None", now_s: float) -> Observed:
        """One period: judged, told and summed."""
        self._quality = quality
        self._came.append(quality.uplink)
        page = self._page if now_s - self._page_at_s < REPORT_LIFETIME_S else None
        figures = self._figures(quality, around, other, page)
        self._freezes = 0
        self._present = figures
        told = self._settled.step(judge(figures, strained=around.strained))
        summary = self._summary = self._summary or LegSummary()
        summary.period(quality.period_s, told)
        for way, kinds in (("uplink", quality.uplink), ("downlink", quality.downlink)):
            if kinds:
                summary.sample(f"{way}_loss", worst_loss(kinds))
                summary.sample(f"{way}_jitter_ms", _worst_jitter(kinds))
                summary.sample(f"{way}_bps", sum(each.bitrate_bps for each in kinds.values()))
        summary.sample("round_trip_ms", quality.round_trip_ms)
        summary.froze("uplink", quality.uplink[_CAMERA].freezes if _CAMERA in quality.uplink else 0)
        summary.froze("downlink", int(figures.get(Figure.DOWNLINK_FREEZES, 0)))
        return Observed(
            quality=quality,
            told=told,
            mos_uplink=figures.get(Figure.UPLINK_MOS),
            mos_downlink=figures.get(Figure.DOWNLINK_MOS),
            freezes_uplink=_count(figures.get(Figure.UPLINK_FREEZES)),
            freezes_downlink=_count(figures.get(Figure.DOWNLINK_FREEZES)),
        )

    @property
    def lost(self) -> bool:
        """The connection is gone, and nothing else is known."""
        return self._lost_since_s is not None

    def lose(self, now_s: float) -> None:
        """The connection is gone; it comes back, or a new leg follows, or nothing."""
        self._lost_since_s = now_s
        self._came.append({_CAMERA: _GONE, _SOUND: _GONE})
        self._settled.set(LOST)

    def begin(self, now_s: float) -> None:
        """It is there (again): what was before says nothing of it."""
        self._count_lost(now_s)
        self._lost_since_s = None
        self._settled.set(GOOD)
        self._quality = self._page = None
        self._freezes = 0
        self._paused = False

    def end(self, now_s: float) -> Mapping[str, int | float] | None:
        """The leg is over: its summary, once. None when it was never measured."""
        self._count_lost(now_s)
        summary, self._summary = self._summary, None
        return summary.data() if summary is not None else None

    def _count_lost(self, now_s: float) -> None:
        if self._lost_since_s is not None and self._summary is not None:
            self._summary.period(now_s - self._lost_since_s, LOST)
            self._lost_since_s = now_s

    # ------------------------------------------------------------ what is made of it

    def _figures(
        self, quality: LegQuality, around: Around, other: "SideWatch | None", page: ReportQuality | None
    ) -> dict[Figure, float]:
        up = quality.uplink
        heard = other if around.hears else None
        down = _own(quality.downlink, heard)
        figures: dict[Figure, float] = {}
        if (around.says or around.shows) and not any(each.bitrate_bps for each in up.values()):
            figures[Figure.SILENT] = 1
        if quality.round_trip_ms is not None:
            figures[Figure.ROUND_TRIP_MS] = quality.round_trip_ms
        _way(figures, up, quality.round_trip_ms, _UPLINK)
        _way(figures, down, quality.round_trip_ms, _DOWNLINK)
        camera = up.get(_CAMERA)
        if camera is not None and around.shows:
            figures[Figure.UPLINK_FREEZES] = camera.freezes
            figures |= self._pictures(camera, other, page)
        if page is not None and page.concealed is not None and (heard is None or not heard.troubled_sound):
            figures[Figure.DOWNLINK_CONCEALED] = page.concealed
        if around.gets_pictures:
            if other is None or not other.troubled_uplink:
                figures[Figure.DOWNLINK_FREEZES] = self._freezes
            if quality.downlink_bps is not None:
                figures[Figure.DOWNLINK_BPS] = quality.downlink_bps
        if self._paused:
            figures[Figure.VIDEO_PAUSED] = 1
        return figures

    def _pictures(
        self, camera: KindQuality, other: "SideWatch | None", page: ReportQuality | None
    ) -> dict[Figure, float]:
        """Few pictures are the network's doing where the page says so, and nobody's where the listener is narrow."""
        rate = camera.frames_per_s
        if rate is None or (other is not None and other.narrow_downlink):
            return {}
        if page is not None and page.limited == "bandwidth":
            return {Figure.UPLINK_PICTURES: rate}
        if camera.unrepaired or (page is None and rate > 0):
            return {}
        return {Figure.DEVICE_PICTURES: rate}

    def figures(self) -> QualityFigures | None:
        """Numbers for those who want them; None before the first period."""
        quality, page = self._quality, self._page
        if quality is None:
            return None
        up, down = quality.uplink, quality.downlink
        camera = up.get(_CAMERA)
        return QualityFigures(
            round_trip_ms=quality.round_trip_ms,
            uplink_loss=worst_loss(up),
            downlink_loss=worst_loss(down),
            uplink_bps=sum(each.bitrate_bps for each in up.values()),
            downlink_bps=sum(each.bitrate_bps for each in down.values()),
            jitter_ms=_worst_jitter(
                {**{f"up {k}": v for k, v in up.items()}, **{f"down {k}": v for k, v in down.items()}}
            ),
            frames_per_s=camera.frames_per_s if camera is not None else None,
            width=page.sent_width if page is not None else None,
            height=page.sent_height if page is not None else None,
            mos=min((self._present[each] for each in _MOS if each in self._present), default=None),
        )


_UPLINK = (Figure.UPLINK_LOSS, Figure.UPLINK_UNREPAIRED, Figure.UPLINK_JITTER_MS, Figure.UPLINK_MOS)
_DOWNLINK = (Figure.DOWNLINK_LOSS, Figure.DOWNLINK_UNREPAIRED, Figure.DOWNLINK_JITTER_MS, Figure.DOWNLINK_MOS)
_MOS = (Figure.UPLINK_MOS, Figure.DOWNLINK_MOS)


def _own(down: Mapping[str, KindQuality], sender: SideWatch | None) -> Mapping[str, KindQuality]:
    """The way down without what the other side's way up had done already.

    The engine takes the sender's gaps off a receiver's report, but the two are not of the same moment: of a bad uplink
    some per cent would remain, and be blamed on who suffers from it. A receiver's jitter is that of both ways together.
    """
    if sender is None:
        return down
    freed = {}
    for kind, each in down.items():
        came = sender.passed_on(kind)
        freed[kind] = replace(
            each,
            loss=max(0.0, each.loss - came.unrepaired),
            unrepaired=max(0.0, each.unrepaired - came.unrepaired),
            jitter_ms=None if each.jitter_ms is None else max(0.0, each.jitter_ms - came.jitter_ms),
        )
    return freed


def worst_loss(kinds: Mapping[str, KindQuality]) -> float | None:
    """The largest share lost of a kind that flows on one way.

    None: nothing flows, or no receiver tells. Who tells nothing has not received everything; what they asked for again
    is known without their reports.
    """
    known = (each.loss for each in kinds.values() if each.bitrate_bps and (each.jitter_ms is not None or each.loss))
    return max(known, default=None)


def _count(value: float | None) -> int | None:
    return None if value is None else int(value)


def _worst_jitter(kinds: Mapping[str, KindQuality]) -> float | None:
    return max((each.jitter_ms for each in kinds.values() if each.jitter_ms is not None), default=None)


def _way(
    figures: dict[Figure, float],
    kinds: Mapping[str, KindQuality],
    round_trip_ms: float | None,
    names: tuple[Figure, Figure, Figure, Figure],
) -> None:
    """Loss, repair, jitter and sound of one way. Only what flows is judged: a camera that is off loses nothing.
    Of sound whose receiver says nothing there is no opinion."""
    flowing = {kind: each for kind, each in kinds.items() if each.bitrate_bps}
    if not flowing:
        return
    loss, unrepaired, jitter, speech = names
    lost = worst_loss(flowing)
    if lost is not None:
        figures[loss] = lost
    if _CAMERA in flowing:
        figures[unrepaired] = flowing[_CAMERA].unrepaired
    sound = flowing.get(_SOUND)
    if sound is not None and sound.jitter_ms is not None:
        figures[jitter] = sound.jitter_ms
        figures[speech] = mos(loss=sound.unrepaired, round_trip_ms=round_trip_ms or 0.0, jitter_ms=sound.jitter_ms)
