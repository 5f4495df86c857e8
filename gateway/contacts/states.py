"""The contact's state table: what can happen to a contact, and what state follows. Pure; knows no leg, agent or port.

States and events are the words of the field: `wrap_up` is after-call work, an *offer* rings at an agent, RONA is
`OfferTimedOut`. A refused visitor never becomes a contact, so there is no state for it.
"""

from dataclasses import dataclass
from enum import StrEnum

from gateway.base.ids import AgentId, OfferId
from gateway.base.machine import Table


class ContactState(StrEnum):
    INITIATED = "initiated"
    IN_MENU = "in_menu"
    QUEUED = "queued"
    OFFERED = "offered"
    BRIDGING = "bridging"
    ACTIVE = "active"
    HELD = "held"
    WRAP_UP = "wrap_up"
    CLOSED = "closed"


WAITING = frozenset({ContactState.QUEUED, ContactState.OFFERED, ContactState.BRIDGING})
"""The customer waits for an agent and is shown hold media."""

IN_CALL = frozenset({ContactState.ACTIVE, ContactState.HELD})
"""Customer and agent are on a call."""

OVER = frozenset({ContactState.WRAP_UP, ContactState.CLOSED})
"""The call is over for the customer."""


class EndReason(StrEnum):
    """Why a contact ended. Whether an abandon was short is a rule of the figures, not a reason."""

    COMPLETED = "completed"
    SELF_SERVED = "self_served"
    ABANDONED_IN_MENU = "abandoned_in_menu"
    ABANDONED_IN_QUEUE = "abandoned_in_queue"
    ABANDONED_WHILE_ALERTING = "abandoned_while_alerting"
    CUSTOMER_LOST = "customer_lost"  # the network was gone for longer than the grace
    SETUP_FAILED = "setup_failed"  # no media connection came about
    OVERFLOWED = "overflowed"  # the longest wait was reached
    MAX_DURATION = "max_duration"
    FAILED = "failed"  # our own error
    GATEWAY_RESTART = "gateway_restart"
    GATEWAY_STOPPED = "gateway_stopped"


class LeaveCause(StrEnum):
    """How a customer left."""

    HUNG_UP = "hung_up"
    LOST = "lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class MenuStarted:
    node_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionChosen:
    """Another node is shown: by a key, by *back*, or because time went by (`key` empty)."""

    node_id: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfServed:
    """The menu answered."""

    node_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MenuUnanswered:
    """Nobody pressed anything, twice."""

    node_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Enqueued:
    queue: str = ""
    priority: int = 0
    language: str = ""
    path: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SetupTimedOut:
    """Neither menu nor queue within the set-up time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LegFailed:
    """The customer's leg came to nothing before the menu."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerLeft:
    cause: LeaveCause = LeaveCause.HUNG_UP


@dataclass(frozen=True, slots=True, kw_only=True)
class MaxWaitReached:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferMade:
    offer_id: OfferId
    agent_id: AgentId


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferAccepted:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferRejected:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferTimedOut:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferWithdrawn:
    """The agent is not there to answer any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bridged:
    """Both legs are connected: customer and agent see and hear each other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentLegFailed:
    """The agent took the offer but their media did not come about, or they hung up before it did."""

    reason: str = "media_failure"  # the agent's not-ready reason that follows


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerUnreachable:
    """The agent is connected, the customer's network is gone just now: the agent goes back to other work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrieved:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentLegLost:
    """The agent's network was gone for longer than the grace."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentReleased:
    """The agent hung up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MaxDurationReached:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class WrapUpSubmitted:
    disposition: str = ""
    notes: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WrapUpTimedOut:
    """After-call work ended without a disposition: by time, or because the agent signed out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Aborted:
    """The gateway itself ends the contact."""

    reason: EndReason = EndReason.FAILED


ContactEvent = (
    MenuStarted
    | OptionChosen
    | SelfServed
    | MenuUnanswered
    | Enqueued
    | SetupTimedOut
    | LegFailed
    | CustomerLeft
    | MaxWaitReached
    | OfferMade
    | OfferAccepted
    | OfferRejected
    | OfferTimedOut
    | OfferWithdrawn
    | Bridged
    | AgentLegFailed
    | CustomerUnreachable
    | Held
    | Retrieved
    | AgentLegLost
    | AgentReleased
    | MaxDurationReached
    | WrapUpSubmitted
    | WrapUpTimedOut
    | Aborted
)

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
            MaxWaitReached: _S.CLOSED,
            CustomerLeft: _S.CLOSED,
            Aborted: _S.CLOSED,
        },
        _S.OFFERED: {
            OfferAccepted: _S.BRIDGING,
            OfferRejected: _S.QUEUED,
            OfferTimedOut: _S.QUEUED,
            OfferWithdrawn: _S.QUEUED,
            CustomerLeft: _S.CLOSED,
            Aborted: _S.CLOSED,
        },
        _S.BRIDGING: {
            Bridged: _S.ACTIVE,
            AgentLegFailed: _S.QUEUED,
            CustomerUnreachable: _S.QUEUED,
            CustomerLeft: _S.CLOSED,
            Aborted: _S.CLOSED,
        },
        _S.ACTIVE: {
            Held: _S.HELD,
            AgentLegLost: _S.QUEUED,
            CustomerLeft: _S.WRAP_UP,
            AgentReleased: _S.WRAP_UP,
            MaxDurationReached: _S.WRAP_UP,
            Aborted: _S.CLOSED,
        },
        _S.HELD: {
            Retrieved: _S.ACTIVE,
            AgentLegLost: _S.QUEUED,
            CustomerLeft: _S.WRAP_UP,
            AgentReleased: _S.WRAP_UP,
            MaxDurationReached: _S.WRAP_UP,
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

_REASONS: dict[type, EndReason] = {
    SelfServed: EndReason.SELF_SERVED,
    MenuUnanswered: EndReason.ABANDONED_IN_MENU,
    SetupTimedOut: EndReason.SETUP_FAILED,
    LegFailed: EndReason.SETUP_FAILED,
    MaxWaitReached: EndReason.OVERFLOWED,
    AgentReleased: EndReason.COMPLETED,
    MaxDurationReached: EndReason.MAX_DURATION,
}
