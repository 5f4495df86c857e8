"""Customers over HTTP: who may look and erase, and who a site may say somebody is."""

import time

import aiohttp
import pytest

from gateway.parties import Identity
from tests.support.fake_accounts import CANARY
from tests.support.fake_history import CUSTOMER
from tests.support.identity_tokens import signed
from tests.support.signaling_browser import own, said
from tests.support.signaling_node import Node

TIMELINE = f"/api/v1/customers/{CUSTOMER}/timeline"
ERASED = f"/api/v1/customers/{CUSTOMER}"


async def test_only_an_admin_looks_up_erases_and_tells_again(here: Node, http: aiohttp.ClientSession) -> None:
    requests = [
        ("GET", "/api/v1/customers?key=anna@shop.example&limit=3", None, 200),
        ("GET", TIMELINE, None, 200),
        ("DELETE", ERASED, {"reason": "asked for it"}, 200),
        ("POST", "/api/v1/crm/redeliveries", {}, 202),
    ]
    for method, path, body, status in requests:
        async with http.request(method, path, json=body, headers=own(here)) as answer:
            assert await said(answer) == (401, "not_signed_in")
        for name in ("ann", "vera"):
            async with http.request(method, path, json=body, headers=own(here, here.signed_in(name))) as answer:
                assert await said(answer) == (403, "not_allowed")
        async with http.request(method, path, json=body, headers=own(here, Authorization=f"Canary {CANARY}")) as answer:
            assert answer.status == 401
        async with http.request(method, path, json=body, headers=own(here, here.signed_in("root"))) as answer:
            assert answer.status == status
    assert here.customers.asked == [
        ("page", "anna@shop.example", None, 3),
        ("timeline", CUSTOMER, None, 50, "root"),
        ("erase", CUSTOMER, "root", "asked for it"),
        ("redeliver", "root"),
    ]


async def test_another_page_can_not_erase_in_an_admins_name(here: Node, http: aiohttp.ClientSession) -> None:
    for headers in ({"Origin": "https://evil.example", "X-Visavis": "1"}, {"Origin": here.url}):
        stolen = {**headers, "Cookie": f"visavis_session={here.signed_in('root')}"}
        async with http.delete(ERASED, json={"reason": "x"}, headers=stolen) as answer:
            assert answer.status == 403
        async with http.post("/api/v1/crm/redeliveries", headers=stolen) as answer:
            assert answer.status == 403
    assert here.customers.asked == []


async def test_who_is_not_there_and_what_is_no_question(here: Node, http: aiohttp.ClientSession) -> None:
    headers = own(here, here.signed_in("root"))
    async with http.get("/api/v1/customers/cu_99999999/timeline", headers=headers) as answer:
        assert await said(answer) == (404, "not_found")
    async with http.delete("/api/v1/customers/cu_99999999", json={"reason": "x"}, headers=headers) as answer:
        assert await said(answer) == (404, "no_such_customer")
    for query in ("limit=0", "limit=201", "before=%00", "before=A", f"key={'x' * 201}", "name=anna"):
        async with http.get(f"/api/v1/customers?{query}", headers=headers) as answer:
            assert await said(answer) == (400, "bad_query")
    for body in ({}, {"reason": ""}, {"reason": "x" * 201}, {"reason": 5}, {"reason": "x", "more": 1}):
        async with http.delete(ERASED, json=body, headers=headers) as answer:
            assert await said(answer) == (400, "bad_body")


async def test_a_timeline_that_can_not_be_audited_is_not_shown(here: Node, http: aiohttp.ClientSession) -> None:
    here.customers.audit_away = True
    async with http.get(TIMELINE, headers=own(here, here.signed_in("root"))) as answer:
        assert await said(answer) == (503, "records_unavailable")


# ---------------------------------------------------------------- identity

ENTRY = {"site": "shop", "visitor_key": "visitor-key-1", "language": "en", "display_name": "Queen of Saba"}


def token(**more: object) -> str:
    return signed({"sub": "anna@shop.example", "exp": time.time() + 300, **more})


@pytest.mark.parametrize(
    ("claims", "name"),
    [({}, "Queen of Saba"), ({"name": "Anna"}, "Anna"), ({"name": "Anna", "verified": False}, "Queen of Saba")],
)
async def test_a_site_says_who_comes_in(
    here: Node, http: aiohttp.ClientSession, claims: dict[str, object], name: str
) -> None:
    """A name that was checked stands before one that was typed; one that was not does not."""
    async with http.post("/api/v1/widget/entry", json={**ENTRY, "identity": token(**claims)}) as answer:
        body = await answer.json()
        assert (answer.status, body["identified"]) == (201, True)
    entry = here.entry_tokens.entries[body["entry_token"]]
    assert entry.display_name == name
    assert entry.identity == Identity(realm="shop", subject="anna@shop.example", **claims)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("site", "identity"),
    [("shop", "x.y.z"), ("shop", ""), ("shop", signed({"sub": "anna", "exp": 1})), ("plain", token())],
)
async def test_a_token_that_is_not_good_names_nobody_and_keeps_nobody_out(
    here: Node, http: aiohttp.ClientSession, site: str, identity: str
) -> None:
    async with http.post("/api/v1/widget/entry", json={**ENTRY, "site": site, "identity": identity}) as answer:
        body = await answer.json()
        assert (answer.status, body["identified"]) == (201, False)
    assert here.entry_tokens.entries[body["entry_token"]].identity is None


async def test_a_token_of_absurd_size_is_refused_like_any_other_field(here: Node, http: aiohttp.ClientSession) -> None:
    async with http.post("/api/v1/widget/entry", json={**ENTRY, "identity": "x" * 4001}) as answer:
        assert await said(answer) == (400, "bad_body")
