"""A CRM behind HTTP: the contract, and servers that hang, lie, flood and send us elsewhere."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from gateway.base.breaker import Breaker, BreakerState
from gateway.base.clock import SystemClock
from gateway.base.errors import PortFailure
from gateway.crm.port import CrmDeclined, CrmPort, Visit
from gateway.crm.webhook import ANSWER_LIMIT_BYTES, WebhookCrm
from tests.support.contracts.crm import CrmContract, came
from tests.support.contracts.customer_records import ONE, interaction, visit
from tests.support.crm_server import SECRET, CrmServer
from tests.support.servers import until

TIMEOUT_S = 5.0


@pytest.fixture
async def server() -> AsyncIterator[CrmServer]:
    server = CrmServer()
    await server.start()
    yield server
    await server.aclose()


def crm_of(server: CrmServer, *, timeout_s: float = TIMEOUT_S, breaker: Breaker | None = None) -> WebhookCrm:
    return WebhookCrm(
        url=server.url,
        secret=SECRET,
        authorization="Bearer abc",
        timeout_s=timeout_s,
        clock=SystemClock(),
        breaker=breaker,
    )


@pytest.fixture
async def crm(server: CrmServer) -> AsyncIterator[WebhookCrm]:
    made = crm_of(server, breaker=Breaker(failures=1000))
    yield made
    await made.aclose()


class TestWebhookCrm(CrmContract):
    @pytest.fixture
    async def crm(self, crm: WebhookCrm) -> CrmPort:
        return crm


async def code_of(crm: WebhookCrm, asked: Visit | None = None) -> str:
    """The code of the refusal to find somebody; `declined …` when asking again will not help."""
    try:
        await crm.find(asked or came(ONE))
    except CrmDeclined as error:
        return f"declined {error.code}"
    except PortFailure as error:
        return error.code
    return "found"


async def test_it_says_who_came_and_from_where_signed_and_authorized(server: CrmServer, crm: WebhookCrm):
    await crm.find(visit(ONE, subject="anna", name="Anna"))
    (asked,) = server.finds
    assert asked["contact_id"] == ONE
    assert (asked["site"], asked["language"]) == ("shop", "fr")
    assert asked["customer"] == {"id": None, "realm": "shop", "subject": "anna", "verified": True, "name": "Anna"}
    assert asked["page"] == {"url": "https://shop.example/cart", "title": "Cart – Größe"}
    assert asked["form"] == {"step": "payment", "amount": "12,50 €"}
    assert server.headers[0]["Authorization"] == "Bearer abc"
    assert server.headers[0]["Accept-Encoding"] == "identity"


async def test_it_says_all_that_was_done(server: CrmServer, crm: WebhookCrm):
    await crm.log([interaction(ONE)], visit(ONE, subject="anna"))
    told = server.interactions[f"{ONE}.1"]
    assert {name: told[name] for name in (
        "type", "contact_id", "segment", "channel", "queue", "agent", "started_at", "wait_s", "talk_s", "hold_s",
        "wrap_up_s", "disposition", "notes", "menu_path", "end_reason",
    )} == {
        "type": "interaction.log", "contact_id": ONE, "segment": 1, "channel": "video", "queue": "sales",
        "agent": "ag_anna0000", "started_at": "2026-03-02T12:01:00.000Z", "wait_s": 4.5, "talk_s": 60.0, "hold_s": 5.0,
        "wrap_up_s": 10.0, "disposition": "sale", "notes": "wants it in blue", "menu_path": ["Buy", "Größe"],
        "end_reason": "completed",
    }  # fmt: skip
    assert told["chat"] == [
        {"by": "customer", "name": "Zoë", "at": "2026-03-02T12:00:00.000Z", "text": "in blue, s’il vous plaît 🟦"}
    ]
    assert server.headers[0]["Idempotency-Key"] == f"{ONE}.1"


async def test_who_can_not_be_known_is_not_asked_for(server: CrmServer, crm: WebhookCrm):
    """An anonymous browser without a form: there is nothing a CRM could find them by."""
    stranger = Visit(contact_id=ONE, site="shop", language="en", at=visit().at, keys=())
    assert await crm.find(stranger) is None
    assert server.asked == 0


@pytest.mark.parametrize("status", [204, 404])
async def test_no_content_and_not_found_mean_nobody(server: CrmServer, crm: WebhookCrm, status: int):
    async def nobody(_request: web.Request) -> web.Response:
        return web.Response(status=status, text="" if status == 204 else "<html>nope</html>")

    server.misbehave = nobody
    assert await crm.find(came(ONE)) is None


@pytest.mark.parametrize(
    ("status", "code"),
    [(500, "crm_status_500"), (503, "crm_status_503"), (429, "crm_status_429"), (301, "crm_redirects"),
     (302, "crm_redirects"), (307, "crm_redirects"), (308, "crm_redirects"), (400, "declined crm_status_400"),
     (401, "declined crm_status_401"), (410, "declined crm_status_410"), (422, "declined crm_status_422")],
)  # fmt: skip
async def test_what_a_status_means(server: CrmServer, crm: WebhookCrm, status: int, code: str):
    """Not now, or not this. A redirect is never followed: who can redirect us could make us ask anybody anything."""

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(status=status, headers={"Location": server.url.replace("/crm", "/elsewhere")})

    server.misbehave = answer
    assert await code_of(crm) == code
    with pytest.raises(CrmDeclined if code.startswith("declined") else PortFailure):
        await crm.log([interaction(ONE)], came(ONE))
    assert server.went_elsewhere == 0


async def test_retry_after_is_passed_on_and_bounded(server: CrmServer, crm: WebhookCrm):
    headers = {"Retry-After": "999999999"}

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(status=503, headers=headers)

    server.misbehave = answer
    for given, expected in (("999999999", 3600), ("7", 7), ("-1", None), ("Wed, 21 Oct 2026 07:28:00 GMT", None)):
        headers["Retry-After"] = given
        with pytest.raises(PortFailure) as caught:
            await crm.find(came(ONE))
        assert caught.value.fields.get("retry_after_s") == expected


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[]", b"\xff\xfe\x00", b"<html>", b'{"customer": 5}', b'{"customer": {"name": 5}}', b"{}",
     b'{"customer": {"contacts": 1e99}}', b'{"customer": {"name": "' + b"x" * 81 + b'"}}', b"[" * 60_000,
     b'{"customer": {"last": [{"at": "yesterday"}]}}', b'{"customer": {"last": [{"at": "2026-03-02T12:00:00"}]}}'],
)  # fmt: skip
async def test_garbage_is_declined_and_harms_nothing(server: CrmServer, crm: WebhookCrm, body: bytes):
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(body=body, content_type="application/json")

    server.misbehave = answer
    assert await code_of(crm) in (("found",) if body == b"" else ("declined crm_answer_bad",))


async def test_a_giant_answer_is_not_read_to_its_end(server: CrmServer, crm: WebhookCrm):
    sent = 0

    async def flood(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            for _ in range(100_000):
                await response.write(b" " * 10_000)
                sent += 10_000
        except (ConnectionError, asyncio.CancelledError):
            pass
        return response

    server.misbehave = flood
    assert await code_of(crm) == "declined crm_answer_too_large"
    assert sent < 100 * ANSWER_LIMIT_BYTES
    await crm.log([interaction(ONE)], came(ONE))  # it was taken, whatever else it has to say


async def test_a_compressed_answer_is_not_unpacked(server: CrmServer, crm: WebhookCrm):
    async def bomb(_request: web.Request) -> web.Response:
        body = gzip.compress(b" " * 50_000_000)
        assert len(body) < ANSWER_LIMIT_BYTES
        return web.Response(body=body, headers={"Content-Encoding": "gzip"})

    server.misbehave = bomb
    assert await code_of(crm) == "declined crm_answer_bad"


async def test_an_answer_that_never_comes_ends_at_the_deadline(server: CrmServer):
    released = asyncio.Event()

    async def hang(_request: web.Request) -> web.Response:
        await released.wait()
        return web.Response(status=204)

    crm = crm_of(server, timeout_s=0.05)
    server.misbehave = hang
    assert await code_of(crm) == "crm_timeout"
    released.set()
    await crm.aclose()


async def test_an_answer_that_drips_ends_at_the_deadline(server: CrmServer):
    released = asyncio.Event()

    async def drip(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"{")
        await released.wait()
        return response

    crm = crm_of(server, timeout_s=0.1)
    server.misbehave = drip
    assert await code_of(crm) == "crm_timeout"
    released.set()
    await crm.aclose()


async def test_a_server_that_is_not_there_and_one_that_hangs_up(server: CrmServer, crm: WebhookCrm):
    async def hang_up(request: web.Request) -> web.Response:
        if request.transport is not None:
            request.transport.abort()
        return web.Response()

    server.misbehave = hang_up
    assert await code_of(crm) == "crm_unreachable"
    await server.aclose()
    assert await code_of(crm) == "crm_unreachable"


async def test_what_is_no_http_is_a_failure_like_any_other():
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"220 smtp.example ESMTP\r\n\x00\xff" * 100)
        writer.close()

    listening = await asyncio.start_server(talk, "127.0.0.1", 0)
    host, port = listening.sockets[0].getsockname()[:2]
    crm = WebhookCrm(url=f"http://{host}:{port}/", secret=SECRET, timeout_s=TIMEOUT_S, clock=SystemClock())
    assert await code_of(crm) == "crm_unreachable"
    await crm.aclose()
    listening.close()
    await listening.wait_closed()


async def test_a_server_that_fails_again_and_again_is_left_alone(server: CrmServer):
    async def fail(_request: web.Request) -> web.Response:
        return web.Response(status=500)

    crm = crm_of(server, breaker=Breaker(failures=3, first_pause_s=60.0))
    server.misbehave = fail
    for _ in range(10):
        await code_of(crm)
    assert server.asked == 3
    assert await code_of(crm) == "crm_resting"
    assert 50 < crm.rests_s() <= 60
    await crm.aclose()


async def test_what_it_declines_does_not_count_as_a_failure(server: CrmServer):
    """It is there and answers: that it does not want one of our questions is no reason to stop asking others."""

    async def decline(_request: web.Request) -> web.Response:
        return web.Response(status=422)

    crm = crm_of(server, breaker=Breaker(failures=2))
    server.misbehave = decline
    for _ in range(5):
        assert await code_of(crm) == "declined crm_status_422"
    assert crm.breaker.state is BreakerState.CLOSED
    await crm.aclose()


async def test_a_question_that_is_cancelled_leaves_the_breaker_free(server: CrmServer):
    released = asyncio.Event()

    async def hang(_request: web.Request) -> web.Response:
        await released.wait()
        return web.Response(status=204)

    breaker = Breaker(failures=1, first_pause_s=0.0, last_pause_s=0.0)
    breaker.failed(0.0)
    crm = crm_of(server, breaker=breaker)
    server.misbehave = hang
    asking = asyncio.ensure_future(crm.find(came(ONE)))
    await until(lambda: server.asked == 1, what="it is asked")
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    released.set()
    assert breaker.state is BreakerState.OPEN
    server.misbehave = None
    assert await code_of(crm) == "found"
    await crm.aclose()


async def test_what_it_says_is_shown_as_text_and_its_page_only_when_it_is_one(server: CrmServer, crm: WebhookCrm):
    past = [{"at": f"2026-01-{day:02}T10:00:00+02:00", "queue": "Sales\u202e", "extra": 1} for day in range(1, 10)]
    said = {"name": " Anna\n<b>\x07 ", "url": "javascript:alert(1)", "contacts": 3, "last": past, "more": {}}

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(body=json.dumps({"customer": said, "version": 2}).encode())

    server.misbehave = answer
    found = await crm.find(came(ONE))
    assert found is not None
    assert (found.name, found.url, found.contacts) == ("Anna<b>", "", 9)
    assert [each.at.isoformat() for each in found.last][:2] == [
        "2026-01-09T08:00:00+00:00",
        "2026-01-08T08:00:00+00:00",
    ]
    assert (len(found.last), found.last[0].queue_name) == (5, "Sales")
    said["url"] = "https://crm.example/customers/7"
    found = await crm.find(came(ONE))
    assert found is not None
    assert found.url == "https://crm.example/customers/7"


async def test_an_unverified_customer_is_never_shown_as_verified(server: CrmServer, crm: WebhookCrm):
    server.customers["anna"] = {"name": "Anna"}
    found = await crm.find(visit(ONE, subject="anna", verified=False))
    assert found is not None
    assert found.known_by == "claimed"
