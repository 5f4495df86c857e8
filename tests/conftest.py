"""What holds for every test: no task outlives it, nothing sleeps on the event loop, and the log is as it was before."""

import asyncio
import inspect
import os
import time
from collections.abc import AsyncIterator, Iterator

import pytest
import structlog
from hypothesis import HealthCheck, settings

# A busy machine is no bug: no deadline per example, and none for making them. `make test` says the same of the same
# commit, so its examples are the same each time; `make explore` looks for new ones.
_PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("gate", _PATIENT, derandomize=True)
settings.register_profile("explore", _PATIENT)
settings.load_profile("explore" if os.environ.get("VISAVIS_EXPLORE") else "gate")

_real_sleep = time.sleep
_MAY_END_S = 2.0


def _sleep(seconds: float) -> None:
    if asyncio._get_running_loop() is not None:
        raise AssertionError(f"time.sleep({seconds}) on the event loop: every call and every socket would wait")
    _real_sleep(seconds)


@pytest.fixture(autouse=True)
def no_blocking_sleep(monkeypatch: pytest.MonkeyPatch) -> None:
    """`time.sleep` on the event loop fails the test."""
    monkeypatch.setattr(time, "sleep", _sleep)


@pytest.fixture(autouse=True)
def log_as_before() -> Iterator[None]:
    """A command that is run in a test sets up the log of the process."""
    yield
    structlog.reset_defaults()


@pytest.fixture(autouse=True)
def no_leaked_tasks(request: pytest.FixtureRequest) -> None:
    """A task that goes on when a test and its fixtures are over fails the test."""
    function = getattr(request.node, "obj", None)
    if function is not None and inspect.iscoroutinefunction(inspect.unwrap(function)):
        request.getfixturevalue("_task_census")


@pytest.fixture
async def _task_census() -> AsyncIterator[None]:
    before = asyncio.all_tasks()
    yield
    leaked = asyncio.all_tasks() - before - {asyncio.current_task()}
    if leaked:  # what was cancelled in the last line of a test may still end, and on a busy machine that takes a while
        _, leaked = await asyncio.wait(leaked, timeout=_MAY_END_S)
    if leaked:
        tasks = "\n".join(f"  {task.get_name()}: {task.get_coro()}" for task in leaked)
        for task in leaked:
            task.cancel()
        await asyncio.gather(*leaked, return_exceptions=True)
        pytest.fail(f"{len(leaked)} task(s) outlived the test:\n{tasks}")
