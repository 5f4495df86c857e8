"""How good a connection is: what a browser reports of it, and the words and figures it is told."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from signaling.messages.message import Message

# ---------------------------------------------------------------- from the browser


Size = Annotated[int, Field(ge=0, le=16_384)]
PerSecond = Annotated[float, Field(ge=0, le=1_000, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class QualityReport(Message):
    """Sender: both. Legal: before `closed`, in a call. What only the browser knows of its last two seconds (getStats).

    Believed of the sender's own side only; more than one a second is not looked at.
    """

    type: Literal["quality_report"] = "quality_report"
    freezes: int = Field(0, ge=0, le=1_000, description="Pictures received that stood still (W3C freezeCount).")
    frames_per_s: PerSecond | None = Field(None, description="Decoded.")
    width: Size | None = None
    height: Size | None = None
    concealed: Share | None = Field(None, description="Share of the sound played that the browser made up.")
    sent_frames_per_s: PerSecond | None = None
    sent_width: Size | None = None
    sent_height: Size | None = None
    available_bps: Annotated[int, Field(ge=0, le=10_000_000_000)] | None = Field(
        None, description="What the browser believes that it can send."
    )
    limited: Literal["none", "cpu", "bandwidth", "other"] = Field("none", description="What holds its picture back.")


# ---------------------------------------------------------------- from the gateway


class QualityFigures(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    round_trip_ms: float | None
    uplink_loss: float | None = Field(description="Share, 0 to 1; null where nothing is sent.")
    downlink_loss: float | None = Field(description="Null also while its browser sends no reports.")
    uplink_bps: int
    downlink_bps: int
    jitter_ms: float | None
    frames_per_s: float | None
    width: int | None
    height: int | None
    mos: float | None


class SideQuality(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    word: str
    cause: str | None = None
    figures: QualityFigures | None = None
    pictures_paused: bool = False
    pictures_unmatched: bool = False


class QualityState(Message):
    """To: customer, agent. How the own connection is, and in a call the other's, when a word or a cause changed.

    Words: `good`, `fair`, `poor`, `lost`. Causes: `uplink`, `downlink`, `device`, `gateway`. Agents get the figures
    with it, and again every few seconds. `pictures_paused`: the way to that side is too narrow for
    pictures; it gets sound only until there is room again. `pictures_unmatched`: that side's browser can't show the
    kind of picture that the other side's sends; it gets sound only until one of them has a new leg that fits.
    """

    type: Literal["quality_state"] = "quality_state"
    own: SideQuality
    peer: SideQuality | None = None
