"""How a call gets into a server: by a POST to ours, over Janus' WebSocket, as robots do into the whole product."""

import asyncio
import itertools
import secrets
from collections.abc import Callable
from typing import Any, Protocol, Self

import aiohttp

from gateway.canary.robots import SITE
from gateway.canary.talk import CanaryFailure, Talk, first_hello, request
from signaling.messages import (
    AcceptOffer,
    AgentState,
    Assigned,
    ContactState,
    LegAnswer,
    LegOffer,
    MenuChoice,
    MenuNode,
    Offer,
    QueuePosition,
    SetReady,
)
from tests.bench.load.leg import Leg

ANSWER_S = 20.0
_KEEP_ALIVE_S = 20.0


class WayIn(Protocol):
    """Opens calls at one server."""

    async def call(self, name: str, make: Callable[[], Leg]) -> list[Leg]:
        """Two legs, connected and bridged. Raises OSError when it did not come to it."""
        ...

    async def hang_up(self, name: str, legs: list[Leg]) -> None: ...

    async def aclose(self) -> None: ...


class Ours:
    """`forward_server.py`, which prints the address of its one route."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._http = aiohttp.ClientSession()

    async def call(self, name: str, make: Callable[[], Leg]) -> list[Leg]:
        return list(await asyncio.gather(*(self._leg(name, role, make()) for role in ("customer", "agent"))))

    async def wait(self, name: str, make: Callable[[], Leg]) -> list[Leg]:
        """One leg that is shown the clip of who waits."""
        return [await self._leg(name, "waiting", make())]

    async def _leg(self, call: str, role: str, leg: Leg) -> Leg:
        body = {"sdp": leg.offer(), "type": "offer"}
        async with self._http.post(self._url.format(call=call, role=role), json=body) as response:
            if response.status != 200:
                raise ConnectionError(f"the server answered {response.status}: {await response.text()}")
            answer = await response.json()
        leg.set_answer(answer["sdp"])
        await leg.connected()
        return leg

    async def hang_up(self, name: str, legs: list[Leg]) -> None:
        await asyncio.gather(*(leg.close() for leg in legs))

    async def aclose(self) -> None:
        await self._http.close()


class Janus:
    """One WebSocket for all sessions; each leg is a session with a handle of the plugin, registered under a name."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, http: aiohttp.ClientSession) -> None:
        self._http = http
        self._socket = socket
        self._numbers = itertools.count(1)
        self._replies: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._events: dict[tuple[int, str], asyncio.Future[dict[str, Any]]] = {}
        self._sessions: dict[str, list[int]] = {}
        self._tasks = [asyncio.create_task(self._read()), asyncio.create_task(self._keep_alive())]

    @classmethod
    async def open(cls, url: str) -> Self:
        http = aiohttp.ClientSession()
        return cls(await http.ws_connect(url, protocols=("janus-protocol",)), http)

    async def call(self, name: str, make: Callable[[], Leg]) -> list[Leg]:
        names = f"{name}-customer", f"{name}-agent"
        (caller_session, caller), (callee_session, callee) = [await self._register(each) for each in names]
        self._sessions[name] = [caller_session, callee_session]
        customer, agent = make(), make()
        call, offered = {"request": "call", "username": names[1]}, {"type": "offer", "sdp": customer.offer()}
        incoming, accepted = self._expect(callee_session, "incomingcall"), self._expect(caller_session, "accepted")
        await self._message(caller_session, caller, call, offered)
        offer = await self._within(incoming)
        answer = agent.answer(offer["jsep"]["sdp"])
        await self._message(callee_session, callee, {"request": "accept"}, {"type": "answer", "sdp": answer})
        customer.set_answer((await self._within(accepted))["jsep"]["sdp"])
        await asyncio.gather(customer.connected(), agent.connected())
        return [customer, agent]

    async def hang_up(self, name: str, legs: list[Leg]) -> None:
        for session in self._sessions.pop(name, []):
            await self._ask({"janus": "destroy", "session_id": session})
        for leg in legs:
            leg.vanish()

    async def aclose(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._http.close()

    async def _register(self, name: str) -> tuple[int, int]:
        session = (await self._ask({"janus": "create"}))["data"]["id"]
        attach = {"janus": "attach", "plugin": "janus.plugin.videocall", "session_id": session}
        handle = (await self._ask(attach))["data"]["id"]
        registered = self._expect(session, "registered")
        await self._message(session, handle, {"request": "register", "username": name}, None)
        await self._within(registered)
        return session, handle

    async def _message(self, session: int, handle: int, body: dict[str, str], jsep: dict[str, str] | None) -> None:
        message: dict[str, Any] = {"janus": "message", "session_id": session, "handle_id": handle, "body": body}
        await self._ask(message | ({"jsep": jsep} if jsep else {}))

    async def _ask(self, message: dict[str, Any]) -> dict[str, Any]:
        """Send and wait for the reply, which for the plugin's messages is only an ack."""
        transaction = str(next(self._numbers))
        reply = self._replies[transaction] = asyncio.get_running_loop().create_future()
        await self._socket.send_json(message | {"transaction": transaction})
        return await self._within(reply)

    def _expect(self, session: int, event: str) -> "asyncio.Future[dict[str, Any]]":
        future: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._events[session, event] = future
        return future

    async def _within(self, future: "asyncio.Future[dict[str, Any]]") -> dict[str, Any]:
        async with asyncio.timeout(ANSWER_S):
            got = await future
        if got.get("janus") == "error":
            raise ConnectionError(f"Janus refused: {got.get('error')}")
        return got

    async def _read(self) -> None:
        async for frame in self._socket:
            message = frame.json()
            waiting = None
            if message["janus"] == "event":
                event = message["plugindata"]["data"].get("result", {}).get("event", "")
                waiting = self._events.pop((message["session_id"], event), None)
            elif message["janus"] in ("success", "ack", "error"):
                waiting = self._replies.pop(message.get("transaction", ""), None)
            if waiting is not None and not waiting.done():
                waiting.set_result(message)

    async def _keep_alive(self) -> None:
        while True:
            await asyncio.sleep(_KEEP_ALIVE_S)
            for session in [each for both in self._sessions.values() for each in both]:
                message = {"janus": "keepalive", "session_id": session, "transaction": "keepalive"}
                await self._socket.send_json(message)


class Product:
    """The whole product: a robot customer who goes through menu and queue, and a robot agent who takes what rings."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url
        self._token = token
        self._seats = itertools.count()
        self._one_at_a_time = asyncio.Lock()
        self._open: dict[str, list[tuple[Talk, aiohttp.ClientSession]]] = {}

    async def call(self, name: str, make: Callable[[], Leg]) -> list[Leg]:
        """One call after the other, so that each offer rings at its own agent."""
        async with self._one_at_a_time:
            try:
                async with asyncio.timeout(2 * ANSWER_S):
                    return await self._call(name, make)
            except CanaryFailure as failure:
                raise ConnectionError(str(failure)) from failure

    async def _call(self, name: str, make: Callable[[], Leg]) -> list[Leg]:
        opened = self._open[name] = []
        browser = self._browser()
        seat = {"seat": next(self._seats) % 200}
        await request(browser, "POST", "/api/v1/canary/seat", body=seat, token=self._token)
        agent, _ = await Talk.open(browser, "/ws/agent", first_hello(), who="agent")
        opened.append((agent, browser))
        await agent.send(SetReady())
        await agent.wait_for(AgentState, lambda state: state.state == "ready")
        browser = self._browser()
        entry = {"site": SITE, "visitor_key": secrets.token_hex(8), "language": "en", "notice_version": "1"}
        entered = await request(browser, "POST", "/api/v1/widget/entry", body=entry, token=self._token)
        customer, _ = await Talk.open(browser, "/ws/customer", first_hello(entered["entry_token"]), who="customer")
        opened.append((customer, browser))
        node = await customer.wait_for(MenuNode, lambda node: bool(node.options))
        await customer.send(MenuChoice(node_id=node.node_id, key=node.options[0].key))
        await customer.wait_for(QueuePosition)
        legs = [await self._leg(customer, make())]
        offer = await agent.wait_for(Offer)
        await agent.send(AcceptOffer(offer_id=offer.offer_id))
        await agent.wait_for(Assigned)
        legs.append(await self._leg(agent, make()))
        await customer.wait_for(ContactState, lambda state: state.state == "active")
        return legs

    async def _leg(self, talk: Talk, leg: Leg) -> Leg:
        await talk.send(LegOffer(generation=1, sdp=leg.offer()))
        leg.set_answer((await talk.wait_for(LegAnswer)).sdp)
        await leg.connected()
        return leg

    def _browser(self) -> aiohttp.ClientSession:
        jar = aiohttp.CookieJar(unsafe=True)
        return aiohttp.ClientSession(self._url, headers={"Origin": self._url}, cookie_jar=jar)

    async def hang_up(self, name: str, legs: list[Leg]) -> None:
        await asyncio.gather(*(leg.close() for leg in legs))
        for talk, browser in self._open.pop(name, []):
            await talk.close()
            await browser.close()

    async def aclose(self) -> None:
        for name in list(self._open):
            await self.hang_up(name, [])
