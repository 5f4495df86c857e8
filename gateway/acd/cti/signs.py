"""What a feed reads of one call, before it is known what that means: the common words of AMI and ESL.

A mapper turns each original event into one of these; `gateway.acd.cti.call` knows what follows from it, given what was
told before. Pure values.
"""

from dataclasses import dataclass

from gateway.acd.events import AgentName, ExitReason, Party, RejectReason, TransferMode, TransferTarget


@dataclass(frozen=True, slots=True)
class Joined:
    """It is in that queue, at that place (1 is next; None: not told)."""

    queue: str
    place: int | None = None


@dataclass(frozen=True, slots=True)
class Rang:
    """An agent's phone rings for it."""

    agent: AgentName
    queue: str = ""


@dataclass(frozen=True, slots=True)
class RingEnded:
    """It rings there no more, and the agent did not take it. `why` None: they did not answer."""

    agent: AgentName
    why: RejectReason | None = None


@dataclass(frozen=True, slots=True)
class Answered:
    """The agent and the customer are connected."""

    agent: AgentName
    queue: str = ""


@dataclass(frozen=True, slots=True)
class PutOnHold:
    by: Party


@dataclass(frozen=True, slots=True)
class TakenBack:
    by: Party


@dataclass(frozen=True, slots=True)
class Moving:
    """The agent transfers it."""

    mode: TransferMode
    target: TransferTarget | None = None


@dataclass(frozen=True, slots=True)
class Moved:
    """Somebody else has it now; None: it is not told who."""

    agent: AgentName | None


@dataclass(frozen=True, slots=True)
class MoveFailed:
    """The transfer came to nothing. `reason`: busy, no_answer, refused, unreachable."""

    reason: str


@dataclass(frozen=True, slots=True)
class GaveUp:
    """The customer left before an agent had them."""

    waited_s: float | None = None


@dataclass(frozen=True, slots=True)
class Left:
    """It is in its queue no more. Why (None: not told yet) is told apart, or follows from what comes next."""

    why: ExitReason | None = None


@dataclass(frozen=True, slots=True)
class TalkEnded:
    """The talk with the agent is over."""

    by: Party
    reason: str = "normal"
    agent: AgentName | None = None


@dataclass(frozen=True, slots=True)
class HungUp:
    """The customer's call is over."""

    by: Party
    reason: str = "normal"


@dataclass(frozen=True, slots=True)
class WrapUpBegan:
    pass


@dataclass(frozen=True, slots=True)
class WrapUpOver:
    disposition: str | None = None


@dataclass(frozen=True, slots=True)
class Strange:
    """Of this call, and nothing that is known."""

    name: str


Sign = (
    Joined
    | Rang
    | RingEnded
    | Answered
    | PutOnHold
    | TakenBack
    | Moving
    | Moved
    | MoveFailed
    | GaveUp
    | Left
    | TalkEnded
    | HungUp
    | WrapUpBegan
    | WrapUpOver
    | Strange
)
