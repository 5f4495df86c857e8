"""A queue that fits in the hand: first come, first served, one agent each. For simulated ACDs that distribute nothing
by themselves. Knows contacts and agents by id only; says at whom a contact is to ring."""

from collections.abc import Callable

from gateway.base.ids import AgentId, ContactId


class Switchboard:
    """`on_ring(contact, agent)` is called when an agent is chosen; the agent is nobody else's until it is over."""

    def __init__(self, on_ring: Callable[[ContactId, AgentId], None]) -> None:
        self._on_ring = on_ring
        self.waiting: list[ContactId] = []
        self.idle: list[AgentId] = []
        self.ringing: dict[ContactId, AgentId] = {}
        self.talking: dict[ContactId, AgentId] = {}

    def knows(self, contact: ContactId) -> bool:
        return contact in self.waiting or contact in self.ringing or contact in self.talking

    def arrive(self, contact: ContactId, *, at_head: bool = False) -> None:
        """In line; again at the head when it comes back."""
        if not self.knows(contact):
            self.waiting.insert(0 if at_head else len(self.waiting), contact)
        self._match()

    def ready(self, agent: AgentId) -> None:
        busy = {*self.ringing.values(), *self.talking.values()}
        if agent not in self.idle and agent not in busy:
            self.idle.append(agent)
        self._match()

    def not_ready(self, agent: AgentId) -> None:
        if agent in self.idle:
            self.idle.remove(agent)

    def answer(self, contact: ContactId) -> AgentId | None:
        """Who rang talks. None: it does not ring."""
        agent = self.ringing.pop(contact, None)
        if agent is not None:
            self.talking[contact] = agent
        return agent

    def refuse(self, contact: ContactId) -> AgentId | None:
        """Who rang did not take it and is not ready any more; the contact is first in line."""
        agent = self.ringing.pop(contact, None)
        if agent is not None:
            self.arrive(contact, at_head=True)
        return agent

    def move(self, contact: ContactId, agent: AgentId) -> AgentId | None:
        """`agent` talks in place of whoever did."""
        before = self.talking.get(contact)
        self.not_ready(agent)
        self.talking[contact] = agent
        return before

    def leave(self, contact: ContactId) -> AgentId | None:
        """Gone. Who rang is idle again, who talked is not. Whoever had it."""
        if contact in self.waiting:
            self.waiting.remove(contact)
        rang = self.ringing.pop(contact, None)
        if rang is not None:
            self.ready(rang)
        return rang or self.talking.pop(contact, None)

    def clear(self) -> None:
        """Everything is forgotten but who is idle."""
        self.waiting.clear()
        self.idle.extend(self.ringing.values())
        self.ringing.clear()
        self.talking.clear()

    def _match(self) -> None:
        while self.waiting and self.idle:
            contact, agent = self.waiting.pop(0), self.idle.pop(0)
            self.ringing[contact] = agent
            self._on_ring(contact, agent)
