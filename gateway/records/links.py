"""Links into video calls in SQL."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Row, delete, func, insert, select, update

from gateway.base.ids import ContactId
from gateway.links.model import MOST_OF_AGENT, MOST_OPENINGS, MOST_WRONG_PINS, Link, LinkId, PlaceEnd, PlaceNotes
from gateway.records.columns import clean
from gateway.records.database import Database
from gateway.records.tables import links

_notes: TypeAdapter[PlaceNotes] = TypeAdapter(PlaceNotes)


def _link(row: Row[Any]) -> Link:
    values = dict(row._mapping)
    values["place"] = _notes.validate_python(values["place"]) if values["place"] is not None else None
    return Link(**values)


class SqlLinks:
    """`LinkStore`, `ReminderStore` and `PlaceStore` over SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, link: Link) -> None:
        values = {column.name: clean(getattr(link, column.name)) for column in links.columns}
        values["place"] = clean(asdict(link.place)) if link.place is not None else None
        async with self._database.writing() as connection:
            await connection.execute(insert(links).values(values))

    async def by_digest(self, digest: str) -> Link | None:
        rows = await self._database.rows(select(links).where(links.c.digest == clean(digest)))
        return _link(rows[0]) if rows else None

    async def of_maker(self, made_by: str, now: datetime) -> Sequence[Link]:
        query = (
            select(links)
            .where(links.c.made_by == clean(made_by), links.c.closes_at > now, links.c.revoked.is_(False))
            .order_by(links.c.made_at.desc(), links.c.link_id)
            .limit(MOST_OF_AGENT)
        )
        return [_link(row) for row in await self._database.rows(query)]

    async def count_good(self, made_by: str, now: datetime) -> int:
        query = select(func.count()).where(
            links.c.made_by == clean(made_by),
            links.c.closes_at > now,
            links.c.revoked.is_(False),
            links.c.openings < MOST_OPENINGS,
            links.c.wrong_pins < MOST_WRONG_PINS,
        )
        return int((await self._database.rows(query))[0][0])

    async def count_opening(self, digest: str) -> bool:
        async with self._database.writing() as connection:
            counted = await connection.execute(
                update(links)
                .where(links.c.digest == clean(digest), links.c.revoked.is_(False), links.c.openings < MOST_OPENINGS)
                .values(openings=links.c.openings + 1)
            )
        return counted.rowcount == 1

    async def count_wrong_pin(self, digest: str) -> None:
        async with self._database.writing() as connection:
            await connection.execute(
                update(links).where(links.c.digest == clean(digest)).values(wrong_pins=links.c.wrong_pins + 1)
            )

    async def revoke(self, made_by: str, link_id: LinkId) -> bool:
        async with self._database.writing() as connection:
            revoked = await connection.execute(
                update(links)
                .where(links.c.link_id == clean(link_id), links.c.made_by == clean(made_by))
                .values(revoked=True)
            )
        return revoked.rowcount == 1

    async def reminders_due(self, now: datetime, limit: int) -> Sequence[Link]:
        query = (
            select(links)
            .where(
                links.c.remind_at <= now,
                links.c.revoked.is_(False),
                links.c.closes_at > now,
                links.c.place_end == "",
            )
            .order_by(links.c.remind_at, links.c.link_id)
            .limit(limit)
        )
        return [_link(row) for row in await self._database.rows(query)]

    async def put_reminder_off(self, link: Link, until: datetime | None, *, attempts: int) -> bool:
        async with self._database.writing() as connection:
            changed = await connection.execute(
                update(links)
                .where(
                    links.c.link_id == clean(link.link_id),
                    links.c.remind_at == link.remind_at,
                    links.c.reminders == link.reminders,
                )
                .values(remind_at=until, reminders=attempts)
            )
        return changed.rowcount == 1

    async def open_places(self, now: datetime) -> Sequence[Link]:
        query = select(links).where(links.c.place_of.is_not(None), links.c.place_end == "", links.c.closes_at > now)
        return [_link(row) for row in await self._database.rows(query)]

    async def call_place(self, contact_id: ContactId, at: datetime, remind_at: datetime | None) -> bool:
        values: dict[str, object] = {"called_at": at}
        if remind_at is not None:
            values |= {"remind_at": remind_at, "reminders": 0}
        async with self._database.writing() as connection:
            called = await connection.execute(
                update(links).where(links.c.place_of == clean(contact_id), links.c.place_end == "").values(values)
            )
        return called.rowcount == 1

    async def end_place(self, contact_id: ContactId, end: PlaceEnd) -> bool:
        async with self._database.writing() as connection:
            ended = await connection.execute(
                update(links)
                .where(links.c.place_of == clean(contact_id), links.c.place_end == "")
                .values(place_end=end.value, place=None)
            )
        return ended.rowcount == 1

    async def forget(self, before: datetime) -> int:
        async with self._database.writing() as connection:
            forgotten = await connection.execute(delete(links).where(links.c.closes_at < before))
        return forgotten.rowcount
