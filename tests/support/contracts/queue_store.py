"""What every `QueueStore` does, whatever it is made of. A subclass gives the fixture `store`."""

import asyncio

from gateway.acd.builtin.ports import QueueStore, Seat, Ticket
from gateway.base.ids import AgentId, ContactId, OfferId

ANNA, BEN = AgentId("ag_anna0000"), AgentId("ag_ben00000")
ONE, TWO, THREE = ContactId("ct_one00000"), ContactId("ct_two00000"), ContactId("ct_three000")
FIRST, SECOND = OfferId("of_first000"), OfferId("of_second00")


def ticket(contact_id: ContactId, score: float, queue: str = "sales", node: str = "n1") -> Ticket:
    return Ticket(contact_id=contact_id, queue=queue, score=score, node=node)


def seat(agent_id: AgentId, ready_score: float | None, queues: tuple[str, ...] = ("sales",), node: str = "n1") -> Seat:
    state = "ready" if ready_score is not None else "not_ready"
    return Seat(agent_id=agent_id, queues=queues, state=state, reason=None, ready_score=ready_score, node=node)


class QueueStoreContract:
    async def test_check_passes_while_the_store_answers(self, store: QueueStore):
        await store.check()

    async def test_the_line_is_in_the_order_of_the_scores(self, store: QueueStore):
        for contact, score in ((TWO, 2.0), (THREE, 3.0), (ONE, 1.0)):
            await store.put_ticket(ticket(contact, score))
        assert (await store.line("sales")).waiting == (ONE, TWO, THREE)

    async def test_scores_a_millisecond_apart_keep_their_order(self, store: QueueStore):
        late, early = 119_999_999_999.002, 119_999_999_999.001
        await store.put_ticket(ticket(ONE, late))
        await store.put_ticket(ticket(TWO, early))
        assert (await store.line("sales")).waiting == (TWO, ONE)

    async def test_equal_scores_are_ordered_by_contact(self, store: QueueStore):
        for contact in (TWO, ONE, THREE):
            await store.put_ticket(ticket(contact, 5.0))
        assert (await store.line("sales")).waiting == tuple(sorted((ONE, TWO, THREE)))

    async def test_ready_agents_are_in_the_order_of_idleness(self, store: QueueStore):
        await store.put_seat(seat(BEN, 200.0))
        await store.put_seat(seat(ANNA, 100.5))
        assert (await store.line("sales")).ready == (ANNA, BEN)

    async def test_an_agent_is_ready_in_each_of_their_queues_and_no_other(self, store: QueueStore):
        await store.put_seat(seat(ANNA, 1.0, ("sales", "support")))
        assert (await store.line("sales")).ready == (ANNA,)
        assert (await store.line("support")).ready == (ANNA,)
        assert (await store.line("parts")).ready == ()
        await store.put_seat(seat(ANNA, 1.0, ("parts",)))
        assert (await store.line("sales")).ready == ()
        assert (await store.line("parts")).ready == (ANNA,)

    async def test_an_agent_without_a_ready_score_is_ready_nowhere(self, store: QueueStore):
        await store.put_seat(seat(ANNA, 1.0))
        await store.put_seat(seat(ANNA, None))
        assert (await store.line("sales")).ready == ()

    async def test_a_ticket_put_again_moves(self, store: QueueStore):
        await store.put_ticket(ticket(ONE, 1.0))
        await store.put_ticket(ticket(TWO, 2.0))
        await store.put_ticket(ticket(ONE, 3.0))
        assert (await store.line("sales")).waiting == (TWO, ONE)
        await store.put_ticket(ticket(ONE, 1.0, "support"))
        assert (await store.line("sales")).waiting == (TWO,)
        assert (await store.line("support")).waiting == (ONE,)

    async def test_dropping_what_is_not_there_is_no_error(self, store: QueueStore):
        await store.drop_ticket(ONE)
        await store.drop_seat(ANNA)
        await store.release(ONE, FIRST)
        await store.forget_node("n9")

    async def test_a_reserved_agent_is_ready_nowhere_and_the_contact_keeps_its_place(self, store: QueueStore):
        await store.put_ticket(ticket(ONE, 1.0))
        await store.put_seat(seat(ANNA, 1.0, ("sales", "support")))
        assert await store.reserve("sales", ONE, ANNA, FIRST)
        line = await store.line("sales")
        assert (line.waiting, line.ready) == ((ONE,), ())
        assert (await store.line("support")).ready == ()

    async def test_a_reserved_contact_or_agent_is_not_reserved_again(self, store: QueueStore):
        await store.put_ticket(ticket(ONE, 1.0))
        await store.put_ticket(ticket(TWO, 2.0))
        await store.put_seat(seat(ANNA, 1.0))
        await store.put_seat(seat(BEN, 2.0))
        assert await store.reserve("sales", ONE, ANNA, FIRST)
        assert not await store.reserve("sales", ONE, BEN, SECOND)
        assert not await store.reserve("sales", TWO, ANNA, SECOND)
        assert (await store.line("sales")).ready == (BEN,)

    async def test_reserving_across_queues_is_refused(self, store: QueueStore):
        await store.put_ticket(ticket(ONE, 1.0, "support"))
        await store.put_seat(seat(ANNA, 1.0, ("sales",)))
        assert not await store.reserve("sales", ONE, ANNA, FIRST)
        assert not await store.reserve("support", ONE, ANNA, FIRST)
        assert (await store.line("sales")).ready == (ANNA,)

    async def test_a_released_contact_can_be_reserved_by_another_and_the_agent_is_not_made_ready(
        self, store: QueueStore
    ):
        await store.put_ticket(ticket(ONE, 1.0))
        await store.put_seat(seat(ANNA, 1.0))
        await store.put_seat(seat(BEN, 2.0))
        assert await store.reserve("sales", ONE, ANNA, FIRST)
        await store.release(ONE, FIRST)
        assert (await store.line("sales")).ready == (BEN,)
        assert await store.reserve("sales", ONE, BEN, SECOND)

    async def test_releasing_another_offer_changes_nothing(self, store: QueueStore):
        await store.put_ticket(ticket(ONE, 1.0))
        await store.put_seat(seat(ANNA, 1.0))
        await store.put_seat(seat(BEN, 2.0))
        assert await store.reserve("sales", ONE, ANNA, FIRST)
        await store.release(ONE, SECOND)
        assert not await store.reserve("sales", ONE, BEN, SECOND)

    async def test_a_ticket_put_again_keeps_its_reservation(self, store: QueueStore):
        await store.put_ticket(ticket(ONE, 5.0))
        await store.put_seat(seat(ANNA, 1.0))
        await store.put_seat(seat(BEN, 2.0))
        assert await store.reserve("sales", ONE, ANNA, FIRST)
        await store.put_ticket(ticket(ONE, 1.0))
        assert not await store.reserve("sales", ONE, BEN, SECOND)

    async def test_writing_a_seat_ends_its_reservation_on_both_sides(self, store: QueueStore):
        await store.put_ticket(ticket(ONE, 1.0))
        await store.put_seat(seat(ANNA, 1.0))
        assert await store.reserve("sales", ONE, ANNA, FIRST)
        await store.put_seat(seat(ANNA, 9.0))
        assert await store.reserve("sales", ONE, ANNA, SECOND)

    async def test_dropping_a_seat_frees_the_contact(self, store: QueueStore):
        await store.put_ticket(ticket(ONE, 1.0))
        await store.put_seat(seat(ANNA, 1.0))
        await store.put_seat(seat(BEN, 2.0))
        assert await store.reserve("sales", ONE, ANNA, FIRST)
        await store.drop_seat(ANNA)
        assert await store.reserve("sales", ONE, BEN, SECOND)

    async def test_dropping_a_ticket_leaves_no_trace_of_its_reservation(self, store: QueueStore):
        await store.put_ticket(ticket(ONE, 1.0))
        await store.put_ticket(ticket(TWO, 2.0))
        await store.put_seat(seat(ANNA, 1.0))
        assert await store.reserve("sales", ONE, ANNA, FIRST)
        await store.drop_ticket(ONE)
        assert (await store.line("sales")).waiting == (TWO,)
        await store.put_seat(seat(ANNA, 1.0))
        await store.put_ticket(ticket(ONE, 3.0))
        assert await store.reserve("sales", ONE, ANNA, SECOND)

    async def test_of_many_who_reserve_at_once_one_wins(self, store: QueueStore):
        await store.put_ticket(ticket(ONE, 1.0))
        agents = [AgentId(f"ag_agent{index:03}") for index in range(20)]
        for agent in agents:
            await store.put_seat(seat(agent, 1.0))
        won = await asyncio.gather(
            *(store.reserve("sales", ONE, agent, OfferId(f"of_{agent[3:]}")) for agent in agents)
        )
        assert sum(won) == 1
        assert len((await store.line("sales")).ready) == 19

    async def test_forgetting_a_node_drops_its_tickets_and_seats_only(self, store: QueueStore):
        await store.put_ticket(ticket(ONE, 1.0, node="n1"))
        await store.put_ticket(ticket(TWO, 2.0, node="n2"))
        await store.put_seat(seat(ANNA, 1.0, node="n1"))
        await store.put_seat(seat(BEN, 2.0, node="n2"))
        await store.forget_node("n1")
        line = await store.line("sales")
        assert (line.waiting, line.ready) == ((TWO,), (BEN,))

    async def test_what_moved_to_another_node_is_not_forgotten_with_the_old_one(self, store: QueueStore):
        await store.put_ticket(ticket(ONE, 1.0, node="n1"))
        await store.put_seat(seat(ANNA, 1.0, node="n1"))
        await store.put_ticket(ticket(ONE, 1.0, node="n2"))
        await store.put_seat(seat(ANNA, 1.0, node="n2"))
        await store.forget_node("n1")
        line = await store.line("sales")
        assert (line.waiting, line.ready) == ((ONE,), (ANNA,))
