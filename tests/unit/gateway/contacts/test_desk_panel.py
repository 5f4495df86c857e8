"""An agent whose panel of one contact their ACD's desktop opens: here from the reservation to the end of it."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from gateway.acd import events as acd
from gateway.base.ids import AgentId, OfferId
from gateway.parties import AgentCard, AgentChanged, AgentParty, ContactAssigned, HangUp, PeerChanged, SubmitWrapUp
from tests.support.desk_rig import Agent, Customer, DeskRig
from tests.support.foreign_acd import TASK, ForeignAcd

OFFER, NEXT = OfferId("of_00000001"), OfferId("of_00000002")
ANNA = AgentCard(agent_id=AgentId("ag_anna0000"), display_name="Anna", queues=("sales",), visiting=True)
Rig = tuple[DeskRig, ForeignAcd]


@pytest.fixture
async def at() -> AsyncIterator[Rig]:
    foreign = ForeignAcd(replace(TASK, opens_panels=True))
    rig = DeskRig(foreign=foreign)
    await rig.start()
    yield rig, foreign
    await rig.stop()


async def say(at: Rig, customer: Customer, *bodies: acd.AcdEventBody) -> None:
    for body in bodies:
        at[1].say(customer.contact_id, body)
        await at[0].rest()


async def accepted(at: Rig) -> Customer:
    """At the desktop; no panel is there yet."""
    customer = await at[0].customer()
    await say(at, customer, acd.Offered(), acd.Reserved(offer_id=OFFER, agent_id=ANNA.agent_id, deadline_s=15.0))
    assert customer.state == "offered"
    await say(at, customer, acd.Accepted(offer_id=OFFER))
    assert customer.state == "bridging"
    return customer


async def in_call(at: Rig) -> tuple[Customer, Agent]:
    customer = await accepted(at)
    anna = Agent(at[0], ANNA)
    await anna.come()
    anna.generation = 0
    await anna.connect()
    assert customer.state == "active"
    return customer, anna


async def test_the_contact_is_theirs_from_the_acceptance_and_goes_on_when_their_panel_comes(at: Rig) -> None:
    customer, _ = await in_call(at)
    assert at[0].desk.contact_of(ANNA.agent_id) == customer.contact_id
    assert customer.last(PeerChanged).display_name == "Anna"
    assert "decline" not in at[1].words()


async def test_they_are_gone_when_the_contact_is_and_nothing_else_is_routed_to_them(at: Rig) -> None:
    customer, anna = await in_call(at)
    assert at[0].desk.transfer_targets(AgentId("ag_other000")).agents == ()
    await anna.ask(HangUp())
    assert customer.state == "wrap_up"
    await anna.ask(SubmitWrapUp(disposition="resolved"))
    assert anna.last(AgentChanged).state == "logged_off"
    assert at[0].roster.find(ANNA.agent_id) is None
    assert at[1].positions == {}, "their state is the ACD's own"


async def test_the_next_contact_of_the_same_agent_is_expected_again(at: Rig) -> None:
    _, anna = await in_call(at)
    await anna.ask(HangUp())
    await anna.ask(SubmitWrapUp(disposition="resolved"))
    second = await at[0].customer()
    await say(at, second, acd.Reserved(offer_id=NEXT, agent_id=ANNA.agent_id), acd.Accepted(offer_id=NEXT))
    assert second.state == "bridging"


async def test_a_panel_that_never_opens_brings_the_contact_back_in_line(at: Rig) -> None:
    customer = await accepted(at)
    await at[0].run(at[0].settings.bridge_timeout.total_seconds())
    assert customer.state == "queued"
    assert ("confirm_media", False) in at[1].asked
    assert at[0].roster.find(ANNA.agent_id) is None


async def test_a_reservation_that_is_taken_back_leaves_nobody_behind(at: Rig) -> None:
    customer = await at[0].customer()
    await say(at, customer, acd.Reserved(offer_id=OFFER, agent_id=ANNA.agent_id))
    await say(at, customer, acd.Rejected(offer_id=OFFER, reason=acd.RejectReason.WITHDRAWN))
    assert customer.state == "queued"
    assert at[0].roster.find(ANNA.agent_id) is None


async def test_an_agent_on_a_contact_is_given_no_second_one(at: Rig) -> None:
    first, anna = await in_call(at)
    await anna.go()
    second = await at[0].customer()
    await say(at, second, acd.Reserved(offer_id=NEXT, agent_id=ANNA.agent_id))
    assert second.state == "queued"
    assert at[1].words()[-1] == "decline"
    assert at[0].desk.contact_of(ANNA.agent_id) == first.contact_id
    record = at[0].roster.find(ANNA.agent_id)
    assert record is not None
    assert record.absent_since_s is not None, "nobody takes them for present"


async def test_who_has_a_panel_of_their_own_keeps_it(at: Rig) -> None:
    anna = Agent(at[0], replace(ANNA, visiting=False))
    await anna.come()
    customer = await at[0].customer()
    await say(at, customer, acd.Reserved(offer_id=OFFER, agent_id=ANNA.agent_id), acd.Accepted(offer_id=OFFER))
    assert anna.last(ContactAssigned).contact_id == customer.contact_id
    visiting = Agent(at[0], ANNA)
    await visiting.come()
    await say(at, customer, acd.Rejected(offer_id=OFFER, reason=acd.RejectReason.WITHDRAWN))
    record = at[0].roster.find(ANNA.agent_id)
    assert record is not None
    assert (record.state, record.card.visiting) == ("ready", False)
    assert AgentParty(agent_id=ANNA.agent_id) in at[0].notices.told
