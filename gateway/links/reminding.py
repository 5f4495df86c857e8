"""Reminding another system of links for a time, some minutes before they open.

At least once, and with one id, so that a repetition is harmless there. Not taken: again after a pause that doubles, up
to `MOST_ATTEMPTS` times and not after the link has closed; then, and when it is declined, it is left, with an alarm.
Full is when more are due than a batch: the earliest first, the others in the next one. Knows no HTTP and no SQL.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, Protocol

from gateway.base.clock import Clock
from gateway.base.errors import PortFailure, StateConflict
from gateway.base.log import get_logger
from gateway.base.tasks import claimed
from gateway.links.model import Link

_log = get_logger("links")

BATCH: Final = 16
EVERY_S: Final = 15.0
LEASE: Final = timedelta(minutes=1)  # a node that died while it told one: another tells it again after this
FIRST_PAUSE: Final = timedelta(seconds=15)
LAST_PAUSE: Final = timedelta(minutes=5)
MOST_ATTEMPTS: Final = 10

Alarm = Callable[[str, str], None]
"""`(code, detail)` for the board and the log."""


class ReminderDeclined(StateConflict):
    """It will never be taken: there is no point in asking again."""


class ReminderPort(Protocol):
    async def remind(self, link: Link) -> None:
        """Raises PortFailure: ask again; ReminderDeclined: do not."""
        ...


class ReminderStore(Protocol):
    """Every method may raise PortFailure."""

    async def reminders_due(self, now: datetime, limit: int) -> Sequence[Link]:
        """Those with `remind_at` not later than `now`, earliest first, without those that are revoked or closed, or
        whose place has ended."""
        ...

    async def put_reminder_off(self, link: Link, until: datetime | None, *, attempts: int) -> bool:
        """Set when it is due again (None: never). False: another node has changed it meanwhile, and nothing is done.

        `link` is as it was read.
        """
        ...


def reminder_id(link: Link) -> str:
    """The same for every attempt. A turn that comes again after a restart is the same turn."""
    return f"rm_{link.link_id.removeprefix('lk_')}"


class Reminding:
    """The task that reminds. One per node; nodes share the work by leases."""

    def __init__(self, *, store: ReminderStore, port: ReminderPort, clock: Clock, alarm: Alarm) -> None:
        self._store = store
        self._port = port
        self._clock = clock
        self._alarm = alarm

    async def run(self) -> None:
        """For a task of its own; runs until cancelled."""
        while True:
            try:
                if await self.remind() == BATCH:
                    continue
            except PortFailure as error:
                _log.warning("links.reminders_unreadable", code=error.code)
            await self._clock.sleep_until(self._clock.monotonic() + EVERY_S)

    async def remind(self) -> int:
        """Tell what is due, a batch at most; how many there were, 0 when the records did not take it: then the same
        would be due at once. PortFailure: they can't be read."""
        due = await self._store.reminders_due(self._clock.now(), BATCH)
        async with asyncio.TaskGroup() as group:
            telling = [group.create_task(self._one(link)) for link in due]
        return len(due) if all(task.result() for task in telling) else 0

    async def _one(self, link: Link) -> bool:
        """Whether the records took what became of it."""
        attempts, lease_ends = link.reminders + 1, self._clock.now() + LEASE
        ours = replace(link, remind_at=lease_ends, reminders=attempts)
        try:
            async with claimed(
                self._store.put_reminder_off(link, lease_ends, attempts=attempts),
                lambda: self._store.put_reminder_off(ours, link.remind_at, attempts=link.reminders),
            ) as got_it:
                if got_it:
                    await self._store.put_reminder_off(ours, await self._told(ours), attempts=attempts)
        except PortFailure as error:  # of our own records: the lease ends, and it is told again under the same id
            _log.warning("links.reminder_not_noted", link_id=link.link_id, code=error.code)
            return False
        return True

    async def _told(self, link: Link) -> datetime | None:
        """When to tell it again; None: never."""
        try:
            await self._port.remind(link)
        except ReminderDeclined as error:
            self._left(link, error.code)
        except PortFailure as error:
            pause = min(LAST_PAUSE, FIRST_PAUSE * (1 << (link.reminders - 1)))
            until = self._clock.now() + pause
            if link.reminders < MOST_ATTEMPTS and until < link.closes_at:
                return until
            self._left(link, error.code)
        return None

    def _left(self, link: Link, code: str) -> None:
        _log.error("links.reminder_given_up", link_id=link.link_id, code=code)
        self._alarm("link_reminder_given_up", f"A reminder was not taken: {code} ({link.link_id}).")
