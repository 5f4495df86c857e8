"""The customers of a node as it runs: real records, a real HTTP server as the CRM, real time."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random

import pytest
from aiohttp import web
from pydantic import SecretStr

from gateway.base.clock import SystemClock
from gateway.base.ids import ContactId
from gateway.config.crm import CrmSettings, CrmWebhookSettings
from gateway.crm.keys import KeyMaker
from gateway.crm.service import CrmService
from gateway.parties import CustomerHistory, Entry, Identity
from gateway.records.customers import SqlCustomers
from gateway.records.database import Database
from gateway.records.interactions import SqlInteractions
from gateway.records.journal import SqlJournal
from tests.support.contracts.records import event, summary
from tests.support.crm_server import SECRET, CrmServer
from tests.support.records import open_records
from tests.support.servers import until

ONE, TWO = ContactId("ct_one00000"), ContactId("ct_two00000")
ENTRY = Entry(
    site="shop", visitor_key="v", language="fr", identity=Identity(realm="shop", subject="anna"), form={"step": "2"}
)


class House:
    def __init__(self, database: Database, crm: CrmServer) -> None:
        self.database, self.crm = database, crm
        self.shown: list[tuple[ContactId, CustomerHistory]] = []
        self.alarms: list[str] = []
        self.open()

    def open(self) -> None:
        clock = SystemClock()
        self.journal = SqlJournal(self.database, clock, outbox_limit=1000)
        self.journal.start()
        self.service = CrmService(
            settings=CrmSettings(webhook=CrmWebhookSettings(url=self.crm.url, secret=SecretStr(SECRET))),
            customers=SqlCustomers(self.database, {"sales": "Sales"}),
            interactions=SqlInteractions(self.database),
            journal=self.journal,
            keys=KeyMaker("a secret of the house"),
            webhook_secret=SECRET,
            clock=clock,
            rng=Random(1),
            alarm=lambda code, _detail: self.alarms.append(code),
        )
        self.service.on_known(lambda contact_id, history: self.shown.append((contact_id, history)))
        self.service.start()

    async def close(self) -> None:
        await self.service.aclose()
        await self.journal.aclose()

    def ends(self, contact_id: ContactId) -> None:
        """A call of a minute, as the desk writes it."""
        now = SystemClock().now()
        steps = [
            ("initiated", "initiated", {"site": "shop", "language": "fr"}),
            ("enqueued", "queued", {"queue": "sales", "language": "fr", "path": ["Buy"]}),
            ("offer_accepted", "bridging", {"agent_id": "ag_anna0000"}),
            ("bridged", "active", {}),
            ("customer_left", "wrap_up", {}),
            ("wrap_up_submitted", "closed", {"disposition": "sale", "notes": "n"}),
            ("closed", "closed", {}),
        ]
        for seq, (name, state, data) in enumerate(steps, 1):
            self.journal.append(event(contact_id, seq, name=name, state=state, at=now, mono_s=10.0 * seq, data=data))
        self.journal.save(summary(contact_id, len(steps), state="closed", ended_at=now, started_at=now))
        self.service.ended(contact_id)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    crm = CrmServer()
    await crm.start()
    database = await open_records(tmp_path)
    made = House(database, crm)
    yield made
    await made.close()
    await database.aclose()
    await crm.aclose()


async def test_from_the_click_to_the_crm_and_back_to_the_next_agent(house: House):
    house.crm.customers["anna"] = {"name": "Anna of the CRM", "url": "https://crm.example/anna"}
    house.service.arrived(ONE, ENTRY)
    await until(lambda: any(history.url for _, history in house.shown), what="the CRM has said who it is")
    house.ends(ONE)
    await until(lambda: f"{ONE}.1" in house.crm.interactions, what="the CRM is told")
    told = house.crm.interactions[f"{ONE}.1"]
    assert (told["queue"], told["disposition"], told["customer"]["subject"], told["talk_s"]) == (
        "sales",
        "sale",
        "anna",
        10,
    )

    house.shown.clear()
    house.service.arrived(TWO, ENTRY)
    await until(lambda: any(history.url and history.last for _, history in house.shown), what="both have answered")
    contact_id, history = house.shown[-1]
    assert contact_id == TWO
    assert (history.name, history.known_by, history.contacts) == ("Anna of the CRM", "identity", 1)
    assert [past.disposition for past in history.last] == ["sale"]
    assert house.alarms == []


async def test_an_answer_that_was_lost_leads_to_one_interaction_there(house: House):
    """It did as it was told and could not say so: told again under the same id, it is still one."""
    house.crm.lose_answers = 1
    house.service.arrived(ONE, ENTRY)
    house.ends(ONE)
    await until(lambda: house.crm.deliveries.count(f"{ONE}.1") == 2, what="it is told again")
    interactions = SqlInteractions(house.database)

    async def nothing_waits() -> bool:
        return await interactions.waiting() == 0

    await until(nothing_waits, what="it is done")
    assert list(house.crm.interactions) == [f"{ONE}.1"]


async def test_what_was_not_told_before_a_restart_is_told_after_it(house: House):
    await house.crm.aclose()
    house.service.arrived(ONE, ENTRY)
    house.ends(ONE)
    interactions = SqlInteractions(house.database)

    async def waits() -> bool:
        return await interactions.waiting() == 1

    await until(waits, what="it is written down")
    await house.close()
    await house.crm.start()
    house.open()
    await until(lambda: f"{ONE}.1" in house.crm.interactions, what="it is told")


async def test_what_was_being_told_when_it_stopped_is_told_by_the_next_start(house: House):
    """At once: who stops in order leaves no claim behind for the others to wait for."""
    answers = asyncio.Event()

    async def never(_request: web.Request) -> web.Response:
        await answers.wait()
        return web.Response(status=503)

    house.crm.misbehave = never
    house.ends(ONE)
    await until(lambda: house.crm.asked == 1, what="it is being told")
    await house.close()
    house.crm.misbehave = None
    answers.set()
    house.open()
    await until(lambda: f"{ONE}.1" in house.crm.interactions, what="it is told")
