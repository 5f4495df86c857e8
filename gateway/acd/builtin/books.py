"""What of this node's contacts and agents is in the store, and what is not yet: written in order, read as news.

It owns the store and the world that decisions are made from. It decides nothing and tells nobody.
"""

from collections.abc import Callable

from gateway.acd.builtin.entries import AWAY, LOGGED_OFF, OwnAgent, OwnContact
from gateway.acd.builtin.ports import Hold, News, QueueStore, SeatRow, TicketRow
from gateway.acd.builtin.routing.rules import RuleBook
from gateway.acd.builtin.routing.world import World
from gateway.base.errors import PortFailure
from gateway.base.ids import AgentId, ContactId, OfferId
from gateway.config.own import CapacitySettings


class Books:
    """`contacts` and `agents` are the truth of this node; change them, then `changed(…)`, then let `write` run."""

    def __init__(
        self, *, store: QueueStore, rules: RuleBook, node: str, capacity: CapacitySettings, shared: bool, across: bool
    ) -> None:
        self.store = store
        self.rules = rules
        self.node = node
        self.world = World(rules, across=across)
        self.contacts: dict[ContactId, OwnContact] = {}
        self.agents: dict[AgentId, OwnAgent] = {}
        self.seen = 0
        self.told = 0  # the newest version anybody spoke of
        self.in_doubt = False  # news may have been missed: look
        self.on_lost: Callable[[ContactId, OfferId], None] = lambda *_: None  # the store ended this reservation
        self.on_place_gone: Callable[[ContactId, str], None] = lambda *_: None  # another node dropped this callback
        self.shared = shared
        self._capacity = capacity
        self._dirty_contacts: dict[ContactId, None] = {}  # in the order they changed
        self._dirty_agents: dict[AgentId, None] = {}

    # ------------------------------------------------------------ writing

    def contact_changed(self, contact_id: ContactId) -> None:
        self._dirty_contacts[contact_id] = None

    def agent_changed(self, agent_id: AgentId) -> None:
        self._dirty_agents[agent_id] = None

    def all_changed(self) -> None:
        """The store may have come back empty."""
        self._dirty_contacts.update(dict.fromkeys(self.contacts))
        self._dirty_agents.update(dict.fromkeys(self.agents))
        self.seen = 0

    def kept_in(self, queue: str) -> int:
        """Places kept in that line: all that the store knows, and not less than our own that are not yet written."""
        own = sum(entry.callback and entry.queue == queue for entry in self.contacts.values())
        return max(own, self.world.kept[queue])

    def is_written(self, contact_id: ContactId) -> bool:
        return contact_id not in self._dirty_contacts

    async def write_agents(self) -> None:
        """Carry changes of agents to the store. What fails stays to be written: PortFailure."""
        while self._dirty_agents:
            agent_id = next(iter(self._dirty_agents))
            del self._dirty_agents[agent_id]
            try:
                await self._write_agent(agent_id)
            except PortFailure:
                self._dirty_agents[agent_id] = None
                raise

    async def write(self) -> None:
        """Carry all changes to the store, agents first. What fails stays to be written: PortFailure."""
        await self.write_agents()
        while self._dirty_contacts:
            contact_id = next(iter(self._dirty_contacts))
            del self._dirty_contacts[contact_id]
            try:
                await self._write_contact(contact_id)
            except PortFailure:
                self._dirty_contacts[contact_id] = None
                raise

    async def _write_contact(self, contact_id: ContactId) -> None:
        entry = self.contacts.get(contact_id)
        if entry is None:
            self._wrote(await self.store.drop_ticket(contact_id), surely=False)
            self.world.drop_ticket(contact_id)
            return
        ticket, hold, ring = entry.ticket(self.rules.of(entry.queue), self.node), entry.hold, entry.ring
        self._wrote(await self.store.put_ticket(ticket, hold, ring))
        self.world.put_row(TicketRow(ticket=ticket, hold=hold, ring=ring))

    async def _write_agent(self, agent_id: AgentId) -> None:
        agent = self.agents.get(agent_id)
        if agent is None:
            return
        if agent.position.state == LOGGED_OFF:
            position = agent.position
            self._wrote(await self.store.drop_seat(agent_id), surely=False)
            self.world.drop_seat(agent_id)
            self._ringing_ended(agent_id)
            if agent.position is position:
                self.agents.pop(agent_id, None)
            return
        seat = agent.seat(self.node, self._capacity)
        self._wrote(await self.store.put_seat(seat))
        known = self.world.seated.get(agent_id)
        holds = known.holds if known is not None else {}
        self.world.put_seat(SeatRow(seat=seat, holds=holds, offered_s=known.offered_s if known is not None else 0.0))
        if seat.state == AWAY:
            self._ringing_ended(agent_id)

    def _ringing_ended(self, agent_id: AgentId) -> None:
        """The store rings nobody who is away; our own contacts that rang there must know."""
        for contact_id, entry in list(self.contacts.items()):
            for hold in _untaken(entry):
                if hold.agent_id == agent_id:
                    self.on_lost(contact_id, hold.offer_id)

    def _wrote(self, version: int, *, surely: bool = True) -> None:
        """Our own change is no news to us, unless somebody else changed something before it. What was gone already
        (not `surely` a change) has the version of somebody else's change, which is still to be read."""
        self.told = max(self.told, version)
        if (surely and version == self.seen + 1) or not self.shared:
            self.seen = version

    # ------------------------------------------------------------ reserving

    async def reserve(self, contact_id: ContactId, agent_id: AgentId, offer_id: OfferId, now_s: float) -> bool:
        """Hold the agent for our contact, if nobody else was faster. PortFailure: it is not known."""
        version = await self.store.reserve(contact_id, agent_id, offer_id, seen=self.seen, now_s=now_s)
        if not version:
            return False
        self._wrote(version)
        if contact_id in self.world.waiting:
            self.world.hold(contact_id, Hold(agent_id=agent_id, offer_id=offer_id), now_s)
        return True

    async def ring(self, contact_id: ContactId, more: tuple[Hold, ...], now_s: float) -> bool:
        """Let our contact ring at these too, if nobody else was faster. PortFailure: it is not known."""
        version = await self.store.ring(contact_id, more, seen=self.seen, now_s=now_s)
        if not version:
            return False
        self._wrote(version)
        if contact_id in self.world.waiting:
            self.world.ring(contact_id, more, now_s)
        return True

    async def take(self, contact_id: ContactId, hold: Hold) -> bool:
        """Reserve one of those at whom our contact rings, if the store has it so. PortFailure: it is not known."""
        version = await self.store.take(contact_id, hold.offer_id)
        if not version:
            return False
        self._wrote(version)
        if contact_id in self.world.waiting:
            self.world.hold(contact_id, hold)
        return True

    # ------------------------------------------------------------ reading

    async def read(self) -> None:
        """Take in what other nodes have changed. PortFailure."""
        self.in_doubt = False
        news = await self.store.news(self.seen)
        if news.whole:
            self._start_over(news)
        self._take_in(news)
        self.seen = news.version
        self.told = max(self.told, news.version)

    @property
    def behind(self) -> bool:
        """Whether there may be something to read."""
        return self.shared and (self.in_doubt or self.told > self.seen)

    def _start_over(self, news: News) -> None:
        """Keep only what is our own, and write what the store has lost of it; the rest comes with the news."""
        known = {row.ticket.contact_id for row in news.tickets}
        present = {row.seat.agent_id for row in news.seats}
        self._dirty_contacts.update((contact_id, None) for contact_id in self.contacts if contact_id not in known)
        self._dirty_agents.update((agent_id, None) for agent_id in self.agents if agent_id not in present)
        for contact_id in [each.ticket.contact_id for each in self.world if each.ticket.node != self.node]:
            self.world.drop_ticket(contact_id)
        for agent_id in [agent for agent, seated in self.world.seated.items() if seated.seat.node != self.node]:
            self.world.drop_seat(agent_id)

    def _take_in(self, news: News) -> None:
        for agent_id in news.gone_seats:
            if agent_id in self.agents:
                self.agent_changed(agent_id)  # somebody took us for dead
            else:
                self.world.drop_seat(agent_id)
        for seat_row in news.seats:
            known = self.world.seated.get(seat_row.seat.agent_id)
            if seat_row.seat.agent_id in self.agents and known is not None:
                known.holds = dict(seat_row.holds)
                known.offered_s = seat_row.offered_s
            else:
                self.world.put_seat(seat_row)
        for contact_id in news.gone_tickets:
            if contact_id not in self.contacts:
                self.world.drop_ticket(contact_id)
            elif self.contacts[contact_id].callback:
                gone = self.contacts.pop(contact_id)
                self.world.drop_ticket(contact_id)
                self.on_place_gone(contact_id, gone.queue)
            else:
                self.contact_changed(contact_id)
        for ticket_row in news.tickets:
            contact_id = ticket_row.ticket.contact_id
            entry = self.contacts.get(contact_id)
            if entry is None and ticket_row.ticket.node == self.node:
                self.contact_changed(contact_id)  # ours, and over: a write that the store got late has left it there
            elif entry is None:
                self.world.put_row(ticket_row)
            elif self.is_written(contact_id):
                still = {hold.offer_id for hold in (ticket_row.hold, *ticket_row.ring) if hold is not None}
                for hold in _untaken(entry):
                    if hold.offer_id not in still:
                        self.on_lost(contact_id, hold.offer_id)


def _untaken(entry: OwnContact) -> tuple[Hold, ...]:
    """Who is kept for it and has not taken it."""
    return entry.ring if entry.hold is None else () if entry.hold.taken else (entry.hold,)
