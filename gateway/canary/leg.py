"""A robot's leg that comes back as a browser's does: what fails or falls silent is replaced by the next generation.

Owns generations and when a new one is due, as `web/static/lib/peer.js` does for a page. Counts go on over all of them.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from gateway.canary.footage import footage
from gateway.canary.lasting import LastingTalk
from gateway.canary.media import Counts, RobotMedia
from gateway.canary.talk import CanaryFailure
from media.port import MediaRefused
from media.transport.client import ClientPeer
from media.transport.timers import TransportTimers
from signaling.messages import LegAnswer, LegOffer, LegRefused, LegState, ServerMessage

CONNECT_S: Final = 12.0
"""From the offer until media can flow; longer means that something in between drops it."""

_RETRIES_S: Final = (0.0, 1.0, 2.0, 4.0, 8.0)
_TIMERS: Final = TransportTimers(silence_s=4.0, check_s=2.0)  # about when a browser says `disconnected`


class RobotLeg:
    """Connects in `run`, a task of whoever drives the robot, and again as often as needed, until it is cancelled."""

    def __init__(
        self, talk: LastingTalk, media_host: str, *, steer: Callable[[str], str] = lambda answer_sdp: answer_sdp
    ) -> None:
        """`steer` may change where an answer says that the server is."""
        self.generation = 0
        self.answer_sdp = ""
        """The last one, as the gateway wrote it."""
        self.connected = asyncio.Event()
        self._talk = talk
        self._media_host = media_host
        self._steer = steer
        self._wanted = asyncio.Event()
        self._wanted.set()
        self._answer: asyncio.Future[LegAnswer | LegRefused] | None = None
        self._media: RobotMedia | None = None
        self._peer: ClientPeer | None = None
        self._before = Counts()
        talk.listen(self._hear)

    def counts(self) -> Counts:
        """Of all generations together."""
        return self._before + self._media.counts() if self._media is not None else self._before

    async def heard_since(self, earlier: Counts, limit_s: float) -> None:
        """Return when a picture and a piece of sound came after `earlier`. TimeoutError after the limit."""
        async with asyncio.timeout(limit_s):
            while not ((got := self.counts().since(earlier)).video_frames and got.audio_packets):  # noqa: ASYNC110 - events of a generation end with it
                await asyncio.sleep(0.02)

    def renew(self) -> None:
        """The page was loaded again, or its network is another one: the next generation, now."""
        self._wanted.set()

    async def run(self) -> None:
        """Keep a connection until cancelled. Never raises for what the gateway or the network does."""
        failures = 0
        try:
            while self._talk.over is None:
                await self._wanted.wait()
                self._wanted.clear()
                try:
                    await self._connect()
                    failures = 0
                except (TimeoutError, ConnectionError, OSError, MediaRefused, CanaryFailure):
                    await asyncio.sleep(_RETRIES_S[min(failures, len(_RETRIES_S) - 1)])
                    failures += 1
                    self._wanted.set()
        finally:
            await self._let_go()

    async def _connect(self) -> None:
        await self._let_go()
        await self._talk.ready()
        self.generation += 1
        media = RobotMedia(footage())
        self._peer = peer = await ClientPeer.open(media, host=self._media_host, h264=False, timers=_TIMERS)
        self._answer = asyncio.get_running_loop().create_future()
        await self._talk.send(LegOffer(generation=self.generation, sdp=peer.create_offer()))
        async with asyncio.timeout(CONNECT_S):
            answer = await self._answer
            if isinstance(answer, LegRefused):
                raise CanaryFailure(f"the leg was refused: {answer.code} {answer.detail}")
            self.answer_sdp = answer.sdp
            link, negotiated = await peer.set_answer(self._steer(answer.sdp))
            await peer.connected(CONNECT_S)
        self._media = media
        media.on_trouble = self.renew
        media.start(link, negotiated)
        self.connected.set()

    async def _let_go(self) -> None:
        """End what there is. What is held is held until it has ended: cancelled meanwhile, `run` lets go once more."""
        if (media := self._media) is not None:
            media.on_trouble = lambda: None
            await media.stop()
            self._before += media.counts()
            self._media = None
        if (peer := self._peer) is not None:
            await peer.close()
            self._peer = None

    def _hear(self, message: ServerMessage) -> None:
        if isinstance(message, LegAnswer | LegRefused):
            if message.generation == self.generation and self._answer is not None and not self._answer.done():
                self._answer.set_result(message)
        elif isinstance(message, LegState):
            if message.generation > self.generation:
                self.generation = message.generation
                self._wanted.set()
            elif message.generation == self.generation and message.state in ("reconnecting", "failed"):
                self._wanted.set()
