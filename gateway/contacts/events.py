"""What can happen to a contact, as the words of the field: an *offer* rings at an agent, RONA is `OfferTimedOut`.

What state follows is in `states`. Pure; knows no leg, agent or port.
"""

from dataclasses import dataclass
from enum import StrEnum

from gateway.base.ids import AgentId, OfferId


class EndReason(StrEnum):
    """Why a contact ended. Whether an abandon was short is a rule of the figures, not a reason."""

    COMPLETED = "completed"
    SELF_SERVED = "self_served"
    ABANDONED_IN_MENU = "abandoned_in_menu"
    ABANDONED_IN_QUEUE = "abandoned_in_queue"
    ABANDONED_WHILE_ALERTING = "abandoned_while_alerting"
    CUSTOMER_LOST = "customer_lost"  # the network was gone for longer than the grace
    SETUP_FAILED = "setup_failed"  # no media connection came about
    OVERFLOWED = "overflowed"  # the longest wait was reached, or the ACD has no room, no agent, no hours for it
    CALLBACK = "callback"  # the customer left, and their place is kept: nobody has abandoned anything
    LEFT_QUEUE = "left_queue"  # the customer chose to leave it, by a key or as the ACD saw it
    WITHDRAWN = "withdrawn"  # the ACD took the contact out of its queue, or ended it before an agent had it
    REFUSED_BY_ACD = "refused_by_acd"  # it never took it, or had an error of its own
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
class PlaceKept:
    """The customer leaves and comes back as another contact. `reason`: `asked`, or that of the rule by which the ACD
    let the contact go."""

    reason: str = "asked"


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueLeft:
    """The ACD let the contact go unserved. `reason`: a word of `gateway.acd.events.ExitReason`."""

    reason: str = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEnded:
    """The call is over at the ACD. `by`: a word of `gateway.acd.events.Party`; `reason`: the ACD's short code."""

    by: str = "unknown"
    reason: str = "normal"


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
class VoiceOnly:
    """Call mode: the customer talks by voice, or waits with the ACD's sound, and nobody has claimed the video yet.

    `reason`: `connected` when an agent is known to talk, `unclaimed` when the time for a claim went by.
    """

    reason: str = "unclaimed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """Call mode: this agent's panel has shown the contact's correlation id: the video is theirs."""

    offer_id: OfferId
    agent_id: AgentId


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoEnded:
    """Call mode: the agent has the video no more; the voice goes on.

    `reason`: `closed` by the agent, `lost`, `not_connected` in time, `claimed_by_other`, `transferred`.
    """

    reason: str = "lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferStarted:
    """The ACD was asked to move the contact. `target` is a queue, an agent or a number, as `kind` says."""

    kind: str = ""
    target: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferFailed:
    """The contact stays where it was. `reason`: `busy`, `no_answer`, `refused`, `unreachable`, `timeout`."""

    reason: str = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Transferred:
    """Same contact, new segment: in line for somebody else. Empty `queue`: the same one; `agent_id`: for them only."""

    queue: str = ""
    agent_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsultStarted:
    """The agent asks a second one, at whom it rings now. The customer is on hold."""

    offer_id: OfferId
    agent_id: AgentId


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsultAccepted:
    """The second agent talks with the first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsultRejected:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsultTimedOut:
    """RONA of the second agent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsultFailed:
    """The second agent's media did not come about, or was lost for longer than the grace."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsultEnded:
    """Customer and first agent again. `reason`: `taken_back` by the first, `closed` by the second, `withdrawn`."""

    reason: str = "withdrawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferCompleted:
    """The customer is the second agent's from now on; the first has left."""


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
    | PlaceKept
    | QueueLeft
    | CallEnded
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
    | VoiceOnly
    | Claimed
    | VideoEnded
    | TransferStarted
    | TransferFailed
    | Transferred
    | ConsultStarted
    | ConsultAccepted
    | ConsultRejected
    | ConsultTimedOut
    | ConsultFailed
    | ConsultEnded
    | TransferCompleted
    | MaxDurationReached
    | WrapUpSubmitted
    | WrapUpTimedOut
    | Aborted
)
