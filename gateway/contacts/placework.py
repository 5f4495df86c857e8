"""Keeping a contact's place in line for a customer who leaves and comes back: asked for by them, or by a queue's rule.

The place is kept first, then the contact ends; until then the customer waits on, and an agent may be faster. What the
place is worth is the ACD's, the link that leads back to it is another room's.
"""

from collections.abc import Callable
from typing import Final

from gateway.acd.port import AcdMode
from gateway.base.errors import StateConflict
from gateway.contacts import events
from gateway.contacts.coupling import Event, Machine
from gateway.contacts.effects import Effects, Neighbours
from gateway.contacts.journal import JournalSource
from gateway.contacts.messages import PlaceIsKept, PlaceIsNotKept
from gateway.contacts.model import Contact, InQueue
from gateway.contacts.ports import KeepOrder
from gateway.contacts.states import ContactState
from gateway.parties import PlaceNotKept

_EARLY_S: Final = 2.0
"""A page whose clock runs a little fast may ask this much before it was told to."""


class Placework:
    """The kept place of one contact."""

    def __init__(
        self,
        contact: Contact,
        neighbours: Neighbours,
        effects: Effects,
        feed: Callable[[Machine, Event, JournalSource], None],
    ) -> None:
        self._contact = contact
        self._n = neighbours
        self._do = effects
        self._feed = feed
        self._left: str | None = None  # the queue's rule let the contact go, for this reason
        self._asked = False

    def asked(self) -> None:
        """The customer wants to come back. Said again, nothing happens. StateConflict (`place_not_offered`)."""
        contact, line = self._contact, self._contact.line
        if self._asked:
            return
        place = line.place if line is not None else None
        after_s = None
        own = contact.acd is not None and contact.acd.capabilities.mode is AcdMode.OWN
        if contact.state is ContactState.QUEUED and line is not None and own and self._n.places is not None:
            after_s = self._n.places.offered_after_s(line.queue, place.estimate_s if place is not None else None)
        waited_s = self._n.clock.monotonic() - line.waiting_since_s if line is not None else 0.0
        if line is None or after_s is None or waited_s + _EARLY_S < after_s:
            raise StateConflict("place_not_offered", "This place can't be kept just now.")
        self._keep(line)

    def let_go(self, reason: str) -> None:
        """The queue's rule has it that the place is kept and the contact ends."""
        line, places = self._contact.line, self._n.places
        if self._contact.state is not ContactState.QUEUED:  # overtaken: they left already
            if places is not None:
                places.give_up(self._contact.contact_id)
            return
        if line is None or places is None:
            self._feed(Machine.CONTACT, events.QueueLeft(reason=reason), JournalSource.ACD)
            return
        self._left = reason
        if not self._asked:
            self._keep(line)

    def _keep(self, line: InQueue) -> None:
        self._asked = True
        contact = self._contact
        self._do.keep_place(
            KeepOrder(
                contact_id=contact.contact_id,
                entry=contact.entry,
                queue=line.queue,
                priority=line.priority,
                language=line.language,
                path=line.path,
                queued_at=line.queued_at,
                place=line.place.place if line.place is not None else None,
            )
        )

    def kept(self, message: PlaceIsKept) -> None:
        """It is kept, and there is a way back."""
        if self._contact.state is not ContactState.QUEUED:  # they hung up, and will not come back
            if self._n.places is not None:
                self._n.places.give_up(self._contact.contact_id)
            return
        self._do.tell_customer(message.notice)
        source = JournalSource.CUSTOMER if self._left is None else JournalSource.ACD
        self._feed(Machine.CONTACT, events.PlaceKept(reason=self._left or "asked"), source)

    def not_kept(self, message: PlaceIsNotKept) -> None:
        """The customer waits on; one whom the queue's rule has let go can't."""
        self._asked = False
        if self._left is None:
            self._do.tell_customer(PlaceNotKept(code=message.code))
        elif self._contact.state is ContactState.QUEUED:
            self._feed(Machine.CONTACT, events.QueueLeft(reason=self._left), JournalSource.ACD)
