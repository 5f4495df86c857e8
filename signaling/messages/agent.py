"""What is said with agents only: readiness, offers, hold and transfer, the recording, the wrap-up."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from signaling.messages.message import Code, Id, Message

# ---------------------------------------------------------------- from the browser


class SetReady(Message):
    """Sender: agent. Legal: `not_ready`, `working_after_call` (cancels the pending reason)."""

    type: Literal["set_ready"] = "set_ready"


class SetNotReady(Message):
    """Sender: agent. Legal: `ready`, `not_ready` (changes the reason); `busy` and after-call work keep it for later."""

    type: Literal["set_not_ready"] = "set_not_ready"
    reason: Literal["break", "lunch", "training", "meeting", "other"]


class AcceptOffer(Message):
    """Sender: agent. Legal: `reserved`, or `ready` where it rings at several: the offer that rings. Of several who
    accept one gets `assigned`, the others `offer_ended`.
    """

    type: Literal["accept_offer"] = "accept_offer"
    offer_id: Id


class RejectOffer(Message):
    """Sender: agent. Legal: as `accept_offer`."""

    type: Literal["reject_offer"] = "reject_offer"
    offer_id: Id


class ClaimContact(Message):
    """Sender: agent. Legal: `ready`, `not_ready`; `busy` with that contact. Call mode: the contact's short id."""

    type: Literal["claim_contact"] = "claim_contact"
    correlation: Annotated[str, Field(min_length=1, max_length=40)]


class Transfer(Message):
    """Sender: agent. Legal: contact `active`, `held`. A number only where the ACD carries the voice."""

    type: Literal["transfer"] = "transfer"
    kind: Literal["queue", "agent", "number"]
    target: Annotated[str, Field(min_length=1, max_length=64)]
    consult: bool = Field(False, description="Ask the agent first; `retrieve` goes back to the customer.")


class CompleteTransfer(Message):
    """Sender: agent. Legal: contact `consulting`, once the agent asked is connected: they have the customer then."""

    type: Literal["complete_transfer"] = "complete_transfer"


class Hold(Message):
    """Sender: agent. Legal: contact `active`."""

    type: Literal["hold"] = "hold"


class Retrieve(Message):
    """Sender: agent. Legal: contact `held`, `consult_ringing`, `consulting`."""

    type: Literal["retrieve"] = "retrieve"


class Recording(Message):
    """Sender: agent. Legal: what the last `recording_state` lists in `may`."""

    type: Literal["recording"] = "recording"
    action: Literal["start", "stop", "pause", "resume"]


class WrapUp(Message):
    """Sender: agent. Legal: contact `wrap_up`."""

    type: Literal["wrap_up"] = "wrap_up"
    disposition: Code
    notes: Annotated[str, Field(max_length=4000)] = ""


# ---------------------------------------------------------------- from the gateway


class AgentState(Message):
    """To: agent."""

    type: Literal["agent_state"] = "agent_state"
    state: str
    reason: str | None = None
    pending_reason: str | None = None
    contact_id: str | None = None
    queues: list[str] = Field([])


class PastContact(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    at: AwareDatetime
    queue_name: str
    agent_name: str
    disposition: str


class CustomerHistory(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    customer_id: str
    name: str
    known_by: str
    contacts: int
    last: list[PastContact]
    url: str


class CustomerCard(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    display_name: str
    language: str
    site: str
    page_url: str
    page_title: str
    form: dict[str, str]
    menu_path: list[str]
    history: CustomerHistory | None = None


class Offer(Message):
    """To: agent. It rings. `asked_by`: a colleague wants to ask them first, while the customer waits."""

    type: Literal["offer"] = "offer"
    offer_id: str
    contact_id: str
    queue: str
    queue_name: str
    customer: CustomerCard
    waited_s: float
    deadline_s: float
    asked_by: str = ""


class OfferEnded(Message):
    """To: agent: `accepted`, `rejected`, `timed_out`, `withdrawn`; where it rang at several agents, who stay ready:
    `taken` by somebody else, or `unanswered` by all.
    """

    type: Literal["offer_ended"] = "offer_ended"
    offer_id: str
    reason: str


class Assigned(Message):
    """To: agent. This contact is yours: make the leg offer.

    `voice_apart`: the voice is on the agent's phone, the panel has the video. `transfers`: to what `transfer` may send
    it (`queue`, `agent`, `number`; `consult`: an agent can be asked first). `asked_by`: a colleague who asks has the
    customer; told again without it when the customer is theirs.
    """

    type: Literal["assigned"] = "assigned"
    contact_id: str
    queue_name: str
    customer: CustomerCard
    voice_apart: bool = False
    transfers: list[str] = Field([])
    asked_by: str = ""


class CustomerKnown(Message):
    """To: agent. The CRM has answered after the offer was made: shown in place of the card's `history`.

    `known_by`: `identity` (the site has verified them), `claimed` (it was told so), `browser` (only the same browser).
    """

    type: Literal["customer_known"] = "customer_known"
    contact_id: str
    history: CustomerHistory


class WrapUpStarted(Message):
    """To: agent."""

    type: Literal["wrap_up_started"] = "wrap_up_started"
    contact_id: str
    dispositions: list[str]
    deadline_s: float
