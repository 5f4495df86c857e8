"""What every `PilotStore` does. A subclass gives the fixture `database`."""

import asyncio
import dataclasses
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from gateway.base.ids import AgentId
from gateway.records.database import Database
from gateway.records.pilots import SqlPilots
from gateway.rollout.model import PilotGroup

GROUP = PilotGroup(
    group_id="first",
    name="First wave",
    enabled=False,
    share_percent=10,
    agents=(AgentId("ag_anna0000"),),
    version=1,
    changed_at=datetime(2026, 3, 2, 9, 0, tzinfo=UTC),
    changed_by="admin",
)


class PilotStoreContract:
    @pytest.fixture
    def store(self, database: Database) -> SqlPilots:
        return SqlPilots(database)

    async def test_a_group_comes_back_as_it_was_and_is_added_once(self, store: SqlPilots):
        assert await store.add(GROUP)
        assert not await store.add(dataclasses.replace(GROUP, name="Other"))
        assert await store.all() == [GROUP]

    async def test_a_change_needs_the_version_that_is_there(self, store: SqlPilots):
        await store.add(GROUP)
        second = dataclasses.replace(GROUP, enabled=True, share_percent=50, version=2)
        assert await store.replace(second, seen_version=1)
        assert not await store.replace(dataclasses.replace(second, share_percent=99), seen_version=1)
        assert await store.all() == [second]

    async def test_of_many_who_change_at_once_one_wins(self, store: SqlPilots):
        await store.add(GROUP)
        changes = [dataclasses.replace(GROUP, share_percent=share, version=2) for share in range(6)]
        won = await asyncio.gather(*(store.replace(change, seen_version=1) for change in changes))
        assert sum(won) == 1
        assert await store.all() == [changes[won.index(True)]]

    async def test_every_change_that_happened_is_in_the_audit(self, store: SqlPilots, database: Database):
        await store.add(GROUP)
        await store.replace(dataclasses.replace(GROUP, enabled=True, version=2, changed_by="boss"), seen_version=1)
        await store.replace(dataclasses.replace(GROUP, enabled=True, version=2, changed_by="late"), seen_version=1)
        rows = await database.rows(text("SELECT actor, action, subject FROM audit ORDER BY audit_id"))
        assert [tuple(row) for row in rows] == [
            ("admin", "pilot_group_added", "first"),
            ("boss", "pilot_group_changed", "first"),
        ]
