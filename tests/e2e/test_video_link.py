"""During a telephone call the agent makes a link; the customer opens it, types the PIN, and they see each other."""

from playwright.async_api import Playwright, expect

from tests.e2e.conftest import Demo
from tests.support.fake_devices import FakeDevices
from tests.support.people import Agent, chromium
from tests.support.recognition import wait_until_seen


async def test_a_customer_on_the_telephone_joins_with_video_by_a_link(
    demo: Demo, playwright: Playwright, devices: dict[str, FakeDevices]
) -> None:
    async with (
        chromium(playwright, devices["customer"]) as customers,
        chromium(playwright, devices["alex"]) as agents,
    ):
        alex = await Agent.sign_in(agents, demo.links["alex"])
        await alex.page.get_by_text("Send a video link").click()
        await alex.page.get_by_label("With a PIN that you read to them").check()
        await alex.page.get_by_role("button", name="Make a link").click()
        address = await alex.page.locator("[data-link]").inner_text()
        pin = await alex.page.locator("[data-pin]").inner_text()
        await expect(alex.page.get_by_alt_text("QR code of the link")).to_be_visible()

        page = await customers.new_page()
        await page.goto(address)
        await expect(page.get_by_role("heading", name="Alex Martin invites you to a video call")).to_be_visible()
        await page.get_by_label("PIN").fill("000000" if pin != "000000" else "111111")
        await page.get_by_role("button", name="Start the video call").click()
        await expect(page.get_by_role("heading", name="The PIN is not right")).to_be_visible()
        await page.get_by_role("button", name="Try again").click()
        await page.get_by_label("Your name").fill("Ada")
        await page.get_by_label("PIN").fill(pin)
        await page.get_by_role("button", name="Start the video call").click()
        await page.locator("[data-action=camera]").click()
        await page.locator("[data-action=publish]").click()

        await wait_until_seen(alex.picture, devices["customer"])
        await wait_until_seen(page.locator("#remote"), devices["alex"])
        await alex.page.locator("[data-action=end_video]").click()
        await expect(page.get_by_role("heading", name="You are on the phone with us")).to_be_visible()
        await page.locator("[data-action=hang_up]").click()
