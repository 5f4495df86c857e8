"""Customer and agent write to each other: in one order, told once, kept, and by nobody else."""

from collections.abc import Sequence

import pytest

from gateway.acd import events as acd
from gateway.base.errors import StateConflict
from gateway.base.ids import LegId
from gateway.contacts.chat import LINES_LIMIT
from gateway.parties import (
    AcceptOffer,
    ChatHistory,
    ChatLine,
    ClaimContact,
    CompleteTransfer,
    HangUp,
    HoldContact,
    TransferContact,
    WriteLine,
)
from media.port import DialVoice, VoiceTrunk
from tests.support.desk_rig import Agent, Customer, DeskRig, Person
from tests.support.foreign_acd import CALL, TASK, ForeignAcd


def line(text: str, client_id: str = "line-0001") -> WriteLine:
    return WriteLine(client_id=client_id, text=text)


def read(person: Person) -> list[tuple[int, str, str]]:
    """What this person was told, line by line."""
    return [(told.number, told.by, told.text) for told in person.all(ChatLine)]


def histories(view: Sequence[object]) -> list[ChatHistory]:
    return [notice for notice in view if isinstance(notice, ChatHistory)]


async def in_call(rig: DeskRig) -> tuple[Customer, Agent]:
    anna = await rig.agent()
    customer = await rig.customer()
    await anna.answer()
    return customer, anna


async def test_lines_go_both_ways_in_one_order_and_are_kept(rig: DeskRig) -> None:
    customer, anna = await in_call(rig)
    await customer.ask(line(" Which page? "))
    await anna.ask(line("The second."))
    told = [(1, "customer", "Which page?"), (2, "agent", "The second.")]
    assert read(customer) == read(anna) == told
    assert [each.client_id for each in customer.all(ChatLine)] == ["line-0001", None]
    assert [each.client_id for each in anna.all(ChatLine)] == [None, "line-0001"]
    assert [(each.name, each.at) for each in anna.all(ChatLine)] == [
        ("Maria", rig.clock.now()),
        ("Anna", rig.clock.now()),
    ]
    kept = rig.chat.lines[customer.contact_id]
    assert [(each.number, each.by, each.text, each.client_id) for each in kept] == [(*each, None) for each in told]


async def test_the_journal_has_who_and_how_much_and_never_the_text(rig: DeskRig) -> None:
    customer, anna = await in_call(rig)
    await customer.ask(line("my secret"))
    await anna.ask(line("your secret"))
    events = [event for event in customer.events if event.name == "chat_line"]
    assert [(event.source.value, dict(event.data)) for event in events] == [
        ("customer", {"number": 1, "length": 9}),
        ("agent", {"number": 2, "length": 11, "agent_id": anna.agent_id}),
    ]
    assert "secret" not in str(customer.events)
    assert "secret" not in str(customer.row)


async def test_a_line_sent_again_is_told_to_its_author_again_and_to_nobody_else(rig: DeskRig) -> None:
    customer, anna = await in_call(rig)
    await customer.ask(line("Hi"))
    await customer.ask(line("Hi"))
    assert read(customer) == [(1, "customer", "Hi")] * 2
    assert read(anna) == [(1, "customer", "Hi")]
    assert len(rig.chat.lines[customer.contact_id]) == 1


async def test_nobody_writes_before_an_agent_has_the_contact_or_after_it(rig: DeskRig) -> None:
    customer = await rig.customer()
    assert await customer.try_to(line("anybody?")) == "chat_not_now"
    anna = await rig.agent()
    assert await customer.try_to(line("anybody?")) == "chat_not_now"
    assert await anna.try_to(line("soon")) == "chat_not_now"
    await anna.accept()
    await customer.ask(line("there you are"))  # the pictures are not there yet
    await anna.connect()
    await customer.ask(HangUp())
    assert await customer.try_to(line("bye", "line-0002")) == "contact_closed"
    assert await anna.try_to(line("bye", "line-0002")) == "chat_not_now"
    assert len(rig.chat.lines[customer.contact_id]) == 1


async def test_the_customer_writes_on_hold(rig: DeskRig) -> None:
    customer, anna = await in_call(rig)
    await anna.ask(HoldContact())
    await customer.ask(line("still here"))
    await anna.ask(line("one moment"))
    assert [text for _, _, text in read(anna)] == ["still here", "one moment"]


async def test_a_view_brings_back_what_was_written_in_wrap_up_too(rig: DeskRig) -> None:
    customer, anna = await in_call(rig)
    assert histories(await rig.desk.customer_view(customer.contact_id)) == []
    await customer.ask(line("Hi"))
    await anna.ask(line("Hello"))
    for view, own in (
        (await rig.desk.customer_view(customer.contact_id), ["line-0001", None]),
        (await rig.desk.agent_view(anna.agent_id), [None, "line-0001"]),
    ):
        (history,) = histories(view)
        assert [each.text for each in history.lines] == ["Hi", "Hello"]
        assert [each.client_id for each in history.lines] == own
    await customer.ask(HangUp())
    (history,) = histories(await rig.desk.agent_view(anna.agent_id))
    assert [each.text for each in history.lines] == ["Hi", "Hello"]


async def test_the_next_agent_reads_what_was_written_and_who_gave_it_away_reads_no_more(rig: DeskRig) -> None:
    customer, anna = await in_call(rig)
    ben = await rig.agent("ben", queues=("support",))
    await customer.ask(line("Hi"))
    await anna.ask(TransferContact(kind="queue", target="support"))
    assert ben.all(ChatHistory) == [], "it only rings"
    assert histories(await rig.desk.agent_view(ben.agent_id)) == []
    assert await customer.try_to(line("anybody?", "line-0002")) == "chat_not_now"
    await ben.answer()
    assert [each.text for each in ben.last(ChatHistory).lines] == ["Hi"]
    await ben.ask(line("Hello from Ben"))
    assert read(anna) == [(1, "customer", "Hi")]
    assert read(customer)[-1] == (2, "agent", "Hello from Ben")
    with pytest.raises(StateConflict):
        await anna.ask(line("me too"))


async def test_who_is_asked_reads_nothing_until_the_customer_is_theirs(rig: DeskRig) -> None:
    customer, anna = await in_call(rig)
    ben = await rig.agent("ben")
    await anna.ask(TransferContact(kind="agent", target=ben.agent_id, consult=True))
    ringing = ben.ringing
    assert ringing is not None
    await ben.ask(AcceptOffer(offer_id=ringing.offer_id))
    await ben.connect()
    await customer.ask(line("I wait"))
    assert read(anna) == [(1, "customer", "I wait")]
    assert read(ben) == []
    assert await ben.try_to(line("hello")) == "not_your_contact"
    assert histories(await rig.desk.agent_view(ben.agent_id)) == []
    await anna.ask(CompleteTransfer())
    assert [each.text for each in ben.last(ChatHistory).lines] == ["I wait"]
    await ben.ask(line("I am Ben", "line-0002"))
    assert read(customer)[-1] == (2, "agent", "I am Ben")


async def test_lines_reach_one_contact_only(rig: DeskRig) -> None:
    maria, anna = await in_call(rig)
    ben = await rig.agent("ben")
    other = await rig.customer(visitor_key="v2", display_name="Olga")
    await ben.answer()
    await maria.ask(line("from Maria"))
    await other.ask(line("from Olga"))
    assert [text for _, _, text in read(anna)] == ["from Maria"]
    assert [text for _, _, text in read(ben)] == ["from Olga"]
    cleo = await rig.agent("cleo")
    assert await cleo.try_to(line("hello?")) == "no_contact"


async def test_a_full_book_and_a_full_store_refuse_and_the_call_goes_on(rig: DeskRig) -> None:
    customer, anna = await in_call(rig)
    rig.chat.full = True
    assert await customer.try_to(line("Hi")) == "chat_unavailable"
    rig.chat.full = False
    for number in range(LINES_LIMIT):
        await customer.ask(line("x", f"line-{number:04}"))
        await rig.run(1)
    assert await anna.try_to(line("one more")) == "chat_full"
    await customer.ask(line("x", "line-0000"))  # said again: told again
    assert read(customer)[-1][0] == 1
    assert customer.state == "active"


async def test_bad_lines_are_refused_with_a_code_and_change_nothing(rig: DeskRig) -> None:
    customer, anna = await in_call(rig)
    assert await customer.try_to(line(" \u202e ")) == "chat_empty"
    assert await customer.try_to(line("x" * 1001)) == "chat_too_long"
    assert [await customer.try_to(line("x", f"line-{number:04}")) for number in range(11)][-1] == "chat_too_fast"
    assert len(read(anna)) == 10
    assert customer.state == "active"


async def test_in_task_mode_it_is_the_same() -> None:
    rig = DeskRig(foreign=(foreign := ForeignAcd(TASK)))
    await rig.start()
    customer = await rig.customer()
    anna = await rig.agent()
    await foreign.ring(customer.contact_id, anna.agent_id)
    await rig.rest()
    await anna.answer()
    await customer.ask(line("Hi"))
    assert read(anna) == [(1, "customer", "Hi")]
    await rig.stop()


async def test_in_call_mode_from_the_claim_to_the_end_of_the_video() -> None:
    rig = DeskRig(foreign=(foreign := ForeignAcd(CALL)))
    await rig.start()
    customer, anna = await rig.customer(), await rig.agent()
    trunk = VoiceTrunk(name="pbx", from_uri="sip:us@example.net")
    leg_id = LegId("lg_voice0001")
    await rig.media.execute(
        DialVoice(leg_id=leg_id, call_id=customer.contact_id, to_uri="sip:100@example.net", trunk=trunk)
    )
    for answered in (False, True):
        foreign.say(customer.contact_id, acd.VoiceUp(leg_id=leg_id, answered=answered))
        await rig.rest()
    assert await customer.try_to(line("anybody?")) == "chat_not_now", "nobody has a panel for it"
    anna.generation = 0
    await anna.ask(ClaimContact(correlation=foreign.offers[customer.contact_id].correlation))
    await customer.ask(line("Hi"))
    await anna.connect()
    await anna.ask(line("Hello"))
    assert [text for _, _, text in read(customer)] == ["Hi", "Hello"]
    await anna.ask(HangUp())
    assert customer.state == "voice"
    assert await customer.try_to(line("gone?", "line-0002")) == "chat_not_now"
    await rig.stop()
