"""Contacts that leave their line unserved, by the queue's rules; and the places that are kept of some who do.

A kept place waits on, is called when its turn has come, and lapses when nobody comes back for it. What customers and
other nodes do with it is in `callbacks`.
"""

from collections.abc import Callable

from gateway.acd.builtin.books import Books
from gateway.acd.builtin.callbacks import CallbackDue, CallbackGone, CallbackLapsed, CallbackNews
from gateway.acd.builtin.entries import OwnContact
from gateway.acd.builtin.figures import RoutingFigures
from gateway.acd.builtin.routing.overflow import Leave, on_entry, staffed, while_waiting
from gateway.acd.builtin.telling import Telling
from gateway.acd.events import QueueExit, Transferred
from gateway.base.clock import Clock
from gateway.base.ids import ContactId
from gateway.base.log import get_logger
from gateway.config.own import CALLBACK, CLOSED

_log = get_logger("acd")


class Leaving:
    """Of one node. `callback_listener` is told when a customer should be called back, and when a place is no more."""

    def __init__(self, books: Books, clock: Clock, figures: RoutingFigures, telling: Telling) -> None:
        self._books = books
        self._clock = clock
        self._figures = figures
        self._telling = telling
        self.callback_listener: Callable[[CallbackNews], None] = lambda _: None
        books.on_place_gone = self._place_gone

    # ------------------------------------------------------------ rules

    def let_go(self) -> None:
        """Contacts of this node enter, leave or change their line, as the rules say now."""
        for contact_id, entry in list(self._books.contacts.items()):
            if entry.kept:
                continue
            if entry.callback:
                self._lapse(contact_id, entry)
                continue
            while contact_id in self._books.contacts:
                leave = self._leave_of(contact_id, entry)
                if leave is None:
                    break
                self.leave(contact_id, entry, leave)
            if not entry.entered:
                entry.entered = True
                self._books.contact_changed(contact_id)

    def _leave_of(self, contact_id: ContactId, entry: OwnContact) -> Leave | None:
        """Each move adds to where the contact has been, so it comes to rest."""
        rules, world = self._books.rules.of(entry.queue), self._books.world
        if entry.callback or (entry.entered and not rules.overflow):
            return None
        ticket = entry.ticket(rules, self._books.node)
        if not entry.entered:
            leave = on_entry(ticket, rules, self._clock.now(), world.place_for(ticket))
            if leave is not None:
                return leave
        return while_waiting(ticket, rules, self._now_s(), staffed=staffed(world, entry.queue))

    def leave(self, contact_id: ContactId, entry: OwnContact, leave: Leave) -> None:
        """The contact goes where a rule sends it: into another line, to a kept place, or away."""
        if (
            leave.to == CALLBACK
            and self._books.kept_in(entry.queue) >= self._books.rules.of(entry.queue).callback_limit
        ):
            leave = Leave(CLOSED, leave.reason)
        self._figures.left(entry.queue, leave.reason, leave.to)
        _log.info("acd.overflow", contact_id=contact_id, queue=entry.queue, to=leave.to, reason=leave.reason.value)
        if leave.to_queue:
            entry.visited += (entry.queue,)
            entry.queue, entry.sent_s, entry.kept_s, entry.entered = leave.to, self._now_s(), 0.0, False
            entry.told = None
            self._telling.emit(entry, Transferred(queue=leave.to))
        elif leave.to == CALLBACK:
            self.keep_place(entry)
            self._telling.emit(entry, QueueExit(reason=leave.reason, kept=True))
        else:
            del self._books.contacts[contact_id]
            self._telling.emit(entry, QueueExit(reason=leave.reason))
        self._books.contact_changed(contact_id)

    # ------------------------------------------------------------ kept places

    def keep_place(self, entry: OwnContact) -> None:
        """The contact's place is a callback's from now on."""
        entry.callback = entry.entered = True
        entry.keeps_until_s = self._now_s() + self._books.rules.of(entry.queue).callback_lasts_s
        self._figures.callback(entry.queue, "kept")

    def lapses_at_s(self, entry: OwnContact) -> float:
        """When this kept place is given up."""
        if entry.called_s is None:
            return entry.keeps_until_s
        return min(entry.keeps_until_s, entry.called_s + self._books.rules.of(entry.queue).callback_window_s)

    def _lapse(self, contact_id: ContactId, entry: OwnContact) -> None:
        if self._now_s() < self.lapses_at_s(entry):
            return
        del self._books.contacts[contact_id]
        self._books.contact_changed(contact_id)
        self._figures.callback(entry.queue, "lapsed")
        self.callback_listener(CallbackLapsed(contact_id=contact_id, queue=entry.queue))

    def call_back(self, contact_id: ContactId, entry: OwnContact) -> None:
        """An agent is free for a kept place: its customer is to be called."""
        entry.called_s = self._now_s()
        self._books.contact_changed(contact_id)
        self._figures.callback(entry.queue, "due")
        window_s = self._books.rules.of(entry.queue).callback_window_s
        self.callback_listener(CallbackDue(contact_id=contact_id, queue=entry.queue, window_s=window_s))

    def _place_gone(self, contact_id: ContactId, queue: str) -> None:
        self.callback_listener(CallbackGone(contact_id=contact_id, queue=queue))

    def _now_s(self) -> float:
        return self._clock.now().timestamp()
