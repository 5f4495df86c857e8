"""The live state of our own ACD in plain dictionaries: for unit tests, under the same contract tests as Redis."""

import asyncio
from dataclasses import dataclass

from gateway.acd.builtin.ports import Line, Seat, Ticket
from gateway.base.errors import PortFailure
from gateway.base.ids import AgentId, ContactId, OfferId


@dataclass
class _Reservation:
    contact_id: ContactId
    agent_id: AgentId
    offer_id: OfferId


class MemoryQueues:
    """`away` makes every method fail as a store that does not answer."""

    def __init__(self) -> None:
        self.away = False
        self.tickets: dict[ContactId, Ticket] = {}
        self.seats: dict[AgentId, Seat] = {}
        self._ready: dict[AgentId, float] = {}
        self.reservations: list[_Reservation] = []

    async def _answer(self) -> None:
        await asyncio.sleep(0)  # as every real store, it lets others run
        if self.away:
            raise PortFailure("live_unavailable", "The live state does not answer.")

    async def check(self) -> None:
        await self._answer()

    async def put_ticket(self, ticket: Ticket) -> None:
        await self._answer()
        self.tickets[ticket.contact_id] = ticket

    async def drop_ticket(self, contact_id: ContactId) -> None:
        await self._answer()
        self.tickets.pop(contact_id, None)
        self.reservations = [each for each in self.reservations if each.contact_id != contact_id]

    async def put_seat(self, seat: Seat) -> None:
        await self._answer()
        self._drop_seat(seat.agent_id)
        self.seats[seat.agent_id] = seat
        if seat.ready_score is not None:
            self._ready[seat.agent_id] = seat.ready_score

    async def drop_seat(self, agent_id: AgentId) -> None:
        await self._answer()
        self._drop_seat(agent_id)

    def _drop_seat(self, agent_id: AgentId) -> None:
        self.seats.pop(agent_id, None)
        self._ready.pop(agent_id, None)
        self.reservations = [each for each in self.reservations if each.agent_id != agent_id]

    async def reserve(self, queue: str, contact_id: ContactId, agent_id: AgentId, offer_id: OfferId) -> bool:
        await self._answer()
        ticket, seat = self.tickets.get(contact_id), self.seats.get(agent_id)
        if ticket is None or ticket.queue != queue or any(r.contact_id == contact_id for r in self.reservations):
            return False
        if seat is None or agent_id not in self._ready or queue not in seat.queues:
            return False
        del self._ready[agent_id]
        self.reservations.append(_Reservation(contact_id, agent_id, offer_id))
        return True

    async def release(self, contact_id: ContactId, offer_id: OfferId) -> None:
        await self._answer()
        self.reservations = [r for r in self.reservations if (r.contact_id, r.offer_id) != (contact_id, offer_id)]

    async def line(self, queue: str) -> Line:
        await self._answer()
        tickets = sorted((t for t in self.tickets.values() if t.queue == queue), key=lambda t: (t.score, t.contact_id))
        ready = sorted((score, agent) for agent, score in self._ready.items() if queue in self.seats[agent].queues)
        return Line(
            queue=queue,
            waiting=tuple(ticket.contact_id for ticket in tickets),
            ready=tuple(agent for _, agent in ready),
        )

    async def forget_node(self, node: str) -> None:
        await self._answer()
        for contact_id in [t.contact_id for t in self.tickets.values() if t.node == node]:
            self.tickets.pop(contact_id)
            self.reservations = [r for r in self.reservations if r.contact_id != contact_id]
        for agent_id in [s.agent_id for s in self.seats.values() if s.node == node]:
            self._drop_seat(agent_id)
