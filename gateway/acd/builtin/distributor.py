"""The one task of our own ACD: carries changes to the store, lets contacts leave their lines (`leaving`), makes the
offers that are this node's, and tells contacts their places (`telling`).

After every change it looks at everything once; what changes meanwhile is looked at again. With a shared store it also
listens for other nodes' news, and renews this node's lease: a node that is gone is forgotten by the others within
`LEASE_S`, and whoever was reserved by it, or sat at it, with it.
"""

import asyncio
from typing import Final

from gateway.acd.builtin.books import Books
from gateway.acd.builtin.entries import OwnContact
from gateway.acd.builtin.figures import RoutingFigures
from gateway.acd.builtin.leaving import Leaving
from gateway.acd.builtin.ports import Hold
from gateway.acd.builtin.routing.decide import Allowed, Offer, decide
from gateway.acd.builtin.telling import Telling
from gateway.acd.events import Rejected, RejectReason, Reserved, Ringing
from gateway.base.clock import Clock
from gateway.base.errors import PortFailure
from gateway.base.ids import AgentId, ContactId, OfferId, new_offer_id
from gateway.base.log import get_logger
from gateway.base.tasks import Supervisor, cancel_and_wait

_log = get_logger("acd")

RETRY_FIRST_S: Final = 0.5
RETRY_LAST_S: Final = 5.0
REFUSALS: Final = 50  # in a row, until it is taken for a store that does not work
LEASE_S: Final = 12.0
RENEW_S: Final = 3.0
"""Three renewals may fail. A dead node is forgotten at the next renewal of another: within `LEASE_S` and `RENEW_S`."""


class Distributor:
    """Runs from `start` to `aclose`."""

    def __init__(
        self,
        *,
        books: Books,
        clock: Clock,
        agent_allowed: Allowed,
        figures: RoutingFigures,
        telling: Telling,
        leaving: Leaving,
    ) -> None:
        self._books = books
        self._telling = telling
        self._leaving = leaving
        self._clock = clock
        self._allowed = agent_allowed
        self._figures = figures
        self._refusals = 0  # in a row
        self._first: dict[ContactId, OfferId] = {}  # where it rings at several: who answered first
        self._wake = asyncio.Event()
        self._supervisor = Supervisor("acd")
        self._tasks: list[asyncio.Task[None]] = []
        self._alarm: asyncio.Task[None] | None = None
        self._alarm_s = 0.0
        books.on_lost = self._lost

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
        await self._supervisor.aclose()
        try:
            await self._books.store.forget_node(self._books.node)
        except PortFailure as failure:
            _log.warning("acd.not_tidied", code=failure.code)
        self._tasks.clear()  # not before: cut short, it is done by the next who asks

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
            self._leaving.let_go()
            await books.write()
        except PortFailure:
            self._give_alone()
            raise
        await self._give()
        for offer in self._decide():
            if offer.node == books.node and not await self._carry_out(offer):
                break
        self._telling.places()
        self._set_alarm()

    def _decide(self) -> list[Offer]:
        began = self._clock.monotonic()
        plan = decide(self._books.world, self._now_s(), self._allowed)
        self._figures.decided(self._clock.monotonic() - began)
        return plan

    def _set_alarm(self) -> None:
        """Come back when a rule may say something else though nothing happens."""
        now_s = self._now_s()
        moments = [self._books.world.next_moment(now_s), self._telling.next_look_s()] + [
            self._leaving.lapses_at_s(entry) for entry in self._books.contacts.values() if entry.callback
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

    # ------------------------------------------------------------ offering

    async def _carry_out(self, offer: Offer) -> bool:
        """Make one offer of the plan. False: the world is not what it was, so the rest of the plan is nothing worth."""
        books = self._books
        entry = books.contacts.get(offer.contact_id)
        if entry is None or entry.hold is not None or not books.is_written(offer.contact_id):
            self._wake.set()
            return False
        if entry.callback:
            self._leaving.call_back(offer.contact_id, entry)
            self._wake.set()
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
        self._telling.emit(entry, Reserved(offer_id=offer_id, agent_id=offer.agent_id))
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
        self._telling.emit(entry, Ringing(offers=tuple((hold.offer_id, hold.agent_id) for hold in there)))
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
        self._telling.emit(entry, Reserved(offer_id=hold.offer_id, agent_id=hold.agent_id))

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

    def _lost(self, contact_id: ContactId, offer_id: OfferId) -> None:
        """The store ended a reservation, or ringing: the agent's node is gone, or the agent is."""
        entry = self._books.contacts.get(contact_id)
        if entry is not None and any(hold.offer_id == offer_id for hold in entry.ring):
            entry.ring = tuple(hold for hold in entry.ring if hold.offer_id != offer_id)
            self.changed(contact_id)
            self._telling.emit(entry, Rejected(offer_id=offer_id, reason=RejectReason.UNREACHABLE))
        elif entry is not None and entry.hold is not None and entry.hold.offer_id == offer_id:
            entry.hold, entry.at_head, entry.told = None, True, None
            self.changed(contact_id)
            self._telling.emit(entry, Rejected(offer_id=offer_id, reason=RejectReason.UNREACHABLE))

    def _now_s(self) -> float:
        return self._clock.now().timestamp()
