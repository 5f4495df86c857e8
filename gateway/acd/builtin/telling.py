"""What contacts of this node are told by our own ACD: events, their places in line, and how long they may wait."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from gateway.acd.builtin.books import Books
from gateway.acd.builtin.entries import OwnContact
from gateway.acd.builtin.figures import RoutingFigures
from gateway.acd.builtin.routing.waits import UNKNOWN, Pace, Told, as_read
from gateway.acd.events import AcdEvent, AcdEventBody, AcdRef, Queued
from gateway.base.clock import Clock
from gateway.base.ids import new_id

SOURCE: Final = "builtin"

LOOK_EVERY_S: Final = 20.0
"""So often there is a round through each line: who is where they were is told, once in it, if another figure is true
now of their wait."""

STEP_S: Final = 1.0
STEP_TOLD: Final = 50
STEP_SHARE: Final = 0.1
"""A round goes in steps: so many of a line are told at once, or that share of a long line; the rest a step later."""


@dataclass(slots=True)
class _Round:
    began_s: float
    due_s: float  # of the next step, or the next round
    goes_on: bool = False


class Telling:
    """Of one node, to its `listener`."""

    def __init__(self, books: Books, clock: Clock, figures: RoutingFigures) -> None:
        self._books = books
        self._clock = clock
        self._figures = figures
        self.listener: Callable[[AcdEvent], None] = lambda _: None
        self._pace: dict[str, Pace] = {}  # by queue
        self._rounds: dict[str, _Round] = {}  # by queue with somebody in line

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
        now_s = self._now_s()
        lines = sorted({entry.queue for entry in books.contacts.values() if entry.waits and not entry.callback})
        self._rounds = {queue: self._rounds.get(queue) or _Round(now_s, due_s=now_s + LOOK_EVERY_S) for queue in lines}
        for queue, each in self._rounds.items():
            if 0 < each.due_s - now_s <= LOOK_EVERY_S:  # beyond: the clock was set
                self._places_of(queue, now_s)
                continue
            if not each.goes_on:
                each.began_s = now_s
            each.goes_on = self._places_of(queue, now_s, look=each)
            each.due_s = now_s + STEP_S if each.goes_on else max(each.began_s + LOOK_EVERY_S, now_s + STEP_S)

    def next_look_s(self) -> float | None:
        """When the estimates of a line are to be looked at again, though nothing happens."""
        return min((each.due_s for queue, each in self._rounds.items() if queue in self._pace), default=None)

    def _places_of(self, queue: str, now_s: float, *, look: _Round | None = None) -> bool:
        """`look`: a step of this round is due as well. True when it leaves some to the next step."""
        world = self._books.world
        line = world.line(queue)
        left, more = max(STEP_TOLD, int(len(line) * STEP_SHARE)), False
        pace = self._pace.get(queue) if self._is_served(queue) else None
        outlook = pace.outlook(now_s) if pace is not None else UNKNOWN
        free = len(world.ready(queue))
        unrung = 0
        for index, waiting in enumerate(line):
            unrung += not waiting.holds
            entry = self._books.contacts.get(waiting.ticket.contact_id)
            if entry is None or not entry.waits or entry.callback or not entry.entered or entry.queue != queue:
                continue
            stays = entry.told is not None and entry.told.place == index + 1
            if stays and (look is None or entry.kept or entry.looked_s == look.began_s):
                continue
            estimate_s = outlook.estimate_s(unrung, free) if not entry.kept else None
            if stays and entry.told is not None and as_read(entry.told.estimate_s) == as_read(estimate_s):
                continue
            if stays and not left:
                more = True
                continue
            left -= stays
            if look is not None:
                entry.looked_s = look.began_s
            if entry.told is None and estimate_s is not None and entry.attempt == 0:
                entry.first_told = Told(now_s, estimate_s)
            entry.told = Queued(place=index + 1, estimate_s=estimate_s)
            self.emit(entry, entry.told)
        return more

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
