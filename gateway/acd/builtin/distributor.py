"""The one task of our own ACD: carries changes to the store, lets contacts leave their lines by the rules, makes the
offers that are this node's, and tells contacts their places.

After every change it looks at everything once; what changes meanwhile is looked at again. With a shared store it also
listens for other nodes' news, and renews this node's lease: a node that is gone is forgotten by the others within
`LEASE_S`, and whoever was reserved by it, or sat at it, with it.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from gateway.acd.builtin.books import Books
from gateway.acd.builtin.callbacks import CallbackDue, CallbackGone, CallbackLapsed, CallbackNews
from gateway.acd.builtin.entries import OwnContact
from gateway.acd.builtin.figures import RoutingFigures
from gateway.acd.builtin.ports import Hold
from gateway.acd.builtin.routing.decide import Allowed, Offer, decide
from gateway.acd.builtin.routing.overflow import Leave, on_entry, staffed, while_waiting
from gateway.acd.builtin.routing.waits import Pace, Told
from gateway.acd.events import (
    AcdEvent,
    AcdEventBody,
    AcdRef,
    Queued,
    QueueExit,
    Rejected,
    RejectReason,
    Reserved,
    Ringing,
    Transferred,
)
from gateway.base.clock import Clock
from gateway.base.errors import PortFailure
from gateway.base.ids import AgentId, ContactId, OfferId, new_id, new_offer_id
from gateway.base.log import get_logger
from gateway.base.tasks import Supervisor, cancel_and_wait
from gateway.config.own import CALLBACK, CLOSED

_log = get_logger("acd")

SOURCE: Final = "builtin"
RETRY_FIRST_S: Final = 0.5
RETRY_LAST_S: Final = 5.0
REFUSALS: Final = 50  # in a row, until it is taken for a store that does not work
LEASE_S: Final = 12.0
RENEW_S: Final = 3.0
"""Three renewals may fail. A dead node is forgotten at the next renewal of another: within `LEASE_S` and `RENEW_S`."""


class Distributor:
    """Runs from `start` to `aclose`."""

    def __init__(self, *, books: Books, clock: Clock, agent_allowed: Allowed, figures: RoutingFigures) -> None:
        self._books = books
        self._clock = clock
        self._allowed = agent_allowed
        self._figures = figures
        self.listener: Callable[[AcdEvent], None] = lambda _: None
        self.callback_listener: Callable[[CallbackNews], None] = lambda _: None
        self._pace: dict[str, Pace] = {}
        self._refusals = 0  # in a row
        self._first: dict[ContactId, OfferId] = {}  # where it rings at several: who answered first
        self._wake = asyncio.Event()
        self._supervisor = Supervisor("acd")
        self._tasks: list[asyncio.Task[None]] = []
        self._alarm: asyncio.Task[None] | None = None
        self._alarm_s = 0.0
        books.on_lost = self._lost
        books.on_place_gone = self._place_gone

    # ------------------------------------------------------------ life

    async def start(self) -> None:
        await self._books.store.forget_node(self._books.node)
        self._books.all_changed()
        if self._books.shared:
            await self._books.store.renew_lease(self._books.node, LEASE_S)
            await self._books.read()
            self._tasks.append(self._supervisor.spawn(self._renew(), name="lease"))
            self._tasks.append(self._supervisor.spawn(self._books.store.listen(self._heard), name="news"))
        self._tasks.append(self._supervisor.spawn(self._work(), name="distribute"))

    async def aclose(self) -> None:
        if not self._tasks:
            return
        await cancel_and_wait(*self._tasks)
        self._tasks.clear()
        await self._supervisor.aclose()
        try:
            await self._books.store.forget_node(self._books.node)
        except PortFailure as failure:
            _log.warning("acd.not_tidied", code=failure.code)

    def wake(self) -> None:
        self._wake.set()

    def changed(self, contact_id: ContactId) -> None:
        self._books.contact_changed(contact_id)
        self._wake.set()

    def _heard(self, version: int) -> None:
        if version > self._books.told:
            self._books.told = version
            self._wake.set()

    async def _renew(self) -> None:
        while True:
            await self._clock.sleep_until(self._clock.monotonic() + RENEW_S)
            try:
                ended = await self._books.store.renew_lease(self._books.node, LEASE_S)
            except PortFailure as failure:
                _log.warning("acd.lease_not_renewed", code=failure.code)
                continue
            if ended:
                _log.warning("acd.nodes_forgotten", nodes=list(ended))
            self._books.in_doubt = True
            self._wake.set()

    # ------------------------------------------------------------ the task

    async def _work(self) -> None:
        retry_s = RETRY_FIRST_S
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self._step()
            except PortFailure as failure:
                _log.warning("acd.store_away", code=failure.code, retry_s=retry_s)
                await self._clock.sleep_until(self._clock.monotonic() + retry_s)
                retry_s = min(retry_s * 2, RETRY_LAST_S)
                self._books.all_changed()
                self._wake.set()
            else:
                retry_s = RETRY_FIRST_S

    async def _step(self) -> None:
        books = self._books
        try:
            await books.write_agents()
            if books.behind:
                await books.read()
            self._let_go()
            await books.write()
        except PortFailure:
            self._give_alone()
            raise
        await self._give()
        for offer in self._decide():
            if offer.node == books.node and not await self._carry_out(offer):
                break
        self._tell_places()
        self._set_alarm()

    def _decide(self) -> list[Offer]:
        began = self._clock.monotonic()
        plan = decide(self._books.world, self._now_s(), self._allowed)
        self._figures.decided(self._clock.monotonic() - began)
        return plan

    def _set_alarm(self) -> None:
        """Come back when a rule may say something else though nothing happens."""
        now_s = self._now_s()
        moments = [self._books.world.next_moment(now_s)] + [
            self._lapses_at_s(entry) for entry in self._books.contacts.values() if entry.callback
        ]
        due_s = min((moment for moment in moments if moment is not None), default=None)
        is_set = self._alarm is not None and not self._alarm.done()
        if due_s is not None and is_set and self._alarm_s <= due_s:
            return
        if self._alarm is not None:
            self._alarm.cancel()
        if due_s is None:  # nobody waits any more
            return
        self._alarm_s = due_s
        deadline = self._clock.monotonic() + max(0.0, due_s - now_s) + 0.001
        self._alarm = self._supervisor.spawn(self._ring(deadline), name="alarm")

    async def _ring(self, deadline: float) -> None:
        await self._clock.sleep_until(deadline)
        self._wake.set()

    # ------------------------------------------------------------ leaving

    def _let_go(self) -> None:
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
                self._leave(contact_id, entry, leave)
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

    def _leave(self, contact_id: ContactId, entry: OwnContact, leave: Leave) -> None:
        if (
            leave.to == CALLBACK
            and self._books.kept_in(entry.queue) >= self._books.rules.of(entry.queue).callback_limit
        ):
            leave = Leave(CLOSED, leave.reason)
        self._figures.left(entry.queue, leave.reason, leave.to)
        _log.info("acd.overflow", contact_id=contact_id, queue=entry.queue, to=leave.to, reason=leave.reason.value)
        if leave.to_queue:
            entry.visited += (entry.queue,)
            entry.queue, entry.sent_s, entry.entered = leave.to, self._now_s(), False
            entry.told = None
            self.emit(entry, Transferred(queue=leave.to))
        elif leave.to == CALLBACK:
            self.keep_place(entry)
            self.emit(entry, QueueExit(reason=leave.reason, kept=True))
        else:
            del self._books.contacts[contact_id]
            self.emit(entry, QueueExit(reason=leave.reason))
        self._books.contact_changed(contact_id)

    def keep_place(self, entry: OwnContact) -> None:
        """The contact's place is a callback's from now on."""
        entry.callback = entry.entered = True
        entry.keeps_until_s = self._now_s() + self._books.rules.of(entry.queue).callback_lasts_s
        self._figures.callback(entry.queue, "kept")

    def _lapses_at_s(self, entry: OwnContact) -> float:
        if entry.called_s is None:
            return entry.keeps_until_s
        return min(entry.keeps_until_s, entry.called_s + self._books.rules.of(entry.queue).callback_window_s)

    def _lapse(self, contact_id: ContactId, entry: OwnContact) -> None:
        if self._now_s() < self._lapses_at_s(entry):
            return
        del self._books.contacts[contact_id]
        self._books.contact_changed(contact_id)
        self._figures.callback(entry.queue, "lapsed")
        self.callback_listener(CallbackLapsed(contact_id=contact_id, queue=entry.queue))

    # ------------------------------------------------------------ offering

    async def _carry_out(self, offer: Offer) -> bool:
        """Make one offer of the plan. False: the world is not what it was, so the rest of the plan is nothing worth."""
        books = self._books
        entry = books.contacts.get(offer.contact_id)
        if entry is None or entry.hold is not None or not books.is_written(offer.contact_id):
            self._wake.set()
            return False
        if entry.callback:
            self._call_back(offer.contact_id, entry)
            return False
        if books.rules.of(entry.queue).rings_at_all:
            return await self._ring_at(offer, entry)
        offer_id = new_offer_id()
        if not await books.reserve(offer.contact_id, offer.agent_id, offer_id, self._now_s()):
            self._look_again()
            return False
        self._refusals = 0
        if books.contacts.get(offer.contact_id) is not entry or not self._may_ring(entry, offer):
            await books.store.release(offer.contact_id, offer_id)
            self.changed(offer.contact_id)
            return False
        entry.hold = Hold(agent_id=offer.agent_id, offer_id=offer_id)
        entry.rings_since_s = self._now_s()
        entry.attempt += 1
        self.emit(entry, Reserved(offer_id=offer_id, agent_id=offer.agent_id))
        return True

    # ------------------------------------------------------------ ringing at several

    async def _ring_at(self, offer: Offer, entry: OwnContact) -> bool:
        """Begin to ring at these agents, or go on at more; False as `_carry_out`."""
        books, before = self._books, entry.ring
        more = tuple(Hold(agent_id=agent_id, offer_id=new_offer_id()) for agent_id in offer.agents)
        if not await books.ring(offer.contact_id, more, self._now_s()):
            self._look_again()
            return False
        self._refusals = 0
        away = entry.callback or not entry.offer.offerable
        if books.contacts.get(offer.contact_id) is not entry or entry.ring != before or away:
            self.changed(offer.contact_id)
            return False
        there = tuple(hold for hold in more if self._takes_contacts(hold.agent_id))
        if there != more:  # somebody left meanwhile: what the store has is written anew
            self.changed(offer.contact_id)
        if not there:
            return False
        entry.ring = before + there
        if not before:
            entry.rings_since_s = self._now_s()
            entry.attempt += 1
        self.emit(entry, Ringing(offers=tuple((hold.offer_id, hold.agent_id) for hold in there)))
        return True

    def answers(self, contact_id: ContactId, offer_id: OfferId) -> None:
        """An agent at whom it rings takes the contact. Only the first of them is heard."""
        self._first.setdefault(contact_id, offer_id)
        self._wake.set()

    async def _give(self) -> None:
        """Reserve contacts that ring for who answered first."""
        while self._first:
            contact_id, first = next(iter(self._first.items()))
            entry, hold = self._answered_by(contact_id, first)
            if entry is not None and hold is not None:
                before = entry.ring
                try:
                    taken = await self._books.take(contact_id, hold)
                except PortFailure:
                    self._give_alone()
                    raise
                if self._books.contacts.get(contact_id) is not entry or entry.ring != before:
                    self.changed(contact_id)
                elif taken:
                    self._given(entry, hold)
                else:
                    self._lost(contact_id, first)
            self._first.pop(contact_id, None)

    def _give_alone(self) -> None:
        """The store does not answer. Whoever rings was reserved in it, and the contact's row is ours: it is written
        when the store is back."""
        for contact_id, first in self._first.items():
            entry, hold = self._answered_by(contact_id, first)
            if entry is not None and hold is not None:
                self._given(entry, hold)
                self._books.contact_changed(contact_id)
        self._first.clear()

    def _answered_by(self, contact_id: ContactId, offer_id: OfferId) -> tuple[OwnContact | None, Hold | None]:
        entry = self._books.contacts.get(contact_id)
        rings = entry.ring if entry is not None else ()
        return entry, next((hold for hold in rings if hold.offer_id == offer_id), None)

    def _given(self, entry: OwnContact, hold: Hold) -> None:
        entry.hold, entry.ring = hold, ()
        self.emit(entry, Reserved(offer_id=hold.offer_id, agent_id=hold.agent_id))

    def _takes_contacts(self, agent_id: AgentId) -> bool:
        """As far as this node knows."""
        agent = self._books.agents.get(agent_id)
        return agent is None or agent.position.ready_since is not None

    def _may_ring(self, entry: OwnContact, offer: Offer) -> bool:
        """While the store answered, the contact may have been put aside, or our agent have gone."""
        return entry.offer.offerable and not entry.callback and self._takes_contacts(offer.agent_id)

    def _look_again(self) -> None:
        """The store knows it differently: somebody was faster, which the news will tell; or it has lost something, and
        is written anew. PortFailure when that does not help: somebody who asks without end helps nobody."""
        self._refusals += 1
        if self._refusals > REFUSALS:
            self._refusals = 0
            raise PortFailure("live_disagrees", "The live state refuses what it should allow.")
        if self._books.shared:
            self._books.in_doubt = True
        else:
            self._books.all_changed()
        self._wake.set()

    def _call_back(self, contact_id: ContactId, entry: OwnContact) -> None:
        entry.called_s = self._now_s()
        self.changed(contact_id)
        self._figures.callback(entry.queue, "due")
        window_s = self._books.rules.of(entry.queue).callback_window_s
        self.callback_listener(CallbackDue(contact_id=contact_id, queue=entry.queue, window_s=window_s))

    def _place_gone(self, contact_id: ContactId, queue: str) -> None:
        self.callback_listener(CallbackGone(contact_id=contact_id, queue=queue))

    def _lost(self, contact_id: ContactId, offer_id: OfferId) -> None:
        """The store ended a reservation, or ringing: the agent's node is gone, or the agent is."""
        entry = self._books.contacts.get(contact_id)
        if entry is not None and any(hold.offer_id == offer_id for hold in entry.ring):
            entry.ring = tuple(hold for hold in entry.ring if hold.offer_id != offer_id)
            self.changed(contact_id)
            self.emit(entry, Rejected(offer_id=offer_id, reason=RejectReason.UNREACHABLE))
        elif entry is not None and entry.hold is not None and entry.hold.offer_id == offer_id:
            entry.hold, entry.at_head, entry.told = None, True, None
            self.changed(contact_id)
            self.emit(entry, Rejected(offer_id=offer_id, reason=RejectReason.UNREACHABLE))

    # ------------------------------------------------------------ telling

    def answered(self, entry: OwnContact) -> None:
        """An agent took the contact."""
        now_s = self._now_s()
        self._pace.setdefault(entry.queue, Pace()).answered(
            now_s, rang_s=now_s - entry.rings_since_s, others_wait=self._somebody_waits(entry.queue)
        )
        waited_s = max(0.0, now_s - entry.queued_s)
        self._figures.answered(
            entry.queue,
            waited_s,
            in_time=waited_s <= self._books.rules.of(entry.queue).answer_within_s,
            off_by_s=entry.first_told.off_by_s(now_s) if entry.first_told is not None else None,
        )
        entry.first_told = None  # a second answer is not what the first estimate was of

    def _somebody_waits(self, queue: str) -> bool:
        """Whether there is a contact for whom nobody rings."""
        return any(waiting.free for waiting in self._books.world.line(queue))

    def _tell_places(self) -> None:
        books = self._books
        for queue, pace in self._pace.items():
            if not self._somebody_waits(queue):
                pace.nobody_waits()
        for queue in sorted({entry.queue for entry in books.contacts.values() if entry.waits and not entry.callback}):
            self._tell_places_of(queue)

    def _tell_places_of(self, queue: str) -> None:
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
