"""The ACD port: how a contact is queued, routed and answered by whoever distributes calls.

Three modes, and an adapter says which it is. *call*: the ACD owns queue, routing and audio (SIP), video waits beside.
*task*: the ACD owns queue and routing, we own the media and report. *own*: ours (`gateway.acd.builtin`).
Accept is two-phase in all of them: the ACD routes, the media confirms. A command returns its result and does not also
publish it as an event. Unknown events of a foreign ACD never break an adapter; those it lacks are synthesized and
marked (`synthesized`). Hold, resume and transfer join the port with the first adapter that must be told of them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NewType, Protocol

from gateway.base.ids import AgentId, ContactId, OfferId

AcdRef = NewType("AcdRef", str)
"""The adapter's own name of a contact it was offered."""


class AcdMode(StrEnum):
    CALL = "call"
    TASK = "task"
    OWN = "own"


@dataclass(frozen=True, slots=True, kw_only=True)
class AcdCapabilities:
    """What this ACD does by itself; the contact does the rest."""

    mode: AcdMode
    gives_position: bool  # Queued events carry a place
    gives_estimate: bool  # … and an honest estimate
    keeps_deadlines: bool  # ends offers and waits by itself (NoAnswer, QueueExit); otherwise the contact does
    max_attribute_bytes: int | None  # of what may travel with a contact; None: no limit


# ---------------------------------------------------------------- values


class DeclineReason(StrEnum):
    """Why an offer did not become a call."""

    DECLINED = "declined"
    NO_ANSWER = "no_answer"  # RONA: redirect on no answer
    WITHDRAWN = "withdrawn"  # the contact or the agent was gone


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactOffer:
    """A contact given to the ACD. Idempotent by `contact_id`."""

    contact_id: ContactId
    site: str
    queue: str
    language: str
    priority: int  # 0 usual … 9 first
    queued_at: datetime  # when it first entered a queue: a requeue goes on with it
    display_name: str = ""
    canary: bool = False
    offerable: bool = True  # False: keeps its place, is not offered (the customer's network is gone just now)


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentPosition:
    """An agent as the routing must know them. `ready_since` only when they may be offered a contact."""

    agent_id: AgentId
    queues: tuple[str, ...]
    state: str
    reason: str | None
    ready_since: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueSnapshot:
    """A queue right now, for the board and for reconciling. `waiting` in the order of service."""

    queue: str
    waiting: tuple[ContactId, ...]
    ready: tuple[AgentId, ...]  # longest idle first


# ---------------------------------------------------------------- events


@dataclass(frozen=True, slots=True, kw_only=True)
class Queued:
    """The contact's place changed. Place 1 is next; `estimate_s` None when there is nothing honest to say."""

    place: int
    estimate_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reserved:
    """An agent was chosen and should ring. Answered by `accept` or `decline` with the same `offer_id`."""

    offer_id: OfferId
    agent_id: AgentId


@dataclass(frozen=True, slots=True, kw_only=True)
class NoAnswer:
    """The ACD ended the ringing by itself (only with `keeps_deadlines`)."""

    offer_id: OfferId


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueExit:
    """The ACD let the contact go unserved (only with `keeps_deadlines`)."""

    reason: str  # timeout, empty, withdrawn


AcdEventBody = Queued | Reserved | NoAnswer | QueueExit


@dataclass(frozen=True, slots=True, kw_only=True)
class AcdEvent:
    """The envelope of everything an ACD says of one contact."""

    event_id: str
    contact_id: ContactId
    acd_ref: AcdRef
    seq: int  # per contact, from us
    occurred_at: datetime  # the ACD's clock
    received_at: datetime
    source: str  # the adapter
    body: AcdEventBody
    queue: str
    attempt: int = 0  # offers made for this contact so far
    synthesized: bool = False
    raw: Mapping[str, str] = field(default_factory=dict)  # untouched original of a foreign ACD


class AcdPort(Protocol):
    """The distributor. Commands are idempotent; after `check` has passed none of them raises for a contact in progress:
    what can't be delivered now is delivered when the ACD is back, and no offers are made meanwhile."""

    def capabilities(self) -> AcdCapabilities: ...

    def on_event(self, listener: Callable[[AcdEvent], None]) -> None:
        """`listener` is called on the loop for every event. One listener: the desk."""
        ...

    async def check(self) -> None:
        """PortFailure when a new contact could not be distributed now. Bounded."""
        ...

    async def offer(self, offer: ContactOffer) -> AcdRef:
        """Queue the contact."""
        ...

    async def set_offerable(self, ref: AcdRef, offerable: bool) -> None:
        """Keep the place, but offer to nobody while False."""
        ...

    async def cancel(self, ref: AcdRef, reason: str) -> None:
        """The contact left the queue: abandoned, overflowed, failed."""
        ...

    async def accept(self, ref: AcdRef, offer_id: OfferId) -> None:
        """The agent took the offer; media is being set up. The contact is no longer in line."""
        ...

    async def decline(self, ref: AcdRef, offer_id: OfferId, reason: DeclineReason) -> None:
        """The offer came to nothing: back to the head of the queue with the original time."""
        ...

    async def confirm_media(self, ref: AcdRef, ok: bool) -> None:
        """Both sides see and hear each other; or not: back to the head of the queue."""
        ...

    async def requeue(self, ref: AcdRef, reason: str) -> None:
        """An agent was lost in the call: back to the head of the queue with the original time."""
        ...

    async def end(self, ref: AcdRef, reason: str) -> None:
        """The call is over; after-call work goes on."""
        ...

    async def complete_wrap_up(self, ref: AcdRef, disposition: str | None) -> None:
        """After-call work is over: the contact is closed and forgotten."""
        ...

    async def set_agent_state(self, position: AgentPosition) -> None:
        """An agent's state or queues changed. `logged_off` forgets them."""
        ...

    async def snapshot(self, queue: str) -> QueueSnapshot:
        """The queue right now. PortFailure."""
        ...
