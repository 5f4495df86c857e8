"""How a contact begins: who came in, by which site or link, and where they go first."""

from collections.abc import Callable

from gateway.contacts import events
from gateway.contacts.coupling import Event, Machine
from gateway.contacts.effects import Effects, Neighbours, visitor_hash
from gateway.contacts.journal import JournalSource, JournalValue
from gateway.contacts.menuwork import Menuwork
from gateway.contacts.model import Contact


class Arrival:
    """Of one contact."""

    def __init__(
        self,
        contact: Contact,
        neighbours: Neighbours,
        effects: Effects,
        feed: Callable[[Machine, Event, JournalSource], None],
        menu: Menuwork,
    ) -> None:
        self._contact = contact
        self._n = neighbours
        self._do = effects
        self._feed = feed
        self._menu = menu

    def begin(self) -> None:
        """Write down who came in, and let them into the menu; who is invited goes in line at once."""
        entry = self._contact.entry
        invitation = entry.invitation
        place = invitation.place if invitation is not None else None
        invited: dict[str, JournalValue] = {} if invitation is None else {"link_id": invitation.link_id}
        if place is not None:
            invited["place_of"] = place.contact_id
        self._do.journal(
            "initiated",
            JournalSource.CUSTOMER,
            data={
                "site": entry.site,
                "visitor_hash": visitor_hash(entry.visitor_key),
                "language": entry.language,
                "display_name": entry.display_name,
                "canary": entry.canary,
                "notice_version": entry.notice_version,
                "node": self._n.node,
                **invited,
            },
            state_changed=True,
        )
        if self._n.customers is not None and not entry.canary:
            self._n.customers.arrived(self._contact.contact_id, entry)
        if invitation is not None:
            enqueued = events.Enqueued(
                queue=invitation.queue,
                priority=place.priority if place is not None else 0,
                language=entry.language,
                path=place.path if place is not None else (),
            )
            self._feed(Machine.CONTACT, enqueued, JournalSource.CUSTOMER)
            if place is not None and self._n.places is not None:
                self._n.places.taken(place.contact_id)
            return
        self._menu.start()
