"""What a call-mode ACD tells and takes beside its calls: the hook for a CTI connection (AMI, ESL, …).

SIP alone does not say who answered: 200 OK is a queue, an announcement or an agent. A feed does, under the correlation
id that travelled with the call. It knows neither contacts nor legs; the adapter (`gateway.acd.sip.adapter`) joins the
two. Without a feed the agent's panel claims the contact, and what nobody tells is made up and marked.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from gateway.acd.events import (
    Abandoned,
    AgentEvent,
    AgentName,
    Connected,
    Ended,
    Held,
    NoAnswer,
    Queued,
    QueueExit,
    Rejected,
    Reserved,
    Resumed,
    TransferFailed,
    Transferred,
    Transferring,
    Unrecognised,
    WrapUpDone,
    WrapUpStarted,
)
from gateway.acd.port import AgentPosition, Phase

FeedBody = (
    Queued
    | Reserved
    | Rejected
    | NoAnswer
    | Connected
    | Held
    | Resumed
    | Transferring
    | Transferred
    | TransferFailed
    | Abandoned
    | QueueExit
    | Ended
    | WrapUpStarted
    | WrapUpDone
    | Unrecognised
)
"""What a feed may say of a call. `Offered` and `VoiceUp` are the call's own; `Accepted` is not a word of call mode."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedEvent:
    """One thing the ACD said of the call with that correlation id.

    `event_id` is the same when the same thing is read again (a replay after a cut): the adapter passes it on once. An
    event of an unknown or forgotten correlation is dropped by the adapter: a feed need not know which calls are ours.
    """

    event_id: str
    correlation: str
    body: FeedBody
    occurred_at: datetime  # the ACD's clock: for people to read
    raw: Mapping[str, str] = field(default_factory=dict)  # bounded by gateway.acd.events.RAW_LIMIT_BYTES
    synthesized: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedSnapshot:
    """What the ACD believes of one call right now."""

    correlation: str
    phase: Phase
    agent: AgentName | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedAbilities:
    """What this connection tells and takes beyond the call itself."""

    gives_position: bool = False
    gives_estimate: bool = False
    tells_agent: bool = True
    tells_agent_state: bool = False
    takes_agent_state: bool = False
    holds: bool = False  # Held and Resumed come from it; the call's own are then left out
    wraps_up: bool = False
    withdraws: bool = False
    prioritises: bool = False


class FeedListener(Protocol):
    """Who listens to a feed: called on the loop, returns at once, never raises."""

    def of_call(self, event: FeedEvent) -> None:
        """Something happened to a call."""
        ...

    def of_agent(self, event: AgentEvent) -> None:
        """An agent's state changed at the ACD."""
        ...

    def cut(self) -> None:
        """The connection is gone; nothing is told until `resumed`."""
        ...

    def resumed(self) -> None:
        """The connection is there (again), and what could be read again has been told."""
        ...


class CtiFeed(Protocol):
    """A connection to the ACD's events. It reconnects by itself; calls go on without it.

    Commands are bounded in time, idempotent, and raise PortFailure (`cti_unavailable`) when the ACD can't be told now,
    StateConflict (`cti_unsupported`) when it never can.
    """

    def abilities(self) -> FeedAbilities: ...

    @property
    def connected(self) -> bool:
        """Whether events arrive right now."""
        ...

    def listen(self, listener: FeedListener) -> None:
        """One listener: the adapter. Called before `start`."""
        ...

    async def start(self) -> None:
        """Begin to connect; returns without waiting for the ACD."""
        ...

    async def aclose(self) -> None:
        """Disconnect. Idempotent, ends within a few seconds whatever the ACD does."""
        ...

    async def withdraw(self, correlation: str) -> None:
        """Take the call out of its queue. Unknown or already served: no error."""
        ...

    async def set_priority(self, correlation: str, priority: int) -> None:
        """0 usual … 9 first."""
        ...

    async def set_agent_state(self, position: AgentPosition) -> None:
        """An agent became ready, not ready, … in our panel."""
        ...

    async def snapshot(self, correlations: Sequence[str]) -> Sequence[FeedSnapshot]:
        """What the ACD believes of these calls; `Phase.GONE` for those it does not know."""
        ...
