"""Our own ACD: the port over the queues. Mode *own*.

Commands change what this node knows of its contacts and agents; one task (`gateway.acd.builtin.distributor`) carries
that to the live store and makes offers. While the store is away nothing is offered, and when it is back everything is
written again. Deadlines of offers are the contact's; it answers an offer with `accept` or `decline`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final

from gateway.acd.builtin.books import Books
from gateway.acd.builtin.callbacks import CallbackNews, Callbacks
from gateway.acd.builtin.distributor import Distributor
from gateway.acd.builtin.entries import OwnAgent, OwnContact
from gateway.acd.builtin.figures import NoFigures, RoutingFigures
from gateway.acd.builtin.leaving import Leaving
from gateway.acd.builtin.ports import QueueStore
from gateway.acd.builtin.routing.rules import RuleBook
from gateway.acd.builtin.telling import Telling
from gateway.acd.events import (
    AcdEvent,
    AcdRef,
    AgentEvent,
    AgentName,
    TransferMode,
    TransferTarget,
)
from gateway.acd.port import (
    AcdCapabilities,
    AcdMode,
    AgentPosition,
    ContactOffer,
    ContactSnapshot,
    DeclineReason,
    Phase,
    QueueSnapshot,
)
from gateway.base.clock import Clock
from gateway.base.errors import StateConflict
from gateway.base.ids import AgentId, ContactId, OfferId
from gateway.config.own import CapacitySettings, QueueRouting

TICK: Final = timedelta(milliseconds=1)


class BuiltinAcd:
    """`AcdPort` over a `QueueStore`.

    `shared`: other nodes use the store too, so there are news and leases. `across`: agents of one node may serve
    contacts of another; for that, panels must be reachable across nodes.
    """

    def __init__(
        self,
        *,
        store: QueueStore,
        clock: Clock,
        node: str,
        agent_allowed: Callable[[AgentId, str], bool],
        queues: Iterable[QueueRouting] = (),
        capacity: CapacitySettings | None = None,
        figures: RoutingFigures | None = None,
        shared: bool = False,
        across: bool = False,
    ) -> None:
        self._clock = clock
        self._rules = RuleBook(queues)
        self._figures = figures or NoFigures()
        self._books = Books(
            store=store,
            rules=self._rules,
            node=node,
            capacity=capacity or CapacitySettings(),
            shared=shared,
            across=across,
        )
        self._telling = Telling(self._books, clock, self._figures)
        self._leaving = Leaving(self._books, clock, self._figures, self._telling)
        self._distributor = Distributor(
            books=self._books,
            clock=clock,
            agent_allowed=agent_allowed,
            figures=self._figures,
            telling=self._telling,
            leaving=self._leaving,
        )
        self.callbacks = Callbacks(
            self._books,
            clock,
            self._figures,
            keep_place=self._leaving.keep_place,
            changed=self._distributor.changed,
        )
        self._last_queued_at = clock.now() - TICK
        self._newest_offer = self._last_queued_at

    # ------------------------------------------------------------ life

    async def start(self) -> None:
        """Forget what this node left behind, then distribute. PortFailure when the store is away."""
        await self._distributor.start()

    async def aclose(self) -> None:
        """Stop distributing and leave the store tidy, if it answers. Idempotent."""
        await self._distributor.aclose()

    # ------------------------------------------------------------ port

    def capabilities(self, queue: str = "") -> AcdCapabilities:
        return AcdCapabilities(
            mode=AcdMode.OWN,
            gives_position=True,
            gives_estimate=True,
            keeps_deadlines=False,
            max_attribute_bytes=None,
        )

    def on_event(self, listener: Callable[[AcdEvent], None]) -> None:
        self._telling.listener = listener

    def on_agent_event(self, listener: Callable[[AgentEvent], None]) -> None:
        """Agents are the roster's: nothing comes from here."""

    def on_callback(self, listener: Callable[[CallbackNews], None]) -> None:
        """`listener` is called on the loop when a customer should be called back, and when a place was given up."""
        self._leaving.callback_listener = listener

    async def check(self) -> None:
        await self._books.store.check()

    async def offer(self, offer: ContactOffer) -> AcdRef:
        """Queue the contact. One whose `previous_contact_id` has a callback's place gets that place."""
        if offer.contact_id not in self._books.contacts:
            queued_at = offer.queued_at
            if queued_at >= self._newest_offer:  # one that was in line before goes on with the time it had
                # Two contacts of one millisecond keep the order they came in.
                self._newest_offer = queued_at
                queued_at = self._last_queued_at = max(queued_at, self._last_queued_at + TICK)
            entry = OwnContact(
                offer=offer,
                queue=offer.queue,
                queued_s=queued_at.timestamp(),
                sent_s=self._now_s(),
                at_head=offer.returning,
                connected_once=offer.returning,
                entered=offer.returning and offer.preferred_agent is not None,  # who is there, whatever the hours say
            )
            self.callbacks.take_place(entry)
            self._books.contacts[offer.contact_id] = entry
            self._changed(offer.contact_id)
        return AcdRef(offer.contact_id)

    async def update_attributes(self, ref: AcdRef, attributes: Mapping[str, str]) -> None:
        entry = self._find(ref)
        if entry is not None:
            entry.offer = replace(entry.offer, attributes=dict(attributes))

    async def set_offerable(self, ref: AcdRef, offerable: bool) -> None:
        entry = self._find(ref)
        if entry is not None and entry.offer.offerable is not offerable:
            entry.offer = replace(entry.offer, offerable=offerable)
            self._changed(entry.offer.contact_id)

    async def cancel(self, ref: AcdRef, reason: str) -> None:
        """A callback's place stays: see `callbacks`."""
        self._forget(ref)

    async def accept(self, ref: AcdRef, offer_id: OfferId) -> None:
        """Where it rings at all: who is first is told by Reserved, and accepted then."""
        entry = self._find(ref)
        if entry is not None and any(hold.offer_id == offer_id for hold in entry.ring):
            self._distributor.answers(entry.offer.contact_id, offer_id)
            return
        if entry is None or entry.hold is None or entry.hold.offer_id != offer_id or entry.hold.taken:
            return
        entry.hold = replace(entry.hold, taken=True)
        entry.told = None
        self._telling.answered(entry)
        self._changed(entry.offer.contact_id)

    async def decline(self, ref: AcdRef, offer_id: OfferId, reason: DeclineReason) -> None:
        """What rang at several and nobody took keeps its place: it is not put before others, who may be answered."""
        entry = self._find(ref)
        if entry is not None and any(hold.offer_id == offer_id for hold in entry.ring):
            entry.ring, entry.told = (), None
            self._changed(entry.offer.contact_id)
        elif entry is not None and entry.hold is not None and entry.hold.offer_id == offer_id:
            self._to_head(entry)

    async def claimed(self, ref: AcdRef, agent_id: AgentId) -> None:
        """Who was asked by the agent who had it is held for it from now on, and that one is free."""
        entry = self._find(ref)
        if entry is not None and entry.hold is not None and entry.hold.taken and entry.hold.agent_id != agent_id:
            entry.hold = replace(entry.hold, agent_id=agent_id)
            self._changed(entry.offer.contact_id)

    async def confirm_media(self, ref: AcdRef, ok: bool) -> None:
        entry = self._find(ref)
        if entry is not None and ok:
            self._telling.connected(entry)
        elif entry is not None:
            self._to_head(entry)

    async def hold(self, ref: AcdRef) -> None:
        """The contact's own affair."""

    async def resume(self, ref: AcdRef) -> None:
        """The contact's own affair."""

    async def requeue(self, ref: AcdRef, reason: str) -> None:
        """They were served until now: what the queue's rules count in line begins anew."""
        entry = self._find(ref)
        if entry is not None:
            entry.sent_s, entry.kept_s = self._now_s(), 0.0
            self._to_head(entry)

    async def transfer(self, ref: AcdRef, mode: TransferMode, target: TransferTarget) -> None:
        """The contact does it by our own means: it ends here, and is offered anew, for its queue or its agent."""
        raise StateConflict("transfer_unsupported", "This queue can't transfer.")

    async def end(self, ref: AcdRef, reason: str) -> None:
        self._forget(ref)

    async def complete_wrap_up(self, ref: AcdRef, disposition: str | None) -> None:
        self._forget(ref)

    async def set_agent_state(self, position: AgentPosition) -> None:
        agent = self._books.agents.get(position.agent_id)
        if agent is None:
            agent = OwnAgent(position=position, logged_on_s=self._now_s())
            self._books.agents[position.agent_id] = agent
        agent.move(position, self._now_s())
        self._books.agent_changed(position.agent_id)
        self._distributor.wake()

    def reconsider(self) -> None:
        """Who may serve whom was changed elsewhere (a pilot group): look again who can be offered to whom."""
        self._distributor.wake()

    async def snapshot(self, queue: str) -> QueueSnapshot:
        await self.check()
        world = self._books.world
        waiting = tuple(each.ticket.contact_id for each in world.line(queue))
        return QueueSnapshot(queue=queue, waiting=waiting, ready=tuple(world.ready(queue)))

    async def contacts(self, refs: Sequence[AcdRef]) -> Sequence[ContactSnapshot]:
        return [self._seen(ref) for ref in refs]

    def _seen(self, ref: AcdRef) -> ContactSnapshot:
        entry = self._find(ref)
        agent: AgentName | None = None
        if entry is None:
            phase = Phase.GONE
        elif entry.hold is None:
            phase = Phase.RINGING if entry.ring else Phase.QUEUED
        else:
            phase = Phase.CONNECTED if entry.hold.taken else Phase.RINGING
            agent = AgentName(ref=entry.hold.agent_id, agent_id=entry.hold.agent_id)
        return ContactSnapshot(contact_id=ContactId(ref), acd_ref=ref, phase=phase, agent=agent)

    # ------------------------------------------------------------ own copy

    def _now_s(self) -> float:
        return self._clock.now().timestamp()

    def _find(self, ref: AcdRef) -> OwnContact | None:
        """The contact of that name, unless it has left and only its place is kept."""
        entry = self._books.contacts.get(ContactId(ref))
        return entry if entry is not None and not entry.callback else None

    def _changed(self, contact_id: ContactId) -> None:
        self._books.contact_changed(contact_id)
        self._distributor.wake()

    def _to_head(self, entry: OwnContact) -> None:
        """In line again, before everybody, whoever was reserved for it or had it."""
        entry.hold, entry.ring, entry.told = None, (), None
        entry.at_head = True
        self._changed(entry.offer.contact_id)

    def _forget(self, ref: AcdRef) -> None:
        if self._find(ref) is not None:
            del self._books.contacts[ContactId(ref)]
            self._changed(ContactId(ref))
