"""`visavis demo` fills in all that a first look needs, and `visavis user add` adds to it."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from gateway.canary.talk import CanaryFailure, request
from tests.support.product import Product, run_visavis

LINK = re.compile(r"(?P<who>(Agent|Admin) .*?)\s+(?P<url>http://\S+)/sign-in/#(?P<token>\S+)")


@pytest.fixture
async def demo(tmp_path: Path) -> AsyncIterator[Product]:
    product = await Product.start(tmp_path, "demo")
    yield product
    await product.kill()


def links(product: Product) -> dict[str, str]:
    return {found["who"]: found["token"] for found in LINK.finditer(product.output())}


async def signed_in(http: aiohttp.ClientSession, token: str) -> dict[str, object]:
    return (await request(http, "POST", "/api/v1/session", body={"link_token": token}))["account"]


def browser(product: Product) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        product.url, headers={"Origin": product.url}, cookie_jar=aiohttp.CookieJar(unsafe=True)
    )


async def test_the_addresses_lead_to_a_shop_two_agents_and_an_admin(demo: Product) -> None:
    assert f"{demo.url}/" in demo.output()
    roles = {}
    for who, token in links(demo).items():
        async with browser(demo) as http:
            roles[who] = (await signed_in(http, token))["roles"]
            if roles[who] == ["agent"]:
                targets = await request(http, "GET", "/api/v1/transfer-targets")
                assert [queue["name"] for queue in targets["queues"]] == ["Sales", "Support"]
    assert [role for _, role in sorted(roles.items())] == [["admin"], ["agent"], ["agent"]]
    async with browser(demo) as http, http.get("/") as shop:
        assert shop.status == 200
        assert "<video-call" in await shop.text()


async def test_a_sign_in_link_opens_once(demo: Product) -> None:
    token = next(iter(links(demo).values()))
    async with browser(demo) as http:
        await signed_in(http, token)
    async with browser(demo) as http:
        with pytest.raises(CanaryFailure, match="sign_in_failed"):
            await signed_in(http, token)


async def test_the_pilot_is_on_for_everybody_with_both_agents(demo: Product) -> None:
    async with browser(demo) as http:
        await signed_in(http, links(demo)["Admin Robin Okafor"])
        (group,) = (await request(http, "GET", "/api/v1/pilot-groups"))["groups"]
        agents = (await request(http, "GET", "/api/v1/agents"))["agents"]
    assert (group["id"], group["enabled"], group["share_percent"]) == ("pilot", True, 100)
    assert set(group["agents"]) == {agent["agent_id"] for agent in agents}
    body = {"site": "demo", "visitor_key": "visitor-0123456789"}
    async with browser(demo) as http:
        here = await request(http, "POST", "/api/v1/widget/availability", body=body)
    assert here["offered"] is True


async def test_a_second_start_finds_everything_and_makes_new_links(demo: Product, tmp_path: Path) -> None:
    before = links(demo)
    async with browser(demo) as http:
        await signed_in(http, before["Admin Robin Okafor"])
        (group,) = (await request(http, "GET", "/api/v1/pilot-groups"))["groups"]
        change = {key: group[key] for key in ("agents", "version")} | {"enabled": False, "share_percent": 10}
        await request(http, "PUT", "/api/v1/pilot-groups/pilot", body=change)
    await demo.terminate()
    assert await demo.ended() == 0
    (tmp_path / "stdout").write_bytes(b"")
    again = await Product.start(tmp_path, "demo")
    try:
        after = links(again)
        assert after.keys() == before.keys()
        assert not set(after.values()) & set(before.values())
        async with browser(again) as http:
            await signed_in(http, after["Admin Robin Okafor"])
            assert len((await request(http, "GET", "/api/v1/agents"))["agents"]) == 2
            (group,) = (await request(http, "GET", "/api/v1/pilot-groups"))["groups"]
        assert (group["enabled"], group["share_percent"]) == (False, 10), "what an admin decided stays decided"
    finally:
        await again.kill()


async def test_an_account_that_was_added_can_sign_in(demo: Product, tmp_path: Path) -> None:
    settings = {"VISAVIS_QUEUES": '[{"id": "sales", "name": "Sales"}]'}
    command = ("user", "add", "kim", "--role", "agent", "--queue", "sales", "--display-name", "Kim Lee", "--link")
    added = await asyncio.to_thread(run_visavis, *command, folder=tmp_path, settings=settings)
    assert added.returncode == 0, added.stderr
    async with browser(demo) as http:
        account = await signed_in(http, added.stdout.strip().rpartition("#")[2])
    assert (account["name"], account["display_name"], account["roles"]) == ("kim", "Kim Lee", ["agent"])
    twice = await asyncio.to_thread(run_visavis, *command, folder=tmp_path, settings=settings)
    assert twice.returncode == 1
    assert twice.stderr.startswith("visavis: There is an account of that name")
    unknown = await asyncio.to_thread(run_visavis, *command[:6], "parts", folder=tmp_path, settings=settings)
    assert unknown.returncode == 2
    assert "There is no queue parts" in unknown.stderr
