"""Pages in little room and in another language: nothing is cut, and nothing stays as it was."""

import asyncio
import re
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Page, Playwright, Route, expect

from tests.support.pages import CARD, CUSTOMER, INTERACTION, OFFER, account, agent, contact, texts, visit
from tests.support.web_preview import Json, Preview, serve_preview

LONG_NAME = "W" * 40  # as long as a site may name a field, and nowhere to break
LINK: Json = {
    "link_id": "ln_012345678901",
    "url": "https://video.example/widget/?site=demo#link=abcdefghijklmnop",
    "pin": None,
    "qr": "data:,",
    "opens_at": "2026-03-02T09:00:00Z",
    "closes_at": "2026-03-02T10:00:00Z",
}
CALL: list[Json] = [
    agent("busy", contact_id="ct_0123456789ab"),
    {
        "type": "assigned",
        "contact_id": "ct_0123456789ab",
        "queue_name": "Advice",
        "customer": CARD,
        "transfers": ["queue"],
    },
    contact("active", talk_s=5.0),
    {"type": "recording_state", "state": "on", "may": ["pause", "stop"]},
    {"type": "chat_history", "lines": [], "earlier": 0},
]
WRAP_UP: Json = {"type": "wrap_up_started", "contact_id": "ct_0123456789ab", "dispositions": ["resolved", "sale"]}
ENDED: list[Json] = [contact("wrap_up"), agent("working_after_call"), {**WRAP_UP, "deadline_s": 60.0}]
CONTACTS: list[Json] = [
    {
        "contact_id": f"ct_{number:012d}",
        "site": "shop",
        "state": "closed",
        "end_reason": reason,
        "queue": "customer-care-international",
        "agent_name": "Maximiliane von Hohenstein-Lichtenfels",
        "started_at": "2025-09-23T22:42:00.000Z",
        "talk_s": 14403.0,
        "wait_s": 412.0,
        "recording": {"recording_id": "rc_1", "state": "complete"},
    }
    for number, reason in enumerate(("completed", "abandoned_while_alerting", "gateway_restart"))
]
RECORDINGS: list[Json] = [
    {
        "recording_id": f"rc_{number:012d}",
        "contact_id": "ct_0123456789ab",
        "queue": "customer-care-international",
        "state": state,
        "consent": "notice",
        "requested_at": "2025-09-23T22:42:00.000Z",
        "duration_s": 14403.0,
        "size_bytes": 931_234_567,
    }
    for number, state in enumerate(("complete", "limit_reached", "aborted"))
]
BOARD: Json = {
    "type": "board",
    "queues": [
        {
            "queue": "support",
            "name": "Customer care international",
            "waiting": 3,
            "longest_wait_s": 4084.0,
            "talking": 12,
            "agents_ready": 10,
            "kept": 11,
        }
    ],
    "agents": [
        {
            "agent_id": "ag_1",
            "display_name": "Maximiliane von Hohenstein-Lichtenfels",
            "state": "working_after_call",
            "reason": None,
            "since_s": 90_000.0,
            "contact_id": None,
        }
    ],
    "contacts": [],
    "alarms": [{"code": "disk_full", "detail": "No space left", "contact_id": None, "age_s": 65.0}],
    "draining": False,
}
FRAMED = """(address) => {
  const frame = document.createElement("iframe");
  frame.dataset.panel = "";
  frame.src = address;
  document.body.append(frame);
}"""
CAMERA_IN_USE = """() => {
  navigator.mediaDevices.getUserMedia = async () => {
    throw new DOMException("another application has it", "NotReadableError");
  };
}"""
ROWS = """(bar, [least, most]) => {
  const controls = [...bar.children];
  const found = [];
  for (let count = least; count <= most; count++) {
    bar.replaceChildren(...Array.from({ length: count }, () => controls[0].cloneNode(true)));
    const tops = [...bar.children].map((each) => each.getBoundingClientRect().top);
    const rows = [...new Set(tops)].map((top) => tops.filter((each) => each === top).length);
    found.push([rows, bar.querySelector("span").getBoundingClientRect().width > 1]);
  }
  bar.replaceChildren(...controls);
  return found;
}"""
CUT = """() => {
  const cut = [];
  const at = (x, y) => {
    let found = document.elementFromPoint(x, y);
    while (found?.shadowRoot?.elementFromPoint(x, y)) {
      const within = found.shadowRoot.elementFromPoint(x, y);
      if (within === found) break;
      found = within;
    }
    return found;
  };
  const look = (root) => {
    for (const each of root.querySelectorAll("*")) {
      if (each.shadowRoot) look(each.shadowRoot);
      if (!each.matches("button, input, select, textarea, h1:not(.visually-hidden), dt, dd, .note p")) continue;
      each.scrollIntoView({ block: "center" });
      const { left, right, top, bottom, width } = each.getBoundingClientRect();
      if (width === 0) continue;
      const inside = left >= 0 && right <= innerWidth + 0.5 && top >= -0.5 && bottom <= innerHeight + 0.5;
      const words = each.matches("h1, dt, dd, .note p") && each.scrollWidth > each.clientWidth;
      const above = at((left + right) / 2, (top + bottom) / 2);
      if (!inside || words || (above !== each && !each.contains(above))) cut.push(each.outerHTML.slice(0, 120));
    }
  };
  look(document);
  return cut;
}"""


OUT_OF_PLACE = """() => {
  const out = [];
  const look = (root) => {
    for (const each of root.querySelectorAll("*")) {
      if (each.shadowRoot) look(each.shadowRoot);
      if (each.matches("nav .links a, select, input, .pill, th, td, .rows .number, .tile .value")) {
        const { left, right, width } = each.getBoundingClientRect();
        const words = each.matches("th, td, .pill, .value") && each.scrollWidth > each.clientWidth + 1;
        if (width > 0 && (left < 0 || right > innerWidth + 0.5 || words)) out.push(each.outerHTML.slice(0, 120));
      }
      if (each.matches(".rows a")) {
        const boxes = [...each.querySelectorAll(".pill, .number, .pair, .wide, svg")]
          .filter((box) => !box.parentElement.closest(".wide"))
          .map((box) => [box, box.getBoundingClientRect()])
          .filter(([, { width }]) => width > 0);
        for (const [one, a] of boxes)
          for (const [other, b] of boxes)
            if (one !== other && !one.contains(other) && !other.contains(one))
              if (a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1)
                out.push(`${one.textContent} lies over ${other.textContent}`);
      }
    }
  };
  look(document);
  return out;
}"""


async def cut(page: Page) -> list[str]:
    """What can't be brought into the window whole, lies under something else, or has words that run out of it."""
    return list(await page.evaluate(CUT))


@pytest.fixture
async def preview() -> AsyncIterator[Preview]:
    async with serve_preview() as serving:
        serving.answers[("GET", "/api/v1/session")] = (200, account("agent", "admin"))
        serving.answers[("GET", "/api/v1/embed")] = (200, {"origins": []})
        serving.answers[("POST", "/api/v1/links")] = (201, LINK)
        serving.answers[("GET", "/api/v1/pilot-groups")] = (200, {"groups": []})
        serving.answers[("GET", "/api/v1/agents")] = (200, {"agents": []})
        yield serving


async def shown(page: Page) -> str:
    """Every text on the page, without the numbers of its clocks."""
    return re.sub(r"\d", "", await texts(page))


async def test_another_language_reaches_every_element_of_a_page(playwright: Playwright, preview: Preview) -> None:
    """What a change of language shows is what a reload in that language shows, also in elements within elements."""
    preview.greeting["/ws/agent"] = [agent("not_ready", reason="login")]

    async def open_all(page: Page) -> None:
        await page.locator("vv-claim summary").click()
        await page.locator("vv-video-link summary").click()
        await page.locator("vv-video-link input[value=later]").check()

    async with visit(playwright, "/agent/", preview=preview) as seen:
        page = seen.page
        await open_all(page)
        english = await shown(page)
        for language in ("fr", "es"):
            await page.locator("select.language").select_option(language)
            await expect(page.locator("html")).to_have_attribute("lang", language)
            changed = await shown(page)
            await page.reload()
            await open_all(page)
            assert changed == await shown(page) != english

        await page.locator("vv-video-link input[value=now]").check()
        await page.locator("[data-action=make-link]").click()
        await expect(page.get_by_role("button", name="Copiar el enlace")).to_be_visible()
        await page.locator("select.language").select_option("fr")
        await expect(page.get_by_role("button", name="Copier le lien")).to_be_visible()


async def test_the_longest_name_of_a_field_is_read_whole_on_a_phone(playwright: Playwright, preview: Preview) -> None:
    """With what they wrote beside it or below it; on the customer's page, in the offer, and before the call."""
    entry = {**INTERACTION, "form": {LONG_NAME: LONG_NAME, "Step": "Delivery"}}
    timeline = {"customer": {**CUSTOMER, "name": "Ada"}, "timeline": [entry], "next_before": None}
    preview.answers[("GET", "/api/v1/customers/cu_1/timeline")] = (200, timeline)
    card = {**CARD, "form": {LONG_NAME: LONG_NAME, "Step": ""}}
    preview.greeting["/ws/agent"] = [agent("reserved"), {**OFFER, "customer": card}]
    for width in (360, 600):
        async with visit(playwright, "/admin/#/customers/cu_1", width=width, preview=preview) as seen:
            await seen.page.locator("vv-customer dl.form").wait_for()
            assert await cut(seen.page) == []
            await seen.page.goto(preview.origin + "/agent/")
            await seen.page.locator(".context .form dd dl").wait_for()
            assert await cut(seen.page) == []


async def test_no_link_of_the_console_moves_under_the_pointer(playwright: Playwright, preview: Preview) -> None:
    """Who is signed in decides which there are: until that is known there are none, and then all at once."""
    known = asyncio.Event()

    async def later(route: Route) -> None:
        await known.wait()
        await route.continue_()

    async with visit(playwright, "/sign-in/", preview=preview) as seen:
        await seen.page.route("**/api/v1/session", later)
        await seen.page.goto(f"{preview.origin}/admin/")
        await seen.page.get_by_role("navigation").wait_for()
        await expect(seen.page.locator("nav .links a")).to_have_count(0)
        known.set()
        await expect(seen.page.locator("nav .links a")).to_have_count(6)


@pytest.mark.parametrize("language", ["en-GB", "fr-FR", "es-ES"])
@pytest.mark.parametrize("width", [360, 1024, 1280])
async def test_lists_and_board_of_the_console_have_all_in_its_place(
    playwright: Playwright, preview: Preview, width: int, language: str
) -> None:
    """Every page can be gone to from any; nothing is cut, lies over something else, or leaves the window."""
    preview.answers[("GET", "/api/v1/contacts")] = (200, {"contacts": CONTACTS, "next_before": None})
    preview.answers[("GET", "/api/v1/recordings")] = (200, {"recordings": RECORDINGS, "next_before": None})
    preview.greeting["/ws/board"] = [BOARD]
    async with visit(playwright, "/sign-in/", language=language, width=width, preview=preview) as seen:
        for path, sign in (("board", "vv-board table"), ("contacts", ".rows a"), ("recordings", ".rows a")):
            await seen.page.goto(f"{preview.origin}/admin/#/{path}")
            await seen.page.locator(sign).first.wait_for()
            await expect(seen.page.locator("nav .links a")).to_have_count(6)
            assert await seen.page.evaluate("document.documentElement.scrollWidth") <= width, path
            assert await seen.page.evaluate(OUT_OF_PLACE) == [], path
            assert seen.complaints == [], path


async def test_a_caller_without_a_name_has_a_face_within_the_ring(playwright: Playwright, preview: Preview) -> None:
    preview.greeting["/ws/agent"] = [agent("reserved"), {**OFFER, "customer": {**CARD, "display_name": ""}}]
    async with visit(playwright, "/agent/", preview=preview) as seen:
        places = "(avatar) => [avatar, avatar.firstElementChild].map((each) => each.getBoundingClientRect().toJSON())"
        around, face = await seen.page.locator(".avatar").evaluate(places)
        for start, length in (("x", "width"), ("y", "height")):
            assert face[length] < around[length]
            assert face[start] + face[length] / 2 == pytest.approx(around[start] + around[length] / 2, abs=1)


@pytest.mark.parametrize("language", ["en-GB", "fr-FR", "es-ES"])
async def test_the_words_below_the_controls_of_a_call_are_whole(
    playwright: Playwright, preview: Preview, language: str
) -> None:
    """In one row or in two, however wide the call is."""
    preview.greeting["/ws/agent"] = CALL
    async with visit(playwright, "/agent/", language=language, preview=preview) as seen:
        words = seen.page.locator("button.control > span:not(.badge)")
        await words.first.wait_for()
        short = "(all) => all.filter((each) => each.scrollWidth > each.clientWidth).map((each) => each.textContent)"
        tops = "(all) => [...new Set(all.map((each) => each.getBoundingClientRect().top))].length"
        for width, rows in ((480, 2), (910, 2), (960, 2), (1100, 2), (1200, 2), (1300, 1)):
            await seen.page.set_viewport_size({"width": width, "height": 740})
            await seen.page.wait_for_function("(width) => innerWidth === width", arg=width)
            assert await words.evaluate_all(short) == [], width
            assert await seen.page.locator("button.control").evaluate_all(tops) == rows, width


@pytest.mark.parametrize("height", [740, 520])
async def test_no_control_of_a_call_stands_alone_in_a_row(
    playwright: Playwright, preview: Preview, height: int
) -> None:
    """However many there are and however wide the call is, rows are as even as can be.

    With their words they are in two rows where one is too narrow, eleven and twelve even in three; in a low window
    those have no words, and one row where it has room for their signs.
    """
    preview.greeting["/ws/embed"] = CALL
    async with visit(playwright, f"/agent/embed/#claim={'A' * 43}", preview=preview) as seen:
        bar = seen.page.locator("vv-controls .bar")
        await bar.wait_for()
        for width in (240, 320, 360, 449, 450, 525, 526, 611, 697, 869, 955, 1042):
            await seen.page.set_viewport_size({"width": width, "height": height})
            await seen.page.wait_for_function("(width) => innerWidth === width", arg=width)
            for count, (rows, words) in enumerate(await bar.evaluate(ROWS, [4, 12]), 4):
                case = (width, count, rows)
                assert sum(rows) == count, case
                assert max(rows) - min(rows) <= 1, case
                if width < 450:
                    assert not words, case
                elif height == 740:
                    assert words, case
                    assert len(rows) <= (3 if width < 526 and count > 10 else 2), case
                else:
                    assert not words or len(rows) == 1, case
                    assert len(rows) == 1 or count * 48 + 12 > width, case


async def test_the_form_after_a_call_takes_no_focus_from_the_desktop_around_it(
    playwright: Playwright, preview: Preview
) -> None:
    """Who writes in the desktop when the call ends goes on writing there."""
    preview.greeting["/ws/embed"] = CALL
    async with visit(playwright, "/", preview=preview) as seen:
        page = seen.page
        await page.evaluate(FRAMED, f"/agent/embed/#claim={'A' * 43}")
        panel = page.frame_locator("iframe[data-panel]")
        await panel.locator("#self").wait_for()
        field = page.locator("form input").first
        await field.click()
        await (await preview.talker()).tell(*ENDED)
        await panel.locator("#notes").wait_for()
        await page.keyboard.type("still here")
        await expect(field).to_be_focused()
        await expect(field).to_have_value("still here")


@pytest.mark.parametrize(("width", "height"), [(359, 640), (320, 480), (280, 400), (240, 320)])
async def test_the_panel_of_one_call_is_never_cut(
    playwright: Playwright, preview: Preview, width: int, height: int
) -> None:
    """A desktop gives it the room it has: in the call, beside an open chat, and in the form after it."""
    preview.greeting["/ws/embed"] = CALL
    async with visit(playwright, f"/agent/embed/#claim={'A' * 43}&language=fr", width=width, preview=preview) as seen:
        page = seen.page
        await page.set_viewport_size({"width": width, "height": height})
        await page.locator("#self").wait_for()
        assert await cut(page) == []
        await page.evaluate(CAMERA_IN_USE)
        await page.locator("[data-action=camera_off]").click()
        await page.locator("[data-action=camera_on]").click()
        await page.get_by_role("button", name="Réessayer").wait_for()
        assert await cut(page) == []
        await page.locator("[data-action=chat]").click()
        await page.locator("[data-action=send-chat]").wait_for()
        assert await cut(page) == []
        assert await page.locator("vv-stage").evaluate("(stage) => stage.clientHeight") >= 90
        await (await preview.talker()).tell(*ENDED)
        await page.locator("#notes").wait_for()
        await expect(page.locator("vv-wrap-up h1")).to_be_focused()
        assert await cut(page) == []
        assert seen.complaints == []
