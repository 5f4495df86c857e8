"""The reminder over HTTP: signed, with one id, and told apart what to do when it is not taken."""

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from gateway.base.errors import GatewayError, PortFailure
from gateway.base.signing import verify
from gateway.links.reminding import ReminderDeclined
from gateway.links.webhook import ReminderWebhook
from tests.support.clock import FakeClock
from tests.support.contracts.link_store import LINK

SECRET = "a-secret-of-some-length"


async def answered(status: int) -> tuple[list[bytes], GatewayError | None]:
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
            await webhook.remind(LINK)
        except GatewayError as error:
            return bodies, error
        finally:
            await webhook.aclose()
    return bodies, None


async def test_the_body_is_signed_and_says_which_link() -> None:
    bodies, error = await answered(204)
    assert error is None
    assert [b'"id": "rm_first0000"' in body and b'"link_id": "lk_first0000"' in body for body in bodies] == [True]


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
