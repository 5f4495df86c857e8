"""Two nodes, a few people, and anything that can happen, in any order: what must hold after each of it."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gateway.acd.builtin.acd import BuiltinAcd
from gateway.acd.builtin.callbacks import CallbackDue, CallbackNews
from gateway.acd.events import AcdEvent, AcdRef, Queued, QueueExit, Rejected, Reserved, Ringing
from gateway.acd.port import AgentPosition, ContactOffer, DeclineReason
from gateway.base.errors import StateConflict
from gateway.base.ids import AgentId, ContactId, OfferId
from gateway.config import QueueSettings
from tests.support.clock import FakeClock, at_rest
from tests.support.memory_queues import MemoryQueues

QUEUES = (
    QueueSettings(
        id="sales",
        name="Sales",
        skills={"french": 5},
        relax=[{"after": "20s", "by": 5}],  # type: ignore[list-item]
        overflow=[{"when": "wait", "after": "2m", "to": "support"}],  # type: ignore[list-item]
    ),
    QueueSettings(id="support", name="Support", strategy="round_robin", aging="30s"),  # type: ignore[arg-type]
    QueueSettings(id="everybody", name="Everybody", strategy="ring_all", ring_at_most=2),
)
AGENTS = {"n1": (AgentId("ag_anna0000"), AgentId("ag_cid00000")), "n2": (AgentId("ag_ben00000"),)}
nodes = st.sampled_from(sorted(AGENTS))
agents = st.sampled_from([(node, agent_id) for node, there in AGENTS.items() for agent_id in there])


class OwnAcdMachine(RuleBasedStateMachine):
    """`rings` is what contacts believe, from what they were told. `queues`: where contacts come to."""

    queues: tuple[str, ...] = ("sales", "support", "everybody")

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.clock = FakeClock()
        self.store = MemoryQueues()
        self.home: dict[ContactId, str] = {}
        self.rings: dict[ContactId, tuple[OfferId, AgentId]] = {}
        self.rung: dict[ContactId, dict[OfferId, AgentId]] = {}  # where it rings at several
        self.answered: dict[ContactId, set[OfferId]] = {}  # and who of them said yes, not yet told who was first
        self.talks: dict[ContactId, AgentId] = {}
        self.kept: set[ContactId] = set()
        self.seqs: dict[ContactId, int] = {}
        self.count = 0
        self.acds = self.run(self._start())

    def run(self, what: Coroutine[Any, Any, Any]) -> Any:
        async def and_rest() -> Any:
            result = await what
            await at_rest()
            return result

        return self.loop.run_until_complete(and_rest())

    async def _start(self) -> dict[str, BuiltinAcd]:
        acds = {}
        for node in AGENTS:
            acd = acds[node] = BuiltinAcd(
                store=self.store,
                clock=self.clock,
                node=node,
                agent_allowed=lambda *_: True,
                queues=QUEUES,
                shared=True,
                across=True,
            )
            acd.on_event(self.told)
            acd.on_callback(self.called)
            await acd.start()
        return acds

    def told(self, event: AcdEvent) -> None:
        contact_id = event.contact_id
        assert event.seq == self.seqs.get(contact_id, 0) + 1, "no event is missing, and none comes twice"
        self.seqs[contact_id] = event.seq
        match event.body:
            case Reserved(offer_id=offer_id, agent_id=agent_id):
                assert agent_id is not None
                assert contact_id not in self.rings
                assert contact_id not in self.talks
                ring = self.rung.pop(contact_id, None)
                if ring is not None:
                    assert ring[offer_id] == agent_id
                    assert offer_id in self.answered.pop(contact_id), "of those who answered"
                assert agent_id not in self.taken(), "one contact at a time"
                self.rings[contact_id] = (offer_id, agent_id)
            case Ringing(offers=offers):
                assert contact_id not in self.rings
                assert contact_id not in self.talks
                assert not {agent_id for _, agent_id in offers} & self.taken(), "one contact at a time, by ringing too"
                ring = self.rung.setdefault(contact_id, {})
                ring |= dict(offers)
                assert len(ring) <= 2, "at so many and no more"
            case Rejected(offer_id=offer_id) if contact_id in self.rung:
                del self.rung[contact_id][offer_id]
                self.answered.get(contact_id, set()).discard(offer_id)
                if not self.rung[contact_id]:
                    self.forget_ring(contact_id)
            case Rejected(offer_id=offer_id):
                assert self.rings.pop(contact_id)[0] == offer_id
            case QueueExit():
                del self.home[contact_id]
            case Queued():
                assert contact_id in self.home
            case _:
                pass

    def taken(self) -> set[AgentId]:
        """Who is kept for a contact."""
        rung = {agent for ring in self.rung.values() for agent in ring.values()}
        return rung | {agent for _, agent in self.rings.values()} | set(self.talks.values())

    def forget_ring(self, contact_id: ContactId) -> None:
        self.rung.pop(contact_id, None)
        self.answered.pop(contact_id, None)

    def called(self, news: CallbackNews) -> None:
        assert news.contact_id in self.kept
        if not isinstance(news, CallbackDue):
            self.kept.discard(news.contact_id)

    def _acd(self, contact_id: ContactId) -> BuiltinAcd:
        return self.acds[self.home[contact_id]]

    # ------------------------------------------------------------ what can happen

    @rule(
        node=nodes,
        queue=st.runner().flatmap(lambda self: st.sampled_from(self.queues)),
        priority=st.sampled_from([0, 0, 3]),
    )
    def a_contact_comes(self, node: str, queue: str, priority: int) -> None:
        if len(self.home) < 6:
            self.count += 1
            contact_id = ContactId(f"ct_{self.count:08}")
            self.home[contact_id] = node
            offer = ContactOffer(
                contact_id=contact_id,
                site="shop",
                queue=queue,
                language="en",
                priority=priority,
                queued_at=self.clock.now(),
            )
            self.run(self.acds[node].offer(offer))

    @rule(who=agents, state=st.sampled_from(["ready", "ready", "not_ready", "logged_off"]), skilled=st.booleans())
    def an_agent_changes(self, who: tuple[str, AgentId], state: str, skilled: bool) -> None:
        self.place(*who, state, skilled=skilled)

    def place(self, node: str, agent_id: AgentId, state: str, *, skilled: bool = False) -> None:
        position = AgentPosition(
            agent_id=agent_id,
            queues=("sales", "support", "everybody"),
            state=state,
            reason=None,
            ready_since=self.clock.now() if state == "ready" else None,
            skills={"french": 7} if skilled else {},
        )
        self.run(self.acds[node].set_agent_state(position))

    @precondition(lambda self: self.rings)
    @rule(data=st.data(), accepted=st.booleans())
    def somebody_answers(self, data: st.DataObject, accepted: bool) -> None:
        contact_id = data.draw(st.sampled_from(sorted(self.rings)))
        offer_id, agent_id = self.rings.pop(contact_id)
        if accepted:
            self.talks[contact_id] = agent_id
            self.run(self._acd(contact_id).accept(AcdRef(contact_id), offer_id))
        else:
            self.run(self._acd(contact_id).decline(AcdRef(contact_id), offer_id, DeclineReason.DECLINED))

    @precondition(lambda self: self.rung)
    @rule(data=st.data())
    def some_of_those_at_whom_it_rings_answer_at_once(self, data: st.DataObject) -> None:
        contact_id = data.draw(st.sampled_from(sorted(self.rung)))
        offers = data.draw(st.lists(st.sampled_from(sorted(self.rung[contact_id])), min_size=1, unique=True))
        self.answered.setdefault(contact_id, set()).update(offers)

        async def answer() -> None:
            for offer_id in offers:
                await self._acd(contact_id).accept(AcdRef(contact_id), offer_id)

        self.run(answer())
        if not self.answered.get(contact_id):
            return
        self.loop.run_until_complete(self.clock.run(6))  # a store that was away is asked again, or given up
        assert contact_id in self.rings or not self.answered.get(contact_id), "somebody was the first"

    @precondition(lambda self: self.rung)
    @rule(data=st.data())
    def nobody_answers(self, data: st.DataObject) -> None:
        contact_id = data.draw(st.sampled_from(sorted(self.rung)))
        offer_id = sorted(self.rung[contact_id])[0]
        self.forget_ring(contact_id)
        self.run(self._acd(contact_id).decline(AcdRef(contact_id), offer_id, DeclineReason.NO_ANSWER))

    @precondition(lambda self: self.home)
    @rule(data=st.data())
    def somebody_leaves(self, data: st.DataObject) -> None:
        contact_id = data.draw(st.sampled_from(sorted(self.home)))
        acd = self._acd(contact_id)
        self.rings.pop(contact_id, None)
        self.forget_ring(contact_id)
        del self.home[contact_id]
        if self.talks.pop(contact_id, None) is not None:
            self.run(acd.end(AcdRef(contact_id), "over"))
        else:
            self.run(acd.cancel(AcdRef(contact_id), "abandoned"))

    @precondition(lambda self: self.home)
    @rule(data=st.data())
    def somebody_wants_to_be_called_back(self, data: st.DataObject) -> None:
        contact_id = data.draw(st.sampled_from(sorted(self.home)))
        self.kept.add(contact_id)

        async def keep() -> None:
            self._acd(contact_id).callbacks.keep(contact_id)

        try:
            self.run(keep())
        except StateConflict:
            assert contact_id in {*self.rings, *self.rung, *self.talks}
            self.kept.discard(contact_id)
        else:
            del self.home[contact_id]

    @precondition(lambda self: self.home)
    @rule(data=st.data(), offerable=st.booleans())
    def a_network_comes_or_goes(self, data: st.DataObject, offerable: bool) -> None:
        contact_id = data.draw(st.sampled_from(sorted(self.home)))
        self.run(self._acd(contact_id).set_offerable(AcdRef(contact_id), offerable))

    @rule(seconds=st.sampled_from([1, 10, 30, 150]))
    def time_passes(self, seconds: int) -> None:
        self.loop.run_until_complete(self.clock.run(seconds))

    @rule()
    def the_store_goes_or_comes(self) -> None:
        self.store.away = not self.store.away
        if not self.store.away:
            self.loop.run_until_complete(self.clock.run(10))

    # ------------------------------------------------------------ what holds

    @invariant()
    def the_store_knows_who_rings_and_who_talks(self) -> None:
        if self.store.away:
            return
        known = {contact_id: (hold.agent_id, hold.taken) for contact_id, hold in self.store.held.items()}
        believed = {contact_id: (agent_id, False) for contact_id, (_, agent_id) in self.rings.items()}
        assert known == believed | {contact_id: (agent_id, True) for contact_id, agent_id in self.talks.items()}
        rung = {
            contact_id: {each.offer_id: each.agent_id for each in ring} for contact_id, ring in self.store.rings.items()
        }
        assert rung == self.rung

    @invariant()
    def who_is_there_has_a_place_and_nobody_else(self) -> None:
        if not self.store.away:
            assert set(self.store.tickets) == set(self.home) | self.kept

    @invariant()
    def nobody_waits_beside_an_agent_who_could_serve_them(self) -> None:
        if self.store.away:
            return
        taken = self.taken()
        for seat in self.store.seats.values():
            if seat.ready_score is None or seat.agent_id in taken:
                continue
            for ticket in self.store.tickets.values():
                ring = self.store.rings.get(ticket.contact_id, ())
                free = ticket.contact_id not in self.store.held and ticket.offerable and not ticket.callback
                free = free and len(ring) < (2 if ring else 1)
                waited_s = self.clock.now().timestamp() - ticket.queued_s
                able = ticket.queue != "sales" or seat.skills.get("french", 0) >= 5 or waited_s > 20.1
                assert not (free and able), f"{ticket.contact_id} waits beside {seat.agent_id}"

    def teardown(self) -> None:
        async def stop() -> None:
            self.store.away = False
            for acd in self.acds.values():
                await acd.aclose()

        self.run(stop())
        assert (self.store.tickets, self.store.seats, self.store.held, self.store.rings) == ({}, {}, {}, {})
        self.loop.close()


class RingAllMachine(OwnAcdMachine):
    """Most contacts ring at all, and agents have come to take them."""

    queues = ("everybody", "everybody", "everybody", "support")

    @initialize()
    def agents_are_there(self) -> None:
        for node, there in AGENTS.items():
            for agent_id in there:
                self.place(node, agent_id, "ready")


RingAllMachine.TestCase.settings = settings(
    max_examples=40, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
TestRingAll = RingAllMachine.TestCase
OwnAcdMachine.TestCase.settings = settings(
    max_examples=40, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
TestOwnAcd = OwnAcdMachine.TestCase
