"""Waiting, ringing, and who is next."""

import pytest

from gateway.acd.builtin.routing.overflow import Leave
from gateway.acd.events import ExitReason
from gateway.base.errors import PortFailure
from gateway.base.ids import AgentId
from gateway.contacts.events import EndReason
from gateway.parties import (
    AcceptOffer,
    AgentCard,
    ContactChanged,
    HangUp,
    OfferEnded,
    QueuePlace,
    SetNotReady,
    SetReady,
)
from tests.support.desk_rig import DeskRig


async def test_places_are_told_on_every_change(rig: DeskRig) -> None:
    first, second, third = [await rig.customer() for _ in range(3)]
    assert [each.place for each in (first, second, third)] == [1, 2, 3]
    await first.ask(HangUp())
    assert (second.place, third.place) == (1, 2)
    assert third.last(QueuePlace).ahead == 1
    assert third.last(QueuePlace).estimate_s is None


async def test_an_abandoned_contact_says_where_it_was_abandoned(rig: DeskRig) -> None:
    in_menu = await rig.customer(site="shop")
    await in_menu.ask(HangUp())
    queued = await rig.customer()
    await queued.ask(HangUp())
    anna = await rig.agent()
    ringing = await rig.customer()
    await ringing.ask(HangUp())
    assert [each.row.end_reason for each in (in_menu, queued, ringing)] == [
        EndReason.ABANDONED_IN_MENU,
        EndReason.ABANDONED_IN_QUEUE,
        EndReason.ABANDONED_WHILE_ALERTING,
    ]
    assert anna.now.state == "ready"
    assert anna.last(OfferEnded).reason == "withdrawn"


async def test_the_longest_idle_ready_agent_is_offered_first(rig: DeskRig) -> None:
    anna = await rig.agent("anna")
    await rig.run(10)
    ben = await rig.agent("ben")
    await rig.customer()
    assert anna.ringing
    assert not ben.ringing
    await rig.customer()
    assert ben.ringing


async def test_an_unanswered_offer_goes_to_the_next_agent_and_the_contact_keeps_its_place(rig: DeskRig) -> None:
    anna = await rig.agent("anna")
    first = await rig.customer()
    second = await rig.customer()
    await rig.run(1)
    ben = await rig.agent("ben")
    assert ben.ringing is not None
    assert ben.ringing.contact_id == second.contact_id
    await ben.reject()
    await rig.run(19)
    assert (anna.now.state, anna.now.reason) == ("not_ready", "rona")
    assert anna.last(OfferEnded).reason == "timed_out"
    assert (first.place, second.place) == (1, 2)
    await ben.ask(SetReady())
    assert ben.ringing is not None
    assert ben.ringing.contact_id == first.contact_id
    assert ben.ringing.waited_s == 20


async def test_a_rejected_offer_makes_the_agent_not_ready_and_rings_at_the_next(rig: DeskRig) -> None:
    anna, ben = await rig.agent("anna"), await rig.agent("ben")
    await rig.customer()
    await anna.reject()
    assert (anna.now.state, anna.now.reason) == ("not_ready", "declined")
    assert ben.ringing is not None


async def test_a_higher_priority_is_served_first(rig: DeskRig) -> None:
    usual = await rig.customer(site="shop")
    await usual.choose("1")
    urgent = await rig.customer(site="shop")
    await urgent.choose("2")
    anna = await rig.agent(queues=("sales", "support"))
    assert anna.ringing is not None
    assert anna.ringing.contact_id == urgent.contact_id


async def test_a_stale_answer_to_an_offer_is_refused_and_changes_nothing(rig: DeskRig) -> None:
    anna = await rig.agent()
    customer = await rig.customer()
    ringing = anna.ringing
    assert ringing is not None
    await rig.run(20)
    assert await anna.try_to(AcceptOffer(offer_id=ringing.offer_id)) == "no_contact"
    await anna.ask(SetReady())
    assert await anna.try_to(AcceptOffer(offer_id=ringing.offer_id)) == "offer_stale"
    assert customer.state == "offered"


async def test_a_ready_agent_without_a_panel_is_offered_nothing_and_gone_within_the_grace(rig: DeskRig) -> None:
    anna = await rig.agent()
    await anna.go()
    customer = await rig.customer()
    assert customer.state == "queued"
    await rig.run(14.9)
    assert anna.now.state == "ready"
    await rig.run(0.1)
    assert (anna.now.state, anna.now.reason) == ("not_ready", "presence_lost")


async def test_an_agent_who_comes_back_within_the_grace_is_offered_what_waits(rig: DeskRig) -> None:
    anna = await rig.agent()
    await anna.go()
    await rig.customer()
    await rig.run(10)
    await anna.come()
    assert anna.ringing is not None


async def test_a_ringing_agent_whose_panel_dies_gives_way_after_two_seconds(rig: DeskRig) -> None:
    anna, ben = await rig.agent("anna"), await rig.agent("ben")
    customer = await rig.customer()
    await anna.go()
    await rig.run(1.9)
    assert ben.ringing is None
    await rig.run(0.1)
    assert ben.ringing is not None
    assert ben.ringing.contact_id == customer.contact_id
    assert anna.now.reason == "presence_lost"


async def test_a_customer_whose_network_is_gone_keeps_the_place_and_rings_at_nobody(rig: DeskRig) -> None:
    first = await rig.customer()
    second = await rig.customer()
    await first.present(False)
    anna = await rig.agent("anna")
    assert anna.ringing is not None
    assert anna.ringing.contact_id == second.contact_id
    await first.present(True)
    ben = await rig.agent("ben")
    assert ben.ringing is not None
    assert ben.ringing.contact_id == first.contact_id


async def test_the_longest_wait_ends_as_overflowed(rig: DeskRig) -> None:
    customer = await rig.customer()
    await rig.run(rig.settings.max_wait.total_seconds())
    assert customer.last(ContactChanged).end_reason == EndReason.OVERFLOWED
    assert customer.row.wait_s == rig.settings.max_wait.total_seconds()


async def test_agents_outside_the_pilot_are_offered_nothing(rig: DeskRig) -> None:
    anna = await rig.agent("anna", ready=False)
    rig.rollout.barred.add(anna.agent_id)
    await anna.ask(SetReady())
    await rig.customer()
    assert anna.ringing is None
    ben = await rig.agent("ben")
    assert ben.ringing is not None


async def test_an_agent_who_takes_a_break_while_ringing_is_told_to_answer_first(rig: DeskRig) -> None:
    anna = await rig.agent()
    await rig.customer()
    assert await anna.try_to(SetNotReady(reason="break")) == "illegal_transition"
    assert anna.ringing is not None


async def test_the_store_away_stops_offers_and_new_contacts_and_cuts_nothing(rig: DeskRig) -> None:
    anna, ben = await rig.agent("anna"), await rig.agent("ben", ready=False)
    talking = await rig.customer()
    await anna.answer()
    waiting = await rig.customer()
    rig.queues.away = True
    await ben.ask(SetReady())
    await rig.run(5)
    assert ben.ringing is None
    assert (talking.state, waiting.state) == ("active", "queued")
    with pytest.raises(PortFailure, match="live_unavailable"):
        await rig.customer()
    rig.queues.away = False
    rig.queues.tickets.clear()  # it came back empty
    rig.queues.seats.clear()
    await rig.run(5)
    assert ben.ringing is not None
    assert ben.ringing.contact_id == waiting.contact_id


async def test_an_estimate_is_told_only_after_enough_answers(rig: DeskRig) -> None:
    anna = await rig.agent()
    for _ in range(5):
        customer = await rig.customer()
        await anna.answer()
        await rig.run(55)
        await customer.ask(HangUp())
        await rig.run(5)
        await anna.wrap_up()
    await rig.customer()
    await anna.answer()
    second = await rig.customer()
    assert second.last(QueuePlace).estimate_s == 60.0


async def test_what_an_agent_can_reaches_the_acd(rig: DeskRig) -> None:
    card = AgentCard(
        agent_id=AgentId("ag_clara000"),
        display_name="Clara",
        queues=("sales",),
        skills={"french": 7},
        languages=("fr",),
    )
    await rig.desk.agent_present(card, True)
    await rig.rest()
    seat = rig.queues.seats[card.agent_id]
    assert (dict(seat.skills), seat.languages) == ({"french": 7}, ("fr",))


async def test_a_contact_that_overflows_is_in_the_other_line_from_then_on(rig: DeskRig) -> None:
    waiting = await rig.customer()
    entry = rig.acd._books.contacts[waiting.contact_id]
    rig.acd._leaving.leave(waiting.contact_id, entry, Leave("support", ExitReason.TIMEOUT))
    rig.acd.reconsider()
    await rig.rest()
    assert (waiting.state, waiting.last(QueuePlace).queue) == ("queued", "support")
    ben = await rig.agent("ben", queues=("support",))
    assert ben.ringing is not None
    assert ben.ringing.contact_id == waiting.contact_id
