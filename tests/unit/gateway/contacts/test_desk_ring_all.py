"""A contact rings at several agents at once; one of them has it, and the others are as ready as before."""

from collections.abc import AsyncIterator

import pytest

from gateway.acd.events import RejectReason
from gateway.config import QueueSettings
from gateway.contacts.events import EndReason
from gateway.parties import AcceptOffer, AgentChanged, HangUp, OfferEnded, OfferMade, SetNotReady
from tests.support.desk_rig import Agent, DeskRig

SALES = QueueSettings(id="sales", name="Sales", strategy="ring_all")


@pytest.fixture
async def rig() -> AsyncIterator[DeskRig]:
    rig = DeskRig(lines=(SALES,))
    await rig.start()
    yield rig
    await rig.stop()


def rung_for(agent: Agent) -> str | None:
    """Whose call the panel shows as ringing."""
    made, ended = agent.all(OfferMade), [each.offer_id for each in agent.all(OfferEnded)]
    return made[-1].contact_id if made and made[-1].offer_id not in ended else None


async def test_it_rings_at_all_who_are_ready_and_the_first_has_it(rig: DeskRig) -> None:
    anna, ben, cid = [await rig.agent(name) for name in ("anna", "ben", "cid")]
    maria = await rig.customer()
    assert {rung_for(each) for each in (anna, ben, cid)} == {maria.contact_id}
    assert {each.now.state for each in (anna, ben, cid)} == {"ready"}, "nobody has the offer yet"
    assert maria.state == "queued"
    await ben.accept()
    assert maria.state == "bridging"
    assert (ben.now.state, ben.now.contact_id) == ("busy", maria.contact_id)
    assert [each.last(OfferEnded).reason for each in (anna, ben, cid)] == ["taken", "accepted", "taken"]
    assert {each.now.state for each in (anna, cid)} == {"ready"}
    assert len([each for each in rig.queues.held.values() if each.taken]) == 1


async def test_who_accepts_after_somebody_else_is_told_so_and_stays_ready(rig: DeskRig) -> None:
    anna, ben = [await rig.agent(name) for name in ("anna", "ben")]
    maria = await rig.customer()
    offers = {each: each.last(OfferMade).offer_id for each in (anna, ben)}
    for each in (anna, ben):  # both, before anything could follow
        await rig.desk.agent_request(each.agent_id, AcceptOffer(offer_id=offers[each]))
    await rig.rest()
    assert (anna.now.contact_id, ben.now.state) == (maria.contact_id, "ready")
    assert ben.last(OfferEnded).reason == "taken"
    assert await ben.try_to(AcceptOffer(offer_id=offers[ben])) == "no_contact"
    assert [each.name for each in maria.events].count("offer_made") == 1


async def test_who_rejects_stops_ringing_alone(rig: DeskRig) -> None:
    anna, ben = [await rig.agent(name) for name in ("anna", "ben")]
    maria = await rig.customer()
    await anna.reject()
    assert (anna.now.state, anna.now.reason) == ("not_ready", "declined")
    assert rung_for(anna) is None
    assert rung_for(ben) == maria.contact_id
    assert [each.name for each in maria.events].count("ring_started") == 1, "it went on"
    await ben.accept()
    assert maria.state == "bridging"


async def test_when_all_reject_it_rings_at_who_comes_next(rig: DeskRig) -> None:
    anna = await rig.agent("anna")
    maria = await rig.customer()
    await anna.reject()
    assert maria.state == "queued"
    assert maria.events[-1].name != "ring_started"
    ben = await rig.agent("ben")
    assert rung_for(ben) == maria.contact_id


async def test_nobody_answers_and_everybody_stays_ready_and_is_rung_again(rig: DeskRig) -> None:
    anna, ben = [await rig.agent(name) for name in ("anna", "ben")]
    maria = await rig.customer()
    changes = len(anna.all(AgentChanged))
    await rig.run(rig.settings.offer_timeout.total_seconds() + 0.1)
    assert [each.all(OfferEnded)[0].reason for each in (anna, ben)] == ["unanswered", "unanswered"]
    assert {each.now.state for each in (anna, ben)} == {"ready"}
    assert len(anna.all(AgentChanged)) == changes, "no word of being less ready"
    assert rung_for(anna) == rung_for(ben) == maria.contact_id
    names = [each.name for each in maria.events]
    assert (names.count("ring_started"), names.count("ring_ended")) == (2, 1)
    assert maria.place == 1


async def test_who_becomes_ready_joins_the_ring_and_its_deadline(rig: DeskRig) -> None:
    anna = await rig.agent("anna")
    maria = await rig.customer()
    await rig.run(5)
    ben = await rig.agent("ben")
    assert rung_for(ben) == maria.contact_id
    left_s = rig.settings.offer_timeout.total_seconds() - 5
    assert ben.last(OfferMade).deadline_s == pytest.approx(left_s, abs=0.1)
    assert maria.events[-1].name == "ring_joined"
    await ben.accept()
    assert anna.last(OfferEnded).reason == "taken"


async def test_each_agent_rings_for_one_contact_and_the_second_waits_for_who_is_left(rig: DeskRig) -> None:
    anna = await rig.agent("anna")
    first = await rig.customer()
    second = await rig.customer()
    assert rung_for(anna) == first.contact_id
    ben = await rig.agent("ben")
    assert rung_for(ben) == first.contact_id, "the oldest rings at all"
    await ben.accept()
    assert rung_for(anna) == second.contact_id


@pytest.mark.parametrize("how", ["not_ready", "signed_out", "gone"])
async def test_who_goes_stops_ringing_alone(rig: DeskRig, how: str) -> None:
    anna, ben = [await rig.agent(name) for name in ("anna", "ben")]
    maria = await rig.customer()
    if how == "not_ready":
        await anna.ask(SetNotReady(reason="break"))
    elif how == "signed_out":
        await rig.desk.agent_logged_off(anna.agent_id)
    else:
        await rig.desk.agent_present(anna.card, False)
        await rig.run(rig.settings.presence_grace.total_seconds() + 0.1)
    await rig.rest()
    assert rung_for(anna) is None
    assert rung_for(ben) == maria.contact_id
    assert [each.agent_id for each in rig.queues.rings[maria.contact_id]] == [ben.agent_id]


async def test_a_panel_that_is_loaded_anew_rings_again(rig: DeskRig) -> None:
    anna = await rig.agent("anna")
    await rig.agent("ben")
    maria = await rig.customer()
    shown = await rig.desk.agent_view(anna.agent_id)
    assert [each.contact_id for each in shown if isinstance(each, OfferMade)] == [maria.contact_id]


async def test_a_customer_who_leaves_while_it_rings_frees_everybody(rig: DeskRig) -> None:
    anna, ben = [await rig.agent(name) for name in ("anna", "ben")]
    maria = await rig.customer()
    await maria.ask(HangUp())
    assert [each.last(OfferEnded).reason for each in (anna, ben)] == ["withdrawn", "withdrawn"]
    assert maria.row.end_reason == EndReason.ABANDONED_IN_QUEUE
    assert maria.events[-1].name == "closed"
    next_one = await rig.customer()
    assert {rung_for(each) for each in (anna, ben)} == {next_one.contact_id}


async def test_the_journal_says_at_whom_it_rang_and_who_took_it(rig: DeskRig) -> None:
    anna, ben = [await rig.agent(name) for name in ("anna", "ben")]
    maria = await rig.customer()
    await ben.accept()
    told = {each.name: each for each in maria.events}
    assert set(told["ring_started"].data["agents"]) == {anna.agent_id, ben.agent_id}
    assert (told["ring_ended"].reason, told["ring_ended"].data) == ("taken", {"agent_id": ben.agent_id, "rang_at": 2})
    assert told["offer_made"].data["agent_id"] == told["offer_accepted"].data["agent_id"] == ben.agent_id


async def test_who_answers_while_the_store_is_away_has_the_call(rig: DeskRig) -> None:
    anna, ben = [await rig.agent(name) for name in ("anna", "ben")]
    maria = await rig.customer()
    rig.queues.away = True
    await anna.accept()
    await ben.try_to(AcceptOffer(offer_id=ben.last(OfferMade).offer_id))
    assert (maria.state, anna.now.state, ben.now.state) == ("bridging", "busy", "ready")
    rig.queues.away = False
    await rig.run(10)
    assert {agent: hold.taken for hold in rig.queues.held.values() for agent in [hold.agent_id]} == {
        anna.agent_id: True
    }
    assert rig.queues.rings == {}


async def test_an_answer_that_the_store_refuses_is_no_call_and_it_rings_on_at_the_others(
    rig: DeskRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna, ben = [await rig.agent(name) for name in ("anna", "ben")]
    maria = await rig.customer()

    async def refuse(*_: object) -> int:
        return 0

    with monkeypatch.context() as patch:
        patch.setattr(rig.queues, "take", refuse)
        await anna.accept()
    assert (maria.state, rung_for(ben)) == ("queued", maria.contact_id)
    await ben.accept()
    assert ben.now.contact_id == maria.contact_id
    assert RejectReason.UNREACHABLE.value not in {each.reason for each in maria.events}
