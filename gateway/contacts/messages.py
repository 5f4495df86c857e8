"""What arrives in a contact's mailbox: everything that can happen to it, as one kind of value each."""

from dataclasses import dataclass

from gateway.acd.events import AcdEvent
from gateway.base.ids import AgentId, LegId
from gateway.contacts.events import EndReason
from gateway.contacts.ports import RecordingView
from gateway.parties import AgentRequest, CustomerHistory, CustomerRequest, PlaceKept
from media.port import MediaEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """The customer is admitted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerAsked:
    request: CustomerRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentAsked:
    agent_id: AgentId
    request: AgentRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerViewAsked:
    """A freshly loaded widget wants to know everything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentViewAsked:
    agent_id: AgentId


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerPresence:
    present: bool
    page_gone: bool = False  # the one that was there: it said goodbye, or another one came


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentPresence:
    agent_id: AgentId
    present: bool
    page_gone: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentSignedOut:
    agent_id: AgentId


@dataclass(frozen=True, slots=True, kw_only=True)
class RingLeft:
    """An agent at whom the contact rings beside others takes no contacts any more, or has another."""

    agent_id: AgentId


@dataclass(frozen=True, slots=True, kw_only=True)
class FromCrm:
    """Who the customer is, as far as it is known by now."""

    history: CustomerHistory


@dataclass(frozen=True, slots=True, kw_only=True)
class FromMedia:
    event: MediaEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class FromAcd:
    event: AcdEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedAnew:
    """The next events of the ACD are of another offer of the contact: it counts from the beginning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferRefused:
    """The ACD did not take the order to transfer."""

    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentClaims:
    """An agent's panel has shown the contact's correlation id."""

    agent_id: AgentId


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceIsKept:
    """The contact's place in line is kept, and the customer has a way back to it."""

    notice: PlaceKept


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceIsNotKept:
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FromRecording:
    view: RecordingView


@dataclass(frozen=True, slots=True, kw_only=True)
class LegOpened:
    """The media engine answered an SDP offer."""

    leg_id: LegId
    sdp: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LegNotOpened:
    """The media engine refused an SDP offer, or did not answer."""

    leg_id: LegId
    code: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRefused:
    """The media engine refused a source: a clip it does not have, or a leg that is gone."""

    leg_id: LegId
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadlineReached:
    """At least one of the contact's deadlines may be due."""


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """The gateway ends the contact."""

    reason: EndReason


@dataclass(frozen=True, slots=True, kw_only=True)
class Tidied:
    """A lane has run empty: perhaps the contact may go."""


Message = (
    Start
    | CustomerAsked
    | AgentAsked
    | CustomerViewAsked
    | AgentViewAsked
    | CustomerPresence
    | AgentPresence
    | AgentSignedOut
    | RingLeft
    | FromMedia
    | FromAcd
    | OfferedAnew
    | TransferRefused
    | AgentClaims
    | PlaceIsKept
    | PlaceIsNotKept
    | FromRecording
    | FromCrm
    | LegOpened
    | LegNotOpened
    | SourceRefused
    | DeadlineReached
    | End
    | Tidied
)
