"""Health, figures and the end of a node."""

import asyncio
from pathlib import Path

import aiohttp

from tests.support.signaling_browser import Browser, said
from tests.support.signaling_node import Node, node


async def test_readiness_is_asked_anew_each_time(here: Node, http: aiohttp.ClientSession) -> None:
    async def ready() -> tuple[int, list[str]]:
        async with asyncio.timeout(30), http.get("/readyz") as answer:
            return answer.status, (await answer.json())["reasons"]

    assert await ready() == (200, [])
    here.health.why = ["draining"]
    assert await ready() == (503, ["draining"])
    here.health.hang = True
    assert await ready() == (503, ["health_timeout"])
    here.health.hang, here.health.error = False, RuntimeError("secret")
    assert await ready() == (503, ["health_failed"])
    here.health.error, here.health.why = None, []
    assert await ready() == (200, [])
    here.health.not_there = ["media-1"]
    assert await ready() == (200, []), "what is left takes calls"
    async with http.get("/readyz") as answer:
        assert (await answer.json())["degraded"] == ["media-1"]
    async with http.get("/healthz") as answer:
        assert answer.status == 200


async def test_figures_are_for_this_machine_or_the_token(here: Node, http: aiohttp.ClientSession) -> None:
    async with http.get("/metrics") as answer:
        assert "visavis_sockets" in await answer.text()
    async with http.get("/nowhere"), http.get("/static/nothing.js"):
        pass
    async with http.get("/metrics") as answer:
        text = await answer.text()
    assert 'visavis_http_answers_total{route="none",status="404"} 1.0' in text
    assert 'visavis_http_answers_total{route="/static/{path}",status="404"} 1.0' in text
    assert "nothing.js" not in text
    async with http.get("/metrics", headers={"X-Forwarded-For": "192.0.2.1"}) as answer:
        assert await said(answer) == (404, "not_found")


async def test_with_a_token_only_the_token_counts(tmp_path: Path) -> None:
    async with node(tmp_path, http={"metrics_token": "metrics-secret"}) as here, aiohttp.ClientSession() as http:
        for given, status in ((None, 404), ("Bearer wrong", 404), ("Bearer é", 404), ("Bearer metrics-secret", 200)):
            headers = {"Authorization": given} if given else {}
            async with http.get(f"{here.url}/metrics", headers=headers) as answer:
                assert answer.status == status


async def test_the_end_says_goodbye_to_every_socket(tmp_path: Path) -> None:
    async with node(tmp_path) as here, Browser.at(here.url, "/ws/customer") as browser:
        await browser.hello(entry_token=await here.entry_token())
        await browser.expect("contact_state")
        cleanup = asyncio.create_task(here.runner.cleanup())
        assert (await browser.expect("bye"))["code"] == "shutdown"
        assert await browser.closed() == (1001, "shutdown")
        async with asyncio.timeout(30):
            await cleanup
