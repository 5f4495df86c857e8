"""Several nodes over one store: they offer in one order, to one another's agents, and outlive one another."""

from collections.abc import AsyncIterator

import pytest

from gateway.acd.builtin.acd import BuiltinAcd
from gateway.acd.builtin.distributor import LEASE_S, RENEW_S
from gateway.acd.events import AcdEvent, AcdRef, Queued, Rejected, RejectReason, Reserved, Ringing
from gateway.acd.port import AgentPosition, ContactOffer
from gateway.base.ids import AgentId, ContactId, OfferId
from gateway.config import QueueSettings
from tests.support.clock import FakeClock, at_rest
from tests.support.memory_queues import MemoryQueues

ANNA, BEN = AgentId("ag_anna0000"), AgentId("ag_ben00000")
SALES = QueueSettings(id="sales", name="Sales")
EVERYBODY = QueueSettings(id="sales", name="Sales", strategy="ring_all")


class Nodes:
    """Two nodes, `n1` and `n2`."""

    def __init__(self, *, across: bool = True, queue: QueueSettings = SALES) -> None:
        self.queue = queue
        self.clock = FakeClock()
        self.store = MemoryQueues()
        self.events: list[AcdEvent] = []
        self.acds = {name: self._node(name, across) for name in ("n1", "n2")}

    def _node(self, name: str, across: bool) -> BuiltinAcd:
        acd = BuiltinAcd(
            store=self.store,
            clock=self.clock,
            node=name,
            agent_allowed=lambda *_: True,
            queues=(self.queue,),
            shared=True,
            across=across,
        )
        acd.on_event(self.events.append)
        return acd

    async def start(self) -> None:
        for acd in self.acds.values():
            await acd.start()
        await at_rest()

    async def stop(self) -> None:
        for acd in self.acds.values():
            await acd.aclose()

    async def enter(self, node: str, name: str) -> AcdRef:
        self.clock.advance(0.01)
        ref = await self.acds[node].offer(
            ContactOffer(
                contact_id=ContactId(f"ct_{name}"),
                site="shop",
                queue="sales",
                language="en",
                priority=0,
                queued_at=self.clock.now(),
            )
        )
        await at_rest()
        return ref

    async def agent(self, node: str, agent_id: AgentId, state: str = "ready") -> None:
        since = self.clock.now() if state == "ready" else None
        position = AgentPosition(agent_id=agent_id, queues=("sales",), state=state, reason=None, ready_since=since)
        await self.acds[node].set_agent_state(position)
        await at_rest()

    def offers(self) -> list[tuple[str, str | None]]:
        return [(each.contact_id[3:], each.body.agent_id) for each in self.events if isinstance(each.body, Reserved)]

    def rings(self) -> list[tuple[str, OfferId, AgentId]]:
        """At whom each contact began to ring, with the offer of each."""
        told = [(each.contact_id[3:], each.body) for each in self.events if isinstance(each.body, Ringing)]
        return [(contact, *offer) for contact, body in told for offer in body.offers]

    async def kill(self, node: str) -> None:
        """Without a word, as a process that is killed."""
        await self.acds.pop(node)._distributor._supervisor.aclose()
        self.store.leases.pop(node, None)


@pytest.fixture
async def nodes() -> AsyncIterator[Nodes]:
    nodes = Nodes()
    await nodes.start()
    yield nodes
    await nodes.stop()


async def test_contacts_of_all_nodes_stand_in_one_line(nodes: Nodes) -> None:
    for node, name in (("n1", "one"), ("n2", "two"), ("n1", "three")):
        await nodes.enter(node, name)
    told = {each.contact_id: each.body.place for each in nodes.events if isinstance(each.body, Queued)}
    assert told == {"ct_one": 1, "ct_two": 2, "ct_three": 3}
    for acd in nodes.acds.values():
        assert (await acd.snapshot("sales")).waiting == ("ct_one", "ct_two", "ct_three")


async def test_an_agent_of_one_node_is_offered_who_waits_longest_at_any(nodes: Nodes) -> None:
    await nodes.enter("n2", "one")
    await nodes.enter("n1", "two")
    await nodes.agent("n1", ANNA)
    assert nodes.offers() == [("one", ANNA)]
    await nodes.agent("n2", BEN)
    assert nodes.offers() == [("one", ANNA), ("two", BEN)]


async def test_where_nodes_do_not_work_together_each_serves_its_own() -> None:
    nodes = Nodes(across=False)
    await nodes.start()
    await nodes.enter("n2", "one")
    await nodes.enter("n1", "two")
    await nodes.agent("n1", ANNA)
    assert nodes.offers() == [("two", ANNA)]
    await nodes.stop()


async def test_an_agent_held_by_another_node_is_free_again_when_the_contact_is_over(nodes: Nodes) -> None:
    one = await nodes.enter("n2", "one")
    await nodes.agent("n1", ANNA)
    await nodes.enter("n1", "two")
    assert nodes.offers() == [("one", ANNA)], "nobody is offered twice"
    await nodes.acds["n2"].accept(one, next(e.body.offer_id for e in nodes.events if isinstance(e.body, Reserved)))
    await at_rest()
    assert nodes.offers() == [("one", ANNA)]
    await nodes.acds["n2"].end(one, "over")
    await at_rest()
    assert nodes.offers() == [("one", ANNA), ("two", ANNA)]


async def test_a_contact_is_first_again_when_the_node_of_its_agent_dies(nodes: Nodes) -> None:
    await nodes.enter("n2", "one")
    await nodes.agent("n1", ANNA)
    await nodes.enter("n2", "two")
    assert nodes.offers() == [("one", ANNA)]
    await nodes.kill("n1")
    await nodes.clock.run(LEASE_S + RENEW_S)
    lost = [each.body for each in nodes.events if isinstance(each.body, Rejected)]
    assert [each.reason for each in lost] == [RejectReason.UNREACHABLE]
    await nodes.agent("n2", BEN)
    assert nodes.offers()[-1] == ("one", BEN)


async def test_an_agent_is_free_again_when_the_node_of_the_contact_dies(nodes: Nodes) -> None:
    await nodes.enter("n2", "one")
    await nodes.agent("n1", ANNA)
    assert nodes.offers() == [("one", ANNA)]
    await nodes.kill("n2")
    await nodes.clock.run(LEASE_S + RENEW_S)
    await nodes.enter("n1", "two")
    assert nodes.offers()[-1] == ("two", ANNA)


async def test_an_agent_who_goes_while_another_node_rings_is_told_there(nodes: Nodes) -> None:
    await nodes.enter("n2", "one")
    await nodes.agent("n1", ANNA)
    await nodes.agent("n1", ANNA, "not_ready")
    assert [each.body.reason for each in nodes.events if isinstance(each.body, Rejected)] == [RejectReason.UNREACHABLE]
    await nodes.agent("n2", BEN)
    assert nodes.offers()[-1] == ("one", BEN)


async def test_a_node_that_was_taken_for_dead_writes_itself_anew(nodes: Nodes) -> None:
    await nodes.enter("n1", "one")
    await nodes.agent("n1", ANNA, "not_ready")
    nodes.store.leases.pop("n1")
    await nodes.clock.run(RENEW_S + 0.1)
    await nodes.clock.run(RENEW_S)
    assert set(nodes.store.tickets) == {"ct_one"}
    assert set(nodes.store.seats) == {ANNA}


async def test_a_place_kept_at_one_node_is_taken_at_another(nodes: Nodes) -> None:
    await nodes.enter("n1", "one")
    await nodes.enter("n1", "two")
    nodes.acds["n1"].callbacks.keep(ContactId("ct_one"))
    await at_rest()
    back = ContactOffer(
        contact_id=ContactId("ct_back"),
        site="shop",
        queue="sales",
        language="en",
        priority=0,
        queued_at=nodes.clock.now(),
        previous_contact_id=ContactId("ct_one"),
    )
    await nodes.acds["n2"].offer(back)
    await at_rest()
    assert (await nodes.acds["n2"].snapshot("sales")).waiting == ("ct_back", "ct_two")
    assert nodes.acds["n1"].callbacks.kept() == []


@pytest.fixture
async def everybody() -> AsyncIterator[Nodes]:
    """One queue that rings at all agents of both nodes."""
    nodes = Nodes(queue=EVERYBODY)
    await nodes.start()
    for node, agent_id in (("n1", ANNA), ("n2", BEN)):
        await nodes.agent(node, agent_id)
    yield nodes
    await nodes.stop()


async def test_two_contacts_of_two_nodes_never_ring_at_the_same_agent(everybody: Nodes) -> None:
    """They come in the same moment, before either node has heard of the other's."""
    offers = [
        ContactOffer(
            contact_id=ContactId(f"ct_{name}"),
            site="shop",
            queue="sales",
            language="en",
            priority=0,
            queued_at=everybody.clock.now(),
        )
        for name in ("one", "two")
    ]
    for node, offer in zip(("n1", "n2"), offers, strict=True):
        await everybody.acds[node].offer(offer)
    await at_rest()
    rung = everybody.rings()
    assert len({contact for contact, *_ in rung}) == 1
    assert {agent for *_, agent in rung} == {ANNA, BEN}


async def test_of_agents_of_two_nodes_who_answer_at_once_one_has_it_and_the_other_is_free(everybody: Nodes) -> None:
    one = await everybody.enter("n1", "one")
    await everybody.enter("n2", "two")
    offers = everybody.rings()
    assert {contact for contact, *_ in offers} == {"one"}
    for _, offer_id, _ in offers:
        await everybody.acds["n1"].accept(one, offer_id)
    await at_rest()
    (first,) = [each.body for each in everybody.events if isinstance(each.body, Reserved)]
    (left,) = {ANNA, BEN} - {first.agent_id}
    assert [(contact, agent) for contact, _, agent in everybody.rings()[2:]] == [("two", left)]


async def test_it_rings_on_at_the_others_when_the_node_of_one_dies(everybody: Nodes) -> None:
    one = await everybody.enter("n1", "one")
    offers = {agent: offer_id for _, offer_id, agent in everybody.rings()}
    await everybody.kill("n2")
    await everybody.clock.run(LEASE_S + RENEW_S)
    assert [each.body.offer_id for each in everybody.events if isinstance(each.body, Rejected)] == [offers[BEN]]
    await everybody.acds["n1"].accept(one, offers[BEN])  # of a page that is gone
    await everybody.acds["n1"].accept(one, offers[ANNA])
    await at_rest()
    assert everybody.offers() == [("one", ANNA)]
