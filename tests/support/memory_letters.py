"""Letters and tasks of task mode in plain dictionaries, under the same contract tests as SQL."""

import asyncio
from collections.abc import Sequence

from gateway.acd.tasks.ports import Letter, TaskRow
from gateway.base.errors import PortFailure
from gateway.base.ids import ContactId


class MemoryLetters:
    """`away` makes every method fail as a database that does not answer."""

    def __init__(self) -> None:
        self.away = False
        self.rows: dict[str, tuple[Letter, str]] = {}
        self.open: dict[tuple[str, ContactId], TaskRow] = {}

    async def _answer(self) -> None:
        await asyncio.sleep(0)  # as every real store, it lets others run
        if self.away:
            raise PortFailure("records_unavailable", "The records do not answer.")

    async def put_letter(self, letter: Letter, node: str) -> None:
        await self._answer()
        self.rows[letter.letter_id] = letter, node

    async def drop_letter(self, letter_id: str) -> None:
        await self._answer()
        self.rows.pop(letter_id, None)

    async def letters(self, acd: str, node: str, limit: int) -> Sequence[Letter]:
        await self._answer()
        found = [
            letter for letter, of in self.rows.values() if letter.acd == acd and of == node and letter.dead_at is None
        ]
        return sorted(found, key=lambda letter: (letter.created_at, letter.number))[:limit]

    async def put_task(self, row: TaskRow) -> None:
        await self._answer()
        self.open[row.acd, row.contact_id] = row

    async def drop_task(self, acd: str, contact_id: ContactId) -> None:
        await self._answer()
        self.open.pop((acd, contact_id), None)

    async def tasks(self, acd: str, node: str, limit: int) -> Sequence[TaskRow]:
        await self._answer()
        return [row for row in self.open.values() if row.acd == acd and row.node == node][:limit]

    async def dead(self, limit: int) -> Sequence[Letter]:
        await self._answer()
        found = [letter for letter, _ in self.rows.values() if letter.dead_at is not None]
        return sorted(found, key=lambda letter: str(letter.dead_at), reverse=True)[:limit]

    async def dead_one(self, letter_id: str) -> Letter | None:
        await self._answer()
        letter, _ = self.rows.get(letter_id, (None, ""))
        return letter if letter is not None and letter.dead_at is not None else None
