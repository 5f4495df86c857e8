"""The contact's state table: which state follows when something happens. Pure; knows no leg, agent or port.

States are the words of the field: `wrap_up` is after-call work. What can happen is in `events`. A refused visitor never
becomes a contact, so there is no state for it.

In *call mode* (SPLIT) the ACD carries the voice and the video waits beside it: there `voice` is a call whose video no
agent has claimed, and an agent who is lost leaves the customer in it instead of in line. In the other modes an agent is
offered the contact and everything goes through us.
"""

from enum import StrEnum

from gateway.base.machine import Table
from gateway.contacts.events import (
    Aborted,
    AgentLegFailed,
    AgentLegLost,
    AgentReleased,
    Bridged,
    CallEnded,
    Claimed,
    ConsultAccepted,
    ConsultEnded,
    ConsultFailed,
    ConsultRejected,
    ConsultStarted,
    ConsultTimedOut,
    ContactEvent,
    CustomerLeft,
    CustomerUnreachable,
    EndReason,
    Enqueued,
    Held,
    LeaveCause,
    LegFailed,
    MaxDurationReached,
    MaxWaitReached,
    MenuStarted,
    MenuUnanswered,
    OfferAccepted,
    OfferMade,
    OfferRejected,
    OfferTimedOut,
    OfferWithdrawn,
    OptionChosen,
    PlaceKept,
    QueueLeft,
    Retrieved,
    SelfServed,
    SetupTimedOut,
    TransferCompleted,
    TransferFailed,
    Transferred,
    TransferStarted,
    VideoEnded,
    VoiceOnly,
    WrapUpSubmitted,
    WrapUpTimedOut,
)


class ContactState(StrEnum):
    INITIATED = "initiated"
    IN_MENU = "in_menu"
    QUEUED = "queued"
    OFFERED = "offered"
    BRIDGING = "bridging"
    ACTIVE = "active"
    HELD = "held"
    TRANSFERRING = "transferring"
    CONSULT_RINGING = "consult_ringing"
    CONSULTING = "consulting"
    VOICE = "voice"
    WRAP_UP = "wrap_up"
    CLOSED = "closed"


WAITING = frozenset({ContactState.QUEUED, ContactState.OFFERED, ContactState.BRIDGING})
"""The customer waits for an agent and is shown hold media."""

CONSULTS = frozenset({ContactState.CONSULT_RINGING, ContactState.CONSULTING})
"""The agent asks a second one, the customer is on hold."""

IN_CALL = frozenset({ContactState.ACTIVE, ContactState.HELD, ContactState.TRANSFERRING}) | CONSULTS
"""Customer and agent are on a call."""

OVER = frozenset({ContactState.WRAP_UP, ContactState.CLOSED})
"""The call is over for the customer."""


_S = ContactState

CONTACT: Table[ContactState] = Table(
    "contact",
    ContactState,
    _S.INITIATED,
    {
        _S.INITIATED: {
            MenuStarted: _S.IN_MENU,
            Enqueued: _S.QUEUED,
            SelfServed: _S.CLOSED,
            SetupTimedOut: _S.CLOSED,
            LegFailed: _S.CLOSED,
            CustomerLeft: _S.CLOSED,
            Aborted: _S.CLOSED,
        },
        _S.IN_MENU: {
            OptionChosen: _S.IN_MENU,
            Enqueued: _S.QUEUED,
            SelfServed: _S.CLOSED,
            MenuUnanswered: _S.CLOSED,
            CustomerLeft: _S.CLOSED,
            Aborted: _S.CLOSED,
        },
        _S.QUEUED: {
            OfferMade: _S.OFFERED,
            VoiceOnly: _S.VOICE,
            Claimed: _S.BRIDGING,
            MaxWaitReached: _S.CLOSED,
            PlaceKept: _S.CLOSED,
            QueueLeft: _S.CLOSED,
            CallEnded: _S.CLOSED,
            CustomerLeft: _S.CLOSED,
            Aborted: _S.CLOSED,
        },
        _S.OFFERED: {
            OfferAccepted: _S.BRIDGING,
            OfferRejected: _S.QUEUED,
            OfferTimedOut: _S.QUEUED,
            OfferWithdrawn: _S.QUEUED,
            QueueLeft: _S.CLOSED,
            CallEnded: _S.CLOSED,
            CustomerLeft: _S.CLOSED,
            Aborted: _S.CLOSED,
        },
        _S.BRIDGING: {
            Bridged: _S.ACTIVE,
            AgentLegFailed: _S.QUEUED,
            CustomerUnreachable: _S.QUEUED,
            OfferWithdrawn: _S.QUEUED,  # the ACD took the agent away again
            VideoEnded: _S.VOICE,
            CallEnded: _S.CLOSED,
            CustomerLeft: _S.CLOSED,
            Aborted: _S.CLOSED,
        },
        _S.ACTIVE: {
            Held: _S.HELD,
            ConsultStarted: _S.CONSULT_RINGING,
            TransferStarted: _S.TRANSFERRING,
            Transferred: _S.QUEUED,
            AgentLegLost: _S.QUEUED,
            VideoEnded: _S.VOICE,
            CallEnded: _S.WRAP_UP,
            CustomerLeft: _S.WRAP_UP,
            AgentReleased: _S.WRAP_UP,
            MaxDurationReached: _S.WRAP_UP,
            Aborted: _S.CLOSED,
        },
        _S.HELD: {
            Retrieved: _S.ACTIVE,
            ConsultStarted: _S.CONSULT_RINGING,
            TransferStarted: _S.TRANSFERRING,
            Transferred: _S.QUEUED,
            AgentLegLost: _S.QUEUED,
            VideoEnded: _S.VOICE,
            CallEnded: _S.WRAP_UP,
            CustomerLeft: _S.WRAP_UP,
            AgentReleased: _S.WRAP_UP,
            MaxDurationReached: _S.WRAP_UP,
            Aborted: _S.CLOSED,
        },
        _S.TRANSFERRING: {
            Transferred: _S.QUEUED,
            TransferFailed: _S.ACTIVE,
            AgentLegLost: _S.QUEUED,
            VideoEnded: _S.VOICE,
            CallEnded: _S.WRAP_UP,
            CustomerLeft: _S.WRAP_UP,
            AgentReleased: _S.WRAP_UP,
            MaxDurationReached: _S.WRAP_UP,
            Aborted: _S.CLOSED,
        },
        _S.CONSULT_RINGING: {
            ConsultAccepted: _S.CONSULTING,
            ConsultRejected: _S.ACTIVE,
            ConsultTimedOut: _S.ACTIVE,
            ConsultEnded: _S.ACTIVE,
            AgentLegLost: _S.QUEUED,
            CallEnded: _S.WRAP_UP,
            CustomerLeft: _S.WRAP_UP,
            AgentReleased: _S.WRAP_UP,
            MaxDurationReached: _S.WRAP_UP,
            Aborted: _S.CLOSED,
        },
        _S.CONSULTING: {
            TransferCompleted: _S.BRIDGING,
            ConsultFailed: _S.ACTIVE,
            ConsultEnded: _S.ACTIVE,
            AgentLegLost: _S.QUEUED,
            CallEnded: _S.WRAP_UP,
            CustomerLeft: _S.WRAP_UP,
            AgentReleased: _S.WRAP_UP,
            MaxDurationReached: _S.WRAP_UP,
            Aborted: _S.CLOSED,
        },
        _S.VOICE: {
            Claimed: _S.BRIDGING,
            QueueLeft: _S.CLOSED,
            CallEnded: _S.CLOSED,
            CustomerLeft: _S.CLOSED,
            MaxDurationReached: _S.CLOSED,
            Aborted: _S.CLOSED,
        },
        _S.WRAP_UP: {
            WrapUpSubmitted: _S.CLOSED,
            WrapUpTimedOut: _S.CLOSED,
            Aborted: _S.CLOSED,
        },
        _S.CLOSED: {},
    },
)


def end_reason(before: ContactState, event: ContactEvent, *, connected_once: bool) -> EndReason | None:
    """Why the contact ends if `event` in state `before` ends it (or its call); None for events that end nothing.

    `connected_once`: the customer's media was ever connected. A customer who never was did not abandon, we failed.
    """
    match event:
        case CustomerLeft(cause=LeaveCause.LOST):
            return EndReason.CUSTOMER_LOST if connected_once else EndReason.SETUP_FAILED
        case CustomerLeft():
            return _ABANDONED.get(before, EndReason.COMPLETED)
        case CallEnded(by=by):
            if before in _SERVED:
                return EndReason.COMPLETED
            return EndReason.LEFT_QUEUE if by == "customer" else EndReason.WITHDRAWN
        case QueueLeft(reason=exit_reason):
            return _EXITS.get(exit_reason, EndReason.REFUSED_BY_ACD)
        case Aborted(reason=reason):
            return reason
        case _:
            return _REASONS.get(type(event))


_ABANDONED = {
    _S.INITIATED: EndReason.ABANDONED_IN_MENU,
    _S.IN_MENU: EndReason.ABANDONED_IN_MENU,
    _S.QUEUED: EndReason.ABANDONED_IN_QUEUE,
    _S.OFFERED: EndReason.ABANDONED_WHILE_ALERTING,
    _S.BRIDGING: EndReason.ABANDONED_WHILE_ALERTING,
}

_SERVED = IN_CALL | {_S.VOICE}

_EXITS = {
    "timeout": EndReason.OVERFLOWED,
    "empty": EndReason.OVERFLOWED,
    "full": EndReason.OVERFLOWED,
    "closed": EndReason.OVERFLOWED,
    "key": EndReason.LEFT_QUEUE,
    "withdrawn": EndReason.WITHDRAWN,
}

_REASONS: dict[type, EndReason] = {
    SelfServed: EndReason.SELF_SERVED,
    MenuUnanswered: EndReason.ABANDONED_IN_MENU,
    SetupTimedOut: EndReason.SETUP_FAILED,
    LegFailed: EndReason.SETUP_FAILED,
    MaxWaitReached: EndReason.OVERFLOWED,
    PlaceKept: EndReason.CALLBACK,
    AgentReleased: EndReason.COMPLETED,
    MaxDurationReached: EndReason.MAX_DURATION,
}
