"""The records on SQLite: the contract, and what a locked or broken file does."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from pydantic import SecretStr
from sqlalchemy import Connection, text
from sqlalchemy.event import listen

from gateway.base.clock import SystemClock
from gateway.base.errors import PortFailure, SetupError
from gateway.config import RecordsSettings
from gateway.records.database import Database, open_database
from gateway.records.journal import SqlJournal
from gateway.records.migrate import newest_revision
from gateway.records.tables import metadata
from gateway.records.task_letters import SqlLetters
from tests.support.contracts.account_store import AccountStoreContract
from tests.support.contracts.chat_store import ChatStoreContract
from tests.support.contracts.letter_store import LetterStoreContract
from tests.support.contracts.link_store import LinkStoreContract
from tests.support.contracts.pilot_store import PilotStoreContract
from tests.support.contracts.recording_records import RecordingRecordsContract
from tests.support.contracts.records import ONE, THREE, TWO, JournalContract, event, summary
from tests.support.contracts.vault_records import VaultRecordsContract
from tests.support.records import open_records
from tests.support.servers import until


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = await open_records(tmp_path)
    yield opened
    await opened.aclose()


@pytest.fixture
async def impatient(tmp_path: Path, database: Database) -> AsyncIterator[Database]:
    """The same records, with the waits of the product."""
    opened = await open_database(RecordsSettings(), tmp_path)
    yield opened
    await opened.aclose()


async def test_a_query_that_nobody_waits_for_any_more_is_waited_for_at_the_end(database: Database) -> None:
    """SQLite can't be stopped in the middle; its thread would speak to an event loop that is closed."""
    before = set(threading.enumerate())
    await database.check()
    (works_in,) = set(threading.enumerate()) - before
    begun = asyncio.Event()
    listen(database.engine.sync_engine, "before_cursor_execute", lambda *_: begun.set())
    counting = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000) SELECT max(i) FROM n"
    asking = asyncio.create_task(database.rows(text(counting)))
    await begun.wait()
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    await database.aclose()
    assert not works_in.is_alive()


class TestSqliteJournal(JournalContract):
    pass


class TestSqliteAccounts(AccountStoreContract):
    pass


class TestSqliteChat(ChatStoreContract):
    pass


class TestSqliteLetters(LetterStoreContract):
    @pytest.fixture
    def letters(self, database: Database) -> SqlLetters:
        return SqlLetters(database)


class TestSqliteRecordings(RecordingRecordsContract):
    pass


class TestSqlitePilots(PilotStoreContract):
    pass


class TestSqliteLinks(LinkStoreContract):
    pass


class TestSqliteVault(VaultRecordsContract):
    pass


async def test_the_tables_and_the_migrations_agree(database: Database):
    def differences(connection: Connection) -> list[object]:
        return compare_metadata(MigrationContext.configure(connection), metadata)

    async with database.engine.connect() as connection:
        assert await connection.run_sync(differences) == []


async def test_opening_again_keeps_what_is_there(tmp_path: Path):
    for expected in (0, 1):
        database = await open_database(RecordsSettings(), tmp_path)
        records = SqlJournal(database, SystemClock(), outbox_limit=100)
        records.start()
        assert len(await records.read(ONE)) == expected
        records.append(event(ONE, 1))
        await records.aclose()
        await database.aclose()


async def test_many_who_open_at_once_migrate_once(tmp_path: Path):
    opened = await asyncio.gather(*(open_database(RecordsSettings(), tmp_path) for _ in range(5)))
    rows = await opened[0].rows(text("SELECT version_num FROM alembic_version"))
    assert [row.version_num for row in rows] == [newest_revision()]
    for each in opened:
        await each.aclose()


async def test_records_of_a_newer_version_are_left_alone(tmp_path: Path):
    database = await open_database(RecordsSettings(), tmp_path)
    async with database.writing() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    await database.aclose()
    with pytest.raises(SetupError, match="records_newer: The records were written by a newer version"):
        await open_database(RecordsSettings(), tmp_path)


async def test_a_data_folder_that_is_a_file_is_a_plain_sentence(tmp_path: Path):
    folder = tmp_path / "data"
    folder.write_text("not a folder")
    with pytest.raises(SetupError) as caught:
        await open_database(RecordsSettings(), folder)
    assert caught.value.code == "data_dir_unusable"
    assert caught.value.detail == f"The data folder {folder} can't be used: File exists."


async def test_a_data_folder_that_can_not_be_made_is_a_plain_sentence():
    with pytest.raises(SetupError, match="data_dir_unusable: The data folder /proc/visavis can't be used: "):
        await open_database(RecordsSettings(), Path("/proc/visavis"))  # where nobody may write, not even root


async def test_a_database_file_that_is_none_is_a_plain_sentence(tmp_path: Path):
    (tmp_path / "records.sqlite").write_bytes(b"this is not a database, " * 100)
    with pytest.raises(SetupError) as caught:
        await open_database(RecordsSettings(), tmp_path)
    assert caught.value.code == "records_unusable"
    assert caught.value.detail == f"The records in {tmp_path}/records.sqlite can't be used: file is not a database."


@pytest.mark.parametrize("url", ["nonsense", "mysql://localhost/x"])
async def test_an_address_of_no_database_of_ours_is_a_plain_sentence(tmp_path: Path, url: str):
    with pytest.raises(SetupError, match="records_bad_url"):
        await open_database(RecordsSettings(url=SecretStr(url)), tmp_path)


async def test_a_locked_database_delays_the_journal_and_nothing_else(tmp_path: Path, impatient: Database):
    """Another process holds the write lock for longer than SQLite waits; events pile up and are written once."""
    records = SqlJournal(impatient, SystemClock(), outbox_limit=5)
    records.start()
    locker = sqlite3.connect(tmp_path / "records.sqlite", check_same_thread=False, isolation_level=None)
    locker.execute("BEGIN IMMEDIATE")
    loop = asyncio.get_running_loop()
    slowest_s = 0.0
    for seq in range(1, 7):
        start = loop.time()
        records.append(event(ONE, seq))
        records.save(summary(ONE, seq))
        slowest_s = max(slowest_s, loop.time() - start)
    assert slowest_s < 0.9, "nobody waited for SQLite, which waits a second"
    await until(lambda: records.outbox.away, what="the writer met the lock")
    assert records.full
    assert [each.seq for each in await records.read(ONE)] == [1, 2, 3, 4, 5, 6], "readers see them all the while"
    locker.execute("ROLLBACK")
    locker.close()
    await records.flushed()
    assert not records.full
    assert not records.outbox.away
    rows = await impatient.rows(text("SELECT seq FROM journal ORDER BY seq"))
    assert [row.seq for row in rows] == [1, 2, 3, 4, 5, 6]
    await records.aclose()


async def test_what_a_node_could_not_write_is_in_the_journal_of_the_next(
    tmp_path: Path, impatient: Database, monkeypatch: pytest.MonkeyPatch
):
    """The database is locked until the process is gone; the next start reads the events from disk, before any query."""
    first = SqlJournal(impatient, SystemClock(), outbox_limit=100)
    first.start()
    first.append(event(ONE, 1))
    first.save(summary(ONE, 1, state="queued"))
    first.save(summary(TWO, 1, state="queued"))
    await first.flushed()
    locker = sqlite3.connect(tmp_path / "records.sqlite", check_same_thread=False, isolation_level=None)
    locker.execute("BEGIN IMMEDIATE")
    first.append(event(ONE, 2))
    first.save(summary(ONE, 2, state="closed"))
    first.save(summary(THREE, 1, state="in_menu"))
    monkeypatch.setattr("gateway.records.outbox.DRAIN_S", 0.05)
    await first.aclose()
    locker.close()
    second = SqlJournal(impatient, SystemClock(), outbox_limit=100)
    second.start()
    assert await second.open_contacts() == [THREE, TWO]
    assert [each.seq for each in await second.read(ONE)] == [1, 2]
    await second.flushed()
    assert await second.open_contacts() == [THREE, TWO]
    found = await second.contact(ONE)
    assert found is not None
    assert found.state == "closed"
    await second.aclose()


async def test_a_writer_that_waits_for_itself_is_told_in_time(tmp_path: Path, impatient: Database):
    locker = sqlite3.connect(tmp_path / "records.sqlite", check_same_thread=False, isolation_level=None)
    locker.execute("BEGIN IMMEDIATE")
    with pytest.raises(PortFailure, match="records_unavailable"):
        async with impatient.writing() as connection:
            await connection.execute(text("DELETE FROM audit"))
    locker.close()
    await impatient.check()
