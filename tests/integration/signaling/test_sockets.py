"""Sockets against a running node: who gets in, what is said, what comes back."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway import parties
from gateway.base.errors import StateConflict
from gateway.base.ids import ContactId
from gateway.parties import CustomerParty, QueuePlace
from tests.support.signaling_node import Browser, Node, node


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Node]:
    async with node(tmp_path) as running:
        yield running


def place(number: int) -> QueuePlace:
    return QueuePlace(queue="sales", queue_name="Sales", place=number, ahead=number - 1, waited_s=0.0, estimate_s=None)


async def test_a_customer_gets_from_the_entry_token_to_a_contact(here: Node) -> None:
    async with Browser.at(here.url, "/ws/customer") as customer:
        welcome = await customer.hello(entry_token=await here.entry_token())
        contact_id = ContactId(welcome["contact_id"])
        assert welcome["resumed"] is False
        assert (await customer.receive())["state"] == "in_menu"
        await customer.send("menu_choice", node_id="main", key="1")
        await here.desk.until("customer_request", contact_id, parties.ChooseOption(node_id="main", key="1"))
        assert (await customer.expect("ack"))["ack"] == 1
        here.sessions.tell(CustomerParty(contact_id=contact_id), place(3))
        assert (await customer.expect("queue_position"))["place"] == 3
    await here.desk.until("customer_present", contact_id, False)


async def test_a_refused_request_is_an_error_with_its_number_and_the_talk_goes_on(here: Node) -> None:
    async with Browser.at(here.url, "/ws/customer") as customer:
        await customer.hello(entry_token=await here.entry_token())
        here.desk.refuse_next(StateConflict("menu_stale", "That menu is not shown any more."))
        await customer.send("menu_choice", node_id="old", key="1")
        error = await customer.expect("error")
        assert (error["code"], error["re_seq"]) == ("menu_stale", 1)
        await customer.send("hang_up")
        await here.desk.until("customer_request", ContactId(customer.welcome["contact_id"]), parties.HangUp())
