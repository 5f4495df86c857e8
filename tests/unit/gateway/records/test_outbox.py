"""The outbox over a database that does what the test says."""

import asyncio
import threading
import time
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy.exc import IntegrityError

from gateway.base.errors import PortFailure
from gateway.contacts.journal import ContactSummary, JournalEvent
from gateway.records.outbox import BATCH_S, DRAIN_S, FIRST_RETRY_S, LAST_RETRY_S, MAX_BATCH, Outbox
from gateway.records.spill import Spill
from tests.support.clock import FakeClock
from tests.support.contracts.records import NINE, ONE, TWO, event, summary
from tests.support.servers import until


class FakeDatabase:
    """Takes batches; `away` and `declines` say what it does with the next ones."""

    def __init__(self) -> None:
        self.batches: list[tuple[list[int], list[int]]] = []
        self.tries = 0
        self.away = False
        self.declines: set[int] = set()

    async def write(self, events: Sequence[JournalEvent], summaries: Sequence[ContactSummary]) -> None:
        self.tries += 1
        if self.away:
            raise PortFailure("records_unavailable", "away")
        if any(each.seq in self.declines for each in events) or any(
            each.version in self.declines for each in summaries
        ):
            raise IntegrityError("INSERT", {}, Exception("declined"))
        self.batches.append(([each.seq for each in events], [each.version for each in summaries]))


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def spill(tmp_path: Path) -> Spill:
    return Spill(tmp_path / "outbox.jsonl")


@pytest.fixture
def database() -> FakeDatabase:
    return FakeDatabase()


@pytest.fixture
async def outbox(database: FakeDatabase, clock: FakeClock, spill: Spill):
    opened = Outbox(database.write, clock, limit=5, spill=spill)
    opened.start()
    yield opened
    database.away = False
    await opened.aclose()


async def moved(clock: FakeClock, condition, what: str, step_s: float = BATCH_S) -> None:
    """Move the clock on until `condition` holds, while somebody waits for it: who is busy is not late."""

    def held() -> bool:
        if clock.sleepers:
            clock.advance(step_s)
        return condition()

    await until(held, what=what)


async def test_what_comes_within_a_batch_is_written_together(outbox: Outbox, database: FakeDatabase, clock: FakeClock):
    for seq in (1, 2, 3):
        outbox.append(event(ONE, seq))
    outbox.save(summary(ONE, 3))
    assert outbox.pending == 3
    await moved(clock, lambda: outbox.pending == 0, "the batch is written")
    assert database.batches == [([1, 2, 3], [3])]


async def test_only_the_newest_summary_of_a_contact_is_written(
    outbox: Outbox, database: FakeDatabase, clock: FakeClock
):
    for version in (1, 3, 2):
        outbox.save(summary(ONE, version))
    outbox.save(summary(TWO, 7))
    await moved(clock, lambda: bool(database.batches), "the batch is written")
    assert database.batches == [([], [3, 7])]


async def test_a_summary_waits_for_the_events_it_folds(database: FakeDatabase, clock: FakeClock, spill: Spill):
    outbox = Outbox(database.write, clock, limit=5000, spill=spill)
    for seq in range(1, MAX_BATCH + 2):
        outbox.append(event(ONE, seq))
    outbox.save(summary(ONE, MAX_BATCH + 1))
    outbox.start()
    await outbox.flushed()
    assert [(len(events), summaries) for events, summaries in database.batches] == [
        (MAX_BATCH, []), (1, [MAX_BATCH + 1]),
    ]  # fmt: skip
    await outbox.aclose()


async def test_a_database_that_is_away_is_tried_less_and_less_often(
    outbox: Outbox, database: FakeDatabase, clock: FakeClock
):
    database.away = True
    outbox.append(event(ONE, 1))
    tried_at: list[float] = []

    def noted() -> bool:
        if database.tries > len(tried_at):
            tried_at.append(clock.monotonic())
        return len(tried_at) == 9

    await moved(clock, noted, "nine tries", step_s=0.05)
    waits = [later - earlier for earlier, later in pairwise(tried_at)]
    assert waits[0] == pytest.approx(FIRST_RETRY_S, abs=0.11)
    assert waits[-1] == pytest.approx(LAST_RETRY_S, abs=0.11)
    assert waits == sorted(waits)
    assert outbox.away
    assert outbox.pending == 1
    database.away = False
    await moved(clock, lambda: outbox.pending == 0, "it is written", step_s=1.0)
    assert not outbox.away
    assert database.batches == [([1], [])]


async def test_full_is_over_the_limit_and_takes_events_all_the_same(
    outbox: Outbox, database: FakeDatabase, clock: FakeClock
):
    database.away = True
    for seq in range(1, 5):
        outbox.append(event(ONE, seq))
    assert not outbox.full
    outbox.append(event(ONE, 5))
    assert outbox.full
    outbox.append(event(ONE, 6))
    assert [each.seq for each in outbox.waiting_of(ONE)] == [1, 2, 3, 4, 5, 6]
    assert outbox.waiting_of(TWO) == []
    database.away = False
    await moved(clock, lambda: not outbox.full, "there is room again", step_s=1.0)


async def test_what_comes_while_a_batch_is_written_is_not_lost(clock: FakeClock, spill: Spill):
    outbox = Outbox(lambda *_: write_and_add(), clock, limit=100, spill=spill)
    added: list[int] = []

    async def write_and_add() -> None:
        if not added:
            added.append(1)
            outbox.append(event(ONE, 2))
            outbox.save(summary(ONE, 2))

    outbox.append(event(ONE, 1))
    outbox.save(summary(ONE, 1))
    outbox.start()
    await outbox.flushed()
    assert outbox.pending == 0
    await outbox.aclose()


async def test_what_is_declined_for_good_is_left_out_alone(outbox: Outbox, database: FakeDatabase, clock: FakeClock):
    database.declines = {2, 9}
    for seq in (1, 2, 3):
        outbox.append(event(ONE, seq))
    outbox.save(summary(ONE, 3))
    outbox.save(summary(TWO, 9))
    await moved(clock, lambda: outbox.pending == 0, "the rest is written")
    assert database.batches == [([1], []), ([3], []), ([], [3])]
    assert outbox.declined == 2


async def test_closing_gives_up_in_time_when_the_database_stays_away(
    outbox: Outbox, database: FakeDatabase, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("gateway.records.outbox.DRAIN_S", 0.05)
    assert DRAIN_S <= 10
    database.away = True
    outbox.append(event(ONE, 1))
    await outbox.aclose()
    assert outbox.pending == 1
    outbox.append(event(ONE, 2))
    assert outbox.pending == 2, "still no error for a contact"


# ---------------------------------------------------------------- on disk


def lines(spill: Spill) -> tuple[list[int], list[int]]:
    events, summaries = spill.load()
    return [each.seq for each in events], [each.version for each in summaries]


async def test_while_the_database_is_away_what_waits_is_on_disk_once(
    outbox: Outbox, database: FakeDatabase, clock: FakeClock, spill: Spill
):
    database.away = True
    outbox.append(event(ONE, 1))
    outbox.save(summary(ONE, 1))
    await moved(clock, lambda: lines(spill) == ([1], [1]), "the first is on disk")
    outbox.append(event(ONE, 2))
    outbox.save(summary(ONE, 2))
    await moved(clock, lambda: lines(spill) == ([1, 2], [1, 2]), "the second too")
    tries = database.tries
    await moved(clock, lambda: database.tries > tries + 2, "it tried again", step_s=1.0)
    assert lines(spill) == ([1, 2], [1, 2]), "each once"
    database.away = False
    await outbox_written(outbox, clock)
    assert lines(spill) == ([], []), "it is not needed any more"
    assert database.batches == [([1, 2], [2])]


async def outbox_written(outbox: Outbox, clock: FakeClock) -> None:
    await moved(clock, lambda: outbox.pending == 0 and not outbox.waiting_summaries(), "it is written", step_s=1.0)
    await outbox.flushed()


async def test_what_a_dead_process_left_is_written_by_the_next(database: FakeDatabase, clock: FakeClock, spill: Spill):
    spill.keep([event(ONE, 1), event(ONE, 2)], [summary(ONE, 1), summary(ONE, 2), summary(TWO, 5)])
    outbox = Outbox(database.write, clock, limit=5, spill=spill)
    outbox.append(event(ONE, 3))
    outbox.start()
    await outbox.loaded()
    assert [each.seq for each in outbox.waiting_of(ONE)] == [1, 2, 3]
    await outbox_written(outbox, clock)
    assert database.batches == [([1, 2, 3], [2, 5])]
    assert lines(spill) == ([], [])
    await outbox.aclose()


class SlowDisk(Spill):
    """Each step takes so long."""

    def __init__(self, path: Path, step_s: float) -> None:
        super().__init__(path)
        self._step_s = step_s
        self.removing = threading.Event()

    def keep(self, events: Iterable[JournalEvent], summaries: Iterable[ContactSummary]) -> None:
        time.sleep(self._step_s)
        super().keep(events, summaries)

    def clear(self) -> None:
        self.removing.set()
        time.sleep(self._step_s)
        super().clear()


@pytest.mark.parametrize("step_s", [0.0, 0.3])
async def test_what_is_left_at_close_is_kept_once(
    database: FakeDatabase, clock: FakeClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step_s: float
):
    """Also when closing gives up on the thread that is just keeping it."""
    monkeypatch.setattr("gateway.records.outbox.DRAIN_S", 0.05)
    spill = SlowDisk(tmp_path / "outbox.jsonl", step_s)
    database.away = True
    outbox = Outbox(database.write, clock, limit=5, spill=spill)
    outbox.start()
    outbox.append(event(ONE, 1))
    outbox.save(summary(ONE, 1))
    await outbox.aclose()
    assert lines(spill) == ([1], [1])


async def test_what_comes_while_the_file_is_removed_is_not_removed_with_it(
    database: FakeDatabase, clock: FakeClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Closing gave up on the thread that removes the file, kept the rest, and the thread removed that."""
    monkeypatch.setattr("gateway.records.outbox.DRAIN_S", 0.05)
    spill = SlowDisk(tmp_path / "outbox.jsonl", 0.3)
    Spill(tmp_path / "outbox.jsonl").keep([event(ONE, 1)], [])
    outbox = Outbox(database.write, clock, limit=5, spill=spill)
    outbox.start()
    await moved(clock, spill.removing.is_set, "the file is being removed")
    database.away = True
    outbox.append(event(ONE, 2))
    await outbox.aclose()
    await asyncio.get_running_loop().shutdown_default_executor()
    assert lines(spill) == ([2], [])


async def test_a_disk_that_refuses_harms_nothing(database: FakeDatabase, clock: FakeClock, tmp_path: Path):
    outbox = Outbox(database.write, clock, limit=5, spill=Spill(tmp_path / "missing" / "outbox.jsonl"))
    outbox.start()
    database.away = True
    outbox.append(event(ONE, 1))
    await moved(clock, lambda: database.tries > 2, "it tried again", step_s=1.0)
    database.away = False
    await outbox_written(outbox, clock)
    assert database.batches == [([1], [])]
    await outbox.aclose()


def test_a_kept_event_and_summary_come_back_as_they_were(spill: Spill):
    full = summary(ONE, 3, agent_id="ag_anna0000", queued_at=NINE, ended_at=NINE, wait_s=1.5, end_reason="completed")
    spill.keep([event(ONE, 1, reason="a\u2028b\n")], [full])
    assert spill.load() == ([event(ONE, 1, reason="a\u2028b\n")], [full])


@pytest.mark.parametrize("junk", [b'{"event": {"contact_id": "ct_', b"\xff\xfe\n", b"[]\n", b"7\n", b"{}\n", b"\n"])
def test_a_line_cut_off_by_a_crash_costs_that_line_only(spill: Spill, tmp_path: Path, junk: bytes):
    spill.keep([event(ONE, 1)], [])
    with (tmp_path / "outbox.jsonl").open("ab") as file:
        file.write(junk)
    assert lines(spill) == ([1], [])


def test_no_file_is_nothing_left_and_clearing_it_twice_is_no_error(spill: Spill):
    spill.clear()
    assert spill.load() == ([], [])
