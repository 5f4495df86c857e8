"""Call mode in real browsers: the voice goes over the ACD's telephone, the agent's panel has the picture."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import av
import numpy as np
from playwright.async_api import Playwright, expect

from tests.e2e.conftest import Demo
from tests.support.fake_devices import FakeDevices
from tests.support.people import KEEP_CONNECTIONS, SENDS, Agent, Customer, chromium
from tests.support.recognition import wait_until_heard, wait_until_seen
from tests.support.sip_peer import PeerCall, SipPeer, loudest_hz, sip_peer, tone

PHONE_HZ = 700
STEP_S = 30.0


@dataclass
class Center:
    """The demo, whose sales queue is a number of the telephone switch `switch`."""

    demo: Demo
    switch: SipPeer


@asynccontextmanager
async def center(folder: Path) -> AsyncIterator[Center]:
    async with sip_peer() as switch:
        acd = {
            "name": "pbx",
            "kind": "sip",
            "numbers": {"sales": "7001"},
            "trunks": [{"name": "main", "domain": f"127.0.0.1:{switch.port}", "caller_domain": "127.0.0.1"}],
        }
        settings = {
            "VISAVIS_ACDS": json.dumps([acd]),
            "VISAVIS_QUEUES": json.dumps([{"id": "sales", "name": "Sales", "acd": "pbx"}]),
            "VISAVIS_VOICE__INTERFACE": "127.0.0.1",
        }
        async with Demo.running(folder, settings) as demo:
            yield Center(demo, switch)


async def hears_customer(call: PeerCall, hz: float) -> None:
    """On the telephone."""
    async with asyncio.timeout(STEP_S):
        while abs(loudest_hz(call.rtp.sound()[-8000:]) - hz) > hz * 0.05:  # noqa: ASYNC110 - packets from another process
            await asyncio.sleep(0.1)


async def keyed(call: PeerCall, keys: str) -> None:
    """At the switch, as telephone events (RFC 4733)."""
    async with asyncio.timeout(STEP_S):
        while call.rtp.digits() != keys:  # noqa: ASYNC110 - packets from another process
            await asyncio.sleep(0.05)


def said_hz(path: Path) -> float:
    """In the sound of a file."""
    with av.open(str(path)) as container:
        pieces = [frame.to_ndarray()[0] for frame in container.decode(audio=0)]
    return loudest_hz((np.concatenate(pieces) * 32767).astype(np.int16), 48_000)


async def test_the_agent_opens_the_video_of_the_telephone_call_by_its_screen_pop(
    tmp_path: Path, playwright: Playwright, devices: dict[str, FakeDevices]
) -> None:
    """The telephone has the voice both ways, the panel the pictures and no microphone; hanging up there ends both, and
    whoever plays the recording hears the telephone beside the agent's picture."""
    async with (
        center(tmp_path / "product") as here,
        chromium(playwright, devices["customer"]) as customers,
        chromium(playwright, devices["alex"]) as agents,
    ):
        await agents.add_init_script(KEEP_CONNECTIONS)
        agent = await Agent.sign_in(agents, here.demo.links["alex"])
        customer = await Customer.arrive(customers, here.demo.url)
        await customer.press_video_call("Ada Lovelace")
        await customer.press_menu_key("1")
        await customer.turn_camera_on()
        call = await here.switch.call(1)
        call.rtp.speak(tone(PHONE_HZ))
        correlation = call.invite.one("X-Video-Contact-Id")
        await customer.frame.locator("[data-action=keypad]").click()
        await customer.frame.locator("vv-keypad [data-key='4']").click()
        await customer.page.keyboard.press("2")
        await customer.page.keyboard.press("#")
        await keyed(call, "42#")
        await customer.page.keyboard.press("Escape")
        await expect(customer.frame.locator("vv-keypad")).to_have_count(0)

        await agent.page.goto(f"{here.demo.url}/agent/claim/{correlation}")
        await agent.is_in_state("busy")
        await asyncio.gather(
            wait_until_seen(customer.picture, devices["alex"]),
            wait_until_heard(customer.picture, replace(devices["alex"], tone_hz=PHONE_HZ)),
            wait_until_seen(agent.picture, devices["customer"]),
            hears_customer(call, devices["customer"].tone_hz),
        )
        assert await agent.page.evaluate(SENDS) == {"audio": False, "video": True}
        await expect(agent.page.get_by_text("The voice is on your phone")).to_be_visible()
        await expect(agent.page.locator("[data-action=mute]")).to_have_count(0)
        await customer.write("LX-2209")
        await agent.page.keyboard.press("Alt+C")
        await expect(agent.page.locator("vv-chat [data-line] .text")).to_have_text("LX-2209")
        await agent.sees_more(45)  # so long that there is something to record

        call.bye(("Reason", 'Q.850;cause=16;text="Normal call clearing"'))
        await customer.is_told("The call has ended")
        await agent.wrap_up()
        copy = tmp_path / "agent.webm"
        recording = await here.demo.finished_recording("agent", copy)
        assert [f"{track['role']} {track['kind']}" for track in recording["tracks"] if track["frames"]] == [
            "customer audio",
            "customer video",
            "agent video",
            "telephone audio",
        ]
        assert recording["completeness"] >= 0.7, "of the worst track; a busy machine makes a browser pause"
        assert abs(said_hz(copy) - PHONE_HZ) < PHONE_HZ * 0.05
