"""During a telephone call the agent makes a link; the customer opens it, types the PIN, and they see each other."""

from datetime import date, timedelta

from playwright.async_api import Playwright, expect

from tests.e2e.conftest import Demo
from tests.support.fake_devices import FakeDevices
from tests.support.people import Agent, chromium
from tests.support.recognition import wait_until_seen

JUST_NOW = "() => new Date().toTimeString().slice(0, 5)"  # by the page's clock, to the minute


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


async def test_a_link_for_a_time_shows_it_and_leads_to_the_agent_when_it_has_come(
    demo: Demo, playwright: Playwright, devices: dict[str, FakeDevices]
) -> None:
    async with (
        chromium(playwright, devices["customer"]) as customers,
        chromium(playwright, devices["alex"]) as agents,
    ):
        alex = await Agent.sign_in(agents, demo.links["alex"])
        await alex.page.get_by_text("Send a video link").click()
        for year_later in (1, 0):
            await alex.page.get_by_label("At another time").check()
            today = await alex.page.get_by_label("Date", exact=True).get_attribute("min") or ""
            day = today if not year_later else (date.fromisoformat(today) + timedelta(days=365)).isoformat()
            await alex.page.get_by_label("Date", exact=True).fill(day)
            await alex.page.get_by_label("Time", exact=True).fill(await alex.page.evaluate(JUST_NOW))
            await alex.page.get_by_role("button", name="Make a link").click()
            address = await alex.page.locator("[data-link]").inner_text()
            page = await customers.new_page()
            await page.goto(address)
            if not year_later:
                break
            await expect(page.get_by_role("heading", name="Your video call is later")).to_be_visible()
            await expect(page.get_by_text("Alex Martin expects you on")).to_be_visible()
            for calendar in (page, alex.page):
                async with calendar.expect_download() as saved:
                    await calendar.locator("[data-action=calendar]").click()
                assert f"DTSTART:{day.replace('-', '')[:4]}" in (await (await saved.value).path()).read_text()
            await alex.page.get_by_role("button", name="Another link").click()

        await alex.get_ready()
        await page.get_by_role("button", name="Start the video call").click()
        await alex.is_rung()
        await alex.accept()
        await wait_until_seen(page.locator("#remote"), devices["alex"])
        await alex.hang_up()
        await expect(page.locator("#remote")).to_have_count(0)
