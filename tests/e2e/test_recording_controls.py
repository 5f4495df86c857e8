"""Who decides about a recording, as people see it: a question, buttons on both sides, a payment, and the console."""

import pytest
from playwright.async_api import Playwright, expect

from tests.e2e.conftest import Demo
from tests.support.fake_devices import FakeDevices
from tests.support.people import Admin, Agent, Customer, chromium


@pytest.mark.parametrize("demo", [{"VISAVIS_RECORDING__POLICY": "on_request"}], indirect=True)
async def test_a_recording_is_asked_for_agreed_paused_and_kept(
    demo: Demo, playwright: Playwright, devices: dict[str, FakeDevices]
) -> None:
    """S19 and S35 in two real browsers: the page's payment outranks the agent, and both always see what is true."""
    async with (
        chromium(playwright, devices["customer"]) as customers,
        chromium(playwright, devices["alex"]) as agents,
        chromium(playwright) as admins,
    ):
        alex = await Agent.sign_in(agents, demo.links["alex"])
        await alex.get_ready()
        customer = await Customer.arrive(customers, demo.url)
        await customer.press_video_call("Ada Lovelace")
        await customer.press_menu_key("1")
        await customer.turn_camera_on()
        await alex.is_rung()
        await alex.accept()
        await customer.sees_and_hears(devices["alex"])
        sign = customer.frame.locator("[data-recording]")
        await expect(sign).to_have_attribute("data-recording", "off")

        await alex.page.locator("[data-action=record_start]").click()
        await customer.frame.locator("[data-action=agree]").click()
        await expect(sign).to_have_attribute("data-recording", "on")
        await alex.page.keyboard.press("Alt+KeyP")
        await expect(sign).to_have_attribute("data-recording", "paused")
        await alex.page.locator("[data-action=record_resume]").wait_for()  # the panel knows it too
        await alex.page.keyboard.press("Alt+KeyP")
        await expect(sign).to_have_attribute("data-recording", "on")

        await customer.page.evaluate(
            """() => {
                window.heard = [];
                const call = document.querySelector("video-call");
                call.addEventListener("recording", (event) => window.heard.push(event.detail));
            }"""
        )
        await customer.page.evaluate("document.querySelector('video-call').payment = true")
        await expect(sign).to_have_attribute("data-recording", "paused")
        await customer.page.wait_for_function("window.heard.includes('paused')")
        await expect(alex.page.locator("[data-action=record_resume]")).to_have_count(0)
        await customer.page.evaluate("document.querySelector('video-call').payment = false")
        await expect(sign).to_have_attribute("data-recording", "on")

        admin = await Admin.sign_in(admins, demo.links["robin"])
        await admin.page.locator("a[href='#/recordings']").click()
        await admin.page.locator("vv-recordings .rows a").first.click()
        await expect(admin.page.locator("vv-recording .facts").first).to_be_visible()
        await expect(admin.page.locator("vv-player video")).to_have_count(0)
        await customer.hang_up()
        await alex.is_in_state("working_after_call")
        await admin.page.locator("vv-player video").first.wait_for()  # the open page learns it


async def test_a_customer_stops_the_recording_and_goes_on_talking(
    demo: Demo, playwright: Playwright, devices: dict[str, FakeDevices]
) -> None:
    """S35: withdrawn in mid-call, nothing is left of it."""
    async with (
        chromium(playwright, devices["customer"]) as customers,
        chromium(playwright, devices["alex"]) as agents,
    ):
        alex = await Agent.sign_in(agents, demo.links["alex"])
        await alex.get_ready()
        customer = await Customer.arrive(customers, demo.url)
        await customer.press_video_call()
        await customer.press_menu_key("1")
        await customer.turn_camera_on()
        await alex.is_rung()
        await alex.accept()
        sign = customer.frame.locator("[data-recording]")
        await expect(sign).to_have_attribute("data-recording", "on")
        await customer.frame.locator("[data-action=withdraw]").click()
        await expect(sign).to_have_attribute("data-recording", "off")
        await customer.sees_and_hears(devices["alex"])
        folder = demo.product.folder / "data" / "recordings"
        assert [path for path in folder.iterdir() if path.is_dir()] == []
