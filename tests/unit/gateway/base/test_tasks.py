"""Tasks that outlive a call: who waits for one, and what becomes of it when nobody does."""

import asyncio

import pytest
from structlog.testing import capture_logs

from gateway.base.tasks import Supervisor


class Work:
    """Goes on until it may end."""

    def __init__(self) -> None:
        self.may_end = asyncio.Event()
        self.done = False
        self.error: Exception | None = None

    async def run(self) -> str:
        await self.may_end.wait()
        self.done = True
        if self.error is not None:
            raise self.error
        return "done"


@pytest.fixture
def work() -> Work:
    return Work()


async def idle(owner: Supervisor) -> None:
    async with asyncio.timeout(30):
        while len(owner):  # noqa: ASYNC110 - tasks tell nobody when they end
            await asyncio.sleep(0)


async def test_who_waits_long_enough_gets_the_answer(work: Work) -> None:
    work.may_end.set()
    assert await Supervisor("s").at_most(30, work.run(), name="w") == "done"


async def test_who_waits_no_longer_leaves_the_work_to_its_owner(work: Work) -> None:
    owner = Supervisor("s")
    with pytest.raises(TimeoutError):
        await owner.at_most(0.001, work.run(), name="w")
    work.may_end.set()
    await idle(owner)
    assert work.done


@pytest.mark.parametrize("steps", range(3))
async def test_who_is_cancelled_leaves_the_work_to_its_owner(work: Work, steps: int) -> None:
    owner = Supervisor("s")
    waiting = asyncio.create_task(owner.at_most(30, work.run(), name="w"))
    await asyncio.sleep(0)
    for _ in range(steps):
        await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait({waiting})
    assert waiting.cancelled()
    work.may_end.set()
    await idle(owner)
    assert work.done


async def test_a_failure_is_raised_to_who_waits_and_logged_when_nobody_does(work: Work) -> None:
    owner = Supervisor("s")
    work.error = ValueError("no")
    with capture_logs() as logs:
        with pytest.raises(TimeoutError):
            await owner.at_most(0.001, work.run(), name="w")
        work.may_end.set()
        await idle(owner)
        assert [each["event"] for each in logs] == ["task.failed"]
        with pytest.raises(ValueError, match="no"):
            await owner.at_most(30, work.run(), name="w")
        assert len(logs) == 1


async def test_the_end_of_the_owner_is_no_cancellation_of_who_waits(work: Work) -> None:
    owner = Supervisor("s")
    waiting = asyncio.create_task(owner.at_most(30, work.run(), name="w"))
    await asyncio.sleep(0)
    await owner.aclose()
    with pytest.raises(RuntimeError, match="was not done"):
        await waiting
