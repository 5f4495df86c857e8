"""The panel of one contact in somebody else's desktop: who gets in, what it may do, who may show it."""

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from gateway import parties
from gateway.acd.passes import PanelSeat
from gateway.base.errors import PortFailure
from gateway.base.ids import AgentId, ContactId, OfferId
from gateway.parties import AgentParty
from signaling.ports import Account
from tests.support.signaling_browser import Browser, eventually
from tests.support.signaling_node import Node, node

CONTACT, OTHER = ContactId("ct_00000001"), ContactId("ct_00000002")
DESK = {
    "name": "desk",
    "kind": "tasks",
    "url": "http://127.0.0.1:9/",
    "embed_origins": ["https://Desk.example:443/", "http://localhost:8100"],
}


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Node]:
    async with node(tmp_path, acds=[DESK]) as running:
        running.desk.contact_with[ann(running)] = CONTACT
        yield running


def ann(here: Node) -> AgentId:
    agent_id = here.accounts.people["ann"].agent_id
    assert agent_id is not None
    return agent_id


def claim(here: Node, contact_id: ContactId = CONTACT, offer: str = "of_00000001") -> str:
    seat = PanelSeat(acd="desk", contact_id=contact_id, agent_id=ann(here), offer_id=OfferId(offer))
    return here.passes.issue(seat, 60)[0]


async def refusal(here: Node, **hello: object) -> tuple[int | None, str]:
    async with Browser.at(here.url, "/ws/embed") as panel:
        await panel.hello(**hello)
        return await panel.closed()


async def test_a_claim_opens_the_panel_of_its_contact_without_a_cookie(desk: Node) -> None:
    async with Browser.at(desk.url, "/ws/embed") as panel:
        welcome = await panel.hello(entry_token=claim(desk))
        assert welcome["contact_id"] == CONTACT
        await desk.desk.until("agent_present", ann(desk), True)
        await panel.send("hold")
        await desk.desk.until("agent_request", ann(desk), parties.HoldContact())
    actor, action, subject, data = desk.audited[-1]
    assert (actor, action, subject, data["acd"]) == ("ann", "panel_opened", CONTACT, "desk")


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("set_ready", {}),
        ("set_not_ready", {"reason": "break"}),
        ("accept_offer", {"offer_id": "of_00000009"}),
        ("claim_contact", {"correlation": "7K3QXM2P"}),
        ("transfer", {"kind": "queue", "target": "sales"}),
        ("complete_transfer", {}),
    ],
)
async def test_it_may_do_nothing_beyond_its_call(desk: Node, kind: str, fields: dict[str, object]) -> None:
    async with Browser.at(desk.url, "/ws/embed") as panel:
        await panel.hello(entry_token=claim(desk))
        await panel.send_raw(type=kind, seq=1, ack=0, **fields)
        assert (await panel.expect("error"))["code"] == "unknown_message"
    assert desk.desk.requests() == []


async def test_it_can_do_nothing_more_when_its_agent_has_another_contact(desk: Node) -> None:
    async with Browser.at(desk.url, "/ws/embed") as panel:
        await panel.hello(entry_token=claim(desk))
        desk.desk.contact_with[ann(desk)] = OTHER
        await panel.send("hang_up")
        assert (await panel.expect("error"))["code"] == "panel_claim_stale"
        coming_back = panel.resume()
    came = desk.desk.asked.count(("agent_present", ann(desk), True))
    async with Browser.at(desk.url, "/ws/embed") as panel:
        await panel.hello(resume=coming_back)
        await panel.send_raw(type="hang_up", seq=2, ack=0)
        assert (await panel.expect("error"))["code"] == "panel_claim_stale"
    assert desk.desk.asked.count(("agent_present", ann(desk), True)) == came
    assert desk.desk.requests() == []


async def test_a_lost_socket_comes_back_by_the_secret_and_not_by_the_claim(desk: Node) -> None:
    token = claim(desk)
    async with Browser.at(desk.url, "/ws/embed") as panel:
        await panel.hello(entry_token=token)
        await panel.expect("agent_state")
        panel.cut()
        again = panel.resume()
    assert await refusal(desk, entry_token=token) == (4409, "panel_claim_used")
    async with Browser.at(desk.url, "/ws/embed") as panel:
        assert (await panel.hello(resume=again))["resumed"] is True


async def test_a_claim_that_is_good_for_nothing_is_refused_and_audited(desk: Node) -> None:
    desk.desk.contact_with[ann(desk)] = OTHER
    assert await refusal(desk, entry_token=claim(desk)) == (4409, "panel_claim_stale")
    assert await refusal(desk, entry_token="A" * 43) == (4404, "panel_claim_unknown")
    assert await refusal(desk) == (4401, "panel_claim_missing")
    assert [(each[1], each[3]["code"]) for each in desk.audited] == [
        ("panel_refused", "panel_claim_stale"),
        ("panel_refused", "panel_claim_unknown"),
    ]


async def test_guessing_is_slowed_down(desk: Node) -> None:
    allowed = desk.services.settings.limits.entries_per_minute * 10
    desk.limiter.spent["panel", "127.0.0.1"] = allowed - 1
    assert await refusal(desk, entry_token="A" * 43) == (4404, "panel_claim_unknown")
    assert await refusal(desk, entry_token=claim(desk)) == (4429, "too_many_requests")
    assert len(desk.audited) == 1


async def test_the_session_of_a_whole_panel_opens_none_of_one_contact(desk: Node) -> None:
    async with Browser.at(desk.url, "/ws/agent", cookie=desk.signed_in("ann")) as whole:
        await whole.hello()
        assert await refusal(desk, resume=whole.resume()) == (4404, "session_over")
        assert desk.sessions.of(AgentParty(agent_id=ann(desk))) is not None


async def test_a_panel_elsewhere_gives_way_to_the_desktops(desk: Node) -> None:
    async with Browser.at(desk.url, "/ws/agent", cookie=desk.signed_in("ann")) as whole:
        await whole.hello()
        async with Browser.at(desk.url, "/ws/embed") as panel:
            await panel.hello(entry_token=claim(desk))
            assert (await whole.expect("bye"))["code"] == "taken_over"
            await eventually(lambda: len(desk.sessions) == 1)


async def test_the_page_stands_in_the_desktops_of_the_settings_only(desk: Node) -> None:
    async with aiohttp.ClientSession(desk.url) as http:
        async with http.get("/agent/embed/") as page:
            policy = page.headers["Content-Security-Policy"].split("; ")
            assert "frame-ancestors 'self' https://desk.example http://localhost:8100" in policy
            assert "X-Frame-Options" not in page.headers
            assert page.headers["Cross-Origin-Opener-Policy"] == "unsafe-none"
        async with http.get("/api/v1/embed") as answer:
            assert (await answer.json())["origins"] == ["https://desk.example", "http://localhost:8100"]
        async with http.get("/agent/") as panel:
            assert "frame-ancestors 'none'" in panel.headers["Content-Security-Policy"].split("; ")


async def test_without_desktops_nobody_may_show_it(here: Node, http: aiohttp.ClientSession) -> None:
    async with http.get("/agent/embed/") as page:
        assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"].split("; ")
        assert page.headers["X-Frame-Options"] == "DENY"
        assert page.headers["Cross-Origin-Opener-Policy"] == "same-origin"


async def test_records_that_are_away_cost_no_claim_and_keep_nobody_out(
    desk: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = claim(desk)

    async def away() -> list[Account]:
        raise PortFailure("records_unavailable", "The records do not answer.")

    agents = desk.accounts.agents
    panels = desk.services.panel_claims
    monkeypatch.setattr(panels, "_agents", away)
    assert await refusal(desk, entry_token=token) == (4503, "records_unavailable")

    async def unwritten(*_: object) -> None:
        raise PortFailure("records_unavailable", "The records do not answer.")

    monkeypatch.setattr(panels, "_agents", agents)
    monkeypatch.setattr(panels, "_audit", unwritten)
    async with Browser.at(desk.url, "/ws/embed") as panel:
        assert (await panel.hello(entry_token=token))["contact_id"] == CONTACT
