"""Keeps one media process running: starts it, starts it again when it died, replaces it when it has served enough.

A *slot* is a place in the pool with a name and a port; processes come and go in it. Whoever owns the slot is told of
each that is up and each that is gone. It knows no leg.
"""

import errno
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from gateway.base.clock import Clock
from gateway.base.log import get_logger
from media.workers.process import Vitals, WorkerFailed, WorkerProcess, WorkerSettings
from media.workers.restart import RestartPolicy

STOP_S: Final = 7.0
"""A process closes its engine within 6 s, and then has to end."""

_log = get_logger("media.workers")


class Slot:
    """One place for a process. `begin` once, then `keep_up` as a task until it is cancelled, then `aclose`."""

    def __init__(
        self,
        number: int,
        settings: WorkerSettings,
        clock: Clock,
        *,
        on_up: Callable[["Slot"], None],
        on_lost: Callable[["Slot", WorkerProcess, str], None],
        on_event: Callable[["Slot"], Callable[..., None]],
        on_looping: Callable[["Slot", str], None],
    ) -> None:
        self.number = number
        self.name = f"media-{number}"
        self.process: WorkerProcess | None = None
        self.restarts = 0
        self.served = 0  # calls placed in this process
        self.retiring = False  # it takes no new call while there is another, and is replaced when its last one is over
        self._leaving = False
        self._settings = settings
        self._clock = clock
        wanted = settings.engine.port
        self._port = wanted + number if wanted else 0
        self._fixed_port = bool(wanted)
        self._policy = RestartPolicy()
        self._on_up = on_up
        self._on_lost = on_lost
        self._on_event = on_event
        self._on_looping = on_looping

    @property
    def up(self) -> bool:
        """Whether its process can take calls."""
        return self.process is not None and not self._leaving and not self.process.over.is_set()

    @property
    def expected_end(self) -> bool:
        """Whether its process was told to end."""
        return self._leaving

    @property
    def port(self) -> int:
        """Its UDP port; 0 before the system chose one."""
        return self._port

    @property
    def vitals(self) -> Vitals:
        return self.process.vitals if self.process is not None and self.up else Vitals()

    def looping(self) -> bool:
        """Whether it dies again and again, and its part of the capacity is not there."""
        return not self.up and self._policy.looping(self._clock.monotonic())

    async def begin(self) -> None:
        """Start the first process. Raises as `WorkerProcess.spawn`."""
        engine = replace(self._settings.engine, port=self._port)
        process = await WorkerProcess.spawn(self.name, self._settings, engine)
        self.process, self._port = process, process.port
        self.served, self.retiring, self._leaving = 0, False, False
        process.attend(self._on_event(self), lambda: self._on_lost(self, process, process.why))
        self._on_up(self)

    async def keep_up(self) -> None:
        """Wait for the end of the process and start the next, for ever."""
        while True:
            process = self.process
            if process is not None:
                await process.over.wait()
                await process.aclose()
            self.process = None
            if not self._leaving:
                await self._rest(process.why if process is not None else "")
            try:
                await self.begin()
                self.restarts += 1
            except (OSError, ValueError, WorkerFailed) as error:
                _log.error("worker.not_started", worker=self.name, reason=str(error))
                self._leaving = False
                if isinstance(error, OSError) and error.errno == errno.EADDRINUSE and not self._fixed_port:
                    self._port = 0  # somebody took it meanwhile; the system chooses another

    async def _rest(self, why: str) -> None:
        now_s = self._clock.monotonic()
        delay_s = self._policy.died(now_s)
        if self._policy.looping(now_s):
            self._on_looping(self, why)
        await self._clock.sleep_until(now_s + delay_s)

    async def retire(self) -> None:
        """Its last call is over: end the process; `keep_up` starts the next at once."""
        if self.process is not None and self.up:
            self._leaving = True
            _log.info("worker.retired", worker=self.name, calls=self.served)
            await self.process.stop(STOP_S)

    async def aclose(self) -> None:
        """End the process in order."""
        if self.process is not None:
            await self.process.stop(STOP_S)
            await self.process.aclose()
