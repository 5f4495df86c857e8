"""The rows of recordings in SQL. The media itself is on disk; here is what is known of it."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Row, select
from sqlalchemy.dialects import postgresql, sqlite

from gateway.base.ids import ContactId, RecordingId
from gateway.recordings.port import RecordingRecord
from gateway.recordings.states import UNFINISHED, RecordingState
from gateway.records.columns import clean
from gateway.records.database import Database
from gateway.records.tables import recordings

MAX_UNFINISHED: Final = 10_000  # what a crash leaves is one per call


class _Waiting:
    """A row that is not written yet, and how that went."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.values = values
        self.written: asyncio.Future[None] = asyncio.get_running_loop().create_future()


class SqlRecordings:
    """`RecordingRecords` over SQL. Every method may raise PortFailure `records_unavailable`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._one_writer = asyncio.Lock()
        self._waiting: dict[RecordingId, _Waiting] = {}
        rows = (sqlite if database.is_sqlite else postgresql).insert(recordings)
        self._upsert = rows.on_conflict_do_update(
            index_elements=["recording_id"],
            set_={column.name: rows.excluded[column.name] for column in recordings.columns if not column.primary_key},
        )

    async def save(self, record: RecordingRecord) -> None:
        """Insert or replace the row; it is written when this returns.

        Rows that come while one is being written share the next transaction: fifty calls that end at once would
        otherwise wait for each other's commits longer than a writer may.
        """
        values = {column.name: clean(getattr(record, column.name)) for column in recordings.columns}
        row = self._waiting.get(record.recording_id)
        if row is None:
            row = self._waiting[record.recording_id] = _Waiting(values)
        else:
            row.values = values  # a newer state of the same recording: the older one need not be written
        async with self._one_writer:
            if not row.written.done():
                await self._write_all()
        row.written.result()

    async def _write_all(self) -> None:
        """Write what waits; everybody learns how it went. Cancelled, the next in line writes instead."""
        batch, self._waiting = self._waiting, {}
        try:
            async with self._database.writing() as connection:
                await connection.execute(self._upsert, [row.values for row in batch.values()])
        except asyncio.CancelledError:
            for recording_id, row in batch.items():
                if recording_id in self._waiting:
                    row.written.set_result(None)  # a newer state waits already and says it all
                else:
                    self._waiting[recording_id] = row
            raise
        except Exception as error:
            for row in batch.values():
                row.written.set_exception(error)
                row.written.exception()  # read here: who waited for it may be gone
            raise
        for row in batch.values():
            row.written.set_result(None)

    async def get(self, recording_id: RecordingId) -> RecordingRecord | None:
        rows = await self._database.rows(select(recordings).where(recordings.c.recording_id == clean(recording_id)))
        return record_of(rows[0]) if rows else None

    async def by_contact(self, contact_id: ContactId) -> RecordingRecord | None:
        return (await self.by_contacts([contact_id])).get(contact_id)

    async def by_contacts(self, contact_ids: Sequence[ContactId]) -> Mapping[ContactId, RecordingRecord]:
        """The recordings of those contacts that have one; the latest where there are several."""
        if not contact_ids:
            return {}
        query = (
            select(recordings)
            .where(recordings.c.contact_id.in_([clean(contact_id) for contact_id in contact_ids]))
            .order_by(recordings.c.requested_at)
        )
        return {ContactId(row.contact_id): record_of(row) for row in await self._database.rows(query)}

    async def unfinished(self) -> Sequence[RecordingRecord]:
        query = (
            select(recordings)
            .where(recordings.c.state.in_([state.value for state in UNFINISHED]))
            .order_by(recordings.c.requested_at)
            .limit(MAX_UNFINISHED)
        )
        return [record_of(row) for row in await self._database.rows(query)]


def record_of(row: Row[Any]) -> RecordingRecord:
    return RecordingRecord(
        **(
            dict(row._mapping)
            | {
                "recording_id": RecordingId(row.recording_id),
                "contact_id": ContactId(row.contact_id),
                "state": RecordingState(row.state),
            }
        )
    )
