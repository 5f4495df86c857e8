"""Real ACDs for the conformance kit, as far as tests can have them: servers at ports of their own, reached by address
only. What the kit's own stands do by hand, people and machines do here.

    async with switch(AsteriskSwitch(clock)) as pbx:
        …--target ami://visavis@127.0.0.1:{pbx.feed_port} --call sip:7000@127.0.0.1:{pbx.sip_port}…
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import aiohttp
from aiohttp import web

from gateway.acd.kit.stand import Act
from gateway.acd.kit.stands.asterisk import PHONES, AsteriskSwitch
from gateway.acd.kit.stands.calls import ANNA, BEN, QUEUE
from gateway.acd.kit.stands.center import SECRET, CenterStand
from gateway.acd.kit.stands.freeswitch import NAMES, FreeswitchSwitch
from gateway.acd.kit.stands.switchboard import Switchboard
from gateway.acd.tasks.ports import Call
from gateway.acd.tasks.verifying import KEY_HEADER
from gateway.base.clock import SystemClock
from gateway.base.ids import AgentId, ContactId
from gateway.base.signing import sign
from tests.support.sip_peer import Message, PeerCall, SipPeer, sip_peer

LOOK_S = 0.01


class PbxHands:
    """Takes calls by SIP, tells of them by its feed, and is the hands at its phones."""

    there = True

    def __init__(self, switch: AsteriskSwitch | FreeswitchSwitch) -> None:
        self._switch = switch
        self._board = Switchboard(switch.ring)
        self._calls: dict[ContactId, PeerCall] = {}
        self.sip_port = 0
        self.asked: list[str] = []

    @property
    def feed_port(self) -> int:
        return self._switch.simulator.port

    def begin(self, peer: SipPeer) -> None:
        self.sip_port = peer.port
        peer.on_request = self._within
        for agent in (ANNA, BEN):
            self._switch.agent(agent, Act.READY)
            self._switch.agent(agent, Act.NOT_READY)

    def invited(self, call: PeerCall) -> None:
        """The queue answers at once."""
        call.answer()
        contact = ContactId(call.invite.one("X-Video-Contact-Id"))
        self._calls[contact] = call
        self._switch.arrived(contact, contact)
        self._look()
        self._board.arrive(contact)

    def _within(self, call: PeerCall, request: Message) -> None:
        contact = ContactId(call.invite.one("X-Video-Contact-Id"))
        if request.method in ("BYE", "CANCEL") and self._board.knows(contact):
            self._over(contact, "caller")

    def _over(self, contact: ContactId, by: str) -> None:
        self._switch.over(contact, by, talked=contact in self._board.talking)
        self._board.leave(contact)

    def _ready(self) -> frozenset[AgentId]:
        """Who may be rung, by what was told over the feed."""
        if isinstance(self._switch, AsteriskSwitch):
            members = self._switch.simulator.members
            return frozenset(agent for agent, phone in PHONES.items() if not members[phone].queues[QUEUE][0])
        agents = self._switch.simulator.agents
        return frozenset(agent for agent, name in NAMES.items() if agents[name].status == "Available")

    def _look(self) -> None:
        """Agents who are ready, by hand or over the feed, get calls; the others do not."""
        ready = self._ready()
        for agent in (ANNA, BEN):
            if agent not in ready:
                self._board.not_ready(agent)
        for agent in (ANNA, BEN):
            if agent in ready:
                self._board.ready(agent)

    async def distribute(self) -> None:
        """For ever."""
        while True:
            self._look()
            await asyncio.sleep(LOOK_S)

    async def do(self, act: Act, text: str) -> None:
        self.asked.append(text)
        agent = BEN if "second" in text else ANNA
        if act in (Act.READY, Act.NOT_READY, Act.WRAP_UP, Act.WRAP_UP_DONE):
            self._switch.agent(agent, act)
            return
        contact, at = next(iter([*self._board.ringing.items(), *self._board.talking.items()]))
        match act:
            case Act.ANSWER:
                self._board.answer(contact)
                self._switch.answer(contact, at)
            case Act.REJECT:
                self._switch.not_taken(contact, at, act)
                self._board.refuse(contact)
            case Act.HANG_UP:
                self._over(contact, "agent")
                self._calls[contact].bye()
            case _:
                raise AssertionError(act)


@asynccontextmanager
async def switch(kind: AsteriskSwitch | FreeswitchSwitch) -> AsyncIterator[PbxHands]:
    """Running."""
    await kind.start()
    pbx = PbxHands(kind)
    async with sip_peer(pbx.invited) as peer:
        pbx.begin(peer)
        distributing = asyncio.create_task(pbx.distribute())
        try:
            yield pbx
        finally:
            distributing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await distributing
            await kind.aclose()


class CenterServer(CenterStand):
    """A contact center with an API, over HTTP in both directions."""

    def __init__(self) -> None:
        super().__init__(SystemClock())
        self.events_url = ""
        self.refused = 0  # events
        self._outbox: asyncio.Queue[tuple[bytes, Mapping[str, str]]] = asyncio.Queue()

    def _deliver(self, raw: bytes) -> None:
        self._outbox.put_nowait((raw, {KEY_HEADER: "1", **sign(SECRET, int(self._clock.now().timestamp()), raw)}))

    async def send(self) -> None:
        """For ever, in order."""
        async with aiohttp.ClientSession() as session:
            while True:
                raw, headers = await self._outbox.get()
                async with session.post(self.events_url, data=raw, headers=headers) as answer:
                    self.refused += answer.status != 204

    async def commanded(self, request: web.Request) -> web.Response:
        answer = await self.call(
            Call(
                method=request.method,
                path=request.path,
                headers={},
                body=await request.read(),
                content_type=request.content_type,
                idempotency_key=request.headers.get("Idempotency-Key", ""),
            )
        )
        return web.Response(status=answer.status, body=answer.body)


@asynccontextmanager
async def served(center: CenterServer) -> AsyncIterator[int]:
    """Its port. `events_url` is to be set before it has anything to say."""
    application = web.Application()
    application.router.add_post("/{path:.*}", center.commanded)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    sending = asyncio.create_task(center.send())
    try:
        yield runner.addresses[0][1]
    finally:
        sending.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await sending
        await runner.cleanup()
