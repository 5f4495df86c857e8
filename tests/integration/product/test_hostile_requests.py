"""Requests and sockets of pages that mean harm or are broken, against the running product: an answer, never a fault."""

import asyncio
import http.client
import json
import re
import secrets
import zlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import quote

import aiohttp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.canary.talk import SUBPROTOCOL, CanaryFailure, Talk, first_hello, request
from signaling.messages import AcceptOffer, HangUp, Hold, MenuChoice, MenuNode, Offer, SetReady
from signaling.routes import (
    account,
    acds,
    admin,
    customers,
    disagreements,
    links,
    operations,
    recordings,
    records,
    sockets,
    transfers,
    widget,
)
from tests.support.hostile import admin as signed_in_admin
from tests.support.hostile import no_contact_is_left, nothing_is_lost, sit_down
from tests.support.product import Product, contact_when, scene

ADMINS = (acds, customers, recordings)  # these are nobody else's, but for the webhook, which has a secret of its own
MODULES = (*ADMINS, account, admin, disagreements, links, operations, records, sockets, transfers, widget)
ROUTES = sorted((route.method, route.path) for module in MODULES for route in module.routes())
WEBHOOK = "/api/v1/acds/{acd}/events"
WEBHOOK_KEY = "the secret of a contact center"
GENEROUS = {
    "VISAVIS_LIMITS__ENTRIES_PER_MINUTE": "1000000",
    "VISAVIS_LIMITS__SIGN_INS_PER_QUARTER": "1000000",
    "VISAVIS_SESSIONS__ENTRY_TOKEN": "2s",
    "VISAVIS_ACDS": json.dumps(
        [
            {
                "name": "desk",
                "kind": "tasks",
                "url": "http://127.0.0.1:9/",
                "secret": "a secret that nobody is told",
                "incoming_auth": "header",
                "incoming_secret": WEBHOOK_KEY,
            }
        ]
    ),
}


@pytest.fixture
async def product(tmp_path: Path) -> AsyncIterator[Product]:
    product = await Product.start(tmp_path, settings=GENEROUS)
    yield product
    await product.kill()


# ---------------------------------------------------------------- REST


class Prober:
    """Plain requests over one connection, so that nothing between corrects what is sent."""

    def __init__(self, product: Product, cookie: str) -> None:
        self._host = product.url.removeprefix("http://")
        self._connection = http.client.HTTPConnection(self._host, timeout=20)
        self._headers = {"Origin": product.url, "X-Visavis": "1", "Cookie": cookie, "Content-Type": "application/json"}
        self._token = product.token

    def close(self) -> None:
        self._connection.close()

    def ask(self, method: str, target: str, body: bytes, headers: dict[str, str]) -> tuple[int, str, bytes]:
        robots = {"Authorization": f"Canary {self._token}"} if method == "POST" else {}
        given = self._headers | robots | {name: value.replace("TOKEN", self._token) for name, value in headers.items()}
        if (method, target) == ("DELETE", "/api/v1/session"):
            given["Cookie"] = "visavis_session=forged"  # the admin stays signed in
        try:
            self._connection.request(method, target, body, given)
            answer = self._connection.getresponse()
            return answer.status, answer.headers.get("Content-Type", ""), answer.read()
        except (http.client.HTTPException, OSError):
            self._connection.close()
            raise
        finally:
            if method == "GET" and target.startswith("/ws/"):
                self._connection.close()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=8,
)
VALUES_TRIED = (
    "canary", "other", "en", "visitor-0123456789", "", " ", "\0", "\ud800", "\u202e<b>", "x" * 5000, "=1+1", "https://x/",
    0, -1, 1, 2**63, 1.5, True, None, {}, {"a": "b"}, {"a": {"b": 1}}, [], ["ag_1"], [None] * 5000,
)  # fmt: skip
ENTRY = {"site": "canary", "visitor_key": "probe-0123456789", "language": "en"}
SOUND = {
    "/api/v1/widget/entry": ENTRY
    | {"page_url": "https://shop.example/", "page_title": "Lamps", "form": {"a": "b"}}
    | {"display_name": "Ada", "notice_version": "1"},
    "/api/v1/widget/availability": {"site": "canary", "visitor_key": "probe-0123456789"},
    "/api/v1/session": {"name": "root", "password": "wrong"},
    "/api/v1/canary/seat": {"seat": 9},
    "/api/v1/agents/{agent_id}": {"queues": [], "skills": {"billing": 3}, "languages": ["en"]},
    "/api/v1/links": {"site": "canary", "pin": True},
    "/api/v1/widget/link": {"link": "abcd-efgh-ijkm-npqr"},
    "/api/v1/widget/place": {"link": "abcd-efgh-ijkm-npqr"},
    "/api/v1/widget/place/give-up": {"link": "abcd-efgh-ijkm-npqr"},
    "/api/v1/pilot-groups/{group_id}": {"enabled": True, "share_percent": 5, "agents": [], "version": 1},
    WEBHOOK: {"event_id": "e1", "contact_id": "ct_00000001", "ref": "t1", "seq": 1, "event": "reserved"}
    | {"reservation": "rv1", "agent": "ag_1", "place": 1, "occurred_at": "2026-01-01T00:00:00Z", "reason": "timeout"},
    "/api/v1/dead-letters/{letter_id}/retry": {},
    "/api/v1/customers/{customer_id}": {"reason": "asked for"},
    "/api/v1/crm/redeliveries": {},
    "/api/v1/recordings/{recording_id}/together": {},
    "/api/v1/recordings/{recording_id}/holds": {"reason": "a complaint"},
    "/api/v1/holds/{hold_id}": {"reason": "settled"},
    "/api/v1/erasures": {"subject": "rc_00000000", "reason": "asked for"},
    "/api/v1/contacts/{contact_id}/recording": {"state": "paused", "reason": "card"},
}
WITH_BODY = [route for route in ROUTES if route[0] in ("POST", "PUT") or (route[0] == "DELETE" and route[1] in SOUND)]
CHANGES = st.lists(st.tuples(st.integers(0, 8), st.sampled_from(VALUES_TRIED) | JSON), max_size=2)
RAW = [b"", b"[" * 60_000, b'{"a":' * 9000, b'{"site":', b"\xff\xfe", b"0" * 5000, b"1e999", b" " * 70_000]
BODIES = st.one_of(JSON.map(lambda value: json.dumps(value).encode()), st.binary(max_size=60), st.sampled_from(RAW))
NO_ID = "0" * 26
PARTS = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        ["..", "%00", "../../etc/passwd", f"ct_{NO_ID}", f"rc_{NO_ID}", "desk", "canary", "x" * 4000, "\ud7ff"]
    ),
)
QUERIES = st.sampled_from(
    ["", "limit=0", "limit=9" * 60, "before=%00", "state=%ff", "view=../x", "a=1&a=2", "%", "?=&"]
)
NAMES = [
    "Authorization",
    "X-Api-Key",
    "Range",
    "Content-Type",
    "X-Visavis",
    "Origin",
    "If-None-Match",
    "X-Forwarded-For",
]
VALUES = [
    "",
    WEBHOOK_KEY,
    "Canary TOKEN",
    "Canary",
    "bytes=9-1",
    "bytes=-0",
    "null",
    "text/html",
    "1.2.3.4, x",
    '"',
    "\xe9",
]
HEADERS = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(VALUES), max_size=2)


@pytest.fixture
async def prober(product: Product) -> AsyncIterator["Prober"]:
    browser = await signed_in_admin(product)
    cookie = "; ".join(f"{morsel.key}={morsel.value}" for morsel in browser.cookie_jar)
    await browser.close()
    prober = Prober(product, cookie)
    yield prober
    prober.close()


IDS = {"acd": "desk", "group_id": "shop"} | {
    f"{name}_id": f"{prefix}_{NO_ID}"
    for name, prefix in (("agent", "ag"), ("contact", "ct"), ("hold", "hd"), ("letter", "le"), ("recording", "rc"))
}


def filled(path: str) -> str:
    """With ids that could be."""
    return re.sub(r"\{(\w+)\}", lambda part: IDS.get(part[1], "0" * 32), path)


def each_route_without_its_sign_in(prober: Prober) -> None:
    """What is an admin's answers nobody else, with any method, and says so with a code."""
    for path in sorted({route.path for module in ADMINS for route in module.routes()}):
        known = {method for method, other in ROUTES if other == path}
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
            body = json.dumps(SOUND.get(path, {})).encode()
            status, kind, answer = prober.ask(method, filled(path), body, {"Cookie": "", "X-Api-Key": "a guess"})
            assert status in ((401, 403) if method in known else (405,)), (method, path, status, answer)
            assert kind.startswith("application/problem+json"), (method, path, kind)
            assert json.loads(answer)["code"]


def each_field_with_each_value(prober: Prober) -> None:
    """Each field of each body with each awkward value: an answer below 500 with a code."""
    key = {"X-Api-Key": WEBHOOK_KEY}
    assert prober.ask("POST", filled(WEBHOOK), json.dumps(SOUND[WEBHOOK]).encode(), key)[0] == 204, "it gets far"
    for method, path in WITH_BODY:
        sound = SOUND[path]
        for name in (*sound, "more"):
            for value in VALUES_TRIED:
                body = json.dumps(sound | {name: value}).encode()
                status, _, answer = prober.ask(method, filled(path), body, key)
                assert status < 500, (path, name, value, answer)
                assert status < 400 or json.loads(answer)["code"], (path, name, value)


def test_no_request_to_any_route_is_a_fault_of_ours(prober: Prober, product: Product) -> None:
    """Every route of the interface, with any body, address, query and header: an answer below 500, and no log line."""
    statuses: set[int] = set()
    each_route_without_its_sign_in(prober)
    each_field_with_each_value(prober)

    @settings(
        max_examples=300,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
    @given(
        st.sampled_from(WITH_BODY) | st.sampled_from(ROUTES),
        st.lists(PARTS, min_size=2, max_size=2),
        QUERIES,
        CHANGES | CHANGES | BODIES,
        HEADERS,
    )
    def probe(
        route: tuple[str, str],
        parts: list[str],
        query: str,
        body: bytes | list[tuple[int, object]],
        headers: dict[str, str],
    ) -> None:
        method, path = route
        if isinstance(body, list):  # a good body of this route, with a few fields changed or too many
            sound = SOUND.get(path, {})
            names = [*sound, "more"]
            body = json.dumps(sound | {names[at % len(names)]: value for at, value in body}).encode()
        named = iter(parts)
        target = re.sub(r"\{\w+\}", lambda _: quote(next(named), safe="%"), path) + (f"?{query}" if query else "")
        status, kind, answer = prober.ask(method, target, body, headers)
        statuses.add(status)
        assert status < 500, (status, answer)
        if status >= 400 and path.startswith("/api/"):
            assert kind.startswith("application/problem+json"), (status, kind, answer)
            assert json.loads(answer)["code"]

    probe()
    assert {200, 201, 400, 404} <= statuses, f"the requests did not get far: {sorted(statuses)}"
    assert "internal_error" not in product.errors()
    assert "Traceback" not in product.errors()
    assert prober.ask("GET", "/readyz", b"", {})[0] == 200


# ---------------------------------------------------------------- tokens


async def refused(http: aiohttp.ClientSession, token: str | None) -> str:
    """The words in which a hello with that token is refused."""
    with pytest.raises(CanaryFailure) as failure:
        await Talk.open(http, "/ws/customer", first_hello(token), who="customer")
    return str(failure.value)


async def test_a_wrong_a_used_and_an_expired_entry_token_open_no_contact(product: Product) -> None:
    """Each is told `entry_token_invalid`; the contact that one of them opened goes on."""
    async with scene(product) as one:
        await one.to("queue")
        http = one.http
        old = await request(http, "POST", "/api/v1/widget/entry", body=ENTRY, token=product.token)
        expired_at = asyncio.get_running_loop().time() + old["expires_s"]
        fresh = await request(http, "POST", "/api/v1/widget/entry", body=ENTRY, token=product.token)
        talk, _ = await Talk.open(http, "/ws/customer", first_hello(fresh["entry_token"]), who="customer")
        for token in (fresh["entry_token"], secrets.token_urlsafe(32), product.token, fresh["entry_token"] + "x"):
            assert "entry_token_invalid" in await refused(http, token)
        assert "entry_token_missing" in await refused(http, None)
        await asyncio.sleep(max(0.0, expired_at - asyncio.get_running_loop().time()) + 0.05)  # its time is the point
        assert "entry_token_invalid" in await refused(http, old["entry_token"])
        assert await product.metric("visavis_contacts") == 2
        await talk.send(HangUp())
        await talk.close()
        with pytest.raises(CanaryFailure, match=r"401"):
            await request(http, "POST", "/api/v1/widget/entry", body=ENTRY | {"site": "x"}, token=product.token + "x")


# ---------------------------------------------------------------- WebSockets


def masked(opcode: int, payload: bytes, *, final: bool = True, compressed: bool = False) -> bytes:
    """A client's frame, masked with zeros (RFC 6455 §5.2)."""
    first = opcode | (0x80 if final else 0) | (0x40 if compressed else 0)
    size = len(payload)
    if size > 0xFFFF:
        length = b"\xff" + size.to_bytes(8, "big")
    else:
        length = bytes([0x80 | size]) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
    return bytes([first]) + length + bytes(4) + payload


def abuses() -> Iterator[tuple[str, bytes, set[int | None]]]:
    """Name, bytes after the upgrade, and with which codes the socket may be closed."""
    bomb = zlib.compressobj(wbits=-15)
    yield "a frame of 1 MB", masked(1, b" " * 1_000_000), {1009}
    yield "100,000 small frames", masked(1, b'{"type":"ack"}') * 100_000, {4400, 4429}
    yield "fragments for ever", masked(1, b"", final=False) + masked(0, b" " * 1000, final=False) * 200, {1009}
    yield "a compressed bomb", masked(1, bomb.compress(bytes(10**7)) + bomb.flush(), compressed=True), {1002, 1009}
    yield "binary", masked(2, b"{}"), {1003}
    yield "100,000 deep", masked(1, b"[" * 60_000), {4400}
    yield "reserved opcode", masked(3, b"x"), {1002}
    yield "not masked", b"\x81\x02{}", {1002, 4400}
    yield "no UTF-8", masked(1, b"\xff\xfe"), {1007, 1002}
    yield "not even a frame", b"\xff" * 4000, {1002, 1009}
    yield "pings without end", masked(9, b"x") * 500, {4429, 4408, 4400}


async def attack(product: Product, data: bytes) -> int | None:
    """Open a customer's socket, write these bytes and return the code with which it is closed."""
    async with aiohttp.ClientSession(product.url, headers={"Origin": product.url}) as http:
        ws = await http.ws_connect("/ws/customer", protocols=(SUBPROTOCOL,))
        assert ws._response.connection is not None
        assert ws._response.connection.transport is not None
        ws._response.connection.transport.write(data)
        async with asyncio.timeout(30):
            while not (await ws.receive()).type.name.startswith("CLOS"):
                pass
        return ws.close_code


async def test_abused_sockets_are_closed_while_a_call_loses_nothing(product: Product) -> None:
    """Large, endless, compressed, deep and broken frames close their own socket; no foreign page gets one."""
    async with scene(product) as one:
        await one.to("queue", "ringing", "call")
        async with nothing_is_lost(one):
            for name, data, codes in abuses():
                code = await attack(product, data)
                assert code in codes, (name, code)
            async with aiohttp.ClientSession(product.url) as http:
                for origin in ("https://evil.example", "null", product.url + ".evil.example"):
                    for path in ("/ws/customer", "/ws/agent", "/ws/board"):
                        with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
                            await http.ws_connect(path, protocols=(SUBPROTOCOL,), headers={"Origin": origin})
                        assert refusal.value.status == 403
        await one.to("wrap_up", "end")
        await contact_when(product, one.contact_id, state="closed", recording="complete")
    await no_contact_is_left(product)
    assert "internal_error" not in product.errors()
    assert "Traceback" not in product.errors()


async def test_messages_in_the_wrong_state_are_refused_and_change_nothing(product: Product) -> None:
    """A stale menu key, an offer that is not theirs, hold before the call: an error each; then the call is made."""
    async with scene(product) as one:
        await one.to("queue")
        wrong = await sit_down(one, 3)
        for message in (
            AcceptOffer(offer_id="of_00000000000000000000000000"),
            Hold(),
            HangUp(),
        ):
            await wrong.send(message)
            with pytest.raises(CanaryFailure, match="refused"):
                await wrong.wait_for(Offer)
        await one.customer.send(MenuChoice(node_id="main", key="1"))
        with pytest.raises(CanaryFailure, match="menu_"):
            await one.customer.wait_for(MenuNode)
        await one.to("ringing")
        await wrong.send(SetReady())
        await wrong.send(AcceptOffer(offer_id=one.offer.offer_id))
        with pytest.raises(CanaryFailure, match="no_contact"):
            await wrong.wait_for(Offer)
        await one.to("call", "wrap_up", "end")
        await contact_when(product, one.contact_id, state="closed")
