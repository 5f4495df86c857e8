"""Who asks a FreeSWITCH and waits no longer: the connection goes on, and no answer is taken for another's."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import cast

import pytest

from gateway.acd.cti.connection import Address, Pipe
from gateway.acd.cti.esl.connection import EslConnection
from gateway.base.errors import PortFailure


class Wire:
    """A pipe whose other end is the test."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.aborted = False
        self.may_drain = asyncio.Event()
        self.may_drain.set()
        self._take: Callable[[bytes], None] = lambda _: None

    async def pump(self, take: Callable[[bytes], None]) -> None:
        self._take = take
        await asyncio.Event().wait()

    async def send(self, data: bytes) -> None:
        self.sent.append(data.decode().strip())
        await self.may_drain.wait()

    def answers(self, body: str) -> None:
        self._take(f"Content-Type: api/response\nContent-Length: {len(body)}\n\n{body}".encode())

    def abort(self) -> None:
        self.aborted = True

    async def aclose(self) -> None:
        self.abort()


class Rig:
    def __init__(self, answer_s: float = 3.0) -> None:
        self.wire = Wire()
        address = Address(host="127.0.0.1", port=1, answer_s=answer_s)
        self.line = EslConnection(cast("Pipe", self.wire), "practice", address, lambda _: None)
        self.reading = asyncio.create_task(self.line.read())

    async def sends(self, count: int) -> None:
        async with asyncio.timeout(30):
            while len(self.wire.sent) < count:  # noqa: ASYNC110 - a list tells nobody
                await asyncio.sleep(0)


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    rig = Rig()
    await asyncio.sleep(0)
    yield rig
    await rig.line.aclose()
    rig.reading.cancel()
    await asyncio.wait({rig.reading})


@pytest.mark.parametrize("steps", range(5))
async def test_the_next_question_gets_its_own_answer(rig: Rig, steps: int) -> None:
    given_up = asyncio.create_task(rig.line.api("uptime"))
    for _ in range(steps):
        await asyncio.sleep(0)
    given_up.cancel()
    await asyncio.wait({given_up})
    asked = len(rig.wire.sent)
    following = asyncio.create_task(rig.line.api("status"))
    await rig.sends(asked + 1)
    for number in range(asked):
        rig.wire.answers(f"of {number}")
    rig.wire.answers("of status")
    assert await following == "of status"
    assert not rig.wire.aborted


async def test_an_answer_that_came_while_its_question_was_given_up_is_owed_no_more(rig: Rig) -> None:
    given_up = asyncio.create_task(rig.line.api("uptime"))
    await rig.sends(1)
    rig.wire.answers("4711")
    given_up.cancel()
    await asyncio.wait({given_up})
    following = asyncio.create_task(rig.line.api("status"))
    await rig.sends(2)
    rig.wire.answers("of status")
    assert await following == "of status"


async def test_a_question_that_was_given_up_while_it_was_being_sent_has_an_answer_too(rig: Rig) -> None:
    rig.wire.may_drain.clear()
    given_up = asyncio.create_task(rig.line.api("uptime"))
    await rig.sends(1)
    given_up.cancel()
    await asyncio.wait({given_up})
    rig.wire.may_drain.set()
    following = asyncio.create_task(rig.line.api("status"))
    await rig.sends(2)
    rig.wire.answers("4711")
    rig.wire.answers("of status")
    assert await following == "of status"


async def test_an_answer_that_never_comes_ends_the_connection_with_the_next_question() -> None:
    rig = Rig(answer_s=0.05)
    await asyncio.sleep(0)
    given_up = asyncio.create_task(rig.line.api("uptime"))
    await rig.sends(1)
    given_up.cancel()
    await asyncio.wait({given_up})
    following = asyncio.create_task(rig.line.api("status"))
    await rig.sends(2)
    rig.wire.answers("of status")
    with pytest.raises(PortFailure, match="cti_unavailable"):
        await following
    assert rig.wire.aborted
    await rig.line.aclose()
    rig.reading.cancel()
    await asyncio.wait({rig.reading})
