"""What the vault keeps, in SQL: keys, files, the chain of manifests, holds and receipts (`gateway.vault.port`)."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import String, and_, cast, delete, insert, not_, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

from gateway.base.ids import ContactId, RecordingId
from gateway.recordings.port import RecordingRecord
from gateway.recordings.states import RecordingState
from gateway.records.columns import clean
from gateway.records.database import Database
from gateway.records.recordings import record_of
from gateway.records.tables import (
    contacts,
    erasure_receipts,
    recording_files,
    recording_holds,
    recording_keys,
    recording_manifests,
    recordings,
)
from gateway.vault.port import ChainLink, DataKey, Hold, Receipt, RecordingFilter, SealedFile

_SEALED = [RecordingState.COMPLETE.value, RecordingState.LIMIT_REACHED.value]
_GONE = [RecordingState.EXPIRED.value, RecordingState.ABORTED.value]
_ENDED = [*_SEALED, RecordingState.FAILED.value]


class SqlVault:
    """`VaultRecords` over SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._insert = (sqlite if database.is_sqlite else postgresql).insert

    # ------------------------------------------------------------ keys

    async def key(self, recording_id: RecordingId) -> DataKey | None:
        query = select(recording_keys).where(recording_keys.c.recording_id == clean(recording_id))
        rows = await self._database.rows(query)
        return DataKey(**rows[0]._mapping) if rows else None

    async def add_key(self, key: DataKey) -> DataKey:
        """The key that is kept: this one, or the one that was there before."""
        statement = self._insert(recording_keys).values(asdict(key)).on_conflict_do_nothing()
        async with self._database.writing() as connection:
            await connection.execute(statement)
        return await self.key(key.recording_id) or key

    async def replace_key(self, key: DataKey) -> None:
        """Nothing happens to a key that was destroyed meanwhile."""
        where = recording_keys.c.recording_id == key.recording_id
        async with self._database.writing() as connection:
            await connection.execute(update(recording_keys).where(where).values(asdict(key)))

    async def keys_not_under(self, master_key: str, limit: int) -> Sequence[DataKey]:
        query = select(recording_keys).where(recording_keys.c.master_key != master_key).limit(limit)
        return [DataKey(**row._mapping) for row in await self._database.rows(query)]

    async def destroy_key(self, recording_id: RecordingId) -> bool:
        async with self._database.writing() as connection:
            done = await connection.execute(
                delete(recording_keys).where(recording_keys.c.recording_id == clean(recording_id))
            )
        return done.rowcount > 0

    # ------------------------------------------------------------ files

    async def files(self, recording_id: RecordingId) -> Sequence[SealedFile]:
        query = (
            select(recording_files)
            .where(recording_files.c.recording_id == clean(recording_id))
            .order_by(recording_files.c.name)
        )
        return [SealedFile(**row._mapping) for row in await self._database.rows(query)]

    async def save_file(self, file: SealedFile) -> None:
        statement = self._insert(recording_files).values(asdict(file))
        changed = {name: statement.excluded[name] for name in asdict(file) if name not in ("recording_id", "name")}
        statement = statement.on_conflict_do_update(index_elements=["recording_id", "name"], set_=changed)
        async with self._database.writing() as connection:
            await connection.execute(statement)

    async def forget_files(self, recording_id: RecordingId) -> None:
        async with self._database.writing() as connection:
            await connection.execute(delete(recording_files).where(recording_files.c.recording_id == recording_id))

    async def to_take(self, limit: int) -> Sequence[RecordingRecord]:
        """Sealed recordings that have no manifest yet, oldest first."""
        signed = select(recording_manifests.c.recording_id)
        query = (
            select(recordings)
            .where(recordings.c.state.in_(_SEALED), recordings.c.recording_id.not_in(signed))
            .order_by(recordings.c.requested_at)
            .limit(limit)
        )
        return [record_of(row) for row in await self._database.rows(query)]

    # ------------------------------------------------------------ the chain

    async def last_link(self) -> ChainLink | None:
        query = select(recording_manifests).order_by(recording_manifests.c.seq.desc()).limit(1)
        return _first_link(await self._database.rows(query))

    async def add_link(self, link: ChainLink) -> bool:
        """Append. False: another node was first."""
        try:
            async with self._database.writing() as connection:
                await connection.execute(insert(recording_manifests).values(asdict(link)))
        except IntegrityError:
            return False
        return True

    async def link_of(self, recording_id: RecordingId) -> ChainLink | None:
        query = (
            select(recording_manifests)
            .where(recording_manifests.c.recording_id == clean(recording_id))
            .order_by(recording_manifests.c.seq.desc())
            .limit(1)
        )
        return _first_link(await self._database.rows(query))

    async def links(self, after_seq: int, limit: int) -> Sequence[ChainLink]:
        query = (
            select(recording_manifests)
            .where(recording_manifests.c.seq > after_seq)
            .order_by(recording_manifests.c.seq)
            .limit(limit)
        )
        return [_link(dict(row._mapping)) for row in await self._database.rows(query)]

    # ------------------------------------------------------------ holds

    async def hold(self, hold: Hold) -> None:
        async with self._database.writing() as connection:
            await connection.execute(insert(recording_holds).values(clean_values(asdict(hold))))

    async def lift(self, hold_id: str, by: str, at: datetime) -> bool:
        """Whether it was in force."""
        where = and_(recording_holds.c.hold_id == clean(hold_id), recording_holds.c.lifted_at.is_(None))
        async with self._database.writing() as connection:
            done = await connection.execute(
                update(recording_holds).where(where).values(lifted_by=clean(by), lifted_at=at)
            )
        return done.rowcount > 0

    async def holds(self, recording_id: RecordingId) -> Sequence[Hold]:
        """Those in force."""
        held = recording_holds.c
        query = (
            select(held.hold_id, held.recording_id, held.placed_by, held.placed_at, held.reason)
            .where(held.recording_id == clean(recording_id), held.lifted_at.is_(None))
            .order_by(held.placed_at)
        )
        return [Hold(**row._mapping) for row in await self._database.rows(query)]

    # ------------------------------------------------------------ which recordings

    async def page(self, wanted: RecordingFilter) -> Sequence[RecordingRecord]:
        row = recordings.c
        query = select(recordings).order_by(row.requested_at.desc(), row.recording_id.desc()).limit(wanted.limit)
        if wanted.before is not None:
            edge = select(row.requested_at).where(row.recording_id == clean(wanted.before)).scalar_subquery()
            earlier = or_(
                row.requested_at < edge, and_(row.requested_at == edge, row.recording_id < clean(wanted.before))
            )
            query = query.where(earlier)
        for column, value in (
            (row.queue, wanted.queue),
            (row.state, wanted.state),
            (row.contact_id, wanted.contact_id),
            (row.agent_id, wanted.agent_id),
        ):
            if value is not None:
                query = query.where(column == clean(value))
        if wanted.since is not None:
            query = query.where(row.requested_at >= wanted.since)
        if wanted.until is not None:
            query = query.where(row.requested_at < wanted.until)
        if wanted.incomplete:
            lacks = cast(row.tracks, String).like('%"incomplete": true%')
            query = query.where(or_(lacks, row.truncated.is_(True), row.failure != ""))
        return [record_of(found) for found in await self._database.rows(query)]

    async def of_contact(self, contact_id: ContactId) -> Sequence[RecordingRecord]:
        query = select(recordings).where(recordings.c.contact_id == clean(contact_id))
        return [record_of(row) for row in await self._database.rows(query)]

    async def of_person(self, visitor_hash: str) -> Sequence[RecordingRecord]:
        """Of every contact of that browser."""
        theirs = select(contacts.c.contact_id).where(contacts.c.visitor_hash == clean(visitor_hash))
        query = select(recordings).where(recordings.c.contact_id.in_(theirs))
        return [record_of(row) for row in await self._database.rows(query)]

    async def due(
        self, cutoffs: Mapping[str, datetime | None], general: datetime | None, limit: int
    ) -> Sequence[RecordingRecord]:
        """Ended before the cutoff of their queue (`general` where the queue has none; None: kept) and not held."""
        row = recordings.c
        own = [and_(row.queue == queue, row.ended_at < at) for queue, at in cutoffs.items() if at is not None]
        if general is not None:
            own.append(and_(row.queue.not_in(list(cutoffs)), row.ended_at < general))
        if not own:
            return []
        held = select(recording_holds.c.recording_id).where(recording_holds.c.lifted_at.is_(None))
        query = (
            select(recordings)
            .where(row.state.in_(_ENDED), or_(*own), not_(row.recording_id.in_(held)))
            .order_by(row.ended_at)
            .limit(limit)
        )
        return [record_of(found) for found in await self._database.rows(query)]

    async def left_over(self, limit: int) -> Sequence[RecordingId]:
        """Recordings that are over for good, of which a key or files are still known."""
        row = recordings.c
        keyed = select(recording_keys.c.recording_id)
        filed = select(recording_files.c.recording_id)
        query = (
            select(row.recording_id)
            .where(row.state.in_(_GONE), or_(row.recording_id.in_(keyed), row.recording_id.in_(filed)))
            .limit(limit)
        )
        return [RecordingId(found.recording_id) for found in await self._database.rows(query)]

    async def add_receipt(self, receipt: Receipt) -> None:
        async with self._database.writing() as connection:
            await connection.execute(insert(erasure_receipts).values(asdict(receipt)))


def clean_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """The texts of a row as every database takes them."""
    return {name: clean(value) for name, value in values.items()}


def _first_link(rows: Sequence[Any]) -> ChainLink | None:
    return _link(dict(rows[0]._mapping)) if rows else None


def _link(row: dict[str, Any]) -> ChainLink:
    return ChainLink(**(row | {"recording_id": RecordingId(row["recording_id"])}))
