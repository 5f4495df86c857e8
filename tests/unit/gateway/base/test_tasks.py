"""Tasks that outlive a call: who waits for one, and what becomes of it when nobody does."""

import asyncio
import threading

import pytest
from structlog.testing import capture_logs

from gateway.base.tasks import Supervisor, in_thread


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


async def test_what_a_thread_returns_or_raises_reaches_who_waits() -> None:
    assert await in_thread(divmod, 7, 2) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        await in_thread(divmod, 7, 0)


@pytest.mark.parametrize("fails", [False, True])
async def test_who_is_cancelled_goes_on_when_the_thread_has_ended(fails: bool) -> None:
    """However often: what it cleans up then, nobody writes to any more."""
    begun, may_end, told = threading.Event(), threading.Event(), list[str]()

    def work() -> None:
        begun.set()
        may_end.wait(30)
        told.append("written")
        if fails:
            raise OSError

    async def clean_up_after() -> None:
        try:
            await in_thread(work)
        finally:
            told.append("cleaned up")

    waiting = asyncio.create_task(clean_up_after())
    assert await asyncio.to_thread(begun.wait, 30)
    for _ in range(3):
        waiting.cancel()
        for _ in range(5):
            await asyncio.sleep(0)
    assert told == []
    may_end.set()
    await asyncio.wait({waiting})
    assert waiting.cancelled()
    assert told == ["written", "cleaned up"]
