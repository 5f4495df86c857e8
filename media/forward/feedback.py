"""The two timers of all legs: reports about once a second each, and the repair of losses while there are any.

Owns time only; a leg says itself what it sends. An idle engine has no timer running.
"""

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

from gateway.base.log import get_logger

REPORT_INTERVAL_S: Final = 1.0
_SLOTS: Final = 10
"""Legs are spread over this many moments of the interval, so that reports never come in one burst."""

REPAIR_INTERVAL_S: Final = 0.02
"""How long a missing packet may be merely late before it is asked for, and the step of all repairs."""

_log = get_logger("media.feedback")


class Reporter(Protocol):
    """What the timers call."""

    leg_id: str

    def report(self, now_s: float, elapsed_s: float) -> None:
        """Send reports; `elapsed_s` since the last call (the interval at first), for rates."""
        ...

    def repair(self, now_s: float) -> bool:
        """Ask for what is missing. True while something is still missing."""
        ...


class FeedbackTimers:
    """Shared by every leg of an engine. `now` is `time.time`, or a test's."""

    def __init__(self, loop: asyncio.AbstractEventLoop, now: Callable[[], float]) -> None:
        self._loop = loop
        self._now = now
        self._slots: list[dict[Reporter, float]] = [{} for _ in range(_SLOTS)]
        self._slot_of: dict[Reporter, int] = {}
        self._next_slot = 0
        self._lossy: dict[Reporter, None] = {}  # in the order of their losses
        self._report_timer: asyncio.TimerHandle | None = None
        self._repair_timer: asyncio.TimerHandle | None = None
        self._turn = 0

    def add(self, reporter: Reporter) -> None:
        """Report for it from now on, until `remove`."""
        if reporter in self._slot_of:
            return
        self._slot_of[reporter] = self._next_slot
        self._slots[self._next_slot][reporter] = self._now()
        self._next_slot = (self._next_slot + 1) % _SLOTS
        if self._report_timer is None:
            self._report_timer = self._loop.call_later(REPORT_INTERVAL_S / _SLOTS, self._report)

    def remove(self, reporter: Reporter) -> None:
        slot = self._slot_of.pop(reporter, None)
        if slot is not None:
            del self._slots[slot][reporter]
        self._lossy.pop(reporter, None)
        if not self._slot_of:
            self.close()

    def on_loss(self, reporter: Reporter) -> None:
        """Something is missing: call `repair` soon, and again until it says there is nothing left."""
        if reporter not in self._slot_of:
            return
        self._lossy[reporter] = None
        if self._repair_timer is None:
            self._repair_timer = self._loop.call_later(REPAIR_INTERVAL_S, self._repair)

    def close(self) -> None:
        """Stop both timers. Idempotent; they start again with the next leg."""
        for timer in (self._report_timer, self._repair_timer):
            if timer is not None:
                timer.cancel()
        self._report_timer = self._repair_timer = None

    def _report(self) -> None:
        self._report_timer = self._loop.call_later(REPORT_INTERVAL_S / _SLOTS, self._report)
        slot = self._slots[self._turn]
        self._turn = (self._turn + 1) % _SLOTS
        now_s = self._now()
        for reporter, before_s in list(slot.items()):
            slot[reporter] = now_s
            elapsed_s = now_s - before_s
            try:
                reporter.report(now_s, elapsed_s if elapsed_s > 0 else REPORT_INTERVAL_S)
            except Exception:  # noqa: BLE001 - the top of a timer: one leg must not stop the others
                _log.exception("feedback.report_failed", leg_id=reporter.leg_id)

    def _repair(self) -> None:
        self._repair_timer = None
        now_s = self._now()
        for reporter in list(self._lossy):
            try:
                missing = reporter.repair(now_s)
            except Exception:  # noqa: BLE001 - as above
                missing = False
                _log.exception("feedback.repair_failed", leg_id=reporter.leg_id)
            if not missing:
                self._lossy.pop(reporter, None)
        if self._lossy and self._repair_timer is None:
            self._repair_timer = self._loop.call_later(REPAIR_INTERVAL_S, self._repair)
