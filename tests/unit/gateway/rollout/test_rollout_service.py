"""The pilot switch on the records: it acts at once here and within a second elsewhere."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.base.clock import SystemClock
from gateway.base.errors import BadInput, NotFound, PortFailure, StateConflict
from gateway.base.ids import AgentId
from gateway.config import SiteSettings
from gateway.contacts.ports import Admission
from gateway.records.database import Database
from gateway.records.pilots import SqlPilots
from gateway.rollout.model import PilotChange, PilotGroup
from gateway.rollout.service import REFRESH_S, RolloutService
from tests.support.clock import FakeClock
from tests.support.records import open_records
from tests.support.servers import until

ANNA, BEN = AgentId("ag_anna0000"), AgentId("ag_ben00000")
SITES = (SiteSettings(id="shop", name="Shop", pilot="first"), SiteSettings(id="open", name="Open"))
YES = Admission(admitted=True)
CLOSED = Admission(admitted=False, code="closed")
NOT_IN_PILOT = Admission(admitted=False, code="not_in_pilot")


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = await open_records(tmp_path)
    yield opened
    await opened.aclose()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def rollout(database: Database, clock: FakeClock) -> AsyncIterator[RolloutService]:
    service = RolloutService(store=SqlPilots(database), sites=SITES, clock=clock)
    await service.start()
    yield service
    await service.aclose()


def change(version: int, *, enabled: bool = True, share: int = 100, agents: tuple[AgentId, ...] = ()) -> PilotChange:
    return PilotChange(enabled=enabled, share_percent=share, agents=agents, version=version)


async def test_a_site_without_a_group_admits_everybody(rollout: RolloutService):
    assert rollout.admit("open", "v") == YES
    assert rollout.agent_allowed(ANNA, "open")


async def test_a_group_that_nobody_made_is_closed(rollout: RolloutService):
    assert rollout.admit("shop", "v") == CLOSED
    assert not rollout.agent_allowed(ANNA, "shop")
    assert rollout.agents("first") == frozenset()


async def test_the_switch_and_the_share_act_at_once(rollout: RolloutService):
    made = await rollout.ensure_group("first", name="First", agents=[ANNA])
    assert (made.version, made.enabled) == (1, False)
    assert rollout.admit("shop", "v") == CLOSED
    opened = await rollout.change("first", change(1, agents=(ANNA, ANNA)), by="boss")
    assert (opened.version, opened.changed_by, opened.agents) == (2, "boss", (ANNA,))
    assert rollout.admit("shop", "v") == YES
    assert rollout.agent_allowed(ANNA, "shop")
    assert not rollout.agent_allowed(BEN, "shop")
    await rollout.change("first", change(2, share=0, agents=(BEN,)), by="boss")
    assert rollout.admit("shop", "v") == NOT_IN_PILOT
    assert rollout.agents("first") == {BEN}
    await rollout.change("first", change(3, enabled=False), by="boss")
    assert rollout.admit("shop", "v") == CLOSED


async def test_a_group_is_made_once(rollout: RolloutService):
    await rollout.ensure_group("first", name="First", enabled=True, share_percent=100)
    again = await rollout.ensure_group("first", name="Other", enabled=False)
    assert (again.name, again.enabled) == ("First", True)
    assert [group.group_id for group in rollout.groups()] == ["first"]


@pytest.mark.parametrize("version", [0, 1, 3, 2**70, -1])
async def test_a_change_of_what_was_changed_meanwhile_is_refused(rollout: RolloutService, version: int):
    await rollout.ensure_group("first", name="First")
    await rollout.change("first", change(1, share=20), by="boss")
    with pytest.raises(StateConflict, match="version_conflict"):
        await rollout.change("first", change(version, share=90), by="late")
    assert [group.share_percent for group in rollout.groups()] == [20]


async def test_a_change_of_nothing_or_to_nonsense_is_refused(rollout: RolloutService):
    with pytest.raises(NotFound, match="no_such_group"):
        await rollout.change("first", change(1), by="boss")
    await rollout.ensure_group("first", name="First")
    with pytest.raises(BadInput, match="pilot_share"):
        await rollout.change("first", change(1, share=101), by="boss")


async def test_another_node_follows_within_a_second(database: Database, rollout: RolloutService, clock: FakeClock):
    await rollout.ensure_group("first", name="First", enabled=True, share_percent=100)
    other = RolloutService(store=SqlPilots(database), sites=SITES, clock=clock)
    seen: list[PilotGroup] = []
    other.on_change(seen.append)
    await other.start()
    assert other.admit("shop", "v") == YES
    await rollout.change("first", change(1, enabled=False), by="boss")
    assert other.admit("shop", "v") == YES, "not yet"
    assert REFRESH_S <= 0.5
    clock.advance(REFRESH_S)
    await until(lambda: other.admit("shop", "v") == CLOSED, what="the other node closed")
    assert [group.version for group in seen] == [1, 2]
    await other.aclose()


async def test_a_node_that_lags_behind_learns_by_its_refused_change(database: Database, rollout: RolloutService):
    await rollout.ensure_group("first", name="First")
    other = RolloutService(store=SqlPilots(database), sites=SITES, clock=SystemClock())
    await other.refresh()
    await rollout.change("first", change(1), by="boss")
    with pytest.raises(StateConflict, match="version_conflict"):
        await other.change("first", change(1, enabled=False), by="late")
    assert other.admit("shop", "v") == YES


async def test_while_the_records_are_away_the_last_known_groups_count(
    database: Database, rollout: RolloutService, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
):
    await rollout.ensure_group("first", name="First", enabled=True, share_percent=100)
    tried = []

    async def away(_: SqlPilots) -> list[PilotGroup]:
        tried.append(clock.monotonic())
        raise PortFailure("records_unavailable", "away")

    with monkeypatch.context() as patch:
        patch.setattr(SqlPilots, "all", away)
        await until(lambda: _moved(clock) and len(tried) > 1, what="it tried to read, and again")
        assert rollout.admit("shop", "v") == YES
    store = SqlPilots(database)
    (group,) = await store.all()
    await RolloutService(store=store, sites=SITES, clock=clock).refresh()
    await _close_elsewhere(store, group)
    await until(lambda: _moved(clock) and rollout.admit("shop", "v") == CLOSED, what="it follows again")


def _moved(clock: FakeClock) -> bool:
    clock.advance(REFRESH_S)
    return True


async def _close_elsewhere(store: SqlPilots, group: PilotGroup) -> None:
    other = RolloutService(store=store, sites=SITES, clock=SystemClock())
    await other.refresh()
    await other.change("first", change(group.version, enabled=False), by="other node")
