"""A customer who waits leaves the page, keeps the place, and is first when they come back by their link."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from gateway.acd.builtin.callbacks import CallbackGone
from gateway.base.errors import StateConflict
from gateway.base.ids import ContactId
from gateway.config import QueueSettings
from gateway.contacts.events import EndReason
from gateway.links.model import Link
from gateway.links.service import Links
from gateway.parties import HangUp, Identity, KeepPlace, PlaceKept, PlaceNotKept, QueuePlace
from tests.support.desk_rig import QUEUES, Customer, DeskRig
from tests.support.memory_links import MemoryLinks

SALES = {"id": "sales", "name": "Sales", "callback": "offer", "callback_after": "30s", "callback_limit": 1}


def with_queue(**fields: object) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("rig", [fields], indirect=True, ids=["rig"])


@pytest.fixture
async def rig(request: pytest.FixtureRequest) -> AsyncIterator[DeskRig]:
    sales = QueueSettings.model_validate(SALES | getattr(request, "param", {}))
    rig = DeskRig(lines=(sales, *QUEUES[1:]), links=MemoryLinks())
    await rig.start()
    yield rig
    await rig.stop()


def token_of(customer: Customer) -> str:
    return customer.last(PlaceKept).url.partition("#link=")[2]


async def comes_back(rig: DeskRig, token: str) -> Customer:
    assert rig.links is not None
    links = Links(rig.links, rig.clock, rig.settings.max_wait)
    invitation = await links.invitation(token, "")
    await links.count_opening(token)
    return await rig.customer(invitation=invitation, display_name="")


async def state_of(rig: DeskRig, token: str) -> str:
    assert rig.places is not None
    return (await rig.places.look(token)).state


async def test_it_is_offered_after_a_while_and_only_then_done(rig: DeskRig) -> None:
    maria = await rig.customer()
    assert maria.last(QueuePlace).keep_in_s == 30.0
    assert await maria.try_to(KeepPlace()) == "place_not_offered"
    await rig.run(30)
    await maria.ask(KeepPlace())
    kept = maria.last(PlaceKept)
    assert re.fullmatch(r"https://video.example/widget/\?site=direct#link=(\w{4}-){3}\w{4}", kept.url)
    assert (kept.queue_name, kept.place, kept.window_s, kept.lasts_s) == ("Sales", 1, 300.0, 43200.0)
    assert maria.state == "closed"
    assert (maria.row.end_reason, maria.events[-2].name) == (EndReason.CALLBACK, "place_kept")
    assert rig.desk.live_contacts == 0
    assert [row.kept for row in rig.desk.board().queues] == [1, 0]


async def test_who_comes_back_before_the_turn_waits_on_in_the_old_place(rig: DeskRig) -> None:
    identity = Identity(realm="shop", subject="17", name="Maria", verified=True)
    maria = await rig.customer(identity=identity)
    await rig.run(30)
    later = await rig.customer()
    await maria.ask(KeepPlace())
    back = await comes_back(rig, token_of(maria))
    assert (back.place, later.place) == (1, 2)
    assert back.events[0].data["place_of"] == maria.contact_id
    assert await state_of(rig, token_of(maria)) == "taken"
    invitation = rig.customers.came[back.contact_id].invitation
    assert invitation is not None
    assert invitation.place is not None
    assert invitation.place.identity == replace(identity, verified=False), "who has the link need not be Maria"
    with pytest.raises(StateConflict, match="link_over"):
        await comes_back(rig, token_of(maria))


async def test_who_comes_back_when_the_turn_has_come_is_first(rig: DeskRig) -> None:
    maria = await rig.customer()
    await rig.run(30)
    await maria.ask(KeepPlace())
    anna = await rig.agent()
    assert anna.ringing is None, "nobody is there to be rung for"
    assert await state_of(rig, token_of(maria)) == "due"
    assert rig.links is not None
    (link,) = rig.links.links.values()
    assert link.remind_at == rig.clock.now(), "another system is told at once"
    back = await comes_back(rig, token_of(maria))
    assert anna.ringing is not None
    assert anna.ringing.contact_id == back.contact_id


async def test_the_turn_passes_when_nobody_comes(rig: DeskRig) -> None:
    maria = await rig.customer()
    await rig.run(30)
    await maria.ask(KeepPlace())
    await rig.agent()
    await rig.run(301)
    assert await state_of(rig, token_of(maria)) == "lapsed"
    assert [row.kept for row in rig.desk.board().queues] == [0, 0]


async def test_a_queue_that_keeps_as_many_as_it_may_says_so_and_the_customer_waits_on(rig: DeskRig) -> None:
    one, two = await rig.customer(), await rig.customer()
    await rig.run(30)
    await one.ask(KeepPlace())
    assert await two.try_to(KeepPlace()) == "place_not_offered"
    three = await rig.customer()
    assert three.last(QueuePlace).keep_in_s is None


async def test_records_that_are_away_keep_no_place_and_the_customer_waits_on(rig: DeskRig) -> None:
    maria = await rig.customer()
    await rig.run(30)
    assert rig.links is not None
    rig.links.away = True
    await maria.ask(KeepPlace())
    assert maria.last(PlaceNotKept).code == "records_unavailable"
    assert maria.state == "queued"
    anna = await rig.agent()
    assert anna.ringing is not None
    assert rig.acd.callbacks.kept() == []


async def test_who_hangs_up_before_the_place_is_kept_has_none(rig: DeskRig) -> None:
    maria = await rig.customer()
    await rig.run(30)
    assert rig.links is not None
    answers, add = asyncio.Event(), rig.links.add

    async def slow(link: Link) -> None:
        await answers.wait()
        await add(link)

    rig.links.add = slow  # type: ignore[method-assign]
    await maria.ask(KeepPlace())
    await maria.ask(HangUp())
    assert maria.row.end_reason == EndReason.ABANDONED_IN_QUEUE
    answers.set()
    await rig.rest()
    assert rig.acd.callbacks.kept() == []
    assert [link.place_end for link in rig.links.links.values()] == ["given_up"]


@with_queue(when_closed="callback", opening="tue 08:00-09:00")
async def test_outside_the_hours_a_rule_keeps_the_place(rig: DeskRig) -> None:
    maria = await rig.customer(connected=False)
    assert maria.last(PlaceKept).place == 1
    assert (maria.row.end_reason, maria.events[-2].reason) == (EndReason.CALLBACK, "closed")
    assert await state_of(rig, token_of(maria)) == "kept"
    full = await rig.customer(connected=False)
    assert full.row.end_reason == EndReason.OVERFLOWED, "one place is all there is"


@with_queue(when_closed="callback", opening="tue 08:00-09:00")
async def test_a_rule_that_can_not_be_followed_ends_the_contact(rig: DeskRig) -> None:
    assert rig.links is not None
    rig.links.away = True
    maria = await rig.customer(connected=False)
    assert maria.row.end_reason == EndReason.OVERFLOWED
    assert rig.acd.callbacks.kept() == []


async def test_a_customer_gives_the_place_up(rig: DeskRig) -> None:
    maria = await rig.customer()
    await rig.run(30)
    await maria.ask(KeepPlace())
    assert rig.places is not None
    await rig.places.cancel(token_of(maria))
    await rig.places.cancel(token_of(maria).upper())
    await rig.rest()
    assert await state_of(rig, token_of(maria)) == "given_up"
    assert rig.acd.callbacks.kept() == []


async def test_a_place_outlives_the_gateway_that_kept_it(rig: DeskRig) -> None:
    maria = await rig.customer(site="shop", connected=False)
    await maria.choose("1")
    await rig.run(30)
    await maria.ask(KeepPlace())
    await rig.stop()

    after = DeskRig(lines=rig.lines, links=rig.links, clock=rig.clock, queues=rig.queues)
    await after.start()
    try:
        later = await after.customer()
        assert later.place == 2
        assert await state_of(after, token_of(maria)) == "kept"
        back = await comes_back(after, token_of(maria))
        assert (back.place, later.place) == (1, 2)
        anna = await after.agent()
        assert anna.ringing is not None
        assert anna.ringing.customer.menu_path == ("Sales",)
        assert anna.ringing.contact_id == back.contact_id
    finally:
        await after.stop()


async def test_a_place_that_another_node_dropped_is_kept_on_unless_its_customer_is_back(rig: DeskRig) -> None:
    maria = await rig.customer()
    await rig.run(30)
    await maria.ask(KeepPlace())
    assert rig.places is not None
    assert rig.acd.callbacks.give_up(maria.contact_id)  # as if by the news of the store
    rig.places.heard(CallbackGone(contact_id=maria.contact_id, queue="sales"))
    await rig.run(6)
    assert [each.contact_id for each in rig.acd.callbacks.kept()] == [maria.contact_id]
    await comes_back(rig, token_of(maria))
    rig.places.heard(CallbackGone(contact_id=maria.contact_id, queue="sales"))
    await rig.run(6)
    assert rig.acd.callbacks.kept() == []


async def test_what_is_not_written_at_once_is_written_later(rig: DeskRig) -> None:
    maria = await rig.customer()
    await rig.run(30)
    await maria.ask(KeepPlace())
    assert rig.links is not None
    rig.links.away = True
    await rig.agent()
    rig.links.away = False
    await rig.run(1)
    assert await state_of(rig, token_of(maria)) == "due"


async def test_a_link_to_no_place_is_none(rig: DeskRig) -> None:
    assert rig.places is not None
    with pytest.raises(Exception, match="link_unknown"):
        await rig.places.look("k3v9-k3v9-k3v9-k3v9")
    assert rig.acd.callbacks.place_of(ContactId("ct_none")) is None
