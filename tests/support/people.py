"""People at real browsers: a customer on the shop's page, an agent in the panel, an admin at the console.

Each has a Chromium of their own, because a browser has one fake camera. Every step waits for what the person would see.
"""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from playwright.async_api import BrowserContext, Error, FrameLocator, Locator, Page, Playwright, expect

from tests.support.fake_devices import FakeDevices
from tests.support.recognition import wait_until_heard, wait_until_seen

CHROMIUM = "/usr/bin/chromium"
STEP_MS = 30_000  # nothing a person waits for takes so long, however busy the machine is
_ARGUMENTS = [
    "--no-sandbox",  # the tests may run as root
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    "--auto-select-desktop-capture-source=Entire screen",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


KEEP_CONNECTIONS = """
window.kept = [];
const Connection = window.RTCPeerConnection;
window.RTCPeerConnection = class extends Connection {
  constructor(...settings) { super(...settings); window.kept.push(this); }
};
"""
SENDS = """() => Object.fromEntries(["audio", "video"].map((kind) => [kind, window.kept.some((connection) =>
  connection.getTransceivers()[kind === "audio" ? 0 : 1]?.sender.track != null)]))"""


@asynccontextmanager
async def chromium(
    playwright: Playwright, devices: FakeDevices | None = None, more: Sequence[str] = ()
) -> AsyncIterator[BrowserContext]:
    """A Chromium of one's own, in English, with that camera and microphone (or with none at all)."""
    arguments = [*_ARGUMENTS, *(devices.chromium_arguments() if devices else []), *more]
    browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
    try:
        context = await browser.new_context(
            locale="en-GB", viewport={"width": 1200, "height": 800}, permissions=["camera", "microphone"]
        )
        context.set_default_timeout(STEP_MS)
        try:
            yield context
        except BaseException:
            await _show(context)
            raise
    finally:
        await browser.close()


async def _show(context: BrowserContext) -> None:
    """Print what is on every page, for the report of a test that failed."""
    for page in context.pages:
        for frame in page.frames:
            with suppress(Error):
                shown = await frame.locator("body").aria_snapshot(timeout=2_000)
                print(f"--- {frame.url.partition('#')[0]}\n{shown}")  # noqa: T201 - shown where a test failed


@dataclass
class Customer:
    """Somebody on the demo shop's page."""

    page: Page
    url: str

    @classmethod
    async def arrive(cls, context: BrowserContext, url: str) -> "Customer":
        await context.add_init_script(KEEP_CONNECTIONS)
        page = await context.new_page()
        await page.goto(f"{url}/")
        return cls(page, url)

    @property
    def frame(self) -> FrameLocator:
        return self.page.frame_locator("video-call iframe")

    @property
    def picture(self) -> Locator:
        return self.frame.locator("#remote")

    @property
    def launcher(self) -> Locator:
        return self.page.locator("video-call").get_by_role("button")

    def heading(self, text: str) -> Locator:
        return self.frame.get_by_role("heading", name=text)

    async def press_video_call(self, name: str = "Ada") -> None:
        """Open the widget and start; returns when the menu shows."""
        await self.launcher.click()
        await self.frame.get_by_label("Your name").fill(name)
        await self.frame.get_by_role("button", name="Start the video call").click()
        await self.frame.locator("button[data-key]").first.wait_for()

    async def press_menu_key(self, key: str) -> None:
        """By keyboard, as on a telephone, once the menu takes keys: not while it answers the one before."""
        await self.frame.locator(f"button[data-key='{key}']:enabled").wait_for()
        await self.page.keyboard.press(key)

    async def turn_camera_on(self) -> None:
        await self.frame.locator("[data-action=camera]").click()
        await self.frame.locator("[data-action=publish]").click()
        await self.frame.locator("#self").wait_for()

    async def sends(self) -> dict[str, bool]:
        """What of sound and picture leaves the page just now."""
        frame = next(each for each in self.page.frames if "/widget/" in each.url)
        sends: dict[str, bool] = await frame.evaluate(SENDS)
        return sends

    async def wait_in_line(self) -> None:
        await self.heading("You are next").wait_for()

    async def sees_and_hears(self, devices: FakeDevices) -> None:
        await wait_until_seen(self.picture, devices)
        await wait_until_heard(self.picture, devices)

    async def write(self, text: str) -> None:
        """Into the chat, which is opened for it."""
        if await self.frame.locator("vv-chat").count() == 0:
            await self.frame.locator("[data-action=chat]").click()
        await self.frame.locator("vv-chat textarea").fill(text)
        await self.frame.locator("vv-chat textarea").press("Enter")

    async def hang_up(self) -> None:
        await self.frame.locator("[data-action=hang_up]").click()

    async def is_told(self, heading: str) -> None:
        await self.heading(heading).wait_for()

    async def is_not_offered_video(self) -> None:
        """The page is whole, and there is no button to press."""
        await self.page.locator("video-call iframe").wait_for(state="attached")
        await self.page.get_by_text("Video calls are closed right now.").wait_for()
        await expect(self.launcher).to_have_count(0)


@dataclass
class Agent:
    """Somebody in the agent panel."""

    page: Page

    @classmethod
    async def sign_in(cls, context: BrowserContext, link: str) -> "Agent":
        page = await context.new_page()
        await page.goto(link)
        await page.wait_for_url("**/agent/")
        await page.locator(".state[data-state]:not([data-state=''])").wait_for()
        return cls(page)

    @property
    def picture(self) -> Locator:
        return self.page.locator("#remote")

    async def sees_more(self, pictures: int) -> None:
        """So many pictures of the customer are shown from now on."""
        video = await self.picture.element_handle()
        shown = await self.page.evaluate("video => video.getVideoPlaybackQuality().totalVideoFrames", video)
        await self.page.wait_for_function(
            "([video, until]) => video.getVideoPlaybackQuality().totalVideoFrames >= until",
            arg=[video, shown + pictures],
        )

    async def is_in_state(self, state: str) -> None:
        await self.page.locator(f".state[data-state={state}]").wait_for()

    async def get_ready(self) -> None:
        """Ready, or ringing at once when somebody waits."""
        await self.page.locator("header [data-action=ready]").click()
        await self.page.locator(".state[data-state=ready], .state[data-state=reserved]").wait_for()

    async def is_rung(self) -> None:
        await self.page.locator("[data-action=accept]").wait_for()

    async def accept(self) -> None:
        await self.page.locator("[data-action=accept]").click()

    async def reject(self) -> None:
        await self.page.locator("[data-action=reject]").click()

    async def hold(self) -> None:
        await self.page.locator("[data-action=hold]").click()

    async def retrieve(self) -> None:
        await self.page.locator("[data-action=retrieve]").click()

    async def hang_up(self) -> None:
        await self.page.locator("[data-action=hang_up]").click()

    async def sees_and_hears(self, devices: FakeDevices) -> None:
        await wait_until_seen(self.picture, devices)
        await wait_until_heard(self.picture, devices)

    async def wrap_up(self, disposition: str = "resolved", notes: str = "") -> None:
        await self.page.locator(f"input[name=disposition][value={disposition}]").check()
        if notes:
            await self.page.locator("textarea[name=notes]").fill(notes)
        await self.page.locator("vv-wrap-up button[type=submit]").click()
        await expect(self.page.locator("vv-wrap-up")).to_have_count(0)


@dataclass
class Admin:
    """Somebody at the admin console."""

    page: Page

    @classmethod
    async def sign_in(cls, context: BrowserContext, link: str) -> "Admin":
        page = await context.new_page()
        await page.goto(link)
        await page.wait_for_url("**/admin/**")
        await page.get_by_role("navigation").wait_for()
        return cls(page)

    async def open(self, page: str) -> None:
        await self.page.locator(f"nav a[href='#/{page}']").click()

    async def open_newest_contact(self) -> None:
        await self.open("contacts")
        await self.page.locator("vv-contacts .rows a").first.click()
        await self.page.locator("vv-contact").wait_for()

    async def recording_plays(self) -> None:
        """Its completeness is told, and the pictures of both sides are decoded."""
        told = await self.page.locator("vv-player .facts .pill").filter(has_text="%").first.inner_text()
        assert int(re.sub(r"\D", "", told)) >= 70, f"of the worst track, a busy machine makes a browser pause: {told}"
        await self.page.locator("vv-player [data-action=play]").click()
        for side in ("customer", "agent"):
            video = await self.page.locator(f"vv-player video#{side}").element_handle()
            await self.page.wait_for_function(
                "video => video.currentTime > 0.5 && video.getVideoPlaybackQuality().totalVideoFrames > 5", arg=video
            )

    async def stop_the_pilot(self) -> None:
        await self.open("pilot")
        await self.page.locator("[data-action=stop]").click()
        await self.page.locator("vv-confirm [data-action=confirm]").click()
        await self.page.locator("[data-action=start]").wait_for()
