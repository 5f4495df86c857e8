"""The pages by themselves, in a real browser: policy, size, language, keyboard, and what others put into them."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from playwright.async_api import Page, Playwright, expect

from tests.support.people import CHROMIUM, STEP_MS
from tests.support.web_preview import Json, Preview, serve_preview

NAME = "<img src=x onerror=window.hit=1>"
PAYLOADS = (
    NAME,
    "<script>window.hit=1</script>",
    '"><svg onload=window.hit=1>',
    "{{constructor.constructor('window.hit=1')()}}",
    "${window.hit=1}",
    "javascript:window.hit=1",
    "<style>*{display:none}</style>",
)

SITE: Json = {
    "offered": True,
    "code": None,
    "site_name": "Lumen & Co",
    "recording": {"consent": "notice", "notice_version": "1"},
}
MENU: Json = {
    "type": "menu_node",
    "node_id": "root",
    "text": "What can we help you with?",
    "options": [{"key": "1", "label": "A delivery"}, {"key": "2", "label": "Advice"}],
    "can_go_back": False,
    "idle_s": 90.0,
}
PLACE: Json = {
    "type": "queue_position",
    "queue": "advice",
    "queue_name": "Advice",
    "place": 2,
    "ahead": 1,
    "waited_s": 42.0,
    "estimate_s": 130.0,
}
CARD: Json = {
    "display_name": "Amina Diallo",
    "language": "fr",
    "site": "demo",
    "page_url": "https://shop.example/checkout/delivery?secret=1",
    "page_title": "Delivery",
    "form": {"Step": "Delivery", "E-mail": "•••", "Town": ""},
    "menu_path": ["Advice"],
}
OFFER: Json = {
    "type": "offer",
    "offer_id": "of_000000000001",
    "contact_id": "ct_0123456789ab",
    "queue": "advice",
    "queue_name": "Advice",
    "customer": CARD,
    "waited_s": 83.0,
    "deadline_s": 20.0,
}


def contact(state: str, **more: object) -> Json:
    return {"type": "contact_state", "contact_id": "ct_0123456789ab", "state": state, **more}


def agent(state: str, **more: object) -> Json:
    return {"type": "agent_state", "state": state, "queues": ["Advice"], **more}


def account(*roles: str) -> Json:
    named: Json = {"id": "ac_1", "name": "lea", "display_name": "Léa Martin", "roles": list(roles), "agent_id": "ag_1"}
    return {"account": named}


@dataclass
class Visit:
    """One page and everything its browser complained about."""

    page: Page
    preview: Preview
    complaints: list[str] = field(default_factory=list)


@asynccontextmanager
async def visit(
    playwright: Playwright, path: str, *, language: str = "en-GB", width: int = 1200, preview: Preview
) -> AsyncIterator[Visit]:
    browser = await playwright.chromium.launch(
        executable_path=CHROMIUM,
        args=["--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"],
    )
    try:
        context = await browser.new_context(locale=language, viewport={"width": width, "height": 740})
        context.set_default_timeout(STEP_MS)
        page = await context.new_page()
        seen = Visit(page, preview)
        page.on("console", lambda said: seen.complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: seen.complaints.append(str(error)))
        await page.goto(preview.origin + path)
        yield seen
    finally:
        await browser.close()


TEXTS = """() => {
  const texts = [];
  const look = (root) => {
    for (const each of root.childNodes) {
      if (each.nodeType === Node.TEXT_NODE) texts.push(each.data.trim());
      if (each.shadowRoot) look(each.shadowRoot);
      if (each.nodeType === Node.ELEMENT_NODE && !each.matches("style, script, noscript")) look(each);
      for (const name of ["aria-label", "title"]) texts.push(each.getAttribute?.(name) ?? "");
    }
  };
  look(document.body);
  return texts.filter((text) => text !== "").join("\\n");
}"""


async def texts(page: Page) -> str:
    """Every text of the page, also what is in shadow trees (where `inner_text` does not look) and said by labels."""
    found = await page.evaluate(TEXTS)
    assert isinstance(found, str)
    assert found != "", "a page without a word shows nothing"
    return found


CUSTOMER: Json = {
    "customer_id": "cu_1",
    "name": NAME * 3,
    "known_by": "identity",
    "contacts": 12,
    "first_at": "2026-01-05T10:00:00.000Z",
    "last_at": "2026-03-02T12:00:00.000Z",
}
INTERACTION: Json = {
    "interaction_id": "ct_0123456789ab.1",
    "contact_id": "ct_0123456789ab",
    "segment": 1,
    "site": "shop",
    "queue_name": NAME,
    "agent_name": NAME,
    "started_at": "2026-03-02T12:00:00.000Z",
    "end_reason": "completed",
    "talk_s": 243.0,
    "disposition": NAME,
    "notes": "\n".join(PAYLOADS),
    "menu_path": [NAME],
    "page_url": "javascript:window.hit=1",
    "page_title": NAME,
    "form": {each: each for each in PAYLOADS},
    "recording": {"recording_id": "rc_1", "state": "complete"},
    "delivery": "given_up",
    "delivery_error": "crm_status_422",
}
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
DISAGREEMENT: Json = {
    "at": "2026-03-02T12:00:00.000Z",
    "acd": "phone",
    "contact_id": "ct_0123456789ab",
    "queue": "sales",
    "ours": "queued",
    "theirs": "gone",
    "cut": "acd_restarted",
    "cause": "forgotten",
    "action": "offered_again",
    "failed": "acd_away",
}


LETTER = {
    "id": "tl_0123456789ab",
    "acd": "cloud",
    "contact_id": "ct_0123456789ab",
    "command": "create",
    "cause": "http_422",
    "tries": 10,
    "created_at": "2026-03-02T09:00:00.000Z",
    "dead_at": "2026-03-02T10:00:00.000Z",
}


@pytest.fixture
async def preview() -> AsyncIterator[Preview]:
    async with serve_preview() as serving:
        serving.answers[("POST", "/api/v1/widget/availability")] = (200, SITE)
        serving.answers[("POST", "/api/v1/widget/entry")] = (201, {"entry_token": "e" * 40, "expires_s": 600})
        serving.answers[("GET", "/api/v1/session")] = (200, account("agent", "admin"))
        serving.answers[("GET", "/api/v1/contacts")] = (200, {"contacts": [], "next_before": None})
        serving.answers[("GET", "/api/v1/customers")] = (200, {"customers": [CUSTOMER], "next_before": "cu_1"})
        timeline = {"customer": CUSTOMER, "timeline": [INTERACTION], "next_before": "ct_0123456789ab.1"}
        serving.answers[("GET", "/api/v1/customers/cu_1/timeline")] = (200, timeline)
        serving.answers[("DELETE", "/api/v1/customers/cu_1")] = (200, {"receipt": {"by": NAME}, "signature": "s"})
        serving.answers[("GET", "/api/v1/pilot-groups")] = (200, {"groups": []})
        serving.answers[("GET", "/api/v1/agents")] = (200, {"agents": []})
        serving.answers[("GET", "/api/v1/dead-letters")] = (200, {"letters": [LETTER]})
        serving.answers[("GET", "/api/v1/acd/disagreements")] = (200, {"disagreements": [DISAGREEMENT]})
        yield serving


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


async def test_one_offer_has_three_sections_and_no_candidate(playwright: Playwright, preview: Preview) -> None:
    """The offer goes out at once: audio, video and screen, both ways."""
    async with visit(playwright, "/widget/?site=demo", preview=preview) as seen:
        await seen.page.locator("[data-action=start]").click()
        sdp = (await (await preview.talker()).heard("leg_offer"))["sdp"]
        assert re.findall(r"^m=(\w+)", sdp, re.MULTILINE) == ["audio", "video", "video"]
        assert sdp.count("a=sendrecv") == 3
        assert "a=candidate" not in sdp


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
