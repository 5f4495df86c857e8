"""Who may ask what and is told what, and the two ways through the counter: `Desk` inwards, `NoticePort` outwards.

The center implements `Desk`, signaling `NoticePort`; neither must know more of the other than is said here.
"""

from collections.abc import Sequence
from typing import Protocol

from gateway.base.ids import AgentId, ContactId
from gateway.parties.agent import (
    AcceptOffer,
    AgentChanged,
    AskRecording,
    ClaimContact,
    CompleteTransfer,
    ContactAssigned,
    CustomerKnown,
    HoldContact,
    OfferEnded,
    OfferMade,
    RejectOffer,
    RetrieveContact,
    SetNotReady,
    SetReady,
    SubmitWrapUp,
    TransferContact,
    TransferTargets,
    WrapUpStarted,
)
from gateway.parties.board import BoardShown
from gateway.parties.call import (
    ContactChanged,
    HangUp,
    LegAnswered,
    LegChanged,
    LegRefused,
    OfferLeg,
    PeerChanged,
    RecordingShown,
    ReportMedia,
)
from gateway.parties.chat import ChatHistory, ChatLine, WriteLine
from gateway.parties.customer import (
    ChooseOption,
    GiveConsent,
    KeepPlace,
    MenuShown,
    PlaceKept,
    PlaceNotKept,
    PressKeys,
    QueuePlace,
    TellPayment,
)
from gateway.parties.people import AgentCard, Entry, Party
from gateway.parties.quality import QualityChanged, ReportQuality

CustomerRequest = (
    ChooseOption
    | OfferLeg
    | GiveConsent
    | TellPayment
    | ReportMedia
    | ReportQuality
    | WriteLine
    | PressKeys
    | KeepPlace
    | HangUp
)

AgentRequest = (
    SetReady
    | SetNotReady
    | AcceptOffer
    | RejectOffer
    | ClaimContact
    | TransferContact
    | CompleteTransfer
    | OfferLeg
    | ReportMedia
    | ReportQuality
    | WriteLine
    | HoldContact
    | RetrieveContact
    | AskRecording
    | HangUp
    | SubmitWrapUp
)

CustomerNotice = (
    ContactChanged
    | MenuShown
    | QueuePlace
    | PlaceKept
    | PlaceNotKept
    | LegAnswered
    | LegRefused
    | LegChanged
    | PeerChanged
    | QualityChanged
    | RecordingShown
    | ChatLine
    | ChatHistory
)

AgentNotice = (
    AgentChanged
    | OfferMade
    | OfferEnded
    | ContactAssigned
    | CustomerKnown
    | ContactChanged
    | LegAnswered
    | LegRefused
    | LegChanged
    | PeerChanged
    | QualityChanged
    | RecordingShown
    | ChatLine
    | ChatHistory
    | WrapUpStarted
)

Notice = CustomerNotice | AgentNotice | BoardShown


class NoticePort(Protocol):
    """How the center reaches people. Implemented by signaling."""

    def tell(self, party: Party, notice: Notice) -> None:
        """Queue `notice` for whoever is there now; kept for a resume while the session lives. Never waits or raises."""
        ...


class Desk(Protocol):
    """The center as signaling sees it. Every method may raise a GatewayError; nothing changed then."""

    async def open_contact(self, entry: Entry) -> ContactId:
        """Admit and start a contact. Refused (`closed`, `not_in_pilot`, `draining`) or CapacityExceeded (`full`)."""
        ...

    async def customer_request(self, contact_id: ContactId, request: CustomerRequest) -> None: ...

    async def customer_present(self, contact_id: ContactId, present: bool, *, page_gone: bool = False) -> None:
        """The customer's signaling came (back) or was lost. A lost one has the grace time (60 s) to come back.

        `page_gone`: the page that was there is gone: it said goodbye, or another one is here now. Its connection went
        with it.
        """
        ...

    async def customer_view(self, contact_id: ContactId) -> Sequence[CustomerNotice]:
        """Everything a freshly loaded page must know, in order. StateConflict (`contact_closed`) when it is over."""
        ...

    async def agent_present(self, card: AgentCard, present: bool, *, page_gone: bool = False) -> None:
        """The agent's panel came (back) or was lost. The first presence logs the agent on (not ready, `login`)."""
        ...

    async def agent_request(self, agent_id: AgentId, request: AgentRequest) -> None: ...

    async def agent_view(self, agent_id: AgentId) -> Sequence[AgentNotice]: ...

    def transfer_targets(self, agent_id: AgentId) -> TransferTargets:
        """Of this agent; they are not among them."""
        ...

    async def agent_logged_off(self, agent_id: AgentId) -> None:
        """The agent signed out. StateConflict (`agent_busy`) while on a contact."""
        ...

    def is_on_contact(self, agent_id: AgentId) -> bool:
        """Whether a contact rings at the agent, is with them or is wrapped up by them."""
        ...

    def contact_of(self, agent_id: AgentId) -> ContactId | None:
        """The contact that rings at the agent, is with them or is wrapped up by them."""
        ...

    def board(self) -> BoardShown: ...

    def drain(self) -> None:
        """No new contacts from now on; those in progress run on."""
        ...

    @property
    def live_contacts(self) -> int:
        """Contacts not closed yet."""
        ...
