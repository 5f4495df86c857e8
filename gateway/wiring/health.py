"""`signaling.ports.Health`: why a node takes no contacts now."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from gateway.base.errors import GatewayError


class NodeHealth:
    """`signaling.ports.Health`. Nothing latches: each answer is of now."""

    MAX_LAG_S = 1.0

    def __init__(self) -> None:
        self.started = False
        self.draining: Callable[[], bool] = lambda: False
        self.lag_s: Callable[[], float] = lambda: 0.0
        self.media_up: Callable[[], bool] = lambda: True
        self.degraded: Callable[[], Sequence[str]] = tuple
        self.stores: dict[str, Callable[[], Awaitable[Any]]] = {}  # reason → check that raises GatewayError

    async def reasons(self) -> Sequence[str]:
        """Why this node takes no contacts now; empty when it does."""
        found = [] if self.started else ["starting"]
        if self.draining():
            found.append("draining")
        if self.lag_s() > self.MAX_LAG_S:
            found.append("loop_lag")
        if not self.media_up():
            found.append("media")
        checks = await asyncio.gather(*(_fails(check) for check in self.stores.values()))
        return found + [reason for reason, failed in zip(self.stores, checks, strict=True) if failed]


async def _fails(check: Callable[[], Awaitable[Any]]) -> bool:
    try:
        await check()
    except GatewayError:
        return True
    return False
