"""Links over HTTP: agents make them and take them back; whoever has one learns who invites, and comes in by it."""

import aiohttp
import pytest

from gateway.base.ids import AgentId
from gateway.parties import Entry
from tests.integration.signaling.test_sign_in import own, said
from tests.support.signaling_node import Node

ANN = AgentId("ag_ann00000000")
VISITOR = {"visitor_key": "visitor-0001", "language": "en"}


async def test_an_agent_makes_lists_and_takes_back(here: Node, http: aiohttp.ClientSession) -> None:
    cookie = here.signed_in("ann")
    async with http.post("/api/v1/links", json={"pin": True}, headers=own(here, cookie)) as answer:
        assert answer.status == 201
        assert (await answer.json())["pin"] == "123456"
    assert here.links.made == [(ANN, "", True)]
    async with http.get("/api/v1/links", headers=own(here, cookie)) as answer:
        assert await answer.json() == {"links": [{"link_id": "lk_first0000"}]}
    async with http.delete("/api/v1/links/lk_first0000", headers=own(here, cookie)) as answer:
        assert answer.status == 204
    assert here.links.revoked == [(ANN, "lk_first0000")]


@pytest.mark.parametrize(("who", "expected"), [("root", (403, "not_allowed")), (None, (401, "not_signed_in"))])
async def test_nobody_else_makes_one(
    here: Node, http: aiohttp.ClientSession, who: str | None, expected: tuple[int, str]
) -> None:
    headers = own(here, here.signed_in(who)) if who is not None else own(here, "")
    async with http.post("/api/v1/links", json={}, headers=headers) as answer:
        assert await said(answer) == expected
    assert here.links.made == []


async def test_another_page_makes_none_in_an_agents_name(here: Node, http: aiohttp.ClientSession) -> None:
    headers = {"Cookie": f"visavis_session={here.signed_in('ann')}", "Origin": "https://shop.example"}
    async with http.post("/api/v1/links", json={}, headers=headers) as answer:
        assert await said(answer) == (403, "origin_refused")


async def test_who_has_the_link_learns_who_invites(here: Node, http: aiohttp.ClientSession) -> None:
    async with http.post("/api/v1/widget/link", json={"link": "good"}) as answer:
        assert await answer.json() == {"site": "shop", "agent_name": "Ann", "needs_pin": True}
    async with http.post("/api/v1/widget/link", json={"link": "guessed"}) as answer:
        assert await said(answer) == (404, "link_unknown")


async def test_the_entry_carries_the_invitation_and_a_wrong_pin_gives_none(
    here: Node, http: aiohttp.ClientSession
) -> None:
    asked = {**VISITOR, "site": "shop", "link": "good"}
    async with http.post("/api/v1/widget/entry", json={**asked, "pin": "1"}) as answer:
        assert await said(answer) == (403, "pin_wrong")
    async with http.post("/api/v1/widget/entry", json={**asked, "pin": "123456"}) as answer:
        assert answer.status == 201
        token = (await answer.json())["entry_token"]
    entry = await here.services.entry_tokens.redeem(token)
    assert isinstance(entry, Entry)
    assert entry.invitation is not None
    assert (entry.invitation.agent_id, here.links.opened) == (ANN, 1)


async def test_guessing_links_is_slowed_down(here: Node, http: aiohttp.ClientSession) -> None:
    codes = set()
    for _ in range(here.services.settings.limits.entries_per_minute + 1):
        async with http.post("/api/v1/widget/link", json={"link": "guessed"}) as answer:
            codes.add(answer.status)
    assert codes == {404, 429}
