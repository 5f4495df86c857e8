"""An agent asks a second one first: the customer waits with music, the two talk, and one of them goes back to them."""

import pytest

from gateway.contacts.fold import segments, talk_intervals
from gateway.parties import (
    CompleteTransfer,
    ContactAssigned,
    ContactChanged,
    HangUp,
    HoldContact,
    OfferEnded,
    PeerChanged,
    RejectOffer,
    RetrieveContact,
    TransferContact,
)
from media.port import Clip, FromLeg, Silence
from tests.support.desk_rig import Agent, Customer, DeskRig
from tests.support.foreign_acd import TASK, ForeignAcd


async def ringing(rig: DeskRig) -> tuple[Customer, Agent, Agent]:
    anna = await rig.agent()
    customer = await rig.customer()
    await anna.answer()
    ben = await rig.agent("ben")
    await anna.ask(TransferContact(kind="agent", target=ben.agent_id, consult=True))
    return customer, anna, ben


async def consulting(rig: DeskRig) -> tuple[Customer, Agent, Agent]:
    customer, anna, ben = await ringing(rig)
    await ben.answer()
    assert customer.state == "consulting"
    return customer, anna, ben


def waits_with_music(customer: Customer) -> bool:
    return isinstance(customer.leg.source, Clip)


async def test_it_rings_at_the_agent_who_is_asked_and_the_customer_waits(rig: DeskRig) -> None:
    customer, anna, ben = await ringing(rig)
    assert customer.state == anna.state == "consult_ringing"
    assert ben.ringing is not None
    assert ben.ringing.asked_by == "Anna"
    assert ben.now.state == "reserved"
    assert waits_with_music(customer)
    assert anna.leg.source == Silence()
    assert rig.recording.words()[-1] == "hold"


async def test_the_two_talk_and_the_customer_hears_neither(rig: DeskRig) -> None:
    customer, anna, ben = await consulting(rig)
    assert anna.leg.source == FromLeg(leg_id=ben.leg.leg_id)
    assert ben.leg.source == FromLeg(leg_id=anna.leg.leg_id)
    assert waits_with_music(customer)
    assert (anna.last(PeerChanged).display_name, ben.last(PeerChanged).display_name) == ("Ben", "Anna")
    assert customer.last(PeerChanged).display_name == "Anna"
    assert ben.last(ContactAssigned).asked_by == "Anna"
    assert ben.last(ContactAssigned).transfers == ()


async def test_a_completed_transfer_leaves_customer_and_second_agent(rig: DeskRig) -> None:
    customer, anna, ben = await ringing(rig)
    await rig.run(5)
    await ben.answer()
    await rig.run(10)
    leg = ben.leg.leg_id
    await anna.ask(CompleteTransfer())
    assert customer.state == ben.state == "active"
    assert ben.leg.leg_id == leg, "nobody connects anew"
    assert customer.leg.source == FromLeg(leg_id=ben.leg.leg_id)
    assert ben.leg.source == FromLeg(leg_id=customer.leg.leg_id)
    assert anna.now.state == "ready"
    assert ben.last(ContactAssigned).asked_by == ""
    assert ben.last(PeerChanged).display_name == "Maria"
    assert customer.last(PeerChanged).display_name == "Ben"
    assert rig.recording.words()[-2:] == ["agent_lost", "begin"]
    await rig.run(20)
    await ben.ask(HangUp())
    await ben.wrap_up()
    parts = segments(customer.events)
    assert [part.agent_id for part in parts] == [anna.agent_id, ben.agent_id]
    assert parts[0].hold_s == pytest.approx(15)
    assert parts[1].talk_s == pytest.approx(20)
    assert len(talk_intervals(customer.events)) >= 2
    assert customer.row.agent_id == ben.agent_id
    assert rig.desk.live_contacts == 0


async def test_the_second_agent_can_do_all_that_an_agent_can_afterwards(rig: DeskRig) -> None:
    customer, anna, ben = await consulting(rig)
    await anna.ask(CompleteTransfer())
    await ben.ask(HoldContact())
    assert customer.state == "held"
    await ben.ask(RetrieveContact())
    await ben.connect()
    assert customer.leg.source == FromLeg(leg_id=ben.leg.leg_id)
    await ben.ask(TransferContact(kind="agent", target=anna.agent_id, consult=True))
    assert anna.ringing is not None
    await anna.answer()
    await ben.ask(CompleteTransfer())
    assert customer.leg.source == FromLeg(leg_id=anna.leg.leg_id)


async def test_whoever_asked_can_go_back_to_the_customer(rig: DeskRig) -> None:
    customer, anna, ben = await consulting(rig)
    leg = ben.leg.leg_id
    await anna.ask(RetrieveContact())
    assert customer.state == "active"
    assert customer.leg.source == FromLeg(leg_id=anna.leg.leg_id)
    assert ben.now.state == "ready"
    assert leg not in rig.media.legs
    assert rig.recording.words()[-1] == "retrieve"


async def test_a_question_can_be_taken_back_while_it_rings(rig: DeskRig) -> None:
    customer, anna, ben = await ringing(rig)
    await anna.ask(RetrieveContact())
    assert customer.state == "active"
    assert ben.last(OfferEnded).reason == "withdrawn"
    assert ben.now.state == "ready"


@pytest.mark.parametrize(
    ("how", "state", "reason"),
    [("rejects", "not_ready", "declined"), ("does not answer", "not_ready", "rona"), ("is gone", "not_ready", None)],
)
async def test_an_agent_who_does_not_want_to_be_asked_leaves_the_call_as_it_was(
    rig: DeskRig, how: str, state: str, reason: str | None
) -> None:
    customer, anna, ben = await ringing(rig)
    offer = ben.ringing
    assert offer is not None
    match how:
        case "rejects":
            await ben.ask(RejectOffer(offer_id=offer.offer_id))
        case "does not answer":
            await rig.run(rig.settings.offer_timeout.total_seconds())
        case _:
            await ben.go()
            await rig.run(rig.settings.ringing_grace.total_seconds())
    assert customer.state == "active"
    assert customer.leg.source == FromLeg(leg_id=anna.leg.leg_id)
    assert ben.now.state == state
    assert reason is None or ben.now.reason == reason
    assert ben.ringing is None


@pytest.mark.parametrize("how", ["hangs up", "is lost", "does not connect"])
async def test_a_second_agent_who_goes_leaves_the_customer_with_the_first(rig: DeskRig, how: str) -> None:
    if how == "does not connect":
        customer, anna, ben = await ringing(rig)
        await ben.accept()
        await rig.run(rig.settings.bridge_timeout.total_seconds())
    else:
        customer, anna, ben = await consulting(rig)
        if how == "hangs up":
            await ben.ask(HangUp())
        else:
            await ben.go()
            await rig.run(rig.settings.agent_grace.total_seconds())
    assert customer.state == "active"
    assert customer.leg.source == FromLeg(leg_id=anna.leg.leg_id)
    assert ben.now.state == ("ready" if how == "hangs up" else "not_ready")


async def test_the_first_agent_who_leaves_gives_the_customer_to_the_second(rig: DeskRig) -> None:
    customer, anna, ben = await ringing(rig)
    assert await anna.try_to(HangUp()) == "consult_open"
    assert await anna.try_to(CompleteTransfer()) == "consult_not_connected"
    await ben.answer()
    await anna.ask(HangUp())
    assert customer.state == "active"
    assert customer.leg.source == FromLeg(leg_id=ben.leg.leg_id)


async def test_a_first_agent_who_is_lost_costs_the_question_and_not_the_place(rig: DeskRig) -> None:
    customer, anna, ben = await consulting(rig)
    await anna.go()
    await rig.run(rig.settings.agent_grace.total_seconds())
    assert customer.state in ("queued", "offered")
    assert ben.now.state in ("ready", "reserved")


@pytest.mark.parametrize("rings", [True, False])
async def test_a_customer_who_leaves_meanwhile_frees_the_second_agent(rig: DeskRig, rings: bool) -> None:
    customer, anna, ben = await (ringing(rig) if rings else consulting(rig))
    await customer.ask(HangUp())
    assert anna.now.state == "working_after_call"
    assert ben.now.state == "ready"
    await anna.wrap_up()
    assert rig.media.legs == {}
    assert rig.desk.live_contacts == 0


async def test_a_reload_of_either_agent_shows_what_is(rig: DeskRig) -> None:
    _customer, anna, ben = await consulting(rig)
    seen = await rig.desk.agent_view(ben.agent_id)
    assert [each.asked_by for each in seen if isinstance(each, ContactAssigned)] == ["Anna"]
    assert [each.display_name for each in seen if isinstance(each, PeerChanged)] == ["Anna"]
    assert [each.state for each in seen if isinstance(each, ContactChanged)] == ["consulting"]
    await ben.connect()
    assert anna.leg.source == FromLeg(leg_id=ben.leg.leg_id)
    seen = await rig.desk.agent_view(anna.agent_id)
    assert [each.display_name for each in seen if isinstance(each, PeerChanged)] == ["Ben"]


async def test_an_agent_who_is_asked_signs_out_and_is_asked_no_more(rig: DeskRig) -> None:
    customer, _, ben = await ringing(rig)
    await rig.desk.agent_logged_off(ben.agent_id)
    await rig.rest()
    assert customer.state == "active"


@pytest.mark.parametrize(
    ("target", "code"),
    [("ag_cleo0000", "agent_not_ready"), ("ag_anna0000", "transfer_target_unknown"), ("support", "wrong")],
)
async def test_a_question_to_nobody_changes_nothing(rig: DeskRig, target: str, code: str) -> None:
    anna = await rig.agent()
    await rig.agent("cleo", ready=False)
    customer = await rig.customer()
    await anna.answer()
    kind, code = ("queue", "transfer_unsupported") if target == "support" else ("agent", code)
    assert await anna.try_to(TransferContact(kind=kind, target=target, consult=True)) == code
    assert customer.state == "active"


async def test_an_acd_is_told_of_the_hold_and_of_who_has_the_contact_then() -> None:
    foreign = ForeignAcd(TASK)
    rig = DeskRig(foreign=foreign)
    await rig.start()
    anna, ben = await rig.agent(), await rig.agent("ben")
    customer = await rig.customer()
    await foreign.ring(customer.contact_id, anna.agent_id)
    await rig.rest()
    await anna.answer()
    await anna.ask(TransferContact(kind="agent", target=ben.agent_id, consult=True))
    await ben.answer()
    await anna.ask(CompleteTransfer())
    assert foreign.words()[-4:] == ["hold", "resume", "claimed", "confirm_media"]
    assert ("claimed", ben.agent_id) in foreign.asked
    await rig.stop()
