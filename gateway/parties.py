"""The counter between the contact center and the people at its edges: what they may ask, and what they are told.

A *request* is what a customer or an agent asks; a *notice* is what the center tells them. Both are frozen values
without a wire format: signaling turns messages into requests and notices into messages. Texts for people are made in
the browser from the codes in here; nothing in here is translated.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from gateway.base.ids import AgentId, ContactId, OfferId

# ---------------------------------------------------------------- who


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerParty:
    contact_id: ContactId


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentParty:
    agent_id: AgentId


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardParty:
    """Every supervisor and admin who watches the live board."""


Party = CustomerParty | AgentParty | BoardParty


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who the site says the customer is, signed by it. `subject` is the site's own name of them within `realm`."""

    realm: str  # sites of one realm have the same customers
    subject: str
    name: str = ""
    verified: bool = True  # False: the site was told so, and did not check it


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptPlace:
    """A place in line that a customer comes back to, and what was known of them when they left it.

    `contact_id`: the contact whose place it was. `queued_s`: seconds of the epoch, when that first entered the queue.
    """

    contact_id: ContactId
    queued_s: float
    priority: int
    path: tuple[str, ...] = ()
    display_name: str = ""
    page_url: str = ""
    page_title: str = ""
    form: Mapping[str, str] = field(default_factory=dict)
    identity: Identity | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """By whom a customer was invited: there is no menu (`gateway.links`). `agent_id` None: anybody of the queue.

    `place`: by their own link, back to the place that was kept for them.
    """

    link_id: str
    site: str
    agent_id: AgentId | None
    queue: str
    place: KeptPlace | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Everything known of a customer at the click. Already checked and bounded by signaling."""

    site: str
    visitor_key: str  # random and kept by the widget: sticky pilot share, nothing personal
    language: str  # "en", "fr" or "es"
    page_url: str = ""
    page_title: str = ""
    form: Mapping[str, str] = field(default_factory=dict)  # form steps the site chose to pass on, masked by the site
    display_name: str = ""
    notice_version: str = ""  # version of the recording notice that was shown beside the button; empty when none was
    canary: bool = False  # a robot call of `visavis canary`
    identity: Identity | None = None  # only when its signature was good
    invitation: Invitation | None = None  # by a link of an agent


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentCard:
    """An agent as the routing sees them."""

    agent_id: AgentId
    display_name: str
    queues: tuple[str, ...]
    skills: Mapping[str, int] = field(default_factory=dict)  # name → level, 1 … 10
    languages: tuple[str, ...] = ()  # empty: any
    visiting: bool = False  # here for the one contact that a foreign ACD gave them; nothing else is routed to them


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """An agent who has a panel here for one contact only, in the desktop of the ACD that gave it to them."""

    card: AgentCard
    contact_id: ContactId


# ---------------------------------------------------------------- requests


@dataclass(frozen=True, slots=True, kw_only=True)
class ChooseOption:
    """A key pressed in the menu. `node_id` is the node the customer saw: a stale one is refused (`menu_stale`)."""

    node_id: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferLeg:
    """The browser's one negotiation. `generation` counts from 1 and rises with every reload or new connection."""

    generation: int
    sdp: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveConsent:
    """The answer to the recording notice or question, in the language it was read in (empty: that of the entry)."""

    given: bool
    notice_version: str
    language: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TellPayment:
    """The customer's page has a payment field open, or has closed it: nothing of that time is recorded."""

    open: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportMedia:
    """What the person shows and says right now; told to the other side."""

    audio: bool
    video: bool
    screen: bool


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
class WriteLine:
    """A line of the chat. `client_id`: the page's own name of it; said again, it is the same line."""

    client_id: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PressKeys:
    """Call mode: the customer presses keys of a telephone (`0-9 * #`), as the ACD's announcements ask."""

    keys: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepPlace:
    """The customer leaves the page and comes back by a link: their place in line is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HangUp:
    """Either side ends the call."""


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


# ---------------------------------------------------------------- notices


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
class MenuOption:
    key: str  # "1" … "9", "0"
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MenuShown:
    """To the customer: a node of the menu, in their language. `options` is empty where it only says something."""

    node_id: str
    text: str
    options: tuple[MenuOption, ...]
    can_go_back: bool
    idle_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuePlace:
    """To the customer, on every change: place 1 is next; None where the center's ACD does not tell it.

    `estimate_s` is None when there is nothing honest to say. `keep_in_s`: the customer may keep the place and come back
    after so long from now; None: it is not offered.
    """

    queue: str
    queue_name: str
    place: int | None
    ahead: int | None
    waited_s: float
    estimate_s: float | None
    keep_in_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceKept:
    """To the customer, just before the contact closes: their place is kept, and `url` leads back to it.

    `window_s`: so long they are first once their turn has come. `lasts_s`: it is kept no longer, from now.
    """

    url: str
    queue_name: str
    place: int | None
    window_s: float
    lasts_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceNotKept:
    """To the customer: they go on waiting. `code`: `places_full`, or that of a failure of ours."""

    code: str


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
class QualityFigures:
    """The numbers behind a word, of the last two seconds. Losses are shares, 0 to 1."""

    round_trip_ms: float | None
    uplink_loss: float
    downlink_loss: float
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


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingShown:
    """To both sides: `off`, `awaiting_consent`, `on`, `paused`, `failed`, `done`.

    `may`, to the agent only: what they may ask for now (`start`, `stop`, `pause`, `resume`).
    """

    state: str
    notice_version: str = ""
    may: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatLine:
    """To both sides: a line of the chat. `number` counts from 1 within the contact, in the one order there is.

    `by`: customer, agent. `client_id` only to who wrote it: the page's own name of it.
    """

    number: int
    by: str
    name: str  # empty: a customer who gave none
    at: datetime
    text: str
    client_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatHistory:
    """To a side that comes (back): the newest lines there are. `earlier`: how many are left out before them."""

    lines: tuple[ChatLine, ...]
    earlier: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentChanged:
    """To the agent: their own state, and the contact they are on. `pending_reason` says what follows the wrap-up."""

    state: str
    reason: str | None = None
    pending_reason: str | None = None
    contact_id: ContactId | None = None
    queues: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PastContact:
    """One earlier contact, as the next agent sees it."""

    at: datetime
    queue_name: str  # empty: it never came to a queue
    agent_name: str  # empty: it never came to an agent
    disposition: str  # empty: none was chosen


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerHistory:
    """Who the customer is and when they were here before, newest first. `known_by` says how sure that is.

    `identity`: the site has verified them; `claimed`: the site was told so; `browser`: only the same browser.
    """

    customer_id: str
    name: str
    known_by: str
    contacts: int  # earlier ones, those not shown included
    last: tuple[PastContact, ...] = ()
    url: str = ""  # their page in the CRM


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerCard:
    """What the agent may know of the customer."""

    display_name: str
    language: str
    site: str
    page_url: str
    page_title: str
    form: Mapping[str, str]
    menu_path: tuple[str, ...]  # labels of the choices made, in order
    history: CustomerHistory | None = None  # None: nothing is known, or not yet (`CustomerKnown` follows)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardQueue:
    queue: str
    name: str
    waiting: int
    longest_wait_s: float
    talking: int
    agents_ready: int
    kept: int = 0  # places of callbacks


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardAgent:
    agent_id: AgentId
    display_name: str
    state: str
    reason: str | None
    since_s: float
    contact_id: ContactId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardContact:
    contact_id: ContactId
    site: str
    state: str
    queue: str | None
    agent_id: AgentId | None
    since_s: float  # in this state
    age_s: float  # since the click
    quality: str | None = None  # the worse side's word; None before anybody is connected
    cause: str | None = None  # customer_uplink, agent_device, …


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardAlarm:
    code: str
    detail: str
    contact_id: ContactId | None
    age_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardShown:
    """To supervisors: the whole board, at most twice a second, on change and at least every five seconds."""

    queues: tuple[BoardQueue, ...]
    agents: tuple[BoardAgent, ...]
    contacts: tuple[BoardContact, ...]
    alarms: tuple[BoardAlarm, ...]
    draining: bool


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
