"""Writing down what was done: contacts that have ended go from their journal into the timeline of their customer.

The journal is the truth and the list of what is to do: whatever ended and is in no timeline is written down, by
whichever node and however late. A contact that closes only wakes this up. Nothing waits in memory, nothing can be full.
"""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Final, Protocol

from gateway.base.clock import Clock
from gateway.base.errors import BadInput, PortFailure
from gateway.base.ids import ContactId
from gateway.base.log import get_logger
from gateway.base.tasks import cancel_and_wait
from gateway.contacts.journal import ContactSummary, JournalEvent
from gateway.crm.finding import Finding
from gateway.crm.interactions import interactions_of, of_summary
from gateway.crm.keys import KeyMaker
from gateway.crm.port import CrmPort, CustomerRecords, Interaction, InteractionRecords, Visit
from gateway.parties import ChatLine

_log = get_logger("crm")

LOOK_BACK: Final = timedelta(days=7)
"""How old a contact may be when it is written down: a week of an outage is made up for."""

OVERLAP: Final = timedelta(minutes=10)
BATCH: Final = 50
SETTLE_S: Final = 1.0  # the closing event is on its way into the database for a moment
EVERY_S: Final = 60.0
LOOK_BACK_EVERY_S: Final = 3600.0
FORGET_BATCH: Final = 500


class JournalOfContacts(Protocol):
    """What is read of contacts. PortFailure `records_unavailable`."""

    async def read(self, contact_id: ContactId) -> Sequence[JournalEvent]: ...

    async def contact(self, contact_id: ContactId) -> ContactSummary | None: ...


class ChatOfContacts(Protocol):
    """What was written in contacts. PortFailure `records_unavailable`."""

    async def read(self, contact_id: ContactId) -> Sequence[ChatLine]: ...


class Writing:
    """Writes down, and forgets what is over its time. `told` is set when something new waits to be told outside."""

    def __init__(
        self,
        *,
        own: CrmPort,
        customers: CustomerRecords,
        interactions: InteractionRecords,
        journal: JournalOfContacts,
        finding: Finding,
        keys: KeyMaker,
        clock: Clock,
        retention_days: int,
        chat: ChatOfContacts | None = None,
    ) -> None:
        self._own = own
        self._customers = customers
        self._interactions = interactions
        self._journal = journal
        self._finding = finding
        self._keys = keys
        self._clock = clock
        self._retention_days = retention_days
        self._chat = chat
        self._woken = asyncio.Event()
        self._looked_back_s = float("-inf")
        self._since = clock.now()
        self.told = asyncio.Event()

    def closed(self) -> None:
        """A contact has just ended."""
        self._woken.set()

    async def run(self) -> None:
        """For a task of its own; runs until cancelled."""
        while True:
            try:
                await self.write_down()
                await self.forget()
            except PortFailure as error:
                _log.warning("crm.not_written", code=error.code)
            await woken_or_later(self._woken, self._clock, EVERY_S)
            await self._clock.sleep_until(self._clock.monotonic() + SETTLE_S)
            self._woken.clear()

    async def write_down(self) -> int:
        """Everything that is not yet; returns how many contacts. PortFailure: the rest comes next time."""
        now, now_s = self._clock.now(), self._clock.monotonic()
        if now_s - self._looked_back_s >= LOOK_BACK_EVERY_S:
            self._looked_back_s, self._since = now_s, now - LOOK_BACK
        count = 0
        passed_over: set[ContactId] = set()
        while True:
            found = await self._interactions.unlogged(self._since, BATCH + len(passed_over))
            due = [contact_id for contact_id in found if contact_id not in passed_over]
            for contact_id in due:
                if self._finding.arriving(contact_id):  # what it came with is on its way into the database
                    passed_over.add(contact_id)
                    continue
                await self._write(contact_id)
                count += 1
                self.told.set()
            if len(due) < BATCH:
                break
        if not passed_over:
            self._since = max(self._since, now - OVERLAP)
        return count

    async def _write(self, contact_id: ContactId) -> None:
        summary = await self._journal.contact(contact_id)
        if summary is not None:
            visit = await self._interactions.visit(contact_id) or self._visit_of(summary)
            chat = await self._chat.read(contact_id) if self._chat is not None else ()
            await self._own.log(_interactions(await self._journal.read(contact_id), summary, chat), visit)

    def _visit_of(self, summary: ContactSummary) -> Visit:
        """What the contacts list knows of a visit that was never kept."""
        return Visit(
            contact_id=summary.contact_id,
            site=summary.site,
            language=summary.language,
            at=summary.started_at,
            keys=self._keys.of_visitor(summary.visitor_hash),
            display_name=summary.display_name,
        )

    async def forget(self) -> None:
        """Remove what is over its time."""
        if not self._retention_days:
            return
        before = self._clock.now() - timedelta(days=self._retention_days)
        while await self._customers.forget_before(before, FORGET_BATCH) == FORGET_BATCH:
            pass


def _interactions(
    events: Sequence[JournalEvent], summary: ContactSummary, chat: Sequence[ChatLine]
) -> tuple[Interaction, ...]:
    try:
        return interactions_of(events, chat)
    except BadInput as error:  # a journal that can't be folded: what the list says is all there is
        _log.error("crm.journal_unreadable", contact_id=summary.contact_id, code=error.code)
        return (of_summary(summary, chat=chat),)


async def woken_or_later(event: asyncio.Event, clock: Clock, seconds: float) -> None:
    """Return when the event is set, or after `seconds`."""
    waits = (
        asyncio.ensure_future(event.wait()),
        asyncio.ensure_future(clock.sleep_until(clock.monotonic() + seconds)),
    )
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await cancel_and_wait(*waits)
