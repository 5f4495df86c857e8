"""Recordings that a soak has judged are erased as an admin would, also when the product is away for a moment."""

from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from tests.bench.soak import erasing
from tests.bench.soak.erasing import Eraser
from tests.bench.soak.record import Log


class Answers:
    """What `POST /api/v1/erasures` says, one after the other; the last for ever."""

    def __init__(self) -> None:
        self.asked: list[object] = []
        self.say: list[tuple[int, dict[str, object]]] = []

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(await request.json())
        status, body = self.say.pop(0) if len(self.say) > 1 else self.say[0]
        return web.json_response(body, status=status)


AWAY = (503, {"code": "live_state_away", "detail": "Try again soon."})
DONE: tuple[int, dict[str, object]] = (200, {"receipt": {"kept": []}, "signature": "s"})
HELD: tuple[int, dict[str, object]] = (200, {"receipt": {"kept": [{"recording_id": "rc_1", "why": "held"}]}})


@pytest.fixture
async def answers() -> Answers:
    return Answers()


@pytest.fixture
async def eraser(answers: Answers, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Eraser]:
    monkeypatch.setattr(erasing, "ASK_S", 0.0)
    app = web.Application()
    app.router.add_post("/api/v1/erasures", answers.answer)
    async with TestServer(app) as server:
        made = Eraser(ClientSession(server.make_url("/")), Log())
        yield made
        await made.close()


async def test_who_is_told_to_come_again_comes_again(eraser: Eraser, answers: Answers) -> None:
    answers.say = [AWAY, AWAY, DONE]
    await eraser.erase("rc_1")
    assert answers.asked == [{"subject": "rc_1", "reason": "it was judged"}] * 3
    assert eraser.log.violations == []


@pytest.mark.parametrize(("answer", "why"), [(HELD, "held"), (AWAY, "live_state_away")])
async def test_what_stays_is_a_broken_promise(
    eraser: Eraser,
    answers: Answers,
    monkeypatch: pytest.MonkeyPatch,
    answer: tuple[int, dict[str, object]],
    why: str,
) -> None:
    monkeypatch.setattr(erasing, "LIMIT_S", 0.0)
    answers.say = [answer]
    await eraser.erase("rc_1")
    (found,) = eraser.log.violations
    assert found.what == "what was judged can be erased"
    assert why in found.detail
