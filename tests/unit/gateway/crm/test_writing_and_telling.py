"""From the end of a contact to the CRM outside: once each, through outages, crashes and whatever it answers."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import insert

from gateway.base.errors import GatewayError, PortFailure
from gateway.base.ids import ContactId
from gateway.base.tasks import cancel_and_wait
from gateway.crm.finding import Finding
from gateway.crm.keys import KeyMaker
from gateway.crm.own import OwnCrm
from gateway.crm.port import CrmDeclined, CustomerId, Delivery, DeliveryState, Interaction, TimelineEntry, Visit
from gateway.crm.telling import BATCH, FIRST_PAUSE_S, LAST_PAUSE_S, LEASE, Telling
from gateway.crm.writing import LOOK_BACK, Writing
from gateway.parties import CustomerHistory, Entry, Identity
from gateway.records.customers import SqlCustomers
from gateway.records.database import Database
from gateway.records.interactions import SqlInteractions
from gateway.records.journal import SqlJournal
from gateway.records.tables import contacts
from tests.support.clock import FakeClock
from tests.support.contracts.records import event, summary
from tests.support.records import open_records
from tests.support.servers import until

ONE, TWO = ContactId("ct_one00000"), ContactId("ct_two00000")
ANNA = Identity(realm="shop", subject="anna", name="Anna")
ENTRY = Entry(site="shop", visitor_key="v", language="fr", identity=ANNA, form={"step": "2"}, page_title="Cart")


class FakeOutside:
    """A CRM outside: what it has by id, and what it does to the next ones it is told."""

    def __init__(self) -> None:
        self.has: dict[str, tuple[Interaction, Visit]] = {}
        self.told: list[str] = []
        self.error: GatewayError | None = None
        self.hang: asyncio.Event | None = None
        self.rest_s = 0.0

    async def find(self, visit: Visit) -> CustomerHistory | None:
        return None

    async def log(self, interactions: Sequence[Interaction], visit: Visit) -> None:
        for each in interactions:
            self.told.append(each.interaction_id)
            if self.hang is not None:
                await self.hang.wait()
            if self.error is not None:
                raise self.error
            self.has[each.interaction_id] = (each, visit)

    def rests_s(self) -> float:
        return self.rest_s


class Node:
    """One node's customers. Several may share a database and a CRM."""

    def __init__(self, database: Database, outside: FakeOutside, clock: FakeClock, *, limit: int = 1000) -> None:
        self.database, self.outside, self.clock = database, outside, clock
        self.customers, self.interactions = SqlCustomers(database), SqlInteractions(database)
        self.journal = SqlJournal(database, clock, outbox_limit=100)
        self.alarms: list[str] = []
        keys = KeyMaker("a secret of the house")
        own = OwnCrm(self.customers, self.interactions, clock, tells_outside=True)
        self.finding = Finding(own, None, keys, clock)
        self.writing = Writing(
            own=own, customers=self.customers, interactions=self.interactions, journal=self.journal,
            finding=self.finding, keys=keys, clock=clock, retention_days=30,
        )  # fmt: skip
        self.telling = Telling(
            interactions=self.interactions, outside=outside, told=self.writing.told, clock=clock, rng=Random(7),
            give_up=timedelta(days=3), limit=limit, alarm=lambda code, _detail: self.alarms.append(code),
        )  # fmt: skip

    async def came(self, contact_id: ContactId, entry: Entry = ENTRY) -> None:
        self.finding.arrived(contact_id, entry)
        await until(lambda: not self.finding.arriving(contact_id), what="the visit is kept")

    async def went(self, contact_id: ContactId, **changes: object) -> None:
        """The contact has ended: what the journal and the contacts list have of it."""
        now = self.clock.now()
        events = [
            event(contact_id, 1, name="initiated", state="initiated", at=now, data={"site": "shop", "language": "fr"}),
            event(contact_id, 2, name="offer_accepted", state="bridging", at=now, data={"agent_id": "ag_anna0000"}),
            event(contact_id, 3, name="bridged", state="active", at=now, data={}),
            event(contact_id, 4, name="wrap_up_submitted", state="closed", at=now, data={"disposition": "sale"}),
            event(contact_id, 5, name="closed", state="closed", at=now, data={}),
        ]
        row = summary(contact_id, 5, state="closed", started_at=now, ended_at=now, **changes)
        await self.journal._write(events, [row])

    async def deliver(self) -> None:
        """Tell what is due until nothing is."""
        while await self.telling.tell():
            pass

    async def timeline(self, customer_id: CustomerId | None = None) -> list[TimelineEntry]:
        found = await self.customers.search(digests=[], text=customer_id or "", before=None, limit=9)
        return [
            entry
            for customer in found
            for entry in await self.customers.timeline(customer.customer_id, before=None, limit=99)
        ]

    async def aclose(self) -> None:
        await self.finding.aclose()
        await self.database.aclose()


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Node]:
    made = Node(await open_records(tmp_path), FakeOutside(), FakeClock())
    yield made
    await made.aclose()


async def again(node: Node, **more: int) -> Node:
    """The same records and CRM after a restart, or another node beside it."""
    return Node(node.database, node.outside, node.clock, **more)


# ---------------------------------------------------------------- writing down


async def test_an_ended_contact_is_written_down_once_with_what_it_came_with(node: Node):
    await node.came(ONE)
    await node.went(ONE)
    assert await node.writing.write_down() == 1
    assert await node.writing.write_down() == 0
    assert await (await again(node)).writing.write_down() == 0
    (entry,) = await node.timeline()
    assert (entry.interaction.interaction_id, entry.interaction.disposition) == (f"{ONE}.1", "sale")
    assert (entry.page_title, entry.form) == ("Cart", {"step": "2"})
    assert node.writing.told.is_set()


async def test_a_contact_whose_visit_was_lost_is_its_browsers(node: Node):
    """A crash with the database away: what is left is what the journal has."""
    await node.went(ONE, visitor_hash="ab12", display_name="Zoë")
    await node.went(TWO, visitor_hash="ab12")
    assert await node.writing.write_down() == 2
    entries = await node.timeline()
    assert {entry.interaction.contact_id for entry in entries} == {ONE, TWO}
    assert {entry.display_name for entry in entries} == {"Zoë"}


async def test_a_contact_of_an_erased_visitor_is_nobodys(node: Node):
    await node.went(ONE, visitor_hash="", display_name="", notes="")
    assert await node.writing.write_down() == 1
    assert await node.customers.search(digests=[], text="", before=None, limit=9) == []
    assert await node.writing.write_down() == 0


async def test_a_visit_that_is_on_its_way_into_the_records_is_waited_for(node: Node):
    await node.went(ONE)
    await node.went(TWO)
    node.finding._arriving.add(ONE)
    assert await node.writing.write_down() == 1
    node.clock.advance(7200)
    node.finding._arriving.clear()
    assert await node.writing.write_down() == 1


async def test_a_journal_that_can_not_be_folded_stands_in_nobodys_way(node: Node):
    async with node.database.writing() as connection:
        row = {"contact_id": ONE, "version": 1, "site": "shop", "visitor_hash": "ab12", "language": "fr",
               "display_name": "", "canary": False, "state": "closed", "started_at": node.clock.now(),
               "ended_at": node.clock.now(), "talk_s": 1.0, "hold_s": 0.0, "wrap_up_s": 0.0, "notes": "n"}  # fmt: skip
        await connection.execute(insert(contacts).values(row))
    await node.went(TWO)
    assert await node.writing.write_down() == 2
    assert {entry.interaction.interaction_id for entry in await node.timeline()} == {f"{ONE}.0", f"{TWO}.1"}


async def test_more_than_a_batch_is_written_down_in_one_go(node: Node):
    for number in range(120):
        await node.went(ContactId(f"ct_{number:08}"))
    assert await node.writing.write_down() == 120


async def test_what_ended_during_an_outage_is_found_by_looking_back(node: Node):
    await node.writing.write_down()
    await node.went(ONE)
    node.clock.advance(3000)
    await node.writing.write_down()
    await node.went(TWO, visitor_hash="b")
    ended_long_ago = node.clock.now() - LOOK_BACK + timedelta(hours=2)
    async with node.database.writing() as connection:
        await connection.execute(contacts.update().where(contacts.c.contact_id == TWO).values(ended_at=ended_long_ago))
    assert await node.writing.write_down() == 0
    node.clock.advance(3600)
    assert await node.writing.write_down() == 1


async def test_what_is_over_its_time_is_forgotten(node: Node):
    await node.came(ONE)
    await node.went(ONE)
    await node.writing.write_down()
    node.clock.advance(29 * 86_400)
    await node.writing.forget()
    assert len(await node.timeline()) == 1
    node.clock.advance(2 * 86_400)
    await node.writing.forget()
    assert await node.timeline() == []
    assert await node.customers.search(digests=[], text="", before=None, limit=9) == []


# ---------------------------------------------------------------- telling outside


async def logged(node: Node, *contact_ids: ContactId) -> None:
    for contact_id in contact_ids:
        await node.came(contact_id)
        await node.went(contact_id)
    await node.writing.write_down()


async def test_what_was_written_down_is_told_once_with_who_it_was(node: Node):
    await logged(node, ONE)
    await node.deliver()
    await node.deliver()
    assert node.outside.told == [f"{ONE}.1"]
    interaction, visit = node.outside.has[f"{ONE}.1"]
    assert interaction.disposition == "sale"
    assert (visit.identity, visit.form) == (ANNA, {"step": "2"})
    assert [entry.delivery for entry in await node.timeline()] == [DeliveryState.DONE]


async def test_ten_minutes_of_outage_lose_nothing_and_tell_everything_once(node: Node):
    node.outside.error = PortFailure("crm_unreachable", "Away.")
    many = [ContactId(f"ct_{number:08}") for number in range(20)]
    for minute in range(10):
        await logged(node, *many[2 * minute : 2 * minute + 2])
        await node.telling.tell()
        node.clock.advance(60)
    assert node.outside.has == {}
    node = await again(node)  # restarted in the middle of it
    node.outside.error = None
    node.outside.told.clear()
    for _ in range(30):
        await node.deliver()
        node.clock.advance(60)
    assert sorted(node.outside.told) == sorted(f"{contact_id}.1" for contact_id in many)
    assert await node.interactions.waiting() == 0
    assert {entry.delivery for entry in await node.timeline()} == {DeliveryState.DONE}


async def test_an_outage_is_not_hammered(node: Node):
    """Pauses double to the longest, so that an hour costs one interaction a dozen tries and not thousands."""
    node.outside.error = PortFailure("crm_unreachable", "Away.")
    await logged(node, ONE)
    for _ in range(360):
        await node.telling.tell()
        node.clock.advance(10)
    assert 8 <= len(node.outside.told) <= 16
    assert FIRST_PAUSE_S < LAST_PAUSE_S


async def test_while_it_fails_one_is_tried_at_a_time(node: Node):
    await logged(node, *(ContactId(f"ct_{number:08}") for number in range(2 * BATCH)))
    node.outside.error = PortFailure("crm_unreachable", "Away.")
    assert await node.telling.tell() == BATCH
    assert await node.telling.tell() == 1
    node.outside.error = None
    assert await node.telling.tell() == 1
    assert await node.telling.tell() > 1


async def test_records_that_take_nothing_are_not_asked_again_at_once(node: Node):
    await logged(node, *(ContactId(f"ct_{number}") for number in range(BATCH)))

    async def full(delivery: Delivery, until: datetime) -> bool:
        raise PortFailure("records_unavailable", "full")

    node.interactions.claim = full  # type: ignore[method-assign]
    assert await node.telling.tell() != BATCH, "a whole batch is a reason to go on without a pause"
    assert node.outside.told == []


async def test_a_crm_that_rests_is_told_nothing(node: Node):
    await logged(node, ONE)
    node.outside.rest_s = 5.0
    assert await node.telling.tell() == 0
    assert node.outside.told == []


async def test_two_nodes_tell_each_interaction_once(node: Node):
    await logged(node, *(ContactId(f"ct_{number:08}") for number in range(10)))
    other = await again(node)
    await asyncio.gather(node.deliver(), other.deliver())
    assert len(node.outside.told) == len(set(node.outside.told)) == 10


async def test_a_node_that_died_while_it_told_is_stood_in_for_under_the_same_id(node: Node):
    """At least once: the CRM may have it already. The id is the same, so there it is still one."""
    await logged(node, ONE)
    node.outside.hang = asyncio.Event()
    dead = asyncio.ensure_future(node.telling.tell())
    await until(lambda: node.outside.told == [f"{ONE}.1"], what="it is being told")
    node.outside.hang = None
    other = await again(node)
    await other.deliver()
    assert node.outside.told == [f"{ONE}.1"]
    node.clock.advance(LEASE.total_seconds())
    await other.deliver()
    assert node.outside.told == [f"{ONE}.1"] * 2
    assert len(node.outside.has) == 1
    await cancel_and_wait(dead)


async def test_a_node_that_stops_while_it_tells_hands_everything_back_and_nobody_waits_for_it(node: Node):
    await logged(node, ONE, TWO)
    node.outside.hang = asyncio.Event()
    stopping = asyncio.ensure_future(node.telling.tell())
    await until(lambda: len(node.outside.told) == 2, what="both are being told")
    await cancel_and_wait(stopping)
    node.outside.hang = None
    await (await again(node)).deliver()
    assert sorted(node.outside.has) == [f"{ONE}.1", f"{TWO}.1"]


async def test_a_node_that_stops_does_not_hand_back_what_another_tells(node: Node):
    await logged(node, ONE)
    (delivery,) = await node.interactions.due(node.clock.now(), 1)
    assert await node.interactions.claim(delivery, node.clock.now() + LEASE), "another has it"
    claim, claiming = node.interactions.claim, asyncio.Event()

    async def slow(delivery: Delivery, until: datetime) -> bool:
        claiming.set()
        await asyncio.sleep(0)
        return await claim(delivery, until)

    node.interactions.claim = slow  # type: ignore[method-assign]
    stopping = asyncio.ensure_future(node.telling._tell_one(delivery))
    await claiming.wait()
    await cancel_and_wait(stopping)
    assert await node.interactions.due(node.clock.now(), 1) == []


async def test_what_it_declines_is_left_for_a_person_and_told_again_when_they_say_so(node: Node):
    await logged(node, ONE, TWO)
    node.outside.error = CrmDeclined("crm_status_422", "No.")
    await node.deliver()
    node.clock.advance(86_400)
    await node.deliver()
    assert len(node.outside.told) == 2
    assert node.alarms == ["crm_given_up"] * 2
    assert {(entry.delivery, entry.delivery_error) for entry in await node.timeline()} == {
        (DeliveryState.GIVEN_UP, "crm_status_422")
    }
    node.outside.error = None
    assert await node.interactions.redeliver(node.clock.now()) == 2
    await node.deliver()
    assert len(node.outside.has) == 2
    assert node.outside.has[f"{ONE}.1"][1].identity == ANNA


async def test_what_is_not_taken_for_days_is_left_for_a_person(node: Node):
    node.outside.error = PortFailure("crm_status_500", "Broken.")
    await logged(node, ONE)
    for _ in range(3 * 24 * 6 + 2):
        await node.telling.tell()
        node.clock.advance(LAST_PAUSE_S * 1.2)
    assert node.alarms == ["crm_given_up"]
    assert await node.interactions.waiting() == 0


async def test_it_is_asked_again_when_it_says_and_not_later_than_the_longest_pause(node: Node):
    await logged(node, ONE)
    node.outside.error = PortFailure("crm_status_503", "Later.", retry_after_s=100)
    await node.telling.tell()
    node.clock.advance(79)
    assert await node.telling.tell() == 0
    node.clock.advance(42)
    node.outside.error = PortFailure("crm_status_503", "Much later.", retry_after_s=10**9)
    assert await node.telling.tell() == 1
    node.clock.advance(LAST_PAUSE_S * 1.2)
    assert await node.telling.tell() == 1


async def test_an_outbox_over_its_limit_leaves_the_oldest_for_a_person(node: Node):
    node.outside.error = PortFailure("crm_unreachable", "Away.")
    full = await again(node, limit=3)
    for number in range(5):
        await logged(full, ContactId(f"ct_{number:08}"))
        node.clock.advance(1)
    await full.telling._count()
    assert full.alarms == ["crm_outbox_full"]
    assert (full.telling.waiting, full.telling.given_up) == (3, 2)
    given_up = {e.interaction.contact_id for e in await full.timeline() if e.delivery is DeliveryState.GIVEN_UP}
    assert given_up == {"ct_00000000", "ct_00000001"}
