"""A way too narrow for pictures: sound goes on, both sides read why, and the picture comes back by itself."""

import pytest
from playwright.async_api import Playwright, expect

from tests.e2e.conftest import Demo
from tests.support.fake_devices import FakeDevices
from tests.support.hostile import media_port
from tests.support.impairment import STEERING_BINDING, STEERING_SCRIPT, Impairment, ImpairmentRelay
from tests.support.people import Agent, Customer, chromium
from tests.support.recognition import wait_until_heard

SOON_MS = 40_000


@pytest.mark.parametrize("demo", [{"VISAVIS_LOG__LEVEL": "INFO"}], indirect=True)
async def test_pictures_pause_for_a_customer_who_has_room_for_sound_only(
    demo: Demo, playwright: Playwright, devices: dict[str, FakeDevices]
) -> None:
    relay = ImpairmentRelay(("127.0.0.1", media_port(demo.product)), seed=3)
    try:
        path = relay.open_path("customer")
        async with (
            chromium(playwright, devices["customer"]) as customers,
            chromium(playwright, devices["alex"]) as agents,
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

            path.down = Impairment(rate_bps=64_000, queue_ms=500)
            instead = customer.frame.locator("[data-without=too_slow]")
            await expect(instead).to_contain_text("too slow for pictures", timeout=SOON_MS)
            told = alex.page.locator(".sign.quality", has_text="does not see you just now")
            await expect(told).to_contain_text("Ada Lovelace", timeout=SOON_MS)
            await wait_until_heard(customer.picture, devices["alex"])
            await alex.sees_and_hears(devices["customer"])

            path.down = Impairment()
            await expect(instead).to_have_count(0, timeout=SOON_MS)
            await expect(told).to_have_count(0, timeout=SOON_MS)
            await customer.sees_and_hears(devices["alex"])
    finally:
        relay.close()
