"""Two robots over the media engine: what one sends, the other counts."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from gateway.canary.footage import footage
from gateway.canary.media import Counts, RobotMedia
from gateway.canary.report import missing_media
from media.engine import EngineSettings, InProcessEngine
from media.port import FromLeg, OpenLeg, SetSource
from media.transport.client import ClientPeer


@pytest.fixture
async def engine() -> AsyncIterator[InProcessEngine]:
    engine = await InProcessEngine.start(EngineSettings(host="127.0.0.1"))
    yield engine
    await engine.aclose()


async def robot(engine: InProcessEngine, leg_id: str, stack: AsyncExitStack) -> RobotMedia:
    media = RobotMedia(footage())
    peer = await ClientPeer.open(media, h264=False)
    stack.push_async_callback(peer.close)
    answer = await engine.execute(OpenLeg(leg_id=leg_id, sdp_offer=peer.create_offer()))
    link, negotiated = await peer.set_answer(answer.sdp_answer)
    await peer.connected()
    media.start(link, negotiated)
    stack.push_async_callback(media.stop)
    return media


async def test_what_one_robot_sends_the_other_counts(engine: InProcessEngine) -> None:
    async with AsyncExitStack() as stack:
        customer = await robot(engine, "lg_customer1", stack)
        agent = await robot(engine, "lg_agent0001", stack)
        await engine.execute(SetSource(leg_id="lg_customer1", source=FromLeg(leg_id="lg_agent0001")))
        await engine.execute(SetSource(leg_id="lg_agent0001", source=FromLeg(leg_id="lg_customer1")))
        async with asyncio.timeout(30):
            await customer.heard_since(customer.counts())
            await agent.heard_since(agent.counts())
        before = (customer.counts(), agent.counts())
        async with asyncio.timeout(30):
            while customer.counts().since(before[0]).sent_audio_packets < 100:
                await customer.heard_since(customer.counts())
        heard: tuple[Counts, Counts] = (customer.counts().since(before[0]), agent.counts().since(before[1]))
        assert missing_media("customer", heard[0], heard[1]) is None
        assert missing_media("agent", heard[1], heard[0]) is None
        assert (heard[0].lost, heard[1].lost) == (0, 0)
