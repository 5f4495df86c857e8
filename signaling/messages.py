"""Every message between a browser and the gateway, one class each: the protocol, version 1.

This module owns the shape of messages; what they mean to a contact is said elsewhere (`presenter.py`).

**Sockets and sessions.** A *session* outlives the *socket* that carries it. `hello`, `welcome`, `ack`, `ping`,
`ice_request`, `ice_servers` and `bye` belong to the socket: their `seq` is 0 and they are never sent again. Every other
message belongs to the session: each direction numbers them from 1 without gaps, and keeps them until the other side has
acknowledged them. Every message carries in `ack` the highest number seen of the other side.

**Opening.** The first message of a socket is `hello`, within five seconds; the answer is `welcome`, which the client
answers at once with an `ack`: only then is the secret it brought the only one. After a lost socket a `hello` with
`resume` brings back the same session: `welcome.resumed` true means that both sides send again, with their old
numbers, what the other has not acknowledged (`hello.resume.last_seq` and `welcome.ack` say how far each has come), and
ignore what they already had. False means that both start again at 1 with nothing kept; a full view of the same contact
follows.

**Is anybody there.** A socket whose network went away looks like a quiet one. A page that heard nothing for five
seconds, or whose media stopped, asks by `ping`; without an answer within three it opens another socket and resumes.

**Refusals.** A message that is not understood gets `error` with a stable code and harms nothing else; its number, if it
could be read, counts as seen. A number that leaves a gap, and whatever breaks the limits, closes the socket. The close
code says what kind of refusal it was and the close reason is the stable code. *Sender* and *Legal* in each docstring
say who may send a message and in which states.
"""

from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter

PROTOCOL_VERSION = 1

Code = Annotated[str, Field(pattern=r"^[a-z0-9_]{1,64}$")]
ShortText = Annotated[str, Field(max_length=200)]
Id = Annotated[str, Field(pattern=r"^[a-z]{2}_[0-9a-z]{8,40}$")]
ClientId = Annotated[str, Field(pattern=r"^[0-9A-Za-z_-]{8,40}$")]
Sdp = Annotated[str, Field(min_length=1, max_length=20_000)]
Generation = Annotated[int, Field(ge=1, le=1_000_000)]


class Message(BaseModel):
    """What every message has: strict types, no unknown fields, numbers of both directions."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    seq: int = Field(0, ge=0, le=2**53 - 1, description="From 1 in each direction; 0 in what belongs to the socket.")
    ack: int = Field(0, ge=0, le=2**53 - 1, description="Highest seq seen of the other side.")


# ---------------------------------------------------------------- from the browser


class Resume(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    session_id: Id
    secret: Annotated[str, Field(min_length=20, max_length=128)]
    last_seq: int = Field(ge=0, le=2**53 - 1)


class Hello(Message):
    """Sender: both. Legal: first, once. A customer brings `entry_token` or `resume`; an agent's cookie speaks.

    The panel of one contact (`/ws/embed`) has no cookie: it brings its claim as `entry_token`, or `resume`.
    """

    type: Literal["hello"] = "hello"
    versions: Annotated[list[int], Field(min_length=1, max_length=8)]
    entry_token: Annotated[str, Field(min_length=20, max_length=512)] | None = None
    resume: Resume | None = None
    take_over: bool = Field(False, description="Agent: end my panel in another tab and go on here.")


class Ack(Message):
    """Sender: both. Legal: always. Only acknowledges."""

    type: Literal["ack"] = "ack"


class Ping(Message):
    """Sender: all. Legal: always; `seq` 0. Does this socket still carry? The gateway answers with an `ack` at once."""

    type: Literal["ping"] = "ping"


class IceRequest(Message):
    """Sender: customer, agent. Legal: always; `seq` 0. Answered by `ice_servers`: those of the welcome grow old."""

    type: Literal["ice_request"] = "ice_request"


class LegOffer(Message):
    """Sender: both. Legal: customer before `closed`; agent in `bridging`, `active`, `held`. One per generation."""

    type: Literal["leg_offer"] = "leg_offer"
    generation: Generation
    sdp: Sdp


class MenuChoice(Message):
    """Sender: customer. Legal: `in_menu`; `node_id` must be the node shown."""

    type: Literal["menu_choice"] = "menu_choice"
    node_id: Annotated[str, Field(max_length=64)]
    key: Annotated[str, Field(pattern=r"^(back|[0-9*#])$")]


class Consent(Message):
    """Sender: customer. Legal: before `closed`. The answer to the recording notice."""

    type: Literal["consent"] = "consent"
    given: bool
    notice_version: Annotated[str, Field(max_length=40)]
    language: Annotated[str, Field(pattern=r"^[a-z]{0,3}$")] = ""


class Payment(Message):
    """Sender: customer. Legal: before `closed`. While the page has a payment field open nothing is recorded."""

    type: Literal["payment"] = "payment"
    open: bool


class MediaState(Message):
    """Sender: both. Legal: before `closed`. What this side shows and says now."""

    type: Literal["media_state"] = "media_state"
    audio: bool
    video: bool
    screen: bool = False


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


class Chat(Message):
    """Sender: customer, agent. Legal: contact `bridging`, `active`, `held`, `transferring`, and while an agent is
    asked; not of the agent who is asked. Answered by `chat_line`, which both sides get.

    Trimmed, in NFC and without control characters a line has 1 to 1,000 characters. `client_id`: the page's own name
    of it; sent again under the same one, it is the same line. Refused with `chat_not_now`, `chat_empty`,
    `chat_too_long`, `chat_too_fast`, `chat_full` (300 lines in a contact) or `chat_unavailable`.
    """

    type: Literal["chat"] = "chat"
    client_id: ClientId
    text: Annotated[str, Field(max_length=4000)]


class PressKeys(Message):
    """Sender: customer. Legal: with `voice_apart`, as soon as the ACD's side is heard. Keys of a telephone, for what
    asks for them there. Refused with `keys_not_now`."""

    type: Literal["press_keys"] = "press_keys"
    keys: Annotated[str, Field(pattern=r"^[0-9*#]{1,16}$")]


class KeepPlace(Message):
    """Sender: customer. Legal: `queued`, after `keep_in_s` of the last `queue_position`. Leave, and come back by a
    link: answered by `place_kept` or `place_not_kept`."""

    type: Literal["keep_place"] = "keep_place"


class HangUp(Message):
    """Sender: both. Legal: customer before `closed`; agent in `bridging`, `active`, `held`."""

    type: Literal["hang_up"] = "hang_up"


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


CustomerMessage = Annotated[
    Hello
    | Ack
    | Ping
    | IceRequest
    | LegOffer
    | MenuChoice
    | Consent
    | Payment
    | MediaState
    | QualityReport
    | Chat
    | PressKeys
    | KeepPlace
    | HangUp,
    Field(discriminator="type"),
]
AgentMessage = Annotated[
    Hello
    | Ack
    | Ping
    | IceRequest
    | LegOffer
    | MediaState
    | QualityReport
    | Chat
    | HangUp
    | SetReady
    | SetNotReady
    | AcceptOffer
    | RejectOffer
    | ClaimContact
    | Transfer
    | CompleteTransfer
    | Hold
    | Retrieve
    | Recording
    | WrapUp,
    Field(discriminator="type"),
]
EmbedMessage = Annotated[
    Hello
    | Ack
    | Ping
    | IceRequest
    | LegOffer
    | MediaState
    | QualityReport
    | Chat
    | HangUp
    | Hold
    | Retrieve
    | Recording
    | WrapUp,
    Field(discriminator="type"),
]
"""What the panel of one contact may say, in another's desktop: nothing of readiness, offers, claims or transfers."""

BoardMessage = Annotated[Hello | Ack | Ping, Field(discriminator="type")]


# ---------------------------------------------------------------- from the gateway


class IceServer(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    urls: list[str]
    username: str = ""
    credential: str = ""


class Welcome(Message):
    """To: all. The answer to `hello`. `resumed` false means: forget what you had, a full view follows."""

    type: Literal["welcome"] = "welcome"
    version: int
    session_id: str
    secret: str = Field(description="For the next resume; changes with every welcome.")
    resumed: bool
    contact_id: str | None = None
    grace_s: float = Field(description="A lost socket may come back within this.")
    ice_servers: list[IceServer] = []
    ice_lifetime_s: float = Field(0.0, description="A connection begun later needs new ones; 0: they don't grow old.")


class IceServers(Message):
    """To: customer, agent. The answer to `ice_request`; `seq` 0."""

    type: Literal["ice_servers"] = "ice_servers"
    servers: list[IceServer]
    lifetime_s: float


class Error(Message):
    """To: all. A message was refused; nothing changed. `re_seq` is its number."""

    type: Literal["error"] = "error"
    code: str
    detail: str
    re_seq: int | None = None


class Bye(Message):
    """To: all. The gateway closes the socket: `taken_over`, `signed_out`, `session_over`, `shutdown`, `too_slow`."""

    type: Literal["bye"] = "bye"
    code: str
    detail: str = ""


class ContactState(Message):
    """To: customer, agent. `voice_apart`: the ACD carries the voice, which goes on whatever the video does."""

    type: Literal["contact_state"] = "contact_state"
    contact_id: str
    state: str
    end_reason: str | None = None
    deadline_s: float | None = None
    talk_s: float | None = None
    voice_apart: bool = False


class MenuOption(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    key: str
    label: str


class MenuNode(Message):
    """To: customer."""

    type: Literal["menu_node"] = "menu_node"
    node_id: str
    text: str
    options: list[MenuOption]
    can_go_back: bool
    idle_s: float


class QueuePosition(Message):
    """To: customer. Place 1 is next; null where the center's ACD does not tell it: in line, no number.

    `keep_in_s`: from then on the place may be kept for who leaves (`keep_place`); null: that is not offered."""

    type: Literal["queue_position"] = "queue_position"
    queue: str
    queue_name: str
    place: int | None = None
    ahead: int | None = None
    waited_s: float
    estimate_s: float | None = None
    keep_in_s: float | None = None


class PlaceKept(Message):
    """To: customer. The contact ends; `url` leads back to its place. `window_s`: so long the customer is first, once
    the turn has come. `lasts_s`: it is kept no longer, from now."""

    type: Literal["place_kept"] = "place_kept"
    url: str
    queue_name: str
    place: int | None = None
    window_s: float
    lasts_s: float


class PlaceNotKept(Message):
    """To: customer, who goes on waiting. `code`: `places_full`, or that of a failure."""

    type: Literal["place_not_kept"] = "place_not_kept"
    code: str


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


class QualityFigures(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    round_trip_ms: float | None
    uplink_loss: float
    downlink_loss: float
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


class RecordingState(Message):
    """To: customer, agent: `off`, `awaiting_consent`, `on`, `paused`, `failed`, `done`.

    `may`, to the agent: what `recording` may ask for now.
    """

    type: Literal["recording_state"] = "recording_state"
    state: str
    notice_version: str = ""
    may: list[str] = []


class ChatLine(Message):
    """To: customer, agent. A line of the chat. `number` counts from 1 within the contact: the one order of both sides.

    `by`: `customer`, `agent`. `client_id` only to who wrote it.
    """

    type: Literal["chat_line"] = "chat_line"
    number: int
    by: str
    name: str
    at: AwareDatetime
    text: str
    client_id: str | None = None


class ChatEntry(BaseModel):
    """A line as the history has it."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    number: int
    by: str
    name: str
    at: AwareDatetime
    text: str
    client_id: str | None = None


class ChatHistory(Message):
    """To: customer, agent, when they come (back), if anything was written. Takes the place of all lines they had.

    The newest lines, up to 20,000 characters; `earlier`: how many are left out before them.
    """

    type: Literal["chat_history"] = "chat_history"
    lines: list[ChatEntry]
    earlier: int


class AgentState(Message):
    """To: agent."""

    type: Literal["agent_state"] = "agent_state"
    state: str
    reason: str | None = None
    pending_reason: str | None = None
    contact_id: str | None = None
    queues: list[str] = []


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
    transfers: list[str] = []
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


class BoardQueue(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    queue: str
    name: str
    waiting: int
    longest_wait_s: float
    talking: int
    agents_ready: int
    kept: int = Field(0, description="Places of customers who come back.")


class BoardAgent(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    agent_id: str
    display_name: str
    state: str
    reason: str | None
    since_s: float
    contact_id: str | None


class BoardContact(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    contact_id: str
    site: str
    state: str
    queue: str | None
    agent_id: str | None
    since_s: float
    age_s: float
    quality: str | None = None
    cause: str | None = None


class BoardAlarm(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    code: str
    detail: str
    contact_id: str | None
    age_s: float


class Board(Message):
    """To: admin. The whole board, on change, at most twice a second."""

    type: Literal["board"] = "board"
    queues: list[BoardQueue]
    agents: list[BoardAgent]
    contacts: list[BoardContact]
    alarms: list[BoardAlarm]
    draining: bool


ServerMessage = Annotated[
    Welcome
    | IceServers
    | Error
    | Bye
    | Ack
    | ContactState
    | MenuNode
    | QueuePosition
    | PlaceKept
    | PlaceNotKept
    | LegAnswer
    | LegRefused
    | LegState
    | PeerState
    | QualityState
    | RecordingState
    | ChatLine
    | ChatHistory
    | AgentState
    | Offer
    | OfferEnded
    | Assigned
    | CustomerKnown
    | WrapUpStarted
    | Board,
    Field(discriminator="type"),
]

customer_messages: TypeAdapter[CustomerMessage] = TypeAdapter(CustomerMessage)
agent_messages: TypeAdapter[AgentMessage] = TypeAdapter(AgentMessage)
embed_messages: TypeAdapter[EmbedMessage] = TypeAdapter(EmbedMessage)
board_messages: TypeAdapter[BoardMessage] = TypeAdapter(BoardMessage)
server_messages: TypeAdapter[ServerMessage] = TypeAdapter(ServerMessage)
