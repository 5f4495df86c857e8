"""The reminder over HTTP: signed, with one id, and told apart what to do when it is not taken."""

import json
from dataclasses import replace

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from gateway.base.errors import GatewayError, PortFailure
from gateway.base.signing import verify
from gateway.links.model import Link
from gateway.links.reminding import ReminderDeclined
from gateway.links.webhook import ReminderWebhook
from tests.support.clock import FakeClock
from tests.support.contracts.link_store import LINK, NOW, PLACE

SECRET = "a-secret-of-some-length"


async def answered(status: int, link: Link = LINK) -> tuple[list[bytes], GatewayError | None]:
    """What arrived with a good signature, and what was made of an answer with that status."""
    clock = FakeClock()
    bodies: list[bytes] = []

    async def take(request: web.Request) -> web.Response:
        body = await request.read()
        verify([SECRET], request.headers, body, now_s=clock.now().timestamp())
        assert request.headers["Idempotency-Key"] == "rm_first0000"
        bodies.append(body)
        return web.Response(status=status, headers={"Location": "/elsewhere"})

    app = web.Application()
    app.router.add_post("/", take)
    async with TestServer(app) as server:
        webhook = ReminderWebhook(url=str(server.make_url("/")), secret=SECRET, timeout_s=10, clock=clock)
        try:
            await webhook.remind(link)
        except GatewayError as error:
            return bodies, error
        finally:
            await webhook.aclose()
    return bodies, None


async def test_the_body_is_signed_and_says_which_link() -> None:
    bodies, error = await answered(204)
    assert error is None
    assert [b'"id": "rm_first0000"' in body and b'"link_id": "lk_first0000"' in body for body in bodies] == [True]


async def test_a_turn_that_has_come_says_how_to_reach_the_customer_as_far_as_the_site_has_said_it() -> None:
    bodies, error = await answered(204, replace(PLACE, called_at=NOW))
    assert error is None
    (told,) = [json.loads(body) for body in bodies]
    assert told == {
        "type": "callback.due",
        "id": "rm_first0000",
        "link_id": "lk_first0000",
        "contact_id": "ct_one",
        "site": "shop",
        "queue": "by-link",
        "called_at": "2026-03-02T09:00:00.000Z",
        "customer": {
            "token": "k3v9-k3v9-k3v9-k3v9",
            "language": "fr",
            "name": "Zoé",
            "realm": "shop",
            "subject": "17",
            "verified": True,
            "form": {"téléphone": "01 23"},
        },
    }


@pytest.mark.parametrize(
    ("status", "expected"),
    [(409, type(None)), (302, PortFailure), (503, PortFailure), (429, PortFailure), (400, ReminderDeclined)],
)
async def test_the_answer_says_whether_to_ask_again(status: int, expected: type) -> None:
    bodies, error = await answered(status)
    assert len(bodies) == 1
    assert isinstance(error, expected)


async def test_a_server_that_is_not_there_is_asked_again() -> None:
    webhook = ReminderWebhook(url="http://127.0.0.1:1/", secret=SECRET, timeout_s=10, clock=FakeClock())
    with pytest.raises(PortFailure, match="reminder_unreachable"):
        await webhook.remind(LINK)
    await webhook.aclose()
