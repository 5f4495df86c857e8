"""A whole call between two real browsers: whose picture and whose voice arrive, and what each side reads."""

import pytest
from playwright.async_api import Playwright, expect

from tests.e2e.conftest import Demo
from tests.support.fake_devices import FakeDevices
from tests.support.people import Admin, Agent, Customer, chromium

Devices = dict[str, FakeDevices]


async def test_a_click_becomes_a_recorded_call(demo: Demo, playwright: Playwright, devices: Devices) -> None:
    """Menu by keyboard, waiting, ring, both see and hear each other, hold, wrap-up, and the recording plays."""
    async with (
        chromium(playwright, devices["customer"]) as customers,
        chromium(playwright, devices["alex"]) as agents,
        chromium(playwright) as admins,
    ):
        alex = await Agent.sign_in(agents, demo.links["alex"])
        customer = await Customer.arrive(customers, demo.url)
        await customer.press_video_call("Ada Lovelace")
        await customer.press_menu_key("2")
        await customer.press_menu_key("1")
        await customer.wait_in_line()
        await customer.turn_camera_on()
        assert await customer.sends() == {"audio": False, "video": False}, "nobody is there to hear or see it"

        await alex.get_ready()
        await alex.is_rung()
        await expect(alex.page.locator("#offer-title")).to_have_text("Ada Lovelace")
        await expect(alex.page.get_by_text("Something is not working › The lamp flickers")).to_be_visible()
        await alex.accept()
        await customer.sees_and_hears(devices["alex"])
        await alex.sees_and_hears(devices["customer"])
        assert await customer.sends() == {"audio": True, "video": True}
        await expect(customer.frame.get_by_text("Alex Martin").first).to_be_visible()
        await expect(customer.frame.get_by_text("Recording").first).to_be_visible()

        await alex.hold()
        await customer.frame.get_by_text("You are on hold").first.wait_for()
        await alex.retrieve()
        await customer.sees_and_hears(devices["alex"])
        await alex.sees_and_hears(devices["customer"])

        await customer.hang_up()
        await customer.is_told("The call has ended")
        await alex.is_in_state("working_after_call")
        await alex.wrap_up("resolved", "New bulb sent")
        await alex.is_in_state("ready")

        admin = await Admin.sign_in(admins, demo.links["robin"])
        await admin.open_newest_contact()
        await admin.recording_plays()
        contact_id = admin.page.url.rpartition("/")[2]
        answer = await admin.page.request.get(f"{demo.url}/api/v1/contacts/{contact_id}")
        journal = (await answer.json())["journal"]
        shown = [e for e in journal if e["name"] == "leg_first_media" and e["data"]["kind"] == "video"]
        accepted = next(event for event in journal if event["name"] == "offer_accepted")
        assert len(shown) == 2
        assert all(event["seq"] > accepted["seq"] for event in shown), "nobody's camera was sent before they were met"


async def test_the_menu_serves_a_customer_by_itself(demo: Demo, playwright: Playwright, devices: Devices) -> None:
    """An answer ends the contact and stays to be read, with a way on; nobody is asked for a camera."""
    async with chromium(playwright, devices["customer"]) as customers:
        customer = await Customer.arrive(customers, demo.url)
        await customer.press_video_call()
        await customer.press_menu_key("3")
        await customer.frame.locator("[data-action=again]").wait_for()
        await expect(customer.frame.get_by_text("We are open Monday to Saturday").first).to_be_visible()


@pytest.mark.parametrize("demo", [{"VISAVIS_CONTACTS__OFFER_TIMEOUT": "6s"}], indirect=True)
async def test_an_unanswered_ring_goes_to_the_next_agent(demo: Demo, playwright: Playwright, devices: Devices) -> None:
    """RONA: the first agent is set to not ready, the second is rung, and the customer's picture goes to the second."""
    async with (
        chromium(playwright, devices["customer"]) as customers,
        chromium(playwright, devices["alex"]) as first,
        chromium(playwright, devices["sam"]) as second,
    ):
        alex = await Agent.sign_in(first, demo.links["alex"])
        await alex.get_ready()
        sam = await Agent.sign_in(second, demo.links["sam"])
        await sam.get_ready()
        customer = await Customer.arrive(customers, demo.url)
        await customer.press_video_call()
        await customer.press_menu_key("1")
        await customer.turn_camera_on()
        await alex.is_rung()
        await sam.is_rung()
        await alex.is_in_state("not_ready")
        await sam.accept()
        await customer.sees_and_hears(devices["sam"])
        await sam.sees_and_hears(devices["customer"])


async def test_a_screen_is_shown_beside_the_camera(demo: Demo, playwright: Playwright, devices: Devices) -> None:
    """The third section carries the agent's screen without a new negotiation; the camera goes on beside it."""
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
        await customer.sees_and_hears(devices["alex"])
        await alex.page.locator("[data-action=share]").click()
        screen = customer.frame.locator("#screen")
        await screen.wait_for()
        await expect(screen).not_to_have_js_property("videoWidth", 0)
        await alex.page.locator("[data-action=stop_sharing]").click()
        await expect(screen).to_have_count(0)
        await customer.sees_and_hears(devices["alex"])
