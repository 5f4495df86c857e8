"""A bad network in words: the agent reads whose way it is, the customer reads it of themselves, and it goes away."""

import re

import pytest
from playwright.async_api import Playwright, expect

from tests.e2e.conftest import Demo
from tests.support.fake_devices import FakeDevices
from tests.support.hostile import media_port
from tests.support.impairment import STEERING_BINDING, STEERING_SCRIPT, Impairment, ImpairmentRelay
from tests.support.people import Admin, Agent, Customer, chromium

SOON_MS = 45_000


@pytest.mark.parametrize("demo", [{"VISAVIS_LOG__LEVEL": "INFO"}], indirect=True)
async def test_the_agent_reads_that_it_is_the_customers_upload_until_it_is_over(
    demo: Demo, playwright: Playwright, devices: dict[str, FakeDevices]
) -> None:
    """One packet in four is lost on the customer's way up, none down; the words, the board and the journal name it."""
    relay = ImpairmentRelay(("127.0.0.1", media_port(demo.product)), seed=3)
    try:
        path = relay.open_path("customer")
        async with (
            chromium(playwright, devices["customer"]) as customers,
            chromium(playwright, devices["alex"]) as agents,
            chromium(playwright) as admins,
        ):
            await customers.expose_function(STEERING_BINDING, path.steer)
            await customers.add_init_script(STEERING_SCRIPT)
            alex = await Agent.sign_in(agents, demo.links["alex"])
            await alex.get_ready()
            customer = await Customer.arrive(customers, demo.url)
            await customer.press_video_call("Ada Lovelace")
            await customer.press_menu_key("1")
            await customer.turn_camera_on()
            await alex.is_rung()
            await alex.accept()
            await customer.sees_and_hears(devices["alex"])
            assert path.up_lane.counters["packets"] > 20

            path.up = Impairment(loss=0.25)
            told = alex.page.locator(".sign.quality", has_text="their upload")
            await expect(told).to_have_text(re.compile("Ada Lovelace: (weak|bad) connection"), timeout=SOON_MS)
            own = customer.frame.locator(".sign.quality", has_text="Your connection")
            await expect(own).to_have_text(re.compile("Your connection is (weak|bad): you "), timeout=SOON_MS)
            details = alex.page.locator("vv-connection")
            await details.locator("summary").click()
            await expect(details.locator("tbody tr", has_text="Lost on the way up")).to_contain_text("%")
            admin = await Admin.sign_in(admins, demo.links["robin"])
            await expect(admin.page.get_by_text("customer's upload")).to_be_visible(timeout=SOON_MS)

            path.up = Impairment()
            await expect(told).to_have_count(0, timeout=SOON_MS)
            await expect(own).to_have_count(0, timeout=SOON_MS)
            await alex.sees_and_hears(devices["customer"])
            await customer.hang_up()
            await alex.is_in_state("working_after_call")
            await alex.wrap_up("resolved", "")
            await admin.open_newest_contact()
            await expect(admin.page.locator("vv-contact table", has_text="Freezes")).to_contain_text(
                "customer's upload"
            )
    finally:
        relay.close()
