"""The picture in the README: a call as the customer and the agent see it, taken from the real pages.

`VISAVIS_TAKE_PICTURES=1 .venv/bin/pytest tests/e2e/test_picture.py` replaces the one in `docs/images`.
"""

import base64
import os
from pathlib import Path

import pytest
from playwright.async_api import Playwright

from tests.e2e.conftest import Demo
from tests.support.fake_devices import Colour, FakeDevices, make_devices
from tests.support.people import Agent, Customer, chromium
from tests.support.portraits import write_portrait

PICTURE = Path(__file__).parents[2] / "docs" / "images" / "call.png"
SHEET = """
<body style="margin:0;background:#e9e6df;font:600 17px system-ui">
<div style="display:flex;gap:36px;padding:36px;align-items:flex-start">
<figure style="margin:0"><img src="{customer}" style="height:720px;border-radius:12px;display:block">
<figcaption style="padding-top:14px;color:#444">The customer, on a phone</figcaption></figure>
<figure style="margin:0"><img src="{agent}" style="height:720px;border-radius:12px;display:block">
<figcaption style="padding-top:14px;color:#444">The agent, in the panel</figcaption></figure>
</div></body>
"""


@pytest.fixture
def portraits(tmp_path: Path) -> dict[str, FakeDevices]:
    ada = make_devices(tmp_path, "ada", Colour(0, 0, 0), 440)
    write_portrait(ada.camera_file, wall=(226, 205, 178), shirt=(150, 60, 70), skin=(226, 176, 148), hair=(74, 48, 36))
    alex = make_devices(tmp_path, "alex", Colour(0, 0, 0), 880)
    write_portrait(alex.camera_file, wall=(172, 196, 206), shirt=(40, 78, 110), skin=(176, 124, 92), hair=(30, 26, 28))
    return {"ada": ada, "alex": alex}


def embedded(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode()


async def test_a_picture_of_a_call_is_taken(
    demo: Demo, playwright: Playwright, portraits: dict[str, FakeDevices], tmp_path: Path
) -> None:
    async with (
        chromium(playwright, portraits["ada"]) as customers,
        chromium(playwright, portraits["alex"]) as agents,
    ):
        alex = await Agent.sign_in(agents, demo.links["alex"])
        await alex.get_ready()
        customer = await Customer.arrive(customers, demo.url)
        await customer.page.set_viewport_size({"width": 412, "height": 860})
        await customer.press_video_call("Ada Lovelace")
        await customer.press_menu_key("2")
        await customer.press_menu_key("1")
        await customer.turn_camera_on()
        await alex.is_rung()
        await alex.accept()
        for picture in (customer.picture, alex.picture):
            element = await picture.element_handle()
            assert element is not None
            frame = await element.owner_frame()
            assert frame is not None
            await frame.wait_for_function("video => video.videoWidth >= 320 && video.currentTime > 1", arg=element)
        taken = {
            "customer": embedded(await customer.page.screenshot()),
            "agent": embedded(await alex.page.screenshot()),
        }
        sheet = await customers.new_page()
        await sheet.set_viewport_size({"width": 1560, "height": 840})
        await sheet.set_content(SHEET.format(**taken))
        await sheet.wait_for_function("[...document.images].every(image => image.complete && image.naturalWidth)")
        png = await sheet.screenshot(path=tmp_path / "call.png")
    assert png.startswith(b"\x89PNG")
    if os.environ.get("VISAVIS_TAKE_PICTURES"):
        PICTURE.write_bytes(png)
    assert PICTURE.exists(), "take it: VISAVIS_TAKE_PICTURES=1"
