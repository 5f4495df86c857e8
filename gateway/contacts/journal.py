"""The journal of a contact: what may be written down, and the two ports to where it is kept.

The journal is the truth of what happened: the contacts list, the figures and the "why did it end" page are folds over
it (`gateway.contacts.fold`). This module knows neither SQL nor the actor.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from gateway.base.ids import AgentId, ContactId

JournalValue = str | int | float | bool | None | list[str]
"""What `JournalEvent.data` may hold: small, and the same in every database."""


class JournalSource(StrEnum):
    """Who caused an event."""

    CUSTOMER = "customer"
    AGENT = "agent"
    MEDIA = "media"
    ACD = "acd"
    CLOCK = "clock"
    RECORDING = "recording"
    GATEWAY = "gateway"


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalEvent:
    """One fact of one contact. `(contact_id, seq)` is unique; `seq` counts from 1 without a hole.

    `mono_s` (the monotonic clock of the node) measures: two of them subtract to a duration. `at` dates (UTC).
    """

    contact_id: ContactId
    seq: int
    name: str  # snake case, `offer_timed_out`; the first is `initiated`, the last `closed`
    at: datetime
    mono_s: float
    source: JournalSource
    state: str  # the contact's state after the event
    reason: str | None = None
    data: Mapping[str, JournalValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactSummary:
    """The row of the contacts list: a fold over the journal, saved on every change of state.

    Durations are seconds. `wait_s` runs from entering the queue until two-way media or the end; requeues go on with
    the original time. `talk_s`, `hold_s` and `wrap_up_s` are agent time only, summed over segments.
    """

    contact_id: ContactId
    version: int  # the seq of the last event folded: a row is only replaced by a higher version
    site: str
    visitor_hash: str
    language: str
    display_name: str
    canary: bool
    state: str
    end_reason: str | None
    queue: str | None
    agent_id: AgentId | None  # the last one
    started_at: datetime
    queued_at: datetime | None
    answered_at: datetime | None
    ended_at: datetime | None
    wait_s: float | None
    talk_s: float
    hold_s: float
    wrap_up_s: float
    disposition: str | None
    notes: str


class JournalPort(Protocol):
    """Where events go. Writing never blocks: a bounded outbox stands between the contact and the database."""

    def append(self, event: JournalEvent) -> None:
        """Keep the event and return at once. Never raises: a contact in progress is never harmed by its journal.

        An outbox over its limit still takes the events of contacts in progress (they are bounded by the number of
        contacts); what it stops is admission, through `full`.
        """
        ...

    @property
    def full(self) -> bool:
        """The outbox is over its limit: new contacts are refused (PortFailure `journal_full`)."""
        ...

    async def read(self, contact_id: ContactId) -> Sequence[JournalEvent]:
        """All events so far in order of `seq`, those still in the outbox included. PortFailure when SQL is away."""
        ...


class ContactHistoryPort(Protocol):
    """The contacts list. Goes through the same outbox as the journal, after the events it folds."""

    def save(self, summary: ContactSummary) -> None:
        """Insert or replace the row by `contact_id`; a lower `version` than the one there is dropped. Never raises."""
        ...

    async def open_contacts(self) -> Sequence[ContactId]:
        """Contacts that are not `closed` in the list: at start, those a crash left open. PortFailure."""
        ...
