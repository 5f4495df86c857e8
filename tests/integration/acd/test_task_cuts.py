"""Task mode after a cut, with a real gateway and people on it: who ends how, each once, and what is listed.

The ACD is a small TaskRouter; it restarts without a word, the gateway is killed, or nothing gets through either way
while both go on.
"""

import asyncio
import itertools
import json
import re
import sqlite3
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import aiohttp
import pytest

from gateway.canary.robots import open_leg
from gateway.canary.talk import Talk, first_hello, request
from signaling.messages import (
    AcceptOffer,
    Assigned,
    ContactState,
    HangUp,
    MenuChoice,
    MenuNode,
    Offer,
    QueuePosition,
    SetReady,
    WrapUp,
    WrapUpStarted,
)
from tests.support import taskrouter as t
from tests.support.product import Product, until
from tests.support.taskrouter import TaskRouter

_LINK = re.compile(r"(?:Agent|Admin) (\w+) [^\n]*?/sign-in/#(\S+)")
_STEP_S = 15


@dataclass
class Center:
    """A demo whose sales are queued at the ACD, and everybody who is on it."""

    folder: Path
    router: TaskRouter
    stack: AsyncExitStack
    product: Product = field(init=False)
    admin: aiohttp.ClientSession = field(init=False)

    @classmethod
    @asynccontextmanager
    async def running(cls, folder: Path) -> AsyncIterator[Self]:
        async with TaskRouter.running() as router, AsyncExitStack() as stack:
            center = cls(folder, router, stack)
            await center.start()
            try:
                yield center
            finally:
                await center.product.kill()

    async def start(self) -> None:
        """Also once more, on what the process before has left."""
        acd = {
            "name": "router",
            "kind": "tasks",
            "mapping": "taskrouter",
            "url": self.router.url,
            "auth": "basic",
            "user": t.ACCOUNT,
            "secret": t.TOKEN,
            "incoming_auth": "twilio",
            "incoming_secret": t.TOKEN,
            "variables": {"workspace": t.WORKSPACE, "workflow": t.WORKFLOW},
            "retry_first": 0.05,
            "retry_last": 0.2,
            "breaker_failures": 2,
            "breaker_pause": 0.1,
            "look_every": 0.3,
        }
        (self.folder / "stdout").unlink(missing_ok=True)
        self.product = await Product.start(
            self.folder,
            "demo",
            settings={
                "VISAVIS_ACDS": json.dumps([acd]),
                "VISAVIS_QUEUES": json.dumps([{"id": "sales", "name": "Sales", "acd": "router"}]),
                "VISAVIS_RECORDING__POLICY": "off",
                "VISAVIS_LOG__LEVEL": "INFO",
            },
        )
        self.links = dict(_LINK.findall(self.product.output()))
        self.router.callback = f"{self.product.url}/api/v1/acds/router/events"
        self.admin = await self._signed_in("Robin")

    async def browser(self) -> aiohttp.ClientSession:
        jar = aiohttp.CookieJar(unsafe=True)
        session = aiohttp.ClientSession(self.product.url, headers={"Origin": self.product.url}, cookie_jar=jar)
        return await self.stack.enter_async_context(session)

    async def _signed_in(self, name: str) -> aiohttp.ClientSession:
        browser = await self.browser()
        answer = await request(browser, "POST", "/api/v1/session", body={"link_token": self.links[name]})
        self.agent_id = answer["account"]["agent_id"]
        return browser

    async def agent(self, name: str) -> "Agent":
        """Signed in and ready, here and at the ACD."""
        browser = await self._signed_in(name)
        talk, _ = await Talk.open(browser, "/ws/agent", first_hello(), who="agent")
        self.stack.push_async_callback(talk.close)
        await talk.send(SetReady())
        return Agent(self, talk, self.agent_id)

    async def customer(self, number: int) -> "Customer":
        """Chose sales and waits, to be seen and heard."""
        browser = await self.browser()
        body = {
            "site": "demo",
            "visitor_key": f"visitor-{number:08}",
            "language": "en",
            "notice_version": "1",
        }
        entered = await request(browser, "POST", "/api/v1/widget/entry", body=body)
        hello = first_hello(entered["entry_token"])
        talk, welcome = await Talk.open(browser, "/ws/customer", hello, who="customer")
        self.stack.push_async_callback(talk.close)
        node = await talk.wait_for(MenuNode, lambda node: bool(node.options))
        await talk.send(MenuChoice(node_id=node.node_id, key=node.options[0].key))
        await talk.wait_for(QueuePosition)
        await self.stack.enter_async_context(open_leg(talk, "127.0.0.1"))
        contact_id = welcome.contact_id or ""
        await until(lambda: self._has_task(contact_id), _STEP_S)
        return Customer(self, talk, contact_id)

    async def is_on_disk(self, customer: "Customer") -> bool:
        """Whether the records have the contact: a process that comes after a kill would know it."""
        with closing(sqlite3.connect(f"file:{self.folder / 'data' / 'records.sqlite'}?mode=ro", uri=True)) as records:
            found = records.execute("SELECT count(*) FROM contacts WHERE contact_id = ?", (customer.contact_id,))
            return found.fetchone() == (1,)

    async def _has_task(self, contact_id: str) -> bool:
        return bool(self.router.of(contact_id))

    async def contact(self, contact_id: str) -> dict[str, Any]:
        return await request(self.admin, "GET", f"/api/v1/contacts/{contact_id}")

    async def closes(self, *wanted: list[str]) -> None:
        """How often, and how, each task of the ACD was closed, oldest first, once nothing is to be told any more."""
        found: list[list[str]] = []

        async def as_wanted() -> bool:
            found[:] = [task.closes for task in self.router.tasks.values()]
            return found == list(wanted)

        try:
            await until(as_wanted, _STEP_S)
        except TimeoutError:
            raise AssertionError(f"{found}, not {list(wanted)}") from None

    async def listed(self, *wanted: tuple[str, ...]) -> None:
        """The page's list, once it has so many: contact, both beliefs, cut, cause, action."""
        names = ("contact_id", "ours", "theirs", "cut", "cause", "action")
        found: list[tuple[str, ...]] = []

        async def all_there() -> bool:
            rows = (await request(self.admin, "GET", "/api/v1/acd/disagreements"))["disagreements"]
            found[:] = [tuple(row[name] for name in names) for row in rows]
            assert all(row["failed"] is None for row in rows)
            return len(found) >= len(wanted)

        await until(all_there, _STEP_S)
        assert sorted(found) == sorted(wanted)


@dataclass
class Customer:
    center: Center
    talk: Talk
    contact_id: str

    async def sees_agent(self) -> None:
        await self.talk.wait_for(ContactState, lambda state: state.state == "active")

    async def state(self) -> str:
        return str((await self.center.contact(self.contact_id))["state"])

    async def is_closed(self) -> bool:
        return await self.state() == "closed"

    async def closed_once(self) -> str:
        """Why, once it is."""
        await until(self.is_closed, _STEP_S)
        contact = await self.center.contact(self.contact_id)
        states = [state for state, _ in itertools.groupby(event["state"] for event in contact["journal"])]
        assert states.count("closed") == 1
        assert states[-1] == "closed"
        return str(contact["end_reason"])


@dataclass
class Agent:
    center: Center
    talk: Talk
    agent_id: str

    async def rings(self, *customers: Customer) -> Offer:
        """The ACD chooses this agent for the contact that is next there, one of these."""
        wanted = [customer.contact_id for customer in customers]
        self.center.router.available(self.agent_id)
        async with asyncio.timeout(_STEP_S):
            return await self.talk.wait_for(Offer, lambda offer: offer.contact_id in wanted)

    async def accepts(self, offer: Offer) -> None:
        await self.talk.send(AcceptOffer(offer_id=offer.offer_id))
        await self.talk.wait_for(Assigned)

    async def talks_to(self, customer: Customer) -> None:
        await self.center.stack.enter_async_context(open_leg(self.talk, "127.0.0.1"))
        await customer.sees_agent()

    async def wraps_up(self) -> None:
        async with asyncio.timeout(_STEP_S):
            await self.talk.wait_for(WrapUpStarted)
        await self.talk.send(WrapUp(disposition="resolved"))


@pytest.fixture
async def center(tmp_path: Path) -> AsyncIterator[Center]:
    async with Center.running(tmp_path) as running:
        yield running


async def test_an_acd_that_lost_everything_gets_back_who_waits_and_parts_nobody(center: Center) -> None:
    """It was never away: that it knows none of them is seen when some of them are looked at."""
    router = center.router
    alex, sam = await center.agent("Alex"), await center.agent("Sam")
    accepted = await center.customer(1)
    await alex.accepts(await alex.rings(accepted))
    ringing = await center.customer(2)
    await sam.rings(ringing)
    queued = await center.customer(3)
    await until(lambda: _is(router.standing(accepted.contact_id)[0].status, "assigned"), _STEP_S)
    await until(lambda: _is(any(method == "GET" for method, *_ in router.requests), True), _STEP_S)
    router.forget()
    await center.listed(
        (accepted.contact_id, "connected", "gone", "unknown", "forgotten", "left"),
        (ringing.contact_id, "ringing", "gone", "unknown", "forgotten", "offered_again"),
        (queued.contact_id, "queued", "gone", "unknown", "forgotten", "offered_again"),
    )
    await alex.talks_to(accepted)
    for customer in (ringing, queued):
        await until(lambda one=customer: center._has_task(one.contact_id), _STEP_S)
    offer = await sam.rings(ringing, queued)  # whose new task came first is as it happens
    served, waiting = (ringing, queued) if offer.contact_id == ringing.contact_id else (queued, ringing)
    await sam.accepts(offer)
    await sam.talks_to(served)
    for customer, agent in ((accepted, alex), (served, sam)):
        await customer.talk.send(HangUp())
        await agent.wraps_up()
        assert await customer.closed_once() == "completed"
    await waiting.talk.send(HangUp())
    assert await waiting.closed_once() == "abandoned_in_queue"
    assert [task.contact_id for task in router.tasks.values()].count(served.contact_id) == 1
    await center.closes(
        *(["completed" if one.contact_id == served.contact_id else "canceled"] for one in router.tasks.values())
    )


async def test_a_killed_gateway_ends_at_the_acd_what_it_had_there_once(center: Center) -> None:
    router = center.router
    alex = await center.agent("Alex")
    talking = await center.customer(1)
    await alex.accepts(await alex.rings(talking))
    await alex.talks_to(talking)
    queued = await center.customer(2)
    await until(lambda: _is(router.standing(talking.contact_id)[0].status, "assigned"), _STEP_S)
    known = [customer for customer in (talking, queued) if await center.is_on_disk(customer)]
    await center.product.kill()
    await center.start()
    await center.listed(
        (talking.contact_id, "gone", "connected", "gateway_restarted", "kept", "withdrawn"),
        (queued.contact_id, "gone", "queued", "gateway_restarted", "kept", "withdrawn"),
    )
    for customer in known:  # what is younger than a batch of the records may be lost, but not at the ACD
        assert await customer.closed_once() == "gateway_restart"
    await center.closes(["completed"], ["canceled"])
    assert {task.reason for task in router.tasks.values()} == {"gateway_restart"}


async def test_after_a_split_in_which_both_sides_went_on_each_contact_ends_once(center: Center) -> None:
    router = center.router
    alex, sam = await center.agent("Alex"), await center.agent("Sam")
    cancelled_there = await center.customer(1)
    await alex.accepts(await alex.rings(cancelled_there))
    await alex.talks_to(cancelled_there)
    abandoned_here = await center.customer(2)
    await sam.rings(abandoned_here)
    missed = await center.customer(3)
    await until(lambda: _is(router.standing(cancelled_there.contact_id)[0].status, "assigned"), _STEP_S)
    router.away = router.silent = True
    router.withdraw(cancelled_there.contact_id)
    router.answer(abandoned_here.contact_id, "accepted")
    router.available("somebody else")
    router.answer(missed.contact_id, "accepted")
    await abandoned_here.talk.send(HangUp())
    assert await abandoned_here.closed_once() == "abandoned_while_alerting"
    await until(lambda: _is_away(center), _STEP_S)
    router.away = router.silent = False
    await center.listed(
        (cancelled_there.contact_id, "connected", "gone", "network", "forgotten", "left"),
        (missed.contact_id, "queued", "connected", "network", "answer_missed", "requeued"),
    )
    await until(lambda: _is(len(router.of(missed.contact_id)), 2), _STEP_S)
    assert [task.closes for task in router.of(abandoned_here.contact_id)] == [["completed"]]
    assert await cancelled_there.state() == "active"
    await sam.accepts(await sam.rings(missed))
    await sam.talks_to(missed)
    for customer, agent in ((cancelled_there, alex), (missed, sam)):
        await customer.talk.send(HangUp())
        await agent.wraps_up()
        assert await customer.closed_once() == "completed"
    await until(lambda: _is(all(len(task.closes) == 1 for task in router.tasks.values()), True), _STEP_S)
    assert [task.closes for task in router.of(missed.contact_id)] == [["completed"], ["completed"]]


async def _is(found: object, wanted: object) -> bool:
    return found == wanted


async def _is_away(center: Center) -> bool:
    return "acd.breaker" in center.product.errors() + center.product.output()
