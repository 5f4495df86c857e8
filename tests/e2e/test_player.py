"""A recording of a phone, played on the page of its contact: upright, however the phone was held and turned."""

import asyncio
import io
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import av
import pytest
from playwright.async_api import Page, Playwright, expect

from media.recording.finalise import finalise
from tests.support.captures import Stream, audio, orientation, video, write_capture
from tests.support.people import chromium
from tests.support.web_preview import Json, serve_preview

CVO = 13
CONTACT_ID = "ct_0123456789ab"
RECORDING_ID = "rc_0123456789ab"
PATIENCE_S = 30.0
CONTACT: Json = {
    "contact_id": CONTACT_ID,
    "site": "demo",
    "state": "closed",
    "end_reason": "completed",
    "queue": "advice",
    "agent_id": None,
    "agent_name": None,
    "started_at": "2026-03-02T10:00:00Z",
    "ended_at": "2026-03-02T10:00:04Z",
    "talk_s": 4.0,
    "wait_s": 0.0,
    "disposition": None,
    "journal": [],
}

SIDES = {"top": (0.5, 0.2), "bottom": (0.5, 0.8), "left": (0.4, 0.5), "right": (0.6, 0.5)}
"""Where each side of a picture shows in its figure, as shares; near the middle, for one that stands upright."""

RED_IS = {0: "top", 90: "right", 180: "bottom", 270: "left"}
"""Where the upper half of the camera's picture is to be seen once it is turned by so many degrees clockwise."""


def recorded(folder: Path, *turns: tuple[float, int]) -> Json:
    """A customer whose camera sends red over blue. `turns`: from which time it says which orientation byte."""
    stream = Stream(
        "customer",
        "video",
        "VP8",
        0x20,
        "lg_customer",
        orientation_id=CVO,
        extension=lambda frame: orientation(CVO, next(v for at_s, v in reversed(turns) if frame.media_s >= at_s)),
    )
    sound = Stream("customer", "audio", "OPUS", 0x10, "lg_customer")
    agent = Stream("agent", "video", "VP8", 0x21, "lg_agent")
    events = [*stream.events(video("VP8", 4.0, halves=True)), *sound.events(audio(4.0))]
    write_capture(folder, [*events, *agent.events(video("VP8", 4.0, halves=True))])
    return finalise(folder)


def recording_of(result: Json) -> Json:
    kept = ("sha256", "duration_s", "completeness", "tracks", "size_bytes")
    return {"recording_id": RECORDING_ID, "state": "complete", **{name: result[name] for name in kept}}


@asynccontextmanager
async def contact_page(playwright: Playwright, folder: Path, result: Json) -> AsyncIterator[Page]:
    """The admin's page of a contact with this recording, its pictures loaded."""
    async with serve_preview() as preview, chromium(playwright) as context:
        account: Json = {"id": "ac_1", "name": "lea", "display_name": "Léa", "roles": ["admin"], "agent_id": None}
        preview.answers[("GET", "/api/v1/session")] = (200, {"account": account})
        contact: Json = {**CONTACT, "recording": recording_of(result)}
        preview.answers[("GET", f"/api/v1/contacts/{CONTACT_ID}")] = (200, contact)
        for role, view in result["views"].items():
            preview.files[f"/api/v1/recordings/{RECORDING_ID}/media?view={role}"] = folder / view["file"]
        page = await context.new_page()
        await page.goto(f"{preview.origin}/admin/#/contacts/{CONTACT_ID}")
        await expect(page.locator("vv-player video#customer")).to_be_visible()
        yield page


async def red_side(page: Page, side: str) -> str:
    """Which side of that figure is red while the one across is blue, as the screen shows it; empty when none is."""
    figure = page.locator("vv-player figure", has=page.locator(f"video#{side}"))
    with av.open(io.BytesIO(await figure.screenshot())) as container:
        picture = next(container.decode(video=0)).to_ndarray(format="rgb24").astype(int)
    height, width, _ = picture.shape

    def colour(name: str) -> str:
        x, y = SIDES[name]
        red, _, blue = picture[int(y * height), int(x * width)]
        return "red" if red > 150 > 90 > blue else "blue" if blue > 150 > 90 > red else ""

    across = {"top": "bottom", "bottom": "top", "left": "right", "right": "left"}
    return next((n for n, other in across.items() if (colour(n), colour(other)) == ("red", "blue")), "")


async def wait_until_red(page: Page, wanted: str, side: str = "customer") -> None:
    end_s = time.monotonic() + PATIENCE_S
    seen = ""
    while time.monotonic() < end_s:
        if (seen := await red_side(page, side)) == wanted:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"the upper half of the {side}'s picture is at {seen or 'no side'}, not {wanted}")


async def jump(page: Page, at_s: float) -> None:
    """Drag the player's slider there."""
    await page.locator("vv-player input[type=range]").evaluate(
        "(slider, at_s) => { slider.value = String(at_s); slider.dispatchEvent(new Event('input')); }", at_s
    )


@pytest.mark.parametrize(("value", "rotation_deg"), [(0, 0), (1, 90), (2, 180), (3, 270)])
async def test_a_phone_is_played_upright_by_what_the_file_says(
    playwright: Playwright, tmp_path: Path, value: int, rotation_deg: int
) -> None:
    async with contact_page(playwright, tmp_path, recorded(tmp_path, (0.0, value))) as page:
        await wait_until_red(page, RED_IS[rotation_deg])
        await wait_until_red(page, "top", side="agent")
        size = await page.locator("video#customer").evaluate("video => [video.videoWidth, video.videoHeight]")
        assert size == ([120, 160] if rotation_deg % 180 else [160, 120])


async def test_a_phone_turned_in_mid_call_is_followed(playwright: Playwright, tmp_path: Path) -> None:
    """Jumped to in either direction while paused, and played over."""
    result = recorded(tmp_path, (0.0, 0), (0.8, 2), (1.4, 1), (3.2, 3))
    async with contact_page(playwright, tmp_path, result) as page:
        await expect(page.locator("vv-player input[type=range]")).to_have_attribute("max", "4")
        await wait_until_red(page, RED_IS[0])
        for at_s, rotation_deg in ((3.6, 270), (2.0, 90), (1.1, 180), (0.4, 0)):
            await jump(page, at_s)
            await wait_until_red(page, RED_IS[rotation_deg])
        await page.locator("vv-player button[data-action=play]").click()
        await wait_until_red(page, RED_IS[90])
        await wait_until_red(page, RED_IS[270])
        await wait_until_red(page, "top", side="agent")
