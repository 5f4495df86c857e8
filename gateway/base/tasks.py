"""Tasks that outlive a call: every one has an owner, a name, and an end somebody waits for."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any

from gateway.base.errors import GatewayError
from gateway.base.log import get_logger

_log = get_logger("tasks")


async def cancel_and_wait(*tasks: asyncio.Task[Any]) -> None:
    """Cancel the tasks and return when all have ended. Their errors are not raised here; the supervisor logs them."""
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def claimed(claim: Coroutine[Any, Any, bool], hand_back: Callable[[], Awaitable[object]]) -> AsyncIterator[bool]:
    """What is done under a claim that nodes share, with whether it was got.

    Cancelled meanwhile, also while claiming, it is handed back before the cancellation goes on: a node that stops in
    order need not be waited for as one that died. A claim that can't be handed back ends by itself.
    """
    claiming = asyncio.ensure_future(claim)
    try:
        yield await asyncio.shield(claiming)
    except asyncio.CancelledError:
        with suppress(GatewayError):
            if await claiming:
                await hand_back()
        raise


class Supervisor:
    """Owns background tasks: keeps the reference, logs a failure with its name, ends them all on `aclose`."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._tasks: set[asyncio.Task[Any]] = set()
        self._closed = False

    def spawn(self, coro: Coroutine[Any, Any, Any], *, name: str) -> asyncio.Task[Any]:
        """Run `coro` as a task of this owner. After `aclose` it is refused (the coroutine is closed, RuntimeError)."""
        if self._closed:
            coro.close()
            raise RuntimeError(f"{self._name} is closed, {name} was not started")
        task = asyncio.get_running_loop().create_task(coro, name=f"{self._name}:{name}")
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("task.failed", task=task.get_name(), error_type=type(error).__name__, exc_info=error)

    def __len__(self) -> int:
        return len(self._tasks)

    async def aclose(self) -> None:
        """Cancel what still runs and wait for it. Idempotent."""
        self._closed = True
        await cancel_and_wait(*list(self._tasks))
