"""Our own ACD on a clock that stands still: what contacts enter, what agents do, and what each was told."""

from gateway.acd.builtin.acd import BuiltinAcd
from gateway.acd.builtin.callbacks import CallbackNews
from gateway.acd.events import AcdEvent, AcdRef, ExitReason, Reserved
from gateway.acd.port import AgentPosition, ContactOffer
from gateway.base.ids import AgentId, ContactId
from gateway.config import QueueSettings
from tests.support.clock import FakeClock, at_rest
from tests.support.memory_queues import MemoryQueues

ANNA, BEN = AgentId("ag_anna0000"), AgentId("ag_ben00000")
SUPPORT = QueueSettings(id="support", name="Support")


class CountedFigures:
    """What was counted, in order."""

    def __init__(self) -> None:
        self.answers: list[tuple[str, float, bool, float | None]] = []
        self.leaves: list[tuple[str, str, str]] = []
        self.callbacks: list[tuple[str, str]] = []
        self.decisions = 0

    def decided(self, took_s: float) -> None:
        self.decisions += 1

    def answered(self, queue: str, waited_s: float, *, in_time: bool, off_by_s: float | None) -> None:
        self.answers.append((queue, waited_s, in_time, off_by_s))

    def left(self, queue: str, reason: ExitReason, to: str) -> None:
        self.leaves.append((queue, reason.value, to))

    def callback(self, queue: str, what: str) -> None:
        self.callbacks.append((queue, what))


class Rig:
    def __init__(self, *queues: QueueSettings) -> None:
        self.clock = FakeClock()  # a Monday, 09:00 UTC
        self.store = MemoryQueues()
        self.events: list[AcdEvent] = []
        self.news: list[CallbackNews] = []
        self.figures = CountedFigures()
        self.acd = BuiltinAcd(
            store=self.store,
            clock=self.clock,
            node="n1",
            agent_allowed=lambda *_: True,
            queues=queues,
            figures=self.figures,
        )
        self.acd.on_event(self.events.append)
        self.acd.on_callback(self.news.append)

    async def enter(self, name: str, queue: str = "sales", **more: object) -> AcdRef:
        values: dict[str, object] = {"site": "shop", "language": "en", "priority": 0, "queued_at": self.clock.now()}
        offer = ContactOffer(contact_id=ContactId(f"ct_{name}"), queue=queue, **(values | more))  # type: ignore[arg-type]
        ref = await self.acd.offer(offer)
        await at_rest()
        return ref

    async def agent(self, agent_id: AgentId, state: str = "ready", queues: tuple[str, ...] = ("sales",)) -> None:
        since = self.clock.now() if state == "ready" else None
        position = AgentPosition(agent_id=agent_id, queues=queues, state=state, reason=None, ready_since=since)
        await self.acd.set_agent_state(position)
        await at_rest()

    async def accept(self, ref: AcdRef) -> AgentId:
        """The agent it rings at takes it."""
        rings = [each.body for each in self.events if each.acd_ref == ref and isinstance(each.body, Reserved)][-1]
        assert rings.agent_id is not None
        await self.acd.accept(ref, rings.offer_id)
        await self.agent(rings.agent_id, "busy", ("sales", "support"))
        return rings.agent_id

    def told(self, name: str) -> list[object]:
        return [each.body for each in self.events if each.contact_id == f"ct_{name}"]

    def last(self, name: str) -> AcdEvent:
        return [each for each in self.events if each.contact_id == f"ct_{name}"][-1]

    async def waiting(self, queue: str = "sales") -> tuple[str, ...]:
        return (await self.acd.snapshot(queue)).waiting


def sales(**fields: object) -> QueueSettings:
    return QueueSettings(id="sales", name="Sales", **fields)  # type: ignore[arg-type]
