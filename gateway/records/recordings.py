"""The rows of recordings in SQL. The media itself is on disk; here is what is known of it."""

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


class SqlRecordings:
    """`RecordingRecords` over SQL. Every method may raise PortFailure `records_unavailable`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        rows = (sqlite if database.is_sqlite else postgresql).insert(recordings)
        self._upsert = rows.on_conflict_do_update(
            index_elements=["recording_id"],
            set_={column.name: rows.excluded[column.name] for column in recordings.columns if not column.primary_key},
        )

    async def save(self, record: RecordingRecord) -> None:
        values = {column.name: clean(getattr(record, column.name)) for column in recordings.columns}
        async with self._database.writing() as connection:
            await connection.execute(self._upsert, values)

    async def get(self, recording_id: RecordingId) -> RecordingRecord | None:
        rows = await self._database.rows(select(recordings).where(recordings.c.recording_id == clean(recording_id)))
        return _record(rows[0]) if rows else None

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
        return {ContactId(row.contact_id): _record(row) for row in await self._database.rows(query)}

    async def unfinished(self) -> Sequence[RecordingRecord]:
        query = (
            select(recordings)
            .where(recordings.c.state.in_([state.value for state in UNFINISHED]))
            .order_by(recordings.c.requested_at)
            .limit(MAX_UNFINISHED)
        )
        return [_record(row) for row in await self._database.rows(query)]


def _record(row: Row[Any]) -> RecordingRecord:
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
