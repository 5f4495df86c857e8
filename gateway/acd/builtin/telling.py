"""What contacts of this node are told by our own ACD: events, their places in line, and how long they may wait."""

from collections.abc import Callable
from typing import Final

from gateway.acd.builtin.books import Books
from gateway.acd.builtin.entries import OwnContact
from gateway.acd.builtin.figures import RoutingFigures
from gateway.acd.builtin.routing.waits import Pace, Told
from gateway.acd.events import AcdEvent, AcdEventBody, AcdRef, Queued
from gateway.base.clock import Clock
from gateway.base.ids import new_id

SOURCE: Final = "builtin"


class Telling:
    """Of one node, to its `listener`."""

    def __init__(self, books: Books, clock: Clock, figures: RoutingFigures) -> None:
        self._books = books
        self._clock = clock
        self._figures = figures
        self.listener: Callable[[AcdEvent], None] = lambda _: None
        self._pace: dict[str, Pace] = {}  # by queue

    def answered(self, entry: OwnContact) -> None:
        """An agent took the contact."""
        now_s = self._now_s()
        self._pace.setdefault(entry.queue, Pace()).answered(
            now_s, rang_s=now_s - entry.rings_since_s, others_wait=self._somebody_waits(entry.queue)
        )
        entry.answered_s = now_s

    def connected(self, entry: OwnContact) -> None:
        """The two see and hear each other. It is counted the first time: who was lost or sent on had been answered."""
        if entry.connected_once:
            return
        entry.connected_once = True
        waited_s = max(0.0, entry.answered_s - entry.queued_s)
        self._figures.answered(
            entry.queue,
            waited_s,
            in_time=waited_s <= self._books.rules.of(entry.queue).answer_within_s,
            off_by_s=entry.first_told.off_by_s(entry.answered_s) if entry.first_told is not None else None,
        )

    def _somebody_waits(self, queue: str) -> bool:
        """Whether there is a contact for whom nobody rings."""
        return any(waiting.free for waiting in self._books.world.line(queue))

    def places(self) -> None:
        """Tell whoever has not heard it their place, and how long it may take."""
        books = self._books
        for queue, pace in self._pace.items():
            if not self._somebody_waits(queue):
                pace.nobody_waits()
        for queue in sorted({entry.queue for entry in books.contacts.values() if entry.waits and not entry.callback}):
            self._places_of(queue)

    def _places_of(self, queue: str) -> None:
        world, now_s = self._books.world, self._now_s()
        pace = self._pace.get(queue) if self._is_served(queue) else None
        free = len(world.ready(queue))
        unrung = 0
        for index, waiting in enumerate(world.line(queue)):
            unrung += not waiting.holds
            entry = self._books.contacts.get(waiting.ticket.contact_id)
            if entry is None or not entry.waits or entry.callback or not entry.entered or entry.queue != queue:
                continue
            if entry.told is not None and entry.told.place == index + 1:
                continue
            estimate_s = pace.estimate_s(unrung, free, now_s) if pace is not None and not entry.kept else None
            if entry.told is None and estimate_s is not None and entry.attempt == 0:
                entry.first_told = Told(now_s, estimate_s)
            entry.told = Queued(place=index + 1, estimate_s=estimate_s)
            self.emit(entry, entry.told)

    def _is_served(self, queue: str) -> bool:
        """Whether anybody works on the queue at all: without, no wait can be promised."""
        staff = self._books.world.staff.get(queue, {})
        return any(each.seat.state != "not_ready" for each in staff.values())

    def emit(self, entry: OwnContact, body: AcdEventBody) -> None:
        """One event of this contact, numbered."""
        now = self._clock.now()
        entry.seq += 1
        self.listener(
            AcdEvent(
                event_id=new_id("ev"),
                contact_id=entry.offer.contact_id,
                acd_ref=AcdRef(entry.offer.contact_id),
                seq=entry.seq,
                occurred_at=now,
                received_at=now,
                source=SOURCE,
                body=body,
                queue=entry.queue,
                attempt=entry.attempt,
            )
        )

    def _now_s(self) -> float:
        return self._clock.now().timestamp()
