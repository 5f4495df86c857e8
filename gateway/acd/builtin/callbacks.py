"""Places that are kept for customers who left to be called back.

A callback's place moves up with its line like any other. When an agent would be free for it, whoever calls customers is
told (`CallbackDue`); the customer who comes back within the queue's window, as a new contact that names the old one,
stands where the place is: first. Who does not come loses it (`CallbackLapsed`). Meanwhile the agent serves others.
Here places live as long as the node that keeps them; whoever has written them down brings them back (`restore`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.acd.builtin.books import Books
from gateway.acd.builtin.entries import OwnContact
from gateway.acd.builtin.figures import RoutingFigures
from gateway.acd.port import ContactOffer
from gateway.base.clock import Clock
from gateway.base.errors import CapacityExceeded, StateConflict
from gateway.base.ids import ContactId


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackDue:
    """The turn of this place has come: call the customer now."""

    contact_id: ContactId
    queue: str
    window_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackLapsed:
    """The customer was called and did not come back in time: the place is given up."""

    contact_id: ContactId
    queue: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackGone:
    """Another node has dropped this place: its customer came back there, or this node was taken for dead."""

    contact_id: ContactId
    queue: str


CallbackNews = CallbackDue | CallbackLapsed | CallbackGone


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptPlace:
    """A place as it is now. `place` 1 is next; None while the store does not know it yet."""

    contact_id: ContactId
    queue: str
    place: int | None
    called: bool


class Callbacks:
    """The kept places of this node. `keep_place` makes a contact's place a kept one; `changed`: there is news."""

    def __init__(
        self,
        books: Books,
        clock: Clock,
        figures: RoutingFigures,
        *,
        keep_place: Callable[[OwnContact], None],
        changed: Callable[[ContactId], None],
    ) -> None:
        self._books = books
        self._keep_place = keep_place
        self._changed = changed
        self._clock = clock
        self._figures = figures

    def offered_after_s(self, queue: str, estimate_s: float | None) -> float | None:
        """After how long in line a customer is offered to keep the place; None: not now. It is not when the queue does
        not offer it, keeps as many as it may, or will be closed when the customer would come back."""
        rules = self._books.rules.of(queue)
        if not rules.callback_offered or self._books.kept_in(queue) >= rules.callback_limit:
            return None
        back_at = self._clock.now() + timedelta(seconds=(estimate_s or 0.0) + rules.callback_window_s)
        return rules.callback_after_s if rules.hours.is_open(back_at) else None

    def lasts(self, queue: str) -> timedelta:
        """No place of that queue is kept longer."""
        return timedelta(seconds=self._books.rules.of(queue).callback_lasts_s)

    def window_s(self, queue: str) -> float:
        """So long a customer who was called has to come back."""
        return self._books.rules.of(queue).callback_window_s

    def kept_in(self, queue: str) -> int:
        """How many places of that queue are kept, by every node."""
        return self._books.kept_in(queue)

    def place_of(self, contact_id: ContactId) -> int | None:
        """1 is next; None for a place that nobody here knows."""
        known = self._books.world.waiting.get(contact_id)
        return self._books.world.place_of(contact_id) if known is not None and known.ticket.callback else None

    def keep(self, contact_id: ContactId) -> None:
        """The customer leaves and is called back: the contact's place becomes a callback's. Idempotent. StateConflict
        (`not_in_line`) for one that is not waiting here, or rings just now; CapacityExceeded (`places_full`)."""
        entry = self._books.contacts.get(contact_id)
        if entry is None or entry.kept:
            raise StateConflict("not_in_line", "Only a contact in line can keep its place.")
        if not entry.callback:
            if self._books.kept_in(entry.queue) >= self._books.rules.of(entry.queue).callback_limit:
                raise CapacityExceeded("places_full", "No more places are kept just now.", retry_after_s=60)
            self._keep_place(entry)
            self._changed(contact_id)

    def give_up(self, contact_id: ContactId) -> bool:
        """The customer does not want to be called any more, whichever node keeps the place. False: there was none."""
        entry = self._books.contacts.get(contact_id)
        known = self._books.world.waiting.get(contact_id)
        if entry is not None:
            if not entry.callback:
                return False
            queue = entry.queue
            del self._books.contacts[contact_id]
        elif known is not None and known.ticket.callback:
            queue = known.ticket.queue
        else:
            return False
        self._figures.callback(queue, "given_up")
        self._changed(contact_id)
        return True

    def restore(self, offer: ContactOffer, *, called: bool, keeps_until: datetime) -> None:
        """A place as it was written down before this node started again. The window of one whose customer was called
        begins anew: nobody could come back meanwhile."""
        now_s = self._clock.now().timestamp()
        queued_s = offer.queued_at.timestamp()
        self._books.contacts.setdefault(
            offer.contact_id,
            OwnContact(
                offer=offer,
                queue=offer.queue,
                queued_s=queued_s,
                sent_s=now_s,
                kept_s=max(0.0, now_s - queued_s),
                entered=True,
                callback=True,
                called_s=now_s if called else None,
                keeps_until_s=keeps_until.timestamp(),
            ),
        )
        self._changed(offer.contact_id)

    def kept(self) -> Sequence[KeptPlace]:
        """All of them, by queue and place."""
        world = self._books.world
        places = [
            KeptPlace(
                contact_id=contact_id,
                queue=entry.queue,
                place=world.place_of(contact_id),
                called=entry.called_s is not None,
            )
            for contact_id, entry in self._books.contacts.items()
            if entry.callback
        ]
        return sorted(places, key=lambda each: (each.queue, each.place or 0, each.contact_id))

    def take_place(self, entry: OwnContact) -> None:
        """A new contact that comes back for its place stands there; the place itself is no more."""
        previous = entry.offer.previous_contact_id
        if previous is None:
            return
        own = self._books.contacts.get(previous)
        known = self._books.world.waiting.get(previous)
        if own is not None and own.callback:
            del self._books.contacts[previous]
            entry.queue, entry.queued_s, entry.visited = own.queue, own.queued_s, own.visited
            entry.at_head = own.at_head or own.called_s is not None
            entry.kept_s = max(0.0, entry.sent_s - own.sent_s + own.kept_s)
        elif own is None and known is not None and known.ticket.callback:  # kept by another node
            ticket = known.ticket
            entry.queue, entry.queued_s, entry.visited = ticket.queue, ticket.queued_s, ticket.visited
            entry.at_head = ticket.at_head or not ticket.offerable
            entry.kept_s = max(0.0, entry.sent_s - ticket.sent_s + ticket.kept_s)
        else:
            return
        entry.entered = True
        self._figures.callback(entry.queue, "taken")
        self._changed(previous)
