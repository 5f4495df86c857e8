"""Robots with networks of their own, which the test makes as bad as it likes: they come back as browsers do.

A robot's HTTP and WebSocket go through a TCP relay, its media through a way of its own to whatever port of the product
an answer names. Both can be cut, mended and left by the test at any time; the robot knows only what a browser would.
"""

import asyncio
import dataclasses
import re
import secrets
from dataclasses import dataclass, field
from typing import Any, Final, Self
from urllib.parse import urlsplit

import aiohttp

from gateway.canary.lasting import LastingTalk
from gateway.canary.leg import RobotLeg
from gateway.canary.robots import SITE
from gateway.canary.talk import first_hello, request
from signaling.messages import Welcome
from tests.support.impairment import Impairment, ImpairmentRelay, Path
from tests.support.tcp_relay import TcpRelay

_CANDIDATE: Final = re.compile(r"^a=candidate:\S+ 1 udp \d+ (\d+\.\d+\.\d+\.\d+) (\d+) ", re.MULTILINE | re.IGNORECASE)


class MediaNetwork:
    """The relays of a product that has several media ports, made as answers name them. Ended by `close`."""

    def __init__(self, *, seed: int = 1) -> None:
        self._seed = seed
        self._relays: dict[tuple[str, int], ImpairmentRelay] = {}

    def relay(self, server: tuple[str, int]) -> ImpairmentRelay:
        if server not in self._relays:
            self._relays[server] = ImpairmentRelay(server, seed=self._seed)
        return self._relays[server]

    def close(self) -> None:
        for relay in self._relays.values():
            relay.close()
        self._relays.clear()


class Way:
    """One robot's way to media, over all its generations."""

    def __init__(self, network: MediaNetwork, name: str, up: Impairment, down: Impairment) -> None:
        self.port = 0
        """Of the product, as the last answer said: which worker the leg is on."""
        self._network = network
        self._name = name
        self._up, self._down = up, down
        self._cut = False
        self._paths: list[Path] = []

    def steer(self, answer_sdp: str) -> str:
        """For `RobotLeg`: each generation takes a new path, and the one before the last is given up."""
        found = _CANDIDATE.search(answer_sdp)
        assert found is not None, f"the answer names no address: {answer_sdp}"
        self.port = int(found[2])
        name = f"{self._name}-{secrets.token_hex(4)}"
        path = self._network.relay((found[1], self.port)).open_path(name, self._up, self._down)
        self._paths.append(path)
        if self._cut:
            path.cut()
        while len(self._paths) > 2:
            self._paths.pop(0).close()
        return path.steer(answer_sdp)

    def cut(self) -> None:
        self._cut = True
        for path in self._paths:
            path.cut()

    def mend(self) -> None:
        self._cut = False
        for path in self._paths:
            path.up = dataclasses.replace(path.up, cut=False)
            path.down = dataclasses.replace(path.down, cut=False)

    def close(self) -> None:
        for path in self._paths:
            path.close()
        self._paths.clear()


@dataclass
class Robot:
    """One person's browser. Made by `open`, ended by `leave`."""

    token: str
    relay: TcpRelay
    way: Way
    http: aiohttp.ClientSession
    talk: LastingTalk = field(init=False)
    leg: RobotLeg = field(init=False)
    contact_id: str = ""
    _keeper: "asyncio.Task[None] | None" = None

    @classmethod
    async def open(
        cls, url: str, token: str, network: MediaNetwork, name: str, up: Impairment, down: Impairment | None = None
    ) -> Self:
        """A browser with an empty page, for the product at `url`."""
        parts = urlsplit(url)
        assert parts.hostname is not None
        assert parts.port is not None
        relay = await TcpRelay.open((parts.hostname, parts.port))
        http = aiohttp.ClientSession(relay.url, headers={"Origin": url}, cookie_jar=aiohttp.CookieJar(unsafe=True))
        return cls(token=token, relay=relay, way=Way(network, name, up, down or up), http=http)

    async def enter(self, display_name: str = "Robot") -> Welcome:
        """As a customer: a new contact, up to its welcome."""
        visitor = "robot-" + secrets.token_hex(8)
        body = {"site": SITE, "visitor_key": visitor, "language": "en", "display_name": display_name}
        here = await self.ask("POST", "/api/v1/widget/availability", {"site": SITE, "visitor_key": visitor})
        body["notice_version"] = (here.get("recording") or {}).get("notice_version", "")
        entered = await self.ask("POST", "/api/v1/widget/entry", body)
        hello = first_hello(entered["entry_token"])
        self.talk, welcome = await LastingTalk.open(self.http, "/ws/customer", hello, who="customer")
        self.contact_id = welcome.contact_id or ""
        return welcome

    async def sit_down(self, seat: int) -> Welcome:
        """As the robot agent of that seat."""
        await self.ask("POST", "/api/v1/canary/seat", {"seat": seat})
        self.talk, welcome = await LastingTalk.open(self.http, "/ws/agent", first_hello(), who="agent")
        return welcome

    def join(self, media_host: str = "127.0.0.1") -> RobotLeg:
        """Begin to connect; the leg's `connected` says when it is."""
        self.leg = RobotLeg(self.talk, media_host, steer=self.way.steer)
        self._keeper = asyncio.create_task(self.leg.run(), name=f"{self.contact_id}:leg")
        return self.leg

    async def ask(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        return await request(self.http, method, path, body=body, token=self.token)

    # ------------------------------------------------------------ what happens to it

    def cut(self) -> None:
        """Its network is gone; nobody is told."""
        self.way.cut()
        self.relay.cut()

    def mend(self) -> None:
        self.way.mend()
        self.relay.mend()

    async def reload(self) -> None:
        """The page is loaded again: socket and media are gone, and come anew for the same session."""
        await self.talk.reload()
        self.leg.renew()

    async def part(self) -> None:
        """Let go of the leg, as a page does when its call is over."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
            self._keeper = None

    async def leave(self) -> None:
        await self.part()
        if hasattr(self, "talk"):
            await self.talk.close()
        await self.http.close()
        await self.relay.close()
        self.way.close()
