"""What every `LinkStore` does. A subclass gives the fixture `database`."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from gateway.base.ids import AgentId, ContactId
from gateway.links.model import MOST_OPENINGS, MOST_WRONG_PINS, Link, LinkId, PlaceEnd, PlaceNotes
from gateway.records.database import Database
from gateway.records.links import SqlLinks

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
LINK = Link(
    link_id=LinkId("lk_first0000"),
    digest="a" * 64,
    pin_digest="",
    site="shop",
    made_by="ag_anna0000",
    agent_id=AgentId("ag_anna0000"),
    agent_name="Anna",
    queue="by-link",
    made_at=NOW,
    opens_at=NOW,
    closes_at=NOW + timedelta(minutes=15),
)

PLACE = replace(
    LINK,
    agent_id=None,
    agent_name="",
    place_of=ContactId("ct_one"),
    place=PlaceNotes(
        node="n1",
        token="k3v9-k3v9-k3v9-k3v9",
        queued_s=NOW.timestamp(),
        priority=5,
        language="fr",
        path=("Ventes",),
        name="Zoé",
        realm="shop",
        subject="17",
        verified=True,
        page_url="https://shop.example/",
        page_title="Panier",
        form={"téléphone": "01 23"},
    ),
)


class LinkStoreContract:
    @pytest.fixture
    def store(self, database: Database) -> SqlLinks:
        return SqlLinks(database)

    async def test_a_link_comes_back_as_it_was(self, store: SqlLinks):
        await store.add(LINK)
        assert await store.by_digest(LINK.digest) == LINK
        assert await store.by_digest("b" * 64) is None

    async def test_a_link_to_a_queue_comes_back_as_it_was(self, store: SqlLinks):
        link = replace(LINK, made_by="token:shop", agent_id=None, agent_name="", queue="sales")
        await store.add(link)
        assert await store.by_digest(LINK.digest) == link

    async def test_reminders_are_due_by_their_time_and_one_node_has_one(self, store: SqlLinks):
        due = replace(LINK, remind_at=NOW)
        later = replace(due, link_id=LinkId("lk_later0000"), digest="b" * 64, remind_at=NOW + timedelta(minutes=1))
        taken_back = replace(due, link_id=LinkId("lk_taken0000"), digest="c" * 64, revoked=True)
        never = replace(due, link_id=LinkId("lk_never0000"), digest="d" * 64, remind_at=None)
        for link in (later, due, taken_back, never):
            await store.add(link)
        assert await store.reminders_due(NOW, 9) == [due]
        assert await store.reminders_due(NOW + timedelta(minutes=1), 9) == [due, later]
        assert await store.reminders_due(NOW + timedelta(minutes=1), 1) == [due]
        assert await store.reminders_due(LINK.closes_at, 9) == []
        until = NOW + timedelta(minutes=2)
        assert [await store.put_reminder_off(due, until, attempts=1) for _ in range(2)] == [True, False]
        assert await store.reminders_due(until, 9) == [later, replace(due, remind_at=until, reminders=1)]
        assert await store.put_reminder_off(replace(due, remind_at=until, reminders=1), None, attempts=1)
        assert await store.reminders_due(until, 9) == [later]

    async def test_a_place_is_kept_called_once_and_ended_once_and_then_nothing_of_the_customer_is_left(
        self, store: SqlLinks
    ):
        await store.add(PLACE)
        assert await store.by_digest(PLACE.digest) == PLACE
        assert await store.open_places(NOW) == [PLACE]
        assert await store.open_places(PLACE.closes_at) == []
        at = NOW + timedelta(minutes=1)
        assert await store.call_place(ContactId("ct_one"), at, at)
        called = replace(PLACE, called_at=at, remind_at=at)
        assert await store.open_places(at) == await store.reminders_due(at, 9) == [called]
        assert await store.call_place(ContactId("ct_one"), NOW, None)
        assert await store.open_places(at) == [replace(called, called_at=NOW)], "told once"
        ends = [await store.end_place(ContactId("ct_one"), end) for end in (PlaceEnd.TAKEN, PlaceEnd.LAPSED)]
        assert ends == [True, False]
        assert not await store.call_place(ContactId("ct_one"), at, at)
        assert await store.open_places(at) == await store.reminders_due(at, 9) == []
        over = await store.by_digest(PLACE.digest)
        assert over is not None
        assert (over.place_end, over.place) == ("taken", None)

    async def test_only_links_that_are_good_are_counted(self, store: SqlLinks):
        await store.add(LINK)
        assert [await store.count_good(who, NOW) for who in (LINK.made_by, "ag_ben00000")] == [1, 0]
        assert await store.count_good(LINK.made_by, LINK.closes_at) == 0
        spent = replace(LINK, link_id=LinkId("lk_spent0000"), digest="b" * 64, openings=MOST_OPENINGS)
        guessed = replace(LINK, link_id=LinkId("lk_guess0000"), digest="c" * 64, wrong_pins=MOST_WRONG_PINS)
        taken_back = replace(LINK, link_id=LinkId("lk_taken0000"), digest="d" * 64, revoked=True)
        for link in (spent, guessed, taken_back):
            await store.add(link)
        assert await store.count_good(LINK.made_by, NOW) == 1

    async def test_an_agent_has_their_own_links_newest_first_until_they_close(self, store: SqlLinks):
        later = replace(LINK, link_id=LinkId("lk_later0000"), digest="b" * 64, made_at=NOW + timedelta(minutes=1))
        others = replace(LINK, link_id=LinkId("lk_other0000"), digest="c" * 64, made_by="ag_ben00000")
        for link in (LINK, later, others):
            await store.add(link)
        assert await store.of_maker(LINK.made_by, NOW) == [later, LINK]
        assert await store.of_maker(LINK.made_by, LINK.closes_at) == []

    async def test_openings_are_counted_up_to_the_limit(self, store: SqlLinks):
        await store.add(LINK)
        assert [await store.count_opening(LINK.digest) for _ in range(MOST_OPENINGS + 1)] == [True] * 5 + [False]
        await store.count_wrong_pin(LINK.digest)
        kept = await store.by_digest(LINK.digest)
        assert kept is not None
        assert (kept.openings, kept.wrong_pins) == (MOST_OPENINGS, 1)

    async def test_only_who_made_it_takes_it_back(self, store: SqlLinks):
        await store.add(LINK)
        assert not await store.revoke("ag_ben00000", LINK.link_id)
        assert await store.count_opening(LINK.digest)
        assert await store.revoke(LINK.made_by, LINK.link_id)
        assert not await store.count_opening(LINK.digest)

    async def test_what_closed_long_ago_is_forgotten(self, store: SqlLinks):
        await store.add(LINK)
        assert await store.forget(LINK.closes_at) == 0
        assert await store.forget(LINK.closes_at + timedelta(seconds=1)) == 1
        assert await store.by_digest(LINK.digest) is None
