"""Pages, static files and the headers of every answer."""

from pathlib import Path

import aiohttp
import pytest
from yarl import URL

from tests.support.fake_history import OURS, RECORDING
from tests.support.signaling_node import Node, node


async def test_pages_run_only_our_own_scripts_and_stand_in_no_frame(here: Node, http: aiohttp.ClientSession) -> None:
    async with http.get("/agent/") as answer:
        policy = answer.headers["Content-Security-Policy"]
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    for part in ("default-src 'none'", "script-src 'self'", "base-uri 'none'", "frame-ancestors 'none'"):
        assert part in policy.split("; ")
    assert "unsafe" not in policy
    assert here.url.replace("http", "ws") in policy
    async with http.get("/agent?x=1", allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (308, "/agent/?x=1")


@pytest.mark.parametrize(
    ("query", "ancestors"),
    [
        ("?site=shop", "frame-ancestors 'self' https://shop.example"),
        ("?site=nobody", "frame-ancestors 'self'"),
        ("", "frame-ancestors 'self'"),
        ("?site=shop%3B%20script-src%20*", "frame-ancestors 'self'"),
    ],
)
async def test_the_widget_stands_in_the_pages_of_its_site_only(
    here: Node, http: aiohttp.ClientSession, query: str, ancestors: str
) -> None:
    async with http.get(f"/widget/{query}") as answer:
        assert ancestors in answer.headers["Content-Security-Policy"].split("; ")


async def test_any_site_may_load_the_widget_script(here: Node, http: aiohttp.ClientSession) -> None:
    async with http.get("/widget.js") as answer:
        assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"


async def test_static_files_are_asked_about_again_and_not_sent_twice(here: Node, http: aiohttp.ClientSession) -> None:
    async with http.get("/static/lib/session.js") as answer:
        assert (answer.status, answer.headers["Cache-Control"]) == (200, "no-cache")
        tag = answer.headers["ETag"]
    async with http.get("/static/lib/session.js", headers={"If-None-Match": tag}) as answer:
        assert answer.status == 304


@pytest.mark.parametrize(
    "path",
    ["linked.js", "lib/.hidden.js", "notes.md", "../secret.js", "%2e%2e/secret.js", "..%2fsecret.js",
     "lib/../../secret.js", "lib", "lib/", "", "lib//session.js", "/etc/passwd", "lib/session.js%00",
     "lib\\session.js"],
)  # fmt: skip
async def test_what_is_not_listed_is_not_there(here: Node, path: str) -> None:
    async with aiohttp.ClientSession() as plain, plain.get(URL(f"{here.url}/static/{path}", encoded=True)) as answer:
        assert answer.status in (400, 404)


async def test_the_shop_is_only_there_for_a_demo(tmp_path: Path) -> None:
    async with (
        node(tmp_path, demo_shop=False) as here,
        aiohttp.ClientSession() as http,
        http.get(f"{here.url}/") as answer,
    ):
        assert answer.status == 404


async def test_every_answer_has_its_headers(filled: Node, http: aiohttp.ClientSession) -> None:
    headers = {"Cookie": f"visavis_session={filled.signed_in('root')}"}
    seen = set()
    for resource in filled.runner.app.router.resources():  # type: ignore[union-attr]
        path = resource.canonical
        seen.add(path)
        for name, value in {"contact_id": OURS, "recording_id": RECORDING, "path": "lib/session.js"}.items():
            path = path.replace("{" + name + "}", value)
        for method in ("GET", "POST", "DELETE"):
            async with http.request(method, path, headers=headers, allow_redirects=False) as answer:
                found = answer.headers
                assert found["X-Content-Type-Options"] == "nosniff", path
                assert found["Referrer-Policy"] == "no-referrer", path
                assert "camera=(self)" in found["Permissions-Policy"], path
                assert found["Cross-Origin-Opener-Policy"] == "same-origin", path
                assert "Content-Security-Policy" in found, path
                assert "Server" not in found, path
                data = path.startswith(("/api/", "/healthz", "/readyz", "/metrics"))
                assert not data or "no-store" in found["Cache-Control"], path
                assert answer.status < 500, path
    assert len(seen) > 15
