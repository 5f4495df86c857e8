"""Task mode from end to end: an ACD that routes, its own desktop, and our panel of one call inside it."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from playwright.async_api import Playwright, expect

from tests.e2e.conftest import Demo
from tests.support import taskrouter as t
from tests.support.desktop import Desktop, desktop_site
from tests.support.fake_devices import FakeDevices
from tests.support.people import Customer, chromium
from tests.support.recognition import wait_until_heard, wait_until_seen
from tests.support.taskrouter import RoutedTask, TaskRouter

STEP_S = 30.0


async def eventually(fact: Callable[[], bool]) -> None:
    async with asyncio.timeout(STEP_S):
        while not fact():  # noqa: ASYNC110 - what is waited for belongs to another process and has no event
            await asyncio.sleep(0.02)


@dataclass
class Center:
    """The demo, whose sales queue is served by a TaskRouter with a desktop at `desktop`."""

    demo: Demo
    router: TaskRouter
    desktop: str

    @property
    def task(self) -> RoutedTask:
        return next(iter(self.router.tasks.values()))

    @property
    def panel_url(self) -> str:
        return str(json.loads(self.task.attributes).get("visavis_panel_url", ""))

    async def agent_id(self, name: str) -> str:
        """What the account is called; asked as the agent, whose sign-in no browser of the test has."""
        link = self.demo.links[name].partition("#")[2]
        headers = {"Origin": self.demo.url, "X-Visavis": "1"}
        async with (
            aiohttp.ClientSession(self.demo.url, headers=headers) as http,
            http.post("/api/v1/session", json={"link_token": link}) as answer,
        ):
            return str((await answer.json())["account"]["agent_id"])


@asynccontextmanager
async def center(folder: Path) -> AsyncIterator[Center]:
    async with TaskRouter.running() as router, desktop_site() as desktop:
        acd = {
            "name": "desk",
            "kind": "tasks",
            "mapping": "taskrouter",
            "url": router.url,
            "auth": "basic",
            "user": t.ACCOUNT,
            "secret": t.TOKEN,
            "incoming_auth": "twilio",
            "incoming_secret": t.TOKEN,
            "variables": {"workspace": t.WORKSPACE, "workflow": t.WORKFLOW},
            "embed_origins": [desktop],
        }
        settings = {
            "VISAVIS_ACDS": json.dumps([acd]),
            "VISAVIS_QUEUES": json.dumps([{"id": "sales", "name": "Sales", "acd": "desk"}]),
        }
        async with Demo.running(folder, settings) as demo:
            router.callback = f"{demo.url}/api/v1/acds/desk/events"
            yield Center(demo, router, desktop)


async def test_the_acds_desktop_shows_the_panel_of_the_call_that_its_agent_accepted(
    tmp_path: Path, playwright: Playwright, devices: dict[str, FakeDevices]
) -> None:
    """No sign-in and no cookie: the claim opens this one call, once, in the frame of the allowed origin."""
    async with (
        center(tmp_path / "product") as here,
        chromium(playwright, devices["customer"]) as customers,
        chromium(playwright, devices["alex"], ["--test-third-party-cookie-phaseout"]) as agents,
    ):
        customer = await Customer.arrive(customers, here.demo.url)
        await customer.press_video_call("Ada Lovelace")
        await customer.press_menu_key("1")
        await customer.turn_camera_on()
        await eventually(lambda: bool(here.router.tasks))
        here.router.available(await here.agent_id("alex"))
        await eventually(lambda: bool(here.task.reservations))
        here.router.answer(here.task.contact_id, "accepted")
        await eventually(lambda: here.panel_url != "")

        desk = Desktop(await agents.new_page())
        await desk.page.goto(here.desktop)
        await desk.open_panel(here.panel_url)
        await desk.hears("connected")
        await asyncio.gather(
            customer.sees_and_hears(devices["alex"]),
            wait_until_seen(desk.picture, devices["customer"]),
            wait_until_heard(desk.picture, devices["customer"]),
        )
        await expect(desk.frame.get_by_text("Ada Lovelace").first).to_be_visible()
        assert await agents.cookies() == []

        popup = await desk.open_popup(here.panel_url)
        await expect(popup.get_by_text("was opened before")).to_be_visible()
        assert "claim" not in popup.url
        await popup.close()
        assert (await desk.heard())[-1]["code"] == "panel_claim_used", "the window that opened it is told"

        await desk.reload_panel()
        await customer.sees_and_hears(devices["alex"])

        await desk.button("hold").click()
        await customer.frame.get_by_text("You are on hold").first.wait_for()
        await customer.write("LX-2209")
        await desk.frame.locator("[data-action=chat]").click()
        await expect(desk.frame.locator("vv-chat [data-line] .text")).to_have_text("LX-2209")
        await desk.button("retrieve").click()
        await desk.hears("resumed")
        await desk.button("hang_up").click()
        await customer.is_told("The call has ended")
        await eventually(lambda: here.task.status == "wrapping")
        await expect(desk.frame.locator("vv-wrap-up h1")).to_be_focused()
        await desk.frame.locator("input[name=disposition][value=resolved]").check()
        await desk.frame.locator("vv-wrap-up button[type=submit]").click()
        await desk.hears("wrapped_up")
        await eventually(lambda: (here.task.status, here.task.reason) == ("completed", "resolved"))
        await expect(desk.frame.get_by_role("heading", name="This call is finished")).to_be_visible()
        told = await desk.heard()
        assert [each["event"] for each in told] == [
            "ready",
            "connected",
            "failed",
            "ready",
            "connected",
            "held",
            "resumed",
            "ended",
            "wrapped_up",
        ]
        assert {each["origin"] for each in told} == {here.demo.url}
        assert len(here.router.tasks) == 1
        log = (here.demo.product.folder / "stderr").read_text(encoding="utf-8")
        assert here.panel_url.partition("claim=")[2] not in log
