"""The demo as a process of its own, and three people with a browser, a camera and a microphone each."""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from playwright.async_api import Playwright, async_playwright, expect

from gateway.canary.talk import request
from tests.support.fake_devices import Colour, FakeDevices, make_devices
from tests.support.people import CHROMIUM, STEP_MS
from tests.support.product import Product, until

expect.set_options(timeout=STEP_MS)
_LINK = re.compile(r"(Agent|Admin) ([^\n]*?)\s+(http://\S+/sign-in/#\S+)")


@dataclass
class Demo:
    """A running `visavis demo`: where it is, and the one-time links it printed."""

    product: Product
    links: dict[str, str]

    @classmethod
    @asynccontextmanager
    async def running(cls, folder: Path, settings: Mapping[str, str]) -> "AsyncIterator[Demo]":
        """A demo of one's own, until the block ends."""
        product = await Product.start(folder, "demo", settings=settings)
        printed = (product.folder / "stdout").read_text(encoding="utf-8")
        links = {name.split()[0].lower(): link for _, name, link in _LINK.findall(printed)}
        try:
            yield cls(product, links)
        finally:
            await product.kill()

    @property
    def url(self) -> str:
        return self.product.url

    async def finished_recording(self, view: str = "", path: Path | None = None) -> dict[str, Any]:
        """The recording of the newest contact, once it is complete, as an admin gets it; that view of it in `path`."""
        async with aiohttp.ClientSession(
            self.url, headers={"Origin": self.url}, cookie_jar=aiohttp.CookieJar(unsafe=True)
        ) as http:
            token = self.links["robin"].partition("#")[2]
            await request(http, "POST", "/api/v1/session", body={"link_token": token})
            found: dict[str, Any] = {}

            async def is_complete() -> bool:
                newest = (await request(http, "GET", "/api/v1/contacts"))["contacts"][0]["contact_id"]
                found.update((await request(http, "GET", f"/api/v1/contacts/{newest}"))["recording"])
                return bool(found["state"] == "complete")

            await until(is_complete)
            if path is not None:
                address = f"/api/v1/recordings/{found['recording_id']}/media?view={view}"
                async with http.get(address, raise_for_status=True) as response:
                    path.write_bytes(await response.read())  # noqa: ASYNC240 - a test
            return found


@pytest.fixture(scope="session")
def devices(tmp_path_factory: pytest.TempPathFactory) -> dict[str, FakeDevices]:
    """Cameras and microphones that can be told apart."""
    folder = tmp_path_factory.mktemp("devices")
    return {
        "customer": make_devices(folder, "customer", Colour(200, 40, 40), 440),
        "alex": make_devices(folder, "alex", Colour(40, 60, 200), 880),
        "sam": make_devices(folder, "sam", Colour(40, 170, 60), 1320),
    }


@pytest.fixture
async def playwright() -> AsyncIterator[Playwright]:
    if not Path(CHROMIUM).exists():  # noqa: ASYNC240 - before anything runs
        pytest.fail(f"{CHROMIUM} is missing: apt-get install chromium")
    async with async_playwright() as running:
        yield running


@pytest.fixture
async def demo(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Demo]:
    """`visavis demo` on free ports. Settings for one test: `@pytest.mark.parametrize("demo", [{…}], indirect=True)`."""
    settings: dict[str, str] = getattr(request, "param", {})
    async with Demo.running(tmp_path / "product", settings) as running:
        yield running
