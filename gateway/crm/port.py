"""The CRM port: who a customer is, and what was done for them. Two adapters: our own records, and a webhook.

Nothing here ever delays a contact: a customer is looked for beside it and shown when found, and what was done is
written down after it has ended, from its journal. Knows neither SQL nor HTTP.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final, NewType, Protocol

from gateway.base.errors import GatewayError
from gateway.base.ids import AgentId, ContactId
from gateway.parties import ChatLine, CustomerHistory, Identity

CustomerId = NewType("CustomerId", str)

SHOWN_CONTACTS: Final = 5
"""Earlier contacts on an agent's card."""


class CrmDeclined(GatewayError):
    """The CRM understood and does not want this interaction: sending it again will not help."""

    http_status = 502


class KeyKind(StrEnum):
    """How a customer is known, the surest first."""

    IDENTITY = "identity"  # the site has verified who they are
    CLAIMED = "claimed"  # the site was told so
    BROWSER = "browser"  # the same browser as before: a hint, and nobody's name

    @property
    def rank(self) -> int:
        return list(KeyKind).index(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerKey:
    """One way to know a customer again. `digest` is keyed (`gateway.crm.keys`): the value itself is not kept."""

    kind: KeyKind
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A contact as it begins: who came, and the context at the click."""

    contact_id: ContactId
    site: str
    language: str
    at: datetime
    keys: tuple[CustomerKey, ...]  # the surest first; empty when nothing is known any more
    customer_id: CustomerId | None = None  # once our own records have found or made them
    identity: Identity | None = None
    display_name: str = ""
    page_url: str = ""
    page_title: str = ""
    form: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Interaction:
    """What one agent did in a contact (segment 1, 2, …), or a contact that no agent had (segment 0).

    `interaction_id` makes it the same one wherever and how often it is told. Durations are seconds.
    """

    interaction_id: str
    contact_id: ContactId
    segment: int
    site: str
    language: str
    queue: str | None
    agent_id: AgentId | None
    started_at: datetime
    ended_at: datetime
    end_reason: str | None
    wait_s: float | None
    talk_s: float
    hold_s: float
    wrap_up_s: float
    disposition: str | None
    notes: str
    menu_path: tuple[str, ...] = ()
    chat: tuple[ChatLine, ...] = ()  # what was written while this agent had the contact


class CrmPort(Protocol):
    """A CRM. Both methods are bounded in time and may be asked again; PortFailure: ask again later."""

    async def find(self, visit: Visit) -> CustomerHistory | None:
        """Who this is and what was before; None: not known there."""
        ...

    async def log(self, interactions: Sequence[Interaction], visit: Visit) -> None:
        """Write down what was done in this visit, each once per `interaction_id` however often it is told.

        CrmDeclined: not wanted there.
        """
        ...


# ---------------------------------------------------------------- our own records of customers


class DeliveryState(StrEnum):
    """Whether an interaction has reached the CRM outside."""

    NONE = "none"  # there is none to tell
    WAITING = "waiting"
    DONE = "done"
    GIVEN_UP = "given_up"  # declined, or not taken for too long: a person must look


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """An interaction on its way out. `due_at` is its ticket: who moves it has it."""

    interaction: Interaction
    visit: Visit
    due_at: datetime
    first_due_at: datetime
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """A customer as an admin sees them."""

    customer_id: CustomerId
    name: str
    known_by: KeyKind
    contacts: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineEntry:
    """One interaction with its context, and whether the CRM outside has it."""

    interaction: Interaction
    agent_name: str
    display_name: str
    page_url: str
    page_title: str
    form: Mapping[str, str]
    delivery: DeliveryState
    delivery_error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """What was removed of a customer."""

    contacts: tuple[ContactId, ...]
    keys: int
    interactions: int


class CustomerRecords(Protocol):
    """Customers, and what people look up of them. Every method may raise PortFailure `records_unavailable`."""

    async def arrived(self, visit: Visit) -> CustomerId | None:
        """Keep the visit until its contact has ended; find, make or merge the customer. Said twice: once.

        None: the visit has no key, so it is nobody's.
        """
        ...

    async def history(self, visit: Visit) -> CustomerHistory | None:
        """What was before this visit, by its surest key; None when there was nothing and nobody said a name."""
        ...

    async def search(
        self, *, digests: Sequence[str], text: str, before: CustomerId | None, limit: int
    ) -> Sequence[Customer]:
        """By a key's digest, an id, or the beginning of a name (`text`); all when it is empty. Last seen first."""
        ...

    async def customer(self, customer_id: CustomerId) -> Customer | None:
        """One that was merged into another is that other."""
        ...

    async def timeline(self, customer_id: CustomerId, *, before: str | None, limit: int) -> Sequence[TimelineEntry]:
        """Newest first; `before`: the last interaction id of the page before."""
        ...

    async def in_contact(self, customer_id: CustomerId) -> bool:
        """Whether a contact of theirs has not ended."""
        ...

    async def contacts_of(self, customer_id: CustomerId) -> Sequence[ContactId]: ...

    async def erase(self, customer_id: CustomerId) -> Erased:
        """Remove or make nameless everything of this customer, in the journal and the contacts list too.

        Cut short by PortFailure, the next call goes on.
        """
        ...

    async def forget_before(self, before: datetime, limit: int) -> int:
        """Remove interactions that ended before, and customers of whom nothing is left. How many interactions."""
        ...


class InteractionRecords(Protocol):
    """What is written down of contacts that have ended, and told outside. PortFailure as above."""

    async def unlogged(self, since: datetime, limit: int) -> Sequence[ContactId]:
        """Contacts that ended at or after `since` and are in no timeline, oldest first. Robots' never are."""
        ...

    async def visit(self, contact_id: ContactId) -> Visit | None:
        """What `arrived` kept; None too once the contact is in the timeline."""
        ...

    async def log(self, interactions: Sequence[Interaction], visit: Visit, *, deliver_at: datetime | None) -> int:
        """Write them into the timeline of the visit's customer; how many were new.

        `deliver_at`: from then on they wait to be told outside.
        """
        ...

    async def due(self, now: datetime, limit: int) -> Sequence[Delivery]:
        """What is to be told outside now, the longest due first."""
        ...

    async def claim(self, delivery: Delivery, until: datetime) -> bool:
        """Take it until then, so that no other node tells it at the same time. False: somebody else has."""
        ...

    async def delivered(self, interaction_id: str) -> None: ...

    async def put_off(self, interaction_id: str, until: datetime, error: str) -> None: ...

    async def give_up(self, interaction_id: str, error: str) -> None: ...

    async def waiting(self) -> int:
        """How many are on their way out."""
        ...

    async def give_up_oldest(self, count: int, error: str) -> None: ...

    async def redeliver(self, now: datetime) -> int:
        """Try again everything that was given up. How many."""
        ...
