"""The ACD port: how a contact is queued, routed and answered by whoever distributes calls.

Three modes, and an adapter says which it is. *call*: the ACD owns queue, routing and audio (SIP), video waits beside.
*task*: the ACD owns queue and routing, we own the media and report. *own*: ours (`gateway.acd.builtin`).
Accept is two-phase in all of them: the ACD routes, the media confirms. A command returns its result and does not also
publish it as an event. What an ACD says is in `gateway.acd.events`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol, runtime_checkable

from gateway.acd.events import AcdEvent, AcdRef, AgentEvent, AgentName, TransferMode, TransferTarget
from gateway.base.ids import AgentId, ContactId, OfferId


class AcdMode(StrEnum):
    CALL = "call"
    TASK = "task"
    OWN = "own"


@dataclass(frozen=True, slots=True, kw_only=True)
class AcdCapabilities:
    """What this ACD does by itself; the contact does the rest, and marks what it had to make up."""

    mode: AcdMode
    gives_position: bool  # Queued events carry a place
    gives_estimate: bool  # … and an honest estimate
    keeps_deadlines: bool  # ends offers and waits by itself (NoAnswer, QueueExit); otherwise the contact does
    max_attribute_bytes: int | None  # of what may travel with a contact; None: no limit
    tells_agent: bool = True  # says which agent has the contact; otherwise only the panel's claim does
    holds: bool = False  # Held and Resumed come from it
    transfers: frozenset[TransferMode] = frozenset()  # that it carries out when asked
    wraps_up: bool = False  # keeps after-call work by itself
    tells_agent_state: bool = False
    takes_agent_state: bool = True
    opens_panels: bool = False  # its desktop opens our panel for the one contact it gives to an agent


# ---------------------------------------------------------------- values


class DeclineReason(StrEnum):
    """Why an offer did not become a call."""

    DECLINED = "declined"
    NO_ANSWER = "no_answer"  # RONA: redirect on no answer
    WITHDRAWN = "withdrawn"  # the contact or the agent was gone


@dataclass(frozen=True, slots=True, kw_only=True)
class SkillNeed:
    """A skill and the least level of it, 1 … 10."""

    name: str
    min_level: int = 1


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
    correlation: str = ""  # the short id by which an agent's panel claims it; empty where nobody has to
    skills: tuple[SkillNeed, ...] = ()
    customer_key: str = ""  # the same customer has the same one; nothing personal
    preferred_agent: AgentId | None = None
    last_agent: AgentId | None = None
    previous_contact_id: ContactId | None = None
    returning: bool = False  # an agent had it before: it stands before those who only wait
    menu_path: tuple[str, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)  # already checked and bounded by signaling


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentPosition:
    """An agent as the routing must know them. `ready_since` only when they may be offered a contact."""

    agent_id: AgentId
    queues: tuple[str, ...]
    state: str
    reason: str | None
    ready_since: datetime | None
    skills: Mapping[str, int] = field(default_factory=dict)  # name → level, 1 … 10
    languages: tuple[str, ...] = ()  # empty: any
    ref: str = ""  # what the ACD calls them; empty: the same as the id


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueSnapshot:
    """A queue right now, for the board and for reconciling. `waiting` in the order of service."""

    queue: str
    waiting: tuple[ContactId, ...]
    ready: tuple[AgentId, ...]  # longest idle first


class Phase(StrEnum):
    """How far a contact is, as an ACD can know it."""

    QUEUED = "queued"
    RINGING = "ringing"
    CONNECTED = "connected"
    HELD = "held"
    WRAP_UP = "wrap_up"
    GONE = "gone"  # it does not know the contact, or has ended it


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactSnapshot:
    """What the ACD believes of one contact right now."""

    contact_id: ContactId
    acd_ref: AcdRef
    phase: Phase
    agent: AgentName | None = None


# ---------------------------------------------------------------- the port


class AcdPort(Protocol):
    """The distributor. Commands are idempotent; after `check` has passed none of them raises for a contact in progress,
    except where it says so: what can't be delivered now is delivered when the ACD is back, and no offers are made
    meanwhile."""

    def capabilities(self, queue: str = "") -> AcdCapabilities:
        """Of whoever serves that queue."""
        ...

    def on_event(self, listener: Callable[[AcdEvent], None]) -> None:
        """`listener` is called on the loop for every event of a contact. One listener: the desk."""
        ...

    def on_agent_event(self, listener: Callable[[AgentEvent], None]) -> None:
        """`listener` is called on the loop for every change of an agent at the ACD. One listener: the desk."""
        ...

    async def check(self) -> None:
        """PortFailure when a new contact could not be distributed now. Bounded."""
        ...

    async def offer(self, offer: ContactOffer) -> AcdRef:
        """Queue the contact."""
        ...

    async def update_attributes(self, ref: AcdRef, attributes: Mapping[str, str]) -> None:
        """What is known of the contact changed. Beyond `max_attribute_bytes` the last ones are left out."""
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

    async def claimed(self, ref: AcdRef, agent_id: AgentId) -> None:
        """This agent has the contact, and whoever had it before does not have it any more: in call mode
        their panel claimed it, in task and own mode they were asked by the first agent and took it over."""
        ...

    async def confirm_media(self, ref: AcdRef, ok: bool) -> None:
        """Both sides see and hear each other; or not: back to the head of the queue."""
        ...

    async def hold(self, ref: AcdRef) -> None:
        """Our side put the contact on hold."""
        ...

    async def resume(self, ref: AcdRef) -> None:
        """And took it back."""
        ...

    async def requeue(self, ref: AcdRef, reason: str) -> None:
        """An agent was lost in the call: back to the head of the queue with the original time."""
        ...

    async def transfer(self, ref: AcdRef, mode: TransferMode, target: TransferTarget) -> None:
        """Move the contact. Returns when the ACD has taken the order; Transferred or TransferFailed follows.

        StateConflict (`transfer_unsupported`, `transfer_refused`), PortFailure: nothing changed then.
        """
        ...

    async def end(self, ref: AcdRef, reason: str) -> None:
        """The call is over; after-call work goes on."""
        ...

    async def complete_wrap_up(self, ref: AcdRef, disposition: str | None) -> None:
        """After-call work is over: the contact is closed and forgotten."""
        ...

    async def set_agent_state(self, position: AgentPosition) -> None:
        """An agent's state or queues changed. `logged_off` forgets them. PortFailure: tell it again later."""
        ...

    async def snapshot(self, queue: str) -> QueueSnapshot:
        """The queue right now. PortFailure."""
        ...

    async def contacts(self, refs: Sequence[AcdRef]) -> Sequence[ContactSnapshot]:
        """What it believes of these contacts, for reconciling after a cut. PortFailure."""
        ...


# ---------------------------------------------------------------- cuts


class CutCause(StrEnum):
    """Why an adapter had lost sight of its ACD."""

    ACD_RESTARTED = "acd_restarted"  # it came back without what it knew, or said so
    GATEWAY_RESTARTED = "gateway_restarted"
    NETWORK = "network"
    UNKNOWN = "unknown"


@runtime_checkable
class Resyncs(Protocol):
    """An adapter that can lose sight of its ACD. One that can't (nothing lies between) leaves this out."""

    def on_resync(self, listener: Callable[[CutCause], None]) -> None:
        """`listener` is called on the loop when the ACD is back after a cut: events may have been missed, and
        `contacts` answers again. One listener."""
        ...


@runtime_checkable
class Aligns(Protocol):
    """An adapter that keeps a belief of its own of each contact, by which it judges commands."""

    def align(self, seen: ContactSnapshot) -> None:
        """What `contacts` said of this one is acted on now: the commands that follow mean a contact that stands so."""
        ...


@runtime_checkable
class LeavesOver(Protocol):
    """An adapter that finds at its start what an earlier process left at the ACD."""

    def on_left_over(self, listener: Callable[[ContactSnapshot, str], None]) -> None:
        """`listener` is called with each such contact and its queue; it is being taken out at the ACD. One listener."""
        ...
