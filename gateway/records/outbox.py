"""Between contacts that never wait and a database that sometimes makes wait: the outbox of journal and contacts list.

`append` and `save` only put something into memory; one task writes it, in batches of 50 ms, in the order it came,
and tries again with back-off while the database is locked or away; meanwhile what waits is kept on disk (`Spill`), so
that it outlives the process. Journal rows have a unique key, so a batch whose
answer was lost is written once. A row the database will never take (it should not exist) is logged and left out, so
that it does not stand in the way of all others.

Full means: over `limit` events. It stops the admission of new contacts, not the events of those in progress.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from gateway.base.clock import Clock
from gateway.base.errors import PortFailure
from gateway.base.ids import ContactId
from gateway.base.log import get_logger
from gateway.base.tasks import Supervisor, in_thread
from gateway.contacts.journal import ContactSummary, JournalEvent
from gateway.records.spill import Spill

_log = get_logger("outbox")

BATCH_S: Final = 0.05  # gathered this long: a transaction costs milliseconds, an event microseconds
MAX_BATCH: Final = 500
FIRST_RETRY_S: Final = 0.1
LAST_RETRY_S: Final = 5.0
DRAIN_S: Final = 10.0  # at close the database gets this long to take the rest

Write = Callable[[Sequence[JournalEvent], Sequence[ContactSummary]], Awaitable[None]]
"""One transaction. PortFailure: nothing was written, try again. SQLAlchemyError: declined for good."""


class Outbox:
    """Owns what is not written yet. `start` it, `aclose` it; everything else returns at once."""

    def __init__(self, write: Write, clock: Clock, *, limit: int, spill: Spill) -> None:
        self._write = write
        self._spill = spill
        self._kept_events = 0  # of the oldest events, those that are on disk too
        self._kept_summaries: dict[ContactId, ContactSummary] = {}
        self._spilled = False
        self._clock = clock
        self._limit = limit
        self._events: deque[JournalEvent] = deque()
        self._summaries: dict[ContactId, ContactSummary] = {}  # only the newest of a contact is worth writing
        self._wake = asyncio.Event()
        self._written = asyncio.Event()
        self._written.set()
        self._loaded = asyncio.Event()
        self._loaded.set()
        self._hurry = False
        self._tasks = Supervisor("outbox")
        self._writer: asyncio.Task[None] | None = None
        self._was_full = False
        self.away = False  # the last try failed
        self.declined = 0  # rows left out for good: an alarm

    def start(self) -> None:
        """Begin to write; first what an earlier process could not."""
        self._written.clear()
        self._loaded.clear()
        self._writer = self._tasks.spawn(self._run(), name="writer")

    async def loaded(self) -> None:
        """Return when what an earlier process left is in here."""
        await self._loaded.wait()

    def append(self, event: JournalEvent) -> None:
        self._events.append(event)
        self._changed()

    def save(self, summary: ContactSummary) -> None:
        known = self._summaries.get(summary.contact_id)
        if known is None or summary.version >= known.version:
            self._summaries[summary.contact_id] = summary
        self._changed()

    @property
    def pending(self) -> int:
        """Events not written yet."""
        return len(self._events)

    @property
    def full(self) -> bool:
        return len(self._events) >= self._limit

    def waiting_of(self, contact_id: ContactId) -> list[JournalEvent]:
        """Events of the contact that are not known to be written, in order."""
        return [event for event in self._events if event.contact_id == contact_id]

    def waiting_summary(self, contact_id: ContactId) -> ContactSummary | None:
        """The summary of the contact that is not known to be written."""
        return self._summaries.get(contact_id)

    def waiting_summaries(self) -> list[ContactSummary]:
        """Summaries that are not known to be written."""
        return list(self._summaries.values())

    async def flushed(self) -> None:
        """Return when all that was put in before this call, and since, is written."""
        self._hurry = True
        self._wake.set()
        await self._written.wait()

    async def aclose(self) -> None:
        """Write the rest, for `DRAIN_S` at most, and stop. Idempotent."""
        try:
            async with asyncio.timeout(DRAIN_S):
                if self._writer is not None and not self._writer.done():
                    await self.flushed()
        except TimeoutError:
            _log.error("outbox.left_over", events=len(self._events), summaries=len(self._summaries))
        await self._tasks.aclose()
        if self._events or self._summaries:
            await self._keep()

    def _changed(self) -> None:
        self._written.clear()
        self._wake.set()
        if self.full and not self._was_full:
            self._was_full = True
            _log.error("outbox.full", events=len(self._events), limit=self._limit)

    async def _run(self) -> None:
        await self._take_over()
        retry_s = FIRST_RETRY_S
        while True:
            await self._wake.wait()
            if not self._hurry:
                await self._clock.sleep_until(self._clock.monotonic() + BATCH_S)
            self._wake.clear()
            while self._events or self._summaries:
                if await self._write_batch():
                    retry_s = FIRST_RETRY_S
                else:
                    await self._clock.sleep_until(self._clock.monotonic() + retry_s)
                    retry_s = min(LAST_RETRY_S, retry_s * 2)
            await self._forget_kept()
            if not self._events and not self._summaries:
                self._hurry = False
                self._written.set()

    async def _take_over(self) -> None:
        events, summaries = await asyncio.to_thread(self._spill.load)
        if events or summaries:
            _log.warning("outbox.taken_over", events=len(events), summaries=len(summaries))
            self._spilled = True
            self._events.extendleft(reversed(events))
            self._kept_events = len(events)
            for summary in summaries:
                self.save(summary)
        self._wake.set()
        self._loaded.set()

    async def _write_batch(self) -> bool:
        """Write the oldest events; the summaries with the last of them, since they fold them. False: try again."""
        events = [self._events[index] for index in range(min(MAX_BATCH, len(self._events)))]
        summaries = list(self._summaries.values()) if len(events) == len(self._events) else []
        try:
            await self._write_or_leave_out(events, summaries)
        except PortFailure:
            if not self.away:
                self.away = True
                _log.warning("outbox.away", events=len(self._events))
            await self._keep()
            return False
        for _ in events:
            self._events.popleft()
        self._kept_events = max(0, self._kept_events - len(events))
        for summary in summaries:
            if self._summaries.get(summary.contact_id) is summary:
                del self._summaries[summary.contact_id]
        if self.away:
            self.away = False
            _log.info("outbox.back", events=len(self._events))
        if not self.full:
            self._was_full = False
        return True

    async def _keep(self) -> None:
        """Put on disk what is not there yet. A disk that refuses is logged: then it is in memory only, as before."""
        events = [self._events[index] for index in range(self._kept_events, len(self._events))]
        summaries = [
            each for contact_id, each in self._summaries.items() if self._kept_summaries.get(contact_id) is not each
        ]
        if not events and not summaries:
            return
        kept = threading.Event()

        def keep() -> None:
            self._spill.keep(events, summaries)
            kept.set()

        try:
            await in_thread(keep)
        except OSError as error:
            _log.error("outbox.not_kept", events=len(events), error=error.strerror)
        finally:  # also of who is cancelled: it is there once
            if kept.is_set():
                self._spilled = True
                self._kept_events += len(events)
                self._kept_summaries.update((each.contact_id, each) for each in summaries)

    async def _forget_kept(self) -> None:
        """All is written: what is on disk is not needed any more."""
        if not self._spilled or self._events or self._summaries:
            return
        try:
            await in_thread(self._spill.clear)
        except OSError as error:
            _log.error("outbox.not_cleared", error=error.strerror)
            return
        self._spilled = False
        self._kept_summaries.clear()

    async def _write_or_leave_out(self, events: list[JournalEvent], summaries: list[ContactSummary]) -> None:
        try:
            await self._write(events, summaries)
            return
        except SQLAlchemyError as error:
            _log.error("outbox.batch_declined", error_type=type(error).__name__, events=len(events))
        for event in events:
            try:
                await self._write([event], [])
            except SQLAlchemyError as error:
                self.declined += 1
                _log.error(
                    "outbox.event_declined",
                    contact_id=event.contact_id,
                    seq=event.seq,
                    name=event.name,
                    error_type=type(error).__name__,
                )
        for summary in summaries:
            try:
                await self._write([], [summary])
            except SQLAlchemyError as error:
                self.declined += 1
                _log.error("outbox.summary_declined", contact_id=summary.contact_id, error_type=type(error).__name__)
