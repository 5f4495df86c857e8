"""What signaling needs of others, as narrow as it needs it. The composition root fills these in."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from gateway.base.ids import AccountId, AgentId, ContactId
from gateway.live.rates import Decision, Rate
from gateway.parties import Entry, Invitation


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Somebody who signs in."""

    account_id: AccountId
    name: str
    display_name: str
    roles: frozenset[str]  # "agent", "admin"
    agent_id: AgentId | None = None
    queues: tuple[str, ...] = ()
    canary: bool = False  # a robot: sees canary contacts only
    skills: Mapping[str, int] = field(default_factory=dict)  # name → level, 1 … 10
    languages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """A fresh sign-in. `token` is the cookie's value: secret, told once."""

    token: str
    account: Account


class Accounts(Protocol):
    """Who may sign in, and who is signed in."""

    async def sign_in(self, name: str, password: str, *, address: str) -> SignedIn:
        """Raises NotSignedIn (`sign_in_failed`), TooManyRequests (`too_many_sign_ins`)."""
        ...

    async def sign_in_by_link(self, link_token: str, *, address: str) -> SignedIn:
        """Use up a one-time link. Raises as `sign_in`."""
        ...

    async def signed_in(self, token: str, *, in_call: bool = False) -> Account:
        """Whose sign-in this is; it counts as activity. Raises NotSignedIn (`not_signed_in`).

        `in_call`: they are on a contact, so it does not run out by itself just now.
        """
        ...

    async def sign_out(self, token: str) -> None:
        """End the sign-in. Nothing happens when there is none."""
        ...

    async def canary_seat(self, canary_token: str, seat: int) -> SignedIn:
        """Sign in robot agent `seat`. Raises NotSignedIn (`canary_refused`)."""
        ...

    async def is_canary(self, canary_token: str) -> bool:
        """Whether this is the token of `visavis canary`."""
        ...

    async def agents(self) -> Sequence[Account]:
        """The people with the role agent, by display name."""
        ...

    async def change_agent(
        self,
        agent_id: AgentId,
        *,
        queues: Sequence[str],
        skills: Mapping[str, int],
        languages: Sequence[str],
        by: str,
    ) -> Account:
        """What an agent serves and can, from their panel's next connection on. Raises NotFound (`no_such_agent`),
        BadInput (`account_queue`, `account_skill`, `account_language`)."""
        ...


class EntryTokens(Protocol):
    """A customer's ticket from the button to the socket: one use, short life."""

    async def issue(self, entry: Entry) -> str: ...

    async def redeem(self, token: str) -> Entry:
        """Raises NotSignedIn (`entry_token_invalid`) for one that is unknown, used or expired."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedPanel:
    """What a desktop's claim opens: one contact, for the agent of this account."""

    contact_id: ContactId
    account: Account


class PanelClaims(Protocol):
    """What an agent's desktop opens the panel of one contact with: one use, short life."""

    async def redeem(self, token: str, *, address: str) -> OpenedPanel:
        """NotFound (`panel_claim_unknown`, `panel_claim_agent`), StateConflict (`panel_claim_used`,
        `panel_claim_expired`, `panel_claim_stale`: the contact is not this agent's any more)."""
        ...


class Admission(Protocol):
    """Whether video is offered here and now."""

    async def check(self, site: str, visitor_key: str, *, canary: bool, invited: bool = False) -> None:
        """Raises Refused (`closed`, `not_in_pilot`, `draining`, `no_such_site`) or CapacityExceeded (`full`)."""
        ...


class Limiter(Protocol):
    """Counts per what and who (`gateway.live.rates.RateLimiter`)."""

    async def spend(self, what: str, who: str, rate: Rate) -> Decision:
        """Count one if it is allowed. Never raises."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactFilter:
    """Which contacts to list. `before` is the `next_before` of the page before."""

    limit: int = 50
    before: str | None = None
    state: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactPage:
    """Contacts, newest first, as JSON objects (fields in `docs/developer/rest.md`)."""

    contacts: Sequence[Mapping[str, object]]
    next_before: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactFile:
    """One contact with its journal and recording, as a JSON object, and whether a robot made it."""

    body: Mapping[str, object]
    canary: bool


class History(Protocol):
    """What happened."""

    async def contacts(self, wanted: ContactFilter) -> ContactPage:
        """Raises BadInput (`bad_cursor`) for a `before` that is none."""
        ...

    async def contact(self, contact_id: ContactId) -> ContactFile | None: ...


class RecordingContent(Protocol):
    """One file of a finished recording, to be sent in parts."""

    @property
    def media_type(self) -> str: ...

    @property
    def file_name(self) -> str:
        """As a person would save it."""
        ...

    @property
    def etag(self) -> str: ...

    @property
    def size_bytes(self) -> int: ...

    @property
    def canary(self) -> bool:
        """A robot's call."""
        ...

    def read(self, start: int, end: int) -> AsyncIterator[bytes]:
        """PortFailure (`store_unavailable`, `recording_damaged`) as soon as it is known."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingsFilter:
    """Which recordings to list, newest first. `before` is the `next_before` of the page before."""

    limit: int = 50
    before: str | None = None
    queue: str | None = None
    state: str | None = None
    agent_id: str | None = None
    contact_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    incomplete: bool = False
    """Only those that lack something, were cut off, or failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingsPage:
    """Recordings as JSON objects (fields in `docs/developer/rest.md`)."""

    recordings: Sequence[Mapping[str, object]]
    next_before: str | None


class Recordings(Protocol):
    """Recordings by id, as JSON objects. Every method may raise PortFailure."""

    async def media(self, recording_id: str, view: str) -> RecordingContent | None:
        """The file of one view (`all`, `customer`, `agent`, `together`, `poster`); None when there is none."""
        ...

    async def opened(self, recording_id: str, *, by: str, view: str, address: str, download: bool) -> None:
        """Write into the audit that somebody opens it. PortFailure: it was not written, so nothing may be sent."""
        ...

    async def page(self, wanted: RecordingsFilter) -> RecordingsPage:
        """Raises BadInput (`bad_cursor`)."""
        ...

    async def one(self, recording_id: str) -> Mapping[str, object] | None:
        """All that is known of it, its holds and its place in the chain included."""
        ...

    async def compose(self, recording_id: str, *, by: str) -> Mapping[str, object]:
        """Have its side-by-side file made; asked again, the same goes on. NotFound, CapacityExceeded."""
        ...

    async def composing(self, recording_id: str) -> Mapping[str, object] | None:
        """How far that is; None when nobody asked for it."""
        ...

    async def stop_composing(self, recording_id: str) -> bool:
        """Nobody wants it any more. False when it was not being made."""
        ...

    async def hold(self, recording_id: str, *, by: str, reason: str) -> Mapping[str, object]:
        """Forbid that it is erased. NotFound."""
        ...

    async def lift(self, hold_id: str, *, by: str, reason: str) -> None:
        """NotFound."""
        ...

    async def erase(self, subject: str, *, by: str, reason: str) -> Mapping[str, object]:
        """Erase a recording (`rc_…`), those of a contact (`ct_…`) or of a person (the visitor's hash): the receipt."""
        ...

    async def control(self, contact_id: str, state: str | None, *, by: str, reason: str) -> Mapping[str, object]:
        """Make the recording of a call `on`, `paused` or `off`; None only asks. NotFound, StateConflict."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerPage:
    """Customers, last seen first, as JSON objects (fields in `docs/developer/rest.md`)."""

    customers: Sequence[Mapping[str, object]]
    next_before: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelinePage:
    """One customer, and what was done for them, newest first, as JSON objects."""

    customer: Mapping[str, object]
    entries: Sequence[Mapping[str, object]]
    next_before: str | None


class Customers(Protocol):
    """Who the customers are. Every method may raise PortFailure."""

    async def page(self, key: str, *, before: str | None, limit: int) -> CustomerPage:
        """Those that `key` may mean (the site's name of them, an id, the beginning of their name); empty: all.

        Raises BadInput (`bad_cursor`).
        """
        ...

    async def timeline(self, customer_id: str, *, before: str | None, limit: int, by: str) -> TimelinePage | None:
        """Written into the audit that `by` looked; not written, not shown (PortFailure)."""
        ...

    async def erase(self, customer_id: str, *, by: str, reason: str) -> Mapping[str, object]:
        """Remove everything of them: the receipt. NotFound, StateConflict (`customer_in_contact`)."""
        ...

    async def redeliver(self, *, by: str) -> int:
        """Tell the CRM outside again what it did not take; how many."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkPlan:
    """A link for a time. `made_by`: an agent's id, or `token:NAME`; `agent_id` None: anybody of the queue."""

    made_by: str
    site: str
    agent_id: AgentId | None
    agent_name: str
    queue: str
    opens_at: datetime
    closes_at: datetime
    with_pin: bool


class Links(Protocol):
    """Links into video calls. Every method may raise PortFailure; mappings are the JSON of `docs/developer/rest.md`."""

    async def make(self, agent_id: str, agent_name: str, site: str, *, with_pin: bool) -> Mapping[str, object]:
        """`site` empty: the first. Raises NotFound (`no_such_site`), CapacityExceeded (`links_full`)."""
        ...

    async def schedule(self, plan: LinkPlan) -> Mapping[str, object]:
        """Raises as `make`, NotFound (`no_such_queue`), BadInput (`link_time`)."""
        ...

    async def of_agent(self, agent_id: str) -> Sequence[Mapping[str, object]]: ...

    async def revoke(self, made_by: str, link_id: str) -> None:
        """Raises NotFound (`link_unknown`)."""
        ...

    async def calendar(self, link_id: str, token: str, language: str) -> bytes:
        """The link as an iCalendar file, for who has its token. Raises as `look`."""
        ...

    async def look(self, token: str) -> Mapping[str, object]:
        """Raises NotFound (`link_unknown`), StateConflict (`link_over`)."""
        ...

    async def place(self, token: str) -> Mapping[str, object]:
        """Where the place stands that this link leads back to. Raises NotFound (`link_unknown`)."""
        ...

    async def give_up_place(self, token: str) -> None:
        """It is not wanted any more. Idempotent. Raises as `place`."""
        ...

    async def invitation(self, token: str, pin: str) -> Invitation:
        """What it leads to, for who may come in now; nobody is let in before `count_opening`. Raises as `look`,
        NotAuthorised (`pin_wrong`), StateConflict (`link_early`).
        """
        ...

    async def count_opening(self, token: str) -> None:
        """Somebody is let in. Raises as `look`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PilotChange:
    """What an admin wants a pilot group to be. `version` is the one they saw."""

    enabled: bool
    share_percent: int
    agents: tuple[AgentId, ...]
    version: int


class Pilots(Protocol):
    """Pilot groups, as JSON objects (fields in `docs/developer/rest.md`)."""

    async def groups(self) -> Sequence[Mapping[str, object]]: ...

    async def change(self, group_id: str, change: PilotChange, *, by: str) -> Mapping[str, object]:
        """Raises NotFound (`no_such_group`), StateConflict (`version_conflict`), BadInput."""
        ...


class Disagreements(Protocol):
    """What an ACD believed otherwise after a cut."""

    def found(self, limit: int) -> Sequence[Mapping[str, object]]:
        """As JSON objects (fields in `docs/developer/rest.md`), newest first."""
        ...


class TaskAcds(Protocol):
    """ACDs that tell by webhook, and the commands that could not be told to them."""

    def receive(self, acd: str, url: str, headers: Mapping[str, str], body: bytes) -> None:
        """One webhook, as bytes. NotFound (`not_found`), NotSignedIn (`signature_invalid`), BadInput (`bad_event`)."""
        ...

    async def dead_letters(self, limit: int) -> Sequence[Mapping[str, object]]:
        """As JSON objects (fields in `docs/developer/rest.md`), newest first. PortFailure."""
        ...

    async def retry_letter(self, letter_id: str, *, by: str) -> None:
        """NotFound, StateConflict (`acd_not_here`), PortFailure."""
        ...

    async def drop_letter(self, letter_id: str, *, by: str) -> None:
        """NotFound, PortFailure."""
        ...


class Health(Protocol):
    """Whether this node can take contacts."""

    async def reasons(self) -> Sequence[str]:
        """Why not, as stable codes (`draining`, `starting`, `live_store`, …); empty when it can. Asked each time."""
        ...

    def degraded(self) -> Sequence[str]:
        """What is not there though contacts are taken (names of media processes)."""
        ...
