"""Signing in and out: cookies, forgery, and sockets that end with their sign-in."""

from pathlib import Path

import aiohttp

from gateway.base.errors import PortFailure, StateConflict
from gateway.base.ids import AgentId
from tests.support.clock import FakeClock
from tests.support.signaling_browser import Browser, own, said
from tests.support.signaling_node import Node, node


async def test_signing_in_sets_a_cookie_no_script_and_no_other_site_gets(
    here: Node, http: aiohttp.ClientSession
) -> None:
    async with http.post("/api/v1/session", json={"name": "ann", "password": "ann"}, headers=own(here)) as answer:
        assert (await answer.json())["account"] == {
            "id": "ac_ann00000000",
            "name": "ann",
            "display_name": "Ann",
            "roles": ["agent"],
            "agent_id": "ag_ann00000000",
        }
        cookie = answer.headers["Set-Cookie"]
    for part in ("visavis_session=", "HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=43200"):
        assert part in cookie
    assert "Secure" not in cookie  # plain http: a browser would drop it
    async with http.post("/api/v1/session", json={"name": "ann", "password": "x"}, headers=own(here)) as answer:
        assert await said(answer) == (401, "sign_in_failed")


async def test_over_https_the_cookie_is_bound_to_this_host(tmp_path: Path) -> None:
    async with (
        node(tmp_path, http={"public_url": "https://video.example"}) as here,
        aiohttp.ClientSession(base_url=here.url) as http,
    ):
        headers = {"Origin": "https://video.example", "X-Visavis": "1"}
        async with http.post("/api/v1/session", json={"name": "ann", "password": "ann"}, headers=headers) as answer:
            assert answer.headers["Set-Cookie"].startswith("__Host-visavis_session=")
            assert "; Secure" in answer.headers["Set-Cookie"]
            assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
        async with http.get("/agent/") as answer:
            assert "wss://video.example" in answer.headers["Content-Security-Policy"]


async def test_a_link_signs_in_once(here: Node, http: aiohttp.ClientSession) -> None:
    here.accounts.links["one-time-link-token"] = "ann"
    link = {"link_token": "one-time-link-token"}
    async with http.post("/api/v1/session", json=link, headers=own(here)) as answer:
        assert answer.status == 200
    async with http.post("/api/v1/session", json=link, headers=own(here)) as answer:
        assert await said(answer) == (401, "sign_in_failed")
    async with http.post("/api/v1/session", json={"name": "ann", **link}, headers=own(here)) as answer:
        assert await said(answer) == (400, "bad_body")


async def test_signing_out_ends_the_sockets_at_once_and_the_cookie_opens_nothing(
    here: Node, http: aiohttp.ClientSession
) -> None:
    """Server-side revoke, also of open WebSockets."""
    cookie = here.signed_in("ann")
    async with Browser.at(here.url, "/ws/agent", cookie=cookie) as panel:
        await panel.hello()
        await panel.expect("agent_state")
        async with http.delete("/api/v1/session", headers=own(here, cookie)) as answer:
            assert answer.status == 204
            assert "Max-Age=0" in answer.headers["Set-Cookie"]
        assert (await panel.expect("bye"))["code"] == "signed_out"
        assert await panel.closed() == (4401, "signed_out")
    assert ("agent_logged_off", AgentId("ag_ann00000000")) in here.desk.asked
    assert ("agent_present", AgentId("ag_ann00000000"), False) not in here.desk.asked
    async with http.get("/api/v1/session", headers=own(here, cookie)) as answer:
        assert await said(answer) == (401, "not_signed_in")


async def test_an_agent_on_a_contact_stays_signed_in(here: Node, http: aiohttp.ClientSession) -> None:
    cookie = here.signed_in("ann")
    here.desk.refuse_next(StateConflict("agent_busy", "End the call first."))
    async with http.delete("/api/v1/session", headers=own(here, cookie)) as answer:
        assert await said(answer) == (409, "agent_busy")
    async with http.get("/api/v1/session", headers=own(here, cookie)) as answer:
        assert answer.status == 200


async def test_signing_out_elsewhere_leaves_the_panel_that_another_sign_in_opened(
    here: Node, http: aiohttp.ClientSession
) -> None:
    async with Browser.at(here.url, "/ws/agent", cookie=here.signed_in("ann")) as panel:
        await panel.hello()
        await panel.expect("agent_state")
        async with http.delete("/api/v1/session", headers=own(here, here.signed_in("ann"))) as answer:
            assert answer.status == 204
        await panel.send("set_ready")
        await panel.expect("ack")
    assert ("agent_logged_off", AgentId("ag_ann00000000")) not in here.desk.asked


async def test_a_sign_in_that_ends_elsewhere_closes_its_sockets_within_five_seconds(tmp_path: Path) -> None:
    clock = FakeClock()
    async with node(tmp_path, clock=clock) as here:
        cookie = here.signed_in("ann")
        async with Browser.at(here.url, "/ws/agent", cookie=cookie) as panel:
            await panel.hello()
            await panel.expect("agent_state")
            here.accounts.fail = PortFailure("live_unavailable", "The live state does not answer.")
            clock.advance(4.9)  # nobody is signed out because the store is away
            await panel.send("set_ready")
            await panel.expect("ack")
            here.accounts.fail = None
            del here.accounts.signed[cookie]
            clock.advance(4.9)
            assert (await panel.expect("bye"))["code"] == "signed_out"
            assert await panel.closed() == (4401, "signed_out")


async def test_who_is_on_a_contact_is_asked_about_as_such(tmp_path: Path) -> None:
    clock = FakeClock()
    async with (
        node(tmp_path, clock=clock) as here,
        Browser.at(here.url, "/ws/agent", cookie=here.signed_in("ann")) as panel,
    ):
        await panel.hello()
        await panel.expect("agent_state")
        for on_contact in (set(), {AgentId("ag_ann00000000")}):
            here.desk.on_contact = on_contact
            here.accounts.asked_in_call.clear()
            clock.advance(4.9)
            await panel.send("set_ready")
            await panel.expect("ack")
            assert here.accounts.asked_in_call[0] is bool(on_contact)


async def test_a_cookie_without_our_header_or_from_another_page_changes_nothing(
    here: Node, http: aiohttp.ClientSession
) -> None:
    cookie = here.signed_in("root")
    forged = [
        {"Origin": here.url},
        {"X-Visavis": "1"},
        {"X-Visavis": "1", "Origin": "null"},
        {"X-Visavis": "1", "Origin": "https://shop.example"},
        {"X-Visavis": "0", "Origin": here.url},
    ]
    change = {"enabled": False, "share_percent": 0, "agents": [], "version": 3}
    for headers in forged:
        with_cookie = {**headers, "Cookie": f"visavis_session={cookie}"}
        for method, path, body in (
            ("POST", "/api/v1/session", {"name": "ann", "password": "ann"}),
            ("DELETE", "/api/v1/session", None),
            ("PUT", "/api/v1/pilot-groups/shop", change),
        ):
            async with http.request(method, path, json=body, headers=with_cookie) as answer:
                assert await said(answer) == (403, "origin_refused"), (headers, path)
    assert here.pilots.group["enabled"] is True
    assert cookie in here.accounts.signed
