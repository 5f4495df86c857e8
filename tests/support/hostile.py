"""What a stranger, a careless page or a hostile peer does to a running product, and who watches meanwhile."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Self

import aiohttp

from gateway.canary.footage import footage
from gateway.canary.media import RobotMedia
from gateway.canary.talk import Talk, first_hello, request
from media.transport.client import ClientPeer
from signaling.messages import Board, BoardAlarm, LegAnswer, LegOffer, Offer, SetReady
from tests.support.product import Product, Scene, run_visavis, until

JUNK = (b"", b"\x00", b"\x80", b"\x16", b"", b"x" * 2048, b"\x80" * 1200, bytes(20), b"\x00\x01" * 40, b"\x16" * 1400)
HUGE = b"\x16" * 65_507


def media_port(product: Product) -> int:
    """The UDP port of all media, as the product's log says."""
    for line in (product.folder / "stderr").read_text(encoding="utf-8").splitlines():
        with contextlib.suppress(ValueError):
            event = json.loads(line)
            if event.get("event") == "node.ready":
                return int(event["media_port"])
    raise AssertionError("the product did not say its media port")


async def media_drops(product: Product, *reasons: str) -> float:
    """How many datagrams the media port dropped for one of these reasons."""
    wanted = [f'visavis_media_dropped_total{{reason="{reason}"}} ' for reason in reasons]
    async with aiohttp.ClientSession() as http, http.get(f"{product.url}/metrics") as response:
        lines = (await response.text()).splitlines()
    return sum(float(line.split()[1]) for line in lines for start in wanted if line.startswith(start))


class Stranger:
    """Somebody who only knows the media port, and throws empty and junk datagrams at it, 500 a second."""

    def __init__(self, port: int) -> None:
        self._to = ("127.0.0.1", port)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self.thrown = 0

    async def throw(self, count: int) -> None:
        """Throw so many, in little bursts."""
        for number in range(count):
            datagram = HUGE if number % 250 == 100 else JUNK[number % len(JUNK)]
            with contextlib.suppress(BlockingIOError):
                self._socket.sendto(datagram, self._to)
                self.thrown += 1
            if number % 5 == 4:
                await asyncio.sleep(0.01)  # more at once would overflow a small receive buffer of a busy machine

    def was_answered(self) -> bool:
        try:
            return bool(self._socket.recv(2048)) or True
        except BlockingIOError:
            return False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()


@contextmanager
def listener() -> Iterator[socket.socket]:
    """A UDP port that nobody should ever send to."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        sock.bind(("127.0.0.1", 0))
        yield sock


@asynccontextmanager
async def nothing_is_lost(one: Scene) -> AsyncIterator[None]:
    """The call of this scene loses no packet, in either direction, while the block runs, and still flows afterwards."""
    robots = (one.customer_media, one.agent_media)
    before = [robot.counts() for robot in robots]
    yield
    after = [robot.counts() for robot in robots]
    async with asyncio.timeout(30):
        for robot, earlier in zip(robots, after, strict=True):
            await robot.heard_since(earlier)
    now = [robot.counts().since(earlier) for robot, earlier in zip(robots, before, strict=True)]
    assert [counts.lost for counts in now] == [0, 0], now
    for mine, others in ((now[0], now[1]), (now[1], now[0])):
        assert others.sent_audio_packets > 0, "nobody spoke: this proves nothing"
        assert mine.audio_packets >= others.sent_audio_packets - 5, now  # the rest is on its way
        assert mine.video_frames >= others.sent_video_frames - 3, now


@asynccontextmanager
async def leg(talk: Talk, generation: int, *candidates: str) -> AsyncIterator[RobotMedia]:
    """A connected leg of that generation; `candidates` are further lines of its description."""
    media = RobotMedia(footage())
    peer = await ClientPeer.open(media, host="127.0.0.1", h264=False)
    try:
        offer = peer.create_offer().replace("a=end-of-candidates", "\r\n".join([*candidates, "a=end-of-candidates"]))
        await talk.send(LegOffer(generation=generation, sdp=offer))
        answer = await talk.wait_for(LegAnswer, lambda answer: answer.generation == generation)
        link, negotiated = await peer.set_answer(answer.sdp)
        await peer.connected(timeout_s=10)
        media.start(link, negotiated)
        yield media
    finally:
        try:
            await media.stop()
        finally:
            await peer.close()


async def offer_text() -> str:
    """A good description that nobody will ever connect with."""
    peer = await ClientPeer.open(RobotMedia(footage()), host="127.0.0.1", h264=False)
    await peer.close()
    return peer.create_offer()


async def sit_down(one: Scene, seat: int) -> Talk:
    """A robot agent in that seat, with its panel open."""
    browser = await one.browser()
    await request(browser, "POST", "/api/v1/canary/seat", body={"seat": seat}, token=one.product.token)
    talk, _ = await Talk.open(browser, "/ws/agent", first_hello(), who=f"agent in seat {seat}")
    one.stack.push_async_callback(talk.close)
    return talk


async def ring(one: Scene, seat: int) -> None:
    """The contact of this scene rings at a robot agent in that seat, who becomes the scene's agent."""
    one.agent = await sit_down(one, seat)
    await one.agent.send(SetReady())
    async with asyncio.timeout(30):
        one.offer = await one.agent.wait_for(Offer)


async def admin(product: Product) -> aiohttp.ClientSession:
    """Somebody signed in as an admin; the caller closes it."""
    added = await asyncio.to_thread(
        run_visavis, "user", "add", "root", "--role", "admin", "--link", folder=product.folder
    )
    assert added.returncode == 0, added.stderr
    http = aiohttp.ClientSession(
        product.url, headers={"Origin": product.url}, cookie_jar=aiohttp.CookieJar(unsafe=True)
    )
    await request(http, "POST", "/api/v1/session", body={"link_token": added.stdout.rsplit("#", 1)[1].strip()})
    return http


async def alarms_on(board: Talk, code: str, limit_s: float = 10) -> BoardAlarm:
    """The alarm of that code, once it is on the board."""
    async with asyncio.timeout(limit_s):
        shown = await board.wait_for(Board, lambda shown: any(alarm.code == code for alarm in shown.alarms))
    return next(alarm for alarm in shown.alarms if alarm.code == code)


async def no_contact_is_left(product: Product, limit_s: float = 15) -> None:
    """Every contact is closed, every leg gone."""

    async def empty() -> bool:
        return not await product.metric("visavis_contacts") and not await product.metric("visavis_media_legs")

    await until(empty, limit_s)
