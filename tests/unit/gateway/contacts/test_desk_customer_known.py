"""Who the customer is reaches their agent when it is known, and nothing waits for it."""

from dataclasses import replace

from gateway.base.ids import ContactId
from gateway.parties import ContactAssigned, CustomerHistory, CustomerKnown, HangUp, OfferMade
from tests.support.desk_rig import DeskRig

MARIA = CustomerHistory(customer_id="cu_1", name="Maria", known_by="identity", contacts=3)


async def test_the_crm_is_told_who_came_and_the_contact_goes_on_without_an_answer(rig: DeskRig):
    agent = await rig.agent()
    customer = await rig.customer(page_url="https://shop.example/cart")
    assert rig.customers.came[customer.contact_id].page_url == "https://shop.example/cart"
    await agent.answer()
    assert agent.state == "active"
    assert agent.last(ContactAssigned).customer.history is None
    assert agent.all(CustomerKnown) == []


async def test_robots_are_no_customers(rig: DeskRig):
    await rig.customer(canary=True)
    assert rig.customers.came == {}


async def test_what_is_known_before_the_offer_is_on_its_card(rig: DeskRig):
    customer = await rig.customer()
    rig.customers.know(customer.contact_id, MARIA)
    await rig.rest()
    agent = await rig.agent()
    assert agent.last(OfferMade).customer.history == MARIA
    await agent.answer()
    assert agent.last(ContactAssigned).customer.history == MARIA
    assert agent.all(CustomerKnown) == []


async def test_what_is_known_later_follows_and_is_there_after_a_reload(rig: DeskRig):
    customer = await rig.customer()
    agent = await rig.agent()
    rig.customers.know(customer.contact_id, MARIA)
    await rig.rest()
    assert agent.last(CustomerKnown) == CustomerKnown(contact_id=customer.contact_id, history=MARIA)
    await agent.answer()
    more = replace(MARIA, url="https://crm.example/maria")
    rig.customers.know(customer.contact_id, more)
    await rig.rest()
    assert agent.last(CustomerKnown).history == more
    view = await rig.desk.agent_view(agent.agent_id)
    assert [notice.customer.history for notice in view if isinstance(notice, ContactAssigned)] == [more]


async def test_an_answer_for_a_contact_that_is_over_is_for_nobody(rig: DeskRig):
    customer = await rig.customer()
    await customer.ask(HangUp())
    rig.customers.know(customer.contact_id, MARIA)
    rig.customers.know(ContactId("ct_unknown0"), MARIA)
    await rig.rest()
    assert rig.desk.live_contacts == 0
    assert rig.customers.gone == [customer.contact_id]
