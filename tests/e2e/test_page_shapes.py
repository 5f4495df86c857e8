"""Pages in another language: nothing stays as it was."""

import re
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Page, Playwright, expect

from tests.e2e.test_pages import account, agent, texts, visit
from tests.support.web_preview import Json, Preview, serve_preview

LINK: Json = {
    "link_id": "ln_012345678901",
    "url": "https://video.example/widget/?site=demo#link=abcdefghijklmnop",
    "pin": None,
    "qr": "data:,",
    "opens_at": "2026-03-02T09:00:00Z",
    "closes_at": "2026-03-02T10:00:00Z",
}
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
