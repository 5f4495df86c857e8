"""Who may send which message: a union for each door, and the adapter that reads it.

The order of a union is the order of its chapters in docs/developer/protocol.md.
"""

from typing import Annotated

from pydantic import Field, TypeAdapter

from signaling.messages.agent import (
    AcceptOffer,
    AgentState,
    Assigned,
    ClaimContact,
    CompleteTransfer,
    CustomerKnown,
    Hold,
    Offer,
    OfferEnded,
    Recording,
    RejectOffer,
    Retrieve,
    SetNotReady,
    SetReady,
    Transfer,
    WrapUp,
    WrapUpStarted,
)
from signaling.messages.board import Board
from signaling.messages.call import (
    ContactState,
    HangUp,
    LegAnswer,
    LegOffer,
    LegRefused,
    LegState,
    MediaState,
    PeerState,
    RecordingState,
)
from signaling.messages.chat import Chat, ChatHistory, ChatLine
from signaling.messages.customer import (
    Consent,
    KeepPlace,
    MenuChoice,
    MenuNode,
    Payment,
    PlaceKept,
    PlaceNotKept,
    PressKeys,
    QueuePosition,
)
from signaling.messages.quality import QualityReport, QualityState
from signaling.messages.socket import Ack, Bye, Error, Hello, IceRequest, IceServers, Ping, Welcome

# ---------------------------------------------------------------- from the browser


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


# ---------------------------------------------------------------- readers


customer_messages: TypeAdapter[CustomerMessage] = TypeAdapter(CustomerMessage)
agent_messages: TypeAdapter[AgentMessage] = TypeAdapter(AgentMessage)
embed_messages: TypeAdapter[EmbedMessage] = TypeAdapter(EmbedMessage)
board_messages: TypeAdapter[BoardMessage] = TypeAdapter(BoardMessage)
server_messages: TypeAdapter[ServerMessage] = TypeAdapter(ServerMessage)
