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


REMEMBER = """
const Real = RTCPeerConnection;
window.RTCPeerConnection = class extends Real {
  constructor(...how) { super(...how); window.__newest = this; }
};
"""

WAY = """async () => {
  const report = await window.__newest.getStats();
  const entries = [...report.values()];
  const transport = entries.find((entry) => entry.type === "transport");
  const pair = report.get(transport.selectedCandidatePairId);
  const { candidateType, relayProtocol } = report.get(pair.localCandidateId);
  return [candidateType, relayProtocol];
}"""


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
            await customers.add_init_script(REMEMBER)
            alex = await Agent.sign_in(agents, demo.links["alex"])
            customer = await Customer.arrive(customers, demo.url)
            await in_call(customer, alex)
            await customer.sees_and_hears(devices["alex"])
            await alex.sees_and_hears(devices["customer"])
            assert await customer.frame.locator("body").evaluate(WAY) == ["relay", way]
            assert SECRET not in demo.product.errors() + demo.product.output()
