"""The tasks of this node: found by contact and by the ACD's name, shown to templates, kept in the records.

Writing is done behind everybody's back and tried again while the records are away: no contact ever waits for it.
Decides nothing.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from gateway.acd.port import ContactOffer, Phase
from gateway.acd.tasks.ports import LetterStore, TaskRow
from gateway.acd.tasks.task import Booking, Task
from gateway.base.clock import Clock
from gateway.base.errors import PortFailure
from gateway.base.ids import ContactId
from gateway.base.log import get_logger

_log = get_logger("acd.tasks")

LEFT_OVER_LIMIT: Final = 10_000  # tasks of an earlier process
WRITE_AGAIN_S: Final = 5.0
CLOSED_KEPT: Final = 500
"""Of the tasks that are over so many newest are remembered: the ACD may not have heard of it, or the contact comes
again."""


class TaskBook:
    """`store` None: nothing survives a restart. `claim_url` as in `TaskAcd`."""

    def __init__(
        self, *, acd: str, node: str, store: LetterStore | None, clock: Clock, claim_url: Callable[[str], str]
    ) -> None:
        self._acd = acd
        self._node = node
        self._store = store
        self._clock = clock
        self._claim_url = claim_url
        self._tasks: dict[ContactId, Task] = {}
        self._by_ref: dict[str, ContactId] = {}
        self._closed: OrderedDict[ContactId, Task] = OrderedDict()
        self._unsaved: dict[ContactId, None] = {}
        self._save_soon = asyncio.Event()
        self._saving = asyncio.Lock()

    # ------------------------------------------------------------ finding

    def get(self, contact_id: str) -> Task | None:
        return self._tasks.get(ContactId(contact_id))

    def by_ref(self, ref: str) -> Task | None:
        contact_id = self._by_ref.get(ref)
        return self._tasks.get(contact_id) if contact_id is not None else None

    def all(self) -> list[Task]:
        return list(self._tasks.values())

    def closed(self, contact_id: ContactId) -> Task | None:
        """A task that is over, if it was not too long ago."""
        return self._closed.get(contact_id)

    def view(self, key: str) -> Mapping[str, Any] | None:
        """What templates see of the task; None when there is none."""
        task = self._tasks.get(ContactId(key)) or self._closed.get(ContactId(key))
        return self._shown(task) if task is not None else None

    # ------------------------------------------------------------ changing

    def add(self, task: Task) -> None:
        """It is to be known; also one that was over, and is not."""
        self._closed.pop(task.offer.contact_id, None)
        self._tasks[task.offer.contact_id] = task
        for ref in (task.ref, *task.former_refs):
            if ref:
                self._by_ref[ref] = task.offer.contact_id
        self.changed(task)

    def name(self, task: Task, ref: str) -> None:
        """The ACD calls it `ref`; perhaps as it did before."""
        if task.called(ref):
            self._by_ref[ref] = task.offer.contact_id
            self.changed(task)

    def forget(self, contact_id: ContactId) -> None:
        task = self._tasks.pop(contact_id, None)
        if task is not None:
            for ref in (task.ref, *task.former_refs):
                self._by_ref.pop(ref, None)
            self._closed[contact_id] = task
            while len(self._closed) > CLOSED_KEPT:
                self._closed.popitem(last=False)
            self._unsaved[contact_id] = None
            self._save_soon.set()

    def changed(self, task: Task) -> None:
        """What the records keep of it is another."""
        self._unsaved[task.offer.contact_id] = None
        self._save_soon.set()

    # ------------------------------------------------------------ records

    async def restore(self) -> list[Task]:
        """The tasks that an earlier process left; none while the records are away."""
        if self._store is None:
            return []
        try:
            rows = await self._store.tasks(self._acd, self._node, LEFT_OVER_LIMIT)
        except PortFailure as failure:
            _log.error("acd.tasks_unread", acd=self._acd, code=failure.code)
            return []
        restored = [_restored(row) for row in rows]
        for task in restored:
            self._tasks[task.offer.contact_id] = task
            for ref in filter(None, (task.ref, *task.former_refs)):
                self._by_ref[ref] = task.offer.contact_id
        return restored

    async def keep_saving(self) -> None:
        """Write what changes, until cancelled."""
        while True:
            await self._save_soon.wait()
            self._save_soon.clear()
            if not await self.save():
                await self._clock.sleep_until(self._clock.monotonic() + WRITE_AGAIN_S)
                self._save_soon.set()

    async def save(self) -> bool:
        """Write what changed. False: the records are away, and it stays to be written."""
        async with self._saving:
            return await self._save()

    async def _save(self) -> bool:
        while self._store is not None and self._unsaved:
            contact_id = next(iter(self._unsaved))
            task = self._tasks.get(contact_id)
            del self._unsaved[contact_id]
            try:
                if task is None:
                    await self._store.drop_task(self._acd, contact_id)
                else:
                    await self._store.put_task(self._row(task))
            except PortFailure as failure:
                self._unsaved[contact_id] = None
                _log.warning("acd.task_unwritten", acd=self._acd, code=failure.code)
                return False
            except asyncio.CancelledError:  # the gateway ends, and writes once more what was not written
                self._unsaved[contact_id] = None
                raise
        return True

    def _row(self, task: Task) -> TaskRow:
        return TaskRow(
            contact_id=task.offer.contact_id,
            acd=self._acd,
            node=self._node,
            ref=task.ref,
            taken=task.taken,
            number=task.letters,
            task={
                **self._shown(task),
                "reservation": task.reservation,
                "booking": task.booking.agent if task.booking is not None else "",
            },
        )

    def _shown(self, task: Task) -> dict[str, Any]:
        """What templates see of a task; the same names as `document.specimen`."""
        offer = task.offer
        return {
            "contact_id": offer.contact_id,
            "ref": task.ref,
            "former_ref": task.former_ref,
            "round": task.round,
            "site": offer.site,
            "queue": offer.queue,
            "language": offer.language,
            "priority": offer.priority,
            "display_name": offer.display_name,
            "customer_key": offer.customer_key,
            "correlation": offer.correlation,
            "claim_url": self._claim_url(offer.correlation) if offer.correlation else "",
            "skills": [{"name": need.name, "min_level": need.min_level} for need in offer.skills],
            "preferred_agent": offer.preferred_agent or "",
            "last_agent": offer.last_agent or "",
            "previous_contact_id": offer.previous_contact_id or "",
            "menu_path": list(offer.menu_path),
            "attributes": dict(offer.attributes),
            "queued_at": offer.queued_at.isoformat(),
            "kept": dict(task.kept),
        }


def _restored(row: TaskRow) -> Task:
    """A task as far as it must be known to be ended: what is gone with the process is not made up."""
    seen = dict(row.task)
    attributes = seen.get("attributes")
    kept = seen.get("kept")
    offer = ContactOffer(
        contact_id=row.contact_id,
        site=str(seen.get("site", "")),
        queue=str(seen.get("queue", "")),
        language=str(seen.get("language", "")),
        priority=0,
        queued_at=datetime.fromisoformat(str(seen.get("queued_at"))),
        display_name=str(seen.get("display_name", "")),
        correlation=str(seen.get("correlation", "")),
        attributes={str(k): str(v) for k, v in attributes.items()} if isinstance(attributes, Mapping) else {},
    )
    number = seen.get("round")
    former, booking = str(seen.get("former_ref", "")), str(seen.get("booking", ""))
    return Task(
        offer=offer,
        ref=row.ref,
        former_refs=[former] if former else [],
        round=number if isinstance(number, int) else 1,
        phase=Phase.CONNECTED if row.taken else Phase.QUEUED,
        taken=row.taken,
        reservation=str(seen.get("reservation", "")),
        booking=Booking(agent=booking) if booking else None,
        kept={str(k): str(v) for k, v in kept.items()} if isinstance(kept, Mapping) else {},
        letters=row.number,
    )
