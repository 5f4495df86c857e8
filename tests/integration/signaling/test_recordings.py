"""Recordings over HTTP: who may watch, in which parts, what is written down, and what other systems may switch."""

import aiohttp
import pytest
from yarl import URL

from signaling.ranges import NotSatisfiable, Part, part_of
from tests.support.fake_history import OURS, RECORDING, Film
from tests.support.signaling_browser import own, said
from tests.support.signaling_node import API_TOKEN, Node

MEDIA = f"/api/v1/recordings/{RECORDING}/media"


def cookie(node: Node, name: str) -> dict[str, str]:
    return {"Cookie": f"visavis_session={node.signed_in(name)}"}


# ---------------------------------------------------------------- parts


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-99", Part(0, 100)),
        ("bytes=100-", Part(100, 1000)),
        ("bytes=-100", Part(900, 1000)),
        ("bytes=-5000", Part(0, 1000)),
        ("bytes=990-5000", Part(990, 1000)),
        ("bytes = 5 - 5", Part(5, 6)),
        ("bytes=0-1,5-6", None),
        ("bytes=9-5", None),
        ("bytes=-", None),
        ("seconds=0-5", None),
        ("bytes=0x1-2", None),
        ("bytes=" + "9" * 30 + "-", None),
        ("bytes=\u0661-", None),
    ],
)
def test_a_range_is_one_part_or_is_ignored(header: str, expected: Part | None) -> None:
    """RFC 9110 §14.2: what can't be understood is answered with the whole."""
    assert part_of(header, 1000) == expected


@pytest.mark.parametrize(
    ("header", "size"), [("bytes=1000-", 1000), ("bytes=-0", 1000), ("bytes=0-", 0), ("bytes=-1", 0)]
)
def test_a_range_with_nothing_in_it_cannot_be_satisfied(header: str, size: int) -> None:
    with pytest.raises(NotSatisfiable):
        part_of(header, size)


async def test_a_recording_comes_in_parts(filled: Node, http: aiohttp.ClientSession) -> None:
    headers = cookie(filled, "root")
    async with http.get(MEDIA, headers={**headers, "Range": "bytes=250-649"}) as answer:
        assert (answer.status, answer.headers["Content-Range"]) == (206, "bytes 250-649/1024")
        assert await answer.read() == (bytes(range(256)) * 4)[250:650]
        assert (answer.headers["Content-Type"], answer.headers["Cache-Control"]) == ("video/webm", "private, no-store")
        assert (answer.headers["Accept-Ranges"], answer.headers["ETag"]) == ("bytes", '"film"')
    async with http.get(MEDIA, headers={**headers, "Range": "bytes=0-9", "If-Range": '"film"'}) as answer:
        assert answer.status == 206
    async with http.get(MEDIA, headers={**headers, "Range": "bytes=0-9", "If-Range": '"another"'}) as answer:
        assert (answer.status, len(await answer.read())) == (200, 1024)
    async with http.head(MEDIA, headers=headers) as answer:
        assert answer.headers["Content-Length"] == "1024"
    async with http.get(MEDIA, headers={**headers, "Range": "bytes=5000-"}) as answer:
        assert (answer.status, answer.headers["Content-Range"]) == (416, "bytes */1024")


async def test_a_damaged_recording_is_never_taken_for_a_whole_one(filled: Node, http: aiohttp.ClientSession) -> None:
    headers = cookie(filled, "root")
    filled.recordings.files[RECORDING] = Film(bytes(1024), broken_at=0)
    async with http.get(MEDIA, headers=headers) as answer:
        assert await said(answer) == (503, "recording_damaged")
    filled.recordings.files[RECORDING] = Film(bytes(1024), broken_at=600)
    with pytest.raises(aiohttp.ClientPayloadError):
        async with http.get(MEDIA, headers=headers) as answer:
            await answer.read()


# ---------------------------------------------------------------- rights and the audit


async def test_an_opening_is_written_down_once_before_the_first_byte(filled: Node, http: aiohttp.ClientSession) -> None:
    """S33: whichever part is asked for first; without the audit there is nothing to see."""
    headers = cookie(filled, "root")
    filled.recordings.audit_away = True
    async with http.get(MEDIA, headers={**headers, "Range": "bytes=1-"}) as answer:
        assert await said(answer) == (503, "records_unavailable")
    filled.recordings.audit_away = False
    for wanted in ("bytes=1-", "bytes=0-9", "bytes=500-"):
        async with http.get(MEDIA, headers={**headers, "Range": wanted}) as answer:
            await answer.read()
    async with http.get(f"{MEDIA}?view=customer&download=true", headers=headers) as answer:
        assert answer.headers["Content-Disposition"].startswith("attachment")
    assert filled.recordings.openings == [(RECORDING, "root", "all", False), (RECORDING, "root", "customer", True)]


async def test_a_supervisor_watches_and_takes_nothing_away(filled: Node, http: aiohttp.ClientSession) -> None:
    headers = cookie(filled, "vera")
    async with http.get(MEDIA, headers=headers) as answer:
        assert answer.status == 200
    async with http.get(f"{MEDIA}?download=true", headers=headers) as answer:
        assert await said(answer) == (403, "not_allowed")
    async with http.get("/api/v1/recordings", headers=headers) as answer:
        assert answer.status == 200
    async with http.get(f"/api/v1/contacts/{OURS}", headers=headers) as answer:
        assert answer.status == 404


async def test_agents_and_strangers_see_no_recordings(filled: Node, http: aiohttp.ClientSession) -> None:
    for path in ("/api/v1/recordings", f"/api/v1/recordings/{RECORDING}"):
        async with http.get(path, headers=cookie(filled, "ann")) as answer:
            assert await said(answer) == (403, "not_allowed")
        async with http.get(path) as answer:
            assert await said(answer) == (401, "not_signed_in")
    async with http.get(MEDIA, headers=cookie(filled, "ann")) as answer:
        assert await said(answer) == (404, "not_found")


async def test_only_an_admin_holds_and_erases_and_only_from_our_own_page(
    filled: Node, http: aiohttp.ClientSession
) -> None:
    calls = [
        ("POST", f"/api/v1/recordings/{RECORDING}/holds", {"reason": "case 7"}, 201),
        ("DELETE", "/api/v1/holds/hd_00000001", {"reason": "closed"}, 204),
        ("POST", "/api/v1/erasures", {"subject": RECORDING, "reason": "asked"}, 200),
    ]
    for method, path, body, status in calls:
        async with http.request(method, path, json=body, headers=own(filled, filled.signed_in("vera"))) as answer:
            assert await said(answer) == (403, "not_allowed")
        async with http.request(method, path, json=body, headers=cookie(filled, "root")) as answer:
            assert await said(answer) == (403, "origin_refused")
        async with http.request(method, path, json=body, headers=own(filled, filled.signed_in("root"))) as answer:
            assert answer.status == status
    assert [each[0] for each in filled.recordings.asked] == ["hold", "lift", "erase"]


async def test_one_picture_is_asked_for_watched_and_stopped_from_our_own_page(
    filled: Node, http: aiohttp.ClientSession
) -> None:
    path = f"/api/v1/recordings/{RECORDING}/together"
    vera = own(filled, filled.signed_in("vera"))
    async with http.post(path, headers=cookie(filled, "vera")) as answer:
        assert await said(answer) == (403, "origin_refused")
    async with http.post(path, headers=own(filled, filled.signed_in("ann"))) as answer:
        assert await said(answer) == (403, "not_allowed")
    async with http.post(path, headers=vera) as answer:
        assert (answer.status, (await answer.json())["state"]) == (202, "waiting")
    async with http.get(path, headers=cookie(filled, "vera")) as answer:
        assert (await answer.json())["percent"] == 40
    async with http.delete(path, headers=vera) as answer:
        assert answer.status == 204
    for method in ("GET", "POST", "DELETE"):
        async with http.request(method, "/api/v1/recordings/rc_nobody00000/together", headers=vera) as answer:
            assert await said(answer) == (404, "not_found")
    assert [each[0] for each in filled.recordings.asked][:2] == ["compose", "stop_composing"]


async def test_only_recordings_that_lack_something_can_be_listed(filled: Node, http: aiohttp.ClientSession) -> None:
    async with http.get("/api/v1/recordings?incomplete=true", headers=cookie(filled, "vera")) as answer:
        assert answer.status == 200
    assert [each[1].incomplete for each in filled.recordings.asked] == [True]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "query", ["limit=0", "queue=../x", "since=yesterday", "since=2026-03-02T09:00:00", "agent_id=x", "order=asc"]
)
async def test_a_filter_out_of_bounds_is_refused(here: Node, http: aiohttp.ClientSession, query: str) -> None:
    async with http.get(f"/api/v1/recordings?{query}", headers=cookie(here, "root")) as answer:
        assert await said(answer) == (400, "bad_query")


# ---------------------------------------------------------------- other systems


async def test_a_token_with_its_scope_switches_the_recording_of_a_call(here: Node, http: aiohttp.ClientSession) -> None:
    path, headers = f"/api/v1/contacts/{OURS}/recording", {"Authorization": f"Bearer {API_TOKEN}"}
    for _ in range(2):
        async with http.put(path, json={"state": "paused", "reason": "card"}, headers=headers) as answer:
            assert (await answer.json())["state"] == "paused"
    async with http.get(path, headers=headers) as answer:
        assert answer.status == 200
    assert here.recordings.asked[0] == ("control", OURS, "paused", "rest:crm")
    for wrong in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": API_TOKEN}, cookie(here, "root")):
        async with http.put(path, json={"state": "paused"}, headers=wrong) as answer:
            assert await said(answer) == (401, "token_refused")
    async with http.put(path, json={"state": "deleted"}, headers=headers) as answer:
        assert await said(answer) == (400, "bad_body")


# ---------------------------------------------------------------- addresses


@pytest.mark.parametrize(
    "recording_id",
    ["..", "%2e%2e", "%2e%2e%2fsecret", "..%5csecret", "rc_00000001%00", "rc_..%2f..%2fetc%2fpasswd", "%2fetc%2fpasswd",
     "rc_" + "0" * 300, "rc_0000000Ⅰ", "RC_00000001", "ct_00000001"],
)  # fmt: skip
async def test_no_part_of_an_address_becomes_a_path(
    filled: Node, http: aiohttp.ClientSession, recording_id: str
) -> None:
    """Traversal, absolute, NUL, unicode, long."""
    headers = {"Cookie": f"visavis_session={filled.signed_in('root')}"}
    url = URL(f"{filled.url}/api/v1/recordings/{recording_id}/media", encoded=True)
    async with aiohttp.ClientSession() as plain, plain.get(url, headers=headers) as answer:
        assert answer.status in (400, 404)
