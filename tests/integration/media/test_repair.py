"""Losses on real sockets, through a bad network: what one side's way loses is repaired on that side."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from gateway.base.tasks import cancel_and_wait
from media.port import Command, Kind, LegAnswer, MediaPort
from tests.integration.media.engine_rig import Robot, Studio, paced, studio
from tests.integration.media.transport_rig import until
from tests.support.impairment import Impairment, ImpairmentRelay, Path

PACKETS = 400
BAD = Impairment(delay_ms=30, jitter_ms=5)


@dataclass
class Steered:
    """An engine reached by a path of the relay."""

    engine: MediaPort
    path: Path

    async def execute(self, command: Command) -> Any:
        answer = await self.engine.execute(command)
        return LegAnswer(sdp_answer=self.path.steer(answer.sdp_answer))


@dataclass
class Call:
    studio: Studio
    customer: Robot
    agent: Robot
    path: Path


@pytest.fixture
async def call() -> AsyncIterator[Call]:
    """A customer behind a path of the relay, an agent beside the engine, and a picture that has begun both ways."""
    async with studio() as opened:
        relay = ImpairmentRelay(("127.0.0.1", opened.engine.port), seed=11)
        path = relay.open_path("customer", up=BAD)
        customer = Robot("lg_customer")
        await customer.join(Steered(opened.engine, path))  # type: ignore[arg-type]
        opened.robots.append(customer)
        agent = await opened.robot("lg_agent")
        await opened.bridge(customer, agent)
        for robot, other in ((customer, agent), (agent, customer)):
            robot.send(Kind.VIDEO, 0, key=True)
            await until(lambda other=other: other.received[Kind.VIDEO], "the picture has begun")
        yield Call(opened, customer, agent, path)
        relay.close()


@pytest.mark.parametrize("loss", [0.01, 0.05, 0.15])
async def test_what_the_customers_way_up_loses_is_asked_for_and_comes(call: Call, loss: float) -> None:
    call.customer.answers_nacks = True
    call.path.up = Impairment(delay_ms=30, jitter_ms=5, loss=loss, reorder=0.02)
    await paced(PACKETS, lambda number: call.customer.send(Kind.VIDEO, number + 1), interval_s=0.004)
    await until(lambda: len(set(call.agent.numbers(Kind.VIDEO))) >= 0.99 * PACKETS, "the picture is whole")
    assert call.path.up_lane.counters["lost"] > 0
    assert len(call.agent.numbers(Kind.VIDEO)) == len(set(call.agent.numbers(Kind.VIDEO)))


@pytest.mark.parametrize("loss", [0.05, 0.15])
async def test_what_the_customers_way_down_loses_is_sent_again(call: Call, loss: float) -> None:
    call.path.down = Impairment(delay_ms=30, jitter_ms=5, loss=loss)
    asking = asyncio.create_task(ask_for_gaps(call.customer))
    await paced(PACKETS, lambda number: call.agent.send(Kind.VIDEO, number + 1), interval_s=0.004)
    await until(lambda: len(set(call.customer.numbers(Kind.VIDEO))) >= 0.98 * PACKETS, "the picture is whole")
    await cancel_and_wait(asking)
    assert call.path.down_lane.counters["lost"] > 0
    assert call.studio.engine.counters().resent_packets > 0


async def ask_for_gaps(robot: Robot) -> None:
    """As a browser does: what is missing between the first and the last packet, every round trip."""
    while True:
        await asyncio.sleep(0.08)
        first = robot.received[Kind.VIDEO][0][0]
        came = {sequence - first & 0xFFFF for sequence, _, _ in robot.received[Kind.VIDEO]}
        missing = [first + distance & 0xFFFF for distance in range(max(came)) if distance not in came]
        if missing:
            robot.nack(missing[:100])
