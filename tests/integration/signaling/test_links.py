"""Links over HTTP: agents make them and take them back; whoever has one learns who invites, and comes in by it."""

import asyncio
from datetime import UTC, datetime

import aiohttp
import pytest

from gateway.base.errors import PortFailure
from gateway.base.ids import AgentId, ContactId
from gateway.links.model import MOST_OPENINGS
from gateway.parties import Entry, Identity, KeptPlace
from tests.integration.signaling.test_sign_in import own, said
from tests.support.signaling_node import API_TOKEN, Node

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


async def test_an_opening_that_led_to_no_entry_is_not_counted(
    here: Node, http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(_: Entry) -> str:
        raise PortFailure("live_unavailable", "It is away.")

    asked = {**VISITOR, "site": "shop", "link": "good", "pin": "123456"}
    with monkeypatch.context() as patch:
        patch.setattr(here.entry_tokens, "issue", away)
        async with http.post("/api/v1/widget/entry", json=asked) as answer:
            assert await said(answer) == (503, "live_unavailable")
    assert here.links.opened == 0
    async with http.post("/api/v1/widget/entry", json=asked) as answer:
        assert answer.status == 201
    assert here.links.opened == 1


async def test_of_many_who_come_at_once_no_more_come_in_than_the_link_opens_for(
    here: Node, http: aiohttp.ClientSession
) -> None:
    here.links.opened = MOST_OPENINGS - 1
    asked = {**VISITOR, "site": "shop", "link": "good", "pin": "123456"}

    async def come_in() -> int:
        async with http.post("/api/v1/widget/entry", json=asked) as answer:
            return answer.status

    assert sorted(await asyncio.gather(*(come_in() for _ in range(3)))) == [201, 409, 409]


async def test_guessing_links_is_slowed_down(here: Node, http: aiohttp.ClientSession) -> None:
    codes = set()
    for _ in range(here.services.settings.limits.entries_per_minute + 1):
        async with http.post("/api/v1/widget/link", json={"link": "guessed"}) as answer:
            codes.add(answer.status)
    assert codes == {404, 429}


TIME = {"opens_at": "2026-05-04T08:00:00Z", "closes_at": "2026-05-04T08:30:00Z"}
TOKEN = {"Authorization": f"Bearer {API_TOKEN}"}


async def test_an_agent_makes_one_for_a_time_to_themselves_or_to_a_queue_of_theirs(
    here: Node, http: aiohttp.ClientSession
) -> None:
    headers = own(here, here.signed_in("ann"))
    for asked in (TIME, {**TIME, "queue": "sales"}):
        async with http.post("/api/v1/links", json=asked, headers=headers) as answer:
            assert answer.status == 201, await answer.text()
    assert [(each.made_by, each.agent_id, each.queue) for each in here.links.planned] == [
        (ANN, ANN, "sales"),
        (ANN, None, "sales"),
    ]
    assert here.links.planned[0].opens_at == datetime(2026, 5, 4, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({**TIME, "queue": "other"}, (400, "link_queue")),
        ({**TIME, "agent_id": "ag_ben00000000"}, (403, "not_allowed")),
        ({"opens_at": TIME["opens_at"]}, (400, "link_time")),
        ({"queue": "sales"}, (400, "link_time")),
        ({**TIME, "opens_at": "2026-05-04T08:00:00"}, (400, "bad_body")),  # of which zone?
    ],
)
async def test_an_agent_makes_none_for_others_or_without_a_time(
    here: Node, http: aiohttp.ClientSession, asked: dict[str, str], expected: tuple[int, str]
) -> None:
    async with http.post("/api/v1/links", json=asked, headers=own(here, here.signed_in("ann"))) as answer:
        assert await said(answer) == expected
    assert here.links.planned == []


async def test_another_system_makes_and_takes_back_with_its_token(here: Node, http: aiohttp.ClientSession) -> None:
    for asked in ({**TIME, "queue": "anything"}, {**TIME, "agent_id": ANN}):
        async with http.post("/api/v1/links", json=asked, headers=TOKEN) as answer:
            assert answer.status == 201, await answer.text()
    assert [(each.made_by, each.agent_id, each.queue) for each in here.links.planned] == [
        ("token:crm", None, "anything"),
        ("token:crm", ANN, "sales"),
    ]
    async with http.delete("/api/v1/links/lk_first0000", headers=TOKEN) as answer:
        assert answer.status == 204
    assert here.links.revoked == [("token:crm", "lk_first0000")]


@pytest.mark.parametrize(
    ("asked", "token", "expected"),
    [
        ({}, API_TOKEN, (400, "link_time")),
        (TIME, API_TOKEN, (400, "link_queue")),
        ({**TIME, "agent_id": "ag_nobody0000"}, API_TOKEN, (404, "no_such_agent")),
        ({**TIME, "queue": "sales"}, "guessed", (401, "token_refused")),
    ],
)
async def test_another_system_says_when_and_for_whom(
    here: Node, http: aiohttp.ClientSession, asked: dict[str, str], token: str, expected: tuple[int, str]
) -> None:
    async with http.post("/api/v1/links", json=asked, headers={"Authorization": f"Bearer {token}"}) as answer:
        assert await said(answer) == expected
    assert here.links.planned == []


async def test_who_has_the_link_has_its_calendar_file(here: Node, http: aiohttp.ClientSession) -> None:
    address = "/api/v1/links/lk_first0000.ics"
    async with http.get(address, params={"language": "fr"}, headers={"Visavis-Link": "good"}) as answer:
        assert (answer.status, answer.content_type, await answer.text()) == (200, "text/calendar", "lk_first0000 fr")
    async with http.get(address) as answer:
        assert await said(answer) == (404, "link_unknown")


async def test_who_has_the_link_of_a_place_sees_where_it_stands_and_gives_it_up(
    here: Node, http: aiohttp.ClientSession
) -> None:
    async with http.post("/api/v1/widget/place", json={"link": "good"}) as answer:
        assert await answer.json() == {"state": "kept", "place": 2}
    for path in ("/api/v1/widget/place", "/api/v1/widget/place/give-up"):
        async with http.post(path, json={"link": "guessed"}) as answer:
            assert await said(answer) == (404, "link_unknown")
    assert here.links.given_up == 0
    async with http.post("/api/v1/widget/place/give-up", json={"link": "good"}) as answer:
        assert answer.status == 204
    assert here.links.given_up == 1


async def test_who_comes_back_for_a_place_is_known_by_what_they_said_before(
    here: Node, http: aiohttp.ClientSession
) -> None:
    here.links.kept = KeptPlace(
        contact_id=ContactId("ct_before"),
        queued_s=1_777_881_000.5,
        priority=3,
        path=("Sales",),
        display_name="Ada",
        page_url="https://shop.example/basket",
        form={"basket": "2"},
        identity=Identity(realm="shop", subject="17", verified=False),
    )
    asked = {**VISITOR, "site": "shop", "link": "good", "pin": "123456"}
    async with http.post("/api/v1/widget/entry", json=asked) as answer:
        entry = await here.services.entry_tokens.redeem((await answer.json())["entry_token"])
    assert entry.invitation is not None
    assert entry.invitation.place == here.links.kept, "whole, by way of the live state"
    assert (entry.display_name, entry.page_url, entry.form) == ("Ada", "https://shop.example/basket", {"basket": "2"})
    assert entry.identity == here.links.kept.identity
