"""Sockets against a running node: who gets in, what is said, what comes back."""

import asyncio
from pathlib import Path

import pytest

from gateway import parties
from gateway.base.errors import StateConflict
from gateway.base.ids import ContactId
from gateway.parties import CustomerParty, QueuePlace
from signaling.turn import Turn
from tests.support.signaling_browser import Browser, eventually
from tests.support.signaling_node import Node, node


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


async def test_an_admin_sees_the_board_and_then_only_its_newest(here: Node) -> None:
    async with Browser.at(here.url, "/ws/board", cookie=here.signed_in("root")) as board:
        assert (await board.hello())["contact_id"] is None
        assert (await board.expect("board"))["draining"] is False
        here.desk.drain()
        for _ in range(1000):  # nobody else is cut or kept waiting by a board that is not read
            here.sessions.tell(parties.BoardParty(), here.desk.board())
        assert (await board.expect("board"))["draining"] is True
        await board.send("hang_up")
        assert (await board.expect("error"))["code"] == "unknown_message"
    await eventually(lambda: len(here.sessions) == 0)  # a board does not come back: nothing is kept


async def test_open_sockets_are_counted(here: Node) -> None:
    def count() -> float | None:
        return here.services.registry.get_sample_value("visavis_sockets", {"side": "customer"})

    async with Browser.at(here.url, "/ws/customer") as customer:
        await customer.hello(entry_token=await here.entry_token())
        assert count() == 1
    await eventually(lambda: count() == 0)


async def test_what_is_told_while_the_view_is_made_is_not_lost(here: Node) -> None:
    here.desk.view_gate = asyncio.Event()
    async with Browser.at(here.url, "/ws/customer") as customer:
        greeting = asyncio.create_task(customer.hello(entry_token=await here.entry_token()))
        await eventually(lambda: bool(here.desk.asked) and here.desk.asked[-1][0] == "customer_view")
        (contact_id,) = here.desk.contacts
        here.sessions.tell(CustomerParty(contact_id=contact_id), place(2))
        here.desk.view_gate.set()
        await greeting
        assert [(await customer.receive())["type"] for _ in range(2)] == ["contact_state", "queue_position"]


async def test_a_refused_request_is_an_error_with_its_number_and_the_talk_goes_on(here: Node) -> None:
    async with Browser.at(here.url, "/ws/customer") as customer:
        await customer.hello(entry_token=await here.entry_token())
        here.desk.refuse_next(StateConflict("menu_stale", "That menu is not shown any more."))
        await customer.send("menu_choice", node_id="old", key="1")
        error = await customer.expect("error")
        assert (error["code"], error["re_seq"]) == ("menu_stale", 1)
        await customer.send("hang_up")
        await here.desk.until("customer_request", ContactId(customer.welcome["contact_id"]), parties.HangUp())


async def test_a_ping_is_answered_at_once_and_changes_no_number(here: Node) -> None:
    for path, how in (("/ws/customer", {"entry_token": await here.entry_token()}), ("/ws/board", {})):
        cookie = here.signed_in("root") if path == "/ws/board" else ""
        async with Browser.at(here.url, path, cookie=cookie) as page:
            await page.hello(**how)
            for _ in range(2):
                await page.send_raw(type="ping", seq=0, ack=0)
                assert (await page.expect("ack"))["ack"] == 0


@pytest.mark.parametrize(("close_code", "page_gone"), [(1001, True), (1000, False)])
async def test_a_page_that_goes_away_is_told_from_one_that_is_lost(
    here: Node, close_code: int, page_gone: bool
) -> None:
    async with Browser.at(here.url, "/ws/customer") as page:
        contact_id = ContactId((await page.hello(entry_token=await here.entry_token()))["contact_id"])
        await page.ws.close(code=close_code)
    await here.desk.until("customer_present", contact_id, False)
    assert here.desk.left == [page_gone]


async def test_turn_credentials_come_with_the_welcome_and_anew_when_asked(tmp_path: Path) -> None:
    turn = Turn(urls=("turn:turn.example",), secret="sixteen-characters", lifetime_s=900)
    async with node(tmp_path, turn=turn) as here:
        async with Browser.at(here.url, "/ws/customer") as page:
            welcome = await page.hello(entry_token=await here.entry_token())
            assert welcome["ice_lifetime_s"] == 900
            assert welcome["ice_servers"][0]["username"].endswith(":" + welcome["contact_id"])
            await page.send_raw(type="ice_request", seq=0, ack=0)
            assert (await page.expect("ice_servers"))["servers"][0]["urls"] == ["turn:turn.example"]
        async with Browser.at(here.url, "/ws/board", cookie=here.signed_in("root")) as board:
            assert (await board.hello())["ice_servers"] == []
