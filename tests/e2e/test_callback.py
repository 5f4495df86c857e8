"""A customer who will not wait keeps the place, closes the tab, and is first when they come back by their link."""

import json

import pytest
from playwright.async_api import Playwright, expect

from tests.e2e.conftest import Demo
from tests.support.fake_devices import FakeDevices
from tests.support.people import Admin, Agent, Customer, chromium
from tests.support.recognition import wait_until_seen

OFFERED = {
    "VISAVIS_QUEUES": json.dumps([{"id": "sales", "name": "Sales", "callback": "offer", "callback_after": "0s"}]),
}


@pytest.mark.parametrize("demo", [OFFERED], indirect=True, ids=["offered"])
async def test_who_keeps_the_place_and_closes_the_tab_is_first_by_the_link(
    demo: Demo, playwright: Playwright, devices: dict[str, FakeDevices]
) -> None:
    async with (
        chromium(playwright, devices["customer"]) as customers,
        chromium(playwright, devices["sam"]) as others,
        chromium(playwright, devices["alex"]) as agents,
    ):
        robin = await Admin.sign_in(agents, demo.links["robin"])
        page = await customers.new_page()
        await page.goto(f"{demo.url}/widget/?site=demo")
        await page.get_by_label("Your name").fill("Ada")
        await page.get_by_role("button", name="Start the video call").click()
        await page.locator("button[data-key='1']").click()
        await page.get_by_role("heading", name="You are next").wait_for()
        await page.get_by_role("button", name="Keep my place and come back").click()
        await page.get_by_role("heading", name="You are next: stay near").wait_for()
        address = await page.locator("[data-link]").inner_text()
        await page.close()

        later = await Customer.arrive(others, demo.url)
        await later.press_video_call("Ben")
        await later.press_menu_key("1")
        await later.heading("You are number 2 in line").wait_for()
        await expect(robin.page.locator("[data-kept]").first).to_have_text("1")

        back = await customers.new_page()
        await back.goto(address)
        await back.get_by_role("heading", name="You are next: stay near").wait_for()
        await back.get_by_role("button", name="Copy the link").wait_for()

        alex = await Agent.sign_in(agents, demo.links["alex"])
        await alex.get_ready()
        await alex.is_rung()  # for Ben: nobody waits for who is away
        await back.get_by_role("heading", name="It is your turn").wait_for()
        await expect(back).to_have_title("● It is your turn")
        await back.get_by_role("button", name="Start the video call").click()
        await back.get_by_role("heading", name="You are next").wait_for()
        await alex.reject()
        await alex.get_ready()
        await expect(alex.page.get_by_text("Ada").first).to_be_visible()
        await alex.accept()
        await back.locator("[data-action=camera]").click()
        await back.locator("[data-action=publish]").click()
        await wait_until_seen(alex.picture, devices["customer"])
        await wait_until_seen(back.locator("#remote"), devices["alex"])
        await expect(robin.page.locator("[data-kept]").first).to_have_text("0")
