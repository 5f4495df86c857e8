"""What a call survives: reloads, a lost network, a closed panel, a switched-off pilot."""

import os
import signal

import pytest
from playwright.async_api import Playwright, expect

from tests.e2e.conftest import Demo
from tests.support.fake_devices import FakeDevices
from tests.support.people import Admin, Agent, Customer, chromium
from tests.support.product import until

Devices = dict[str, FakeDevices]


async def in_call(customer: Customer, agent: Agent) -> None:
    """From the shop's page to a call."""
    await agent.get_ready()
    await customer.press_video_call()
    await customer.press_menu_key("1")
    await customer.turn_camera_on()
    await agent.is_rung()
    await agent.accept()


async def test_a_reload_of_either_side_comes_back_to_the_same_call(
    demo: Demo, playwright: Playwright, devices: Devices
) -> None:
    """The customer's reload, then the agent's: same contact, same two people, pictures and voices again."""
    async with (
        chromium(playwright, devices["customer"]) as customers,
        chromium(playwright, devices["alex"]) as agents,
    ):
        alex = await Agent.sign_in(agents, demo.links["alex"])
        customer = await Customer.arrive(customers, demo.url)
        await in_call(customer, alex)
        await customer.sees_and_hears(devices["alex"])
        await customer.page.reload()
        await customer.sees_and_hears(devices["alex"])
        await alex.sees_and_hears(devices["customer"])
        await alex.page.reload()
        await alex.sees_and_hears(devices["customer"])
        await customer.sees_and_hears(devices["alex"])
        await alex.hang_up()
        await alex.is_in_state("working_after_call")


async def test_a_reload_in_line_keeps_the_place(demo: Demo, playwright: Playwright, devices: Devices) -> None:
    """The first of two in line reloads and is still next."""
    async with (
        chromium(playwright, devices["customer"]) as first,
        chromium(playwright, devices["sam"]) as second,
    ):
        ada = await Customer.arrive(first, demo.url)
        await ada.press_video_call("Ada")
        await ada.press_menu_key("1")
        await ada.wait_in_line()
        bob = await Customer.arrive(second, demo.url)
        await bob.press_video_call("Bob")
        await bob.press_menu_key("1")
        await bob.heading("You are number 2 in line").wait_for()
        await ada.page.reload()
        await ada.wait_in_line()
        await expect(bob.heading("You are number 2 in line")).to_be_visible()


async def test_switching_the_pilot_off_ends_no_call(demo: Demo, playwright: Playwright, devices: Devices) -> None:
    """The kill switch acts on new visitors at once and on a call in progress never."""
    async with (
        chromium(playwright, devices["customer"]) as customers,
        chromium(playwright, devices["alex"]) as agents,
        chromium(playwright) as others,
    ):
        alex = await Agent.sign_in(agents, demo.links["alex"])
        customer = await Customer.arrive(customers, demo.url)
        await in_call(customer, alex)
        await customer.sees_and_hears(devices["alex"])
        admin = await Admin.sign_in(others, demo.links["robin"])
        await admin.stop_the_pilot()
        visitor = await Customer.arrive(others, demo.url)
        await visitor.is_not_offered_video()
        await customer.sees_and_hears(devices["alex"])
        await alex.sees_and_hears(devices["customer"])


async def test_a_panel_opened_twice_goes_on_where_it_is_wanted(
    demo: Demo, playwright: Playwright, devices: Devices
) -> None:
    """The second panel says so and can take over, in mid-call; the first says where the call went."""
    async with (
        chromium(playwright, devices["customer"]) as customers,
        chromium(playwright, devices["alex"]) as agents,
    ):
        alex = await Agent.sign_in(agents, demo.links["alex"])
        customer = await Customer.arrive(customers, demo.url)
        await in_call(customer, alex)
        await customer.sees_and_hears(devices["alex"])
        again = Agent(await agents.new_page())
        await again.page.goto(f"{demo.url}/agent/")
        await again.page.locator("[data-action=take-over]").click()
        await again.sees_and_hears(devices["customer"])
        await customer.sees_and_hears(devices["alex"])
        await alex.page.locator("[data-action=take-over]").wait_for()


@pytest.mark.parametrize("demo", [{"VISAVIS_CONTACTS__AGENT_GRACE": "3s"}], indirect=True)
async def test_an_agent_who_is_gone_leaves_the_customer_at_the_head(
    demo: Demo, playwright: Playwright, devices: Devices
) -> None:
    """The agent's browser is closed in mid-call: after the grace the next agent gets the customer."""
    async with (
        chromium(playwright, devices["customer"]) as customers,
        chromium(playwright, devices["sam"]) as second,
    ):
        sam = await Agent.sign_in(second, demo.links["sam"])
        customer = await Customer.arrive(customers, demo.url)
        async with chromium(playwright, devices["alex"]) as first:
            alex = await Agent.sign_in(first, demo.links["alex"])
            await in_call(customer, alex)
            await customer.sees_and_hears(devices["alex"])
        await sam.get_ready()
        await sam.is_rung()
        await sam.accept()
        await customer.sees_and_hears(devices["sam"])


@pytest.mark.parametrize("demo", [{"VISAVIS_MEDIA__WORKERS": "2"}], indirect=True)
async def test_when_a_media_process_is_killed_both_pages_come_back_by_themselves(
    demo: Demo, playwright: Playwright, devices: Devices
) -> None:
    """`kill -9` in mid-call: nobody touches anything, and the same two people see and hear each other again."""
    async with (
        chromium(playwright, devices["customer"]) as customers,
        chromium(playwright, devices["alex"]) as agents,
    ):
        alex = await Agent.sign_in(agents, demo.links["alex"])
        customer = await Customer.arrive(customers, demo.url)
        await in_call(customer, alex)
        await customer.sees_and_hears(devices["alex"])
        await alex.sees_and_hears(devices["customer"])
        legs = await demo.product.of_workers("visavis_media_worker_legs")
        (busy,) = [name for name, count in legs.items() if count == 2]
        os.kill(demo.product.media_pids()[busy], signal.SIGKILL)

        async def both_are_back() -> bool:
            return await demo.product.total("visavis_recovery_seconds_count") == 2

        await until(both_are_back)
        await customer.sees_and_hears(devices["alex"])
        await alex.sees_and_hears(devices["customer"])
        assert (await demo.product.of_workers("visavis_media_worker_legs"))[busy] == 0, "they met elsewhere"
        await alex.hang_up()
        await alex.is_in_state("working_after_call")
