"""Which contacts of an ACD there are, whose each leg is, and when each has to be looked at again.

After every input to a contact `changed` is called. A contact is kept until it is closed and nothing of it is dialled.
What happens to one is `call`'s; what is asked of one is the adapter's.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Final

from gateway.acd.events import AcdRef
from gateway.acd.sip.contact import SipContact
from gateway.base.clock import Clock
from gateway.base.deadlines import Deadlines
from gateway.base.ids import ContactId, LegId

KEPT_S: Final = 4 * 3600.0
"""A contact that is over is kept this long for what the ACD still says (wrap-up), unless it is closed before."""

LOOK_AGAIN_S: Final = 1.0
"""While somebody waits for a trunk: how often the trunks are looked at besides what is told of them."""

_TRUNKS: Final = "trunks"
"""Key of the one deadline at which those that wait look for a line."""


class Register:
    """Of one ACD. `forgotten` hears of each contact that is not kept any more."""

    def __init__(self, clock: Clock, deadlines: Deadlines, forgotten: Callable[[SipContact], None]) -> None:
        self._clock = clock
        self._deadlines = deadlines
        self._forgotten = forgotten
        self._contacts: dict[ContactId, SipContact] = {}
        self._by_leg: dict[LegId, SipContact] = {}
        self._by_correlation: dict[str, SipContact] = {}
        self.all_gone = asyncio.Event()

    # ------------------------------------------------------------ finding

    @property
    def legs(self) -> int:
        """Calls that are not gone yet."""
        return len(self._by_leg)

    def all(self) -> list[SipContact]:
        return list(self._contacts.values())

    def get(self, contact_id: str) -> SipContact | None:
        return self._contacts.get(ContactId(contact_id))

    def live(self, ref: AcdRef) -> SipContact | None:
        """One that is not closed."""
        contact = self.get(ref)
        return contact if contact is not None and not contact.closed else None

    def of_leg(self, leg_id: LegId) -> SipContact | None:
        return self._by_leg.get(leg_id)

    def of_correlation(self, correlation: str) -> SipContact | None:
        return self._by_correlation.get(correlation)

    def waiting(self) -> list[SipContact]:
        """For a trunk."""
        return [contact for contact in self._contacts.values() if contact.call.waits_for_trunk]

    # ------------------------------------------------------------ changing

    def add(self, contact: SipContact) -> None:
        self._contacts[contact.offer.contact_id] = contact
        if contact.offer.correlation:
            self._by_correlation[contact.offer.correlation] = contact

    def own(self, leg_id: LegId, contact: SipContact) -> None:
        """This leg is that contact's."""
        self._by_leg[leg_id] = contact
        contact.legs.add(leg_id)
        self.all_gone.clear()

    def changed(self, contact: SipContact) -> None:
        """Legs that are gone, what waits for them, the next deadline, the end."""
        gone = contact.legs.difference(contact.call.leg_ids)
        contact.legs -= gone
        for leg_id in gone:
            del self._by_leg[leg_id]
        if gone and self.waiting():
            self._deadlines.set(_TRUNKS, self._clock.monotonic(), self.look_at_trunks)
        if not self._by_leg:
            self.all_gone.set()
        key = (contact.offer.contact_id, id(contact))
        if contact.closed and contact.call.done:
            self._deadlines.cancel(key)
            self._forget(contact)
            return
        due_s = contact.call.next_deadline()
        if due_s is None and contact.call.over:
            self._deadlines.set(key, self._clock.monotonic() + KEPT_S, partial(contact.leave, closed=True))
        elif due_s is None:
            self._deadlines.cancel(key)
        else:
            self._deadlines.set(key, due_s, partial(self._timer, contact))
        if contact.call.waits_for_trunk:
            self._deadlines.set(_TRUNKS, self._clock.monotonic() + LOOK_AGAIN_S, self.look_at_trunks)

    def look_at_trunks(self) -> None:
        """A line is free, or may be: those that wait take it in the order in which they queue."""
        for contact in sorted(self.waiting(), key=lambda one: one.offer.queued_at):
            contact.call.trunk_is_free(self._clock.monotonic())
            self.changed(contact)

    def _timer(self, contact: SipContact) -> None:
        contact.call.on_timer(self._clock.monotonic())
        self.changed(contact)

    def _forget(self, contact: SipContact) -> None:
        if self._contacts.get(contact.offer.contact_id) is contact:
            del self._contacts[contact.offer.contact_id]
        if self._by_correlation.get(contact.offer.correlation) is contact:
            del self._by_correlation[contact.offer.correlation]
            self._forgotten(contact)
