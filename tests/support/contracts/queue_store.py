"""What every store of our own ACD must do. Subclass it with a fixture `store`."""

import asyncio
from dataclasses import replace

import pytest

from gateway.acd.builtin.ports import Hold, QueueStore, Seat, Ticket
from gateway.base.ids import AgentId, ContactId, OfferId

ANNA, BEN, CID = AgentId("ag_anna0000"), AgentId("ag_ben00000"), AgentId("ag_cid00000")
ONE, TWO, THREE = ContactId("ct_one00000"), ContactId("ct_two00000"), ContactId("ct_three000")
FIRST, SECOND = OfferId("of_first000"), OfferId("of_second00")
NOW_S = 1_772_442_000.5


def ticket(contact_id: ContactId, score: float = 1.0, queue: str = "sales", node: str = "n1", **more: object) -> Ticket:
    return Ticket(contact_id=contact_id, queue=queue, score=score, node=node, **more)  # type: ignore[arg-type]


def seat(
    agent_id: AgentId, ready_score: float | None = 1.0, queues: tuple[str, ...] = ("sales",), **more: object
) -> Seat:
    state = "ready" if ready_score is not None else "busy"
    values: dict[str, object] = {"node": "n1", "state": state} | more
    return Seat(agent_id=agent_id, queues=queues, reason=None, ready_score=ready_score, **values)  # type: ignore[arg-type]


def held(agent_id: AgentId, offer_id: OfferId = FIRST, *, taken: bool = False) -> Hold:
    return Hold(agent_id=agent_id, offer_id=offer_id, taken=taken)


async def everything(store: QueueStore) -> tuple[dict[ContactId, Hold | None], dict[AgentId, dict[ContactId, str]]]:
    """Whom each contact is held for, and what each agent is held for."""
    news = await store.news(0)
    return (
        {row.ticket.contact_id: row.hold for row in news.tickets},
        {row.seat.agent_id: dict(row.holds) for row in news.seats},
    )


async def reserve(store: QueueStore, contact_id: ContactId, agent_id: AgentId, offer_id: OfferId = FIRST) -> bool:
    """By somebody who has just read everything."""
    seen = (await store.news(0)).version
    return bool(await store.reserve(contact_id, agent_id, offer_id, seen=seen, now_s=NOW_S))


async def ring(store: QueueStore, contact_id: ContactId, *agents: AgentId) -> bool:
    """The contact rings at all of them, each with an offer of their own: who asks has just read everything."""
    more = [Hold(agent_id=agent, offer_id=OfferId(f"of_{agent[3:]}")) for agent in agents]
    return bool(await store.ring(contact_id, more, seen=(await store.news(0)).version, now_s=NOW_S))


async def rings(store: QueueStore) -> dict[ContactId, list[AgentId]]:
    """At whom each contact rings."""
    return {row.ticket.contact_id: [each.agent_id for each in row.ring] for row in (await store.news(0)).tickets}


class QueueStoreContract:
    async def test_check_passes_while_the_store_answers(self, store: QueueStore):
        await store.check()

    async def test_an_empty_store_has_no_news(self, store: QueueStore):
        news = await store.news(0)
        assert (list(news.tickets), list(news.seats)) == ([], [])

    async def test_what_was_written_is_read_as_it_was(self, store: QueueStore):
        full = ticket(
            ONE,
            119_999_999_999.002,
            channel="chat",
            site="shop",
            canary=True,
            language="fr",
            priority=3,
            queued_s=1.25,
            sent_s=2.5,
            kept_s=0.5,
            at_head=True,
            skills=(("french", 7),),
            preferred=ANNA,
            last=BEN,
            offerable=False,
            callback=True,
            visited=("support",),
        )
        sitting = replace(
            seat(ANNA, 100.5, ("sales", "support")),
            reason="lunch",
            skills={"french": 7},
            languages=("fr", "en"),
            chats=3,
            chats_beside_video=1,
            logged_on_s=9.5,
            busy_s=3.25,
        )
        await store.put_ticket(full)
        await store.put_seat(sitting)
        await store.put_seat(seat(BEN, None))
        news = await store.news(0)
        assert [row.ticket for row in news.tickets] == [full]
        assert {row.seat.agent_id: row.seat for row in news.seats} == {ANNA: sitting, BEN: seat(BEN, None)}

    async def test_each_change_is_news_to_who_has_not_seen_it(self, store: QueueStore):
        first = await store.put_ticket(ticket(ONE))
        second = await store.put_ticket(ticket(TWO))
        assert second == first + 1
        news = await store.news(first)
        assert (news.version, news.whole) == (second, False)
        assert [row.ticket.contact_id for row in news.tickets] == [TWO]
        third = await store.drop_ticket(ONE)
        news = await store.news(second)
        assert (news.version, list(news.tickets), list(news.gone_tickets)) == (third, [], [ONE])
        fourth = await store.put_seat(seat(ANNA))
        fifth = await store.drop_seat(ANNA)
        assert list((await store.news(fourth)).gone_seats) == [ANNA]
        assert list((await store.news(fifth)).gone_seats) == []

    async def test_dropping_what_is_not_there_is_no_error_and_no_news(self, store: QueueStore):
        before = await store.put_ticket(ticket(TWO))
        assert await store.drop_ticket(ONE) == before
        assert await store.drop_seat(ANNA) == before
        assert await store.release(ONE, FIRST) == before
        assert await store.forget_node("n9") == before

    async def test_a_reservation_is_on_both_sides_and_says_when(self, store: QueueStore):
        await store.put_ticket(ticket(ONE))
        await store.put_seat(seat(ANNA))
        assert await reserve(store, ONE, ANNA)
        assert await everything(store) == ({ONE: held(ANNA)}, {ANNA: {ONE: "video"}})
        assert (await store.news(0)).seats[0].offered_s == NOW_S
        await store.put_seat(seat(ANNA, 5.0))
        assert (await store.news(0)).seats[0].offered_s == NOW_S, "whose turn it is outlives a change of state"

    async def test_a_reserved_contact_or_agent_is_not_reserved_again(self, store: QueueStore):
        for contact_id in (ONE, TWO):
            await store.put_ticket(ticket(contact_id))
        for agent_id in (ANNA, BEN):
            await store.put_seat(seat(agent_id))
        assert await reserve(store, ONE, ANNA)
        assert not await reserve(store, ONE, BEN, SECOND)
        assert not await reserve(store, TWO, ANNA, SECOND)
        assert await reserve(store, TWO, BEN, SECOND)

    async def test_only_ready_agents_of_that_queue_and_contacts_that_may_be_offered(self, store: QueueStore):
        await store.put_ticket(ticket(ONE, queue="support"))
        await store.put_seat(seat(ANNA, queues=("sales", "supporters")))
        assert not await reserve(store, ONE, ANNA)
        await store.put_seat(seat(ANNA, None, queues=("support",)))
        assert not await reserve(store, ONE, ANNA)
        await store.put_seat(seat(ANNA, queues=("support",)))
        await store.put_ticket(ticket(ONE, queue="support", offerable=False))
        assert not await reserve(store, ONE, ANNA)
        await store.put_ticket(ticket(ONE, queue="support", callback=True))
        assert not await reserve(store, ONE, ANNA)
        assert not await reserve(store, TWO, ANNA), "a contact nobody knows"
        await store.put_ticket(ticket(ONE, queue="support"))
        assert not await reserve(store, ONE, BEN), "an agent nobody knows"
        assert await reserve(store, ONE, ANNA)

    async def test_capacity_is_counted(self, store: QueueStore):
        chat = [ContactId(f"ct_chat{number:04}") for number in range(3)]
        for contact_id in chat:
            await store.put_ticket(ticket(contact_id, queue="chats", channel="chat"))
        await store.put_ticket(ticket(ONE))
        await store.put_seat(seat(ANNA, queues=("sales", "chats"), chats=2, chats_beside_video=1))
        assert await reserve(store, chat[0], ANNA, FIRST)
        assert await reserve(store, chat[1], ANNA, FIRST)
        assert not await reserve(store, chat[2], ANNA, FIRST)
        assert not await reserve(store, ONE, ANNA, FIRST), "two chats are too many beside a video"
        await store.drop_ticket(chat[0])
        assert await reserve(store, ONE, ANNA, FIRST)
        await store.drop_ticket(chat[1])
        assert await reserve(store, chat[2], ANNA, FIRST)

    async def test_without_chats_no_chat(self, store: QueueStore):
        await store.put_ticket(ticket(ONE, channel="chat"))
        await store.put_seat(seat(ANNA))
        assert not await reserve(store, ONE, ANNA)

    async def test_who_has_not_seen_a_contact_further_ahead_reserves_nobody(self, store: QueueStore):
        await store.put_ticket(ticket(TWO, 2.0))
        seen = await store.put_seat(seat(ANNA))
        await store.put_ticket(ticket(ONE, 1.0))
        assert not await store.reserve(TWO, ANNA, FIRST, seen=seen, now_s=NOW_S)
        assert await reserve(store, TWO, ANNA), "who has seen it knows better"

    async def test_equal_scores_are_ordered_by_contact(self, store: QueueStore):
        await store.put_ticket(ticket(TWO))
        seen = await store.put_seat(seat(ANNA))
        await store.put_ticket(ticket(THREE))
        assert not await store.reserve(TWO, ANNA, FIRST, seen=seen, now_s=NOW_S)

    async def test_news_that_put_nobody_first_hinder_nobody(self, store: QueueStore):
        await store.put_ticket(ticket(TWO, 2.0))
        seen = await store.put_seat(seat(ANNA))
        await store.put_ticket(ticket(THREE, 3.0))
        await store.put_ticket(ticket(ONE, 1.0, queue="support"))
        await store.put_seat(seat(BEN))
        assert await store.reserve(TWO, ANNA, FIRST, seen=seen, now_s=NOW_S)

    async def test_an_agent_who_is_gone_may_have_been_meant_for_somebody_ahead(self, store: QueueStore):
        await store.put_ticket(ticket(ONE, 1.0))
        await store.put_ticket(ticket(TWO, 2.0))
        await store.put_seat(seat(ANNA))
        seen = await store.put_seat(seat(BEN))
        await store.put_seat(seat(ANNA, None))
        assert not await store.reserve(TWO, BEN, FIRST, seen=seen, now_s=NOW_S)

    async def test_an_agent_who_went_to_a_contact_ahead_hinders_nobody(self, store: QueueStore):
        await store.put_ticket(ticket(ONE, 1.0))
        await store.put_ticket(ticket(TWO, 2.0))
        await store.put_seat(seat(ANNA))
        seen = await store.put_seat(seat(BEN))
        assert await store.reserve(ONE, ANNA, FIRST, seen=seen, now_s=NOW_S)
        assert await store.reserve(TWO, BEN, SECOND, seen=seen, now_s=NOW_S)

    async def test_an_agent_who_went_to_a_newcomer_may_have_been_meant_for_somebody_ahead(self, store: QueueStore):
        await store.put_ticket(ticket(ONE, 2.0))
        await store.put_ticket(ticket(TWO, 3.0))
        await store.put_seat(seat(ANNA))
        seen = await store.put_seat(seat(BEN))
        came = await store.put_ticket(ticket(THREE, 1.0))
        assert await store.reserve(THREE, ANNA, FIRST, seen=came, now_s=NOW_S)
        assert not await store.reserve(TWO, BEN, SECOND, seen=seen, now_s=NOW_S), "Ben is for ONE now"
        assert await reserve(store, ONE, BEN, SECOND)

    async def test_who_comes_back_in_line_and_is_held_again_is_a_newcomer(self, store: QueueStore):
        await store.put_ticket(ticket(ONE, 2.0))
        await store.put_ticket(ticket(TWO, 3.0))
        await store.put_ticket(ticket(THREE, 1.0))
        for agent in (ANNA, BEN, CID):
            await store.put_seat(seat(agent))
        assert await reserve(store, THREE, CID)
        seen = (await store.news(0)).version
        await store.release(THREE, FIRST)
        back = await store.put_seat(seat(CID, None))
        assert await store.reserve(THREE, ANNA, FIRST, seen=back, now_s=NOW_S)
        back = await store.put_seat(seat(CID))
        assert not await store.reserve(TWO, BEN, SECOND, seen=seen, now_s=NOW_S)

    @pytest.mark.parametrize("before", [{"score": 9.0}, {"queue": "support"}, {"offerable": False}])
    async def test_who_moved_up_since_is_a_newcomer(self, store: QueueStore, before: dict[str, object]):
        await store.put_ticket(replace(ticket(THREE, 1.0), **before))  # type: ignore[arg-type]
        await store.put_ticket(ticket(ONE, 2.0))
        await store.put_ticket(ticket(TWO, 3.0))
        await store.put_seat(seat(ANNA))
        seen = await store.put_seat(seat(BEN))
        moved = await store.put_ticket(ticket(THREE, 1.0))
        assert await store.reserve(THREE, ANNA, FIRST, seen=moved, now_s=NOW_S)
        assert not await store.reserve(TWO, BEN, SECOND, seen=seen, now_s=NOW_S)

    async def test_who_answered_since_is_no_newcomer(self, store: QueueStore):
        await store.put_ticket(ticket(ONE, 1.0))
        await store.put_ticket(ticket(TWO, 2.0))
        await store.put_seat(seat(ANNA))
        seen = await store.put_seat(seat(BEN))
        assert await store.reserve(ONE, ANNA, FIRST, seen=seen, now_s=NOW_S)
        await store.put_ticket(ticket(ONE, 1.0), held(ANNA, taken=True))
        assert await store.reserve(TWO, BEN, SECOND, seen=seen, now_s=NOW_S)

    async def test_an_agent_who_serves_other_queues_now_may_have_been_meant_for_somebody_ahead(self, store: QueueStore):
        await store.put_ticket(ticket(ONE, 1.0))
        await store.put_ticket(ticket(TWO, 2.0))
        await store.put_seat(seat(ANNA))
        seen = await store.put_seat(seat(BEN))
        await store.put_seat(seat(ANNA, queues=("support",)))
        assert not await store.reserve(TWO, BEN, FIRST, seen=seen, now_s=NOW_S)
        assert await reserve(store, ONE, BEN)

    async def test_a_released_contact_is_free_and_another_offer_is_not_touched(self, store: QueueStore):
        await store.put_ticket(ticket(ONE))
        await store.put_seat(seat(ANNA))
        assert await reserve(store, ONE, ANNA)
        await store.release(ONE, SECOND)
        assert (await everything(store))[0] == {ONE: held(ANNA)}
        await store.release(ONE, FIRST)
        assert await everything(store) == ({ONE: None}, {ANNA: {}})
        assert await reserve(store, ONE, ANNA, SECOND)

    async def test_the_owner_knows_best_whom_a_contact_is_held_for(self, store: QueueStore):
        for agent_id in (ANNA, BEN):
            await store.put_seat(seat(agent_id))
        await store.put_ticket(ticket(ONE))
        assert await reserve(store, ONE, ANNA)
        await store.put_ticket(ticket(ONE), held(BEN, SECOND, taken=True))
        assert await everything(store) == ({ONE: held(BEN, SECOND, taken=True)}, {ANNA: {}, BEN: {ONE: "video"}})
        await store.put_ticket(ticket(ONE))
        assert await everything(store) == ({ONE: None}, {ANNA: {}, BEN: {}})

    async def test_a_contact_written_again_with_its_hold_keeps_it(self, store: QueueStore):
        await store.put_ticket(ticket(ONE))
        await store.put_seat(seat(ANNA))
        assert await reserve(store, ONE, ANNA)
        await store.put_ticket(ticket(ONE, 9.0), held(ANNA))
        assert await everything(store) == ({ONE: held(ANNA)}, {ANNA: {ONE: "video"}})

    async def test_an_agent_who_is_away_is_not_rung_any_more_but_keeps_what_they_took(self, store: QueueStore):
        for contact_id in (ONE, TWO):
            await store.put_ticket(ticket(contact_id, channel="chat"))
        await store.put_seat(seat(ANNA, chats=2))
        assert await reserve(store, ONE, ANNA)
        await store.put_ticket(ticket(ONE, channel="chat"), held(ANNA, taken=True))
        assert await reserve(store, TWO, ANNA, SECOND)
        await store.put_seat(seat(ANNA, None, chats=2))
        assert (await everything(store))[0][TWO] == held(ANNA, SECOND), "busy is not away"
        await store.put_seat(seat(ANNA, None, chats=2, state="not_ready"))
        assert await everything(store) == ({ONE: held(ANNA, taken=True), TWO: None}, {ANNA: {ONE: "chat"}})

    async def test_dropping_a_seat_frees_who_it_rang_for(self, store: QueueStore):
        await store.put_ticket(ticket(ONE))
        await store.put_seat(seat(ANNA))
        assert await reserve(store, ONE, ANNA)
        await store.drop_seat(ANNA)
        assert await everything(store) == ({ONE: None}, {})

    async def test_dropping_a_ticket_frees_the_agent(self, store: QueueStore):
        await store.put_ticket(ticket(ONE))
        await store.put_seat(seat(ANNA))
        assert await reserve(store, ONE, ANNA)
        await store.drop_ticket(ONE)
        assert await everything(store) == ({}, {ANNA: {}})

    async def test_of_many_who_reserve_at_once_one_wins(self, store: QueueStore):
        await store.put_ticket(ticket(ONE))
        agents = [AgentId(f"ag_agent{index:03}") for index in range(20)]
        for agent in agents:
            await store.put_seat(seat(agent))
        seen = (await store.news(0)).version
        offers = [store.reserve(ONE, a, OfferId(f"of_{a[3:]}"), seen=seen, now_s=NOW_S) for a in agents]
        won = await asyncio.gather(*offers)
        assert sum(map(bool, won)) == 1
        holds = (await everything(store))[1]
        assert sorted(map(len, holds.values())) == [0] * 19 + [1]

    async def test_a_contact_rings_at_several_and_at_more_and_holds_each_of_them(self, store: QueueStore):
        await store.put_ticket(ticket(ONE))
        await store.put_ticket(ticket(TWO, 2.0))
        for agent in (ANNA, BEN, CID):
            await store.put_seat(seat(agent))
        assert await ring(store, ONE, ANNA, BEN)
        assert not await ring(store, TWO, BEN, CID), "all of them, or none"
        assert not await reserve(store, TWO, ANNA, SECOND)
        assert not await reserve(store, ONE, CID), "what rings is nobody's to be offered"
        assert await ring(store, ONE, CID)
        assert not await ring(store, ONE, CID), "once at each"
        assert await rings(store) == {ONE: [ANNA, BEN, CID], TWO: []}
        assert (await everything(store))[1] == {agent: {ONE: "video"} for agent in (ANNA, BEN, CID)}

    async def test_of_all_who_answer_at_once_one_takes_it_and_the_others_are_free(self, store: QueueStore):
        await store.put_ticket(ticket(ONE))
        agents = [AgentId(f"ag_agent{index:03}") for index in range(20)]
        for agent in agents:
            await store.put_seat(seat(agent))
        assert await ring(store, ONE, *agents)
        took = await asyncio.gather(*(store.take(ONE, OfferId(f"of_{agent[3:]}")) for agent in agents))
        assert sum(map(bool, took)) == 1
        first = agents[[bool(each) for each in took].index(True)]
        tickets, seats = await everything(store)
        assert tickets == {ONE: held(first, OfferId(f"of_{first[3:]}"))}
        assert [agent for agent, holds in seats.items() if holds] == [first]
        assert await rings(store) == {ONE: []}

    async def test_who_goes_away_stops_ringing_alone_and_the_last_one_ends_it(self, store: QueueStore):
        await store.put_ticket(ticket(ONE))
        for agent in (ANNA, BEN):
            await store.put_seat(seat(agent))
        assert await ring(store, ONE, ANNA, BEN)
        await store.put_seat(seat(ANNA, None, state="not_ready"))
        assert await rings(store) == {ONE: [BEN]}
        assert not await store.take(ONE, OfferId(f"of_{ANNA[3:]}")), "they are gone"
        await store.drop_seat(BEN)
        assert (await rings(store), await everything(store)) == ({ONE: []}, ({ONE: None}, {ANNA: {}}))

    async def test_what_its_owner_writes_is_at_whom_it_rings(self, store: QueueStore):
        for agent in (ANNA, BEN):
            await store.put_seat(seat(agent))
        await store.put_ticket(ticket(ONE), None, (held(ANNA), held(BEN, SECOND)))
        assert await rings(store) == {ONE: [ANNA, BEN]}
        await store.put_ticket(ticket(ONE), held(BEN, SECOND, taken=True))
        assert await everything(store) == ({ONE: held(BEN, SECOND, taken=True)}, {ANNA: {}, BEN: {ONE: "video"}})

    async def test_forgetting_a_node_drops_its_tickets_and_seats_only(self, store: QueueStore):
        await store.put_ticket(ticket(ONE, node="n1"))
        await store.put_ticket(ticket(TWO, node="n2"))
        await store.put_seat(seat(ANNA, node="n1"))
        await store.put_seat(seat(BEN, node="n2"))
        assert await reserve(store, ONE, BEN)
        assert await reserve(store, TWO, ANNA, SECOND)
        await store.forget_node("n1")
        assert await everything(store) == ({TWO: None}, {BEN: {}}), "and frees whoever was held across"

    async def test_what_moved_to_another_node_is_not_forgotten_with_the_old_one(self, store: QueueStore):
        for node in ("n1", "n2"):
            await store.put_ticket(ticket(ONE, node=node))
            await store.put_seat(seat(ANNA, node=node))
        await store.forget_node("n1")
        assert await everything(store) == ({ONE: None}, {ANNA: {}})

    async def test_a_change_is_told_to_who_listens(self, store: QueueStore):
        heard: asyncio.Queue[int] = asyncio.Queue()
        listening = asyncio.create_task(store.listen(heard.put_nowait))
        try:
            async with asyncio.timeout(30):
                while heard.empty():  # until the subscription has begun
                    await store.put_ticket(ticket(ONE))
                    await asyncio.sleep(0.01)
                version = await store.put_ticket(ticket(TWO))
                while await heard.get() != version:
                    pass
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
