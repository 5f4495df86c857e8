"""The chat over real sockets: lines come and go, junk is refused with its number, a broken connection loses none."""

from datetime import UTC, datetime

import pytest

from gateway import parties
from gateway.base.errors import TooManyRequests
from gateway.base.ids import AgentId, ContactId
from gateway.parties import AgentParty, ChatHistory, ChatLine, CustomerParty, WriteLine
from tests.support.signaling_browser import Browser
from tests.support.signaling_node import Node

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
LINE = {"client_id": "line-0001", "text": "Grüße 👋\n<b>"}


def written(number: int, text: str = "Hello", client_id: str | None = None) -> ChatLine:
    return ChatLine(number=number, by="agent", name="Ann", at=AT, text=text, client_id=client_id)


async def test_a_line_is_asked_of_the_contact_of_the_session_and_told_to_both(here: Node) -> None:
    async with (
        Browser.at(here.url, "/ws/customer") as customer,
        Browser.at(here.url, "/ws/agent", cookie=here.signed_in("ann")) as agent,
    ):
        contact_id = ContactId((await customer.hello(entry_token=await here.entry_token()))["contact_id"])
        await agent.hello()
        await customer.send("chat", **LINE)
        await agent.send("chat", **LINE)
        asked = WriteLine(client_id="line-0001", text="Grüße 👋\n<b>")
        await here.desk.until("customer_request", contact_id, asked)
        (agent_id,) = {what[1] for what in here.desk.asked if what[0] == "agent_present"}
        await here.desk.until("agent_request", agent_id, asked)
        here.sessions.tell(CustomerParty(contact_id=contact_id), written(1))
        here.sessions.tell(AgentParty(agent_id=AgentId(str(agent_id))), written(1, client_id="line-0001"))
        told = await customer.expect("chat_line")
        assert (told["number"], told["by"], told["name"], told["at"], told["text"], told["client_id"]) == (
            1, "agent", "Ann", "2026-03-02T09:00:00Z", "Hello", None
        )  # fmt: skip
        assert (await agent.expect("chat_line"))["client_id"] == "line-0001"


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"text": "Hi"},
        {"client_id": "line-0001"},
        {"client_id": "short", "text": "Hi"},
        {"client_id": "a" * 41, "text": "Hi"},
        {"client_id": "line 0001 ", "text": "Hi"},
        {"client_id": "line-0001\n", "text": "Hi"},
        {"client_id": 12345678, "text": "Hi"},
        {"client_id": "line-0001", "text": 7},
        {"client_id": "line-0001", "text": None},
        {"client_id": "line-0001", "text": ["Hi"]},
        {"client_id": "line-0001", "text": "x" * 4001},
        {"client_id": "line-0001", "text": "Hi", "contact_id": "ct_somebodyelse"},
        {"client_id": "line-0001", "text": "Hi", "by": "agent"},
        {"client_id": "line-0001", "text": "Hi", "name": "Ann"},
    ],
    ids=str,
)
async def test_junk_is_refused_with_its_number_and_asks_nothing(here: Node, fields: dict[str, object]) -> None:
    async with Browser.at(here.url, "/ws/customer") as customer:
        contact_id = ContactId((await customer.hello(entry_token=await here.entry_token()))["contact_id"])
        await customer.send_raw(type="chat", seq=1, ack=0, **fields)
        error = await customer.expect("error")
        assert (error["code"], error["re_seq"]) == ("bad_message", 1)
        await customer.send_raw(type="chat", seq=2, ack=0, **LINE)
        await here.desk.until("customer_request", contact_id, WriteLine(client_id="line-0001", text=str(LINE["text"])))
    assert len(here.desk.requests()) == 1


async def test_a_refused_line_is_an_error_with_its_number_and_the_socket_stays(here: Node) -> None:
    async with Browser.at(here.url, "/ws/customer") as customer:
        await customer.hello(entry_token=await here.entry_token())
        here.desk.refuse_next(TooManyRequests("chat_too_fast", "Too many messages at once."))
        await customer.send("chat", **LINE)
        error = await customer.expect("error")
        assert (error["code"], error["re_seq"]) == ("chat_too_fast", 1)
        await customer.send("hang_up")
        await here.desk.until("customer_request", ContactId(customer.welcome["contact_id"]), parties.HangUp())


async def test_a_line_told_while_the_socket_was_lost_comes_once_with_the_next(here: Node) -> None:
    async with Browser.at(here.url, "/ws/customer") as customer:
        contact_id = ContactId((await customer.hello(entry_token=await here.entry_token()))["contact_id"])
        here.sessions.tell(CustomerParty(contact_id=contact_id), written(1))
        await customer.expect("chat_line")
        coming_back = customer.resume()
    here.sessions.tell(CustomerParty(contact_id=contact_id), written(2))
    async with Browser.at(here.url, "/ws/customer") as customer:
        assert (await customer.hello(resume=coming_back))["resumed"] is True
        assert (await customer.expect("chat_line"))["number"] == 2


async def test_the_longest_history_of_the_widest_letters_fits_a_message(here: Node) -> None:
    async with Browser.at(here.url, "/ws/customer") as customer:
        contact_id = ContactId((await customer.hello(entry_token=await here.entry_token()))["contact_id"])
        lines = tuple(written(number, "🟦" * 1000) for number in range(1, 21))
        here.sessions.tell(CustomerParty(contact_id=contact_id), ChatHistory(lines=lines, earlier=280))
        told = await customer.expect("chat_history")
        assert told["earlier"] == 280
        assert [line["text"] for line in told["lines"]] == ["🟦" * 1000] * 20
