"""What is said with customers and agents alike of a contact: its state, their connections, its recording, its end."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from signaling.messages.message import Generation, Message, Sdp

# ---------------------------------------------------------------- from the browser


class LegOffer(Message):
    """Sender: both. Legal: customer before `closed`; agent in `bridging`, `active`, `held`. One per generation."""

    type: Literal["leg_offer"] = "leg_offer"
    generation: Generation
    sdp: Sdp


class MediaState(Message):
    """Sender: both. Legal: before `closed`. What this side shows and says now."""

    type: Literal["media_state"] = "media_state"
    audio: bool
    video: bool
    screen: bool = False


class HangUp(Message):
    """Sender: both. Legal: customer before `closed`; agent in `bridging`, `active`, `held`."""

    type: Literal["hang_up"] = "hang_up"


# ---------------------------------------------------------------- from the gateway


class ContactState(Message):
    """To: customer, agent. `voice_apart`: the ACD carries the voice, which goes on whatever the video does."""

    type: Literal["contact_state"] = "contact_state"
    contact_id: str
    state: str
    end_reason: str | None = None
    deadline_s: float | None = None
    talk_s: float | None = None
    voice_apart: bool = False


class LegAnswer(Message):
    """To: customer, agent."""

    type: Literal["leg_answer"] = "leg_answer"
    generation: int
    sdp: str


class LegRefused(Message):
    """To: customer, agent. The offer of this generation was refused."""

    type: Literal["leg_refused"] = "leg_refused"
    generation: int
    code: str
    detail: str


class LegState(Message):
    """To: customer, agent, of their own leg. On `reconnecting` or `failed` make an offer of the next generation."""

    type: Literal["leg_state"] = "leg_state"
    generation: int
    state: str


class PeerAway(BaseModel):
    """Why the other side can't be seen or heard: `network`, `reloading`, `left_page`, `media_restart`,
    `media_worker_lost`. `deadline_s` is left until the customer is lost, or gets the next agent."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    cause: str
    since_s: float
    deadline_s: float | None = None


class PeerState(Message):
    """To: customer, agent, about the other side. `away` while they were connected and are not just now."""

    type: Literal["peer_state"] = "peer_state"
    display_name: str
    connected: bool
    audio: bool
    video: bool
    screen: bool
    away: PeerAway | None = None


class RecordingState(Message):
    """To: customer, agent: `off`, `awaiting_consent`, `on`, `paused`, `failed`, `done`.

    `may`, to the agent: what `recording` may ask for now.
    """

    type: Literal["recording_state"] = "recording_state"
    state: str
    notice_version: str = ""
    may: list[str] = Field([])
