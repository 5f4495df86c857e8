"""Who did what to what: rows that are only ever added."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import insert

from gateway.base.clock import Clock
from gateway.records.columns import clean
from gateway.records.database import Database
from gateway.records.tables import audit


class SqlAudit:
    """The audit in SQL."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def note(self, actor: str, action: str, subject: str, data: Mapping[str, Any]) -> None:
        """Write that `actor` did `action` to `subject`. PortFailure: it was not written, so it must not be done."""
        row = {"at": self._clock.now(), "actor": actor, "action": action, "subject": subject, "data": data}
        async with self._database.writing() as connection:
            await connection.execute(insert(audit).values(clean(row)))
