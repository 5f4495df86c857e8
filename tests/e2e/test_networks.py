"""What a call survives of its networks: a cut, another address, a crashed tab, with what the other side is told."""

import json

import pytest
from playwright.async_api import Error, Locator, Page, Playwright, expect

from tests.e2e.conftest import Demo
from tests.support.fake_devices import FakeDevices
from tests.support.networks import networks
from tests.support.people import Agent, Customer

Devices = dict[str, FakeDevices]


async def in_call(customer: Customer, agent: Agent) -> None:
    await agent.get_ready()
    await customer.press_video_call()
    await customer.press_menu_key("1")
    await customer.turn_camera_on()
    await agent.is_rung()
    await agent.accept()


async def reads(words: Locator, *texts: str) -> None:
    """What lies over the picture, once the gateway or the page has noticed."""
    for text in texts:
        await expect(words).to_contain_text(text)


async def crashed_and_restored(page: Page) -> Page:
    """The tab's process dies; what browsers keep of a tab (its session storage) comes back in a new one."""
    address, kept = page.url, await page.evaluate("JSON.stringify(sessionStorage)")
    with pytest.raises(Error):
        await page.goto("chrome://crash")
    restored = await page.context.new_page()
    await restored.add_init_script(
        f"if (sessionStorage.length === 0) Object.assign(sessionStorage, JSON.parse({json.dumps(kept)}))"
    )
    await restored.goto(address)
    return restored


async def test_a_call_survives_cuts_moves_and_crashes_and_each_side_is_told_why(
    demo: Demo, playwright: Playwright, devices: Devices
) -> None:
    async with (
        networks(demo.product) as all_networks,
        all_networks.browser(playwright, "customer", devices["customer"]) as (customers, customer_network),
        all_networks.browser(playwright, "alex", devices["alex"]) as (agents, agent_network),
    ):
        alex = await Agent.sign_in(agents, demo.links["alex"])
        customer = await Customer.arrive(customers, demo.url)

        async def both_talk() -> None:
            await customer.sees_and_hears(devices["alex"])
            await alex.sees_and_hears(devices["customer"])

        await in_call(customer, alex)
        await both_talk()

        customer_network.cut()
        await reads(alex.page.locator(".words"), "Ada has lost the connection", "the call ends")
        await reads(customer.frame.locator(".words"), "Reconnecting…")
        customer_network.mend()
        await both_talk()
        await expect(alex.page.locator(".words")).to_have_count(0)

        agent_network.cut()
        await reads(customer.frame.locator(".words"), "Alex Martin has lost the connection", "you get the next agent")
        agent_network.mend()
        await both_talk()

        customer_network.change_address()
        agent_network.change_address()
        await both_talk()

        alex.page = await crashed_and_restored(alex.page)
        await both_talk()
        customer.page = await crashed_and_restored(customer.page)
        await both_talk()
        await alex.hang_up()
        await alex.is_in_state("working_after_call")
