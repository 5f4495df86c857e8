"""Our own ACD: queues, the longest-idle ready agent, one offer at a time. Mode *own*.

It keeps its own copy of what this node has in line and in seats; one task carries changes to the live store and makes
offers from what the store says. While the store is away nothing is offered, and when it is back everything is written
again. Deadlines of offers and waits are the contact's; it answers an offer with `accept` or `decline`.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final

from gateway.acd.builtin.line import Pace, ticket_for
from gateway.acd.builtin.ports import Line, QueueStore, Seat
from gateway.acd.events import (
    AcdEvent,
    AcdEventBody,
    AcdRef,
    AgentEvent,
    Queued,
    Reserved,
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
from gateway.base.errors import PortFailure, StateConflict
from gateway.base.ids import AgentId, ContactId, OfferId, new_id, new_offer_id
from gateway.base.log import get_logger
from gateway.base.tasks import Supervisor, cancel_and_wait

_log = get_logger("acd")

SOURCE: Final = "builtin"
LOGGED_OFF: Final = "logged_off"
RETRY_FIRST_S: Final = 0.5
RETRY_LAST_S: Final = 5.0
TICK: Final = timedelta(milliseconds=1)


@dataclass(slots=True, kw_only=True)
class _InLine:
    """A contact of this node. `waits` False while an agent has taken it."""

    offer: ContactOffer
    waits: bool = True
    at_head: bool = False
    agent_id: AgentId | None = None  # reserved for this contact
    offer_id: OfferId | None = None
    told: Queued | None = None
    seq: int = 0
    attempt: int = 0


@dataclass(slots=True, kw_only=True)
class _Seated:
    position: AgentPosition
    contact_id: ContactId | None = None  # reserved for this agent


@dataclass(slots=True, kw_only=True)
class _Dirty:
    """What the store does not know yet."""

    contacts: set[ContactId] = field(default_factory=set)
    agents: set[AgentId] = field(default_factory=set)


class BuiltinAcd:
    """`AcdPort` over a `QueueStore`."""

    def __init__(
        self,
        *,
        store: QueueStore,
        clock: Clock,
        node: str,
        agent_allowed: Callable[[AgentId, str], bool],
    ) -> None:
        self._store = store
        self._clock = clock
        self._node = node
        self._agent_allowed = agent_allowed
        self._listener: Callable[[AcdEvent], None] = lambda _: None
        self._contacts: dict[ContactId, _InLine] = {}
        self._agents: dict[AgentId, _Seated] = {}
        self._dirty = _Dirty()
        self._pace: dict[str, Pace] = {}
        self._last_queued_at = clock.now() - TICK
        self._wake = asyncio.Event()
        self._supervisor = Supervisor("acd")
        self._worker: asyncio.Task[None] | None = None

    # ------------------------------------------------------------ life

    async def start(self) -> None:
        """Forget what this node left behind, then distribute. PortFailure when the store is away."""
        await self._store.forget_node(self._node)
        self._worker = self._supervisor.spawn(self._work(), name="distribute")

    async def aclose(self) -> None:
        """Stop distributing and leave the store tidy, if it answers. Idempotent."""
        if self._worker is None:
            return
        await cancel_and_wait(self._worker)
        self._worker = None
        await self._supervisor.aclose()
        try:
            await self._store.forget_node(self._node)
        except PortFailure as failure:
            _log.warning("acd.not_tidied", code=failure.code)

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
        self._listener = listener

    def on_agent_event(self, listener: Callable[[AgentEvent], None]) -> None:
        """Agents are the roster's: nothing comes from here."""

    async def check(self) -> None:
        await self._store.check()

    async def offer(self, offer: ContactOffer) -> AcdRef:
        if offer.contact_id not in self._contacts:
            # Two contacts of one millisecond keep the order they came in.
            self._last_queued_at = max(offer.queued_at, self._last_queued_at + TICK)
            self._contacts[offer.contact_id] = _InLine(offer=replace(offer, queued_at=self._last_queued_at))
            self._touch(offer.contact_id)
        return AcdRef(offer.contact_id)

    async def update_attributes(self, ref: AcdRef, attributes: Mapping[str, str]) -> None:
        entry = self._contacts.get(ContactId(ref))
        if entry is not None:
            entry.offer = replace(entry.offer, attributes=dict(attributes))

    async def set_offerable(self, ref: AcdRef, offerable: bool) -> None:
        entry = self._contacts.get(ContactId(ref))
        if entry is not None:
            entry.offer = replace(entry.offer, offerable=offerable)
            self._wake.set()

    async def cancel(self, ref: AcdRef, reason: str) -> None:
        self._forget(ContactId(ref))

    async def accept(self, ref: AcdRef, offer_id: OfferId) -> None:
        entry = self._contacts.get(ContactId(ref))
        if entry is None or entry.offer_id != offer_id:
            return
        self._free(entry)
        entry.waits = False
        entry.told = None
        self._pace.setdefault(entry.offer.queue, Pace()).answered(self._clock.now())
        self._touch(ContactId(ref))

    async def decline(self, ref: AcdRef, offer_id: OfferId, reason: DeclineReason) -> None:
        entry = self._contacts.get(ContactId(ref))
        if entry is None or entry.offer_id != offer_id:
            return
        self._free(entry)
        self._to_head(entry)

    async def claimed(self, ref: AcdRef, agent_id: AgentId) -> None:
        """Nobody has to claim what is offered here."""

    async def confirm_media(self, ref: AcdRef, ok: bool) -> None:
        entry = self._contacts.get(ContactId(ref))
        if entry is not None and not ok:
            self._to_head(entry)

    async def hold(self, ref: AcdRef) -> None:
        """The contact's own affair."""

    async def resume(self, ref: AcdRef) -> None:
        """The contact's own affair."""

    async def requeue(self, ref: AcdRef, reason: str) -> None:
        entry = self._contacts.get(ContactId(ref))
        if entry is not None:
            self._to_head(entry)

    async def transfer(self, ref: AcdRef, mode: TransferMode, target: TransferTarget) -> None:
        raise StateConflict("transfer_unsupported", "This queue can't transfer.")

    async def end(self, ref: AcdRef, reason: str) -> None:
        self._forget(ContactId(ref))

    async def complete_wrap_up(self, ref: AcdRef, disposition: str | None) -> None:
        self._forget(ContactId(ref))

    async def set_agent_state(self, position: AgentPosition) -> None:
        seat = self._agents.get(position.agent_id)
        if seat is None:
            self._agents[position.agent_id] = _Seated(position=position)
        else:
            seat.position = position
        self._dirty.agents.add(position.agent_id)
        self._wake.set()

    def reconsider(self) -> None:
        """Who may serve whom was changed elsewhere (a pilot group): look again who can be offered to whom."""
        self._wake.set()

    async def snapshot(self, queue: str) -> QueueSnapshot:
        line = await self._store.line(queue)
        return QueueSnapshot(queue=queue, waiting=line.waiting, ready=line.ready)

    async def contacts(self, refs: Sequence[AcdRef]) -> Sequence[ContactSnapshot]:
        return [self._seen(ref) for ref in refs]

    def _seen(self, ref: AcdRef) -> ContactSnapshot:
        contact_id = ContactId(ref)
        entry = self._contacts.get(contact_id)
        if entry is None:
            phase = Phase.GONE
        elif not entry.waits:
            phase = Phase.CONNECTED
        else:
            phase = Phase.QUEUED if entry.offer_id is None else Phase.RINGING
        return ContactSnapshot(contact_id=contact_id, acd_ref=ref, phase=phase)

    # ------------------------------------------------------------ own copy

    def _touch(self, contact_id: ContactId) -> None:
        self._dirty.contacts.add(contact_id)
        self._wake.set()

    def _free(self, entry: _InLine) -> None:
        """End the contact's reservation, if it has one. The agent's state comes from the roster, not from here."""
        agent_id, entry.agent_id, entry.offer_id = entry.agent_id, None, None
        seat = self._agents.get(agent_id) if agent_id is not None else None
        if seat is not None and agent_id is not None:
            seat.contact_id = None
            self._dirty.agents.add(agent_id)

    def _to_head(self, entry: _InLine) -> None:
        entry.waits = True
        entry.at_head = True
        entry.told = None
        self._touch(entry.offer.contact_id)

    def _forget(self, contact_id: ContactId) -> None:
        entry = self._contacts.pop(contact_id, None)
        if entry is not None:
            self._free(entry)
            self._touch(contact_id)

    def _may_be_offered(self, agent_id: AgentId) -> bool:
        seat = self._agents.get(agent_id)
        return seat is not None and seat.contact_id is None and seat.position.ready_since is not None

    # ------------------------------------------------------------ the one task

    async def _work(self) -> None:
        retry_s = RETRY_FIRST_S
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self._write()
                await self._distribute()
            except PortFailure as failure:
                _log.warning("acd.store_away", code=failure.code, retry_s=retry_s)
                await self._clock.sleep_until(self._clock.monotonic() + retry_s)
                retry_s = min(retry_s * 2, RETRY_LAST_S)
                self._dirty.contacts.update(self._contacts)  # the store may come back empty
                self._dirty.agents.update(self._agents)
                self._wake.set()
            else:
                retry_s = RETRY_FIRST_S

    async def _write(self) -> None:
        """Carry changes to the store. What fails stays dirty."""
        while self._dirty.contacts:
            contact_id = self._dirty.contacts.pop()
            entry = self._contacts.get(contact_id)
            try:
                if entry is not None and entry.waits:
                    await self._store.put_ticket(ticket_for(entry.offer, at_head=entry.at_head, node=self._node))
                else:
                    await self._store.drop_ticket(contact_id)
            except PortFailure:
                self._dirty.contacts.add(contact_id)
                raise
        for agent_id in list(self._dirty.agents):
            seat = self._agents.get(agent_id)
            if seat is None:
                self._dirty.agents.discard(agent_id)
            elif seat.contact_id is None:  # a reserved one is written when the offer is over
                self._dirty.agents.discard(agent_id)
                await self._write_seat(agent_id, seat)

    async def _write_seat(self, agent_id: AgentId, seat: _Seated) -> None:
        position = seat.position
        try:
            if position.state == LOGGED_OFF:
                await self._store.drop_seat(agent_id)
                if seat.position is position:
                    self._agents.pop(agent_id, None)
                return
            ready = position.ready_since
            await self._store.put_seat(
                Seat(
                    agent_id=agent_id,
                    queues=position.queues,
                    state=position.state,
                    reason=position.reason,
                    ready_score=ready.timestamp() if ready is not None else None,
                    node=self._node,
                )
            )
        except PortFailure:
            self._dirty.agents.add(agent_id)
            raise

    async def _distribute(self) -> None:
        """Offer the contacts that wait, first in line first, each to the longest idle; then tell the places."""
        lines: dict[str, Line] = {}
        for queue in sorted({entry.offer.queue for entry in self._contacts.values() if entry.waits}):
            lines[queue] = await self._store.line(queue)
        for entry in self._first_to_last(lines):
            await self._offer_to_somebody(entry, lines[entry.offer.queue])
        self._tell_places(lines)

    def _first_to_last(self, lines: dict[str, Line]) -> list[_InLine]:
        """Contacts to be offered, over all queues in the order of their scores."""
        ready = {queue for queue, line in lines.items() if line.ready}
        waiting = [
            entry
            for entry in self._contacts.values()
            if entry.offer.queue in ready and entry.waits and entry.agent_id is None and entry.offer.offerable
        ]
        return sorted(waiting, key=lambda entry: ticket_for(entry.offer, at_head=entry.at_head, node=self._node).score)

    async def _offer_to_somebody(self, entry: _InLine, line: Line) -> None:
        contact_id = entry.offer.contact_id
        for agent_id in line.ready:
            seat = self._agents.get(agent_id)
            if seat is None or not self._may_be_offered(agent_id) or not self._serves(agent_id, entry.offer):
                continue
            offer_id = new_offer_id()
            entry.agent_id, entry.offer_id, seat.contact_id = agent_id, offer_id, contact_id
            try:
                reserved = await self._store.reserve(line.queue, contact_id, agent_id, offer_id)
            except PortFailure:
                self._take_back(entry, offer_id)
                raise
            if not reserved:  # the store knows it differently: write both afresh, then look anew
                self._take_back(entry, offer_id)
                await self._store.drop_ticket(contact_id)
                self._touch(contact_id)
                return
            if entry.offer_id != offer_id:  # it left the line while the store answered
                return
            if not entry.offer.offerable or seat.position.ready_since is None:
                self._take_back(entry, offer_id)
                await self._store.release(contact_id, offer_id)
                self._wake.set()
                return
            entry.attempt += 1
            self._emit(entry, Reserved(offer_id=offer_id, agent_id=agent_id))
            return

    def _take_back(self, entry: _InLine, offer_id: OfferId) -> None:
        if entry.offer_id == offer_id:
            self._free(entry)

    def _serves(self, agent_id: AgentId, offer: ContactOffer) -> bool:
        return offer.canary or self._agent_allowed(agent_id, offer.site)

    def _tell_places(self, lines: dict[str, Line]) -> None:
        now = self._clock.now()
        for queue, line in lines.items():
            pace = self._pace.get(queue)
            served = self._is_served(queue)
            for index, contact_id in enumerate(line.waiting):
                entry = self._contacts.get(contact_id)
                if entry is None or not entry.waits or (entry.told is not None and entry.told.place == index + 1):
                    continue
                estimate_s = pace.estimate_s(index + 1, now) if pace is not None and served else None
                entry.told = Queued(place=index + 1, estimate_s=estimate_s)
                self._emit(entry, entry.told)
        for contact_id, entry in self._contacts.items():
            line_of = lines.get(entry.offer.queue)
            clean = contact_id not in self._dirty.contacts
            if line_of is not None and entry.waits and clean and contact_id not in line_of.waiting:
                self._touch(contact_id)  # the store has lost it

    def _is_served(self, queue: str) -> bool:
        """Whether anybody works on the queue at all: without, no wait can be promised."""
        return any(
            queue in seat.position.queues and seat.position.state not in (LOGGED_OFF, "not_ready")
            for seat in self._agents.values()
        )

    def _emit(self, entry: _InLine, body: AcdEventBody) -> None:
        now = self._clock.now()
        entry.seq += 1
        self._listener(
            AcdEvent(
                event_id=new_id("ev"),
                contact_id=entry.offer.contact_id,
                acd_ref=AcdRef(entry.offer.contact_id),
                seq=entry.seq,
                occurred_at=now,
                received_at=now,
                source=SOURCE,
                body=body,
                queue=entry.offer.queue,
                attempt=entry.attempt,
            )
        )
