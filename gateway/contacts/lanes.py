"""Lanes: what a contact asks of its neighbours, in order per neighbour, never holding up the mailbox.

A lane runs one job at a time, first in, first out. Lanes of one contact run beside each other: a slow recorder does not
delay the media, nor a slow ACD. A job's failure goes to the contact; it never ends the lane.
"""

from collections import deque
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Final

from gateway.base.tasks import Supervisor

LANE_LIMIT: Final = 256
"""Jobs that may wait in one lane. A contact that exceeds it is flooded or its neighbour is dead: the contact fails."""

Job = Callable[[], Awaitable[None]]


class Lane(StrEnum):
    """The lanes of every contact; the closing of a leg has one of its own besides."""

    MEDIA = "media"
    ACD = "acd"
    RECORDING = "recording"
    PLACES = "places"


class Lanes:
    """The lanes of one contact. A task exists only while there is work."""

    def __init__(
        self,
        supervisor: Supervisor,
        name: str,
        *,
        on_error: Callable[[str, Exception], None],
        on_idle: Callable[[], None],
    ) -> None:
        self._supervisor = supervisor
        self._name = name
        self._on_error = on_error
        self._on_idle = on_idle
        self._waiting: dict[str, deque[Job]] = {}

    @property
    def idle(self) -> bool:
        return not self._waiting

    @property
    def depth(self) -> int:
        """Jobs of the longest lane."""
        return max((len(waiting) for waiting in self._waiting.values()), default=0)

    def put(self, lane: str, job: Job) -> bool:
        """Run `job` after all others of its lane. False when the lane is full: the job will not run."""
        waiting = self._waiting.get(lane)
        if waiting is None:
            self._waiting[lane] = deque([job])
            _ = self._supervisor.spawn(self._run(lane), name=f"{self._name}:{lane}")
            return True
        if len(waiting) >= LANE_LIMIT:
            return False
        waiting.append(job)
        return True

    async def _run(self, lane: str) -> None:
        waiting = self._waiting[lane]
        try:
            while waiting:
                try:
                    await waiting[0]()
                except Exception as error:  # noqa: BLE001 - top of the lane: the contact judges what a failed job means
                    self._on_error(lane, error)
                waiting.popleft()
        finally:
            del self._waiting[lane]
        if not self._waiting:
            self._on_idle()
