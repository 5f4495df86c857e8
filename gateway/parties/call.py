"""What customers and agents alike ask and are told of a contact: its state, their connections, its recording, its end.

It must not know which of them may ask what: that is said in `desk`.
"""

from dataclasses import dataclass

from gateway.base.ids import ContactId

# ---------------------------------------------------------------- asked


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferLeg:
    """The browser's one negotiation. `generation` counts from 1 and rises with every reload or new connection."""

    generation: int
    sdp: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportMedia:
    """What the person shows and says right now; told to the other side."""

    audio: bool
    video: bool
    screen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class HangUp:
    """Either side ends the call."""


# ---------------------------------------------------------------- told


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactChanged:
    """To both sides: the contact's state. `end_reason` only when closed; `deadline_s` is left of a timed state."""

    contact_id: ContactId
    state: str
    end_reason: str | None = None
    deadline_s: float | None = None
    talk_s: float | None = None  # seconds since both were first connected
    voice_apart: bool = False  # the center's ACD carries the voice: it goes on whatever the video does


@dataclass(frozen=True, slots=True, kw_only=True)
class LegAnswered:
    generation: int
    sdp: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LegRefused:
    generation: int
    code: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LegChanged:
    """To the leg's own side: connected, reconnecting, closed, failed. On `reconnecting` make a new generation."""

    generation: int
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Away:
    """Why the other side can't be seen or heard just now.

    `cause`: `network`, `reloading`, `left_page`, `media_restart`, `media_worker_lost`. `deadline_s`: left until the
    gateway goes on without them: an agent's customer is lost then, a customer gets the next agent.
    """

    cause: str
    since_s: float
    deadline_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerChanged:
    """To each side about the other: who it is, whether they are connected (why not, since when), what they show."""

    display_name: str
    connected: bool
    audio: bool
    video: bool
    screen: bool
    away: Away | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingShown:
    """To both sides: `off`, `awaiting_consent`, `on`, `paused`, `failed`, `done`.

    `may`, to the agent only: what they may ask for now (`start`, `stop`, `pause`, `resume`).
    """

    state: str
    notice_version: str = ""
    may: tuple[str, ...] = ()
