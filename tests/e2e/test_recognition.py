"""The tests' own eyes and ears: what proves a call must be able to say no."""

from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from playwright.async_api import Playwright

from tests.support.fake_devices import FakeDevices
from tests.support.people import chromium
from tests.support.recognition import wait_until_heard, wait_until_seen

_OWN_PICTURE = """async () => {
  const video = document.querySelector('video');
  video.srcObject = await navigator.mediaDevices.getUserMedia({audio: true, video: true});
  await video.play();
}"""
_FROZEN = "() => document.querySelector('video').srcObject.getTracks().forEach((track) => { track.stop(); })"


@pytest.fixture
async def url() -> AsyncIterator[str]:
    """A page with nothing but a video element."""

    async def page(_: web.Request) -> web.Response:
        return web.Response(text="<!doctype html><title>mirror</title><video muted></video>", content_type="text/html")

    app = web.Application()
    app.router.add_get("/", page)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    await runner.cleanup()


async def test_a_camera_and_a_microphone_are_told_from_others_and_from_a_frozen_picture(
    url: str, playwright: Playwright, devices: dict[str, FakeDevices]
) -> None:
    """One's own picture and tone are recognised; another's are not, and a picture that stands still is not live."""
    async with chromium(playwright, devices["alex"]) as context:
        page = await context.new_page()
        await page.goto(url)
        await page.evaluate(_OWN_PICTURE)
        video = page.locator("video")
        await wait_until_seen(video, devices["alex"])
        await wait_until_heard(video, devices["alex"])
        with pytest.raises(AssertionError):
            await wait_until_seen(video, devices["customer"], timeout_s=2)
        with pytest.raises(AssertionError):
            await wait_until_heard(video, devices["customer"], timeout_s=3)
        await page.evaluate(_FROZEN)
        with pytest.raises(AssertionError):
            await wait_until_seen(video, devices["alex"], timeout_s=4)
        with pytest.raises(AssertionError):
            await wait_until_heard(video, devices["alex"], timeout_s=3)
