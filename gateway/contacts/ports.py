"""What the contact needs of its neighbours, as small protocols. Composition (`gateway.app`) passes them in.

Every `async` method is bounded by its implementer; the contact calls them from lanes of their own, so that a slow
neighbour never holds up the mailbox.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from gateway.agents.states import AgentEvent, AgentState
from gateway.base.ids import AgentId, ContactId, LegId
from gateway.menu.interpreter import Outcome
from gateway.parties import AgentCard, CustomerHistory, Entry, PlaceKept
from gateway.quality.side import Observed

# ---------------------------------------------------------------- menu


class MenuWalk(Protocol):
    """One customer's walk (`gateway.menu.interpreter.MenuRun`). A refused key raises and changes nothing."""

    @property
    def language(self) -> str: ...

    def start(self) -> Outcome: ...

    def choose(self, node_id: str, key: str) -> Outcome: ...

    def idle(self) -> Outcome: ...


class MenuPort(Protocol):
    def run(self, name: str, language: str) -> MenuWalk:
        """A new walk through the menu `name`. SetupError `menu_missing`."""
        ...


# ---------------------------------------------------------------- rollout


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """Whether a visitor is offered video now. `code` says why not: `closed`, `not_in_pilot`."""

    admitted: bool
    code: str | None = None


class RolloutPort(Protocol):
    """The pilot switch, from memory: it answers at once and acts within a second of a change."""

    def admit(self, site: str, visitor_key: str) -> Admission: ...

    def agent_allowed(self, agent_id: AgentId, site: str) -> bool:
        """Whether the agent may be offered contacts of this site (member of its pilot group, or no group)."""
        ...


# ---------------------------------------------------------------- recording


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingOrder:
    """A bridge has begun: record it if policy and consent allow. One recording per contact."""

    contact_id: ContactId
    agent_id: AgentId
    customer_leg: LegId
    agent_leg: LegId
    telephone_leg: LegId | None  # call mode: the agent's voice, as the ACD's call brings it
    queue: str
    notice_version: str  # of the notice the customer saw; empty when none was shown
    consent: bool | None  # the customer's answer so far; None: not asked yet
    consent_at: datetime | None  # when they answered, or were shown the notice
    language: str  # in which language
    payment_open: bool  # the customer's page has a payment field open: nothing may be written


class RecordingView(Protocol):
    """What both sides are shown of a recording."""

    @property
    def contact_id(self) -> ContactId: ...

    @property
    def state(self) -> str:
        """`off`, `awaiting_consent`, `on`, `paused`, `failed`, `done`."""
        ...

    @property
    def notice_version(self) -> str: ...

    @property
    def code(self) -> str | None:
        """Why it failed, for the journal. The alarm on the board is the recording's own (`ContactDesk.alarm`)."""
        ...

    @property
    def by(self) -> str:
        """Who made it so: `policy`, `customer`, `agent:ID`, `page`, `rest:NAME`, `gateway`, `limit`."""
        ...

    @property
    def may(self) -> tuple[str, ...]:
        """What the agent may ask for now: `start`, `stop`, `pause`, `resume`."""
        ...


class RecordingPort(Protocol):
    """The recording beside a call (`gateway.recordings`). Nothing here ever harms a call: failures come as views."""

    async def begin(self, order: RecordingOrder) -> None:
        """Start at the bridge. Called again for another agent or after a requeue: the same recording goes on."""
        ...

    async def attach(self, contact_id: ContactId, leg_id: LegId, role: str) -> None:
        """A new generation of that side (`customer`, `agent`) carries on the same tracks; under `TELEPHONE` another
        call of the ACD does."""
        ...

    async def mark(self, contact_id: ContactId, mark: str, detail: str = "") -> None:
        """A marker: `hold`, `retrieve`, `agent_lost`. Between `agent_lost` and the next `begin` nothing is written."""
        ...

    async def shown(self, contact_id: ContactId, role: str, kinds: Mapping[str, bool]) -> None:
        """What that side shows and says now (`audio`, `video`, `screen`): what is switched off is not missed later."""
        ...

    async def consent(self, contact_id: ContactId, given: bool, notice_version: str, language: str = "") -> None:
        """The customer's answer, at any time before the end: a refusal stops and discards what may not be kept."""
        ...

    async def ask(self, contact_id: ContactId, action: str, *, by: str) -> None:
        """`start`, `stop`, `pause` or `resume`. StateConflict, NotFound or PortFailure; nothing changed then."""
        ...

    async def stop(self, contact_id: ContactId, reason: str) -> None:
        """The call is over: seal what is there. Without a recording nothing happens."""
        ...

    def on_change(self, listener: Callable[[RecordingView], None]) -> None:
        """`listener` is called on the loop for every change of what is shown. One listener: the desk."""
        ...


# ---------------------------------------------------------------- customers


class CustomersPort(Protocol):
    """Who the customer is (`gateway.crm`). Nothing waits for it: it answers when it can, and often not at all."""

    def arrived(self, contact_id: ContactId, entry: Entry) -> None:
        """Begin to look for the customer. Returns at once, never raises."""
        ...

    def ended(self, contact_id: ContactId) -> None:
        """The contact is over, and its last event is in the journal. Returns at once, never raises."""
        ...

    def on_known(self, listener: Callable[[ContactId, CustomerHistory], None]) -> None:
        """`listener` is called on the loop when something is known, again when more is. One listener: the desk."""
        ...


# ---------------------------------------------------------------- kept places


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepOrder:
    """A contact in line whose place is to be kept. `place`: as it was told last."""

    contact_id: ContactId
    entry: Entry
    queue: str
    priority: int
    language: str
    path: tuple[str, ...]
    queued_at: datetime
    place: int | None


class PlacesPort(Protocol):
    """Places kept for customers who left (`gateway.links.places`). What does not wait returns at once, never raises."""

    def offered_after_s(self, queue: str, estimate_s: float | None) -> float | None:
        """After how long in line it is offered to keep the place; None: not now."""
        ...

    def kept_in(self, queue: str) -> int:
        """How many places of that queue are kept."""
        ...

    async def keep(self, order: KeepOrder) -> PlaceKept:
        """Keep it, with a link back. StateConflict (`not_in_line`: an agent is rung just now), CapacityExceeded
        (`places_full`), PortFailure; no place is kept then, not even one that the ACD had kept by a rule."""
        ...

    def give_up(self, contact_id: ContactId) -> None:
        """Nobody will come back to it."""
        ...

    def taken(self, contact_id: ContactId) -> None:
        """Its customer is back, as another contact."""
        ...


# ---------------------------------------------------------------- quality


class QualityPort(Protocol):
    """Where the figures of every side go, every two seconds (`gateway.metrics.quality`)."""

    def observe(self, side: str, seen: Observed) -> None:
        """`side`: `customer` or `agent`. Never raises."""
        ...


# ---------------------------------------------------------------- agents


class AgentOfRoster(Protocol):
    """An agent as a contact may see them."""

    @property
    def card(self) -> AgentCard: ...

    @property
    def state(self) -> AgentState: ...

    @property
    def absent_since_s(self) -> float | None:
        """No panel since then (monotonic seconds); None: there is one."""
        ...

    @property
    def may_be_offered(self) -> bool: ...

    @property
    def may_claim(self) -> bool:
        """Has a panel, and no contact: ready or not, their phone is the ACD's."""
        ...


class AgentsPort(Protocol):
    """The roster (`gateway.agents.roster`): the contact that holds an agent moves them."""

    def find(self, agent_id: AgentId) -> AgentOfRoster | None: ...

    def apply(self, agent_id: AgentId, event: AgentEvent) -> None:
        """StateConflict (`illegal_transition`), NotFound; nothing changed then."""
        ...

    def expect(self, agent_id: AgentId) -> AgentOfRoster | None:
        """The ACD gives a contact to this agent, whose panel its desktop will open: as if it were there already.

        None when a contact holds them. They are gone again when the contact is.
        """
        ...

    def follow_acd(self, agent_id: AgentId) -> None:
        """The ACD routes to this agent, so they are ready here too if they have a panel and no contact. NotFound."""
        ...
