"""Somebody else's agent desktop on an origin of its own: a page that shows what it is given in a frame or a popup.

`heard` is what the panel told it. It is at `localhost`, where the gateway is at 127.0.0.1: another site, whose frames
get no cookies and, in a private window as Playwright's are, no storage.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from playwright.async_api import FrameLocator, Locator, Page

ALLOW = "camera; microphone; display-capture; autoplay; screen-wake-lock"
_PAGE = f"""<!doctype html><html lang="en"><title>Desktop</title>
<style>body {{ margin: 0 }} iframe {{ border: 0; display: block; width: 100vw; height: 100vh }}</style>
<script>
window.heard = [];
window.addEventListener("message", (event) => {{
  if (event.data?.visavis === 1) window.heard.push({{ origin: event.origin, ...event.data }});
}});
window.open_popup = (url) => {{ window.open(url, "call", "popup"); }};
window.open_panel = (url) => {{
  document.querySelector("iframe")?.remove();
  const frame = document.createElement("iframe");
  frame.allow = "{ALLOW}";
  frame.src = url;
  document.body.append(frame);
}};
</script><body></body></html>"""


@dataclass
class Desktop:
    """The page of one agent."""

    page: Page

    @property
    def frame(self) -> FrameLocator:
        return self.page.frame_locator("iframe")

    @property
    def picture(self) -> Locator:
        return self.frame.locator("#remote")

    async def open_panel(self, url: str) -> None:
        await self.page.evaluate("url => window.open_panel(url)", url)

    async def open_popup(self, url: str) -> Page:
        async with self.page.expect_popup() as opened:
            await self.page.evaluate("url => window.open_popup(url)", url)
        return await opened.value

    async def reload_panel(self) -> None:
        """The frame alone, as a browser does it after a crash of the frame."""
        frame = next(each for each in self.page.frames if "/agent/embed/" in each.url)
        await frame.evaluate("window.location.reload()")

    async def hears(self, event: str) -> None:
        """The panel has told it so."""
        await self.page.wait_for_function("event => window.heard.some((each) => each.event === event)", arg=event)

    async def heard(self) -> list[dict[str, Any]]:
        told: list[dict[str, Any]] = await self.page.evaluate("window.heard")
        return told

    def button(self, action: str) -> Locator:
        return self.frame.locator(f"[data-action={action}]")


@asynccontextmanager
async def desktop_site() -> AsyncIterator[str]:
    """The origin of the desktop's site."""

    async def page(request: web.Request) -> web.Response:
        return web.Response(text=_PAGE, content_type="text/html")

    app = web.Application()
    app.router.add_get("/", page)
    runner = web.AppRunner(app, shutdown_timeout=0.5)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://localhost:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
