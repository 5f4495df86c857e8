"""Two Chromium that do not have the same picture codecs: mended where it can be, told where it can't."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import BrowserContext, Playwright, expect

from tests.e2e.conftest import Demo
from tests.support.fake_devices import FakeDevices
from tests.support.people import Agent, Customer, chromium
from tests.support.recognition import wait_until_heard

SOON_MS = 40_000

ONLY = """
const add = RTCPeerConnection.prototype.addTransceiver;
RTCPeerConnection.prototype.addTransceiver = function (what, options) {
  const transceiver = add.call(this, what, options);
  const kind = typeof what === "string" ? what : what.kind;
  const has = ({ mimeType }) => mimeType === "video/CODEC" || mimeType === "video/rtx";
  if (kind === "video") transceiver.setCodecPreferences(RTCRtpReceiver.getCapabilities("video").codecs.filter(has));
  return transceiver;
};
"""
"""Makes a browser one that has no other codec."""


async def limit(browser: BrowserContext, codec: str) -> None:
    await browser.add_init_script(ONLY.replace("CODEC", codec))


@asynccontextmanager
async def talking(
    demo: Demo, customers: BrowserContext, agents: BrowserContext
) -> AsyncIterator[tuple[Customer, Agent]]:
    """A customer with their camera on and the agent who took the call."""
    alex = await Agent.sign_in(agents, demo.links["alex"])
    await alex.get_ready()
    customer = await Customer.arrive(customers, demo.url)
    await customer.press_video_call("Ada Lovelace")
    await customer.press_menu_key("1")
    await customer.turn_camera_on()
    await alex.is_rung()
    await alex.accept()
    yield customer, alex


async def test_an_agent_with_h264_only_sees_a_customer_whose_browser_prefers_vp8(
    demo: Demo, playwright: Playwright, devices: dict[str, FakeDevices]
) -> None:
    async with chromium(playwright, devices["customer"]) as customers, chromium(playwright, devices["alex"]) as agents:
        await limit(agents, "H264")
        async with talking(demo, customers, agents) as (customer, alex):
            await alex.sees_and_hears(devices["customer"])
            await customer.sees_and_hears(devices["alex"])
            await expect(alex.page.locator("[data-without]")).to_have_count(0)


async def test_with_nothing_in_common_both_read_why_and_hear_each_other(
    demo: Demo, playwright: Playwright, devices: dict[str, FakeDevices]
) -> None:
    async with chromium(playwright, devices["customer"]) as customers, chromium(playwright, devices["alex"]) as agents:
        await limit(agents, "H264")
        await limit(customers, "VP8")
        async with talking(demo, customers, agents) as (customer, alex):
            instead = customer.frame.locator("[data-without=unmatched]")
            await expect(instead).to_contain_text("Your browser can't show their picture", timeout=SOON_MS)
            told = alex.page.locator(".sign.quality", has_text="their browser can't show your picture")
            await expect(told).to_contain_text("Ada Lovelace", timeout=SOON_MS)
            await expect(alex.page.locator("[data-without=unmatched]")).to_have_count(1)
            await wait_until_heard(customer.picture, devices["alex"])
