"""Letters and open tasks of task mode in SQL (`gateway.acd.tasks.ports.LetterStore`)."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Row, delete, insert, select, update

from gateway.acd.tasks.mapping import Command
from gateway.acd.tasks.ports import Letter, TaskRow
from gateway.base.ids import ContactId
from gateway.records.columns import clean
from gateway.records.database import Database
from gateway.records.tables import task_letters, task_rows


class SqlLetters:
    """`LetterStore` over SQL. Writing the same thing again changes nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put_letter(self, letter: Letter, node: str) -> None:
        values: dict[str, Any] = {
            "letter_id": letter.letter_id,
            "acd": letter.acd,
            "node": node,
            "contact_id": letter.contact_id,
            "number": letter.number,
            "command": letter.command.value,
            "data": dict(letter.data),
            "created_at": letter.created_at,
            "tries": letter.tries,
            "step": letter.step,
            "cause": letter.cause,
            "dead_at": letter.dead_at,
        }
        cleaned = {name: clean(value) for name, value in values.items()}
        async with self._database.writing() as connection:
            changed = await connection.execute(
                update(task_letters).where(task_letters.c.letter_id == cleaned["letter_id"]).values(cleaned)
            )
            if changed.rowcount == 0:
                await connection.execute(insert(task_letters).values(cleaned))

    async def drop_letter(self, letter_id: str) -> None:
        async with self._database.writing() as connection:
            await connection.execute(delete(task_letters).where(task_letters.c.letter_id == clean(letter_id)))

    async def letters(self, acd: str, node: str, limit: int) -> Sequence[Letter]:
        query = (
            select(task_letters)
            .where(task_letters.c.acd == acd, task_letters.c.node == node, task_letters.c.dead_at.is_(None))
            .order_by(task_letters.c.created_at, task_letters.c.number)
            .limit(limit)
        )
        return [_letter(row) for row in await self._database.rows(query)]

    async def put_task(self, row: TaskRow) -> None:
        values = {
            "acd": row.acd,
            "contact_id": clean(row.contact_id),
            "node": row.node,
            "ref": clean(row.ref),
            "taken": row.taken,
            "number": row.number,
            "task": clean(dict(row.task)),
        }
        async with self._database.writing() as connection:
            changed = await connection.execute(
                update(task_rows)
                .where(task_rows.c.acd == row.acd, task_rows.c.contact_id == clean(row.contact_id))
                .values(values)
            )
            if changed.rowcount == 0:
                await connection.execute(insert(task_rows).values(values))

    async def drop_task(self, acd: str, contact_id: ContactId) -> None:
        async with self._database.writing() as connection:
            await connection.execute(
                delete(task_rows).where(task_rows.c.acd == acd, task_rows.c.contact_id == clean(contact_id))
            )

    async def tasks(self, acd: str, node: str, limit: int) -> Sequence[TaskRow]:
        query = select(task_rows).where(task_rows.c.acd == acd, task_rows.c.node == node)
        found = await self._database.rows(query.order_by(task_rows.c.contact_id).limit(limit))
        return [
            TaskRow(
                contact_id=ContactId(row.contact_id),
                acd=row.acd,
                node=row.node,
                ref=row.ref,
                taken=row.taken,
                number=row.number,
                task=row.task,
            )
            for row in found
        ]

    async def dead(self, limit: int) -> Sequence[Letter]:
        query = select(task_letters).where(task_letters.c.dead_at.is_not(None))
        newest = query.order_by(task_letters.c.dead_at.desc(), task_letters.c.letter_id).limit(limit)
        return [_letter(row) for row in await self._database.rows(newest)]

    async def dead_one(self, letter_id: str) -> Letter | None:
        query = select(task_letters).where(
            task_letters.c.letter_id == clean(letter_id), task_letters.c.dead_at.is_not(None)
        )
        found = await self._database.rows(query)
        return _letter(found[0]) if found else None


def _letter(row: Row[Any]) -> Letter:
    data: Mapping[str, object] = row.data
    return Letter(
        letter_id=row.letter_id,
        acd=row.acd,
        contact_id=row.contact_id,
        number=row.number,
        command=Command(row.command),
        data=data,
        created_at=row.created_at,
        tries=row.tries,
        step=row.step,
        cause=row.cause,
        dead_at=row.dead_at,
    )
