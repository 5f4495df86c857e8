"""A socket is lost, a page reloaded, a tab doubled: the same contact, nothing lost, nothing twice."""

import asyncio
import json
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway import parties
from gateway.base.errors import PortFailure
from gateway.base.ids import AgentId, ContactId
from gateway.parties import AgentParty, ContactChanged, CustomerParty, LegChanged
from tests.support.clock import FakeClock
from tests.support.signaling_browser import Browser, eventually
from tests.support.signaling_node import Node, node


def told(here: Node, contact_id: str, number: int) -> None:
    here.sessions.tell(
        CustomerParty(contact_id=ContactId(contact_id)), LegChanged(generation=number, state="connected")
    )


async def test_a_lost_socket_comes_back_to_what_was_said_meanwhile(here: Node) -> None:
    async with Browser.at(here.url, "/ws/customer") as first:
        welcome = await first.hello(entry_token=await here.entry_token())
        contact_id = welcome["contact_id"]
        await first.expect("contact_state")
        first.cut()
    await here.desk.until("customer_present", contact_id, False)
    told(here, contact_id, 1)
    told(here, contact_id, 2)
    async with Browser.at(here.url, "/ws/customer") as second:
        second.seen = first.seen
        back = await second.hello(resume=first.resume())
        assert (back["resumed"], back["contact_id"]) == (True, contact_id)
        assert back["secret"] != welcome["secret"]
        assert [(await second.expect("leg_state"))["generation"] for _ in range(2)] == [1, 2]
    assert here.desk.asked.count(("customer_view", contact_id)) == 1
    assert [what[2] for what in here.desk.asked if what[0] == "customer_present"][:3] == [True, False, True]


async def test_a_reloaded_page_gets_the_whole_view_of_the_same_contact(here: Node) -> None:
    async with Browser.at(here.url, "/ws/customer") as page:
        contact_id = (await page.hello(entry_token=await here.entry_token()))["contact_id"]
        await page.expect("contact_state")
        await page.send("hang_up")
        await page.expect("ack")
    async with Browser.at(here.url, "/ws/customer") as again:
        welcome = await again.hello(resume={**page.resume(), "last_seq": 0})
        assert (welcome["resumed"], welcome["contact_id"], welcome["ack"]) == (False, contact_id, 0)
        assert (await again.receive())["seq"] == 1
        await again.send("hang_up")  # numbers begin anew on both sides
        assert (await again.expect("ack"))["ack"] == 1
    assert len(here.desk.contacts) == 1


async def test_a_request_sent_again_is_done_once(here: Node) -> None:
    async with Browser.at(here.url, "/ws/customer") as page:
        contact_id = (await page.hello(entry_token=await here.entry_token()))["contact_id"]
        await page.expect("contact_state")
        await page.send("hang_up")
        await here.desk.until("customer_request", contact_id, parties.HangUp())
        page.cut()  # before the acknowledgement was read
    async with Browser.at(here.url, "/ws/customer") as again:
        again.seen = page.seen
        assert (await again.hello(resume=page.resume()))["ack"] == 1
        await again.send("hang_up")  # number 1, as a client that had not read the acknowledgement would
        await again.send("media_state", audio=True, video=False)
        await here.desk.until(
            "customer_request", contact_id, parties.ReportMedia(audio=True, video=False, screen=False)
        )
    assert len(here.desk.requests()) == 2


async def test_a_wrong_an_old_and_an_unknown_secret_get_the_same_answer(here: Node) -> None:
    answers = []
    async with Browser.at(here.url, "/ws/customer") as page:
        await page.hello(entry_token=await here.entry_token())
        await page.expect("contact_state")
        old = page.resume()
    async with Browser.at(here.url, "/ws/customer") as again:
        again.seen = page.seen
        assert (await again.hello(resume=old))["resumed"] is True
        good = again.resume()
        for resume in (old, {**good, "secret": "x" * 32}, {**good, "session_id": "se_00000000000000000000000000"}):
            async with Browser.at(here.url, "/ws/customer") as thief:
                said = await thief.hello(resume=resume)
                answers.append((said, await thief.closed()))
        await again.send("hang_up")  # and the owner has noticed nothing
        await again.expect("ack")
    assert answers[0][0]["type"] == "bye"
    assert answers[0][1] == (4404, "session_over")
    assert answers[0] == answers[1] == answers[2]


async def test_a_welcome_that_never_arrived_does_not_lock_its_owner_out(here: Node) -> None:
    async with Browser.at(here.url, "/ws/customer") as page:
        await page.hello(entry_token=await here.entry_token())
        await page.expect("contact_state")
        kept = page.resume()
    for _ in range(3):
        async with Browser.at(here.url, "/ws/customer") as unlucky:
            await unlucky.send_raw(type="hello", versions=[1], resume=kept)
            while (await unlucky.receive())["type"] != "welcome":
                pass
            unlucky.cut()  # the page never saw that welcome
    async with Browser.at(here.url, "/ws/customer") as again:
        again.seen = page.seen
        assert (await again.hello(resume=kept))["resumed"] is True


async def test_a_center_that_does_not_answer_costs_nobody_their_session(here: Node) -> None:
    async with Browser.at(here.url, "/ws/customer") as page:
        await page.hello(entry_token=await here.entry_token())
        await page.expect("contact_state")
    async with Browser.at(here.url, "/ws/customer") as unlucky:
        await here.desk.until("customer_present", page.welcome["contact_id"], False)
        here.desk.refuse_next(PortFailure("live_unavailable", "The live state does not answer."))
        said = await unlucky.hello(resume=page.resume())
        assert (said["type"], said["code"]) == ("error", "live_unavailable")
        assert await unlucky.closed() == (4503, "live_unavailable")
    async with Browser.at(here.url, "/ws/customer") as again:
        assert (await again.hello(resume=page.resume()))["contact_id"] == page.welcome["contact_id"]


async def test_in_two_tabs_of_a_customer_the_newer_wins(here: Node) -> None:
    async with Browser.at(here.url, "/ws/customer") as first, Browser.at(here.url, "/ws/customer") as second:
        contact_id = (await first.hello(entry_token=await here.entry_token()))["contact_id"]
        await first.expect("contact_state")
        assert (await second.hello(resume={**first.resume(), "last_seq": 0}))["contact_id"] == contact_id
        assert (await first.expect("bye"))["code"] == "taken_over"
        assert await first.closed() == (4409, "taken_over")
        await second.expect("contact_state")
        told(here, contact_id, 5)
        assert (await second.expect("leg_state"))["generation"] == 5
        assert ("customer_present", contact_id, False) not in here.desk.asked


async def test_what_a_dropped_panel_still_says_is_not_heard(here: Node) -> None:
    """A message that waits in the socket while the session ends asks nothing any more."""
    owner = AgentParty(agent_id=AgentId("ag_ann00000000"))
    async with Browser.at(here.url, "/ws/agent", cookie=here.signed_in("ann")) as panel:
        await panel.hello()
        await panel.expect("agent_state")
        here.desk.request_gate = asyncio.Event()
        await panel.send("set_ready")
        await panel.send("hold")
        await here.desk.until("agent_request", owner.agent_id, parties.SetReady())
        session = here.sessions.of(owner)
        assert session is not None
        here.desk.request_gate.set()  # the request ends in the same moment as the session
        here.sessions.drop(session, "signed_out")
        assert (await panel.expect("bye"))["code"] == "signed_out"
        await panel.closed()
    assert here.desk.requests() == [parties.SetReady()]


async def test_a_panel_with_a_wrong_secret_is_just_a_second_panel(here: Node) -> None:
    cookie = here.signed_in("ann")
    async with Browser.at(here.url, "/ws/agent", cookie=cookie) as first:
        await first.hello()
        async with Browser.at(here.url, "/ws/agent", cookie=cookie) as second:
            answer = await second.hello(resume={**first.resume(), "secret": "x" * 32})
            assert answer["code"] == "panel_open_elsewhere"


async def test_a_second_panel_is_told_and_takes_over_only_when_asked(here: Node) -> None:
    cookie = here.signed_in("ann")
    async with Browser.at(here.url, "/ws/agent", cookie=cookie) as first:
        await first.hello()
        assert (await first.expect("agent_state"))["state"] == "not_ready"
        async with Browser.at(here.url, "/ws/agent", cookie=cookie) as second:
            assert (await second.hello())["code"] == "panel_open_elsewhere"
            assert await second.closed() == (4409, "panel_open_elsewhere")
        async with Browser.at(here.url, "/ws/agent", cookie=cookie) as third:
            assert (await third.hello(take_over=True))["resumed"] is False
            assert (await first.expect("bye"))["code"] == "taken_over"
            assert await first.closed() == (4409, "taken_over")
            await third.expect("agent_state")
            await third.send("set_ready")
            await here.desk.until("agent_request", AgentId("ag_ann00000000"), parties.SetReady())
            assert ("agent_present", AgentId("ag_ann00000000"), False) not in here.desk.asked


async def test_an_agent_comes_back_with_the_offer_that_rang_meanwhile(here: Node) -> None:
    cookie = here.signed_in("ann")
    owner = AgentParty(agent_id=AgentId("ag_ann00000000"))
    async with Browser.at(here.url, "/ws/agent", cookie=cookie) as first:
        await first.hello()
        await first.expect("agent_state")
        first.cut()
    await here.desk.until("agent_present", owner.agent_id, False)
    here.sessions.tell(owner, ContactChanged(contact_id=ContactId("ct_00000001"), state="active"))
    async with Browser.at(here.url, "/ws/agent", cookie=cookie) as second:
        second.seen = first.seen
        assert (await second.hello(resume=first.resume()))["resumed"] is True
        assert (await second.expect("contact_state"))["state"] == "active"


async def test_an_agent_without_what_a_reload_forgot_gets_a_new_view(here: Node) -> None:
    cookie = here.signed_in("ann")
    async with Browser.at(here.url, "/ws/agent", cookie=cookie) as first:
        await first.hello()
        await first.expect("agent_state")
    await here.desk.until("agent_present", AgentId("ag_ann00000000"), False)
    async with Browser.at(here.url, "/ws/agent", cookie=cookie) as second:
        assert (await second.hello())["resumed"] is False
        await second.expect("agent_state")


async def test_one_agent_can_not_resume_anothers_session(here: Node) -> None:
    async with Browser.at(here.url, "/ws/agent", cookie=here.signed_in("ann")) as ann:
        await ann.hello()
        await ann.expect("agent_state")
        async with Browser.at(here.url, "/ws/agent", cookie=here.signed_in("bob")) as bob:
            answer = await bob.hello(resume=ann.resume())
            assert (answer["resumed"], answer["session_id"] == ann.welcome["session_id"]) == (False, False)
            assert here.desk.asked[-1] == ("agent_view", AgentId("ag_bob00000000"))
        async with Browser.at(here.url, "/ws/customer") as customer:
            assert (await customer.hello(resume=ann.resume()))["code"] == "session_over"
        await ann.send("set_ready")
        await ann.expect("ack")


async def test_a_closed_contact_is_over_for_a_fresh_page(here: Node) -> None:
    async with Browser.at(here.url, "/ws/customer") as page:
        contact_id = (await page.hello(entry_token=await here.entry_token()))["contact_id"]
        await page.expect("contact_state")
    here.desk.closed.add(ContactId(contact_id))
    async with Browser.at(here.url, "/ws/customer") as again:
        answer = await again.hello(resume={**page.resume(), "last_seq": 0})
        assert (answer["type"], answer["code"]) == ("bye", "session_over")
    assert len(here.sessions) == 0


async def test_a_lost_customer_still_hears_how_it_ended(here: Node) -> None:
    async with Browser.at(here.url, "/ws/customer") as page:
        contact_id = (await page.hello(entry_token=await here.entry_token()))["contact_id"]
        await page.expect("contact_state")
    await here.desk.until("customer_present", contact_id, False)
    here.sessions.tell(
        CustomerParty(contact_id=ContactId(contact_id)),
        ContactChanged(contact_id=ContactId(contact_id), state="closed", end_reason="customer_lost"),
    )
    here.desk.closed.add(ContactId(contact_id))
    async with Browser.at(here.url, "/ws/customer") as again:
        again.seen = page.seen
        assert (await again.hello(resume=page.resume()))["resumed"] is True
        assert (await again.expect("contact_state"))["end_reason"] == "customer_lost"


async def test_the_session_ends_with_the_grace(tmp_path: Path) -> None:
    clock = FakeClock()
    async with node(tmp_path, clock=clock) as here:
        async with Browser.at(here.url, "/ws/customer") as page:
            contact_id = (await page.hello(entry_token=await here.entry_token()))["contact_id"]
            await page.expect("contact_state")
        await here.desk.until("customer_present", contact_id, False)
        clock.advance(61)
        await eventually(lambda: len(here.sessions) == 0)
        async with Browser.at(here.url, "/ws/customer") as again:
            assert (await again.hello(resume=page.resume()))["code"] == "session_over"


async def _talk_with_cuts(folder: Path, cuts: list[tuple[int, int, int]]) -> None:
    """For each (notices, requests, read): say that much on both sides, read some of it, lose the network, come back."""
    async with node(folder) as here:
        heard: list[int] = []
        unacknowledged: list[dict[str, object]] = []
        sent = said = seen = 0
        resume: dict[str, object] | None = None
        contact_id = ""
        for notices, requests, read in [*cuts, (0, 0, 10_000)]:
            async with Browser.at(here.url, "/ws/customer") as page:
                page.seen = seen
                if resume is None:
                    welcome = await page.hello(entry_token=await here.entry_token())
                    contact_id = welcome["contact_id"]
                    await page.expect("contact_state")
                else:
                    welcome = await page.hello(resume=resume)
                    assert welcome["resumed"] is True
                    unacknowledged = [one for one in unacknowledged if int(str(one["seq"])) > welcome["ack"]]
                    for message in unacknowledged:
                        await page.ws.send_str(json.dumps(message))
                for _ in range(notices):
                    said += 1
                    told(here, contact_id, said)
                for _ in range(requests):
                    sent += 1
                    message = {"type": "menu_choice", "seq": sent, "ack": page.seen, "node_id": str(sent), "key": "1"}
                    unacknowledged.append(message)
                    await page.ws.send_str(json.dumps(message))
                last = read == 10_000
                for _ in range(min(read, said - len(heard))):
                    message = await page.expect("leg_state")
                    heard.append(int(str(message["generation"])))
                if last:
                    await eventually(lambda expected=sent: len(here.desk.requests()) >= expected)
                resume, seen = page.resume(), page.seen
                page.cut()
        assert heard == list(range(1, said + 1))
        chosen = [request.node_id for request in here.desk.requests() if isinstance(request, parties.ChooseOption)]
        assert chosen == [str(number) for number in range(1, sent + 1)]


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=5))
def test_wherever_the_network_breaks_both_sides_hear_everything_once(cuts: list[tuple[int, int, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_talk_with_cuts(Path(folder), cuts))
