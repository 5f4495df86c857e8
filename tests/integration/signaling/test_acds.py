"""Webhooks of ACDs over HTTP, and the list of what could not be told to them."""

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from tests.support.signaling_browser import own, said
from tests.support.signaling_node import Node, node

SIGNED = {"Visavis-Signature": "v1=00"}
LETTER = "le_00000001"


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Node]:
    async with node(tmp_path) as running:
        yield running


@pytest.fixture
async def http(here: Node) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(here.url) as session:
        yield session


async def test_a_webhook_is_handed_on_as_bytes_with_the_address_others_call(here: Node, http: aiohttp.ClientSession):
    async with http.post("/api/v1/acds/tr/events?a=%20b", data=b"EventType=x", headers=SIGNED) as answer:
        assert answer.status == 204
    url = f"{here.url}/api/v1/acds/tr/events?a=%20b"
    assert here.task_acds.received == [("tr", url, "v1=00", b"EventType=x")]


async def test_a_webhook_needs_a_signature_a_known_acd_and_a_small_body(here: Node, http: aiohttp.ClientSession):
    async with http.post("/api/v1/acds/tr/events", data=b"{}") as answer:
        assert await said(answer) == (401, "signature_invalid")
    async with http.post("/api/v1/acds/other/events", data=b"{}", headers=SIGNED) as answer:
        assert await said(answer) == (404, "not_found")
    async with http.post(f"/api/v1/acds/{'x' * 41}/events", data=b"{}", headers=SIGNED) as answer:
        assert await said(answer) == (404, "not_found")
    async with http.post("/api/v1/acds/tr/events", data=b"x" * 70_000, headers=SIGNED) as answer:
        assert await said(answer) == (413, "too_large")
    assert here.task_acds.received == []


async def test_dead_letters_are_an_admins_to_see_retry_and_drop(here: Node, http: aiohttp.ClientSession):
    here.task_acds.letters = {LETTER: {"id": LETTER, "cause": "http_422"}, "le_00000002": {"id": "le_00000002"}}
    admin = own(here, here.signed_in("root"))
    async with http.get("/api/v1/dead-letters", headers=admin) as answer:
        assert [letter["id"] for letter in (await answer.json())["letters"]] == [LETTER, "le_00000002"]
    async with http.post(f"/api/v1/dead-letters/{LETTER}/retry", headers=admin) as answer:
        assert answer.status == 204
    async with http.delete("/api/v1/dead-letters/le_00000002", headers=admin) as answer:
        assert answer.status == 204
    assert here.task_acds.done == [("retry", LETTER, "root"), ("drop", "le_00000002", "root")]
    async with http.delete("/api/v1/dead-letters/le_00000002", headers=admin) as answer:
        assert await said(answer) == (404, "not_found")


@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("POST", f"/{LETTER}/retry"), ("DELETE", f"/{LETTER}")])
async def test_nobody_else_sees_or_touches_them(here: Node, http: aiohttp.ClientSession, method: str, path: str):
    here.task_acds.letters = {LETTER: {"id": LETTER}}
    agent = own(here, here.signed_in("ann"))
    async with http.request(method, f"/api/v1/dead-letters{path}", headers=agent) as answer:
        assert await said(answer) == (403, "not_allowed")
    async with http.request(method, f"/api/v1/dead-letters{path}", headers=own(here)) as answer:
        assert await said(answer) == (401, "not_signed_in")
    if method != "GET":
        foreign = {**own(here, here.signed_in("root")), "Origin": "https://evil.example"}
        async with http.request(method, f"/api/v1/dead-letters{path}", headers=foreign) as answer:
            assert await said(answer) == (403, "origin_refused")
    assert here.task_acds.done == []
