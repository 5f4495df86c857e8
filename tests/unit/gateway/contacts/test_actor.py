"""What an error, a flood or a slow neighbour does: one contact suffers at most, and it is freed."""

import asyncio

import pytest

from gateway.contacts import messages
from gateway.contacts.actor import MAILBOX_LIMIT, REQUEST_LIMIT
from gateway.contacts.conduct import Conduct
from gateway.contacts.events import EndReason
from gateway.parties import ContactChanged, HangUp, LegAnswered, OfferLeg, ReportMedia
from media.port import Clip, LegSilent, MediaRefused
from tests.support.clock import at_rest
from tests.support.desk_rig import DeskRig

SHOWS = ReportMedia(audio=True, video=True, screen=False)


async def test_our_own_error_ends_that_contact_and_no_other(rig: DeskRig, monkeypatch: pytest.MonkeyPatch) -> None:
    anna = await rig.agent()
    broken = await rig.customer()
    await anna.answer()
    other = await rig.customer()

    def explode(self: Conduct, message: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(Conduct, "_customer", explode)
        assert await broken.try_to(SHOWS) == "internal_error"
    await rig.rest()
    assert broken.last(ContactChanged).end_reason == EndReason.FAILED
    assert anna.leg_ids == []
    assert other.state == "offered", "the agent is free at once for who waits"
    assert anna.now.contact_id == other.contact_id
    assert "contact_failed" in [alarm.code for alarm in rig.desk.board().alarms]


async def test_even_a_contact_that_can_not_end_in_order_leaves_nothing(
    rig: DeskRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = await rig.customer()

    def explode(self: Conduct, *_: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(Conduct, "_customer", explode)
        patch.setattr(Conduct, "end", explode)
        assert await broken.try_to(SHOWS) == "internal_error"
        await rig.rest()
    assert rig.desk._actors == {}
    assert rig.desk._legs == {}
    assert rig.media.legs == {}


async def test_requests_beyond_the_limit_are_refused_and_the_others_are_served(rig: DeskRig) -> None:
    maria = await rig.customer()
    asked = [
        asyncio.ensure_future(rig.desk.customer_request(maria.contact_id, SHOWS)) for _ in range(REQUEST_LIMIT + 10)
    ]
    await at_rest()
    refused = [each for each in asked if each.exception() is not None]
    assert len(refused) == 10
    assert all("contact_busy" in str(each.exception()) for each in refused)
    assert maria.state == "queued"


async def test_a_contact_flooded_from_below_is_closed_as_failed(rig: DeskRig) -> None:
    maria = await rig.customer()
    actor = rig.desk._actors[maria.contact_id]
    for _ in range(MAILBOX_LIMIT + 1):
        actor.post(messages.FromMedia(event=LegSilent(leg_id="lg_other", at_s=0.0)))
    await rig.rest()
    assert maria.row.end_reason == EndReason.FAILED
    assert rig.media.legs == {}


async def test_who_asks_while_the_contact_ends_is_told_it_is_over(rig: DeskRig) -> None:
    maria = await rig.customer()
    asked = [
        asyncio.ensure_future(rig.desk.customer_request(maria.contact_id, request)) for request in (HangUp(), SHOWS)
    ]
    await at_rest()
    assert asked[0].exception() is None
    assert "contact_closed" in str(asked[1].exception())


async def test_a_slow_engine_holds_up_neither_requests_nor_the_other_side(rig: DeskRig) -> None:
    anna = await rig.agent()
    maria = await rig.customer()
    rig.media.gate = asyncio.Event()
    await anna.accept()
    await anna.ask(OfferLeg(generation=1, sdp="slow"))
    assert anna.all(LegAnswered) == []
    await maria.ask(HangUp())
    assert maria.last(ContactChanged).end_reason == EndReason.ABANDONED_WHILE_ALERTING
    assert anna.now.state == "ready"
    rig.media.gate.set()
    await rig.rest()
    assert rig.media.legs == {}
    assert rig.desk._actors == {}


async def test_an_engine_that_breaks_on_an_offer_refuses_it_and_the_next_one_works(rig: DeskRig) -> None:
    maria = await rig.customer(connected=False)
    rig.media.fail_next = MediaRefused("capacity", "all legs are in use")
    await maria.offer_leg()
    await maria.connect()
    assert maria.leg.source == Clip(name="hold", loop=True)


async def test_two_reloads_at_once_leave_one_leg(rig: DeskRig) -> None:
    maria = await rig.customer()
    rig.media.gate = asyncio.Event()
    await maria.offer_leg()
    await maria.offer_leg()
    rig.media.gate.set()
    await rig.rest()
    assert maria.leg_ids == [maria.leg.leg_id]
    assert maria.last(LegAnswered).generation == 3
