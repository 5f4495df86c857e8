"""Bringing the tables up to date when the gateway starts: alembic through its API, one node at a time.

The lock is a file beside a SQLite database and an advisory lock in PostgreSQL; who comes second finds nothing to do.
"""

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.script.revision import ResolutionError
from alembic.util import CommandError
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from gateway.base.errors import SetupError

_FOLDER: Final = Path(__file__).parent / "migrations"
LOCK_ID: Final = 0x5649_5341  # any number that only we use in this database
_RETRY_S: Final = 0.1


def configuration() -> Config:
    """Alembic's configuration, without a file."""
    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def newest_revision() -> str:
    """The revision the code expects."""
    head = ScriptDirectory.from_config(configuration()).get_current_head()
    if head is None:
        raise SetupError(
            "records_no_migrations", "The installation is incomplete: its database migrations are missing."
        )
    return head


async def migrate(engine: AsyncEngine, *, lock_path: Path | None) -> None:
    """Create or upgrade all tables. SetupError `records_newer` when a newer version of the product was here."""
    if lock_path is not None:
        # The lock first: whoever opens a fresh file turns it into a WAL, which another that is writing would refuse.
        async with _file_lock(lock_path), engine.connect() as connection:
            await _upgrade(connection)
        return
    async with engine.connect() as connection:
        await connection.execute(text("SELECT pg_advisory_lock(:id)"), {"id": LOCK_ID})
        try:
            await connection.commit()
            await _upgrade(connection)
            await connection.execute(text("SELECT pg_advisory_unlock(:id)"), {"id": LOCK_ID})
            await connection.commit()
        except BaseException:
            await connection.invalidate()  # the lock ends with it; asked to unlock, it would refuse, or hang once more
            raise


async def _upgrade(connection: AsyncConnection) -> None:
    try:
        await connection.run_sync(_run)
    except (CommandError, ResolutionError) as error:
        raise SetupError(
            "records_newer", "The records were written by a newer version: install that version, or use other records."
        ) from error
    await connection.commit()


def _run(connection: Connection) -> None:
    config = configuration()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


@asynccontextmanager
async def _file_lock(path: Path) -> AsyncIterator[None]:
    """Held by one process at a time; freed by the system when that process dies."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                await asyncio.sleep(_RETRY_S)
        yield
    finally:
        os.close(descriptor)
