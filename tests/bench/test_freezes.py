"""How long a picture stands still where one packet in twenty is lost: two Chromium, every frame's time noted.

The promise is that nothing stands still for longer than a second. A browser that gets no core freezes by itself, so the
same call is watched on a good network first, and that figure stands beside the other.
"""

import asyncio
import os
from pathlib import Path

import pytest
from playwright.async_api import Locator, async_playwright

from tests.bench.table import TABLE, Row
from tests.e2e.conftest import Demo
from tests.support.fake_devices import Colour, make_devices
from tests.support.impairment import Impairment
from tests.support.networks import networks
from tests.support.people import Agent, Customer

pytestmark = pytest.mark.timeout(600)

WATCHED_S = float(os.environ.get("BENCH_FREEZES_S", "60"))
LOSSY = Impairment(delay_ms=40, jitter_ms=10, loss=0.05)

WATCH = """async (video, seconds) => {
    const gaps = [];
    let last = performance.now();
    const until = last + seconds * 1000;
    await new Promise((done) => {
        const note = (now) => {
            gaps.push(now - last);
            last = now;
            if (now < until) video.requestVideoFrameCallback(note);
            else done();
        };
        video.requestVideoFrameCallback(note);
        setTimeout(() => { gaps.push(performance.now() - last); done(); }, seconds * 1000 + 5000);
    });
    return gaps;
}"""


async def watched(picture: Locator) -> list[float]:
    """Milliseconds between the pictures that this page shows of the other side."""
    gaps: list[float] = await picture.evaluate(WATCH, WATCHED_S)
    return gaps[1:]


async def test_how_long_a_picture_stands_still_at_five_percent_loss(tmp_path: Path) -> None:
    cameras = {
        "customer": make_devices(tmp_path, "customer", Colour(200, 40, 40), 440),
        "alex": make_devices(tmp_path, "alex", Colour(40, 60, 200), 880),
    }
    found: dict[str, dict[str, float]] = {}
    async with (
        async_playwright() as playwright,
        Demo.running(tmp_path / "product", {}) as demo,
        networks(demo.product) as all_networks,
        all_networks.browser(playwright, "customer", cameras["customer"]) as (customers, customer_network),
        all_networks.browser(playwright, "alex", cameras["alex"]) as (agents, agent_network),
    ):
        alex = await Agent.sign_in(agents, demo.links["alex"])
        await alex.get_ready()
        customer = await Customer.arrive(customers, demo.url)
        await customer.press_video_call()
        await customer.press_menu_key("1")
        await customer.turn_camera_on()
        await alex.is_rung()
        await alex.accept()
        await customer.sees_and_hears(cameras["alex"])
        await alex.sees_and_hears(cameras["customer"])
        for name, impairment in (("good", Impairment()), ("5 % lost", LOSSY)):
            for network in (customer_network, agent_network):
                network.media.up = network.media.down = impairment
            sides = await asyncio.gather(watched(customer.picture), watched(alex.picture))
            gaps = sorted(gap for side in sides for gap in side)
            found[name] = {
                "frames": len(gaps),
                "longest_ms": round(gaps[-1]),
                "over_1_s": sum(gap > 1000 for gap in gaps),
                "over_200_ms": sum(gap > 200 for gap in gaps),
            }
            TABLE.measured("freezes", network=name, seconds=WATCHED_S, **found[name])
    lossy, good = found["5 % lost"], found["good"]
    note = f"both sides, {WATCHED_S:g} s, 40 ms each way; on a good network {good['longest_ms'] / 1000:g} s"
    TABLE.add(Row("longest freeze at 5 % loss", ((1,), (0.5,)), (lossy["longest_ms"] / 1000,), unit=" s", note=note))
    assert lossy["frames"] > good["frames"] / 4
