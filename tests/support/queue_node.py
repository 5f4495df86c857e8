"""One gateway's own ACD as a process: its share of contacts and agents on a store shared with others.

`python -m tests.support.queue_node PLAN` plays the plan (JSON, see `Plan`) and writes what it asked of the store, each
with the version the store answered, so that who started several can put the true history together (`judge`).
"""

import asyncio
import json
import random
import sys
import time
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from gateway.acd.builtin.acd import BuiltinAcd
from gateway.acd.builtin.ports import Hold, Seat, Ticket
from gateway.acd.events import AcdEvent, AcdRef, ExitReason, Queued, Rejected, Reserved, Ringing
from gateway.acd.port import AgentPosition, ContactOffer, DeclineReason
from gateway.base.clock import SystemClock
from gateway.base.ids import AgentId, ContactId, OfferId
from gateway.config import LiveSettings, QueueSettings
from gateway.live.queues import LiveQueueStore
from gateway.live.store import open_live

QUEUES = (
    QueueSettings(id="sales", name="Sales"),
    QueueSettings(id="support", name="Support"),
    QueueSettings(id="everybody", name="Everybody", strategy="ring_all", ring_at_most=8),
)
SERVED = (("sales",), ("support",), ("sales", "support"), ("everybody",), ("everybody", "sales"))
READY_FILE_S = 60.0


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Of one node. It begins when `go` exists."""

    url: str
    prefix: str
    node: str
    contacts: int
    agents: int
    seed: int
    per_second: float
    talk_s: float
    within_s: float
    folder: str  # for `go`, `<node>.ready` and `<node>.log`


class RecordedStore(LiveQueueStore):
    """Writes down every change with its version."""

    def __init__(self, live: Any, log: list[tuple[int, str, Any]]) -> None:
        super().__init__(live)
        self.log = log
        self.agents: dict[OfferId, AgentId] = {}  # by the offers that ring at several

    async def put_ticket(self, ticket: Ticket, hold: Hold | None = None, ring: tuple[Hold, ...] = ()) -> int:
        version = await super().put_ticket(ticket, hold, ring)
        row = (ticket.contact_id, ticket.queue, ticket.score, ticket.offerable)
        self.log.append((version, "ticket", (*row, hold.agent_id if hold else "", hold.taken if hold else False)))
        if ring:
            self.log.append((version, "rings", (ticket.contact_id, [each.agent_id for each in ring])))
        return version

    async def ring(self, contact_id: ContactId, more: Sequence[Hold], *, seen: int, now_s: float) -> int:
        version = await super().ring(contact_id, more, seen=seen, now_s=now_s)
        self.log.append((version, "rung" if version else "refused", (contact_id, [each.agent_id for each in more])))
        return version

    async def take(self, contact_id: ContactId, offer_id: OfferId) -> int:
        version = await super().take(contact_id, offer_id)
        self.log.append((version, "took" if version else "refused", (contact_id, self.agents.get(offer_id, ""))))
        return version

    async def drop_ticket(self, contact_id: ContactId) -> int:
        version = await super().drop_ticket(contact_id)
        self.log.append((version, "gone", contact_id))
        return version

    async def put_seat(self, seat: Seat) -> int:
        version = await super().put_seat(seat)
        self.log.append((version, "seat", (seat.agent_id, seat.queues, seat.ready_score is not None)))
        return version

    async def reserve(
        self, contact_id: ContactId, agent_id: AgentId, offer_id: OfferId, *, seen: int, now_s: float
    ) -> int:
        version = await super().reserve(contact_id, agent_id, offer_id, seen=seen, now_s=now_s)
        self.log.append((version, "reserved" if version else "refused", (contact_id, agent_id)))
        return version

    async def release(self, contact_id: ContactId, offer_id: OfferId) -> int:
        version = await super().release(contact_id, offer_id)
        self.log.append((version, "released", contact_id))
        return version


class Took:
    """`RoutingFigures`: how long decisions took."""

    def __init__(self) -> None:
        self.took_s: list[float] = []

    def decided(self, took_s: float) -> None:
        self.took_s.append(took_s)

    def answered(self, queue: str, waited_s: float, *, in_time: bool, off_by_s: float | None) -> None:
        pass

    def callback(self, queue: str, what: str) -> None:
        pass

    def left(self, queue: str, reason: ExitReason, to: str) -> None:
        pass


class PlayedNode:
    """Contacts come, their agents answer or decline after a moment, talk, and are free again."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.chance = random.Random(plan.seed)
        self.log: list[tuple[int, str, Any]] = []
        self.figures = Took()
        self.live = open_live(LiveSettings(url=SecretStr(plan.url), prefix=plan.prefix, timeout=20))  # type: ignore[arg-type]
        self.store = RecordedStore(self.live, self.log)
        self.acd = BuiltinAcd(
            store=self.store,
            clock=SystemClock(),
            node=plan.node,
            agent_allowed=lambda *_: True,
            queues=QUEUES,
            figures=self.figures,
            shared=True,
            across=True,
        )
        self.acd.on_event(self._told)
        self.talks: set[asyncio.Task[None]] = set()
        self.ended = 0
        self.offers = 0
        self.declined = 0
        self.over = asyncio.Event()
        self.rings: dict[ContactId, OfferId] = {}
        self.rung: dict[ContactId, dict[OfferId, AgentId]] = {}  # at several
        self.too_late = 0  # who answered after somebody else
        self.flaws: list[str] = []

    def _told(self, event: AcdEvent) -> None:
        match event.body:
            case Ringing(offers=offers):
                self.store.agents |= dict(offers)
                self.rung.setdefault(event.contact_id, {}).update(offers)
                for offer_id, _ in offers:
                    self._soon(self._say_yes(event.contact_id, event.acd_ref, offer_id))
            case Reserved(offer_id=offer_id, agent_id=agent_id) if event.contact_id in self.rung:
                if self.rung.pop(event.contact_id).get(offer_id) != agent_id or event.contact_id in self.rings:
                    self.flaws.append(f"{event.contact_id} was given to {agent_id}, at whom it did not ring")
                self.rings[event.contact_id] = offer_id
                self.offers += 1
                self._soon(self._answer(event.contact_id, event.acd_ref, offer_id))
            case Reserved(offer_id=offer_id):
                if event.contact_id in self.rings:
                    self.flaws.append(f"{event.contact_id} was offered while it rang")
                self.rings[event.contact_id] = offer_id
                self.offers += 1
                self._soon(self._answer(event.contact_id, event.acd_ref, offer_id))
            case Rejected() if event.contact_id in self.rung:
                self.flaws.append(f"{event.contact_id}: an answer was refused, and nobody had gone")
            case Rejected():
                self.rings.pop(event.contact_id, None)
            case Queued():
                pass
            case _:
                self.flaws.append(f"{event.contact_id}: {event.body}")

    def _soon(self, what: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(what)
        self.talks.add(task)
        task.add_done_callback(self.talks.discard)

    async def _say_yes(self, contact_id: ContactId, ref: AcdRef, offer_id: OfferId) -> None:
        """Everybody at whom it rings takes it, most of them at about the same moment."""
        await asyncio.sleep(self.chance.choice((0.005, 0.005, 0.02)))
        self.too_late += contact_id not in self.rung
        await self.acd.accept(ref, offer_id)

    async def _answer(self, contact_id: ContactId, ref: AcdRef, offer_id: OfferId) -> None:
        await asyncio.sleep(self.chance.uniform(0.001, 0.02))
        if self.rings.pop(contact_id, None) != offer_id:
            return
        if self.chance.random() < 0.05:
            self.declined += 1
            await self.acd.decline(ref, offer_id, DeclineReason.DECLINED)
            return
        await self.acd.accept(ref, offer_id)
        await asyncio.sleep(self.chance.uniform(0.5, 1.5) * self.plan.talk_s)
        await self.acd.end(ref, "over")
        self.ended += 1
        if self.ended == self.plan.contacts:
            self.over.set()

    async def play(self) -> dict[str, Any]:
        plan, folder = self.plan, Path(self.plan.folder)
        await self.acd.start()
        (folder / f"{plan.node}.ready").touch()
        async with asyncio.timeout(READY_FILE_S):
            while not (folder / "go").exists():  # noqa: ASYNC110 - another process: there is nothing to wait on
                await asyncio.sleep(0.01)
        began = time.monotonic()
        for number in range(plan.agents):
            queues = self.chance.choice(SERVED)
            await self.acd.set_agent_state(
                AgentPosition(
                    agent_id=AgentId(f"ag_{plan.node}x{number:05}"),
                    queues=queues,
                    state="ready",
                    reason=None,
                    ready_since=datetime.now(UTC),
                )
            )
        for number in range(plan.contacts):
            await asyncio.sleep(self.chance.expovariate(plan.per_second))
            await self.acd.offer(
                ContactOffer(
                    contact_id=ContactId(f"ct_{plan.node}x{number:06}"),
                    site="shop",
                    queue=self.chance.choice(("sales", "support", "everybody")),
                    language="en",
                    priority=self.chance.choices((0, 3), (9, 1))[0],
                    queued_at=datetime.now(UTC),
                )
            )
        try:
            async with asyncio.timeout(plan.within_s):
                await self.over.wait()
        except TimeoutError:
            self.flaws.append(f"{plan.contacts - self.ended} contacts were lost")
        took_s = time.monotonic() - began
        (folder / f"{plan.node}.done").touch()
        while seen(folder, "done") < seen(folder, "ready"):  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.01)  # who is done first leaves its agents to the others
        await self.acd.aclose()
        await self.live.aclose()
        return {
            "node": plan.node,
            "ended": self.ended,
            "offers": self.offers,
            "declined": self.declined,
            "too_late": self.too_late,
            "took_s": took_s,
            "decisions_s": sorted(self.figures.took_s),
            "flaws": self.flaws,
        }


def seen(folder: Path, what: str) -> int:
    """How many nodes have said so."""
    return len(list(folder.glob(f"*.{what}")))


def judge(logs: Sequence[Sequence[tuple[int, str, Any]]]) -> tuple[list[str], int]:
    """Play what all nodes did in the order the store did it. (flaws, reservations)

    Nobody is offered twice; who is reserved is in line, free, and of a queue the agent serves and is ready for; and
    of those further ahead in the same queue everybody could still have another agent.
    """
    flaws: list[str] = []
    tickets: dict[str, tuple[str, float, bool]] = {}
    seats: dict[str, tuple[frozenset[str], bool]] = {}
    holds: dict[str, tuple[str, bool]] = {}
    rings: dict[str, set[str]] = {}
    reserved = 0
    for version, what, row in sorted((each for log in logs for each in log if each[0]), key=lambda each: each[0]):
        if what == "ticket":
            contact, queue, score, offerable, agent, taken = row
            tickets[contact] = (queue, score, offerable)
            rings.pop(contact, None)
            if agent:
                holds[contact] = (agent, taken)
            else:
                holds.pop(contact, None)
        elif what == "gone":
            tickets.pop(row, None)
            holds.pop(row, None)
            rings.pop(row, None)
        elif what == "rings":
            rings[row[0]] = set(row[1])
        elif what == "rung":
            flaws += _reservation(version, row[0], set(row[1]), tickets, seats, holds, rings)
            rings.setdefault(row[0], set()).update(row[1])
        elif what == "took":
            reserved += 1
            if row[1] not in rings.pop(row[0], set()) or row[0] in holds:
                flaws.append(f"{version}: {row[0]} did not ring at {row[1]}, or somebody had it")
            holds[row[0]] = (row[1], False)
        elif what == "released":
            holds.pop(row, None)
        elif what == "seat":
            seats[row[0]] = (frozenset(row[1]), row[2])
        elif what == "reserved":
            reserved += 1
            flaws += _reservation(version, row[0], {row[1]}, tickets, seats, holds, rings)
            if row[0] in rings:
                flaws.append(f"{version}: {row[0]} was offered while it rang at several")
            holds[row[0]] = (row[1], False)
    return flaws, reserved


def _reservation(
    version: int,
    contact: str,
    agents: set[str],
    tickets: Mapping[str, tuple[str, float, bool]],
    seats: Mapping[str, tuple[frozenset[str], bool]],
    holds: Mapping[str, tuple[str, bool]],
    rings: Mapping[str, set[str]],
) -> list[str]:
    busy = {held_by for held_by, _ in holds.values()}.union(*rings.values())
    if contact not in tickets or contact in holds or agents & busy:
        return [f"{version}: {contact} or {agents} was not free"]
    queue, score, _ = tickets[contact]
    if any(queue not in seats[agent][0] or not seats[agent][1] for agent in agents):
        return [f"{version}: {agents} do not serve {contact}"]
    ahead = [
        other
        for other, (their_queue, their_score, offerable) in tickets.items()
        if their_queue == queue
        and offerable
        and other not in holds.keys() | rings.keys()
        and (their_score, other) < (score, contact)
    ]
    others = sum(ready and queue in served and each not in busy | agents for each, (served, ready) in seats.items())
    return [f"{version}: {contact} passed {ahead[:3]}, {others} agents for {len(ahead)}"] if len(ahead) > others else []


async def play_together(
    folder: Path,
    url: str,
    *,
    nodes: int,
    contacts: int,
    agents: int,
    per_second: float,
    talk_s: float,
    within_s: float,
    prefix: str,
) -> dict[str, Any]:
    """So many processes at once, and what came of it."""
    plans = [
        Plan(
            url=url,
            prefix=prefix,
            node=f"n{number}",
            contacts=contacts // nodes,
            agents=agents // nodes,
            seed=number,
            per_second=per_second / nodes,
            talk_s=talk_s,
            within_s=within_s,
            folder=str(folder),
        )
        for number in range(nodes)
    ]
    processes = []
    for plan in plans:
        text = json.dumps(asdict(plan))
        processes.append(await asyncio.create_subprocess_exec(sys.executable, "-m", "tests.support.queue_node", text))
    try:
        async with asyncio.timeout(READY_FILE_S):
            while seen(folder, "ready") < nodes:  # noqa: ASYNC110 - other processes
                await asyncio.sleep(0.02)
        (folder / "go").touch()
        async with asyncio.timeout(within_s + contacts / per_second * 5 + 60):
            await asyncio.gather(*(process.wait() for process in processes))
    finally:
        for process in processes:
            if process.returncode is None:
                process.kill()
                await process.wait()
    results = [json.loads((folder / f"{plan.node}.log").read_text()) for plan in plans]
    flaws, reserved = judge([[tuple(each) for each in result["log"]] for result in results])
    decisions_s = sorted(took for result in results for took in result["decisions_s"])
    refusals = sum(each[1] == "refused" for result in results for each in result["log"])
    return {
        "nodes": nodes,
        "contacts": contacts,
        "agents": agents,
        "ended": sum(result["ended"] for result in results),
        "offers": sum(result["offers"] for result in results),
        "too_late": sum(result["too_late"] for result in results),
        "reserved": reserved,
        "refused_by_the_store": refusals,
        "took_s": round(max(result["took_s"] for result in results), 1),
        "decisions": len(decisions_s),
        "decision_ms_p99": round(decisions_s[int(len(decisions_s) * 0.99)] * 1000, 3),
        "flaws": [flaw for result in results for flaw in result["flaws"]] + flaws,
    }


def main() -> None:
    plan = Plan(**json.loads(sys.argv[1]))

    async def play() -> tuple[dict[str, Any], list[tuple[int, str, Any]]]:
        node = PlayedNode(plan)
        return await node.play(), node.log

    result, log = asyncio.run(play())
    (Path(plan.folder) / f"{plan.node}.log").write_text(json.dumps(result | {"log": log}))


if __name__ == "__main__":
    main()
