"""The connection to the records: opened once, migrated, and bounded in every wait.

SQLite (WAL) in the data folder by default, PostgreSQL by URL. Whoever reads waits `WAIT_S` at most and gets PortFailure
`records_unavailable`; a broken set-up is a SetupError with one plain sentence. Knows no table.
"""

import asyncio
import sqlite3
import tempfile
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Row, event, exc, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.sql import Executable

from gateway.base.errors import PortFailure, SetupError
from gateway.base.log import get_logger
from gateway.config import RecordsSettings
from gateway.records.migrate import migrate

_log = get_logger("records")

WAIT_S: Final = 2.0
"""No reader waits longer, nor does one try of a writer (the journal tries again). Giving up a connection that hangs
takes asyncpg two seconds more."""

OPEN_S: Final = 60.0  # migrations included
_SQLITE_REFUSALS: Final = (sqlite3.IntegrityError, sqlite3.DataError, sqlite3.ProgrammingError, sqlite3.InterfaceError)
_REFUSAL_CLASSES: Final = ("22", "23", "42")  # SQLSTATE: data, integrity, our SQL
_LOOK_EVERY_S: Final = 0.005


class Database:
    """One engine. Made by `open_database`, closed with `aclose`. `wait_s` is how long a reader or writer waits."""

    def __init__(self, engine: AsyncEngine, data_dir: Path, threads: "_Threads", *, wait_s: float) -> None:
        self.engine = engine
        self.data_dir = data_dir
        self.wait_s = wait_s
        self._threads = threads
        self.is_sqlite = engine.dialect.name == "sqlite"

    async def rows(self, query: Executable) -> list[Row[Any]]:
        """All rows of a bounded query. PortFailure `records_unavailable`."""
        async with self._bounded(), self.engine.connect() as connection:
            return list((await connection.execute(query)).all())

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """A transaction, committed at the end. PortFailure `records_unavailable`: nothing was written.

        Integrity errors are the caller's and come through as SQLAlchemy raises them.
        """
        async with self._bounded(), self.engine.begin() as connection:
            yield connection

    @asynccontextmanager
    async def _bounded(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self.wait_s):
                yield
        except (TimeoutError, OSError) as error:
            raise _unavailable() from error
        except SQLAlchemyError as error:
            if is_refusal(error):
                raise
            raise _unavailable() from error

    async def check(self) -> None:
        """PortFailure `records_unavailable` unless the database answers in time."""
        await self.rows(text("SELECT 1"))

    async def aclose(self) -> None:
        """Close the connections, and wait for what SQLite is still doing for somebody who left. Idempotent."""
        try:
            async with asyncio.timeout(self.wait_s):
                await self.engine.dispose()
                await self._threads.ended()
        except (TimeoutError, OSError, SQLAlchemyError) as error:
            _log.warning("records.close_failed", error_type=type(error).__name__)


class _Threads:
    """Those that SQLite works in, one of each connection.

    A query whose caller was cancelled goes on in its thread, which has left the pool, and tells the event loop when it
    is done: a loop that is closed before has no ears.
    """

    def __init__(self) -> None:
        self._threads: set[threading.Thread] = set()
        self._lock = threading.Lock()

    def connection(self, *args: Any, **options: Any) -> sqlite3.Connection:
        """A factory of connections, called in the thread that keeps the connection."""
        with self._lock:
            self._threads = {thread for thread in self._threads if thread.is_alive()} | {threading.current_thread()}
        return sqlite3.Connection(*args, **options)

    async def ended(self) -> None:
        """Return when all have ended; they have been asked to."""
        while any(thread.is_alive() for thread in self._threads):  # noqa: ASYNC110 - a thread has no event to wait for
            await asyncio.sleep(_LOOK_EVERY_S)


async def open_database(settings: RecordsSettings, data_dir: Path, *, wait_s: float = WAIT_S) -> Database:
    """The records, created or brought up to date. SetupError with what is wrong and where."""
    url = _url(settings, data_dir)
    is_sqlite = url.get_backend_name() == "sqlite"
    await asyncio.to_thread(_check_folder, data_dir)
    if is_sqlite and url.database:
        await asyncio.to_thread(_check_folder, Path(url.database).parent)
    opening, threads = _engine(url, wait_s=wait_s, statement_s=OPEN_S)
    where = f"The records in {url.database}" if is_sqlite else "The records database"
    try:
        async with asyncio.timeout(OPEN_S):
            await migrate(opening, lock_path=Path(f"{url.database}.lock") if is_sqlite else None)
    except BaseException as error:
        if isinstance(error, TimeoutError):
            raise SetupError("records_unavailable", f"{where} did not answer within {OPEN_S:.0f} s.") from error
        if isinstance(error, OSError | SQLAlchemyError):
            raise SetupError("records_unusable", f"{where} can't be used: {_reason(error)}.") from error
        if isinstance(error, TypeError | ValueError):  # how the drivers answer to an option they do not know
            raise SetupError("records_bad_url", f"records.url has an option that can't be used: {error}.") from error
        raise
    finally:
        await Database(opening, data_dir, threads, wait_s=wait_s).aclose()
    engine, threads = _engine(url, wait_s=wait_s, statement_s=wait_s)
    return Database(engine, data_dir, threads, wait_s=wait_s)


def is_refusal(error: SQLAlchemyError) -> bool:
    """Whether the database (or the driver) declines this very statement: trying again will not help.

    Everything else is weather: locked, away, full, restarting.
    """
    if isinstance(error, exc.TimeoutError):
        return False  # no connection in the pool became free
    if not isinstance(error, DBAPIError):
        return True  # our own statement, before it reached the database
    if error.connection_invalidated:
        return False
    if isinstance(error.orig, sqlite3.Error):
        return isinstance(error.orig, _SQLITE_REFUSALS)
    state = getattr(error.orig, "sqlstate", None)
    return isinstance(state, str) and state[:2] in _REFUSAL_CLASSES


def _url(settings: RecordsSettings, data_dir: Path) -> URL:
    given = settings.url.get_secret_value()
    if not given:
        return URL.create("sqlite+aiosqlite", database=str(data_dir / "records.sqlite"))
    try:
        url = make_url(given)
    except ArgumentError as error:
        raise SetupError("records_bad_url", "records.url is not a database address (postgresql://…).") from error
    drivers = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg"}
    driver = drivers.get(url.get_backend_name())
    if driver is None:
        raise SetupError("records_bad_url", "records.url must be a sqlite or postgresql address.")
    query = {"ssl" if name == "sslmode" else name: value for name, value in url.query.items()}  # asyncpg's word for it
    return url.set(drivername=driver, query=query)


def _engine(url: URL, *, wait_s: float, statement_s: float) -> tuple[AsyncEngine, _Threads]:
    """`statement_s`: the longest a statement may take in PostgreSQL. One of a migration, or the wait for the node that
    runs it, takes longer than anybody waits who reads."""
    threads = _Threads()
    if url.get_backend_name() != "sqlite":
        engine = create_async_engine(
            url,
            pool_size=8,
            max_overflow=4,
            pool_timeout=wait_s,
            pool_pre_ping=True,  # a database that was restarted is noticed before the statement
            connect_args={"timeout": wait_s, "command_timeout": statement_s},
        )
        return engine, threads
    busy_s = wait_s / 2  # SQLite waits so long for another writer, and says then that it was one
    engine = create_async_engine(url, connect_args={"timeout": busy_s, "factory": threads.connection})

    @event.listens_for(engine.sync_engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        for pragma in (
            "journal_mode=WAL",
            "synchronous=NORMAL",
            f"busy_timeout={round(busy_s * 1000)}",
            "foreign_keys=ON",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    return engine, threads


def _check_folder(folder: Path) -> None:
    """SetupError unless files can be made in `folder`; it is made when it is missing."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise SetupError("data_dir_unusable", f"The data folder {folder} can't be used: {why}.") from error


def _reason(error: OSError | SQLAlchemyError) -> str:
    cause: BaseException = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    first_line = str(cause).strip().split("\n")[0].rstrip(".")
    return first_line[:200] or type(cause).__name__


def _unavailable() -> PortFailure:
    return PortFailure("records_unavailable", "The records do not answer; try again in a moment.", retry_after_s=2)
