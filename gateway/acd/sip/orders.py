"""One contact's commands to the media engine, in order, one at a time; what comes of them goes back to its call.

A slow engine holds up nobody else: each contact has a task of its own while there is work. It decides nothing.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

from gateway.base.log import get_logger
from gateway.base.tasks import Supervisor
from media.port import MediaRefused

_log = get_logger("acd")

LIMIT: Final = 100
"""Orders of one contact that wait. Beyond it holds are left out: nothing else can be that many."""

TIMEOUT_S: Final = 6.0
"""The media port answers within 5 s; one that does not is taken for broken."""

Order = Callable[[], Awaitable[object]]
Failed = Callable[[str], None]
"""Called with the code of the refusal: the media port's, or `media_timeout`."""


class Orders:
    """A task exists only while there is work."""

    def __init__(self, supervisor: Supervisor, name: str) -> None:
        self._supervisor = supervisor
        self._name = name
        self._waiting: deque[tuple[Order, Callable[[], None], Failed]] = deque()
        self._running = False

    @property
    def full(self) -> bool:
        return len(self._waiting) >= LIMIT

    @property
    def idle(self) -> bool:
        return not self._running

    def put(self, order: Order, *, done: Callable[[], None], failed: Failed) -> None:
        """Carry out `order` after all before it, then call one of the two."""
        self._waiting.append((order, done, failed))
        if not self._running:
            self._running = True
            _ = self._supervisor.spawn(self._run(), name=self._name)

    async def _run(self) -> None:
        try:
            while self._waiting:
                order, done, failed = self._waiting.popleft()
                try:
                    async with asyncio.timeout(TIMEOUT_S):
                        await order()
                except MediaRefused as refusal:
                    failed(refusal.code)
                except TimeoutError:
                    failed("media_timeout")
                except Exception as error:  # noqa: BLE001 - top of the task: one broken order must not lose the next ones
                    _log.exception("acd.order_failed", task=self._name, error_type=type(error).__name__)
                    failed("media_failed")
                else:
                    done()
        finally:
            self._running = False
