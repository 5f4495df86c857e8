"""What only agents ask and are told: readiness, offers, hold and transfer, the recording, the wrap-up.

What they have in common with customers is in `call`, `chat` and `quality`.
"""

from dataclasses import dataclass

from gateway.base.ids import AgentId, ContactId, OfferId
from gateway.parties.people import CustomerCard, CustomerHistory

# ---------------------------------------------------------------- asked


@dataclass(frozen=True, slots=True, kw_only=True)
class SetReady:
    """The agent takes contacts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetNotReady:
    reason: str  # break, lunch, training, meeting, other


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptOffer:
    offer_id: OfferId


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectOffer:
    offer_id: OfferId


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimContact:
    """Call mode: the agent, whom the ACD has put through to the customer by phone, shows the contact's short id.

    `address`: where the page is, for counting guesses; empty when nobody knows.
    """

    correlation: str
    address: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferContact:
    """To a queue, to an agent, or (in call mode) to a number. `kind`: `queue`, `agent`, `number`.

    `consult`: ask the agent first, while the customer waits. RetrieveContact goes back to the customer.
    """

    kind: str
    target: str
    consult: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CompleteTransfer:
    """The agent who was asked takes the customer over; whoever asks this leaves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldContact:
    """The customer sees and hears hold media; nobody hears the customer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrieveContact:
    """Back from hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AskRecording:
    """The agent asks for something of the recording: `start`, `stop`, `pause`, `resume`."""

    action: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitWrapUp:
    disposition: str
    notes: str = ""


# ---------------------------------------------------------------- told


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentChanged:
    """To the agent: their own state, and the contact they are on. `pending_reason` says what follows the wrap-up."""

    state: str
    reason: str | None = None
    pending_reason: str | None = None
    contact_id: ContactId | None = None
    queues: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferMade:
    """To the agent: ringing. `deadline_s` from now. `asked_by`: the colleague who wants to ask them first."""

    offer_id: OfferId
    contact_id: ContactId
    queue: str
    queue_name: str
    customer: CustomerCard
    waited_s: float
    deadline_s: float
    asked_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferEnded:
    """To the agent: the ringing stopped: `accepted`, `rejected`, `timed_out`, `withdrawn`; where it rang at several and
    they stay ready, `taken` by somebody else, or `unanswered` by all."""

    offer_id: OfferId
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactAssigned:
    """To the agent: this is your contact now (after accept or claim, and again after a reload).

    `voice_apart`: the ACD carries the voice, the agent has it on their phone. `transfers`: where it can be sent to.
    `asked_by`: the colleague who has the customer and asks; told again without it when the customer is theirs.
    """

    contact_id: ContactId
    queue_name: str
    customer: CustomerCard
    voice_apart: bool = False
    transfers: tuple[str, ...] = ()  # queue, agent, number; consult: an agent can be asked first
    asked_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerKnown:
    """To the agent: the CRM has answered, or says more than before. Stands in place of `CustomerCard.history`."""

    contact_id: ContactId
    history: CustomerHistory


@dataclass(frozen=True, slots=True, kw_only=True)
class WrapUpStarted:
    contact_id: ContactId
    dispositions: tuple[str, ...]
    deadline_s: float


# ---------------------------------------------------------------- where a contact can go


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferAgent:
    """Somebody a contact can be given to."""

    agent_id: AgentId
    display_name: str
    ready: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferTargets:
    """Where a contact can go from here: queues (id and name), and agents with a panel, those who are ready first."""

    queues: tuple[tuple[str, str], ...]
    agents: tuple[TransferAgent, ...]
