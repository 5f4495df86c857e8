"""An engine that makes telephone calls on loopback, browsers that speak and hear Opus, and a switch that answers."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

import numpy as np

from media.port import (
    DialVoice,
    FromLeg,
    Kind,
    LegClosed,
    SetSource,
    VoiceAnswered,
    VoiceCodec,
    VoiceTrunk,
)
from media.voice.opus import Decoder, Encoder, Samples
from media.voice.settings import VoiceSettings
from tests.integration.media.engine_rig import Robot, Studio, studio
from tests.integration.media.transport_rig import until
from tests.support.sip_peer import PACKET_S, PeerCall, SipPeer, sip_peer

LOCAL = VoiceSettings(interface="127.0.0.1")
TRUNK = VoiceTrunk(name="desk", from_uri="sip:4930123@127.0.0.1", codecs=(VoiceCodec.PCMA,))


class Voice:
    """What a browser's robot says, and what it hears as sound."""

    def __init__(self, robot: Robot) -> None:
        self.robot = robot
        self.clock = 1.0
        self._encoder = Encoder(48_000)
        self._timer: asyncio.TimerHandle | None = None
        self._due_s = 0.0
        self._number = 0

    def speak(self, speech: Iterator[Samples]) -> None:
        """48 kHz, 20 ms at a time, until it is over or `hush`."""
        loop = asyncio.get_running_loop()
        self._due_s = loop.time()

        def say() -> None:
            piece = next(speech, None)
            if piece is None:
                return
            section = self.robot.sections[Kind.AUDIO]
            self._number += 1
            packet = self.robot.packet(
                section.codecs[0].payload_type,
                self._number & 0xFFFF,
                self._number * 960,
                section.local_ssrc,
                self._encoder.encode(piece.tobytes()),
            )
            self.robot.send_rtp(packet)
            self._due_s += PACKET_S / self.clock
            self._timer = loop.call_at(self._due_s, say)

        say()

    def hush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    @property
    def packets(self) -> list[tuple[int, int, bytes]]:
        """(sequence, timestamp, payload) of the sound that came."""
        return self.robot.received[Kind.AUDIO]

    def heard(self, since: int = 0) -> Samples:
        """At 48 kHz, from the packet number `since` on."""
        decoder = Decoder()
        sound = [decoder.decode(payload) for _, _, payload in self.packets[since:]]
        return np.concatenate(sound) if sound else np.zeros(0, np.int16)


class Desk:
    """An engine, a customer's browser and the switch."""

    def __init__(self, stage: Studio, peer: SipPeer) -> None:
        self.stage = stage
        self.peer = peer
        self.engine = stage.engine

    async def customer(self, leg_id: str = "lg_customer") -> Voice:
        return Voice(await self.stage.robot(leg_id))

    async def dial(self, leg_id: str = "lg_phone", **fields: object) -> None:
        fields = {"to_uri": self.peer.uri, "trunk": TRUNK, "call_id": "ct_1", **fields}
        await self.engine.execute(DialVoice(leg_id=leg_id, **fields))  # type: ignore[arg-type]

    async def answered(self, leg_id: str = "lg_phone") -> PeerCall:
        """Dial, and be answered; the switch's side of it."""
        before = len(self.peer.calls)
        await self.dial(leg_id)
        call = await self.peer.call(before + 1)
        await until(lambda: self.stage.count("VoiceAnswered", leg_id) == 1, "it is answered")
        return call

    async def joined(self) -> tuple[Voice, PeerCall]:
        """A customer and a telephone that hear each other."""
        customer = await self.customer()
        call = await self.answered()
        await self.engine.execute(SetSource(leg_id="lg_customer", source=FromLeg(leg_id="lg_phone")))
        await self.engine.execute(SetSource(leg_id="lg_phone", source=FromLeg(leg_id="lg_customer")))
        return customer, call

    def told(self, kind: type) -> list[object]:
        return [event for event in self.stage.events if isinstance(event, kind)]

    async def ended(self, leg_id: str = "lg_phone", limit_s: float = 10.0) -> LegClosed:
        def closings() -> list[LegClosed]:
            return [each for each in self.stage.events if isinstance(each, LegClosed) and each.leg_id == leg_id]

        await until(lambda: bool(closings()), "it has ended", limit_s)
        (closed,) = closings()
        return closed

    def codec(self) -> str:
        (answered,) = (event for event in self.stage.events if isinstance(event, VoiceAnswered))
        return answered.codec


@asynccontextmanager
async def desk(
    on_invite: Callable[[PeerCall], None] = lambda call: call.answer(),
    *,
    workers: int = 0,
    voice: VoiceSettings = LOCAL,
    **settings: object,
) -> AsyncIterator[Desk]:
    async with sip_peer(on_invite) as peer, studio(workers, voice=voice, **settings) as stage:
        yield Desk(stage, peer)
