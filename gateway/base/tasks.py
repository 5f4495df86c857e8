"""Tasks that outlive a call: every one has an owner, a name, and an end somebody waits for."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

from gateway.base.errors import GatewayError
from gateway.base.log import get_logger

_log = get_logger("tasks")
_T = TypeVar("_T")


async def cancel_and_wait(*tasks: asyncio.Task[Any]) -> None:
    """Cancel the tasks and return when all have ended. Their errors are not raised here; the supervisor logs them."""
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.gather(*tasks, return_exceptions=True)


async def in_thread(work: Callable[..., _T], *args: object) -> _T:
    """What `work(*args)` returns or raises, done in a thread.

    Cancelled meanwhile, it waits for the thread before the cancellation goes on: whoever cleans up then finds nothing
    that is still being written. What the thread made is lost to the caller, so let it return nothing that must be
    closed.
    """
    working = asyncio.ensure_future(asyncio.to_thread(work, *args))
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:
        while not working.done():
            with suppress(asyncio.CancelledError):  # it is on its way already
                await asyncio.wait({working})
        if not working.cancelled():
            working.exception()  # heard: nobody waits for it any more
        raise


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
        self._awaited: set[asyncio.Task[Any]] = set()  # whoever waits for it hears of its failure
        self._closed = False

    @property
    def closed(self) -> bool:
        """It starts nothing any more."""
        return self._closed

    def spawn(self, coro: Coroutine[Any, Any, Any], *, name: str) -> asyncio.Task[Any]:
        """Run `coro` as a task of this owner. After `aclose` it is refused (the coroutine is closed, RuntimeError)."""
        if self._closed:
            coro.close()
            raise RuntimeError(f"{self._name} is closed, {name} was not started")
        task = asyncio.get_running_loop().create_task(coro, name=f"{self._name}:{name}")
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    async def at_most(self, limit_s: float, coro: Coroutine[Any, Any, _T], *, name: str) -> _T:
        """What `coro` returns or raises, TimeoutError when it takes longer than its caller waits.

        It goes on then, and when the caller is cancelled, as a task of this owner: for work that must not be left half
        done. RuntimeError when the owner ended it.
        """
        task = self.spawn(coro, name=name)
        self._awaited.add(task)
        try:
            done, _ = await asyncio.wait({task}, timeout=limit_s)
        finally:
            self._awaited.discard(task)
        if not done:
            raise TimeoutError
        if task.cancelled():
            raise RuntimeError(f"{self._name} is closed, {name} was not done")
        answer: _T = task.result()
        return answer

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if task.cancelled() or task in self._awaited:
            return
        if (error := task.exception()) is not None:
            _log.error("task.failed", task=task.get_name(), error_type=type(error).__name__, exc_info=error)

    def __len__(self) -> int:
        return len(self._tasks)

    async def aclose(self) -> None:
        """Cancel what still runs and wait for it. Idempotent."""
        self._closed = True
        await cancel_and_wait(*list(self._tasks))
