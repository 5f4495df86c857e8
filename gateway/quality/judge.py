"""One period of one side's connection, judged: a word and the cause, by a table of thresholds. Pure.

A side's connection has two ways: `uplink` is what its browser sends, `downlink` what it is sent. The word is the worst
that any figure deserves, so a worse figure never gives a better word. Each threshold says where it comes from.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Word(StrEnum):
    """What people are told. In this order: each is worse than the one before."""

    GOOD = "good"
    FAIR = "fair"
    POOR = "poor"
    LOST = "lost"


WORDS: Final = tuple(Word)
LEVEL: Final[Mapping[Word, int]] = MappingProxyType({word: level for level, word in enumerate(WORDS)})


class Cause(StrEnum):
    """Whose fault it is, of one side."""

    UPLINK = "uplink"
    DOWNLINK = "downlink"
    DEVICE = "device"
    GATEWAY = "gateway"


class Figure(StrEnum):
    """What is judged. Shares are 0 to 1; a figure that is not known is left out."""

    SILENT = "silent"  # 1: the side shows or says something, and nothing at all comes
    UPLINK_LOSS = "uplink_loss"  # before repair, the worst kind
    UPLINK_UNREPAIRED = "uplink_unrepaired"  # of the camera's packets
    UPLINK_MOS = "uplink_mos"
    UPLINK_JITTER_MS = "uplink_jitter_ms"
    UPLINK_FREEZES = "uplink_freezes"  # in the period
    UPLINK_PICTURES = "uplink_pictures"  # a second, of a camera that is on and held back by its network
    DOWNLINK_LOSS = "downlink_loss"
    DOWNLINK_UNREPAIRED = "downlink_unrepaired"
    DOWNLINK_MOS = "downlink_mos"
    DOWNLINK_JITTER_MS = "downlink_jitter_ms"
    DOWNLINK_FREEZES = "downlink_freezes"  # as the page counts them, when the sender had none
    DOWNLINK_CONCEALED = "downlink_concealed"  # share of sound made up by the browser
    DOWNLINK_BPS = "downlink_bps"  # while pictures are sent
    VIDEO_PAUSED = "video_paused"  # 1: the way carries no picture any more
    ROUND_TRIP_MS = "round_trip_ms"
    DEVICE_PICTURES = "device_pictures"  # a second, of a camera that is on, where the network is not the reason


_NEVER = float("inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """From which value on a figure deserves which word. `below`: small values are bad."""

    cause: Cause | None  # None: the way with more jitter
    fair: float
    poor: float
    lost: float = _NEVER
    below: bool = False
    measured_loss: bool = False  # only the network does this, never a slow gateway
    source: str = ""

    def word(self, value: float) -> Word:
        if self.below:
            bad = (value < self.lost if self.lost != _NEVER else False, value < self.poor, value < self.fair)
        else:
            bad = (value >= self.lost, value >= self.poor, value >= self.fair)
        return next((word for word, hit in zip((Word.LOST, Word.POOR, Word.FAIR), bad, strict=True) if hit), Word.GOOD)


_LOSS = "ours: repair hides about 5 %; from 15 % on neither repair nor concealment keeps up"
_UNREPAIRED = "ITU-T G.1010: under 1 % for videophones; ours begins a little later, because a single period says little"
_MOS = "ITU-T G.107 annex B: R 70 (MOS 3.6) many dissatisfied, R 50 (MOS 2.6) not recommended"
_JITTER = "ITU-T Y.1541 class 0: 50 ms; ours: three times that"
_FREEZES = "W3C webrtc-stats freezeCount, each period of two seconds"
_PICTURES = "ours: below 12 a second it looks jerky, below 5 like stills"

RULES: Final[Mapping[Figure, Rule]] = MappingProxyType(
    {
        Figure.SILENT: Rule(cause=Cause.UPLINK, fair=1, poor=1, lost=1, source="nothing comes"),
        Figure.UPLINK_LOSS: Rule(cause=Cause.UPLINK, fair=0.05, poor=0.15, measured_loss=True, source=_LOSS),
        Figure.UPLINK_UNREPAIRED: Rule(
            cause=Cause.UPLINK, fair=0.02, poor=0.08, measured_loss=True, source=_UNREPAIRED
        ),
        Figure.UPLINK_MOS: Rule(cause=Cause.UPLINK, fair=3.6, poor=2.6, below=True, source=_MOS),
        Figure.UPLINK_JITTER_MS: Rule(cause=Cause.UPLINK, fair=50, poor=150, source=_JITTER),
        Figure.UPLINK_FREEZES: Rule(cause=Cause.UPLINK, fair=1, poor=3, source=_FREEZES),
        Figure.UPLINK_PICTURES: Rule(cause=Cause.UPLINK, fair=12, poor=5, below=True, source=_PICTURES),
        Figure.DOWNLINK_LOSS: Rule(cause=Cause.DOWNLINK, fair=0.05, poor=0.15, measured_loss=True, source=_LOSS),
        Figure.DOWNLINK_UNREPAIRED: Rule(
            cause=Cause.DOWNLINK, fair=0.02, poor=0.08, measured_loss=True, source=_UNREPAIRED
        ),
        Figure.DOWNLINK_MOS: Rule(cause=Cause.DOWNLINK, fair=3.6, poor=2.6, below=True, source=_MOS),
        Figure.DOWNLINK_JITTER_MS: Rule(cause=Cause.DOWNLINK, fair=50, poor=150, source=_JITTER),
        Figure.DOWNLINK_FREEZES: Rule(cause=Cause.DOWNLINK, fair=1, poor=3, source=_FREEZES),
        Figure.DOWNLINK_CONCEALED: Rule(
            cause=Cause.DOWNLINK, fair=0.05, poor=0.15, source="ours: as audio loss that was repaired by guessing"
        ),
        Figure.DOWNLINK_BPS: Rule(
            cause=Cause.DOWNLINK,
            fair=180_000,
            poor=90_000,
            below=True,
            source="ours: the least a small moving picture and sound need",
        ),
        Figure.VIDEO_PAUSED: Rule(cause=Cause.DOWNLINK, fair=1, poor=1, source="no picture is sent"),
        Figure.ROUND_TRIP_MS: Rule(
            cause=None, fair=300, poor=800, source="ITU-T G.114: 150 ms one way are fine, 400 ms the limit"
        ),
        Figure.DEVICE_PICTURES: Rule(
            cause=Cause.DEVICE, fair=5, poor=1, below=True, source="ours: in the dark a sound camera gives 7 a second"
        ),
    }
)

Figures = Mapping[Figure, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One period. `cause` is None exactly when the word is good."""

    word: Word = Word.GOOD
    cause: Cause | None = None
    figure: Figure | None = field(default=None, compare=False)

    @property
    def level(self) -> int:
        return LEVEL[self.word]


GOOD: Final = Verdict()
LOST: Final = Verdict(word=Word.LOST, cause=Cause.UPLINK, figure=Figure.SILENT)


def judge(figures: Figures, *, strained: bool = False) -> Verdict:
    """The word that the worst figure deserves, and why. Of equally bad figures the first in the table speaks.

    `strained`: the gateway itself is late at the moment. Then everything but measured loss may be its doing, and it
    takes the blame where no loss was measured.
    """
    worst, lossy = GOOD, False
    for figure, rule in RULES.items():
        value = figures.get(figure)
        if value is None:
            continue
        word = rule.word(value)
        lossy = lossy or (rule.measured_loss and word is not Word.GOOD)
        if LEVEL[word] > worst.level:
            worst = Verdict(word=word, cause=rule.cause or _shakier(figures), figure=figure)
    if strained and worst.cause in (Cause.UPLINK, Cause.DOWNLINK) and not lossy and worst.word is not Word.LOST:
        return Verdict(word=worst.word, cause=Cause.GATEWAY, figure=worst.figure)
    return worst


def _shakier(figures: Figures) -> Cause:
    up, down = figures.get(Figure.UPLINK_JITTER_MS, 0.0), figures.get(Figure.DOWNLINK_JITTER_MS, 0.0)
    return Cause.DOWNLINK if down > up else Cause.UPLINK


# ---------------------------------------------------------------- speech

_BASIC_R = 93.2  # ITU-T G.107 with its default values
_LOSS_ROBUSTNESS = 20.0  # Bpl of G.113; between G.729A (19) and G.711 with concealment (25): Opus conceals alike
_BUFFER_MS = 60.0  # capture, one frame of 20 ms, playout


def mos(*, loss: float, round_trip_ms: float, jitter_ms: float) -> float:
    """What people would say of the sound, 1 (bad) to 4.4: the E-model of ITU-T G.107, simplified.

    Delay by Cole and Rosenbluth (2001), loss by the effective equipment impairment with the codec itself at no cost.
    One way is half a round trip, and the receiver's buffer holds about two jitters.
    """
    delay_ms = round_trip_ms / 2 + 2 * jitter_ms + _BUFFER_MS
    late = 0.11 * (delay_ms - 177.3) if delay_ms > 177.3 else 0.0
    percent = 100 * loss
    r = _BASIC_R - 0.024 * delay_ms - late - 95 * percent / (percent + _LOSS_ROBUSTNESS)
    r = min(100.0, max(0.0, r))
    return max(1.0, 1 + 0.035 * r + 7e-6 * r * (r - 60) * (100 - r))
