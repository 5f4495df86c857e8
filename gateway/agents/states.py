"""The agent's state table, in the words of CSTA and TAPI. Pure; knows no contact but its id.

RONA (`OfferTimedOut`) leaves `ready` at once, so an offer never bounces back to an agent who does not answer. A reason
asked for during a call or after-call work is kept (`pending`) and taken when that ends: see `gateway.agents.roster`.
"""

from dataclasses import dataclass
from enum import StrEnum

from gateway.base.ids import ContactId
from gateway.base.machine import Table


class AgentState(StrEnum):
    LOGGED_OFF = "logged_off"
    NOT_READY = "not_ready"
    READY = "ready"
    RESERVED = "reserved"
    BUSY = "busy"
    WORKING_AFTER_CALL = "working_after_call"


class NotReadyReason(StrEnum):
    """Why an agent is not ready. The first five are chosen, the others follow from events."""

    BREAK = "break"
    LUNCH = "lunch"
    TRAINING = "training"
    MEETING = "meeting"
    OTHER = "other"
    LOGIN = "login"
    DECLINED = "declined"
    RONA = "rona"
    PRESENCE_LOST = "presence_lost"
    MEDIA_FAILURE = "media_failure"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedOn:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedOff:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadySet:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class NotReadySet:
    reason: NotReadyReason = NotReadyReason.OTHER


@dataclass(frozen=True, slots=True, kw_only=True)
class PresenceLost:
    """No panel for longer than the grace."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferMade:
    contact_id: ContactId | None = None  # None only where it makes no difference to the table


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
    """The contact is not there to be answered any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """Call mode: the agent, whose phone the ACD rang, has taken the video. Whether they were ready is the ACD's."""

    contact_id: ContactId | None = None  # None only where it makes no difference to the table


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactWithdrawn:
    """The contact went before the bridge, to somebody else, or was aborted: no after-call work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactReleased:
    """The call is over: after-call work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LegFailed:
    """The agent's media did not come about, or was lost for longer than the grace."""

    reason: NotReadyReason = NotReadyReason.MEDIA_FAILURE


@dataclass(frozen=True, slots=True, kw_only=True)
class WrapUpDone:
    """After-call work is over: submitted, timed out, or its contact was aborted."""


AgentEvent = (
    LoggedOn
    | LoggedOff
    | ReadySet
    | NotReadySet
    | PresenceLost
    | OfferMade
    | OfferAccepted
    | OfferRejected
    | OfferTimedOut
    | OfferWithdrawn
    | Claimed
    | ContactWithdrawn
    | ContactReleased
    | LegFailed
    | WrapUpDone
)

_S = AgentState

AGENT: Table[AgentState] = Table(
    "agent",
    AgentState,
    _S.LOGGED_OFF,
    {
        _S.LOGGED_OFF: {LoggedOn: _S.NOT_READY},
        _S.NOT_READY: {
            ReadySet: _S.READY,
            NotReadySet: _S.NOT_READY,
            Claimed: _S.BUSY,
            LoggedOff: _S.LOGGED_OFF,
        },
        _S.READY: {
            NotReadySet: _S.NOT_READY,
            PresenceLost: _S.NOT_READY,
            OfferMade: _S.RESERVED,
            Claimed: _S.BUSY,
            LoggedOff: _S.LOGGED_OFF,
        },
        _S.RESERVED: {
            OfferAccepted: _S.BUSY,
            OfferRejected: _S.NOT_READY,
            OfferTimedOut: _S.NOT_READY,
            OfferWithdrawn: _S.READY,
            PresenceLost: _S.NOT_READY,
            LoggedOff: _S.LOGGED_OFF,
        },
        _S.BUSY: {
            ReadySet: _S.BUSY,  # takes back a pending reason
            NotReadySet: _S.BUSY,
            ContactReleased: _S.WORKING_AFTER_CALL,
            ContactWithdrawn: _S.READY,
            LegFailed: _S.NOT_READY,
        },
        _S.WORKING_AFTER_CALL: {
            ReadySet: _S.WORKING_AFTER_CALL,
            NotReadySet: _S.WORKING_AFTER_CALL,
            WrapUpDone: _S.READY,
            LoggedOff: _S.LOGGED_OFF,
        },
    },
)

REASON_OF: dict[type, NotReadyReason] = {
    LoggedOn: NotReadyReason.LOGIN,
    OfferRejected: NotReadyReason.DECLINED,
    OfferTimedOut: NotReadyReason.RONA,
    PresenceLost: NotReadyReason.PRESENCE_LOST,
}
"""The reason of `not_ready` after events that carry none."""
