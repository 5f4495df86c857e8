"""Places that are kept for customers who left to be called back.

A callback's place moves up with its line like any other. When an agent would be free for it, whoever calls customers is
told (`CallbackDue`); the customer who comes back within the queue's window, as a new contact that names the old one,
stands where the place is: first. Who does not come loses it (`CallbackLapsed`). Meanwhile the agent serves others.
Places live as long as the node that keeps them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway.acd.builtin.books import Books
from gateway.acd.builtin.entries import OwnContact
from gateway.base.errors import StateConflict
from gateway.base.ids import ContactId

if TYPE_CHECKING:
    from gateway.acd.builtin.distributor import Distributor


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


CallbackNews = CallbackDue | CallbackLapsed


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptPlace:
    """A place as it is now. `place` 1 is next; None while the store does not know it yet."""

    contact_id: ContactId
    queue: str
    place: int | None
    called: bool


class Callbacks:
    """The kept places of this node."""

    def __init__(self, books: Books, distributor: "Distributor") -> None:
        self._books = books
        self._distributor = distributor

    def keep(self, contact_id: ContactId) -> None:
        """The customer leaves and is called back: the contact's place becomes a callback's. Idempotent. StateConflict
        (`not_in_line`) for one that is not waiting here, or rings just now."""
        entry = self._books.contacts.get(contact_id)
        if entry is None or entry.kept:
            raise StateConflict("not_in_line", "Only a contact in line can keep its place.")
        if not entry.callback:
            entry.callback = True
            self._distributor.changed(contact_id)

    def give_up(self, contact_id: ContactId) -> bool:
        """The customer does not want to be called any more. False: there was no such place."""
        entry = self._books.contacts.get(contact_id)
        if entry is None or not entry.callback:
            return False
        del self._books.contacts[contact_id]
        self._distributor.changed(contact_id)
        return True

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
        elif own is None and known is not None and known.ticket.callback:  # kept by another node
            ticket = known.ticket
            entry.queue, entry.queued_s, entry.visited = ticket.queue, ticket.queued_s, ticket.visited
            entry.at_head = ticket.at_head or not ticket.offerable
        else:
            return
        entry.entered = True
        self._distributor.changed(previous)
