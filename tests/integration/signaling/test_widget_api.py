"""What the widget asks before there is a contact: bounded, counted, and clear about why not."""

from pathlib import Path

import aiohttp
import pytest

from gateway.base.errors import CapacityExceeded, InvariantBroken, Refused
from tests.support.fake_accounts import CANARY
from tests.support.signaling_browser import said
from tests.support.signaling_node import Node, node

# ---------------------------------------------------------------- the widget


VISITOR = {"site": "shop", "visitor_key": "visitor-key-1"}


async def test_availability_says_whether_and_why_not(here: Node, http: aiohttp.ClientSession) -> None:
    async with http.post("/api/v1/widget/availability", json=VISITOR) as answer:
        assert await answer.json() == {
            "offered": True,
            "code": None,
            "site_name": "The Shop",
            "recording": {"consent": "notice", "notice_version": "1"},
        }
    for refusal in (Refused("not_in_pilot", "No."), CapacityExceeded("full", "No.")):
        here.admission.refusal = refusal
        async with http.post("/api/v1/widget/availability", json=VISITOR) as answer:
            body = await answer.json()
            assert (answer.status, body["offered"], body["code"]) == (200, False, refusal.code)


async def test_an_entry_carries_what_the_page_passed_on_and_nothing_unprintable(
    here: Node, http: aiohttp.ClientSession
) -> None:
    wanted = {
        **VISITOR,
        "language": "fr",
        "page_url": "https://shop.example/basket",
        "display_name": "Ada\u202e\x00\nLovelace",
        "form": {"step": "2"},
        "notice_version": "1",
    }
    async with http.post("/api/v1/widget/entry", json=wanted) as answer:
        assert answer.status == 201
        body = await answer.json()
    entry = here.entry_tokens.entries[body["entry_token"]]
    assert body["expires_s"] == 600
    assert (entry.display_name, entry.language, dict(entry.form), entry.canary) == (
        "AdaLovelace",
        "fr",
        {"step": "2"},
        False,
    )


@pytest.mark.parametrize(
    "change",
    [
        {"language": "xx"},
        {"site": "../etc"},
        {"visitor_key": "short"},
        {"visitor_key": "x" * 65},
        {"display_name": "x" * 81},
        {"page_url": "x" * 2001},
        {"form": {str(number): "x" for number in range(21)}},
        {"form": {"a": "x" * 201}},
        {"form": {"a": 1}},
        {"canary": True},
        {"site": None},
    ],
    ids=str,
)
async def test_an_entry_out_of_bounds_is_refused(
    here: Node, http: aiohttp.ClientSession, change: dict[str, object]
) -> None:
    async with http.post("/api/v1/widget/entry", json={**VISITOR, "language": "en", **change}) as answer:
        assert await said(answer) == (400, "bad_body")
    assert not here.entry_tokens.entries


async def test_entries_of_one_address_are_limited_and_robots_are_not(here: Node, http: aiohttp.ClientSession) -> None:
    wanted = {**VISITOR, "language": "en"}
    for _ in range(30):
        async with http.post("/api/v1/widget/entry", json=wanted) as answer:
            assert answer.status == 201
    async with http.post("/api/v1/widget/entry", json=wanted) as answer:
        assert await said(answer) == (429, "too_many_requests")
        assert answer.headers["Retry-After"] == "7"
    async with http.post("/api/v1/widget/entry", json=wanted, headers={"X-Forwarded-For": "192.0.2.9"}) as answer:
        assert answer.status == 429  # nobody vouches for that header
    async with http.post("/api/v1/widget/entry", json=wanted, headers={"Authorization": f"Canary {CANARY}"}) as answer:
        assert answer.status == 201
        assert here.entry_tokens.entries[(await answer.json())["entry_token"]].canary
    async with http.post("/api/v1/widget/entry", json=wanted, headers={"Authorization": "Canary wrong"}) as answer:
        assert await said(answer) == (401, "canary_refused")


async def test_behind_a_known_proxy_each_visitor_has_their_own_limit(tmp_path: Path) -> None:
    trusted = {"trusted_proxies": ("127.0.0.1",)}
    async with (
        node(tmp_path, http=trusted, limits={"entries_per_minute": 1}) as here,
        aiohttp.ClientSession(base_url=here.url) as http,
    ):
        statuses = []
        for address in ("192.0.2.1", "192.0.2.1", "192.0.2.2"):
            async with http.post(
                "/api/v1/widget/entry",
                json={**VISITOR, "language": "en"},
                headers={"X-Forwarded-For": address},
            ) as answer:
                statuses.append(answer.status)
        assert statuses == [201, 429, 201]


async def test_a_refused_entry_says_why_and_when_to_come_back(here: Node, http: aiohttp.ClientSession) -> None:
    for refusal, status in ((Refused("closed", "No."), 403), (CapacityExceeded("full", "No.", retry_after_s=30), 503)):
        here.admission.refusal = refusal
        async with http.post("/api/v1/widget/entry", json={**VISITOR, "language": "en"}) as answer:
            assert await said(answer) == (status, refusal.code)
            assert answer.headers.get("Retry-After") == ("30" if status == 503 else None)


# ---------------------------------------------------------------- bodies


async def test_bodies_are_json_of_bounded_size(here: Node, http: aiohttp.ClientSession) -> None:
    address = "/api/v1/widget/entry"
    async with http.post(address, data="{}", headers={"Content-Type": "text/plain"}) as answer:
        assert await said(answer) == (415, "not_json")
    async with http.post(address, data="{", headers={"Content-Type": "application/json"}) as answer:
        assert await said(answer) == (400, "bad_body")
    async with http.post(address, data="[" * 60_000, headers={"Content-Type": "application/json"}) as answer:
        assert await said(answer) == (400, "bad_body")
    async with http.post(address, data="x" * 70_000, headers={"Content-Type": "application/json"}) as answer:
        assert await said(answer) == (413, "too_large")


async def test_what_is_not_there_is_a_problem_too(http: aiohttp.ClientSession) -> None:
    async with http.get("/nowhere") as answer:
        assert await said(answer) == (404, "not_found")
    async with http.delete("/healthz") as answer:
        assert await said(answer) == (405, "method_not_allowed")
        assert answer.headers["Allow"] == "GET,HEAD"


async def test_our_own_fault_is_logged_with_a_reference_and_tells_nothing(
    here: Node, http: aiohttp.ClientSession, capsys: pytest.CaptureFixture[str]
) -> None:
    for error in (RuntimeError("secret detail"), InvariantBroken("secret_code", "secret detail")):
        here.admission.refusal = error  # type: ignore[assignment]
        async with http.post("/api/v1/widget/entry", json={**VISITOR, "language": "en"}) as answer:
            body = await answer.text()
            assert await said(answer) == (500, "internal_error")
            assert "secret" not in body
            reference = (await answer.json(content_type=None))["detail"].split()[-1].rstrip(".")
        assert reference in capsys.readouterr().out
