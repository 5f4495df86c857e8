"""The one clock of all legs: a wheel of a tenth of a second in steps of 1 ms, each leg at its own places on it.

A tenth of a second holds three pictures and five pieces of sound exactly, so nothing drifts and no two rates are kept.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Final

from tests.bench.load.leg import Leg

STEPS: Final = 100
_STEP_S: Final = 0.001
_CHECK_EVERY: Final = 10  # steps between two looks at connectivity checks
_GOLDEN: Final = 61  # spreads legs that come one after the other; coprime to the wheel


class Pacer:
    """Runs from `start` to `stop`. `late_ms` is the worst it ever was, since `forget`."""

    def __init__(self) -> None:
        self.late_ms = 0.0
        self.legs: list[Leg] = []
        self._places: list[list[Callable[[], None]]] = [[] for _ in range(STEPS)]
        self._seats = 0
        self._step = 0
        self._began_s = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        self._began_s = time.monotonic()
        self._run()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def add(self, leg: Leg) -> None:
        """Tick for it from now on; `talk` adds its media."""
        self.legs.append(leg)

    def talk(self, leg: Leg) -> None:
        """Let the leg send its camera and microphone."""
        seat = self._seats * _GOLDEN
        self._seats += 1
        leg.listen()
        for picture in range(3):
            self._places[(seat + round(picture * STEPS / 3)) % STEPS].append(leg.show)
        for sound in range(5):
            self._places[(seat + 7 + sound * STEPS // 5) % STEPS].append(leg.say)
            self._places[(seat + 17 + sound * STEPS // 5) % STEPS].append(leg.read)

    def remove(self, leg: Leg) -> None:
        """It is silent at once. Its places on the wheel stay empty until `clear`."""
        self.legs.remove(leg)
        if leg.talks:
            leg.talks = False
            for place in self._places:
                place[:] = [each for each in place if getattr(each, "__self__", None) is not leg]

    def forget(self) -> None:
        """A new window begins."""
        self.late_ms = 0.0

    def _run(self) -> None:
        now_s = time.monotonic()
        due = int((now_s - self._began_s) / _STEP_S)
        self.late_ms = max(self.late_ms, 1000 * (now_s - self._began_s - self._step * _STEP_S))
        if due - self._step > STEPS:  # a stall: what is older than the wheel is skipped, as a camera would
            self._step = due - STEPS
        while self._step < due:
            step = self._step = self._step + 1
            for act in self._places[step % STEPS]:
                act()
            if step % _CHECK_EVERY == 0:
                self._look_after(step // _CHECK_EVERY, now_s)
        self._timer = asyncio.get_running_loop().call_later(_STEP_S, self._run)

    def _look_after(self, turn: int, now_s: float) -> None:
        """Checks of all legs; reports of one hundredth of them, so that each makes one a second."""
        for number, leg in enumerate(self.legs):
            leg.tick(now_s)
            if leg.talks and number % 100 == turn % 100:
                leg.report()
