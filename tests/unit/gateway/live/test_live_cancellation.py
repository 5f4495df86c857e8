"""A task that asks the embedded live state ends when it is cancelled, wherever in a command that is."""

import asyncio

import pytest

from gateway.config import LiveSettings
from gateway.live.store import Live, open_live


async def _five_commands(live: Live) -> None:
    for _ in range(5):
        await live.ask(live.client.set("a", "b"))
        await asyncio.sleep(0)


@pytest.mark.parametrize("turns", range(12))
async def test_a_cancelled_task_does_not_go_on_with_its_next_command(turns: int) -> None:
    """The embedded client finishes a command that was cancelled in its middle, and forgets the cancellation."""
    live = open_live(LiveSettings())
    task = asyncio.ensure_future(_five_commands(live))
    for _ in range(turns):
        await asyncio.sleep(0)
    assert not task.done()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await live.aclose()


async def test_a_command_in_the_clean_up_of_a_cancelled_task_is_answered() -> None:
    """Only a cancellation during the command counts: what was cancelled before may still tidy up."""
    live = open_live(LiveSettings())
    tidied = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await live.ask(live.client.set("a", "b"))
            tidied.set()

    task = asyncio.ensure_future(work())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert tidied.is_set()
    await live.aclose()
