"""What customers and their timeline do on every database. A subclass gives the fixture `database`."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert, select

from gateway.base.ids import AgentId, ContactId
from gateway.crm.port import CustomerId, CustomerKey, DeliveryState, Interaction, KeyKind, Visit
from gateway.parties import ChatLine, Identity, PastContact
from gateway.records.columns import clean
from gateway.records.customers import SqlCustomers
from gateway.records.database import Database
from gateway.records.interactions import SqlInteractions
from gateway.records.links import SqlLinks
from gateway.records.tables import accounts, chat_lines, contacts, customer_visits, journal
from tests.support.contracts.link_store import PLACE

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
ONE, TWO, THREE = ContactId("ct_one00000"), ContactId("ct_two00000"), ContactId("ct_three000")
ANNA, BEN = "anna@shop.example", "ben@shop.example"


def browser(name: str = "b1") -> CustomerKey:
    return CustomerKey(kind=KeyKind.BROWSER, digest=f"digest of {name}")


def person(subject: str, *, verified: bool = True) -> CustomerKey:
    kind = KeyKind.IDENTITY if verified else KeyKind.CLAIMED
    return CustomerKey(kind=kind, digest=f"digest of {kind} {subject}")


def visit(
    contact_id: ContactId = ONE,
    *keys: CustomerKey,
    subject: str = "",
    name: str = "",
    verified: bool = True,
    hours: float = 0.0,
) -> Visit:
    """A visit on the browser `b1`, unless other keys are given; `subject`: signed in as that person."""
    identity = Identity(realm="shop", subject=subject, name=name, verified=verified) if subject else None
    named = (person(subject, verified=verified),) if subject else ()
    return Visit(
        contact_id=contact_id,
        site="shop",
        language="fr",
        at=NOON + timedelta(hours=hours),
        keys=named + (keys or (browser(),)),
        identity=identity,
        page_url="https://shop.example/cart",
        page_title="Cart – Größe",
        form={"step": "payment", "amount": "12,50 €"},
    )


def interaction(contact_id: ContactId = ONE, segment: int = 1, *, hours: float = 0.0, **changes: object) -> Interaction:
    values: dict[str, object] = {
        "interaction_id": f"{contact_id}.{segment}",
        "contact_id": contact_id,
        "segment": segment,
        "site": "shop",
        "language": "fr",
        "queue": "sales",
        "agent_id": AgentId("ag_anna0000"),
        "started_at": NOON + timedelta(hours=hours, minutes=segment),
        "ended_at": NOON + timedelta(hours=hours, minutes=segment + 1),
        "end_reason": "completed",
        "wait_s": 4.5,
        "talk_s": 60.0,
        "hold_s": 5.0,
        "wrap_up_s": 10.0,
        "disposition": "sale",
        "notes": "wants it in blue",
        "menu_path": ("Buy", "Größe"),
        "chat": (ChatLine(number=1, by="customer", name="Zoë", at=NOON, text="in blue, s’il vous plaît 🟦"),),
    }
    return Interaction(**(values | changes))  # type: ignore[arg-type]


async def add_contact(database: Database, contact_id: ContactId, **changes: object) -> None:
    """A row of the contacts list with two events of its journal, as a closed contact leaves them."""
    values: dict[str, object] = {
        "contact_id": contact_id, "version": 9, "site": "shop", "visitor_hash": "ab12", "language": "fr",
        "display_name": "Zoë", "canary": False, "state": "closed", "started_at": NOON, "ended_at": NOON,
        "talk_s": 0.0, "hold_s": 0.0, "wrap_up_s": 0.0, "notes": "wants it in blue",
    }  # fmt: skip
    events = [
        ("initiated", {"site": "shop", "display_name": "Zoë", "visitor_hash": "ab12"}),
        ("wrap_up_submitted", {"disposition": "sale", "notes": "wants it in blue"}),
    ]
    async with database.writing() as connection:
        await connection.execute(insert(contacts).values(values | changes))
        for seq, (name, data) in enumerate(events, 1):
            event = {"contact_id": contact_id, "seq": seq, "name": name, "at": NOON, "mono_s": 1.0 * seq,
                     "source": "customer", "state": "closed", "data": clean(data)}  # fmt: skip
            await connection.execute(insert(journal).values(event))
        line = {"contact_id": contact_id, "number": 1, "author": "customer", "name": "Zoë", "at": values["ended_at"],
                "text": "a secret line"}  # fmt: skip
        await connection.execute(
            insert(chat_lines).values(line | ({"at": at} if (at := changes.get("ended_at")) else {}))
        )


class CustomerRecordsContract:
    @pytest.fixture
    def customers(self, database: Database) -> SqlCustomers:
        return SqlCustomers(database, {"sales": "Sales"})

    @pytest.fixture
    def timeline(self, database: Database) -> SqlInteractions:
        return SqlInteractions(database)

    async def been(
        self, customers: SqlCustomers, timeline: SqlInteractions, whose: Visit, *, hours: float = 0.0, **changes: object
    ) -> CustomerId | None:
        """A whole contact: came, was served, was written down."""
        customer_id = await customers.arrived(whose)
        await timeline.log([interaction(whose.contact_id, hours=hours, **changes)], whose, deliver_at=None)
        return customer_id

    # ------------------------------------------------------------ who is who

    async def test_the_same_browser_is_the_same_customer(self, customers: SqlCustomers):
        first = await customers.arrived(visit(ONE))
        assert first is not None
        assert await customers.arrived(visit(TWO)) == first
        assert await customers.arrived(visit(THREE, browser("b2"))) != first

    async def test_a_visit_told_twice_is_one(self, customers: SqlCustomers, timeline: SqlInteractions):
        first = await customers.arrived(visit(ONE))
        assert await customers.arrived(visit(ONE)) == first
        found = await timeline.visit(ONE)
        assert found is not None
        assert found == replace(visit(ONE), keys=(), customer_id=first)

    async def test_who_signs_in_on_a_browser_brings_its_contacts_along(
        self, customers: SqlCustomers, timeline: SqlInteractions
    ):
        before = await self.been(customers, timeline, visit(ONE))
        signed_in = await customers.arrived(visit(TWO, subject=ANNA, name="Anna"))
        assert signed_in == before
        found = await customers.history(visit(TWO, browser("elsewhere"), subject=ANNA))
        assert found is not None
        assert (found.contacts, found.name, found.known_by) == (1, "Anna", "identity")

    async def test_a_person_known_before_takes_over_an_anonymous_browser(
        self, customers: SqlCustomers, timeline: SqlInteractions
    ):
        anna = await self.been(customers, timeline, visit(ONE, browser("office"), subject=ANNA, name="Anna"))
        nobody = await self.been(customers, timeline, visit(TWO, browser("home")), hours=-5)
        assert anna is not None
        assert nobody is not None
        assert await customers.arrived(visit(THREE, browser("home"), subject=ANNA)) == anna
        assert [each.interaction.contact_id for each in await customers.timeline(anna, before=None, limit=9)] == [
            ONE,
            TWO,
        ]
        merged = await customers.customer(nobody)
        assert merged is not None
        assert merged.customer_id == anna
        assert [each.customer_id for each in await customers.search(digests=[], text="", before=None, limit=9)] == [
            anna
        ]

    async def test_two_people_on_one_browser_are_never_joined(self, customers: SqlCustomers, timeline: SqlInteractions):
        anna = await self.been(customers, timeline, visit(ONE, subject=ANNA, name="Anna"))
        ben = await self.been(customers, timeline, visit(TWO, subject=BEN, name="Ben"))
        assert anna != ben
        found = await customers.history(visit(THREE, subject=ANNA))
        assert found is not None
        assert (found.name, found.contacts) == ("Anna", 1)

    async def test_a_browser_belongs_to_whoever_was_there_last(self, customers: SqlCustomers):
        await customers.arrived(visit(ONE, subject=ANNA))
        ben = await customers.arrived(visit(TWO, subject=BEN))
        assert await customers.arrived(visit(THREE)) == ben

    async def test_a_claim_that_nobody_verified_opens_nobodys_history(
        self, customers: SqlCustomers, timeline: SqlInteractions
    ):
        """Anybody can type an address: what the site has not checked shows nothing of the person it names."""
        anna = await self.been(customers, timeline, visit(ONE, browser("home"), subject=ANNA, name="Anna"))
        claim = visit(TWO, browser("elsewhere"), subject=ANNA, verified=False)
        assert await customers.arrived(claim) != anna
        found = await customers.history(claim)
        assert found is not None
        assert (found.contacts, found.known_by) == (0, "claimed")

    async def test_a_claim_takes_nothing_from_a_person_on_whose_browser_it_is_made(self, customers: SqlCustomers):
        anna = await customers.arrived(visit(ONE, subject=ANNA))
        claim = await customers.arrived(visit(TWO, subject=BEN, verified=False))
        assert claim != anna
        assert await customers.arrived(visit(THREE, browser("b9"), subject=ANNA)) == anna

    async def test_many_nodes_that_meet_a_new_customer_at_once_make_one(self, customers: SqlCustomers):
        visits = [visit(ContactId(f"ct_{number:08}"), subject=ANNA) for number in range(4)]
        assert len(set(await asyncio.gather(*(customers.arrived(each) for each in visits)))) == 1

    async def test_a_name_the_site_gives_wins_over_one_that_was_typed(self, customers: SqlCustomers):
        await customers.arrived(replace(visit(ONE), display_name="Queen"))
        customer_id = await customers.arrived(visit(TWO, subject=ANNA, name="Anna"))
        await customers.arrived(replace(visit(THREE), display_name="King"))
        assert customer_id is not None
        found = await customers.customer(customer_id)
        assert found is not None
        assert found.name == "Anna"

    # ------------------------------------------------------------ the agent's card

    async def test_the_card_tells_what_was_before_and_not_what_is_now(
        self, database: Database, customers: SqlCustomers, timeline: SqlInteractions
    ):
        anna = {"account_id": "ac_anna0000", "name": "anna", "display_name": "Anna A.", "agent_id": "ag_anna0000",
                "roles": [], "queues": [], "created_at": NOON}  # fmt: skip
        async with database.writing() as connection:
            await connection.execute(insert(accounts).values(anna))
        await self.been(customers, timeline, visit(ONE), hours=-24)
        customer_id = await self.been(customers, timeline, visit(TWO), hours=-2, disposition=None, queue=None)
        now = visit(THREE)
        await self.been(customers, timeline, now)
        found = await customers.history(now)
        assert found is not None
        assert (found.customer_id, found.contacts, found.known_by) == (customer_id, 2, "browser")
        assert found.last == (
            PastContact(at=NOON + timedelta(hours=-2, minutes=1), queue_name="", agent_name="Anna A.", disposition=""),
            PastContact(
                at=NOON + timedelta(hours=-24, minutes=1), queue_name="Sales", agent_name="Anna A.", disposition="sale"
            ),
        )

    async def test_of_somebody_who_never_came_there_is_no_card(self, customers: SqlCustomers):
        assert await customers.history(visit(ONE)) is None
        await customers.arrived(visit(ONE))
        assert await customers.history(visit(ONE)) is None
        assert await customers.history(replace(visit(ONE), keys=())) is None

    # ------------------------------------------------------------ the timeline

    async def test_an_interaction_comes_back_with_its_context(self, customers: SqlCustomers, timeline: SqlInteractions):
        customer_id = await self.been(customers, timeline, visit(ONE))
        assert customer_id is not None
        (entry,) = await customers.timeline(customer_id, before=None, limit=9)
        assert entry.interaction == interaction(ONE)
        assert (entry.page_url, entry.page_title) == ("https://shop.example/cart", "Cart – Größe")
        assert entry.form == {"step": "payment", "amount": "12,50 €"}
        assert entry.delivery is DeliveryState.NONE
        assert await timeline.visit(ONE) is None

    async def test_an_interaction_told_again_is_there_once(self, customers: SqlCustomers, timeline: SqlInteractions):
        whose = visit(ONE)
        customer_id = await customers.arrived(whose)
        both = [interaction(ONE, 1), interaction(ONE, 2)]
        assert await timeline.log(both, whose, deliver_at=NOON) == 2
        assert await timeline.log(both, whose, deliver_at=NOON) == 0
        assert customer_id is not None
        assert len(await customers.timeline(customer_id, before=None, limit=9)) == 2
        assert await timeline.waiting() == 2

    async def test_pages_of_a_timeline_leave_nothing_out_and_show_nothing_twice(
        self, customers: SqlCustomers, timeline: SqlInteractions
    ):
        customer_id = None
        for number in range(7):
            whose = visit(ContactId(f"ct_{number:08}"))
            customer_id = await self.been(customers, timeline, whose, hours=number // 2)  # pairs at the same moment
        assert customer_id is not None
        seen: list[str] = []
        before = None
        while page := await customers.timeline(customer_id, before=before, limit=2):
            seen += [entry.interaction.interaction_id for entry in page]
            before = seen[-1]
        assert seen == [f"ct_{number:08}.1" for number in (6, 5, 4, 3, 2, 1, 0)]

    async def test_ended_contacts_that_are_in_no_timeline_are_found(
        self, database: Database, customers: SqlCustomers, timeline: SqlInteractions
    ):
        await add_contact(database, ONE)
        await add_contact(database, TWO, ended_at=NOON - timedelta(days=2))
        await add_contact(database, THREE, state="active", ended_at=None)
        await add_contact(database, ContactId("ct_robot000"), canary=True)
        assert await timeline.unlogged(NOON - timedelta(days=1), 9) == [ONE]
        await self.been(customers, timeline, visit(ONE))
        assert await timeline.unlogged(NOON - timedelta(days=1), 9) == []
        assert await timeline.unlogged(NOON - timedelta(days=3), 9) == [TWO]

    # ------------------------------------------------------------ looking up

    async def test_customers_are_found_by_key_id_contact_and_the_beginning_of_their_name(
        self, customers: SqlCustomers, timeline: SqlInteractions
    ):
        anna = await self.been(customers, timeline, visit(ONE, subject=ANNA, name="Änna Åberg"))
        await customers.arrived(visit(TWO, browser("b2"), subject=BEN, name="Ben 100%"))
        assert anna is not None

        async def found(text: str, *digests: str) -> list[str]:
            return [each.name for each in await customers.search(digests=digests, text=text, before=None, limit=9)]

        assert await found(ANNA, person(ANNA).digest) == ["Änna Åberg"]
        assert await found(anna) == ["Änna Åberg"]
        assert await found(ONE) == ["Änna Åberg"]
        assert await found(TWO) == ["Ben 100%"]
        assert await found("äNNA å") == ["Änna Åberg"]
        for nothing in ("nna", "%", "_", "Ben 100_", "' OR 1=1 --", "a\x00b", "\ud800", "\\"):
            assert await found(nothing) == []
        assert sorted(await found("")) == ["Ben 100%", "Änna Åberg"]

    async def test_pages_of_customers_go_back_in_time(self, customers: SqlCustomers):
        for number in range(5):
            await customers.arrived(
                visit(ContactId(f"ct_{number:08}"), browser(f"b{number}"), subject=f"s{number}", name=f"N{number}",
                      hours=number // 2)
            )  # fmt: skip
        seen, before = [], None
        while page := await customers.search(digests=[], text="", before=before, limit=2):
            seen += [each.name for each in page]
            before = page[-1].customer_id
        assert sorted(seen) == ["N0", "N1", "N2", "N3", "N4"]
        assert seen[0] == "N4"

    # ------------------------------------------------------------ telling outside

    async def test_what_is_due_is_claimed_by_one(self, customers: SqlCustomers, timeline: SqlInteractions):
        whose = visit(ONE, subject=ANNA, name="Anna")
        await customers.arrived(whose)
        await timeline.log([interaction(ONE)], whose, deliver_at=NOON)
        assert await timeline.due(NOON - timedelta(seconds=1), 9) == []
        (delivery,) = await timeline.due(NOON, 9)
        assert delivery.interaction == interaction(ONE)
        assert delivery.visit.identity == whose.identity
        assert delivery.visit.form == whose.form
        until = NOON + timedelta(minutes=1)
        assert sorted(await asyncio.gather(*(timeline.claim(delivery, until) for _ in range(4)))) == [
            False, False, False, True,
        ]  # fmt: skip
        assert await timeline.due(NOON, 9) == []
        (again,) = await timeline.due(until, 9)
        assert again.attempts == 1

    async def test_delivered_put_off_and_given_up(self, customers: SqlCustomers, timeline: SqlInteractions):
        customer_id: CustomerId | None = None
        for contact_id in (ONE, TWO, THREE):
            whose = visit(contact_id, subject=ANNA)
            customer_id = await customers.arrived(whose)
            await timeline.log([interaction(contact_id)], whose, deliver_at=NOON)
        await timeline.delivered(f"{ONE}.1")
        await timeline.put_off(f"{TWO}.1", NOON + timedelta(hours=1), "crm_status_500")
        await timeline.give_up(f"{THREE}.1", "crm_status_422")
        assert await timeline.waiting() == 1
        assert [each.interaction.contact_id for each in await timeline.due(NOON + timedelta(hours=1), 9)] == [TWO]
        assert customer_id is not None
        entries = await customers.timeline(customer_id, before=None, limit=9)
        assert {each.interaction.contact_id: (each.delivery, each.delivery_error) for each in entries} == {
            ONE: (DeliveryState.DONE, ""),
            TWO: (DeliveryState.WAITING, "crm_status_500"),
            THREE: (DeliveryState.GIVEN_UP, "crm_status_422"),
        }
        await timeline.put_off(f"{ONE}.1", NOON, "late")
        await timeline.give_up_oldest(9, "crm_outbox_full")
        assert await timeline.waiting() == 0
        assert await timeline.redeliver(NOON) == 2
        assert {each.interaction.contact_id for each in await timeline.due(NOON, 9)} == {TWO, THREE}

    async def test_the_oldest_are_given_up_first(self, customers: SqlCustomers, timeline: SqlInteractions):
        for number, contact_id in enumerate((ONE, TWO, THREE)):
            whose = visit(contact_id)
            await customers.arrived(whose)
            at = NOON + timedelta(minutes=number)
            await timeline.log([interaction(contact_id)], whose, deliver_at=at)
        await timeline.give_up_oldest(2, "crm_outbox_full")
        assert [each.visit.contact_id for each in await timeline.due(NOON + timedelta(hours=1), 9)] == [THREE]

    # ------------------------------------------------------------ the end

    async def test_erasing_leaves_what_happened_and_nobody_to_whom(
        self, database: Database, customers: SqlCustomers, timeline: SqlInteractions
    ):
        for contact_id in (ONE, TWO):
            await add_contact(database, contact_id)
        whose = visit(ONE, subject=ANNA, name="Anna")
        anna = await customers.arrived(whose)
        await timeline.log([interaction(ONE)], whose, deliver_at=NOON)
        other = await self.been(customers, timeline, visit(TWO, browser("b2")))
        assert anna is not None
        assert other is not None

        done = await customers.erase(anna)
        assert (done.contacts, done.keys, done.interactions) == ((ONE,), 2, 1)

        assert await customers.customer(anna) is None
        assert await customers.timeline(anna, before=None, limit=9) == []
        assert await customers.history(visit(THREE, subject=ANNA)) is None
        assert await timeline.due(NOON + timedelta(days=1), 9) == []
        assert await timeline.unlogged(NOON - timedelta(days=1), 9) == []
        rows = await database.rows(select(contacts).order_by(contacts.c.contact_id))
        assert [(row.display_name, row.visitor_hash, row.notes) for row in rows] == [
            ("", "", ""),
            ("Zoë", "ab12", "wants it in blue"),
        ]
        events = await database.rows(select(journal.c.data).where(journal.c.contact_id == ONE).order_by(journal.c.seq))
        assert [row.data for row in events] == [
            {"site": "shop", "display_name": "", "visitor_hash": ""},
            {"disposition": "sale", "notes": ""},
        ]
        assert len(await customers.timeline(other, before=None, limit=9)) == 1

    async def test_nothing_of_an_erased_customer_is_anywhere_in_the_database(
        self, database: Database, customers: SqlCustomers, timeline: SqlInteractions
    ):
        """Whatever table is added: none of these words may be left in any column of any row."""
        await add_contact(database, ONE)
        whose = replace(visit(ONE, subject=ANNA, name="Secret Name"), display_name="Zoë")
        anna = await customers.arrived(whose)
        await timeline.log([interaction(ONE, notes="secret note")], whose, deliver_at=NOON)
        assert anna is not None
        notes = replace(PLACE.place, name="Secret Name", subject=ANNA) if PLACE.place is not None else None
        await SqlLinks(database).add(replace(PLACE, place_of=ONE, place=notes))
        await customers.erase(anna)
        left = ""
        for table in contacts.metadata.sorted_tables:
            left += "\n".join(str(tuple(row)) for row in await database.rows(select(table)))
        for word in (ANNA, "Secret", "secret", "Zoë", "12,50", "cart", "Cart", "ab12", "digest of", anna):
            assert word not in left

    async def test_who_is_being_served_is_known_to_be(
        self, database: Database, customers: SqlCustomers, timeline: SqlInteractions
    ):
        customer_id = await customers.arrived(visit(ONE))
        assert customer_id is not None
        await add_contact(database, ONE, state="active", ended_at=None)
        assert await customers.in_contact(customer_id)
        other = await customers.arrived(visit(TWO, browser("b2")))
        await add_contact(database, TWO)
        assert other is not None
        assert not await customers.in_contact(other)

    async def test_what_is_over_its_time_goes_and_who_is_left_without_anything_too(
        self, database: Database, customers: SqlCustomers, timeline: SqlInteractions
    ):
        await add_contact(database, ONE, ended_at=NOON - timedelta(hours=48))
        await add_contact(database, TWO)
        old = await self.been(customers, timeline, visit(ONE, hours=-48), hours=-48)
        new = await self.been(customers, timeline, visit(TWO, browser("b2")))
        assert old is not None
        assert new is not None
        assert await customers.forget_before(NOON - timedelta(days=1), 99) == 1
        assert await customers.customer(old) is None
        assert await customers.customer(new) is not None
        assert await customers.arrived(visit(THREE)) != old
        assert len(await database.rows(select(customer_visits))) == 1
        assert [row.contact_id for row in await database.rows(select(chat_lines))] == [TWO]
