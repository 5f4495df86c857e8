"""The live state of our own ACD in plain dictionaries: for unit tests, under the same contract tests as Redis."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from gateway.acd.builtin.ports import Hold, News, Seat, SeatRow, Ticket, TicketRow
from gateway.acd.builtin.routing.world import Seated
from gateway.base.errors import PortFailure
from gateway.base.ids import AgentId, ContactId, OfferId


@dataclass
class MemoryQueues:
    """`away` makes every method fail as a store that does not answer."""

    away: bool = False
    tickets: dict[ContactId, Ticket] = field(default_factory=dict)
    seats: dict[AgentId, Seat] = field(default_factory=dict)
    held: dict[ContactId, Hold] = field(default_factory=dict)
    rings: dict[ContactId, tuple[Hold, ...]] = field(default_factory=dict)
    offered: dict[AgentId, float] = field(default_factory=dict)
    log: dict[str, int] = field(default_factory=dict)
    since: dict[str, int] = field(default_factory=dict)  # a contact stands where it does, an agent serves their queues
    leases: dict[str, float] = field(default_factory=dict)
    version: int = 0
    listeners: list[Callable[[int], None]] = field(default_factory=list)

    async def _answer(self) -> None:
        await asyncio.sleep(0)  # as every real store, it lets others run
        if self.away:
            raise PortFailure("live_unavailable", "The live state does not answer.")

    def _changed(self, *members: str) -> int:
        if members:
            self.version += 1
            self.log |= dict.fromkeys(members, self.version)
            for told in self.listeners:
                told(self.version)
        return self.version

    def _anew(self, *members: str) -> None:
        self.since |= dict.fromkeys(members, self.version)

    async def check(self) -> None:
        await self._answer()

    async def put_ticket(self, ticket: Ticket, hold: Hold | None = None, ring: tuple[Hold, ...] = ()) -> int:
        await self._answer()
        before = [(each.agent_id, each.offer_id) for each in self._free(ticket.contact_id)]
        known = self.tickets.get(ticket.contact_id)
        self.tickets[ticket.contact_id] = ticket
        if hold is not None:
            self.held[ticket.contact_id] = hold
        elif ring:
            self.rings[ticket.contact_id] = ring
        after = [(each.agent_id, each.offer_id) for each in self._kept_for(ticket.contact_id)]
        seats = set() if before == after else {agent for agent, _ in before + after}
        version = self._changed(f"t:{ticket.contact_id}", *self._seated(seats))
        if known is None or self._place(known) != self._place(ticket) or (before and before != after):
            self._anew(f"t:{ticket.contact_id}")
        return version

    def _place(self, ticket: Ticket) -> object:
        return ticket.queue, ticket.score, self._open(ticket)

    def _kept_for(self, contact_id: ContactId) -> tuple[Hold, ...]:
        hold = self.held.get(contact_id)
        return self.rings.get(contact_id, ()) if hold is None else (hold,)

    def _free(self, contact_id: ContactId) -> tuple[Hold, ...]:
        """Nobody is kept for it any more; who was."""
        before = self._kept_for(contact_id)
        self.held.pop(contact_id, None)
        self.rings.pop(contact_id, None)
        return before

    def _seated(self, agents: Iterable[AgentId]) -> list[str]:
        return [f"s:{agent}" for agent in agents if agent in self.seats]

    async def drop_ticket(self, contact_id: ContactId) -> int:
        await self._answer()
        return self._changed(*self._drop_ticket(contact_id))

    def _drop_ticket(self, contact_id: ContactId) -> list[str]:
        if self.tickets.pop(contact_id, None) is None:
            return []
        self.since.pop(f"t:{contact_id}", None)
        return [f"t:{contact_id}", *self._seated(each.agent_id for each in self._free(contact_id))]

    async def put_seat(self, seat: Seat) -> int:
        await self._answer()
        known = self.seats.get(seat.agent_id)
        self.seats[seat.agent_id] = seat
        ended = self._end_ringing(seat.agent_id) if seat.state == "not_ready" else []
        version = self._changed(f"s:{seat.agent_id}", *ended)
        self._back_in_line(ended)
        if known is not None and known.queues != seat.queues:
            self._anew(f"s:{seat.agent_id}")
        return version

    def _back_in_line(self, ended: Iterable[str]) -> None:
        """Of those whom an agent does not ring for any more: who rings at nobody now."""
        self._anew(*(member for member in ended if member[0] == "t" and not self._kept_for(ContactId(member[2:]))))

    async def drop_seat(self, agent_id: AgentId) -> int:
        await self._answer()
        members = self._drop_seat(agent_id)
        version = self._changed(*members)
        self._back_in_line(members)
        return version

    def _drop_seat(self, agent_id: AgentId) -> list[str]:
        if self.seats.pop(agent_id, None) is None:
            return []
        self.offered.pop(agent_id, None)
        self.since.pop(f"s:{agent_id}", None)
        return [f"s:{agent_id}", *self._end_ringing(agent_id)]

    def _end_ringing(self, agent_id: AgentId) -> list[str]:
        ended = [c for c, hold in self.held.items() if hold.agent_id == agent_id and not hold.taken]
        for contact_id in ended:
            del self.held[contact_id]
        for contact_id, ring in list(self.rings.items()):
            left = tuple(hold for hold in ring if hold.agent_id != agent_id)
            if left != ring:
                ended.append(contact_id)
                self.rings[contact_id] = left
                if not left:
                    del self.rings[contact_id]
        return [f"t:{contact_id}" for contact_id in ended]

    async def reserve(
        self, contact_id: ContactId, agent_id: AgentId, offer_id: OfferId, *, seen: int, now_s: float
    ) -> int:
        await self._answer()
        if contact_id in self.rings or not self._can_have(contact_id, {agent_id}, seen):
            return 0
        self.held[contact_id] = Hold(agent_id=agent_id, offer_id=offer_id)
        self.offered[agent_id] = now_s
        return self._changed(f"t:{contact_id}", f"s:{agent_id}")

    def _can_have(self, contact_id: ContactId, agents: set[AgentId], seen: int) -> bool:
        ticket = self.tickets.get(contact_id)
        if ticket is None or contact_id in self.held or not self._open(ticket):
            return False
        for seat in (self.seats.get(agent_id) for agent_id in agents):
            if seat is None or ticket.queue not in seat.queues or not self._room(seat, ticket.channel):
                return False
            if contact_id in self._holds_of(seat.agent_id):
                return False
        news = [member for member, version in self.log.items() if version > seen]
        return not any(self._puts_off(member, ticket, agents, seen) for member in news)

    async def ring(self, contact_id: ContactId, more: Sequence[Hold], *, seen: int, now_s: float) -> int:
        await self._answer()
        agents = {each.agent_id for each in more}
        if not self._can_have(contact_id, agents, seen):
            return 0
        self.rings[contact_id] = (*self.rings.get(contact_id, ()), *more)
        self.offered |= dict.fromkeys(agents, now_s)
        return self._changed(f"t:{contact_id}", *self._seated(agents))

    async def take(self, contact_id: ContactId, offer_id: OfferId) -> int:
        await self._answer()
        ring = self.rings.get(contact_id, ())
        first = next((hold for hold in ring if hold.offer_id == offer_id), None)
        if first is None:
            return 0
        del self.rings[contact_id]
        self.held[contact_id] = first
        return self._changed(f"t:{contact_id}", *self._seated(each.agent_id for each in ring if each is not first))

    def _open(self, ticket: Ticket) -> bool:
        return ticket.offerable and not ticket.callback

    def _room(self, seat: Seat, channel: str) -> bool:
        seated = Seated(seat)
        seated.holds = self._holds_of(seat.agent_id)
        return seated.room_for(channel)

    def _holds_of(self, agent_id: AgentId) -> dict[ContactId, str]:
        kept = {*self.held, *self.rings}
        return {
            c: self.tickets[c].channel for c in kept if any(each.agent_id == agent_id for each in self._kept_for(c))
        }

    def _puts_off(self, member: str, ticket: Ticket, agents: set[AgentId], seen: int) -> bool:
        kind, name = member[0], member[2:]
        if kind == "t":
            other = self.tickets.get(ContactId(name))
            return (
                other is not None
                and not self._kept_for(other.contact_id)
                and self._open(other)
                and ahead(other, ticket)
            )
        if name in agents:
            return False
        seat = self.seats.get(AgentId(name))
        if seat is None or seat.ready_score is None or self.since.get(member, 0) > seen:
            return True
        others = set(self._holds_of(seat.agent_id)) - {ticket.contact_id}
        return any(not ahead(self.tickets[c], ticket) or self.since[f"t:{c}"] > seen for c in others)

    async def release(self, contact_id: ContactId, offer_id: OfferId) -> int:
        await self._answer()
        hold = self.held.get(contact_id)
        if hold is None or hold.offer_id != offer_id:
            return self.version
        del self.held[contact_id]
        version = self._changed(f"t:{contact_id}", *self._seated([hold.agent_id]))
        self._anew(f"t:{contact_id}")
        return version

    async def news(self, seen: int) -> News:
        await self._answer()
        changed = {member for member, version in self.log.items() if version > seen}
        whole = seen == 0
        if whole:
            changed = {f"t:{c}" for c in self.tickets} | {f"s:{a}" for a in self.seats}
        contacts = [ContactId(member[2:]) for member in changed if member[0] == "t"]
        agents = [AgentId(member[2:]) for member in changed if member[0] == "s"]
        return News(
            version=self.version,
            whole=whole,
            tickets=[
                TicketRow(ticket=self.tickets[c], hold=self.held.get(c), ring=self.rings.get(c, ()))
                for c in contacts
                if c in self.tickets
            ],
            gone_tickets=[c for c in contacts if c not in self.tickets],
            seats=[
                SeatRow(seat=self.seats[a], holds=self._holds_of(a), offered_s=self.offered.get(a, 0.0))
                for a in agents
                if a in self.seats
            ],
            gone_seats=[a for a in agents if a not in self.seats],
        )

    async def listen(self, told: Callable[[int], None]) -> None:
        self.listeners.append(told)
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            self.listeners.remove(told)

    async def renew_lease(self, node: str, lease_s: float) -> tuple[str, ...]:
        """Leases end when a test says so (`leases.pop`), as the contract leaves time to the server."""
        await self._answer()
        self.leases[node] = lease_s
        known = {each.node for each in self.tickets.values()} | {each.node for each in self.seats.values()}
        ended = sorted(known - set(self.leases))
        for each in ended:
            self._forget(each)
        return tuple(ended)

    async def forget_node(self, node: str) -> int:
        await self._answer()
        return self._forget(node)

    def _forget(self, node: str) -> int:
        self.leases.pop(node, None)
        contacts = [each.contact_id for each in self.tickets.values() if each.node == node]
        agents = [each.agent_id for each in self.seats.values() if each.node == node]
        members = [member for contact_id in contacts for member in self._drop_ticket(contact_id)]
        ended = [member for agent in agents for member in self._drop_seat(agent)]
        version = self._changed(*members, *ended)
        self._back_in_line(ended)
        return version


def ahead(one: Ticket, two: Ticket) -> bool:
    """Whether `one` stands before `two` in the same queue."""
    return one.queue == two.queue and (one.score, one.contact_id) < (two.score, two.contact_id)
