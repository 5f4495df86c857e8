"""The ACD is told the newest state of each agent, in turn, and a refusal stops nothing."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import cast

import pytest

from gateway.acd.port import AcdPort, AgentPosition
from gateway.agents.roster import AgentRoster
from gateway.base.errors import PortFailure
from gateway.base.ids import AgentId
from gateway.base.tasks import Supervisor
from gateway.contacts.positions import Positions
from gateway.parties import AgentCard
from tests.support.clock import FakeClock

ANNA, BEN = AgentId("ag_anna0000"), AgentId("ag_ben00000")


class SlowAcd:
    """Takes a state when it is let."""

    def __init__(self) -> None:
        self.heard: list[tuple[AgentId, str]] = []
        self.failure: PortFailure | None = None
        self.may = asyncio.Event()

    async def set_agent_state(self, position: AgentPosition) -> None:
        await self.may.wait()
        if self.failure is not None:
            raise self.failure
        self.heard.append((position.agent_id, position.state))


class Rig:
    def __init__(self, supervisor: Supervisor) -> None:
        self.acd = SlowAcd()
        self.alarms: list[str] = []
        self.done = asyncio.Event()
        self.positions = Positions(
            cast("AcdPort", self.acd), supervisor, lambda code, _detail: self.alarms.append(code), self.done.set
        )
        self.roster = AgentRoster(FakeClock(), timedelta(seconds=15))
        self.roster.on_change(self.positions.changed)

    def comes(self, agent_id: AgentId, *, visiting: bool = False) -> None:
        self.roster.panel_came(AgentCard(agent_id=agent_id, display_name="", queues=("sales",), visiting=visiting))

    async def all_told(self) -> None:
        self.acd.may.set()
        await asyncio.wait_for(self.done.wait(), 30)


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    supervisor = Supervisor("test")
    yield Rig(supervisor)
    await supervisor.aclose()


async def test_only_the_newest_state_of_an_agent_is_told(rig: Rig) -> None:
    rig.comes(ANNA)
    rig.comes(BEN)
    rig.roster.set_ready(ANNA)
    rig.roster.set_ready(BEN)
    assert not rig.positions.told
    await rig.all_told()
    assert rig.acd.heard == [(ANNA, "ready"), (BEN, "ready")]
    assert rig.positions.told


async def test_who_an_acd_lends_us_is_not_told_to_it(rig: Rig) -> None:
    rig.comes(ANNA, visiting=True)
    assert rig.positions.told


async def test_a_state_that_is_not_taken_is_an_alarm_and_the_next_is_told(rig: Rig) -> None:
    rig.acd.failure = PortFailure("acd_away", "")
    rig.comes(ANNA)
    await rig.all_told()
    assert rig.alarms == ["acd_failed"]
    rig.acd.failure = None
    rig.done.clear()
    rig.roster.set_ready(ANNA)
    await rig.all_told()
    assert rig.acd.heard == [(ANNA, "ready")]
