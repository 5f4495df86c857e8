"""What the journal and the contacts list do on every database. A subclass gives the fixture `database`."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, timezone

import pytest

from gateway.base.clock import SystemClock
from gateway.base.ids import AgentId, ContactId
from gateway.contacts.journal import ContactSummary, JournalEvent, JournalSource
from gateway.records.database import Database
from gateway.records.journal import SqlJournal

ONE, TWO, THREE = ContactId("ct_one00000"), ContactId("ct_two00000"), ContactId("ct_three000")
NINE = datetime(2026, 3, 2, 9, 0, 0, 123_456, tzinfo=UTC)


def event(contact_id: ContactId, seq: int, **changes: object) -> JournalEvent:
    values: dict[str, object] = {
        "contact_id": contact_id,
        "seq": seq,
        "name": "option_chosen",
        "at": NINE + timedelta(seconds=seq),
        "mono_s": 1000.25 + seq,
        "source": JournalSource.CUSTOMER,
        "state": "in_menu",
        "reason": None,
        "data": {"key": "1", "path": ["Buy", "Größe"], "count": 2, "share": 0.5, "ok": True, "none": None},
    }
    return JournalEvent(**(values | changes))  # type: ignore[arg-type]


def summary(contact_id: ContactId, version: int, **changes: object) -> ContactSummary:
    values: dict[str, object] = {
        "contact_id": contact_id,
        "version": version,
        "site": "shop",
        "visitor_hash": "ab12",
        "language": "fr",
        "display_name": "Zoë",
        "canary": False,
        "state": "in_menu",
        "end_reason": None,
        "queue": None,
        "agent_id": None,
        "started_at": NINE,
        "queued_at": None,
        "answered_at": None,
        "ended_at": None,
        "wait_s": None,
        "talk_s": 0.0,
        "hold_s": 0.0,
        "wrap_up_s": 0.0,
        "disposition": None,
        "notes": "",
    }
    return ContactSummary(**(values | changes))  # type: ignore[arg-type]


class JournalContract:
    @pytest.fixture
    async def records(self, database: Database) -> AsyncIterator[SqlJournal]:
        opened = SqlJournal(database, SystemClock(), outbox_limit=1000)
        opened.start()
        yield opened
        await opened.aclose()

    async def test_events_come_back_as_they_were_in_order(self, records: SqlJournal):
        written = [event(ONE, seq) for seq in (1, 2, 3)]
        for each in written:
            records.append(each)
        records.append(event(TWO, 1))
        await records.flushed()
        assert records.outbox.pending == 0
        assert await records.read(ONE) == written

    async def test_events_still_in_the_outbox_are_read_too(self, records: SqlJournal):
        records.append(event(ONE, 1))
        await records.flushed()
        records.append(event(ONE, 2))
        assert [each.seq for each in await records.read(ONE)] == [1, 2]

    async def test_an_event_written_twice_is_there_once(self, records: SqlJournal):
        for _ in range(2):
            records.append(event(ONE, 1))
        await records.flushed()
        records.append(event(ONE, 1))
        records.append(event(ONE, 2))
        await records.flushed()
        assert [each.seq for each in await records.read(ONE)] == [1, 2]

    async def test_times_are_aware_and_in_utc_to_the_microsecond(self, records: SqlJournal):
        elsewhere = timezone(timedelta(hours=5, minutes=30))
        records.append(event(ONE, 1, at=NINE.astimezone(elsewhere)))
        await records.flushed()
        (found,) = await records.read(ONE)
        assert found.at == NINE
        assert found.at.utcoffset() == timedelta(0)

    async def test_what_no_database_takes_is_written_cleaned(self, records: SqlJournal):
        records.append(event(ONE, 1, reason="a\x00b", data={"k\x00": "\ud800x\x00", "n": float("nan"), "l": ["\x00"]}))
        await records.flushed()
        (found,) = await records.read(ONE)
        assert found.reason == "a\ufffdb"
        assert found.data == {"k\ufffd": "?x\ufffd", "n": None, "l": ["\ufffd"]}
        assert records.outbox.declined == 0

    async def test_an_event_that_can_not_be_written_harms_no_other(self, records: SqlJournal):
        records.append(event(ONE, 1))
        records.append(event(ONE, 2, at=datetime(2026, 3, 2, 9, 0)))  # noqa: DTZ001 (naive: our own bug)
        records.append(event(ONE, 3))
        records.save(summary(ONE, 3))
        await records.flushed()
        assert [each.seq for each in await records.read(ONE)] == [1, 3]
        assert await records.contact(ONE) is not None
        assert records.outbox.declined == 1

    async def test_thousands_of_events_are_written_in_batches(self, records: SqlJournal):
        for seq in range(1, 2001):
            records.append(event(ONE, seq))
        await records.flushed()
        assert [each.seq for each in await records.read(ONE)] == list(range(1, 2001))

    async def test_a_summary_comes_back_as_it_was(self, records: SqlJournal):
        written = summary(
            ONE, 9, state="closed", end_reason="completed", queue="sales", agent_id=AgentId("ag_anna0000"),
            queued_at=NINE, answered_at=NINE, ended_at=NINE, wait_s=1.5, talk_s=60.25, disposition="sale", notes="…",
            canary=True,
        )  # fmt: skip
        records.save(written)
        await records.flushed()
        assert await records.contact(ONE) == written
        assert await records.contact(TWO) is None

    async def test_a_summary_still_in_the_outbox_is_read(self, records: SqlJournal):
        records.save(summary(ONE, 1))
        await records.flushed()
        records.save(summary(ONE, 2, state="queued"))
        found = await records.contact(ONE)
        assert found is not None
        assert found.state == "queued"

    async def test_an_id_that_can_not_be_is_not_there(self, records: SqlJournal):
        for odd in ("", "a\x00b", "\ud800", "' OR 1=1"):
            assert await records.contact(ContactId(odd)) is None
            assert await records.read(ContactId(odd)) == []

    async def test_only_a_higher_version_replaces_a_summary(self, records: SqlJournal):
        records.save(summary(ONE, 2, state="queued"))
        await records.flushed()
        records.save(summary(ONE, 1, state="in_menu"))
        await records.flushed()
        found = await records.contact(ONE)
        assert found is not None
        assert found.state == "queued"
        records.save(summary(ONE, 3, state="closed"))
        await records.flushed()
        found = await records.contact(ONE)
        assert found is not None
        assert found.state == "closed"

    async def test_open_contacts_are_those_not_closed(self, records: SqlJournal):
        records.save(summary(ONE, 1, state="queued"))
        records.save(summary(TWO, 1, state="closed"))
        records.save(summary(THREE, 1, state="wrap_up", started_at=NINE - timedelta(hours=1)))
        await records.flushed()
        assert await records.open_contacts() == [THREE, ONE]

    async def test_pages_are_newest_first_without_gap_or_repeat(self, records: SqlJournal):
        ids = [ContactId(f"ct_page{number:04}") for number in range(25)]
        for number, contact_id in enumerate(ids):
            records.save(summary(contact_id, 1, started_at=NINE + timedelta(minutes=number // 2)))
        await records.flushed()
        found: list[ContactId] = []
        before = None
        while page := await records.page(limit=7, before=before):
            found += [each.contact_id for each in page]
            before = found[-1]
        assert found == ids[::-1]
        assert await records.page(limit=7, before=ContactId("ct_unknown0")) == []

    async def test_a_page_can_be_of_one_state(self, records: SqlJournal):
        records.save(summary(ONE, 1, state="queued"))
        records.save(summary(TWO, 1, state="closed"))
        await records.flushed()
        assert [each.contact_id for each in await records.page(limit=10, state="closed")] == [TWO]

    async def test_what_is_in_the_outbox_at_close_is_written(self, database: Database):
        records = SqlJournal(database, SystemClock(), outbox_limit=1000)
        records.start()
        records.append(event(ONE, 1))
        records.save(summary(ONE, 1))
        await records.aclose()
        await records.aclose()
        again = SqlJournal(database, SystemClock(), outbox_limit=1000)
        assert [each.seq for each in await again.read(ONE)] == [1]
        assert await again.contact(ONE) == summary(ONE, 1)

    async def test_two_who_write_the_same_contact_at_once_lose_nothing(self, database: Database):
        both = [SqlJournal(database, SystemClock(), outbox_limit=1000) for _ in range(2)]
        for each in both:
            each.start()
        for seq in range(1, 101):
            for each in both:
                each.append(event(ONE, seq))
                each.save(dataclasses.replace(summary(ONE, seq), state=f"s{seq}"))
            await asyncio.sleep(0)
        for each in both:
            await each.aclose()
        assert [each.seq for each in await both[0].read(ONE)] == list(range(1, 101))
        found = await both[0].contact(ONE)
        assert found is not None
        assert found.version == 100
