"""Our own ACD with rules: what contacts are told when they overflow, are called back, or are sent on."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from gateway.acd.builtin.callbacks import CallbackDue, CallbackLapsed
from gateway.acd.events import (
    AcdRef,
    ExitReason,
    Queued,
    QueueExit,
    Reserved,
    TargetKind,
    TransferMode,
    Transferred,
    TransferTarget,
)
from gateway.acd.port import ContactOffer, Phase
from gateway.base.errors import CapacityExceeded, StateConflict
from gateway.base.ids import ContactId
from tests.support.clock import at_rest
from tests.support.own_acd import ANNA, BEN, SUPPORT, Rig, sales


@pytest.fixture
async def rig(request: pytest.FixtureRequest) -> AsyncIterator[Rig]:
    rig = Rig(sales(**getattr(request, "param", {})), SUPPORT)
    await rig.acd.start()
    yield rig
    await rig.acd.aclose()


def settings(**fields: object) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("rig", [fields], indirect=True, ids=["rig"])


# ---------------------------------------------------------------- overflow


@settings(opening="mon 18:00-20:00")
async def test_outside_the_hours_a_contact_is_told_and_leaves(rig: Rig) -> None:
    await rig.enter("one")
    assert rig.told("one") == [QueueExit(reason=ExitReason.CLOSED)]
    assert rig.store.tickets == {}
    assert rig.figures.leaves == [("sales", "closed", "closed")]


@settings(opening="mon 08:00-09:30")
async def test_who_is_in_line_when_it_closes_is_still_served(rig: Rig) -> None:
    await rig.enter("one")
    await rig.clock.run(3600)
    await rig.agent(ANNA)
    assert isinstance(rig.last("one").body, Reserved)


@settings(overflow=[{"when": "wait", "after": "60s", "to": "support"}])
async def test_after_the_wait_a_contact_goes_to_the_other_queue_with_its_age(rig: Rig) -> None:
    await rig.enter("one")
    await rig.clock.run(30)
    await rig.enter("there", "support")
    await rig.clock.run(29)
    assert await rig.waiting() == ("ct_one",)
    await rig.clock.run(2)
    assert rig.told("one")[1:] == [Transferred(queue="support"), Queued(place=1)]
    assert rig.last("one").queue == "support"
    assert await rig.waiting("support") == ("ct_one", "ct_there")


@settings(overflow=[{"when": "no_agent", "after": "10s", "to": "closed"}])
async def test_without_anybody_logged_on_a_contact_is_let_go(rig: Rig) -> None:
    await rig.agent(ANNA, "not_ready")
    await rig.enter("one")
    await rig.clock.run(60)
    assert rig.told("one") == [Queued(place=1)], "somebody is there, if not ready"
    await rig.agent(ANNA, "logged_off")
    assert rig.last("one").body == QueueExit(reason=ExitReason.EMPTY)


@settings(overflow=[{"when": "position", "position": 2, "to": "closed"}])
async def test_who_would_stand_too_far_behind_does_not_enter(rig: Rig) -> None:
    for name in ("one", "two", "three"):
        await rig.enter(name)
    assert rig.told("three") == [QueueExit(reason=ExitReason.FULL)]
    assert await rig.waiting() == ("ct_one", "ct_two")


@settings(opening="mon 18:00-20:00", when_closed="support")
async def test_a_closed_queue_may_lead_to_an_open_one(rig: Rig) -> None:
    await rig.enter("one")
    assert rig.told("one") == [Transferred(queue="support"), Queued(place=1)]


@settings(skills={"french": 5}, relax=[{"after": "30s", "by": 5}])
async def test_time_alone_brings_an_offer_when_a_skill_falls_away(rig: Rig) -> None:
    await rig.agent(ANNA)
    await rig.enter("one")
    await rig.clock.run(29)
    assert rig.told("one") == [Queued(place=1)]
    await rig.clock.run(2)
    assert isinstance(rig.last("one").body, Reserved)


RELAXING: dict[str, object] = {"skills": {"french": 5}, "relax": [{"after": "30s", "by": 5}]}


@settings(**RELAXING)
async def test_who_is_sent_on_after_a_long_conversation_waits_anew_for_the_skill(rig: Rig) -> None:
    await rig.agent(ANNA)
    await rig.enter("one", queued_at=rig.clock.now() - timedelta(minutes=20), returning=True)
    await rig.clock.run(29)
    assert rig.told("one") == [Queued(place=1)]
    await rig.clock.run(2)
    assert isinstance(rig.last("one").body, Reserved)


@settings(**RELAXING)
async def test_who_was_served_and_comes_back_into_line_waits_anew_for_the_skill(rig: Rig) -> None:
    one = await rig.enter("one")
    await rig.clock.run(31)
    await rig.agent(ANNA)
    await rig.accept(one)
    await rig.clock.run(600)
    await rig.agent(ANNA)
    await rig.acd.requeue(one, "the agent is gone")
    await rig.clock.run(29)
    assert rig.last("one").body == Queued(place=1)
    await rig.clock.run(2)
    assert isinstance(rig.last("one").body, Reserved)


# ---------------------------------------------------------------- callbacks


@settings(**RELAXING)
async def test_who_comes_back_for_a_place_has_waited_for_the_skill_already(rig: Rig) -> None:
    await rig.enter("one")
    rig.acd.callbacks.keep(ContactId("ct_one"))
    await rig.clock.run(31)
    await rig.enter("back", previous_contact_id=ContactId("ct_one"))
    await rig.agent(ANNA)
    assert isinstance(rig.last("back").body, Reserved)


@settings(**RELAXING)
async def test_a_kept_place_that_was_written_down_has_waited_for_the_skill_already(rig: Rig) -> None:
    queued_at = rig.clock.now() - timedelta(minutes=20)
    kept = ContactOffer(
        contact_id=ContactId("ct_one"), site="shop", queue="sales", language="en", priority=0, queued_at=queued_at
    )
    rig.acd.callbacks.restore(kept, called=False, keeps_until=rig.clock.now() + timedelta(hours=1))
    await rig.agent(ANNA)
    assert rig.news == [CallbackDue(contact_id=ContactId("ct_one"), queue="sales", window_s=300.0)]


async def test_a_callback_keeps_its_place_and_is_due_when_its_turn_has_come(rig: Rig) -> None:
    for name in ("one", "two", "three"):
        await rig.enter(name)
    rig.acd.callbacks.keep(ContactId("ct_two"))
    await rig.acd.cancel(AcdRef("ct_two"), "called back")  # the contact itself is over
    await at_rest()
    assert [(each.contact_id, each.place, each.called) for each in rig.acd.callbacks.kept()] == [("ct_two", 2, False)]
    assert rig.last("three").body == Queued(place=3), "the place counts"
    await rig.agent(ANNA)
    await rig.accept(AcdRef("ct_one"))
    assert rig.acd.callbacks.kept()[0].place == 1
    assert rig.news == []
    await rig.agent(BEN)
    assert rig.news == [CallbackDue(contact_id=ContactId("ct_two"), queue="sales", window_s=300.0)]
    assert isinstance(rig.last("three").body, Reserved), "the agent does not wait for the telephone"
    assert rig.told("two") == [Queued(place=2)], "and rings for nobody who is not there"


async def test_who_comes_back_for_the_place_stands_there(rig: Rig) -> None:
    await rig.enter("one")
    rig.acd.callbacks.keep(ContactId("ct_one"))
    await rig.agent(ANNA)
    await rig.agent(ANNA, "not_ready")
    assert len(rig.news) == 1
    await rig.enter("urgent", priority=9)
    await rig.enter("back", previous_contact_id=ContactId("ct_one"))
    assert await rig.waiting() == ("ct_back", "ct_urgent"), "first: it was called"
    assert rig.acd.callbacks.kept() == []
    await rig.enter("thief", previous_contact_id=ContactId("ct_one"))
    assert (await rig.waiting())[-1] == "ct_thief", "a place is taken once"


async def test_who_comes_back_early_has_the_place_as_it_is(rig: Rig) -> None:
    await rig.enter("one")
    rig.clock.advance(10)
    await rig.enter("two")
    rig.acd.callbacks.keep(ContactId("ct_one"))
    rig.clock.advance(10)
    await rig.enter("back", previous_contact_id=ContactId("ct_one"))
    assert await rig.waiting() == ("ct_back", "ct_two")


async def test_who_does_not_come_in_time_loses_the_place(rig: Rig) -> None:
    await rig.enter("one")
    rig.acd.callbacks.keep(ContactId("ct_one"))
    await rig.agent(ANNA)
    await rig.clock.run(299)
    assert len(rig.acd.callbacks.kept()) == 1
    await rig.clock.run(2)
    assert rig.news[-1] == CallbackLapsed(contact_id=ContactId("ct_one"), queue="sales")
    assert rig.acd.callbacks.kept() == []
    assert rig.store.tickets == {}


async def test_a_callback_can_be_given_up_and_needs_a_place(rig: Rig) -> None:
    one = await rig.enter("one")
    rig.acd.callbacks.keep(ContactId("ct_one"))
    assert rig.acd.callbacks.give_up(ContactId("ct_one"))
    assert not rig.acd.callbacks.give_up(ContactId("ct_one"))
    await at_rest()
    assert rig.store.tickets == {}
    with pytest.raises(StateConflict, match="not_in_line"):
        rig.acd.callbacks.keep(ContactId("ct_one"))
    assert (await rig.acd.contacts([one]))[0].phase is Phase.GONE


@settings(overflow=[{"when": "wait", "after": "60s", "to": "callback"}])
async def test_a_contact_may_overflow_into_a_callback(rig: Rig) -> None:
    await rig.enter("one")
    await rig.clock.run(61)
    assert rig.last("one").body == QueueExit(reason=ExitReason.TIMEOUT, kept=True)
    assert [each.contact_id for each in rig.acd.callbacks.kept()] == ["ct_one"]
    await rig.clock.run(3600)
    assert len(rig.acd.callbacks.kept()) == 1, "once is enough"
    assert rig.figures.callbacks == [("sales", "kept")]


@settings(overflow=[{"when": "wait", "after": "60s", "to": "callback"}], callback_limit=1)
async def test_a_line_that_keeps_as_many_places_as_it_may_ends_contacts_instead(rig: Rig) -> None:
    await rig.enter("one")
    await rig.enter("two")
    await rig.clock.run(61)
    assert rig.last("two").body == QueueExit(reason=ExitReason.TIMEOUT)
    assert [each.contact_id for each in rig.acd.callbacks.kept()] == ["ct_one"]
    assert [to for _, _, to in rig.figures.leaves] == ["callback", "closed"]


@settings(callback_lasts="1h")
async def test_no_place_is_kept_longer_than_it_lasts(rig: Rig) -> None:
    await rig.enter("one")
    rig.acd.callbacks.keep(ContactId("ct_one"))
    await rig.clock.run(3599)
    assert rig.news == []
    await rig.clock.run(2)
    assert rig.news == [CallbackLapsed(contact_id=ContactId("ct_one"), queue="sales")]


@settings(callback="offer", callback_after="30s", callback_limit=1, opening="mon 08:00-10:00")
async def test_keeping_a_place_is_offered_while_there_is_room_and_time(rig: Rig) -> None:
    callbacks = rig.acd.callbacks
    assert callbacks.offered_after_s("sales", None) == 30.0
    assert callbacks.offered_after_s("sales", 54 * 60) == 30.0
    assert callbacks.offered_after_s("sales", 56 * 60) is None, "closed when the customer would be back"
    assert callbacks.offered_after_s("support", None) is None, "that queue does not offer it"
    one, two = ContactId("ct_one"), ContactId("ct_two")
    await rig.enter("one")
    await rig.enter("two")
    callbacks.keep(one)
    assert callbacks.offered_after_s("sales", None) is None, "full, and not only once the store knows"
    await at_rest()
    assert callbacks.offered_after_s("sales", None) is None
    with pytest.raises(CapacityExceeded, match="places_full"):
        callbacks.keep(two)
    callbacks.keep(one)
    assert callbacks.give_up(one)
    await at_rest()
    assert callbacks.offered_after_s("sales", None) == 30.0


@settings(strategy="ring_all")
async def test_who_rings_at_agents_keeps_no_place(rig: Rig) -> None:
    await rig.enter("one")
    await rig.agent(ANNA)
    with pytest.raises(StateConflict, match="not_in_line"):
        rig.acd.callbacks.keep(ContactId("ct_one"))


async def test_no_more_customers_are_called_back_than_agents_are_free(rig: Rig) -> None:
    for name in ("one", "two", "three"):
        await rig.enter(name)
        rig.acd.callbacks.keep(ContactId(f"ct_{name}"))
    await rig.agent(ANNA)
    assert [each.contact_id for each in rig.news] == ["ct_one"]
    await rig.agent(BEN)
    assert [each.contact_id for each in rig.news] == ["ct_one", "ct_two"]
    await rig.enter("live")
    rung = [body for body in rig.told("live") if isinstance(body, Reserved)]
    assert len(rung) == 1, "who is there is not kept from an agent by who was called"
    await rig.clock.run(301)
    assert [each.contact_id for each in rig.news][-1] == "ct_three"


async def test_a_place_that_was_written_down_is_kept_on_after_a_restart(rig: Rig) -> None:
    await rig.enter("young")
    offer = ContactOffer(
        contact_id=ContactId("ct_old"),
        site="shop",
        queue="sales",
        language="en",
        priority=0,
        queued_at=rig.clock.now() - timedelta(minutes=5),
    )
    until = rig.clock.now() + timedelta(hours=1)
    rig.acd.callbacks.restore(offer, called=False, keeps_until=until)
    await at_rest()
    assert rig.acd.callbacks.place_of(ContactId("ct_old")) == 1
    rig.acd.callbacks.restore(replace(offer, contact_id=ContactId("ct_called")), called=True, keeps_until=until)
    await rig.clock.run(299)
    assert rig.news == []
    await rig.clock.run(2)
    assert rig.news == [CallbackLapsed(contact_id=ContactId("ct_called"), queue="sales")], "its window began anew"


async def test_who_was_put_aside_while_the_store_answered_is_rung_by_nobody(rig: Rig) -> None:
    await rig.enter("one")
    reserve = rig.store.reserve

    async def slow(*given: Any, **more: Any) -> int:
        version = await reserve(*given, **more)
        rig.acd.callbacks.keep(ContactId("ct_one"))
        return version

    rig.store.reserve = slow  # type: ignore[method-assign]
    await rig.agent(ANNA)
    assert not [body for body in rig.told("one") if isinstance(body, Reserved)]
    assert rig.news == [CallbackDue(contact_id=ContactId("ct_one"), queue="sales", window_s=300.0)]


# ---------------------------------------------------------------- sent on


async def test_who_was_sent_on_to_an_agent_is_before_everybody_and_waits_for_that_agent(rig: Rig) -> None:
    await rig.agent(BEN, "busy")
    await rig.enter("urgent", priority=9)
    await rig.enter("one", preferred_agent=BEN, returning=True)
    assert await rig.waiting() == ("ct_one", "ct_urgent")
    await rig.agent(ANNA)
    assert [body.agent_id for body in rig.told("urgent") if isinstance(body, Reserved)] == [ANNA]
    await rig.agent(BEN)
    assert [body.agent_id for body in rig.told("one") if isinstance(body, Reserved)] == [BEN]


async def test_it_does_not_transfer_by_itself(rig: Rig) -> None:
    await rig.agent(ANNA)
    ref = await rig.enter("one")
    await rig.accept(ref)
    with pytest.raises(StateConflict, match="transfer_unsupported"):
        await rig.acd.transfer(ref, TransferMode.BLIND, TransferTarget(kind=TargetKind.QUEUE, value="support"))
    assert (await rig.acd.contacts([ref]))[0].phase is Phase.CONNECTED


@settings(overflow=[{"when": "wait", "after": "60s", "to": "closed"}])
async def test_who_has_lost_their_agent_begins_to_wait_then(rig: Rig) -> None:
    ref = await rig.enter("one")
    await rig.agent(ANNA)
    await rig.accept(ref)
    await rig.clock.run(600)
    await rig.acd.requeue(ref, "agent_lost")
    await rig.clock.run(59)
    assert await rig.waiting() == ("ct_one",), "they have talked these ten minutes, not waited"
    await rig.clock.run(2)
    assert rig.last("one").body == QueueExit(reason=ExitReason.TIMEOUT)


@settings(opening="mon 08:00-10:00")
async def test_who_is_sent_on_to_an_agent_is_let_in_when_the_queue_has_closed_meanwhile(rig: Rig) -> None:
    ref = await rig.enter("one")
    await rig.agent(ANNA)
    await rig.accept(ref)
    await rig.clock.run(3 * 3600)
    await rig.agent(BEN)
    await rig.acd.end(ref, "transfer")
    await rig.enter("one", returning=True, preferred_agent=BEN)
    assert [each.agent_id for each in rig.told("one") if isinstance(each, Reserved)] == [ANNA, BEN]
    await rig.enter("two", returning=True)
    assert rig.last("two").body == QueueExit(reason=ExitReason.CLOSED), "sent on to whoever works there: nobody does"


# ---------------------------------------------------------------- figures


@settings(service_level_within="15s")
async def test_answers_are_counted_with_their_wait_and_how_far_off_the_estimate_was(rig: Rig) -> None:
    for number in range(7):
        ref = await rig.enter(f"c{number}")
        await rig.clock.run(10 if number < 6 else 25)
        await rig.agent(ANNA)
        await rig.accept(ref)
        await rig.acd.confirm_media(ref, ok=True)
        await rig.acd.end(ref, "over")
    waits = [(waited_s, in_time) for _, waited_s, in_time, _ in rig.figures.answers]
    assert waits == [(10.0, True)] * 6 + [(25.0, False)]
    assert [off_by_s for *_, off_by_s in rig.figures.answers] == [None] * 5 + [0.0, 15.0], "told from the sixth on"
    assert rig.figures.decisions > 0


@settings(service_level_within="15s")
async def test_a_contact_is_counted_once_when_an_agent_has_it(rig: Rig) -> None:
    ref = await rig.enter("one")
    await rig.clock.run(10)
    await rig.agent(ANNA)
    await rig.accept(ref)
    await rig.acd.confirm_media(ref, ok=False)
    assert rig.figures.answers == [], "nobody has seen or heard anybody"
    await rig.clock.run(10)
    await rig.agent(ANNA)
    await rig.accept(ref)
    await rig.clock.run(2)
    await rig.acd.confirm_media(ref, ok=True)
    assert rig.figures.answers == [("sales", 20.0, False, None)]
    await rig.clock.run(600)
    await rig.acd.requeue(ref, "agent_lost")
    await rig.agent(BEN)
    await rig.accept(ref)
    await rig.acd.confirm_media(ref, ok=True)
    await rig.acd.end(ref, "transfer")
    again = await rig.enter("one", queue="support", returning=True)
    await rig.agent(ANNA, queues=("support",))
    await rig.accept(again)
    await rig.acd.confirm_media(again, ok=True)
    assert len(rig.figures.answers) == 1, "they had been answered"
