"""The lines of chats in SQL (`gateway.contacts.chat.ChatPort`). Whoever writes a line never waits for it.

`append` only puts the line into memory; one task writes what there is, in order, and tries again with back-off while
the database is locked or away. A line has a unique key, so one whose answer was lost is written once. Full means
`LINES_LIMIT` that are not written: further lines are refused where they come in. What is still in memory when the
process is killed is lost; the journal has that something was written, and when.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Final

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from gateway.base.clock import Clock
from gateway.base.errors import PortFailure
from gateway.base.ids import ContactId
from gateway.base.log import get_logger
from gateway.base.tasks import Supervisor
from gateway.parties import ChatLine
from gateway.records.columns import clean
from gateway.records.database import Database
from gateway.records.tables import chat_lines

_log = get_logger("chat")

LINES_LIMIT: Final = 10_000
BATCH: Final = 200
FIRST_RETRY_S: Final = 0.1
LAST_RETRY_S: Final = 5.0
DRAIN_S: Final = 5.0  # at close the database gets this long to take the rest


class SqlChat:
    """`start` it, `aclose` it; `append` returns at once."""

    def __init__(self, database: Database, clock: Clock, *, limit: int = LINES_LIMIT) -> None:
        self._database = database
        self._clock = clock
        self._limit = limit
        self._waiting: deque[tuple[ContactId, ChatLine]] = deque()
        self._wake = asyncio.Event()
        self._written = asyncio.Event()
        self._written.set()
        self._tasks = Supervisor("chat")
        rows = (sqlite if database.is_sqlite else postgresql).insert(chat_lines)
        self._insert = rows.on_conflict_do_nothing(index_elements=["contact_id", "number"])

    def start(self) -> None:
        """Begin to write. Called on the loop that calls everything else here."""
        _ = self._tasks.spawn(self._run(), name="writer")

    def append(self, contact_id: ContactId, line: ChatLine) -> None:
        self._waiting.append((contact_id, line))
        self._written.clear()
        self._wake.set()

    @property
    def full(self) -> bool:
        return len(self._waiting) >= self._limit

    async def read(self, contact_id: ContactId) -> Sequence[ChatLine]:
        waiting = {line.number: line for whose, line in self._waiting if whose == contact_id}
        rows = chat_lines.c
        query = select(rows.number, rows.author, rows.name, rows.at, rows.text).where(
            rows.contact_id == clean(contact_id)
        )
        written = {
            row.number: ChatLine(number=row.number, by=row.author, name=row.name, at=row.at, text=row.text)
            for row in await self._database.rows(query)
        }
        found = waiting | written
        return [found[number] for number in sorted(found)]

    async def flushed(self) -> None:
        """Return when everything put in so far is in the database."""
        await self._written.wait()

    async def aclose(self) -> None:
        """Write the rest, for `DRAIN_S` at most, and stop. Idempotent."""
        try:
            async with asyncio.timeout(DRAIN_S):
                await self.flushed()
        except TimeoutError:
            _log.error("chat.left_over", lines=len(self._waiting))
        await self._tasks.aclose()

    async def _run(self) -> None:
        retry_s = FIRST_RETRY_S
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                try:
                    await self._write_batch()
                    retry_s = FIRST_RETRY_S
                except PortFailure:
                    _log.warning("chat.away", lines=len(self._waiting))
                    await self._clock.sleep_until(self._clock.monotonic() + retry_s)
                    retry_s = min(LAST_RETRY_S, retry_s * 2)
            self._written.set()

    async def _write_batch(self) -> None:
        """The oldest lines. PortFailure: nothing was written. What the database will never take is left out."""
        batch = [self._waiting[index] for index in range(min(BATCH, len(self._waiting)))]
        try:
            await self._write(batch)
        except SQLAlchemyError as error:
            _log.error("chat.batch_declined", error_type=type(error).__name__, lines=len(batch))
            for contact_id, line in batch:
                try:
                    await self._write([(contact_id, line)])
                except SQLAlchemyError as declined:
                    _log.error(
                        "chat.line_declined",
                        contact_id=contact_id,
                        number=line.number,
                        error_type=type(declined).__name__,
                    )
        for _ in batch:
            self._waiting.popleft()

    async def _write(self, lines: Sequence[tuple[ContactId, ChatLine]]) -> None:
        rows = [
            {
                "contact_id": contact_id,
                "number": line.number,
                "author": line.by,
                "name": clean(line.name),
                "at": line.at,
                "text": clean(line.text),
            }
            for contact_id, line in lines
        ]
        async with self._database.writing() as connection:
            await connection.execute(self._insert, rows)
