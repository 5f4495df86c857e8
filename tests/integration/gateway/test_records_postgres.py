"""The records on a real PostgreSQL: the contract, and what a database that hangs or dies does."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from pydantic import SecretStr
from sqlalchemy import Connection, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import create_async_engine

from gateway.base.clock import SystemClock
from gateway.base.errors import PortFailure, SetupError
from gateway.config import RecordsSettings
from gateway.records import migrate
from gateway.records.database import WAIT_S, Database, open_database
from gateway.records.journal import SqlJournal
from gateway.records.migrate import LOCK_ID, newest_revision
from gateway.records.tables import metadata
from gateway.records.task_letters import SqlLetters
from tests.support.contracts.account_store import AccountStoreContract
from tests.support.contracts.chat_store import ChatStoreContract
from tests.support.contracts.letter_store import LetterStoreContract
from tests.support.contracts.link_store import LinkStoreContract
from tests.support.contracts.pilot_store import PilotStoreContract
from tests.support.contracts.recording_records import RecordingRecordsContract
from tests.support.contracts.records import ONE, JournalContract, event, summary
from tests.support.contracts.vault_records import VaultRecordsContract
from tests.support.records import PATIENT_S
from tests.support.servers import PostgresServer, until

BOUND_S = WAIT_S + 2.0 + 8.0  # the time-out, the driver giving up the connection, a busy machine


def settings_for(url: str) -> RecordsSettings:
    return RecordsSettings(url=SecretStr(url))


@pytest.fixture
def url(postgres_server: PostgresServer) -> str:
    return postgres_server.create_database(f"t{uuid4().hex[:12]}")


@pytest.fixture
async def database(url: str, tmp_path: Path) -> AsyncIterator[Database]:
    opened = await open_database(settings_for(url), tmp_path, wait_s=PATIENT_S)
    yield opened
    await opened.aclose()


class TestPostgresJournal(JournalContract):
    pass


class TestPostgresAccounts(AccountStoreContract):
    pass


class TestPostgresChat(ChatStoreContract):
    pass


class TestPostgresLetters(LetterStoreContract):
    @pytest.fixture
    def letters(self, database: Database) -> SqlLetters:
        return SqlLetters(database)


class TestPostgresRecordings(RecordingRecordsContract):
    pass


class TestPostgresPilots(PilotStoreContract):
    pass


class TestPostgresLinks(LinkStoreContract):
    pass


class TestPostgresVault(VaultRecordsContract):
    pass


async def test_the_tables_and_the_migrations_agree(database: Database):
    def differences(connection: Connection) -> list[object]:
        return compare_metadata(MigrationContext.configure(connection), metadata)

    async with database.engine.connect() as connection:
        assert await connection.run_sync(differences) == []


async def test_many_who_open_at_once_migrate_once(url: str, tmp_path: Path):
    opened = await asyncio.gather(*(open_database(settings_for(url), tmp_path) for _ in range(4)))
    rows = await opened[0].rows(text("SELECT version_num FROM alembic_version"))
    assert [row.version_num for row in rows] == [newest_revision()]
    for each in opened:
        await each.aclose()


async def test_a_node_waits_for_another_that_migrates_longer_than_a_reader_would(
    url: str, tmp_path: Path, database: Database
):
    async def has_waited() -> bool:
        rows = await database.rows(
            text(
                "SELECT 1 FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database WHERE NOT granted"
                " AND locktype = 'advisory' AND datname = current_database() AND now() - waitstart > interval '1 s'"
            )
        )
        return len(rows) == 1

    async with database.engine.connect() as migrating:
        await migrating.execute(text("SELECT pg_advisory_lock(:id)"), {"id": LOCK_ID})
        waiting = asyncio.create_task(open_database(settings_for(url), tmp_path, wait_s=0.3))
        try:
            await until(lambda: waiting.done() or has_waited(), what="it has waited longer than a reader does")
            assert not waiting.done()
        finally:
            await migrating.execute(text("SELECT pg_advisory_unlock(:id)"), {"id": LOCK_ID})
            await (await waiting).aclose()


@pytest.mark.parametrize(
    ("user", "database", "options", "code"),
    [
        ("visavis", "no_such_database", "", "records_unusable"),
        ("nobody", "postgres", "", "records_unusable"),
        ("visavis", "postgres", "?sslmode=require", "records_unusable"),
        ("visavis", "postgres", "?nonsense=1", "records_bad_url"),
    ],
)
async def test_a_database_that_refuses_us_is_a_plain_sentence(
    postgres_server: PostgresServer, tmp_path: Path, user: str, database: str, options: str, code: str
):
    url = f"postgresql://{user}@127.0.0.1:{postgres_server.port}/{database}{options}"
    with pytest.raises(SetupError) as caught:
        await open_database(settings_for(url), tmp_path)
    assert caught.value.code == code
    assert "\n" not in caught.value.detail
    assert len(caught.value.detail) < 300


async def test_nobody_there_is_a_plain_sentence(tmp_path: Path):
    with pytest.raises(SetupError, match="records_unusable: The records database can't be used: "):
        await open_database(settings_for("postgresql://nobody@127.0.0.1:1/none"), tmp_path)


async def test_an_address_with_options_of_libpq_is_understood(url: str, tmp_path: Path):
    opened = await open_database(settings_for(url.replace("+asyncpg", "") + "?sslmode=disable"), tmp_path)
    await opened.check()
    await opened.aclose()


async def test_a_database_that_dies_and_returns_gets_every_event_once(
    postgres_server: PostgresServer, database: Database
):
    records = SqlJournal(database, SystemClock(), outbox_limit=1000)
    records.start()
    for seq in range(1, 51):
        records.append(event(ONE, seq))
    await records.flushed()
    await asyncio.to_thread(postgres_server.stop)
    try:
        for seq in range(51, 101):
            records.append(event(ONE, seq))
            records.save(summary(ONE, seq))
        await until(lambda: records.outbox.away, what="the writer noticed")
        with pytest.raises(PortFailure, match="records_unavailable"):
            await records.read(ONE)
        assert records.outbox.pending == 50
    finally:
        await asyncio.to_thread(postgres_server.start)
    await records.flushed()
    assert [each.seq for each in await records.read(ONE)] == list(range(1, 101))
    rows = await database.rows(text("SELECT count(*) AS n FROM journal"))
    assert rows[0].n == 100
    found = await records.contact(ONE)
    assert found is not None
    assert found.version == 100
    assert records.outbox.declined == 0
    await records.aclose()


async def test_a_database_that_hangs_costs_a_reader_a_bounded_time_and_a_contact_none(
    postgres_server: PostgresServer, url: str, tmp_path: Path
):
    database = await open_database(settings_for(url), tmp_path)
    records = SqlJournal(database, SystemClock(), outbox_limit=1000)
    records.start()
    records.append(event(ONE, 1))
    await records.flushed()
    postgres_server.pause()
    try:
        start = time.monotonic()
        records.append(event(ONE, 2))
        assert time.monotonic() - start < 1, "it was only put down"
        with pytest.raises(PortFailure, match="records_unavailable"):
            await records.read(ONE)
        assert time.monotonic() - start < BOUND_S
        await until(lambda: records.outbox.away, what="the writer gave up its first try")
    finally:
        postgres_server.resume()
    await records.flushed()
    assert [each.seq for each in await records.read(ONE)] == [1, 2]
    await records.aclose()
    await database.aclose()


async def test_a_migration_that_fails_says_why_and_holds_up_no_other_node(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(connection: Connection) -> None:
        connection.execute(text("INSERT INTO nowhere VALUES (1)"))

    failing = create_async_engine(url)
    with monkeypatch.context() as patch:
        patch.setattr(migrate, "_run", run)
        with pytest.raises(ProgrammingError, match='relation "nowhere" does not exist'):
            await migrate.migrate(failing, lock_path=None)
    async with asyncio.timeout(BOUND_S):
        opened = await open_database(settings_for(url), tmp_path)
    await opened.aclose()
    await failing.dispose()
