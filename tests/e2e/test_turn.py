"""A customer whose network lets no UDP out: the call comes over the operator's TURN server, by TCP or TLS."""

from pathlib import Path

import pytest
from playwright.async_api import Playwright

from tests.e2e.conftest import Demo
from tests.support.coturn import SECRET, coturn
from tests.support.fake_devices import FakeDevices
from tests.support.people import Agent, Customer, chromium

Devices = dict[str, FakeDevices]

NO_UDP = (
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--ignore-certificate-errors",  # the TURN server's certificate is the test's own
)


async def in_call(customer: Customer, agent: Agent) -> None:
    await agent.get_ready()
    await customer.press_video_call()
    await customer.press_menu_key("1")
    await customer.turn_camera_on()
    await agent.is_rung()
    await agent.accept()


@pytest.mark.parametrize("way", ["tcp", "tls"])
async def test_without_udp_the_call_comes_over_turn(
    way: str, tmp_path: Path, playwright: Playwright, devices: Devices
) -> None:
    async with coturn(tmp_path / "turn") as turn:
        secret = tmp_path / "secret"
        secret.write_text(SECRET, encoding="utf-8")
        settings = {"VISAVIS_MEDIA__TURN_URLS": turn.urls[way], "VISAVIS_MEDIA__TURN_SECRET_FILE": str(secret)}
        async with (
            Demo.running(tmp_path / "product", settings) as demo,
            chromium(playwright, devices["customer"], NO_UDP) as customers,
            chromium(playwright, devices["alex"]) as agents,
        ):
            alex = await Agent.sign_in(agents, demo.links["alex"])
            customer = await Customer.arrive(customers, demo.url)
            await in_call(customer, alex)
            await customer.sees_and_hears(devices["alex"])
            await alex.sees_and_hears(devices["customer"])
            log = turn.log.read_text(encoding="utf-8")
            assert "ALLOCATE processed, success" in log
            assert SECRET not in demo.product.errors() + demo.product.output()


async def test_without_udp_and_turn_no_media_gets_through(demo: Demo, playwright: Playwright, devices: Devices) -> None:
    """What proves that the other tests' browser really has no UDP."""
    async with chromium(playwright, devices["customer"], NO_UDP) as customers:
        customer = await Customer.arrive(customers, demo.url)
        await customer.press_video_call()
        await customer.press_menu_key("1")
        await customer.frame.get_by_text("Your network seems to block video calls").first.wait_for(timeout=40_000)
