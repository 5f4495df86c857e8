"""The desk on the stores it is run with: the live state embedded and on a redis-server, the journal in SQL."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

import pytest
from pydantic import SecretStr

from gateway.acd.builtin.acd import BuiltinAcd
from gateway.agents.roster import AgentRoster
from gateway.base.clock import SystemClock
from gateway.base.errors import PortFailure
from gateway.base.ids import AgentId, ContactId
from gateway.config import ContactSettings, LiveSettings
from gateway.contacts.desk import ContactDesk
from gateway.contacts.fold import fold_contact
from gateway.live.queues import LiveQueueStore
from gateway.live.store import Live, open_live
from gateway.parties import (
    AcceptOffer,
    AgentCard,
    AgentParty,
    ContactAssigned,
    ContactChanged,
    CustomerParty,
    Entry,
    HangUp,
    LegAnswered,
    Notice,
    OfferLeg,
    OfferMade,
    Party,
    SetReady,
    SubmitWrapUp,
    WrapUpStarted,
)
from gateway.records.database import Database
from gateway.records.journal import SqlJournal
from tests.support.desk_rig import QUEUES, SITES, FakeRecording, FakeRollout, SeenQuality, menu_library
from tests.support.fake_media import FakeMedia
from tests.support.records import open_records
from tests.support.servers import RedisServer, until

N = TypeVar("N")
CALLS = 20
AGENTS = 4


class Inboxes:
    """Notices by party, to wait for."""

    def __init__(self) -> None:
        self._inboxes: dict[Party, asyncio.Queue[Notice]] = defaultdict(asyncio.Queue)

    def tell(self, party: Party, notice: Notice) -> None:
        self._inboxes[party].put_nowait(notice)

    async def wait(self, party: Party, kind: type[N], where: Callable[[N], bool] = lambda _: True) -> N:
        async with asyncio.timeout(30):
            while True:
                notice = await self._inboxes[party].get()
                if isinstance(notice, kind) and where(notice):
                    return notice


class Node:
    """A desk over real stores, fake media and the machine's clock."""

    def __init__(self, live: Live, journal: SqlJournal) -> None:
        clock = SystemClock()
        self.journal = journal
        self.live = live
        self.media = FakeMedia()
        self.inboxes = Inboxes()
        settings = ContactSettings()
        self.acd = BuiltinAcd(
            store=LiveQueueStore(live), clock=clock, node="n1", agent_allowed=FakeRollout().agent_allowed
        )
        self.desk = ContactDesk(
            clock=clock,
            node="n1",
            settings=settings,
            sites=SITES,
            queues=QUEUES,
            media=self.media,
            acd=self.acd,
            recording=FakeRecording(),
            rollout=FakeRollout(),
            journal=journal,
            history=journal,
            notices=self.inboxes,
            menus=menu_library(),
            roster=AgentRoster(clock, settings.presence_grace),
            quality=SeenQuality(),
            lag_s=lambda: 0.0,
        )

    async def connect(self, party: Party, ask: Callable[[OfferLeg], object]) -> None:
        sdp = str(party) + uuid4().hex
        await ask(OfferLeg(generation=1, sdp=sdp))  # type: ignore[misc]
        await self.inboxes.wait(party, LegAnswered)
        self.media.connect(next(leg.leg_id for leg in self.media.legs.values() if leg.sdp == sdp))

    async def customer(self, number: int) -> ContactId:
        contact_id = await self.desk.open_contact(
            Entry(site="direct", visitor_key=f"v{number}", language="en", display_name=f"Robot {number}")
        )
        party = CustomerParty(contact_id=contact_id)
        await self.connect(party, lambda offer: self.desk.customer_request(contact_id, offer))
        await self.inboxes.wait(party, ContactChanged, lambda notice: notice.state == "active")
        if number % 2:
            await self.desk.customer_request(contact_id, HangUp())
        await self.inboxes.wait(party, ContactChanged, lambda notice: notice.state == "closed")
        return contact_id

    async def agent(self, number: int) -> None:
        card = AgentCard(agent_id=AgentId(f"ag_robot{number:03}"), display_name=f"Agent {number}", queues=("sales",))
        party = AgentParty(agent_id=card.agent_id)
        ask = lambda request: self.desk.agent_request(card.agent_id, request)  # noqa: E731
        await self.desk.agent_present(card, True)
        await ask(SetReady())
        while True:
            offer = await self.inboxes.wait(party, OfferMade)
            await ask(AcceptOffer(offer_id=offer.offer_id))
            await self.inboxes.wait(party, ContactAssigned)
            await self.connect(party, ask)
            await self.inboxes.wait(party, ContactChanged, lambda notice: notice.state == "active")
            contact = next(a.contact for a in self.desk._actors.values() if a.contact.contact_id == offer.contact_id)
            if not int(contact.entry.display_name.split()[1]) % 2:
                await ask(HangUp())
            await self.inboxes.wait(party, WrapUpStarted)
            await ask(SubmitWrapUp(disposition="resolved"))


@pytest.fixture(params=["embedded", "redis-server"])
async def live(request: pytest.FixtureRequest) -> AsyncIterator[Live]:
    settings = LiveSettings(prefix=f"t{uuid4().hex[:12]}")
    if request.param == "redis-server":
        server: RedisServer = request.getfixturevalue("redis_server")
        settings = LiveSettings(url=SecretStr(server.url), prefix=settings.prefix)
    live = open_live(settings)
    yield live
    await live.aclose()


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = await open_records(tmp_path)
    yield database
    await database.aclose()


@pytest.fixture
async def node(live: Live, database: Database) -> AsyncIterator[Node]:
    journal = SqlJournal(database, SystemClock(), outbox_limit=10_000)
    journal.start()
    node = Node(live, journal)
    await node.acd.start()
    await node.desk.start()
    yield node
    await node.desk.aclose()
    await node.acd.aclose()
    await node.media.aclose()
    await journal.aclose()


async def test_many_calls_over_real_stores_are_served_once_each_and_leave_nothing(node: Node) -> None:
    async with asyncio.timeout(60):
        agents = [asyncio.create_task(node.agent(number)) for number in range(AGENTS)]
        contacts = await asyncio.gather(*(node.customer(number) for number in range(CALLS)))
        for agent in agents:
            agent.cancel()
        await asyncio.gather(*agents, return_exceptions=True)
    await until(lambda: not node.desk._actors, what="every contact is gone")
    assert node.media.legs == {}
    for contact_id in contacts:
        events = await node.journal.read(contact_id)
        names = [event.name for event in events]
        assert [event.seq for event in events] == list(range(1, len(events) + 1))
        assert (names[0], names[-1], names.count("closed"), names.count("bridged")) == ("initiated", "closed", 1, 1)
        assert await node.journal.contact(contact_id) == fold_contact(events)
    assert await node.journal.open_contacts() == []

    async def kept() -> list[str]:
        keys = [str(key) async for key in node.live.client.scan_iter(node.live.key("*"))]
        return [key for key in keys if ":ticket:" in key or ":waiting" in key]

    async with asyncio.timeout(30):  # the distributor carries the last changes to the store behind the contacts
        while await kept():  # noqa: ASYNC110 - keys in a store: there is nothing to wait on
            await asyncio.sleep(0.01)


async def test_a_crash_is_closed_by_the_next_start(node: Node, database: Database) -> None:
    contact_id = await node.desk.open_contact(Entry(site="direct", visitor_key="v", language="en"))

    async def is_in_line() -> bool:
        return contact_id in (await node.acd.snapshot("sales")).waiting

    await until(is_in_line, what="the contact is in line")
    await node.acd._distributor._supervisor.aclose()  # as if the process were killed: nothing is said to anybody
    await node.desk._supervisor.aclose()
    again = Node(node.live, node.journal)
    await again.acd.start()
    await again.desk.start()
    last = (await node.journal.read(contact_id))[-1]
    assert (last.name, last.reason) == ("closed", "gateway_restart")
    assert await node.journal.open_contacts() == []
    assert (await again.acd.snapshot("sales")).waiting == ()
    await again.desk.aclose()
    await again.acd.aclose()


async def test_a_redis_that_dies_stops_new_contacts_and_no_call(
    own_redis_server: RedisServer, database: Database
) -> None:
    live = open_live(LiveSettings(url=SecretStr(own_redis_server.url)))
    journal = SqlJournal(database, SystemClock(), outbox_limit=10_000)
    journal.start()
    node = Node(live, journal)
    await node.acd.start()
    await node.desk.start()
    agent = asyncio.create_task(node.agent(0))
    contact_id = await node.desk.open_contact(Entry(site="direct", visitor_key="v", language="en", display_name="R 1"))
    party = CustomerParty(contact_id=contact_id)
    await node.connect(party, lambda offer: node.desk.customer_request(contact_id, offer))
    await node.inboxes.wait(party, ContactChanged, lambda notice: notice.state == "active")
    own_redis_server.kill()
    with pytest.raises(PortFailure):
        await node.desk.open_contact(Entry(site="direct", visitor_key="v", language="en"))
    await node.desk.customer_request(contact_id, HangUp())
    await node.inboxes.wait(party, ContactChanged, lambda notice: notice.state == "closed")
    agent.cancel()
    await asyncio.gather(agent, return_exceptions=True)
    await node.desk.aclose()
    await node.acd.aclose()
    await node.media.aclose()
    await journal.aclose()
    await live.aclose()
