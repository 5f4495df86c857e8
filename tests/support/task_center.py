"""A call center in task mode: a real gateway and people on it, and a small TaskRouter that queues and routes."""

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

from gateway.canary.robots import open_leg
from gateway.canary.talk import Talk, first_hello, request
from signaling.messages import (
    AcceptOffer,
    Assigned,
    ContactState,
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
STEP_S = 30


@dataclass
class Center:
    """A demo whose sales are queued at the ACD, and everybody who is on it."""

    folder: Path
    router: TaskRouter
    stack: AsyncExitStack
    embed_origins: tuple[str, ...]
    product: Product = field(init=False)
    admin: aiohttp.ClientSession = field(init=False)

    @classmethod
    @asynccontextmanager
    async def running(cls, folder: Path, *embed_origins: str) -> AsyncIterator[Self]:
        """`embed_origins`: of desktops that show our panel for the one contact."""
        async with TaskRouter.running() as router, AsyncExitStack() as stack:
            center = cls(folder, router, stack, embed_origins)
            try:
                await center.start()
                yield center
            finally:
                if hasattr(center, "product"):
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
            "embed_origins": self.embed_origins,
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

    async def agent_at_desktop(self, name: str) -> "Desktop":
        """Somebody who is signed in at the ACD only."""
        await self._signed_in(name)
        return Desktop(self, self.agent_id)

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
        await until(lambda: self._has_task(contact_id), STEP_S)
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
            await until(as_wanted, STEP_S)
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

        await until(all_there, STEP_S)
        assert sorted(found) == sorted(wanted)


@dataclass
class Desktop:
    """An agent whose desktop opens our panel for the contact that they have taken there."""

    center: Center
    agent_id: str

    async def takes(self, customer: "Customer") -> str:
        """At the ACD, which has it ring here; the claim that it brings."""
        router = self.center.router

        async def rings() -> bool:
            task = router.of(customer.contact_id)[0]
            return bool(task.reservations) and task.reservations[-1].worker == self.agent_id

        await until(rings, STEP_S)
        router.answer(customer.contact_id, "accepted")

        async def brought() -> bool:
            return self._attributes(customer).get("visavis_panel_worker") == self.agent_id

        await until(brought, STEP_S)
        return str(self._attributes(customer)["visavis_panel_url"]).partition("claim=")[2]

    def _attributes(self, customer: "Customer") -> dict[str, Any]:
        attributes: dict[str, Any] = json.loads(self.center.router.of(customer.contact_id)[0].attributes)
        return attributes

    async def opens(self, claim: str) -> Talk:
        """Our panel, in a browser that nobody has signed in with."""
        browser = await self.center.browser()
        talk, _ = await Talk.open(browser, "/ws/embed", first_hello(claim), who="agent")
        self.center.stack.push_async_callback(talk.close)
        await talk.wait_for(Assigned)
        await self.center.stack.enter_async_context(open_leg(talk, "127.0.0.1"))
        return talk


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
        await until(self.is_closed, STEP_S)
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
        async with asyncio.timeout(STEP_S):
            return await self.talk.wait_for(Offer, lambda offer: offer.contact_id in wanted)

    async def accepts(self, offer: Offer) -> None:
        await self.talk.send(AcceptOffer(offer_id=offer.offer_id))
        await self.talk.wait_for(Assigned)

    async def talks(self) -> None:
        await self.center.stack.enter_async_context(open_leg(self.talk, "127.0.0.1"))

    async def talks_to(self, customer: Customer) -> None:
        await self.talks()
        await customer.sees_agent()

    async def wraps_up(self) -> None:
        async with asyncio.timeout(STEP_S):
            await self.talk.wait_for(WrapUpStarted)
        await self.talk.send(WrapUp(disposition="resolved"))
