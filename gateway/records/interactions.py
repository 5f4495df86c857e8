"""The timeline as it grows, and what of it waits to be told outside (`gateway.crm.port.InteractionRecords`).

The timeline is its own outbox: a row that waits says since when, how often it was tried and when it is due. So it
outlives every process, and nothing is written twice.
"""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, exists, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from gateway.base.ids import ContactId
from gateway.crm.port import CustomerId, Delivery, DeliveryState, Interaction, Visit
from gateway.parties import Identity
from gateway.records.columns import clean
from gateway.records.customers import chat_values, interaction_of
from gateway.records.database import Database
from gateway.records.tables import contacts, customer_timeline, customer_visits

_WAITING = DeliveryState.WAITING.value


class SqlInteractions:
    """`InteractionRecords` over SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._insert = (sqlite if database.is_sqlite else postgresql).insert

    # ------------------------------------------------------------ writing down

    async def unlogged(self, since: datetime, limit: int) -> Sequence[ContactId]:
        row = contacts.c
        query = (
            select(row.contact_id)
            .where(
                row.ended_at >= since,
                row.state == "closed",
                row.canary.is_(False),
                ~exists().where(customer_timeline.c.contact_id == row.contact_id),
            )
            .order_by(row.ended_at)
            .limit(limit)
        )
        return [ContactId(found.contact_id) for found in await self._database.rows(query)]

    async def visit(self, contact_id: ContactId) -> Visit | None:
        query = select(customer_visits).where(customer_visits.c.contact_id == clean(contact_id))
        rows = await self._database.rows(query)
        return _visit(rows[0], rows[0].at) if rows else None

    async def log(self, interactions: Sequence[Interaction], visit: Visit, *, deliver_at: datetime | None) -> int:
        kept = customer_visits.c
        async with self._database.writing() as connection:
            query = select(kept.customer_id).where(kept.contact_id == visit.contact_id)
            found = (await connection.execute(query)).first()
            customer_id = visit.customer_id if found is None else found.customer_id
            rows = [_row(each, visit, customer_id, deliver_at) for each in interactions]
            statement = self._insert(customer_timeline).on_conflict_do_nothing(index_elements=["interaction_id"])
            new = 0
            for row in rows:
                new += (await connection.execute(statement, row)).rowcount
            await connection.execute(delete(customer_visits).where(kept.contact_id == visit.contact_id))
        return new

    # ------------------------------------------------------------ telling outside

    async def due(self, now: datetime, limit: int) -> Sequence[Delivery]:
        entry = customer_timeline.c
        query = (
            select(customer_timeline)
            .where(entry.delivery == _WAITING, entry.delivery_due_at <= now)
            .order_by(entry.delivery_due_at, entry.interaction_id)
            .limit(limit)
        )
        return [
            Delivery(
                interaction=interaction_of(row),
                visit=_visit(row, row.started_at),
                due_at=row.delivery_due_at,
                first_due_at=row.delivery_first_at,
                attempts=row.delivery_attempts,
            )
            for row in await self._database.rows(query)
        ]

    async def claim(self, delivery: Delivery, until: datetime) -> bool:
        entry = customer_timeline.c
        statement = (
            update(customer_timeline)
            .where(
                entry.interaction_id == delivery.interaction.interaction_id,
                entry.delivery == _WAITING,
                entry.delivery_due_at == delivery.due_at,
            )
            .values(delivery_due_at=until, delivery_attempts=entry.delivery_attempts + 1)
        )
        async with self._database.writing() as connection:
            return (await connection.execute(statement)).rowcount == 1

    async def delivered(self, interaction_id: str) -> None:
        await self._change(
            interaction_id, delivery=DeliveryState.DONE.value, delivery_due_at=None, delivery_error="", identity=None
        )

    async def put_off(self, interaction_id: str, until: datetime, error: str) -> None:
        await self._change(interaction_id, delivery_due_at=until, delivery_error=error)

    async def give_up(self, interaction_id: str, error: str) -> None:
        await self._change(
            interaction_id, delivery=DeliveryState.GIVEN_UP.value, delivery_due_at=None, delivery_error=error
        )

    async def _change(self, interaction_id: str, **values: Any) -> None:
        entry = customer_timeline.c
        this = (entry.interaction_id == interaction_id) & (entry.delivery == _WAITING)
        async with self._database.writing() as connection:
            await connection.execute(update(customer_timeline).where(this).values(clean(values)))

    async def waiting(self) -> int:
        query = select(func.count()).select_from(customer_timeline).where(customer_timeline.c.delivery == _WAITING)
        return int((await self._database.rows(query))[0][0])

    async def give_up_oldest(self, count: int, error: str) -> None:
        entry = customer_timeline.c
        oldest = (
            select(entry.interaction_id)
            .where(entry.delivery == _WAITING)
            .order_by(entry.delivery_first_at, entry.interaction_id)
            .limit(count)
        )
        values = {"delivery": DeliveryState.GIVEN_UP.value, "delivery_due_at": None, "delivery_error": error}
        async with self._database.writing() as connection:
            await connection.execute(
                update(customer_timeline).where(entry.interaction_id.in_(oldest)).values(**clean(values))
            )

    async def redeliver(self, now: datetime) -> int:
        entry = customer_timeline.c
        statement = (
            update(customer_timeline)
            .where(entry.delivery == DeliveryState.GIVEN_UP.value, entry.customer_id.is_not(None))
            .values(delivery=_WAITING, delivery_due_at=now, delivery_first_at=now, delivery_attempts=0)
        )
        async with self._database.writing() as connection:
            return (await connection.execute(statement)).rowcount


def _row(
    interaction: Interaction, visit: Visit, customer_id: str | None, deliver_at: datetime | None
) -> dict[str, Any]:
    identity = visit.identity
    told = deliver_at is not None
    who = asdict(identity) if identity is not None and told else None
    values = {
        "interaction_id": interaction.interaction_id,
        "contact_id": interaction.contact_id,
        "segment": interaction.segment,
        "customer_id": customer_id,
        "site": interaction.site,
        "language": interaction.language,
        "queue": interaction.queue,
        "agent_id": interaction.agent_id,
        "started_at": interaction.started_at,
        "ended_at": interaction.ended_at,
        "end_reason": interaction.end_reason,
        "wait_s": interaction.wait_s,
        "talk_s": interaction.talk_s,
        "hold_s": interaction.hold_s,
        "wrap_up_s": interaction.wrap_up_s,
        "disposition": interaction.disposition,
        "notes": interaction.notes,
        "menu_path": interaction.menu_path,
        "chat": chat_values(interaction.chat),
        "identity": who,
        "display_name": visit.display_name,
        "page_url": visit.page_url,
        "page_title": visit.page_title,
        "form": visit.form,
        "delivery": _WAITING if told else DeliveryState.NONE.value,
        "delivery_due_at": deliver_at,
        "delivery_first_at": deliver_at,
        "delivery_attempts": 0,
        "delivery_error": "",
    }
    return {name: clean(value) for name, value in values.items()}


def _visit(row: Row[Any], at: datetime) -> Visit:
    """The visit as it was kept. How it was known is in `customer_id`, no longer in keys."""
    identity = row.identity
    return Visit(
        contact_id=ContactId(row.contact_id),
        site=row.site,
        language=row.language,
        at=at,
        keys=(),
        customer_id=None if row.customer_id is None else CustomerId(row.customer_id),
        identity=None if identity is None else Identity(**identity),
        display_name=row.display_name,
        page_url=row.page_url,
        page_title=row.page_title,
        form=dict(row.form),
    )
