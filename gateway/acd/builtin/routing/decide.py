"""Who is offered to whom: contacts in the order of service, each to the best of the agents who are left.

The plan is for all contacts of all nodes, and every node that knows the same makes the same plan; each then carries out
the part that is its own. So an agent who is meant for a contact of another node is left to it.
"""

import heapq
from collections.abc import Callable
from dataclasses import dataclass

from gateway.acd.builtin.routing.line import Rank, rank
from gateway.acd.builtin.routing.needs import Needs, changes_at, fits, needs_of
from gateway.acd.builtin.routing.rules import Rules
from gateway.acd.builtin.routing.strategies import choose
from gateway.acd.builtin.routing.world import Seated, Waiting, World
from gateway.base.ids import AgentId, ContactId

Allowed = Callable[[AgentId, str], bool]
"""Whether the agent may serve contacts of the site (pilot groups)."""

_AWAY = frozenset({"logged_off", "not_ready"})


@dataclass(frozen=True, slots=True)
class Offer:
    """This agent for this contact. A callback's place is not offered: its customer is called when its turn has come."""

    contact_id: ContactId
    agent_id: AgentId
    node: str  # who owns the contact
    callback: bool
    beside: tuple[AgentId, ...] = ()  # where it rings at all: the others, by the queue's order

    @property
    def agents(self) -> tuple[AgentId, ...]:
        return (self.agent_id, *self.beside)


def decide(world: World, now_s: float, allowed: Allowed) -> list[Offer]:
    """The plan at `now_s`, in the order of service."""
    return _Round(world, now_s, allowed).plan()


class _Round:
    """One decision. Agents only become fewer in it, so needs that nobody fits once are met by nobody later.

    No more customers are called back than there are agents free for them: whoever was called would only wait again.
    """

    def __init__(self, world: World, now_s: float, allowed: Allowed) -> None:
        self._world = world
        self._now_s = now_s
        self._allowed = allowed
        self._unmet: set[Needs] = set()
        self._candidates: dict[Needs, list[Seated]] = {}
        self._left: dict[str, set[AgentId]] = {}
        self._used: set[AgentId] = set()
        self._calls_left: dict[str, int] = {}

    def plan(self) -> list[Offer]:
        offers: list[Offer] = []
        heads: list[tuple[Rank, str, int]] = []
        for queue, line in self._world.lines.items():
            if line:
                channel = self._world.rules.of(queue).channel
                staff = self._world.staff.get(queue, {})
                self._left[queue] = {agent_id for agent_id, seated in staff.items() if seated.room_for(channel)}
                self._calls_left[queue] = len(self._left[queue]) - self._world.called[queue]
                self._push(heads, queue, 0)
        while heads:
            _, queue, index = heapq.heappop(heads)
            entry = self._world.waiting[self._world.lines[queue][index][1]]
            chosen = self._serve(entry)
            if chosen:
                ticket = entry.ticket
                offers.append(Offer(ticket.contact_id, chosen[0], ticket.node, ticket.callback, tuple(chosen[1:])))
                self._calls_left[queue] -= ticket.callback
            self._push(heads, queue, index + 1)
        return offers

    def _push(self, heads: list[tuple[Rank, str, int]], queue: str, index: int) -> None:
        """The next contact of the queue that is free, or rings and may ring at more, as long as it has agents left."""
        if not self._left[queue]:
            return
        world, line = self._world, self._world.lines[queue]
        at_once = world.rules.of(queue).at_once
        while index < len(line):
            entry = world.waiting[line[index][1]]
            if self._may_be_served(entry, at_once):
                needs = entry.needs
                if needs is None or needs not in self._unmet or self._now_s >= entry.needs_until_s:
                    heapq.heappush(heads, (rank(entry.ticket, world.rules.of(queue), self._now_s), queue, index))
                    return
            index += 1

    def _may_be_served(self, entry: Waiting, at_once: int) -> bool:
        ticket = entry.ticket
        if ticket.callback:
            return entry.free and self._calls_left[ticket.queue] > 0
        return entry.free or entry.rings_on(at_once)

    def _serve(self, entry: Waiting) -> list[AgentId]:
        ticket = entry.ticket
        rules = self._world.rules.of(ticket.queue)
        needs = self._needs(entry, rules)
        if needs in self._unmet:
            return []
        candidates = self._candidates.get(needs)
        if candidates is None:
            candidates = self._fitting(needs)
        else:
            candidates = [each for each in candidates if each.seat.agent_id not in self._used]
        if not candidates:
            self._unmet.add(needs)
            return []
        chosen = choose(
            candidates,
            ticket,
            strategy=rules.strategy,
            wanted=tuple({*rules.skills, *(name for name, _ in ticket.skills)}),
            language=rules.language != "any",
            now_s=self._now_s,
            most=1 if ticket.callback else rules.at_once - len(entry.ring),
        )
        self._candidates[needs] = candidates
        for each in chosen:
            self._use(each)
        return [each.seat.agent_id for each in chosen]

    def _needs(self, entry: Waiting, rules: Rules) -> Needs:
        ticket = entry.ticket
        if entry.needs is not None and self._now_s < entry.needs_until_s:
            return entry.needs
        only = self._reserved_for(entry, rules)
        needs = needs_of(ticket, rules, self._now_s, only=only, across=self._world.across)
        entry.needs = needs
        named = ticket.preferred is not None or ticket.last is not None  # who else is about may change at any time
        entry.needs_until_s = self._now_s if named else changes_at(ticket, rules, self._now_s)
        return needs

    def _reserved_for(self, entry: Waiting, rules: Rules) -> AgentId | None:
        """The agent this contact waits for alone: the preferred one, then the last one, while they are about."""
        ticket = entry.ticket
        in_line_s = self._now_s - ticket.sent_s
        staff = self._world.staff.get(ticket.queue, {})
        for agent_id, for_s in ((ticket.preferred, rules.preferred_for_s), (ticket.last, rules.last_for_s)):
            if agent_id is not None and in_line_s < for_s:
                seated = staff.get(agent_id)
                if seated is not None and seated.seat.state not in _AWAY:
                    return agent_id
        return None

    def _fitting(self, needs: Needs) -> list[Seated]:
        staff = self._world.staff.get(needs.queue, {})
        found = [staff[agent_id] for agent_id in self._left[needs.queue] if fits(needs, staff[agent_id].seat)]
        if needs.canary:
            return found
        return [each for each in found if self._allowed(each.seat.agent_id, needs.site)]

    def _use(self, chosen: Seated) -> None:
        """One offer at a time to each agent: the next is for the next decision."""
        self._used.add(chosen.seat.agent_id)
        for queue in chosen.seat.queues:
            left = self._left.get(queue)
            if left is not None:
                left.discard(chosen.seat.agent_id)
