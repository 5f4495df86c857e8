"""Two robots over the media engine: what one sends, the other counts."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import cast

import pytest

from gateway.canary.footage import footage
from gateway.canary.lasting import LastingTalk
from gateway.canary.leg import RobotLeg
from gateway.canary.media import Counts, RobotMedia
from gateway.canary.report import missing_media
from gateway.canary.robots import open_leg
from gateway.canary.talk import Talk
from media.engine import EngineSettings, InProcessEngine
from media.port import FromLeg, OpenLeg, SetSource
from media.transport.client import ClientPeer
from signaling.messages import LegAnswer, LegOffer
from tests.integration.media.transport_rig import open_files, until
from tests.support.hostile import leg


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


class Told:
    """A robot's talk with nobody between it and the engine: each offer is answered by a leg of its own."""

    over = None

    def __init__(self, engine: InProcessEngine) -> None:
        self._engine = engine
        self._tell: Callable[[object], None] = lambda message: None

    def listen(self, listener: Callable[[object], None]) -> None:
        self._tell = listener

    async def ready(self) -> None:
        """There is no socket that could be away."""

    async def send(self, offer: LegOffer) -> None:
        answer = await self._engine.execute(OpenLeg(leg_id=f"lg_robot{offer.generation:03}", sdp_offer=offer.sdp))
        self._answer = LegAnswer(generation=offer.generation, sdp=answer.sdp_answer)
        self._tell(self._answer)

    async def wait_for(self, kind: object, matching: object) -> LegAnswer:
        return self._answer


@pytest.mark.parametrize("steps", range(10))
async def test_a_leg_that_is_left_while_it_is_renewed_leaves_nothing_behind(
    engine: InProcessEngine, steps: int
) -> None:
    files = open_files()
    leg = RobotLeg(cast("LastingTalk", Told(engine)), "127.0.0.1")
    keeper = asyncio.create_task(leg.run())
    async with asyncio.timeout(30):
        await leg.connected.wait()
    leg.renew()
    for _ in range(steps):  # of the event loop: into stopping the media, into closing the peer, into the next one
        await asyncio.sleep(0)
    keeper.cancel()
    await asyncio.gather(keeper, return_exceptions=True)
    assert open_files() == files
    await engine.aclose()  # its side may not have been told, and has tasks of its own
    await until(lambda: asyncio.all_tasks() == {asyncio.current_task()}, "every task of the leg has ended")


@pytest.mark.parametrize("hostile", [False, True])
@pytest.mark.parametrize("steps", range(1, 7))
async def test_a_leg_whose_end_is_cut_short_ends_all_the_same(
    engine: InProcessEngine, steps: int, hostile: bool
) -> None:
    files = open_files()
    up = asyncio.Event()

    async def call() -> None:
        talk = cast("Talk", Told(engine))
        async with leg(talk, 1) if hostile else open_leg(talk, "127.0.0.1"):
            up.set()
            await asyncio.Event().wait()

    calling = asyncio.create_task(call())
    async with asyncio.timeout(30):
        await up.wait()
    calling.cancel()
    for _ in range(steps):
        await asyncio.sleep(0)
    calling.cancel()
    await asyncio.gather(calling, return_exceptions=True)
    assert open_files() == files
    await engine.aclose()
    await until(lambda: asyncio.all_tasks() == {asyncio.current_task()}, "every task of the leg has ended")
