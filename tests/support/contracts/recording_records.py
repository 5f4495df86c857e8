"""What the rows of recordings do on every database. A subclass gives the fixture `database`."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from gateway.base.ids import ContactId, RecordingId
from gateway.recordings.port import RecordingRecord
from gateway.recordings.states import RecordingState
from gateway.records.database import Database
from gateway.records.recordings import SqlRecordings

NINE = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
ONE = RecordingRecord(
    recording_id=RecordingId("rc_one00000"),
    contact_id=ContactId("ct_one00000"),
    state=RecordingState.REQUESTED,
    consent="",
    notice_version="1",
    requested_at=NINE,
)
SEALED = replace(
    ONE,
    state=RecordingState.COMPLETE,
    consent="notice",
    started_at=NINE + timedelta(seconds=1),
    ended_at=NINE + timedelta(seconds=61),
    file="recording.webm",
    container="webm",
    sha256="ab" * 32,
    size_bytes=5_000_000_000,
    duration_s=60.0,
    completeness=0.998,
    tracks=[{"role": "customer", "kind": "audio", "gaps": [[1.5, 2.0]]}],
    views={"agent": {"file": "agent.webm", "container": "webm"}},
    marks=[{"name": "hold", "detail": "", "at_s": 3.0}],
)


class RecordingRecordsContract:
    @pytest.fixture
    def store(self, database: Database) -> SqlRecordings:
        return SqlRecordings(database)

    async def test_a_row_comes_back_as_it_was_saved(self, store: SqlRecordings):
        await store.save(SEALED)
        assert await store.get(SEALED.recording_id) == SEALED
        assert await store.by_contact(SEALED.contact_id) == SEALED

    async def test_saving_again_replaces_the_whole_row(self, store: SqlRecordings):
        await store.save(SEALED)
        await store.save(ONE)
        assert await store.get(ONE.recording_id) == replace(ONE, tracks=[], marks=[])

    async def test_what_was_never_saved_is_not_there(self, store: SqlRecordings):
        assert await store.get(RecordingId("rc_nobody000")) is None
        assert await store.by_contact(ContactId("ct_nobody000")) is None
        assert await store.by_contacts([]) == {}

    async def test_a_page_of_contacts_is_asked_at_once(self, store: SqlRecordings):
        other = replace(ONE, recording_id=RecordingId("rc_two00000"), contact_id=ContactId("ct_two00000"))
        await store.save(SEALED)
        await store.save(other)
        wanted = [SEALED.contact_id, other.contact_id, ContactId("ct_none0000")]
        found = await store.by_contacts(wanted)
        assert {contact_id: record.recording_id for contact_id, record in found.items()} == {
            SEALED.contact_id: SEALED.recording_id,
            other.contact_id: other.recording_id,
        }

    @pytest.mark.parametrize("state", RecordingState)
    async def test_unfinished_is_what_a_dead_process_left_open(self, store: SqlRecordings, state: RecordingState):
        over = {
            RecordingState.COMPLETE,
            RecordingState.LIMIT_REACHED,
            RecordingState.FAILED,
            RecordingState.ABORTED,
            RecordingState.EXPIRED,
        }
        await store.save(replace(ONE, state=state))
        assert [row.state for row in await store.unfinished()] == ([] if state in over else [state])

    async def test_a_text_no_database_takes_is_cleaned(self, store: SqlRecordings):
        await store.save(replace(ONE, failure="cut \x00 off"))
        found = await store.get(ONE.recording_id)
        assert found is not None
        assert found.failure == "cut \ufffd off"

    async def test_many_saves_at_once_are_all_written(self, store: SqlRecordings):
        """They share transactions; each returns when its own row is there."""
        rows = [
            replace(ONE, recording_id=RecordingId(f"rc_many{number:04}"), contact_id=ContactId(f"ct_many{number:04}"))
            for number in range(100)
        ]
        saves = [asyncio.ensure_future(store.save(row)) for row in rows]
        for save, row in zip(saves, rows, strict=True):
            await save
            found = await store.get(row.recording_id)
            assert found is not None

    async def test_a_save_that_is_cancelled_takes_no_other_with_it(self, store: SqlRecordings):
        others = [replace(ONE, recording_id=RecordingId(f"rc_other{number:03}")) for number in range(5)]
        first = asyncio.ensure_future(store.save(ONE))
        saves = [asyncio.ensure_future(store.save(row)) for row in others]
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.gather(*saves)
        for row in others:
            assert await store.get(row.recording_id) is not None
