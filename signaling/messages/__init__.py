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

# The docstring opens docs/developer/protocol.md. Inside: `message` is what all have in common, `doors` says who may
# send which; the other modules have the messages of both directions by subject. Whoever is outside imports from here,
# where every name is listed once.

from signaling.messages.agent import (
    AcceptOffer,
    AgentState,
    Assigned,
    ClaimContact,
    CompleteTransfer,
    CustomerCard,
    CustomerHistory,
    CustomerKnown,
    Hold,
    Offer,
    OfferEnded,
    PastContact,
    Recording,
    RejectOffer,
    Retrieve,
    SetNotReady,
    SetReady,
    Transfer,
    WrapUp,
    WrapUpStarted,
)
from signaling.messages.board import Board, BoardAgent, BoardAlarm, BoardContact, BoardQueue
from signaling.messages.call import (
    ContactState,
    HangUp,
    LegAnswer,
    LegOffer,
    LegRefused,
    LegState,
    MediaState,
    PeerAway,
    PeerState,
    RecordingState,
)
from signaling.messages.chat import Chat, ChatEntry, ChatHistory, ChatLine
from signaling.messages.customer import (
    Consent,
    KeepPlace,
    MenuChoice,
    MenuNode,
    MenuOption,
    Payment,
    PlaceKept,
    PlaceNotKept,
    PressKeys,
    QueuePosition,
)
from signaling.messages.doors import (
    AgentMessage,
    BoardMessage,
    CustomerMessage,
    EmbedMessage,
    ServerMessage,
    agent_messages,
    board_messages,
    customer_messages,
    embed_messages,
    server_messages,
)
from signaling.messages.message import PROTOCOL_VERSION, ClientId, Code, Generation, Id, Message, Sdp, ShortText
from signaling.messages.quality import PerSecond, QualityFigures, QualityReport, QualityState, Share, SideQuality, Size
from signaling.messages.socket import Ack, Bye, Error, Hello, IceRequest, IceServer, IceServers, Ping, Resume, Welcome

__all__ = [
    "PROTOCOL_VERSION",
    "AcceptOffer",
    "Ack",
    "AgentMessage",
    "AgentState",
    "Assigned",
    "Board",
    "BoardAgent",
    "BoardAlarm",
    "BoardContact",
    "BoardMessage",
    "BoardQueue",
    "Bye",
    "Chat",
    "ChatEntry",
    "ChatHistory",
    "ChatLine",
    "ClaimContact",
    "ClientId",
    "Code",
    "CompleteTransfer",
    "Consent",
    "ContactState",
    "CustomerCard",
    "CustomerHistory",
    "CustomerKnown",
    "CustomerMessage",
    "EmbedMessage",
    "Error",
    "Generation",
    "HangUp",
    "Hello",
    "Hold",
    "IceRequest",
    "IceServer",
    "IceServers",
    "Id",
    "KeepPlace",
    "LegAnswer",
    "LegOffer",
    "LegRefused",
    "LegState",
    "MediaState",
    "MenuChoice",
    "MenuNode",
    "MenuOption",
    "Message",
    "Offer",
    "OfferEnded",
    "PastContact",
    "Payment",
    "PeerAway",
    "PeerState",
    "PerSecond",
    "Ping",
    "PlaceKept",
    "PlaceNotKept",
    "PressKeys",
    "QualityFigures",
    "QualityReport",
    "QualityState",
    "QueuePosition",
    "Recording",
    "RecordingState",
    "RejectOffer",
    "Resume",
    "Retrieve",
    "Sdp",
    "ServerMessage",
    "SetNotReady",
    "SetReady",
    "Share",
    "ShortText",
    "SideQuality",
    "Size",
    "Transfer",
    "Welcome",
    "WrapUp",
    "WrapUpStarted",
    "agent_messages",
    "board_messages",
    "customer_messages",
    "embed_messages",
    "server_messages",
]
