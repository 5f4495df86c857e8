"""Rows are saved beside what follows: whatever overtakes what, the newest row of a recording is the one that stays."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from gateway.base.ids import ContactId, RecordingId
from gateway.recordings.live import Ledger, Live
from gateway.recordings.port import RecordingRecord
from gateway.recordings.states import (
    ConsentWaived,
    FirstFrameWritten,
    PauseRequested,
    RecordingState,
    ResumeRequested,
    Sealed,
    StopRequested,
)
from tests.support.clock import FakeClock
from tests.support.recording_rig import MemoryRecords


class GatedRecords(MemoryRecords):
    """Saves of one recording wait until they are let through."""

    def __init__(self) -> None:
        super().__init__()
        self.gates: dict[RecordingId, asyncio.Event] = {}
        self.waiting: dict[RecordingId, asyncio.Event] = {}

    async def save(self, record: RecordingRecord) -> None:
        gate = self.gates.get(record.recording_id)
        if gate is not None:
            self.waiting.setdefault(record.recording_id, asyncio.Event()).set()
            await gate.wait()
        await super().save(record)


def recording(name: str) -> Live:
    return Live(
        RecordingRecord(
            recording_id=RecordingId(name),
            contact_id=ContactId(f"ct_{name}"),
            state=RecordingState.REQUESTED,
            notice_version="1",
            consent="notice",
            requested_at=FakeClock().now(),
        )
    )


@pytest.fixture
async def records() -> GatedRecords:
    return GatedRecords()


@pytest.fixture
async def ledger(records: GatedRecords) -> AsyncIterator[Ledger]:
    ledger = Ledger(records, FakeClock(), lambda *_: None, current_notice_version="1")
    yield ledger
    for gate in records.gates.values():
        gate.set()
    await ledger.aclose()


async def test_a_row_that_changes_while_older_rows_of_others_are_saved_is_saved_too(
    ledger: Ledger, records: GatedRecords
) -> None:
    """A save ends with the rows that the store did not take before: what happens meanwhile must not be forgotten."""
    other, mine = recording("rc_other"), recording("rc_mine")
    records.away = True
    await ledger.step(other, ConsentWaived())
    records.away = False
    gate = records.gates[other.recording_id] = asyncio.Event()
    await ledger.step(mine, ConsentWaived())
    await records.waiting.setdefault(other.recording_id, asyncio.Event()).wait()
    for event in (FirstFrameWritten(at_s=0.0), StopRequested(reason="over")):
        await ledger.step(mine, event)
    await ledger.step(mine, Sealed(sha256="", size_bytes=1, duration_s=1.0))
    gate.set()
    await ledger.saved(mine)
    assert records.rows[mine.recording_id] == mine.record
    assert mine.state is RecordingState.COMPLETE


async def test_a_row_that_changes_while_the_store_refuses_the_older_one_is_tried_itself(
    ledger: Ledger, records: GatedRecords
) -> None:
    mine = recording("rc_mine")
    gate = records.gates[mine.recording_id] = asyncio.Event()
    await ledger.step(mine, ConsentWaived())
    records.away = True
    await ledger.step(mine, FirstFrameWritten(at_s=0.0))
    tries = records.tries = 0
    gate.set()
    await ledger.saved(mine)
    assert records.tries == tries + 2
    records.away = False
    await ledger.flush()
    assert records.rows[mine.recording_id] == mine.record


@pytest.mark.parametrize("slow", [False, True])
async def test_many_changes_leave_the_newest_row(ledger: Ledger, records: GatedRecords, slow: bool) -> None:
    mine = recording("rc_mine")
    if slow:
        records.gates[mine.recording_id] = asyncio.Event()
    await ledger.step(mine, ConsentWaived())
    await ledger.step(mine, FirstFrameWritten(at_s=0.0))
    for _ in range(5):
        await ledger.step(mine, PauseRequested(reason="card"))
        await ledger.step(mine, ResumeRequested(reason="card"))
    mine.record = replace(mine.record, failure="disk_full")
    for gate in records.gates.values():
        gate.set()
    await ledger.saved(mine)
    assert records.rows[mine.recording_id] == mine.record
    assert records.saves <= 3 if slow else records.saves > 3
