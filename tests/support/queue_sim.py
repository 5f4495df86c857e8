"""A contact center on a clock of its own: contacts come, agents answer, decline, don't answer, take breaks, go home.

It drives the routing core as the distributor does, and an oracle beside it that shares no code with it says of every
single offer whether the rules allowed it. Times are seconds of the epoch. The same seed is the same day.
"""

import heapq
import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from gateway.acd.builtin.ports import Hold, Seat, SeatRow, Ticket, TicketRow
from gateway.acd.builtin.routing.decide import Offer, decide
from gateway.acd.builtin.routing.line import score
from gateway.acd.builtin.routing.overflow import on_entry, staffed, while_waiting
from gateway.acd.builtin.routing.rules import RuleBook
from gateway.acd.builtin.routing.waits import Pace, Told
from gateway.acd.builtin.routing.world import World
from gateway.base.ids import AgentId, ContactId, OfferId
from gateway.config import QueueSettings

START_S = 1_772_442_000.0  # 2026-03-02 09:00 UTC

QUEUES = (
    QueueSettings(id="sales", name="Sales", language="preferred", aging="120s"),  # type: ignore[arg-type]
    QueueSettings(
        id="support",
        name="Support",
        strategy="most_skilled",
        skills={"product": 4},
        relax=[{"after": "30s", "by": 2}, {"after": "90s", "by": 10}],  # type: ignore[list-item]
        preferred_agent_for="20s",  # type: ignore[arg-type]
    ),
    QueueSettings(
        id="french",
        name="French",
        strategy="least_occupied",
        language="required",
        language_for="60s",  # type: ignore[arg-type]
        overflow=[{"when": "wait", "after": "4m", "to": "sales"}],  # type: ignore[list-item]
    ),
    QueueSettings(id="orders", name="Orders", strategy="round_robin"),
    QueueSettings(id="everybody", name="Everybody", strategy="ring_all", ring_at_most=5),
)
SHARES = {"p50": 0.5, "p90": 0.9, "p99": 0.99}
BY_ID = {queue.id: queue for queue in QUEUES}


@dataclass(slots=True)
class Caller:
    """One contact's day."""

    contact_id: ContactId
    queue: str
    arrived_s: float
    patience_s: float
    ticket: Ticket
    offers: int = 0
    ring: dict[AgentId, Hold] = field(default_factory=dict)  # where it rings at several
    ring_began_s: float = 0.0
    declined: int = 0
    first_told: Told | None = None
    answered_s: float | None = None
    ended: str = ""  # answered, abandoned, or why it left


@dataclass(slots=True)
class Worker:
    """One agent's day."""

    seat: Seat
    holds: ContactId | None = None
    home_s: float = 0.0
    rung_s: float = 0.0
    busy_s: float = 0.0
    busy_since_s: float | None = None


@dataclass
class Report:
    """What a run came to."""

    contacts: int
    agents: int
    offers: int = 0
    rings: int = 0
    rung: int = 0  # agents of all rings
    decisions: int = 0
    longest_line: int = 0
    in_time: int = 0  # answered within 20 s
    took_s: list[float] = field(default_factory=list)  # of each decision
    ends: Counter[str] = field(default_factory=Counter)
    flaws: list[str] = field(default_factory=list)
    waits_s: list[float] = field(default_factory=list)
    off_by: list[tuple[float, float]] = field(default_factory=list)  # estimate and what happened

    def decision_ms(self, share: float) -> float:
        return sorted(self.took_s)[min(int(len(self.took_s) * share), len(self.took_s) - 1)] * 1000

    def estimate_error(self, longer_than_s: float = 0.0) -> tuple[int, float, float]:
        """Of those who waited longer: how many, the median of |told - happened| in seconds, and as a share of it."""
        told = [(estimate_s, waited_s) for estimate_s, waited_s in self.off_by if waited_s >= longer_than_s]
        errors = sorted(abs(estimate_s - waited_s) for estimate_s, waited_s in told)
        shares = sorted(abs(estimate_s - waited_s) / max(waited_s, 1.0) for estimate_s, waited_s in told)
        middle = len(told) // 2
        return (len(told), errors[middle], shares[middle]) if told else (0, 0.0, 0.0)

    def as_json(self) -> dict[str, object]:
        """The figures, for people and for machines."""
        waits = sorted(self.waits_s)
        return {
            "contacts": self.contacts,
            "agents": self.agents,
            "offers": self.offers,
            "rings": self.rings,
            "rung_by_them": self.rung,
            "decisions": self.decisions,
            "decision_ms": {name: round(self.decision_ms(share), 3) for name, share in SHARES.items()},
            "longest_line": self.longest_line,
            "ends": dict(self.ends),
            "answered_within_20_s": round(self.in_time / max(len(waits), 1), 3),
            "wait_s": {
                name: round(waits[min(int(len(waits) * share), len(waits) - 1)], 1) for name, share in SHARES.items()
            },
            "estimate_error": {
                "all": _rounded(self.estimate_error()),
                "who_waited_30_s": _rounded(self.estimate_error(30)),
            },
            "flaws": len(self.flaws),
        }


class Simulation:
    """`run` plays the day to its end."""

    def __init__(self, *, contacts: int, agents: int, seed: int = 1, clock: Callable[[], float] = time.perf_counter):
        self.chance = random.Random(seed)
        self.clock = clock
        self.rules = RuleBook(QUEUES)
        self.world = World(self.rules)
        self.now_s = START_S
        self.report = Report(contacts=contacts, agents=agents)
        self.callers: dict[ContactId, Caller] = {}
        self.workers: dict[AgentId, Worker] = {}
        self.pace: dict[str, Pace] = defaultdict(Pace)
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0
        self._moment_s = float("inf")
        for number in range(agents):
            self._hire(number)
        self._plan_contacts(contacts, agents)

    # ------------------------------------------------------------ people

    def _hire(self, number: int) -> None:
        chance = self.chance
        queues = tuple(chance.sample([queue.id for queue in QUEUES], chance.choice((1, 2, 2, 3, 4))))
        seat = Seat(
            agent_id=AgentId(f"ag_{number:08}"),
            queues=queues,
            state="ready",
            reason=None,
            ready_score=START_S + number / 1000,
            node="n1",
            skills={"product": chance.randint(1, 10)} if chance.random() < 0.7 else {},
            languages=chance.choice(((), ("en",), ("en", "fr"), ("en", "es"))),
            logged_on_s=START_S,
        )
        self.workers[seat.agent_id] = Worker(seat, home_s=START_S + chance.uniform(2.5, 9) * 3600)
        self.world.put_seat(SeatRow(seat=seat))

    def _plan_contacts(self, contacts: int, agents: int) -> None:
        """As many as the agents can take, with a peak in the middle when they can't."""
        at_s = START_S
        for number in range(contacts):
            busy = 1.35 if 0.35 < number / contacts < 0.6 else 0.8
            at_s += self.chance.expovariate(agents / 210.0 * busy)
            self._at(at_s, lambda number=number: self._arrive(number))  # type: ignore[misc]

    def _arrive(self, number: int) -> None:
        chance = self.chance
        queue = chance.choices(("sales", "support", "french", "orders", "everybody"), (30, 25, 15, 15, 15))[0]
        agents = list(self.workers)
        ticket = Ticket(
            contact_id=ContactId(f"ct_{number:08}"),
            queue=queue,
            score=0.0,
            node="n1",
            site="shop",
            language=chance.choice(("en", "en", "es")) if queue != "french" else "fr",
            priority=chance.choices((0, 1, 5), (90, 8, 2))[0],
            queued_s=self.now_s,
            sent_s=self.now_s,
            skills=(("product", 8),) if chance.random() < 0.03 else (),
            preferred=chance.choice(agents) if chance.random() < 0.05 else None,
            last=chance.choice(agents) if chance.random() < 0.1 else None,
        )
        ticket = self._scored(ticket)
        patience_s = chance.expovariate(1 / 400) if chance.random() < 0.7 else float("inf")
        caller = Caller(ticket.contact_id, queue, self.now_s, patience_s, ticket)
        self.callers[caller.contact_id] = caller
        leave = on_entry(ticket, self.rules.of(queue), _moment(self.now_s), self.world.place_for(ticket))
        assert leave is None, "these queues never close"
        self.world.put_row(TicketRow(ticket=ticket))
        ahead = self._free(queue, {})
        place = 1 + sum(other.score < ticket.score for other in ahead)
        estimate_s = self.pace[queue].estimate_s(place, len(self.world.ready(queue)), self.now_s)
        if estimate_s is not None:
            caller.first_told = Told(self.now_s, estimate_s)
        if patience_s < float("inf"):
            self._at(self.now_s + patience_s, lambda: self._lose_patience(caller))

    def _scored(self, ticket: Ticket) -> Ticket:
        place = score(
            priority=ticket.priority,
            queued_s=ticket.queued_s,
            at_head=ticket.at_head,
            aging_s=self.rules.of(ticket.queue).aging_s,
        )
        return replace(ticket, score=place)

    def _lose_patience(self, caller: Caller) -> None:
        if caller.ended or caller.answered_s is not None:
            return
        self._end(caller, "abandoned")
        if not self._free(caller.ticket.queue, {}):
            self.pace[caller.ticket.queue].nobody_waits()
        caller.ring.clear()
        for worker in self.workers.values():
            if worker.holds == caller.contact_id:
                worker.holds = None
                self._ready(worker)

    # ------------------------------------------------------------ offers

    def _rung(self, offer: Offer) -> None:
        """It rings at several: some of them answer after a while, one declines, nobody is to blame for the rest."""
        caller = self.callers[offer.contact_id]
        if not caller.ring:
            self.report.rings += 1
            caller.offers += 1
            caller.ring_began_s = self.now_s
            number = caller.offers
            self._after(20, lambda: caller.ring and caller.offers == number and self._nobody_answered(caller))
        self.report.rung += len(offer.agents)
        more = {each: Hold(agent_id=each, offer_id=OfferId(f"of_{caller.offers}_{each}")) for each in offer.agents}
        caller.ring |= more
        self.world.ring(caller.contact_id, tuple(more.values()), self.now_s)
        for agent_id, hold in more.items():
            worker = self.workers[agent_id]
            worker.holds, worker.rung_s = caller.contact_id, self.now_s
            rings = lambda agent_id=agent_id, hold=hold: caller.ring.get(agent_id) == hold  # noqa: E731
            what = self.chance.random()
            if what < 0.5:
                self._after(
                    self.chance.uniform(1, 25),
                    lambda worker=worker, hold=hold, rings=rings: rings() and self._first(caller, worker, hold),  # type: ignore[misc]
                )
            elif what < 0.6:
                self._after(
                    self.chance.uniform(1, 8),
                    lambda worker=worker, rings=rings: rings() and self._stop_ringing(caller, worker),  # type: ignore[misc]
                )

    def _first(self, caller: Caller, worker: Worker, hold: Hold) -> None:
        """This one has the contact; the others are as ready as before."""
        if any(other.seat.state != "ready" for other in self._ringing(caller)):
            self.report.flaws.append(f"{caller.contact_id} rang at somebody who was not ready")
        for other in self._ringing(caller):
            if other is not worker:
                other.holds = None
        caller.ring.clear()
        self.report.offers += 1
        self.world.hold(caller.contact_id, hold)
        self._be(worker, "reserved")
        self._answer(caller, worker, hold, caller.ring_began_s)

    def _stop_ringing(self, caller: Caller, worker: Worker) -> None:
        """They decline: it rings on at the others."""
        del caller.ring[worker.seat.agent_id]
        worker.holds = None
        self._be(worker, "not_ready")
        self.world.put_row(TicketRow(ticket=caller.ticket, ring=tuple(caller.ring.values())))
        self._after(self.chance.uniform(5, 60), lambda: self._ready(worker))

    def _nobody_answered(self, caller: Caller) -> None:
        for worker in self._ringing(caller):
            worker.holds = None
        caller.ring.clear()
        self.world.put_row(TicketRow(ticket=caller.ticket))

    def _ringing(self, caller: Caller) -> list[Worker]:
        return [self.workers[agent_id] for agent_id in caller.ring]

    def _offered(self, offer: Offer) -> None:
        caller, worker = self.callers[offer.contact_id], self.workers[offer.agent_id]
        number, caller.offers = caller.offers + 1, caller.offers + 1
        worker.holds, worker.rung_s = caller.contact_id, self.now_s
        hold = Hold(agent_id=offer.agent_id, offer_id=OfferId(f"of_{number}"))
        self.world.hold(caller.contact_id, hold, self.now_s)
        self._be(worker, "reserved")
        self.report.offers += 1
        what, at_s = self.chance.random(), self.now_s
        ringing = lambda: worker.holds == caller.contact_id and caller.offers == number and not caller.ended  # noqa: E731
        if what < 0.93:
            self._after(self.chance.uniform(1, 8), lambda: ringing() and self._answer(caller, worker, hold, at_s))
        elif what < 0.97:
            self._after(self.chance.uniform(1, 8), lambda: ringing() and self._refuse(caller, worker))
        else:
            self._after(20, lambda: ringing() and self._refuse(caller, worker))

    def _answer(self, caller: Caller, worker: Worker, hold: Hold, rang_from_s: float) -> None:
        caller.answered_s = self.now_s
        self.world.hold(caller.contact_id, replace(hold, taken=True), self.now_s)
        self._be(worker, "busy")
        queue = caller.ticket.queue
        others = bool(self._free(queue, {}))
        self.pace[queue].answered(self.now_s, rang_s=self.now_s - rang_from_s, others_wait=others)
        self.report.waits_s.append(self.now_s - caller.arrived_s)
        self.report.in_time += self.now_s - caller.arrived_s <= 20
        if caller.first_told is not None and not caller.declined and caller.ticket.queue == caller.queue:
            self.report.off_by.append((caller.first_told.estimate_s, self.now_s - caller.arrived_s))
        talk_s = self.chance.lognormvariate(5.0, 0.5)
        self._after(talk_s, lambda: self._talked(caller, worker))

    def _talked(self, caller: Caller, worker: Worker) -> None:
        self._end(caller, "answered")
        worker.holds = None
        self._be(worker, "working_after_call")
        self._after(self.chance.uniform(5, 35), lambda: self._next(worker))

    def _next(self, worker: Worker) -> None:
        if self.now_s > worker.home_s and len(self.workers) > self.report.agents // 2:
            del self.workers[worker.seat.agent_id]
            self.world.drop_seat(worker.seat.agent_id)
        elif self.chance.random() < 0.02:
            self._be(worker, "not_ready")
            self._after(self.chance.uniform(60, 900), lambda: self._ready(worker))
        else:
            self._ready(worker)

    def _refuse(self, caller: Caller, worker: Worker) -> None:
        caller.declined += 1
        worker.holds = None
        self._be(worker, "not_ready")
        caller.ticket = self._scored(replace(caller.ticket, at_head=True))
        self.world.put_row(TicketRow(ticket=caller.ticket))
        self._after(self.chance.uniform(5, 60), lambda: self._ready(worker))

    def _ready(self, worker: Worker) -> None:
        self._be(worker, "ready")

    def _be(self, worker: Worker, state: str) -> None:
        ready = self.now_s if state == "ready" else None
        if worker.busy_since_s is not None and state in ("ready", "not_ready"):
            worker.busy_s += self.now_s - worker.busy_since_s
            worker.busy_since_s = None
        elif worker.busy_since_s is None and state == "reserved":
            worker.busy_since_s = self.now_s
        worker.seat = replace(worker.seat, state=state, ready_score=ready, busy_s=worker.busy_s)
        known = self.world.seated[worker.seat.agent_id]
        self.world.put_seat(SeatRow(seat=worker.seat, holds=known.holds, offered_s=known.offered_s))

    def _end(self, caller: Caller, how: str) -> None:
        if caller.ended:
            self.report.flaws.append(f"{caller.contact_id} ended twice: {caller.ended}, {how}")
        caller.ended = how
        self.report.ends[how] += 1
        self.world.drop_ticket(caller.contact_id)

    # ------------------------------------------------------------ the day

    def _at(self, at_s: float, what: Callable[[], object]) -> None:
        self._count += 1
        heapq.heappush(self._agenda, (at_s, self._count, lambda: what() and None))

    def _after(self, seconds: float, what: Callable[[], object]) -> None:
        self._at(self.now_s + seconds, what)

    def run(self) -> Report:
        while self._agenda:
            self.now_s, _, what = heapq.heappop(self._agenda)
            what()
            self._overflow()
            self._decide()
            moment_s = self.world.next_moment(self.now_s)
            if moment_s is not None and moment_s < self._agenda[0][0] if self._agenda else False:
                self._at(float(moment_s or 0.0) + 0.001, lambda: None)
        for caller in self.callers.values():
            if not caller.ended:
                self.report.flaws.append(f"{caller.contact_id} never ended")
        return self.report

    def _overflow(self) -> None:
        for waiting in self.world.line("french"):
            leave = None
            if waiting.free:
                known = staffed(self.world, "french")
                leave = while_waiting(waiting.ticket, self.rules.of("french"), self.now_s, staffed=known)
            if leave is not None:
                caller = self.callers[waiting.ticket.contact_id]
                moved = replace(caller.ticket, queue=leave.to, sent_s=self.now_s, visited=("french",))
                caller.ticket = self._scored(moved)
                self.world.put_row(TicketRow(ticket=caller.ticket))
                self.report.ends["moved"] += 1

    def _decide(self) -> None:
        began = self.clock()
        plan = decide(self.world, self.now_s, lambda *_: True)
        self.report.took_s.append(self.clock() - began)
        self.report.decisions += 1
        self.report.longest_line = max(self.report.longest_line, sum(map(len, self.world.lines.values())))
        self._judge(plan)
        for offer in plan:
            if BY_ID[self.callers[offer.contact_id].ticket.queue].strategy == "ring_all":
                self._rung(offer)
            else:
                self._offered(offer)

    # ------------------------------------------------------------ the oracle

    def _judge(self, plan: list[Offer]) -> None:
        """Every offer of the plan by itself, and whether somebody was left waiting who could have been served."""
        flaws = self.report.flaws
        given = {offer.contact_id: offer.agent_id for offer in plan}
        agents = [agent_id for offer in plan for agent_id in offer.agents]
        if len(given) != len(plan) or len(set(agents)) != len(agents):
            flaws.append(f"at {self.now_s} the same one twice in {plan}")
        idle = {each.seat.agent_id: each for each in self.workers.values() if self._is_idle(each)}
        for offer in plan:
            caller, settings = self.callers[offer.contact_id], BY_ID[self.callers[offer.contact_id].ticket.queue]
            most = settings.ring_at_most - len(caller.ring) if settings.strategy == "ring_all" else 1
            able = sorted(
                (each for each in idle.values() if self.may_serve(each.seat, caller.ticket)),
                key=lambda each, ticket=caller.ticket: self.merit(each, ticket),  # type: ignore[misc]
            )
            if [each.seat.agent_id for each in able[:most]] != list(offer.agents):
                flaws.append(f"at {self.now_s} {offer} though somebody else was better, or rung as well")
            for worker in (self.workers[agent_id] for agent_id in offer.agents):
                if caller.ended or worker.holds is not None or not self.may_serve(worker.seat, caller.ticket):
                    flaws.append(f"at {self.now_s} {offer} should not be")
                flaws += [
                    f"at {self.now_s} {other.contact_id} was passed by {caller.contact_id}"
                    for queue in worker.seat.queues
                    for other in self._free(queue, given)
                    if self.order(other) < self.order(caller.ticket) and self.may_serve(worker.seat, other)
                ]
                idle.pop(worker.seat.agent_id, None)
        for worker in idle.values() if self.report.decisions % 5 == 0 else ():
            for queue in worker.seat.queues:
                flaws += [
                    f"at {self.now_s} {ticket.contact_id} waits and {worker.seat.agent_id} is idle"
                    for ticket in self._free(queue, given)
                    if self.may_serve(worker.seat, ticket)
                ]

    def _is_idle(self, worker: Worker) -> bool:
        return worker.holds is None and worker.seat.state == "ready"

    def merit(self, worker: Worker, ticket: Ticket) -> tuple[float, ...]:
        """Who is better for this contact, lower first, in the words of the manual."""
        seat, queue = worker.seat, BY_ID[ticket.queue]
        wanted = {*queue.skills, *(name for name, _ in ticket.skills)}
        by_strategy = {
            "longest_idle": 0.0,
            "ring_all": 0.0,
            "most_skilled": -float(sum(seat.skills.get(name, 0) for name in wanted)),
            "round_robin": worker.rung_s,
            "least_occupied": worker.busy_s / max(self.now_s - seat.logged_on_s, 1e-9),
        }
        strange = queue.language != "any" and bool(seat.languages) and ticket.language not in seat.languages
        named = (float(seat.agent_id != ticket.preferred), float(seat.agent_id != ticket.last), float(strange))
        return (*named, by_strategy[queue.strategy], float(seat.ready_score or 0))

    def _free(self, queue: str, given: dict[ContactId, AgentId]) -> list[Ticket]:
        line = [self.world.waiting[contact_id] for _, contact_id in self.world.lines.get(queue, ())]
        return [each.ticket for each in line if each.free and each.ticket.contact_id not in given]

    def order(self, ticket: Ticket) -> tuple[int, float, float]:
        """Who comes first in one queue, in the words of the manual."""
        if ticket.at_head:
            return (0, 0.0, ticket.queued_s)
        aging_s = BY_ID[ticket.queue].aging.total_seconds()
        aged = (self.now_s - ticket.queued_s) / aging_s if aging_s else 0.0
        return (1, -(ticket.priority + aged), ticket.queued_s)

    def may_serve(self, seat: Seat, ticket: Ticket) -> bool:
        """Whether the rules let this agent have this contact now, in the words of the manual."""
        queue = BY_ID[ticket.queue]
        if seat.state != "ready" or ticket.queue not in seat.queues:
            return False
        here_s = self.now_s - ticket.sent_s
        lower = max((step.by for step in queue.relax if here_s >= step.after.total_seconds()), default=0)
        for name in {*queue.skills, *(name for name, _ in ticket.skills)}:
            level = max(queue.skills.get(name, 0), dict(ticket.skills).get(name, 0)) - lower
            if level > 0 and seat.skills.get(name, 0) < level:
                return False
        asked = queue.language == "required" and here_s < queue.language_for.total_seconds()
        if asked and seat.languages and ticket.language not in seat.languages:
            return False
        if ticket.preferred is not None and here_s < queue.preferred_agent_for.total_seconds():
            wanted = self.workers.get(ticket.preferred)
            about = wanted is not None and ticket.queue in wanted.seat.queues and wanted.seat.state != "not_ready"
            if about and seat.agent_id != ticket.preferred:
                return False
        return True


def _rounded(error: tuple[int, float, float]) -> dict[str, float]:
    return {"contacts": error[0], "median_s": round(error[1], 1), "median_share": round(error[2], 2)}


def _moment(now_s: float) -> datetime:
    return datetime.fromtimestamp(now_s, UTC)
