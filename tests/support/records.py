"""Records in SQLite for tests that are not about opening them: the migrations run once in a process and are copied."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from gateway.config import RecordsSettings
from gateway.records.database import Database, open_database

FILE_NAME: Final = "records.sqlite"
PATIENT_S: Final = 30.0
"""For tests that are not about the wait: the disk of the machine they run on may be busy."""
_migrated: list[bytes] = []


async def open_records(folder: Path) -> Database:
    """As `open_database` with the default settings, and patient with a busy machine.

    `folder` is made when missing; what is in it already is kept.
    """
    if not _migrated:
        with TemporaryDirectory() as empty:
            await (await open_database(RecordsSettings(), Path(empty), wait_s=PATIENT_S)).aclose()
            _migrated.append((Path(empty) / FILE_NAME).read_bytes())
    folder.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240 - a test has nothing else to do
    path = folder / FILE_NAME
    if not path.exists():
        path.write_bytes(_migrated[0])
    return await open_database(RecordsSettings(), folder, wait_s=PATIENT_S)
