"""Pilot groups in SQL, each change with its row of the audit."""

from typing import Any

from sqlalchemy import Row, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.base.ids import AgentId
from gateway.records.columns import clean
from gateway.records.database import Database
from gateway.records.tables import audit, pilot_groups
from gateway.rollout.model import PilotGroup

MAX_GROUPS = 1000


class SqlPilots:
    """`PilotStore` over SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> list[PilotGroup]:
        query = select(pilot_groups).order_by(pilot_groups.c.group_id).limit(MAX_GROUPS)
        return [_group(row) for row in await self._database.rows(query)]

    async def add(self, group: PilotGroup) -> bool:
        try:
            async with self._database.writing() as connection:
                await connection.execute(insert(pilot_groups).values(_values(group)))
                await _note(connection, "pilot_group_added", group)
        except IntegrityError:
            return False
        return True

    async def replace(self, group: PilotGroup, *, seen_version: int) -> bool:
        async with self._database.writing() as connection:
            changed = await connection.execute(
                update(pilot_groups)
                .where(pilot_groups.c.group_id == clean(group.group_id), pilot_groups.c.version == seen_version)
                .values(_values(group))
            )
            if changed.rowcount != 1:
                return False
            await _note(connection, "pilot_group_changed", group)
        return True


async def _note(connection: AsyncConnection, action: str, group: PilotGroup) -> None:
    data = {
        "enabled": group.enabled,
        "share_percent": group.share_percent,
        "agents": list(group.agents),
        "version": group.version,
    }
    await connection.execute(
        insert(audit).values(
            at=group.changed_at,
            actor=clean(group.changed_by),
            action=action,
            subject=clean(group.group_id),
            data=clean(data),
        )
    )


def _values(group: PilotGroup) -> dict[str, Any]:
    return {column.name: clean(getattr(group, column.name)) for column in pilot_groups.columns}


def _group(row: Row[Any]) -> PilotGroup:
    return PilotGroup(**(dict(row._mapping) | {"agents": tuple(AgentId(agent) for agent in row.agents)}))
