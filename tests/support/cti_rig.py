"""What tests of CTI feeds share: a listener that remembers, and waits for conditions with a deadline."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from gateway.acd.events import AgentEvent
from gateway.acd.sip.feed import FeedEvent

WAIT_S = 30.0
T = TypeVar("T")


class Recorder:
    """Implements `gateway.acd.sip.feed.FeedListener`."""

    def __init__(self) -> None:
        self.calls: list[FeedEvent] = []
        self.agents: list[AgentEvent] = []
        self.cuts = 0
        self.resumes = 0
        self._changed = asyncio.Event()

    def of_call(self, event: FeedEvent) -> None:
        self.calls.append(event)
        self._changed.set()

    def of_agent(self, event: AgentEvent) -> None:
        self.agents.append(event)
        self._changed.set()

    def cut(self) -> None:
        self.cuts += 1
        self._changed.set()

    def resumed(self) -> None:
        self.resumes += 1
        self._changed.set()

    def bodies(self, correlation: str) -> list[Any]:
        return [event.body for event in self.calls if event.correlation == correlation]

    def names(self, correlation: str) -> list[str]:
        """Each event's name, an asterisk behind what was made up."""
        mine = [event for event in self.calls if event.correlation == correlation]
        return [type(event.body).__name__ + "*" * event.synthesized for event in mine]

    async def until(self, condition: Callable[[], T]) -> T:
        """What `condition` returns once that is true."""
        async with asyncio.timeout(WAIT_S):
            while not (found := condition()):
                self._changed.clear()
                await self._changed.wait()
            return found


async def until(condition: Callable[[], T]) -> T:
    """The same for what nobody tells the recorder."""
    async with asyncio.timeout(WAIT_S):
        while not (found := condition()):  # noqa: ASYNC110 - what it waits for has no event
            await asyncio.sleep(0.002)
        return found
