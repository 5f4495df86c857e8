"""What a page asks for, and asks once: devices of the browser, and all else of the gateway, also when it comes back."""

import re
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Playwright, expect

from tests.support.pages import CARD, MENU, PLACE, agent, contact, serve_pages, visit
from tests.support.web_preview import Json, Preview

CONTACT: Json = {
    "contact_id": "ct_0123456789ab",
    "site": "shop",
    "state": "closed",
    "end_reason": "completed",
    "queue": "advice",
    "agent_name": "Léa Martin",
    "started_at": "2026-03-02T12:00:00.000Z",
    "talk_s": 243.0,
    "wait_s": 12.0,
    "recording": None,
}
RECORDING: Json = {
    "recording_id": "rc_1",
    "contact_id": "ct_0123456789ab",
    "queue": "advice",
    "state": "failed",
    "consent": "",
    "requested_at": "2026-03-02T12:00:00.000Z",
    "duration_s": 0,
    "size_bytes": 0,
}


@pytest.fixture
async def preview() -> AsyncIterator[Preview]:
    async with serve_pages() as serving:
        yield serving


async def test_nobody_is_asked_for_a_camera_before_choosing(playwright: Playwright, preview: Preview) -> None:
    preview.greeting["/ws/customer"] = [contact("queued"), PLACE]
    async with visit(playwright, "/widget/?site=demo", preview=preview) as seen:
        await seen.page.evaluate(
            """() => {
              window.asked = [];
              const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
              navigator.mediaDevices.getUserMedia = (what) => (window.asked.push(Object.keys(what)[0]), real(what));
            }"""
        )
        await seen.page.locator("[data-action=start]").click()
        await seen.page.locator("[data-action=camera]").wait_for()
        talker = await preview.talker()
        await talker.heard("leg_offer")
        assert await seen.page.evaluate("window.asked") == []
        await seen.page.locator("[data-action=camera]").click()
        await seen.page.locator("#preview").wait_for()
        assert await seen.page.evaluate("window.asked") == ["video"]
        assert not [each for each in talker.said if each["type"] == "media_state"]
        await seen.page.locator("[data-action=publish]").click()
        assert (await talker.heard("media_state"))["video"] is True


async def test_one_offer_has_three_sections_and_no_candidate(playwright: Playwright, preview: Preview) -> None:
    """The offer goes out at once: audio, video and screen, both ways."""
    async with visit(playwright, "/widget/?site=demo", preview=preview) as seen:
        await seen.page.locator("[data-action=start]").click()
        sdp = (await (await preview.talker()).heard("leg_offer"))["sdp"]
        assert re.findall(r"^m=(\w+)", sdp, re.MULTILINE) == ["audio", "video", "video"]
        assert sdp.count("a=sendrecv") == 3
        assert "a=candidate" not in sdp


async def test_a_held_key_and_a_double_click_choose_once_and_keys_typed_ahead_are_used(
    playwright: Playwright, preview: Preview
) -> None:
    preview.greeting["/ws/customer"] = [contact("in_menu"), MENU]
    async with visit(playwright, "/widget/?site=demo", preview=preview) as seen:
        page = seen.page
        await page.locator("[data-action=start]").click()
        await expect(page.locator("h1")).to_have_text(MENU["text"])
        talker = await preview.talker()

        async def shows(node_id: str) -> None:
            await talker.tell({**MENU, "node_id": node_id, "text": node_id})
            await expect(page.locator("h1")).to_have_text(node_id)

        def chosen() -> list[tuple[str, str]]:
            return [(each["node_id"], each["key"]) for each in talker.said if each["type"] == "menu_choice"]

        await page.keyboard.down("2")
        await shows("second")
        await page.keyboard.down("2")  # still held: the browser repeats it
        await page.keyboard.up("2")
        await page.locator("button[data-key='1']").click()
        await shows("third")
        await page.locator("button[data-key='1']").dispatch_event("click", {"detail": 2})
        for key in "12":
            await page.keyboard.press(key)
        await shows("fourth")
        await page.locator("button[data-key]:disabled").first.wait_for()  # the key typed ahead is being answered
        await talker.tell(contact("queued"), PLACE)
        await page.locator("[data-action=camera]").click()
        await page.locator("#preview").wait_for()
        await page.locator("[data-action=publish]").click()
        await talker.heard("media_state")  # later than every choice
        assert chosen() == [("root", "2"), ("second", "1"), ("third", "1"), ("fourth", "2")]


async def test_a_reload_goes_back_to_the_same_session(playwright: Playwright, preview: Preview) -> None:
    preview.greeting["/ws/customer"] = [contact("queued"), PLACE]
    async with visit(playwright, "/", preview=preview) as seen:
        frame = seen.page.frame_locator("video-call iframe")
        await seen.page.locator("video-call").get_by_role("button").click()
        await frame.locator("[data-action=start]").click()
        await frame.locator("[data-action=camera]").wait_for()
        first = await (await preview.talker(1)).heard("leg_offer")
        await seen.page.reload()
        hello = await (await preview.talker(2)).heard("hello")
        assert hello["resume"] == {"session_id": "se_000000000001", "secret": "s" * 32, "last_seq": 0}
        again = await (await preview.talker(2)).heard("leg_offer")
        assert again["generation"] > first["generation"]
        await frame.get_by_role("heading", name="You are number 2 in line").wait_for()


async def test_notes_that_were_refused_are_still_there(playwright: Playwright, preview: Preview) -> None:
    """Also when the page is reloaded before the gateway has taken them; taken, they are kept nowhere."""
    assigned = {"type": "assigned", "contact_id": "ct_0123456789ab", "queue_name": "Advice", "customer": CARD}
    wrap_up = {"type": "wrap_up_started", "contact_id": "ct_0123456789ab", "dispositions": ["resolved", "sale"]}
    after = [agent("working_after_call"), assigned, contact("wrap_up"), {**wrap_up, "deadline_s": 60.0}]
    preview.greeting["/ws/agent"] = after
    async with visit(playwright, "/agent/", preview=preview) as seen:
        page = seen.page
        notes, done = page.locator("#notes"), page.locator("vv-wrap-up [type=submit]")
        await page.locator("input[value=sale]").check()
        await notes.fill("wants two more")
        await done.click()
        talker = await preview.talker()
        await talker.heard("wrap_up")
        await talker.tell({"type": "error", "code": "too_many_messages", "detail": "", "re_seq": None})
        await expect(done).to_be_enabled()
        await expect(notes).to_have_value("wants two more")
        await done.click()
        await expect(done).to_be_disabled()
        await page.reload()
        await expect(notes).to_have_value("wants two more")
        await page.locator("input[value=sale]").check()
        await done.click()
        await expect(done).to_be_disabled()
        await (await preview.talker(2)).tell(agent("ready"))
        await page.locator("[data-state=ready]").wait_for()
        kept = "Object.keys(sessionStorage).filter((key) => key.startsWith('visavis.notes'))"
        assert await page.evaluate(kept) == []


async def test_a_panel_open_elsewhere_is_taken_over_only_on_request(playwright: Playwright, preview: Preview) -> None:
    preview.greeting["/ws/agent"] = [agent("ready")]
    async with visit(playwright, "/agent/", preview=preview) as seen:
        await seen.page.locator("[data-state=ready]").wait_for()
        await (await preview.talker(1)).say_bye("taken_over", 4409)
        await expect(seen.page.locator("[data-action=take-over]")).to_be_focused()
        assert len(preview.talkers) == 1
        await seen.page.keyboard.press("Enter")
        assert (await (await preview.talker(2)).heard("hello"))["take_over"] is True


async def test_a_camera_that_is_paused_or_unplugged_is_said_and_replaced(
    playwright: Playwright, preview: Preview
) -> None:
    """Muted by the browser, the others are told it is off until it is on again; ended, another one takes its place."""
    preview.greeting["/ws/agent"] = [
        agent("busy", contact_id="ct_0123456789ab"),
        {"type": "assigned", "contact_id": "ct_0123456789ab", "queue_name": "Advice", "customer": CARD},
        contact("active", talk_s=5.0),
    ]
    async with visit(playwright, "/agent/", preview=preview) as seen:
        talker = await preview.talker()
        camera = seen.page.locator("#self")
        await camera.wait_for()

        async def shown(video: bool) -> None:
            while (await talker.heard("media_state"))["video"] is not video:
                await preview.news()

        async def mute(muted: bool) -> None:
            await camera.evaluate(
                """(video, muted) => {
                  const track = video.srcObject.getVideoTracks()[0];
                  Object.defineProperty(track, "muted", {get: () => muted, configurable: true});
                  track.dispatchEvent(new Event(muted ? "mute" : "unmute"));
                }""",
                muted,
            )

        await shown(True)
        await mute(True)
        await shown(False)
        await expect(seen.page.get_by_text("Your browser has paused your camera.")).to_be_visible()
        await mute(False)
        await shown(True)
        await expect(seen.page.get_by_text("Your browser has paused your camera.")).to_have_count(0)

        first = await camera.evaluate("(video) => video.srcObject.getVideoTracks()[0].id")
        await camera.evaluate("(video) => video.srcObject.getVideoTracks()[0].dispatchEvent(new Event('ended'))")
        await expect(seen.page.get_by_text("Another one is used now")).to_be_visible()
        await camera.wait_for()
        assert await camera.evaluate("(video) => video.srcObject.getVideoTracks()[0].id") != first
        await shown(True)


async def test_a_list_that_is_come_back_to_asks_for_what_it_was_asked_for(
    playwright: Playwright, preview: Preview
) -> None:
    """By Back, by the link of an item, and by a reload; by keyboard, and without a word of it in the address."""
    preview.answers[("GET", "/api/v1/contacts")] = (200, {"contacts": [CONTACT], "next_before": None})
    preview.answers[("GET", "/api/v1/recordings")] = (200, {"recordings": [RECORDING], "next_before": None})
    async with visit(playwright, "/admin/", preview=preview) as seen:
        page = seen.page
        for name, field, value in (
            ("contacts", "select", "closed"),
            ("recordings", "#queue", "advice"),
            ("customers", "input", "48213"),
        ):
            asked = re.compile(rf"/api/v1/{name}\?.*={value}\b")
            control, item = page.locator(f"vv-{name} {field}"), page.locator(f"vv-{name} .rows a")
            await page.locator(f"nav a[href='#/{name}']").click()
            await control.focus()
            async with page.expect_request(asked):
                if field == "select":
                    await control.select_option(value)
                else:
                    await page.keyboard.type(value)
                    await page.keyboard.press("Enter")
            for come_back in (page.go_back, page.locator(f"main a[href='#/{name}']").click, page.reload):
                await expect(control).to_have_value(value)
                if come_back != page.reload:
                    await item.focus()
                    await page.keyboard.press("Enter")
                    await expect(item).to_have_count(0)
                async with page.expect_request(asked):
                    await come_back()
            await expect(control).to_have_value(value)
            await expect(page).to_have_url(f"{preview.origin}/admin/#/{name}")
            await page.locator("nav a[href='#/board']").click()
            async with page.expect_request(
                lambda request, asked=asked, name=name: request.url.endswith(f"/{name}?limit=50")
            ):
                await page.locator(f"nav a[href='#/{name}']").click()
            await expect(control).to_have_value("")


async def test_who_opened_a_link_and_must_sign_in_comes_to_what_it_leads_to(
    playwright: Playwright, preview: Preview
) -> None:
    """The recording of a link, and the call of a screen pop; a token to sign in with goes nowhere."""
    signed_in = preview.answers[("GET", "/api/v1/session")]
    nobody = (401, {"code": "not_signed_in", "detail": ""})
    preview.answers[("POST", "/api/v1/session")] = signed_in
    preview.greeting["/ws/agent"] = [agent("not_ready", reason="login")]
    async with visit(playwright, "/sign-in/", preview=preview) as seen:
        page = seen.page
        for path in ("/admin/#/recordings/rc_1", "/agent/claim/7K3QXM2P"):
            preview.answers[("GET", "/api/v1/session")] = nobody
            await page.goto(preview.origin + path)
            await page.locator("#name").fill("lea")
            await page.locator("#password").fill("secret")
            preview.answers[("GET", "/api/v1/session")] = signed_in
            await page.keyboard.press("Enter")
            if path.startswith("/admin/"):
                await page.locator("vv-recording").wait_for()
                await expect(page).to_have_url(preview.origin + path)
            else:
                await page.locator("[data-state=not_ready]").wait_for()
                assert (await (await preview.talker(len(preview.talkers))).heard("claim_contact"))[
                    "correlation"
                ] == "7K3QXM2P"
        await page.goto(f"{preview.origin}/sign-in/?next=%2F%2Fevil.example#{'A' * 43}")
        await page.locator("vv-board").wait_for()
        await expect(page).to_have_url(re.compile(re.escape(preview.origin) + r"/admin/(#/board)?$"))
