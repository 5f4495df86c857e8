"""The journal and the contacts list in SQL: what `gateway.contacts.journal` asks for, over the outbox."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, Table, select
from sqlalchemy.dialects import postgresql, sqlite

from gateway.base.clock import Clock
from gateway.base.ids import AgentId, ContactId
from gateway.contacts.journal import ContactSummary, JournalEvent, JournalSource
from gateway.records.columns import clean
from gateway.records.database import Database
from gateway.records.outbox import Outbox
from gateway.records.spill import Spill
from gateway.records.tables import contacts, journal

_CLOSED = "closed"
_SPILL_FILE = "journal-outbox.jsonl"


class SqlJournal:
    """`JournalPort` and `ContactHistoryPort`, and the contacts list for those who read it."""

    def __init__(self, database: Database, clock: Clock, *, outbox_limit: int) -> None:
        self._database = database
        spill = Spill(database.data_dir / _SPILL_FILE)
        self._outbox = Outbox(self._write, clock, limit=outbox_limit, spill=spill)
        dialect = sqlite if database.is_sqlite else postgresql
        events = dialect.insert(journal)
        self._insert_events = events.on_conflict_do_nothing(index_elements=["contact_id", "seq"])
        rows = dialect.insert(contacts)
        self._upsert_contact = rows.on_conflict_do_update(
            index_elements=["contact_id"],
            set_={column.name: rows.excluded[column.name] for column in contacts.columns if not column.primary_key},
            where=contacts.c.version < rows.excluded.version,
        )

    def start(self) -> None:
        """Begin to write. Called on the loop that calls everything else here."""
        self._outbox.start()

    @property
    def outbox(self) -> Outbox:
        """For figures and readiness: `pending`, `full`, `away`, `declined`."""
        return self._outbox

    # ------------------------------------------------------------ JournalPort

    def append(self, event: JournalEvent) -> None:
        self._outbox.append(event)

    @property
    def full(self) -> bool:
        return self._outbox.full

    async def read(self, contact_id: ContactId) -> Sequence[JournalEvent]:
        """All events so far in order of `seq`, those not written yet included. PortFailure `records_unavailable`."""
        await self._outbox.loaded()
        waiting = {event.seq: event for event in self._outbox.waiting_of(contact_id)}
        query = select(journal).where(journal.c.contact_id == clean(contact_id)).order_by(journal.c.seq)
        written = {row.seq: _event(row) for row in await self._database.rows(query)}
        found = waiting | written
        return [found[seq] for seq in sorted(found)]

    # ------------------------------------------------------------ ContactHistoryPort

    def save(self, summary: ContactSummary) -> None:
        self._outbox.save(summary)

    async def open_contacts(self) -> Sequence[ContactId]:
        await self._outbox.loaded()
        waiting = {each.contact_id: each for each in self._outbox.waiting_summaries()}
        query = select(contacts).where(contacts.c.state != _CLOSED)
        written = {ContactId(row.contact_id): _summary(row) for row in await self._database.rows(query)}
        still_open = [each for each in (written | waiting).values() if each.state != _CLOSED]
        return [each.contact_id for each in sorted(still_open, key=lambda each: (each.started_at, each.contact_id))]

    # ------------------------------------------------------------ readers

    async def contact(self, contact_id: ContactId) -> ContactSummary | None:
        """One row of the contacts list. PortFailure `records_unavailable`."""
        waiting = self._outbox.waiting_summary(contact_id)
        if waiting is not None:
            return waiting
        rows = await self._database.rows(select(contacts).where(contacts.c.contact_id == clean(contact_id)))
        return _summary(rows[0]) if rows else None

    async def page(
        self, *, limit: int, before: ContactId | None = None, state: str | None = None
    ) -> Sequence[ContactSummary]:
        """Up to `limit` contacts that started before the contact `before`, newest first. An unknown `before`: none."""
        query = select(contacts).order_by(contacts.c.started_at.desc(), contacts.c.contact_id.desc()).limit(limit)
        if state is not None:
            query = query.where(contacts.c.state == state)
        if before is not None:
            last = select(contacts.c.started_at).where(contacts.c.contact_id == before).scalar_subquery()
            query = query.where(
                (contacts.c.started_at < last) | ((contacts.c.started_at == last) & (contacts.c.contact_id < before))
            )
        return [_summary(row) for row in await self._database.rows(query)]

    async def flushed(self) -> None:
        """Return when everything put in so far is in the database."""
        await self._outbox.flushed()

    async def aclose(self) -> None:
        await self._outbox.aclose()

    async def _write(self, events: Sequence[JournalEvent], summaries: Sequence[ContactSummary]) -> None:
        async with self._database.writing() as connection:
            if events:
                await connection.execute(self._insert_events, [_values(journal, event) for event in events])
            if summaries:
                await connection.execute(self._upsert_contact, [_values(contacts, each) for each in summaries])


def _values(table: Table, item: JournalEvent | ContactSummary) -> dict[str, Any]:
    return {column.name: clean(getattr(item, column.name)) for column in table.columns}


def _event(row: Row[Any]) -> JournalEvent:
    values = dict(row._mapping)
    return JournalEvent(**(values | {"source": JournalSource(row.source), "contact_id": ContactId(row.contact_id)}))


def _summary(row: Row[Any]) -> ContactSummary:
    values = dict(row._mapping)
    agent_id = None if row.agent_id is None else AgentId(row.agent_id)
    return ContactSummary(**(values | {"contact_id": ContactId(row.contact_id), "agent_id": agent_id}))
