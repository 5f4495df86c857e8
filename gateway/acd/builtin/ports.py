"""What our own ACD keeps in the live state: who is in line, who sits where, who is held for whom; and the news of it.

A contact's row is written by the node that owns the contact, and by no other; so is whom it is held for. An agent's row
is written by the node their panel is connected to. Every change has a number, the *version*, which grows by one: a
node that knows a version asks for what is newer. `QueueStore` is implemented over Redis (`gateway.live`). Each node
writes its own part again when the store comes back empty, so a store may forget but must not invent.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from gateway.base.ids import AgentId, ContactId, OfferId


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """A contact's place in line, and what its agent must be. Times are seconds of the epoch.

    Lower `score` is served first within a queue, equal ones by `contact_id`; it is what `routing.line` makes of the
    rest, kept with it so that the store can compare.
    """

    contact_id: ContactId
    queue: str
    score: float  # up to 1.2e11 with a resolution of a millisecond: exact in a double
    node: str
    channel: str = "video"
    site: str = ""
    canary: bool = False
    language: str = ""
    priority: int = 0
    queued_s: float = 0.0  # when it first entered a queue
    sent_s: float = 0.0  # when it entered this one
    kept_s: float = 0.0  # how long a kept place had been in line before this; counts for skill and language
    at_head: bool = False  # it was offered or answered before, and came back
    skills: tuple[tuple[str, int], ...] = ()  # of its own, beyond what the queue wants; by name
    preferred: AgentId | None = None
    last: AgentId | None = None
    offerable: bool = True
    callback: bool = False  # nobody waits on the line: the place is kept for a customer who is called back
    visited: tuple[str, ...] = ()  # queues it overflowed from: it does not come back to them


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """An agent. `ready_score` (seconds of the epoch, lower is longer idle) only while they take contacts."""

    agent_id: AgentId
    queues: tuple[str, ...]
    state: str
    reason: str | None
    ready_score: float | None
    node: str
    skills: Mapping[str, int] = field(default_factory=dict)
    languages: tuple[str, ...] = ()  # empty: any
    chats: int = 0  # at once, without a video call
    chats_beside_video: int = 0
    logged_on_s: float = 0.0
    busy_s: float = 0.0  # seconds since then with contacts, up to the last change of state


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """An agent is reserved for a contact, or has it (`taken`)."""

    agent_id: AgentId
    offer_id: OfferId
    taken: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketRow:
    """A contact as the store knows it. Once `hold.taken` it is no longer in line. `ring`: it rings at several, each
    with an offer's id of their own, and nobody has the offer yet; there is no `hold` then."""

    ticket: Ticket
    hold: Hold | None = None
    ring: tuple[Hold, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SeatRow:
    """An agent as the store knows them, with the channel of each contact they are held for."""

    seat: Seat
    holds: Mapping[ContactId, str] = field(default_factory=dict)
    offered_s: float = 0.0  # when they were last reserved: whose turn it is


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What changed. `whole`: forget what you knew, this is everything."""

    version: int
    whole: bool
    tickets: Sequence[TicketRow]
    gone_tickets: Sequence[ContactId]
    seats: Sequence[SeatRow]
    gone_seats: Sequence[AgentId]


class QueueStore(Protocol):
    """Every method is one atomic step, ends within the live time-out, or raises PortFailure (`live_unavailable`) and
    has then changed all or nothing. Those that change return the version after it."""

    async def check(self) -> None:
        """PortFailure when the store does not answer in time."""
        ...

    async def put_ticket(self, ticket: Ticket, hold: Hold | None = None, ring: tuple[Hold, ...] = ()) -> int:
        """Write the contact and whom it is held for, or at whom it rings, as its owner knows it: what was written
        before is over."""
        ...

    async def drop_ticket(self, contact_id: ContactId) -> int:
        """Forget the contact: its place, and whom it was held for. An unknown one is no error."""
        ...

    async def put_seat(self, seat: Seat) -> int:
        """Write the agent. A reservation that they have not taken ends when they take no contacts (`not_ready`);
        other holds stay: they are the contacts'. What rings at others too goes on ringing there."""
        ...

    async def drop_seat(self, agent_id: AgentId) -> int:
        """Forget the agent: nobody rings at them any more. What they took is theirs, should they come back. An unknown
        one is no error."""
        ...

    async def reserve(
        self, contact_id: ContactId, agent_id: AgentId, offer_id: OfferId, *, seen: int, now_s: float
    ) -> int:
        """Compare and set: hold the agent for the contact. 0 and nothing changed, when

        the contact is not in line, is held for somebody, or may not be offered; the agent is not ready, not of that
        queue, or has no capacity left; or what changed after version `seen` may have put somebody else first: a free
        contact further ahead in that queue, or an agent who can't be had any more for another reason than a contact
        that stood there by then."""
        ...

    async def ring(self, contact_id: ContactId, more: Sequence[Hold], *, seen: int, now_s: float) -> int:
        """Compare and set: the contact rings at these agents too. 0 and nothing changed, when one of them could not be
        reserved for it (as `reserve` says), or it is held for somebody."""
        ...

    async def take(self, contact_id: ContactId, offer_id: OfferId) -> int:
        """Compare and set: of the agents at whom the contact rings, the one with this offer is reserved for it, and the
        others are free. 0 and nothing changed, when it does not ring with that offer any more."""
        ...

    async def release(self, contact_id: ContactId, offer_id: OfferId) -> int:
        """End that hold of the contact, which is in line again. Another offer's hold, or none, stays untouched."""
        ...

    async def news(self, seen: int) -> News:
        """What is newer than version `seen`; everything for 0, or when the store no longer knows so far back."""
        ...

    async def listen(self, told: Callable[[int], None]) -> None:
        """Call `told` with the version whenever any node has changed something, until cancelled. What is said while
        the store does not answer is lost: look now and then."""
        ...

    async def renew_lease(self, node: str, lease_s: float) -> tuple[str, ...]:
        """This node lives for another `lease_s`. Nodes whose lease is over are forgotten, and named."""
        ...

    async def forget_node(self, node: str) -> int:
        """Drop every ticket and seat of a node, and its lease: at start, what it left behind when it crashed."""
        ...
