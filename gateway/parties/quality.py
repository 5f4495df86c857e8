"""How good a connection is, from both sides: what a browser reports of it, and the words and figures it is told.

How a word is found is the business of `gateway.quality`.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportQuality:
    """What only the browser knows of the last seconds. Not to be believed beyond its own side; bounded by signaling.

    None: the browser does not say. `concealed` is the share of the sound played that it made up.
    """

    freezes: int
    frames_per_s: float | None = None  # decoded
    width: int | None = None
    height: int | None = None
    concealed: float | None = None
    sent_frames_per_s: float | None = None
    sent_width: int | None = None
    sent_height: int | None = None
    available_bps: int | None = None  # what it believes it can send
    limited: str = "none"  # what holds its picture back: none, cpu, bandwidth, other


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityFigures:
    """The numbers behind a word, of the last two seconds. Losses are shares, 0 to 1; None where nobody tells."""

    round_trip_ms: float | None
    uplink_loss: float | None
    downlink_loss: float | None
    uplink_bps: int
    downlink_bps: int
    jitter_ms: float | None
    frames_per_s: float | None  # that come from its camera
    width: int | None  # of its camera's pictures
    height: int | None
    mos: float | None  # of the worse way's sound, 1 to 4.4


@dataclass(frozen=True, slots=True, kw_only=True)
class SideQuality:
    """One side's connection. `word`: good, fair, poor, lost; `cause`: uplink, downlink, device, gateway.

    `pictures_paused`: the way to it is too narrow for pictures, so it is sent sound only for now.
    `pictures_unmatched`: its browser can't show the kind of picture that the other side's sends, so it gets sound only.
    """

    word: str
    cause: str | None = None
    figures: QualityFigures | None = None
    pictures_paused: bool = False
    pictures_unmatched: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityChanged:
    """To each side, when a word or a cause changed: their own connection and, in a call, the other's.

    Agents get the figures with it, and again every few seconds.
    """

    own: SideQuality
    peer: SideQuality | None
