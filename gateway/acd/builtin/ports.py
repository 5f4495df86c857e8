"""What our own ACD keeps in the live state: the order of each queue, the ready agents, who is reserved for whom.

`QueueStore` is implemented over Redis (`gateway.live`); the ACD keeps its own copy of what it wrote and writes it again
when the store comes back empty, so a store may forget but must not invent.
"""

from dataclasses import dataclass
from typing import Protocol

from gateway.base.ids import AgentId, ContactId, OfferId


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """A contact's place in line. Lower `score` is served first; equal scores by `contact_id`, as Redis orders them."""

    contact_id: ContactId
    queue: str
    score: float  # up to 1.2e11 with a resolution of a millisecond: exact in a double
    node: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """An agent in the live state. `ready_score` (seconds of the epoch, lower is longer idle) only while ready."""

    agent_id: AgentId
    queues: tuple[str, ...]
    state: str
    reason: str | None
    ready_score: float | None
    node: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One queue as read at one moment."""

    queue: str
    waiting: tuple[ContactId, ...]  # in order, reserved ones included
    ready: tuple[AgentId, ...]  # longest idle first; never one that is reserved


class QueueStore(Protocol):
    """Zset semantics. Every method is one atomic step, ends within the live time-out, or raises PortFailure
    (`live_unavailable`) and has then changed all or nothing."""

    async def check(self) -> None:
        """PortFailure when the store does not answer in time."""
        ...

    async def put_ticket(self, ticket: Ticket) -> None:
        """Add the contact to the queue, or move it to the new queue and score; a reservation stays as it is."""
        ...

    async def drop_ticket(self, contact_id: ContactId) -> None:
        """Forget the contact: its place and its reservation. An unknown one is no error."""
        ...

    async def put_seat(self, seat: Seat) -> None:
        """Write the agent's state and queues. With a `ready_score` they are in the ready set of each of their queues,
        without one in none. Ends any reservation of the agent: the writer knows better."""
        ...

    async def drop_seat(self, agent_id: AgentId) -> None:
        """Forget the agent: state, ready sets, reservation. An unknown one is no error."""
        ...

    async def reserve(self, queue: str, contact_id: ContactId, agent_id: AgentId, offer_id: OfferId) -> bool:
        """Compare and set: only if the contact is in that queue without a reservation and the agent is in that queue's
        ready set, take the agent out of all ready sets and note the reservation on both. False: nothing changed."""
        ...

    async def release(self, contact_id: ContactId, offer_id: OfferId) -> None:
        """Take back that reservation of the contact, which keeps its place. The agent is not made ready by this.
        Another offer's reservation, or none, stays untouched."""
        ...

    async def line(self, queue: str) -> Line:
        """The queue right now."""
        ...

    async def forget_node(self, node: str) -> None:
        """Drop every ticket and seat of a node: at start, what it left behind when it crashed."""
        ...
