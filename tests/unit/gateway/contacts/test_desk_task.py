"""A contact at an ACD that queues and routes by itself (task mode): what it says moves the contact, and only once."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from gateway.acd import events as acd
from gateway.acd.events import AcdAgentState, AgentEvent, AgentName, ExitReason, Party, RejectReason
from gateway.acd.port import DeclineReason
from gateway.base.ids import OfferId
from gateway.parties import (
    ContactAssigned,
    HangUp,
    HoldContact,
    OfferEnded,
    QueuePlace,
    RetrieveContact,
    WrapUpStarted,
)
from tests.support.desk_rig import Agent, Customer, DeskRig
from tests.support.foreign_acd import ForeignAcd

OFFER = OfferId("of_00000001")


@pytest.fixture
async def acd_rig() -> AsyncIterator[tuple[DeskRig, ForeignAcd]]:
    foreign = ForeignAcd()
    rig = DeskRig(foreign=foreign)
    await rig.start()
    yield rig, foreign
    await rig.stop()


Rig = tuple[DeskRig, ForeignAcd]


async def say(at: Rig, customer: Customer, *bodies: acd.AcdEventBody) -> None:
    for body in bodies:
        at[1].say(customer.contact_id, body)
        await at[0].rest()


async def ringing(at: Rig, *, ready: bool = True) -> tuple[Customer, Agent]:
    rig, _ = at
    anna = await rig.agent(ready=ready)
    customer = await rig.customer()
    await say(at, customer, acd.Offered(), acd.Queued(place=None))
    await say(at, customer, acd.Reserved(offer_id=OFFER, agent_id=anna.agent_id, deadline_s=15.0))
    return customer, anna


async def in_call(at: Rig) -> tuple[Customer, Agent]:
    customer, anna = await ringing(at)
    await say(at, customer, acd.Accepted(offer_id=OFFER))
    anna.generation = 0
    await anna.connect()
    assert customer.state == "active"
    return customer, anna


def names(customer: Customer) -> list[str]:
    return [event.name for event in customer.events]


async def test_a_place_that_is_not_told_is_shown_as_being_in_line(acd_rig: Rig) -> None:
    customer, _ = await ringing(acd_rig)
    assert customer.last(QueuePlace).place is None
    assert customer.last(QueuePlace).ahead is None


async def test_the_acd_knows_a_customer_again_and_not_by_what_their_browser_keeps(acd_rig: Rig) -> None:
    rig, foreign = acd_rig
    first, again, other = [await rig.customer(visitor_key=key) for key in ("v1", "v1", "v2")]
    keys = [foreign.offers[each.contact_id].customer_key for each in (first, again, other)]
    assert keys[0] == keys[1] != keys[2]
    assert "" not in keys
    assert "v1" not in keys


async def test_an_agent_who_accepts_at_the_desktop_of_the_acd_has_the_contact(acd_rig: Rig) -> None:
    customer, anna = await ringing(acd_rig)
    assert anna.ringing is not None
    assert anna.ringing.deadline_s == 15.0
    await say(acd_rig, customer, acd.Accepted(offer_id=OFFER))
    assert customer.state == "bridging"
    assert anna.last(ContactAssigned).contact_id == customer.contact_id
    assert anna.last(OfferEnded).reason == "accepted"
    assert "accept" not in acd_rig[1].words(), "the ACD is not told what it said"


async def test_an_agent_who_accepts_in_the_panel_is_told_to_the_acd(acd_rig: Rig) -> None:
    customer, anna = await ringing(acd_rig)
    await anna.answer()
    assert customer.state == "active"
    assert ("accept", OFFER) in acd_rig[1].asked
    assert ("confirm_media", True) in acd_rig[1].asked


async def test_an_acceptance_that_was_not_told_follows_from_the_connection(acd_rig: Rig) -> None:
    customer, anna = await ringing(acd_rig)
    await say(acd_rig, customer, acd.Connected(agent=AgentName(ref="WK1", agent_id=anna.agent_id)))
    assert customer.state == "bridging"
    await say(acd_rig, customer, acd.Accepted(offer_id=OFFER))
    assert customer.state == "bridging"


async def test_whom_the_acd_routes_to_is_ready(acd_rig: Rig) -> None:
    customer, anna = await ringing(acd_rig, ready=False)
    assert customer.state == "offered"
    assert anna.now.state == "reserved"


async def test_an_agent_without_a_panel_is_declined(acd_rig: Rig) -> None:
    customer = await acd_rig[0].customer()
    await say(acd_rig, customer, acd.Reserved(offer_id=OFFER, agent_id=None, agent=AgentName(ref="WK9")))
    assert customer.state == "queued"
    assert acd_rig[1].asked[-1] == ("decline", OFFER, DeclineReason.WITHDRAWN)


@pytest.mark.parametrize(
    ("body", "reason", "agent"),
    [
        (acd.Rejected(offer_id=OFFER, reason=RejectReason.DECLINED), "rejected", "not_ready"),
        (acd.Rejected(offer_id=OFFER, reason=RejectReason.BUSY), "rejected", "not_ready"),
        (acd.Rejected(offer_id=OFFER, reason=RejectReason.UNREACHABLE), "timed_out", "not_ready"),
        (acd.Rejected(offer_id=OFFER, reason=RejectReason.WITHDRAWN), "withdrawn", "ready"),
        (acd.NoAnswer(offer_id=OFFER), "timed_out", "not_ready"),
    ],
)
async def test_an_offer_that_ends_at_the_acd_puts_the_contact_in_line(
    acd_rig: Rig, body: acd.AcdEventBody, reason: str, agent: str
) -> None:
    customer, anna = await ringing(acd_rig)
    await say(acd_rig, customer, body)
    assert customer.state == "queued"
    assert anna.last(OfferEnded).reason == reason
    assert anna.now.state == agent
    assert "decline" not in acd_rig[1].words(), "the ACD is not told what it said"


async def test_an_offer_the_acd_takes_back_while_the_media_is_set_up_ends(acd_rig: Rig) -> None:
    customer, anna = await ringing(acd_rig)
    await say(acd_rig, customer, acd.Accepted(offer_id=OFFER))
    await say(acd_rig, customer, acd.Rejected(offer_id=OFFER, reason=RejectReason.WITHDRAWN))
    assert customer.state == "queued"
    assert anna.now.state == "ready"


async def test_the_end_of_another_offer_changes_nothing(acd_rig: Rig) -> None:
    customer, _ = await ringing(acd_rig)
    await say(acd_rig, customer, acd.NoAnswer(offer_id=OfferId("of_00000002")))
    await say(acd_rig, customer, acd.Accepted(offer_id=OfferId("of_00000002")))
    assert customer.state == "offered"


async def test_an_acd_that_keeps_deadlines_and_forgets_one_is_helped(acd_rig: Rig) -> None:
    rig, foreign = acd_rig
    customer, anna = await ringing(acd_rig)
    await rig.run(15.0)
    assert customer.state == "offered", "its own deadline is its own to end"
    await rig.run(6.0)
    assert customer.state == "queued"
    assert anna.now.reason == "rona"
    assert foreign.asked[-1] == ("decline", OFFER, DeclineReason.NO_ANSWER)


async def test_hold_and_retrieve_of_the_agent_are_told_to_the_acd(acd_rig: Rig) -> None:
    _, anna = await in_call(acd_rig)
    await anna.ask(HoldContact())
    await anna.ask(RetrieveContact())
    assert acd_rig[1].words()[-2:] == ["hold", "resume"]


async def test_a_hold_at_the_acd_is_a_hold_here_and_is_not_told_back(acd_rig: Rig) -> None:
    customer, _ = await in_call(acd_rig)
    await say(acd_rig, customer, acd.Held(by=Party.AGENT))
    assert customer.state == "held"
    await say(acd_rig, customer, acd.Held(by=Party.AGENT), acd.Resumed())
    assert customer.state == "active"
    assert not {"hold", "resume"} & set(acd_rig[1].words())


async def test_a_late_hold_does_not_hold_again(acd_rig: Rig) -> None:
    customer, _ = await in_call(acd_rig)
    acd_rig[1].say(customer.contact_id, acd.Resumed(), seq=100)
    acd_rig[1].say(customer.contact_id, acd.Held(), seq=99)
    await acd_rig[0].rest()
    assert customer.state == "active"
    held = customer.events[-1]
    assert held.name == "acd_held"
    assert held.data["late"] is True


async def test_a_repeated_event_happens_once(acd_rig: Rig) -> None:
    customer, _ = await in_call(acd_rig)
    held = acd_rig[1].say(customer.contact_id, acd.Held())
    await acd_rig[0].rest()
    await say(acd_rig, customer, acd.Resumed())
    before = len(customer.events)
    acd_rig[1].again(held)
    await acd_rig[0].rest()
    assert customer.state == "active"
    assert len(customer.events) == before


async def test_a_call_that_ends_at_the_acd_is_followed_by_after_call_work(acd_rig: Rig) -> None:
    rig, foreign = acd_rig
    customer, anna = await in_call(acd_rig)
    await say(acd_rig, customer, acd.Ended(by=Party.AGENT), acd.WrapUpStarted())
    assert customer.state == "wrap_up"
    assert anna.last(WrapUpStarted)
    assert "end" not in foreign.words()
    await anna.wrap_up()
    assert foreign.asked[-1] == ("complete_wrap_up", "resolved")
    assert customer.row.end_reason == "completed"
    assert rig.desk.live_contacts == 0


async def test_after_call_work_that_is_over_at_the_acd_closes_the_contact(acd_rig: Rig) -> None:
    customer, anna = await in_call(acd_rig)
    await say(acd_rig, customer, acd.Ended(by=Party.ACD), acd.WrapUpDone(disposition="sale"))
    assert customer.state == "closed"
    assert customer.row.disposition == "sale"
    assert anna.now.state == "ready"
    assert names(customer).count("closed") == 1


async def test_an_end_that_was_not_told_follows_from_the_after_call_work(acd_rig: Rig) -> None:
    customer, _ = await in_call(acd_rig)
    await say(acd_rig, customer, acd.WrapUpStarted())
    assert customer.state == "wrap_up"
    await say(acd_rig, customer, acd.Ended(by=Party.AGENT), acd.WrapUpDone(disposition="a code of its own"))
    assert customer.state == "closed"


@pytest.mark.parametrize(
    ("reason", "end_reason"),
    [
        (ExitReason.TIMEOUT, "overflowed"),
        (ExitReason.KEY, "left_queue"),
        (ExitReason.WITHDRAWN, "withdrawn"),
        (ExitReason.REFUSED, "refused_by_acd"),
    ],
)
async def test_a_contact_the_acd_lets_go_is_closed_with_its_reason(
    acd_rig: Rig, reason: ExitReason, end_reason: str
) -> None:
    customer = await acd_rig[0].customer()
    await say(acd_rig, customer, acd.QueueExit(reason=reason), acd.QueueExit(reason=ExitReason.FAILED))
    assert customer.row.end_reason == end_reason
    assert names(customer).count("closed") == 1


async def test_a_contact_that_rings_and_is_let_go_frees_the_agent(acd_rig: Rig) -> None:
    customer, anna = await ringing(acd_rig)
    await say(acd_rig, customer, acd.QueueExit(reason=ExitReason.TIMEOUT))
    assert customer.state == "closed"
    assert anna.now.state == "ready"
    assert anna.last(OfferEnded).reason == "withdrawn"


async def test_a_customer_the_acd_takes_for_gone_is_told_that_it_is_over(acd_rig: Rig) -> None:
    customer = await acd_rig[0].customer()
    await say(acd_rig, customer, acd.Abandoned(waited_s=3.0))
    assert customer.row.end_reason == "left_queue"


async def test_a_customer_who_hangs_up_is_cancelled_once(acd_rig: Rig) -> None:
    customer, _ = await ringing(acd_rig)
    await customer.ask(HangUp())
    await say(acd_rig, customer, acd.Abandoned(), acd.QueueExit(reason=ExitReason.WITHDRAWN))
    assert acd_rig[1].words().count("cancel") == 1
    assert names(customer).count("closed") == 1


async def test_what_nobody_knows_is_written_down_and_moves_nothing(acd_rig: Rig) -> None:
    customer, _ = await ringing(acd_rig)
    raw = {"EventType": "task.sung", "Text": "ü\0" * 5000}
    acd_rig[1].say(customer.contact_id, acd.Unrecognised(name="task.sung"), synthesized=True, raw=raw)
    await acd_rig[0].rest()
    assert customer.state == "offered"
    event = customer.events[-1]
    assert event.name == "acd_unrecognised"
    assert event.source == "acd"
    assert event.data["adapter"] == "foreign"
    assert event.data["synthesized"] is True
    kept = str(event.data["raw"])
    assert len(kept.encode()) <= acd.RAW_LIMIT_BYTES
    assert "\0" not in kept
    assert kept.startswith('{"EventType": "task.sung"')


async def test_the_raw_form_of_an_event_is_kept_as_json(acd_rig: Rig) -> None:
    customer = await acd_rig[0].customer()
    acd_rig[1].say(customer.contact_id, acd.Queued(place=3), raw={"Position": "3"})
    await acd_rig[0].rest()
    assert json.loads(str(customer.events[-1].data["raw"])) == {"Position": "3"}
    assert customer.events[-1].data["place"] == 3


async def test_events_of_a_contact_nobody_knows_harm_nothing(acd_rig: Rig) -> None:
    customer, _ = await in_call(acd_rig)
    await customer.ask(HangUp())
    await acd_rig[0].run(200)
    assert acd_rig[0].desk.live_contacts == 0
    await say(acd_rig, customer, acd.Ended(by=Party.ACD), acd.Reserved(offer_id=OFFER, agent_id=None))
    assert names(customer)[-1] == "closed"


@pytest.mark.parametrize(
    ("state", "reason", "expected"),
    [
        (AcdAgentState.READY, None, ("ready", None)),
        (AcdAgentState.NOT_READY, "lunch", ("not_ready", "lunch")),
        (AcdAgentState.NOT_READY, "a code of its own", ("not_ready", "other")),
        (AcdAgentState.LOGGED_OFF, None, ("not_ready", "other")),
        (AcdAgentState.BUSY, None, ("ready", None)),
    ],
)
async def test_the_state_of_an_agent_at_the_acd_is_theirs_here(
    acd_rig: Rig, state: AcdAgentState, reason: str | None, expected: tuple[str, str | None]
) -> None:
    anna = await acd_rig[0].agent()
    at = datetime(2026, 1, 1, tzinfo=UTC)
    name = AgentName(ref="WK1", agent_id=anna.agent_id)
    acd_rig[1].say_of_agent(
        AgentEvent(
            event_id="e1", agent=name, state=state, reason=reason, occurred_at=at, received_at=at, source="foreign"
        )
    )
    await acd_rig[0].rest()
    assert (anna.now.state, anna.now.reason) == expected
