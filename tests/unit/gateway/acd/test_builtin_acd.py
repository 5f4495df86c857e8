"""Our own ACD over its store: who is offered what, and what a store that fails does to it."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime

import pytest

from gateway.acd.builtin.acd import BuiltinAcd
from gateway.acd.events import AcdEvent, AcdRef, Queued, Reserved
from gateway.acd.port import AcdMode, AgentPosition, ContactOffer, DeclineReason
from gateway.base.errors import PortFailure
from gateway.base.ids import AgentId, ContactId, OfferId
from tests.support.clock import FakeClock, at_rest
from tests.support.memory_queues import MemoryQueues

ANNA, BEN = AgentId("ag_anna0000"), AgentId("ag_ben00000")


class Rig:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.store = MemoryQueues()
        self.barred: set[AgentId] = set()
        self.events: list[AcdEvent] = []
        self.acd = BuiltinAcd(
            store=self.store,
            clock=self.clock,
            node="n1",
            agent_allowed=lambda agent_id, site: agent_id not in self.barred,
        )
        self.acd.on_event(self.events.append)

    async def enter(self, name: str, queue: str = "sales", **more: object) -> AcdRef:
        values: dict[str, object] = {"site": "shop", "language": "en", "priority": 0, "queued_at": self.clock.now()}
        offer = ContactOffer(contact_id=ContactId(f"ct_{name}"), queue=queue, **(values | more))  # type: ignore[arg-type]
        ref = await self.acd.offer(offer)
        await at_rest()
        return ref

    async def ready(
        self, agent_id: AgentId, queues: tuple[str, ...] = ("sales",), since: datetime | None = None
    ) -> None:
        await self.position(agent_id, "ready", queues, since or self.clock.now())

    async def position(
        self, agent_id: AgentId, state: str, queues: tuple[str, ...] = ("sales",), since: datetime | None = None
    ) -> None:
        position = AgentPosition(agent_id=agent_id, queues=queues, state=state, reason=None, ready_since=since)
        await self.acd.set_agent_state(position)
        await at_rest()

    def offers(self) -> list[tuple[str, AgentId]]:
        return [(each.contact_id[3:], each.body.agent_id) for each in self.events if isinstance(each.body, Reserved)]

    def last_offer(self) -> OfferId:
        return [each.body.offer_id for each in self.events if isinstance(each.body, Reserved)][-1]

    def places(self) -> dict[str, int]:
        return {each.contact_id[3:]: each.body.place for each in self.events if isinstance(each.body, Queued)}


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    rig = Rig()
    await rig.acd.start()
    yield rig
    await rig.acd.aclose()


async def test_it_says_what_it_is(rig: Rig) -> None:
    capabilities = rig.acd.capabilities()
    assert capabilities.mode is AcdMode.OWN
    assert not capabilities.keeps_deadlines


async def test_an_offer_twice_is_one_place(rig: Rig) -> None:
    await rig.enter("one")
    await rig.enter("one")
    assert (await rig.acd.snapshot("sales")).waiting == ("ct_one",)


async def test_contacts_of_the_same_moment_keep_their_order(rig: Rig) -> None:
    for name in ("c", "b", "a"):
        await rig.enter(name)
    assert (await rig.acd.snapshot("sales")).waiting == ("ct_c", "ct_b", "ct_a")


async def test_who_is_sent_on_keeps_the_time_that_they_came_at(rig: Rig) -> None:
    came_at = rig.clock.now()
    ref = await rig.enter("first")
    for name in ("second", "third"):
        rig.clock.advance(30)
        await rig.enter(name)
    await rig.acd.end(ref, "transfer")
    await rig.acd.complete_wrap_up(ref, None)
    await rig.enter("first", queued_at=came_at)
    assert (await rig.acd.snapshot("sales")).waiting == ("ct_first", "ct_second", "ct_third")


async def test_each_event_has_its_number(rig: Rig) -> None:
    await rig.enter("one")
    await rig.ready(ANNA)
    assert [each.seq for each in rig.events] == [1, 2]
    assert len({each.event_id for each in rig.events}) == 2
    assert [each.attempt for each in rig.events] == [0, 1]


async def test_an_agent_serves_only_their_queues(rig: Rig) -> None:
    await rig.enter("one", "support")
    await rig.ready(ANNA, ("sales",))
    assert rig.offers() == []
    await rig.ready(BEN, ("sales", "support"))
    assert rig.offers() == [("one", BEN)]


async def test_an_agent_of_two_queues_takes_who_waits_longest(rig: Rig) -> None:
    await rig.enter("one", "support")
    rig.clock.advance(1)
    await rig.enter("two", "sales")
    await rig.ready(ANNA, ("sales", "support"))
    assert rig.offers() == [("one", ANNA)]


async def test_an_agent_who_joins_the_group_is_offered_who_waits_already(rig: Rig) -> None:
    """Without another event of the queue or of an agent: the customer must not wait for one."""
    rig.barred.add(ANNA)
    await rig.ready(ANNA)
    await rig.enter("one")
    assert rig.offers() == []
    rig.barred.clear()
    rig.acd.reconsider()
    await at_rest()
    assert rig.offers() == [("one", ANNA)]


async def test_a_robots_contact_does_not_ask_the_pilot(rig: Rig) -> None:
    rig.barred.add(ANNA)
    await rig.ready(ANNA)
    await rig.enter("one")
    assert rig.offers() == []
    await rig.enter("robot", canary=True)
    assert rig.offers() == [("robot", ANNA)]


async def test_nobody_is_offered_two_contacts_and_no_contact_to_two_agents(rig: Rig) -> None:
    for name in ("one", "two", "three"):
        await rig.enter(name)
    await rig.ready(ANNA)
    await rig.ready(BEN)
    assert rig.offers() == [("one", ANNA), ("two", BEN)]


async def test_a_declined_contact_is_first_again_and_goes_to_another(rig: Rig) -> None:
    one = await rig.enter("one")
    await rig.ready(ANNA)
    rig.clock.advance(1)
    await rig.enter("urgent", priority=9)
    await rig.position(ANNA, "not_ready")
    await rig.acd.decline(one, rig.last_offer(), DeclineReason.NO_ANSWER)
    await at_rest()
    assert rig.places() == {"one": 1, "urgent": 2}
    await rig.ready(BEN)
    assert rig.offers()[-1] == ("one", BEN)


async def test_an_accepted_contact_is_out_of_line_and_back_at_the_head_without_media(rig: Rig) -> None:
    one = await rig.enter("one")
    await rig.enter("two")
    await rig.ready(ANNA)
    await rig.acd.accept(one, rig.last_offer())
    await at_rest()
    assert rig.places()["two"] == 1
    await rig.acd.confirm_media(one, False)
    await at_rest()
    assert rig.places() == {"one": 1, "two": 2}


async def test_the_answer_to_another_offer_changes_nothing(rig: Rig) -> None:
    one = await rig.enter("one")
    await rig.ready(ANNA)
    await rig.acd.accept(one, OfferId("of_other"))
    await rig.acd.decline(one, OfferId("of_other"), DeclineReason.DECLINED)
    await at_rest()
    assert (await rig.acd.snapshot("sales")).waiting == ("ct_one",)
    assert rig.offers() == [("one", ANNA)]


async def test_what_is_cancelled_while_it_rings_frees_the_agent(rig: Rig) -> None:
    one = await rig.enter("one")
    await rig.ready(ANNA)
    await rig.acd.cancel(one, "abandoned")
    await at_rest()
    await rig.enter("two")
    assert rig.offers()[-1] == ("two", ANNA)


async def test_a_contact_that_is_not_offerable_keeps_its_place(rig: Rig) -> None:
    one = await rig.enter("one", offerable=False)
    await rig.enter("two")
    await rig.ready(ANNA)
    assert rig.offers() == [("two", ANNA)]
    assert rig.places() == {"one": 1, "two": 2}
    await rig.acd.set_offerable(one, True)
    await rig.ready(BEN)
    assert rig.offers()[-1] == ("one", BEN)


async def test_who_logs_off_is_forgotten(rig: Rig) -> None:
    await rig.ready(ANNA)
    await rig.position(ANNA, "logged_off")
    await rig.enter("one")
    assert rig.offers() == []
    assert rig.store.seats == {}


async def test_a_store_that_comes_back_empty_is_filled_again(rig: Rig) -> None:
    await rig.enter("one")
    await rig.enter("two")
    rig.store.away = True
    await rig.ready(ANNA)
    assert rig.offers() == []
    with pytest.raises(PortFailure, match="live_unavailable"):
        await rig.acd.check()
    rig.store.tickets.clear()
    rig.store.away = False
    await rig.clock.run(1)
    assert rig.offers() == [("one", ANNA)]
    assert set(rig.store.tickets) == {"ct_one", "ct_two"}


async def test_a_store_that_lost_a_ticket_unseen_is_given_it_again(rig: Rig) -> None:
    await rig.enter("one")
    rig.store.tickets.clear()
    await rig.enter("two")
    assert (await rig.acd.snapshot("sales")).waiting == ("ct_one", "ct_two")


async def test_a_reservation_whose_answer_was_lost_does_not_block_the_contact(rig: Rig) -> None:
    """The store reserved, but the answer never came: the next attempt starts from a clean ticket."""
    await rig.enter("one")
    real = rig.store.reserve

    async def lost(*args: object, **more: object) -> int:
        rig.store.reserve = real  # type: ignore[method-assign]
        await real(*args, **more)  # type: ignore[arg-type]
        raise PortFailure("live_unavailable", "no answer")

    rig.store.reserve = lost  # type: ignore[method-assign]
    await rig.ready(ANNA)
    assert rig.offers() == []
    await rig.clock.run(1)
    assert rig.offers() == [("one", ANNA)]


async def test_a_contact_that_leaves_while_the_store_answers_is_not_offered(rig: Rig) -> None:
    one = await rig.enter("one")
    real = rig.store.reserve
    gate = asyncio.Event()

    async def slow(*args: object, **more: object) -> int:
        await gate.wait()
        return await real(*args, **more)  # type: ignore[arg-type]

    rig.store.reserve = slow  # type: ignore[method-assign]
    await rig.ready(ANNA)
    await rig.acd.cancel(one, "abandoned")
    gate.set()
    await at_rest()
    assert rig.offers() == []
    await rig.enter("two")
    assert rig.offers() == [("two", ANNA)]
    assert set(rig.store.tickets) == {"ct_two"}


async def test_nothing_is_left_in_the_store_at_the_end(rig: Rig) -> None:
    await rig.enter("one")
    await rig.ready(ANNA)
    await rig.acd.aclose()
    await rig.acd.aclose()
    assert (rig.store.tickets, rig.store.seats) == ({}, {})


async def test_a_closing_that_is_cut_short_is_done_by_the_next(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    async def for_ever(_: str) -> int:
        return await asyncio.get_running_loop().create_future()

    await rig.enter("one")
    await rig.ready(ANNA)
    with monkeypatch.context() as patch:
        patch.setattr(rig.store, "forget_node", for_ever)
        closing = asyncio.create_task(rig.acd.aclose())
        await at_rest()
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing
    assert rig.store.tickets
    await rig.acd.aclose()
    assert (rig.store.tickets, rig.store.seats) == ({}, {})


async def test_who_took_the_customer_over_is_held_for_it_and_who_asked_them_is_free(rig: Rig) -> None:
    ref = await rig.enter("one")
    await rig.ready(ANNA)
    await rig.acd.accept(ref, rig.last_offer())
    await rig.ready(BEN)
    await rig.acd.claimed(ref, BEN)
    await rig.ready(ANNA)
    await rig.enter("two")
    await rig.enter("three")
    assert rig.offers() == [("one", ANNA), ("two", ANNA)]
    await rig.acd.end(ref, "normal")
    await at_rest()
    assert rig.offers()[2:] == [("three", BEN)]
