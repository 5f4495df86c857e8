"""The pages as people meet them, in a real browser: policy, size, language, keyboard, and text others put there."""

import re
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Playwright, expect

from tests.support.pages import (
    CARD,
    MENU,
    NAME,
    OFFER,
    PAYLOADS,
    PLACE,
    SITE,
    agent,
    contact,
    serve_pages,
    texts,
    visit,
)
from tests.support.web_preview import Json, Preview

HISTORY: Json = {
    "customer_id": "cu_1",
    "name": NAME,
    "known_by": "browser",
    "contacts": 2,
    "last": [
        {"at": "2026-03-01T12:00:00Z", "queue_name": "Advice", "agent_name": NAME, "disposition": "sale"},
        {"at": "2026-02-01T12:00:00Z", "queue_name": "", "agent_name": "", "disposition": "a_word_of_this_center"},
    ],
    "url": "https://crm.example/7",
}
PAGES = {
    "/": ([], "video-call button"),
    "/sign-in/": ([], "input[name=password]"),
    "/widget/?site=demo": ([], "[data-action=start]"),
    "/agent/": ([agent("not_ready", reason="login")], "[data-state=not_ready]"),
    "/admin/#/board": ([], "nav"),
    "/admin/#/contacts": ([], "vv-contacts select"),
    "/admin/#/customers": ([], "vv-customers .rows a"),
    "/admin/#/customers/cu_1": ([], "vv-customer article"),
    "/admin/#/pilot": ([], "vv-pilot h1"),
    "/admin/#/acd": ([], "vv-acd table"),
}


@pytest.fixture
async def preview() -> AsyncIterator[Preview]:
    async with serve_pages() as serving:
        yield serving


@pytest.mark.parametrize("language", ["en-GB", "fr-FR", "es-ES"])
async def test_every_page_fits_a_phone_and_keeps_to_its_policy(
    playwright: Playwright, preview: Preview, language: str
) -> None:
    """No complaint of the browser (a policy broken is one), nothing wider than 360 px, no key in place of a text."""
    async with visit(playwright, "/sign-in/", language=language, width=360, preview=preview) as seen:
        for path, (greeting, sign) in PAGES.items():
            preview.greeting["/ws/agent"] = greeting
            await seen.page.goto(preview.origin + path)
            await seen.page.locator(sign).first.wait_for()
            assert seen.complaints == [], path
            assert await seen.page.evaluate("document.documentElement.scrollWidth") <= 360, path
            text = await texts(seen.page)
            assert re.findall(r"\b[a-z_]+\.[a-z_]+_[a-z_]+\b", text) == [], path


async def test_a_customer_gets_through_by_keyboard_alone(playwright: Playwright, preview: Preview) -> None:
    """WCAG 2.1.1: from the launcher to hanging up, with Tab, Enter and the keys of the menu."""
    preview.greeting["/ws/customer"] = [contact("initiated"), contact("in_menu"), MENU]
    async with visit(playwright, "/", preview=preview) as seen:
        page, frame = seen.page, seen.page.frame_locator("video-call iframe")
        launcher = page.locator("video-call").get_by_role("button")
        await launcher.wait_for()
        await page.locator("form button").focus()
        await page.keyboard.press("Tab")
        await expect(launcher).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(frame.locator("h1")).to_be_focused()
        await page.keyboard.press("Tab")
        await expect(frame.locator("#name")).to_be_focused()
        await page.keyboard.type("12")
        await page.keyboard.press("Enter")
        talker = await preview.talker()
        await expect(frame.locator("h1")).to_have_text(MENU["text"])
        assert not [each for each in talker.said if each["type"] == "menu_choice"]  # the digits of the name are none
        await page.keyboard.press("2")
        assert (await talker.heard("menu_choice"))["key"] == "2"

        await talker.tell(contact("queued"), PLACE)
        await expect(frame.get_by_role("heading", name="You are number 2 in line")).to_be_focused()
        await page.keyboard.press("Tab")
        await expect(frame.locator("[data-action=camera]")).to_be_focused()
        await page.keyboard.press("Tab")
        await expect(frame.locator("[data-action=audio]")).to_be_focused()
        await page.keyboard.press("Enter")
        assert (await talker.heard("media_state"))["audio"] is True

        await talker.tell(contact("active", talk_s=0.0))
        await frame.locator("[data-action=hang_up]").focus()
        await page.keyboard.press("Enter")
        await talker.heard("hang_up")
        await talker.tell(contact("closed", end_reason="completed", talk_s=5.0))
        await expect(frame.locator("h1")).to_be_focused()
        await frame.locator("[data-action=close]").focus()
        await page.keyboard.press("Enter")
        await expect(launcher).to_be_focused()
        assert seen.complaints == []


async def test_a_device_that_fails_is_said_where_it_is_seen(playwright: Playwright, preview: Preview) -> None:
    """On a small phone the button for the microphone is far below the top of the card."""
    preview.greeting["/ws/customer"] = [contact("queued"), PLACE]
    async with visit(playwright, "/widget/?site=demo", width=360, preview=preview) as seen:
        page = seen.page
        await page.set_viewport_size({"width": 360, "height": 560})
        await page.locator("[data-action=start]").click()
        await page.locator("[data-action=audio]").wait_for()
        await page.evaluate(
            """() => {
              navigator.mediaDevices.getUserMedia = async () => {
                throw new DOMException("denied", "NotAllowedError");
              };
            }"""
        )
        said = page.locator("vv-choose [role=alert]")
        for action, device in (("camera", "camera"), ("audio", "microphone")):
            await page.locator(f"[data-action={action}]").click()
            await expect(said).to_contain_text(f"The {device} could not be used.")
            await expect(said.locator("strong")).to_be_in_viewport(ratio=1)


async def test_an_agent_answers_and_wraps_up_by_keyboard(playwright: Playwright, preview: Preview) -> None:
    preview.greeting["/ws/agent"] = [agent("reserved"), OFFER]
    async with visit(playwright, "/agent/", preview=preview) as seen:
        page = seen.page
        await expect(page.locator("[data-action=accept]")).to_be_focused()
        talker = await preview.talker()
        await page.keyboard.press("Alt+A")
        assert (await talker.heard("accept_offer"))["offer_id"] == OFFER["offer_id"]
        assigned = {"type": "assigned", "contact_id": "ct_0123456789ab", "queue_name": "Advice", "customer": CARD}
        await talker.tell(agent("busy"), assigned, contact("active", talk_s=0.0))
        await page.locator("[data-action=hold]").wait_for()
        await page.locator("[data-action=hold]").dblclick()
        await talker.heard("hold")
        await page.locator("[data-action=mute]").wait_for()
        for _ in range(2):
            await page.keyboard.down("Alt")
            await page.keyboard.down("m")  # the second time the browser repeats it: a key held down is pressed once
        await expect(page.locator("[data-action=unmute]")).to_be_visible()
        await page.keyboard.up("m")
        await page.keyboard.up("Alt")
        await page.locator("[data-action=hang_up]").dblclick()
        await talker.heard("hang_up")
        wrap_up = {"type": "wrap_up_started", "contact_id": "ct_0123456789ab", "dispositions": ["resolved", "sale"]}
        await talker.tell(contact("wrap_up"), agent("working_after_call"), {**wrap_up, "deadline_s": 60.0})
        await expect(page.locator("vv-wrap-up h1")).to_be_focused()
        await page.keyboard.press("Tab")
        await page.keyboard.press("ArrowDown")
        await page.keyboard.press("Tab")
        await page.keyboard.type("done")
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        sent = await talker.heard("wrap_up")
        assert (sent["disposition"], sent["notes"]) == ("sale", "done")
        pressed = [each["type"] for each in talker.said if each["type"] in ("hold", "hang_up")]
        assert pressed == ["hold", "hang_up"], "the second click of a double one is none"


@pytest.mark.parametrize("payload", PAYLOADS)
async def test_text_of_others_is_shown_as_text(playwright: Playwright, preview: Preview, payload: str) -> None:
    """A name, a page title, a form field, a menu path and a code are never run, and never hide anything."""
    card = {**CARD, "display_name": payload, "page_title": payload, "page_url": payload, "menu_path": [payload]}
    preview.greeting["/ws/agent"] = [agent("reserved"), {**OFFER, "customer": {**card, "form": {payload: payload}}}]
    async with visit(playwright, "/agent/", preview=preview) as seen:
        await expect(seen.page.locator("#offer-title")).to_have_text(payload)
        await expect(seen.page.locator(".context .form dd dd").first).to_have_text(payload)
        assigned = {"type": "assigned", "contact_id": OFFER["contact_id"], "queue_name": "Advice", "customer": card}
        line = {"number": 1, "by": "customer", "name": payload, "at": "2026-03-02T09:00:00Z", "text": payload}
        told = {"type": "chat_history", "lines": [line], "earlier": 0}
        await (await preview.talker()).tell(agent("busy"), assigned, contact("active"), told)
        await seen.page.locator("[data-action=chat]").click()
        await expect(seen.page.locator("vv-chat .text")).to_have_text(payload)
        await expect(seen.page.locator("vv-chat .who bdi")).to_have_text(payload)
        await expect(seen.page.locator("vv-chat a")).to_have_count(0)
        assert await seen.page.evaluate("window.hit") is None
        assert seen.complaints == []


async def test_the_page_around_the_frame_can_not_drive_it(playwright: Playwright, preview: Preview) -> None:
    """Junk, huge and unknown messages, and messages that pretend to come from the frame, change nothing."""
    preview.answers[("POST", "/api/v1/widget/availability")] = (200, {**SITE, "offered": False, "code": "not_in_pilot"})
    async with visit(playwright, "/", preview=preview) as seen:
        page = seen.page
        await page.frame_locator("video-call iframe").locator("noscript").wait_for(state="attached")
        await page.evaluate(
            """async () => {
              const frame = document.querySelector("video-call").shadowRoot.querySelector("iframe");
              const say = (type, more) => ({ visavis: 1, type, ...more });
              const page = { url: "https://a.b", title: "" };
              const bad = [null, 7, "x", {}, say(undefined), say("hang_up"), say("opened"),
                say("opened", { language: "en", page: { url: "javascript:1", title: "" }, form: {} }),
                say("opened", { language: "x".repeat(1e6), page, form: {} })];
              for (const each of bad) frame.contentWindow.postMessage(each, "*");
              window.postMessage(say("availability", { offered: true, label: "Hacked" }), "*");
              window.postMessage(say("open"), "*");
              // Messages keep their order: when the frame answers this one, it has seen all before it.
              await new Promise((resolve) => {
                window.addEventListener("message", (event) => event.source === frame.contentWindow && resolve());
                frame.contentWindow.postMessage(say("hello", { language: "en", page, form: {} }), "*");
              });
            }"""
        )
        await expect(page.locator("video-call").get_by_role("button")).to_have_count(0)
        await expect(page.locator("video-call iframe")).not_to_have_class(re.compile("open"))
        assert [frame.url for frame in page.frames if "vv-customer" in await frame.content()] == []


async def test_what_is_known_of_a_customer_follows_the_offer_and_moves_nothing(
    playwright: Playwright, preview: Preview
) -> None:
    """The CRM is slow: the card is there without it, and what comes later is below, announced, and only text."""
    preview.greeting["/ws/agent"] = [agent("reserved"), OFFER]
    async with visit(playwright, "/agent/", preview=preview) as seen:
        page = seen.page
        accept = page.locator("[data-action=accept]")
        await accept.wait_for()
        before = await accept.bounding_box()
        history = page.locator(".history")
        await expect(history).to_have_attribute("aria-live", "polite")
        await expect(history).to_have_text("")
        talker = await preview.talker()
        await talker.tell({"type": "customer_known", "contact_id": "ct_anothercontact", "history": HISTORY})
        await talker.tell({"type": "customer_known", "contact_id": "ct_0123456789ab", "history": HISTORY})
        await expect(history.locator("li")).to_have_count(2)
        assert await accept.bounding_box() == before
        await expect(history).to_contain_text("same browser")
        await expect(history).to_contain_text("2 earlier contacts")
        await expect(history.locator("li").first).to_contain_text("Sale")
        await expect(history.locator("li").last).to_contain_text("a word of this center")
        link = history.get_by_role("link")
        assert await link.get_attribute("href") == "https://crm.example/7"
        assert await link.get_attribute("rel") == "noopener noreferrer"
        known = {**CARD, "history": HISTORY}
        assigned = {"type": "assigned", "contact_id": "ct_0123456789ab", "queue_name": "Advice", "customer": known}
        await talker.tell(agent("busy"), assigned, contact("active"))
        await expect(page.locator("aside .history li")).to_have_count(2)
        assert await page.evaluate("window.hit") is None
        assert seen.complaints == []


async def test_a_customer_is_looked_up_and_erased_by_keyboard(playwright: Playwright, preview: Preview) -> None:
    """What they wrote is text wherever it stands, and erasing asks for a reason first."""
    async with visit(playwright, "/admin/#/customers", preview=preview) as seen:
        page = seen.page
        await page.locator("vv-customers input").focus()
        await page.keyboard.type("48213")
        async with page.expect_request("**/api/v1/customers?*key=48213*"):
            await page.keyboard.press("Enter")
        await page.locator("vv-customers .rows a").focus()
        await page.keyboard.press("Enter")
        await page.locator("vv-customer article").wait_for()
        await expect(page.locator("vv-customer .notes")).to_contain_text("<script>window.hit=1</script>")
        await page.locator("[data-action=erase]").focus()
        await page.keyboard.press("Enter")
        await expect(page.locator("dialog input")).to_be_focused()
        await page.keyboard.press("Enter")  # no reason, no erasure
        await expect(page.locator("dialog")).to_be_visible()
        await page.keyboard.type("asked for it")
        async with page.expect_request(lambda asked: asked.method == "DELETE") as erased:
            await page.keyboard.press("Enter")
        assert (await erased.value).post_data_json == {"reason": "asked for it"}
        await expect(page.locator("vv-customer h1")).to_be_focused()
        await expect(page.locator("vv-customer pre")).to_contain_text('"signature": "s"')
        assert await page.evaluate("window.hit") is None
        assert seen.complaints == []
