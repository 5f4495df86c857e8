"""The product with its media in processes of its own: one is killed in mid-call, and everybody comes back."""

import asyncio
import os
import re
import signal
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from gateway.canary.media import RobotMedia
from gateway.canary.robots import open_leg
from gateway.canary.talk import Talk
from signaling.messages import LegState
from tests.support.product import Product, Scene, contact_of, contact_when, is_there, scene, until

BACK_S = 30.0


@pytest.fixture
async def product(tmp_path: Path) -> AsyncIterator[Product]:
    product = await Product.start(tmp_path, settings={"VISAVIS_MEDIA__WORKERS": "2"})
    yield product
    await product.kill()


@asynccontextmanager
async def next_generation(talk: Talk) -> AsyncIterator[RobotMedia]:
    """What a page does when it is told that its connection is gone: the next one, at once."""
    told = await talk.wait_for(LegState, lambda state: state.state in ("reconnecting", "failed"))
    async with open_leg(talk, "127.0.0.1", generation=told.generation + 1) as media:
        yield media


async def test_kill_9_of_a_media_process_interrupts_its_calls_only_and_they_come_back(product: Product) -> None:
    """R2. One process has a call and the other a call and a waiting customer; the second is killed.

    The same contact, agent and place; the recording goes on and is whole but for the gap; the other call loses nothing.
    """
    async with AsyncExitStack() as stack:
        first, second, waiting = [await stack.enter_async_context(scene(product, seat=seat)) for seat in range(3)]
        await first.to("queue", "ringing", "call")
        await second.to("queue", "ringing", "call")
        await waiting.to("queue")
        legs = await product.of_workers("visavis_media_worker_legs")
        assert sorted(legs.values()) == [2.0, 3.0]
        names = {int(count): name for name, count in legs.items()}
        beside = alone(product, first, second, names[2])
        victim = second if beside is first else first
        await asyncio.sleep(2.0)  # what is recorded until now must be in the recording
        before = (beside.customer_media.counts(), beside.agent_media.counts())

        killed_at = time.monotonic()
        os.kill(product.media_pids()[names[3]], signal.SIGKILL)
        async with asyncio.timeout(BACK_S):
            customer = await stack.enter_async_context(next_generation(victim.customer))
            agent = await stack.enter_async_context(next_generation(victim.agent))
            waiter = await stack.enter_async_context(next_generation(waiting.customer))
            await waiter.heard_since(waiter.counts())  # hold music
            await customer.heard_since(customer.counts())
            await agent.heard_since(agent.counts())
        back_s = time.monotonic() - killed_at

        async def all_up() -> bool:
            return list((await product.of_workers("visavis_media_worker_up")).values()) == [1.0, 1.0]

        await until(all_up)
        legs = await product.of_workers("visavis_media_worker_legs")
        assert legs == {names[2]: 5.0, names[3]: 0.0}, "both sides of a call meet in one process"
        assert await product.of_workers("visavis_media_worker_restarts_total") == {names[2]: 0.0, names[3]: 1.0}
        await asyncio.sleep(2.0)
        for media, earlier in zip((beside.customer_media, beside.agent_media), before, strict=True):
            heard = media.counts().since(earlier)
            assert heard.lost == 0
            assert heard.audio_packets > 100

        assert (await contact_of(product, waiting.contact_id))["state"] == "queued"
        told = await contact_of(product, victim.contact_id)
        assert told["state"] == "active"
        events = [(event["name"], event["reason"]) for event in told["journal"]]
        assert events.count(("interrupted", "media_worker_lost")) == 2
        assert events.count(("recovered", "media_worker_lost")) == 2
        assert ("recording_gap", "worker_lost") in events
        recovered = [event["data"]["seconds"] for event in told["journal"] if event["name"] == "recovered"]
        assert max(recovered) <= back_s

        await victim.to("wrap_up", "end")
        done = await contact_when(product, victim.contact_id, state="closed", recording="complete")
        assert done["recording"]["duration_s"] >= 4.0, "before the gap and after it"
        assert done["recording"]["completeness"] >= 0.8, "less what the killed process had not written yet"


def alone(product: Product, first: Scene, second: Scene, worker: str) -> Scene:
    """Which of two calls is carried by that process: the one whose agent's leg answers from its port."""
    log = (product.folder / "stderr").read_text(encoding="utf-8")
    (port,) = re.findall(rf'"port": (\d+), "pid": \d+, "event": "worker.ready", "worker": "{worker}"', log)
    link = first.agent_media.link
    return first if link is not None and link.remote_address.endswith(f":{port}") else second


async def test_a_drain_with_media_processes_lets_the_call_end_and_leaves_no_process(product: Product) -> None:
    """Signals that reach the media processes too (a terminal's Ctrl-C, a supervisor's group) change nothing."""
    async with scene(product) as one:
        await one.to("queue", "ringing", "call")
        pids = product.media_pids()
        for pid in pids.values():
            os.kill(pid, signal.SIGTERM)
            os.kill(pid, signal.SIGINT)
        await product.terminate()
        await until(product.is_draining)
        await one.customer_media.heard_since(one.customer_media.counts())
        await one.to("wrap_up", "end")
    assert await product.ended() == 0, product.errors()
    assert not any(is_there(pid) for pid in pids.values())


async def test_a_killed_gateway_takes_its_media_processes_along_and_saves_the_recording_later(
    product: Product, tmp_path: Path
) -> None:
    async with scene(product) as one:
        await one.to("queue", "ringing", "call")
        await asyncio.sleep(3.0)
        pids = product.media_pids()
        await product.kill()

        async def gone() -> bool:
            return not any(is_there(pid) for pid in pids.values())

        await until(gone)
    again = await Product.start(tmp_path, settings={"VISAVIS_MEDIA__WORKERS": "1"})
    try:
        contact = await contact_when(again, one.contact_id, state="closed", recording="complete")
        assert contact["recording"]["duration_s"] >= 1.0
    finally:
        await again.kill()
