"""Who may read and change what: rights per object, and files by id only."""

import aiohttp
import pytest

from tests.support.fake_accounts import CANARY
from tests.support.fake_history import OURS, RECORDING, ROBOT_RECORDING, ROBOTS
from tests.support.signaling_browser import own, said
from tests.support.signaling_node import Node

ABLE = {"queues": ["sales"], "skills": {"french": 7}, "languages": ["fr"]}

# ---------------------------------------------------------------- rights


async def test_only_an_admin_reads_the_lists_and_turns_the_switch(here: Node, http: aiohttp.ClientSession) -> None:
    change = {"enabled": False, "share_percent": 10, "agents": ["ag_ann00000000"], "version": 3}
    requests = [
        ("GET", "/api/v1/contacts", None),
        ("GET", "/api/v1/pilot-groups", None),
        ("GET", "/api/v1/agents", None),
        ("GET", "/api/v1/acd/disagreements", None),
        ("PUT", "/api/v1/pilot-groups/shop", change),
        ("PUT", f"/api/v1/agents/{here.accounts.people['ann'].agent_id}", ABLE),
    ]
    for method, path, body in requests:
        async with http.request(method, path, json=body, headers=own(here)) as answer:
            assert await said(answer) == (401, "not_signed_in")
        async with http.request(method, path, json=body, headers=own(here, here.signed_in("ann"))) as answer:
            assert await said(answer) == (403, "not_allowed")
        async with http.request(method, path, json=body, headers=own(here, Authorization=f"Canary {CANARY}")) as answer:
            assert answer.status == 401
        async with http.request(method, path, json=body, headers=own(here, here.signed_in("root"))) as answer:
            assert answer.status == 200
    assert (here.pilots.group["enabled"], here.pilots.group["changed_by"]) == (False, "root")
    async with http.put("/api/v1/pilot-groups/shop", json=change, headers=own(here, here.signed_in("root"))) as answer:
        assert await said(answer) == (409, "version_conflict")


async def test_disagreements_are_listed_as_many_as_asked(here: Node, http: aiohttp.ClientSession) -> None:
    here.disagreements.rows = [{"contact_id": f"ct_{number}"} for number in range(3)]
    root = own(here, here.signed_in("root"))
    async with http.get("/api/v1/acd/disagreements?limit=2", headers=root) as answer:
        assert await answer.json() == {"disagreements": [{"contact_id": "ct_0"}, {"contact_id": "ct_1"}]}
    for limit in ("0", "501", "many"):
        async with http.get(f"/api/v1/acd/disagreements?limit={limit}", headers=root) as answer:
            assert await said(answer) == (400, "bad_query")


@pytest.mark.parametrize("share", [-1, 101, 50.5, "50", True])
async def test_a_share_is_a_whole_percentage(here: Node, http: aiohttp.ClientSession, share: object) -> None:
    change = {"enabled": True, "share_percent": share, "agents": [], "version": 3}
    async with http.put("/api/v1/pilot-groups/shop", json=change, headers=own(here, here.signed_in("root"))) as answer:
        assert await said(answer) == (400, "bad_body")


async def test_what_an_agent_can_is_changed_as_a_whole(here: Node, http: aiohttp.ClientSession) -> None:
    agent_id = here.accounts.people["ann"].agent_id
    root = own(here, here.signed_in("root"))
    async with http.put(f"/api/v1/agents/{agent_id}", json=ABLE, headers=root) as answer:
        assert (await answer.json()).items() >= (ABLE | {"agent_id": agent_id, "name": "ann"}).items()
    async with http.get("/api/v1/agents", headers=root) as answer:
        assert next(each for each in (await answer.json())["agents"] if each["name"] == "ann")["skills"] == {
            "french": 7
        }
    for body in ({}, ABLE | {"more": 1}, ABLE | {"skills": {"french": "7"}}, ABLE | {"queues": ["x" * 201]}):
        async with http.put(f"/api/v1/agents/{agent_id}", json=body, headers=root) as answer:
            assert await said(answer) == (400, "bad_body")
    async with http.put("/api/v1/agents/ag_nobody00", json=ABLE, headers=root) as answer:
        assert await said(answer) == (404, "no_such_agent")


async def test_what_is_not_yours_answers_like_what_is_not_there(filled: Node, http: aiohttp.ClientSession) -> None:
    """Rights are per object, and nobody learns which ids exist."""
    root, ann = (
        {"Cookie": f"visavis_session={filled.signed_in('root')}"},
        {"Cookie": f"visavis_session={filled.signed_in('ann')}"},
    )
    robot = {"Authorization": f"Canary {CANARY}"}
    seat = await filled.accounts.canary_seat(CANARY, 3)
    seated = {"Cookie": f"visavis_session={seat.token}"}

    async def get(path: str, headers: dict[str, str]) -> tuple[int, str]:
        async with http.get(path, headers=headers) as answer:
            text = await answer.text() if answer.status >= 400 else ""
            return answer.status, text

    for template, ours, robots in (
        ("/api/v1/contacts/{}", OURS, ROBOTS),
        ("/api/v1/recordings/{}/media", RECORDING, ROBOT_RECORDING),
    ):
        missing = await get(template.format(ours[:-1] + "9"), root)
        assert missing[0] == 404
        assert (await get(template.format(ours), root))[0] == 200
        assert (await get(template.format(robots), root))[0] == 200
        for headers in (robot, seated):
            assert await get(template.format(ours), headers) == missing
            assert (await get(template.format(robots), headers))[0] == 200
        assert await get(template.format(ours), ann) == missing
        assert await get(template.format(robots), ann) == missing
        assert (await get(template.format(ours), {}))[0] == 401
        assert (await get(template.format(robots), {"Authorization": "Canary wrong"}))[0] == 401


async def test_a_robot_takes_a_seat_with_its_token_only(here: Node, http: aiohttp.ClientSession) -> None:
    headers = {"Authorization": f"Canary {CANARY}"}
    async with http.post("/api/v1/canary/seat", json={"seat": 7}, headers=headers) as answer:
        assert (await answer.json())["account"]["name"] == "canary-7"
        assert "HttpOnly" in answer.headers["Set-Cookie"]
    for seat in (-1, 200, "7", None):
        async with http.post("/api/v1/canary/seat", json={"seat": seat}, headers=headers) as answer:
            assert await said(answer) == (400, "bad_body")
    for wrong in ({}, {"Authorization": "Canary wrong"}, {"Authorization": f"Bearer {CANARY}"}):
        async with http.post("/api/v1/canary/seat", json={"seat": 7}, headers=wrong) as answer:
            assert await said(answer) == (401, "canary_refused")


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=x", "state=../x", "order=asc", "before=" + "x" * 201])
async def test_a_query_out_of_bounds_is_refused(here: Node, http: aiohttp.ClientSession, query: str) -> None:
    headers = {"Cookie": f"visavis_session={here.signed_in('root')}"}
    async with http.get(f"/api/v1/contacts?{query}", headers=headers) as answer:
        assert await said(answer) == (400, "bad_query")


async def test_where_a_contact_can_go_is_told_to_agents_only(here: Node, http: aiohttp.ClientSession) -> None:
    path = "/api/v1/transfer-targets"
    async with http.get(path, headers=own(here)) as answer:
        assert await said(answer) == (401, "not_signed_in")
    async with http.get(path, headers=own(here, here.signed_in("root"))) as answer:
        assert await said(answer) == (403, "not_allowed")
    async with http.get(path, headers=own(here, here.signed_in("ann"))) as answer:
        assert answer.status == 200
        assert answer.headers["Cache-Control"] == "no-store"
        found = await answer.json()
    assert found["queues"][0] == {"id": "sales", "name": "Sales"}
    assert found["agents"][0] == {"agent_id": "ag_00000002", "display_name": "Ben", "ready": True}


async def test_a_screen_pop_is_answered_with_the_panel(here: Node, http: aiohttp.ClientSession) -> None:
    async with http.get("/agent/") as panel, http.get("/agent/claim/7K3Q-XM2P") as popped:
        assert popped.status == 200
        assert await popped.read() == await panel.read()
        assert popped.headers["Content-Security-Policy"] == panel.headers["Content-Security-Policy"]
    async with http.get("/agent/claim/" + "7" * 41) as answer:
        assert answer.status == 404
