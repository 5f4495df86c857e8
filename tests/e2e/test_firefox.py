"""Whole calls between a stock Firefox and a Chromium, each as the customer and as the agent."""

from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.async_api import Locator, Playwright, expect

from tests.e2e.conftest import Demo
from tests.support.fake_devices import Colour, FakeDevices
from tests.support.firefox import TONE_HZ, Page, firefox
from tests.support.people import Agent, Customer, chromium
from tests.support.recognition import (
    COLOUR_TOLERANCE,
    SEES,
    wait_until_flat,
    wait_until_heard,
)

pytestmark = pytest.mark.timeout(240)  # two kinds of browser at once are slow on a busy machine

Devices = dict[str, FakeDevices]

_OWN = Path("firefox")
_HUM = FakeDevices(colour=Colour(0, 0, 0), tone_hz=TONE_HZ, camera_file=_OWN, microphone_file=_OWN)


EVERYWHERE = pytest.mark.parametrize("demo", [{"VISAVIS_MEDIA__HOST": ""}], indirect=True)
"""Firefox gathers no loopback candidates, so it meets the gateway at this machine's own address."""


async def sees_and_hears_firefox(picture: Locator) -> None:
    """In a Chromium: the one colour and the hum of a Firefox's own fake devices."""
    await wait_until_flat(picture)
    await wait_until_heard(picture, _HUM)


@dataclass
class FirefoxPerson:
    """Somebody at a Firefox; `page` is where the pictures are."""

    page: Page

    async def sees_and_hears(self, devices: FakeDevices) -> None:
        colour = devices.colour
        await self.page.until(SEES, colour.red, colour.green, colour.blue, COLOUR_TOLERANCE, selector="#remote")
        await self.page.hears()

    async def press(self, action: str) -> None:
        await self.page.click(f"[data-action={action}]")


@EVERYWHERE
async def test_a_customer_with_firefox_talks_to_an_agent_with_chromium(
    demo: Demo, playwright: Playwright, devices: Devices, tmp_path: Path
) -> None:
    """Menu, line, call, hold, hang-up, and a recording that is complete and plays."""
    async with (
        firefox(tmp_path) as customers,
        chromium(playwright, devices["alex"]) as agents,
    ):
        alex = await Agent.sign_in(agents, demo.links["alex"])
        await alex.get_ready()
        shop = await customers.open(f"{demo.url}/")
        await shop.click("video-call >>> button")
        ada = FirefoxPerson(await shop.frame("/widget/"))
        await ada.page.fill("#name", "Ada Lovelace")
        await ada.press("start")
        await ada.page.click("button[data-key='1']")
        await ada.press("camera")
        await ada.press("publish")
        await ada.page.element("#self")

        await alex.is_rung()
        await alex.accept()
        await ada.sees_and_hears(devices["alex"])
        await sees_and_hears_firefox(alex.picture)
        await alex.page.locator("vv-connection summary").click()
        camera = alex.page.locator("vv-connection tbody tr", has_text="Camera")
        # Its page reports the size of what it sends every two seconds, and the panel is told every four.
        await expect(camera.locator("td").first).to_contain_text("×", timeout=30_000)

        await alex.hold()
        await ada.page.element(".middle .title", text="You are on hold")
        await alex.retrieve()
        await ada.sees_and_hears(devices["alex"])
        await sees_and_hears_firefox(alex.picture)

        await ada.press("hang_up")
        await ada.page.element("h1", text="The call has ended")
        await alex.is_in_state("working_after_call")
        await alex.wrap_up("resolved", "")
    recording = await demo.finished_recording()
    assert recording["completeness"] >= 0.7, "of the worst track; a busy machine makes a browser pause"
    assert len(recording["tracks"]) == 4


@EVERYWHERE
async def test_an_agent_with_firefox_talks_to_a_customer_with_chromium(
    demo: Demo, playwright: Playwright, devices: Devices, tmp_path: Path
) -> None:
    async with chromium(playwright, devices["customer"]) as customers, firefox(tmp_path) as agents:
        panel = await agents.open(demo.links["alex"])
        alex = FirefoxPerson(panel)
        await panel.element(".state[data-state=not_ready]")
        await panel.click("header [data-action=ready]")
        customer = await Customer.arrive(customers, demo.url)
        await customer.press_video_call("Ada")
        await customer.press_menu_key("1")
        await customer.turn_camera_on()

        await alex.press("accept")
        await sees_and_hears_firefox(customer.picture)
        await alex.sees_and_hears(devices["customer"])

        await alex.press("hold")
        await customer.frame.get_by_text("You are on hold").first.wait_for()
        await alex.press("retrieve")
        await sees_and_hears_firefox(customer.picture)
        await alex.sees_and_hears(devices["customer"])

        await alex.press("hang_up")
        await customer.is_told("The call has ended")
        await panel.element("vv-wrap-up")
