"""A contact comes into another agent's hands: sent on by the first, or opened by a screen pop of the phone system."""

import re
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Playwright, expect

from tests.e2e.conftest import Demo
from tests.support.fake_devices import FakeDevices
from tests.support.pages import CARD, account, agent, contact
from tests.support.people import Agent, Customer, chromium
from tests.support.web_preview import Preview, serve_preview


async def test_a_call_sent_to_another_agent_goes_on_with_them(
    demo: Demo, playwright: Playwright, devices: dict[str, FakeDevices]
) -> None:
    """By keyboard: Alt+T, the colleague's name, Enter. The customer keeps the connection and sees the second agent."""
    async with (
        chromium(playwright, devices["customer"]) as customers,
        chromium(playwright, devices["alex"]) as first,
        chromium(playwright, devices["sam"]) as second,
    ):
        alex = await Agent.sign_in(first, demo.links["alex"])
        await alex.get_ready()
        customer = await Customer.arrive(customers, demo.url)
        await customer.press_video_call("Ada Lovelace")
        await customer.press_menu_key("1")
        await customer.turn_camera_on()
        await alex.is_rung()
        await alex.accept()
        await customer.sees_and_hears(devices["alex"])
        sam = await Agent.sign_in(second, demo.links["sam"])
        await sam.get_ready()

        await alex.page.keyboard.press("Alt+t")
        dialog = alex.page.get_by_role("dialog", name="Transfer Ada Lovelace")
        await dialog.get_by_role("button", name=re.compile("^Sam")).focus()
        await alex.page.keyboard.press("Enter")
        await alex.is_in_state("ready")
        await sam.is_rung()
        await sam.accept()
        await customer.sees_and_hears(devices["sam"])
        await sam.sees_and_hears(devices["customer"])
        await sam.hang_up()
        await customer.is_told("The call has ended")


async def test_an_agent_asks_a_colleague_before_the_customer_is_handed_over(
    demo: Demo, playwright: Playwright, devices: dict[str, FakeDevices]
) -> None:
    """The two agents see and hear each other, the customer has music; then the customer has the second agent."""
    async with (
        chromium(playwright, devices["customer"]) as customers,
        chromium(playwright, devices["alex"]) as first,
        chromium(playwright, devices["sam"]) as second,
    ):
        alex = await Agent.sign_in(first, demo.links["alex"])
        await alex.get_ready()
        customer = await Customer.arrive(customers, demo.url)
        await customer.press_video_call("Ada Lovelace")
        await customer.press_menu_key("1")
        await customer.turn_camera_on()
        await alex.is_rung()
        await alex.accept()
        await customer.sees_and_hears(devices["alex"])
        sam = await Agent.sign_in(second, demo.links["sam"])
        await sam.get_ready()

        await alex.page.keyboard.press("Alt+t")
        await alex.page.get_by_role("button", name=re.compile("Ask Sam .* first")).click()
        await sam.is_rung()
        await expect(sam.page.get_by_text("Alex Martin wants to ask you")).to_be_visible()
        await customer.frame.get_by_text("You are on hold").first.wait_for()
        await sam.accept()
        await sam.sees_and_hears(devices["alex"])
        await alex.sees_and_hears(devices["sam"])
        await expect(sam.page.get_by_text("asks you about Ada Lovelace")).to_be_visible()
        await alex.page.locator("[data-action=complete]").click()
        await alex.is_in_state("ready")
        await customer.sees_and_hears(devices["sam"])
        await sam.sees_and_hears(devices["customer"])


RING_ALL = '[{"id": "sales", "name": "Sales", "strategy": "ring_all"}]'
TAKEN = {
    "en": "Somebody else took the call. You are still ready.",
    "fr": "Quelqu’un d’autre a pris l’appel. Vous êtes toujours disponible.",
    "es": "Otra persona tomó la llamada. Usted sigue disponible.",
}


@pytest.mark.parametrize("demo", [{"VISAVIS_QUEUES": RING_ALL}], indirect=True)
async def test_a_call_rings_at_both_agents_and_who_was_not_the_first_reads_so(
    demo: Demo, playwright: Playwright, devices: dict[str, FakeDevices]
) -> None:
    async with (
        chromium(playwright, devices["customer"]) as customers,
        chromium(playwright, devices["alex"]) as first,
        chromium(playwright, devices["sam"]) as second,
    ):
        alex = await Agent.sign_in(first, demo.links["alex"])
        sam = await Agent.sign_in(second, demo.links["sam"])
        await alex.get_ready()
        await sam.get_ready()
        customer = await Customer.arrive(customers, demo.url)
        await customer.press_video_call("Ada Lovelace")
        await customer.press_menu_key("1")
        await customer.turn_camera_on()
        await alex.is_rung()
        await sam.is_rung()
        await sam.accept()
        note = alex.page.get_by_role("alert")
        await expect(note).to_have_text(TAKEN["en"])
        await alex.is_in_state("ready")
        for language in ("fr", "es"):
            await alex.page.locator("select.language").select_option(language)
            await expect(note).to_have_text(TAKEN[language])
        await customer.sees_and_hears(devices["sam"])
        await sam.sees_and_hears(devices["customer"])


@pytest.fixture
async def preview() -> AsyncIterator[Preview]:
    async with serve_preview() as serving:
        serving.answers[("GET", "/api/v1/session")] = (200, account("agent"))
        serving.greeting["/ws/agent"] = [agent("not_ready", reason="login")]
        yield serving


async def test_a_screen_pop_opens_the_video_without_a_second_voice(
    playwright: Playwright, devices: dict[str, FakeDevices], preview: Preview
) -> None:
    """The id leaves the address and is shown once; a panel elsewhere gives way; no microphone is opened here."""
    async with chromium(playwright, devices["alex"]) as agents:
        page = await agents.new_page()
        await page.goto(preview.origin + "/agent/claim/7K3QXM2P")
        panel = await preview.talker()
        assert (await panel.heard("claim_contact"))["correlation"] == "7K3QXM2P"
        assert (await panel.heard("hello"))["take_over"] is True
        await expect(page).to_have_url(preview.origin + "/agent/")

        assigned = {"type": "assigned", "contact_id": "ct_0123456789ab", "queue_name": "Advice", "customer": CARD}
        await panel.tell(
            agent("busy", contact_id="ct_0123456789ab"),
            {**assigned, "voice_apart": True, "transfers": ["queue", "agent", "number"]},
            contact("active", talk_s=1.0, voice_apart=True),
        )
        await expect(page.get_by_text("The voice is on your phone")).to_be_visible()
        shown = await panel.heard("media_state")
        while not shown["video"]:
            await preview.news()
            shown = await panel.heard("media_state")
        assert shown["audio"] is False
        await expect(page.locator("[data-action=mute]")).to_have_count(0)
        await page.locator("[data-action=end_video]").click()
        await panel.heard("hang_up")

        await panel.tell(agent("ready"))
        await page.locator("vv-claim summary").click()
        await page.get_by_label("Id of the call").fill("7k3q xm2p")
        await page.keyboard.press("Enter")
        while (await panel.heard("claim_contact"))["correlation"] == "7K3QXM2P":
            await preview.news()
        assert (await panel.heard("claim_contact"))["correlation"] == "7k3q xm2p"
        await panel.tell({"type": "error", "code": "claim_over", "detail": ""})
        await expect(page.get_by_text("The call of this id is over.")).to_be_visible()
