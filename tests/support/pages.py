"""What tests of the pages by themselves share: one page in a browser with its complaints, and what a gateway might say.

The values are plain messages and answers of `Preview`; those with markup in them are meant to be shown as text.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from playwright.async_api import Page, Playwright

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


def contact(state: str, **more: object) -> Json:
    return {"type": "contact_state", "contact_id": "ct_0123456789ab", "state": state, **more}


def agent(state: str, **more: object) -> Json:
    return {"type": "agent_state", "state": state, "queues": ["Advice"], **more}


def account(*roles: str) -> Json:
    named: Json = {"id": "ac_1", "name": "lea", "display_name": "Léa Martin", "roles": list(roles), "agent_id": "ag_1"}
    return {"account": named}


@asynccontextmanager
async def serve_pages() -> AsyncIterator[Preview]:
    """The pages with a site, an agent who is an administrator too, and one customer, letter and disagreement."""
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
