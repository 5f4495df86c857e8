"""The telephone calls an engine has open: each a leg whose link is a SIP call, its packets made and taken here.

Joins the packet path (`media.forward`) to calls and codecs (`media.voice`); neither knows the other. To the packet path
a telephone is one more peer that sends and takes Opus: bridges, clips, recordings and figures are the same. The stack
is started by the first call or question.
"""

import asyncio
import struct
import time
from collections.abc import Awaitable, Callable
from random import Random
from typing import Final
from urllib.parse import unquote

import numpy as np

from gateway.base.log import get_logger
from gateway.base.tasks import Supervisor
from media.forward.leg import ForwardLeg
from media.forward.rtp import payload_end, payload_offset
from media.port import (
    DialVoice,
    HoldVoice,
    Kind,
    MediaEvent,
    MediaRefused,
    ProbeTrunk,
    ReferVoice,
    SendDtmf,
    TrunkAnswer,
    VoiceAnswered,
    VoiceDtmf,
    VoiceHeld,
    VoiceIdentity,
    VoiceProgress,
    VoiceReferred,
)
from media.sdp.description import Codec, Negotiated, Section
from media.transport.link import BUFFER_BYTES
from media.voice.checks import check_digits, check_headers, check_trunk, check_uri
from media.voice.downlink import OpusPacket
from media.voice.settings import VoiceSettings
from media.voice.sip import (
    Answered,
    Digit,
    Ended,
    Held,
    Identity,
    MediaHeard,
    Progress,
    Referred,
    SipCall,
    SipEvent,
    SipPort,
)
from media.voice.stack import BaresipStack, outcome
from media.voice.thread import Conversation, VoiceThread

PAYLOAD_TYPE: Final = 111
OPUS: Final = Codec(name="OPUS", payload_type=PAYLOAD_TYPE, clock_rate_hz=48_000, channels=2)
END_S: Final = 2.0
"""A call that does not say that it has ended within this time of our hanging up is taken as ended."""

CLOSE_S: Final = 5.0
MAX_KEYS: Final = 64

_HEADER: Final = struct.Struct("!BBHII")
_log = get_logger("media.calls")

Start = Callable[[VoiceSettings], Awaitable[SipPort]]
"""Starts a stack. MediaRefused `voice_unavailable`."""


class VoiceLink:
    """Implements `media.transport.link.Link` over a SIP call: packets to it are said, what is said comes as packets."""

    def __init__(self, leg_id: str, call: SipCall, to_uri: str, calls: "OpenCalls", random: Random) -> None:
        self.connected = False
        self.round_trip_ms: float | None = None
        self.remote_address = unquote(to_uri.rpartition("@")[2].partition(";")[0])
        self.call = call
        self.forward: ForwardLeg
        self.ended: Ended | None = None
        self.conversation = Conversation(leg_id, call.pcm, np.random.default_rng(random.getrandbits(64)))
        self._calls = calls
        self._over = asyncio.Event()
        self._reason = "voice_ended"
        self._keys = ""
        self._buffer = bytearray(BUFFER_BYTES)
        self._sequence = random.randrange(0x8000)
        self._timestamp = random.randrange(1 << 32)
        self._ssrc = random.randrange(1, 1 << 32)

    # ------------------------------------------------------------ to the telephone

    def send_rtp(self, buffer: bytearray, length: int) -> int:
        """See Link."""
        if not self.connected:
            return 0
        offset = payload_offset(buffer, length)
        end = payload_end(buffer, length, offset)
        if offset < 0 or end <= offset:
            return 0
        number = buffer[2] << 8 | buffer[3]
        self.conversation.uplink.put(number, bytes(buffer[offset:end]), time.monotonic())
        return length

    def send_rtcp(self, buffer: bytearray, length: int) -> int:
        """Nobody there would read it: RTCP towards the switch is the stack's."""
        return length

    def send_protected(self, ciphertext: bytes) -> None:
        """Sound is not sent twice to a telephone."""

    # ------------------------------------------------------------ from the telephone

    def take(self, packets: list[OpusPacket], at_s: float) -> None:
        """Hand packets that were made from the call's sound to the packet path."""
        for packet in packets:
            self._sequence += 1
            timestamp = (self._timestamp + packet.ticks) & 0xFFFFFFFF
            second = packet.marker << 7 | PAYLOAD_TYPE
            _HEADER.pack_into(self._buffer, 0, 0x80, second, self._sequence & 0xFFFF, timestamp, self._ssrc)
            length = _HEADER.size + len(packet.payload)
            self._buffer[_HEADER.size : length] = packet.payload
            self.forward.on_rtp(self._buffer, length, at_s)

    def connect(self) -> None:
        """There is sound from now on, before the answer or with it."""
        if not self.connected and self.ended is None:
            self.connected = True
            self._calls.listen(self)

    # ------------------------------------------------------------ keys

    def press(self, digits: str) -> bool:
        """Queue keys; whether somebody must begin to press them. MediaRefused `voice_state`."""
        if not self.connected or len(self._keys) + len(digits) > MAX_KEYS:
            raise MediaRefused("voice_state", f"no call yet, or more than {MAX_KEYS} keys wait")
        idle = not self._keys
        self._keys += digits
        return idle

    async def press_all(self) -> None:
        """Until none waits."""
        while self._keys and self.ended is None:
            pressed = self._keys
            try:
                await self.call.press(pressed)
            except MediaRefused as refusal:
                _log.warning("voice.keys_lost", leg_id=self.forward.leg_id, reason=refusal.detail)
            self._keys = self._keys[len(pressed) :]

    # ------------------------------------------------------------ the end

    def over(self, ended: Ended) -> None:
        """The call has ended, or is taken as ended."""
        if self.ended is not None:
            return
        self.ended = ended
        self.connected = False
        self._over.set()
        self._calls.forget(self)
        self.forward.on_closed(self._reason, self._calls.wall_s())

    def stops(self, reason: str) -> None:
        """If it is ended from now on, then for that reason; the first counts."""
        if self._reason == "voice_ended":
            self._reason = reason

    def finish(self, reason: str) -> None:
        """See Link."""
        if self.ended is None:
            self.stops(reason)
            self._calls.hang_up(self)

    async def close(self) -> None:
        """See Link."""
        if self.ended is not None:
            return
        self.stops("closed")
        await self.call.hang_up()
        try:
            async with asyncio.timeout(END_S):
                await self._over.wait()
        except TimeoutError:
            self.over(Ended(0, "it did not say that it has ended"))


class OpenCalls:
    """Made with the engine; the stack is not there before it is needed."""

    def __init__(
        self,
        settings: VoiceSettings,
        emit: Callable[[MediaEvent], None],
        *,
        wall_s: Callable[[], float],
        random: Random,
        start: Start = BaresipStack.start,
    ) -> None:
        """`emit` hears of everything but connecting and closing, which are the packet path's to tell."""
        self.wall_s = wall_s
        self._settings = settings
        self._emit = emit
        self._random = random
        self._start = start
        self._loop = asyncio.get_running_loop()
        self._thread = VoiceThread(self._loop, self._deliver)
        self._links: dict[str, VoiceLink] = {}
        self._talking: dict[Conversation, VoiceLink] = {}
        self._tasks = Supervisor("calls")
        self._starting: asyncio.Task[SipPort] | None = None
        self._closed = False

    # ------------------------------------------------------------ commands

    async def dial(self, command: DialVoice) -> VoiceLink:
        """See DialVoice. The link is given its `forward`, and then begun."""
        check_uri(command.to_uri)
        check_headers(command.headers)
        check_trunk(command.trunk)
        stack = await self._stack()
        call = await stack.dial(command.to_uri, command.headers, command.trunk)
        return VoiceLink(command.leg_id, call, command.to_uri, self, self._random)

    def begin(self, link: VoiceLink, forward: ForwardLeg) -> None:
        """The leg is there: tell what happens to it, from the next turn of the loop on."""
        link.forward = forward
        self._links[forward.leg_id] = link
        self._loop.call_soon(link.call.on_event, lambda event: self._heard(link, event))

    async def hold(self, command: HoldVoice) -> None:
        await self._link(command.leg_id).call.set_hold(on=command.on)

    def press(self, command: SendDtmf) -> None:
        check_digits(command.digits)
        link = self._link(command.leg_id)
        if link.press(command.digits):
            _ = self._tasks.spawn(link.press_all(), name="keys")

    async def refer(self, command: ReferVoice) -> None:
        link = self._link(command.leg_id)
        if command.replaces_leg_id:
            await link.call.refer_to(self._link(command.replaces_leg_id).call)
        else:
            check_uri(command.to_uri)
            await link.call.refer(command.to_uri)

    async def probe(self, command: ProbeTrunk) -> TrunkAnswer:
        check_trunk(command.trunk)
        return await (await self._stack()).probe(command.trunk)

    def _link(self, leg_id: str) -> VoiceLink:
        link = self._links.get(leg_id)
        if link is None:
            raise MediaRefused("leg_unknown", f"there is no telephone call {leg_id}")
        return link

    async def _stack(self) -> SipPort:
        if self._closed:
            raise MediaRefused("engine_stopped", "the media engine is closing")
        if self._starting is None:
            self._starting = self._tasks.spawn(self._started(), name="start")
        try:
            return await outcome(self._starting)
        except MediaRefused:
            self._starting = None  # the next one may find it installed, or its interface up
            raise

    async def _started(self) -> SipPort:
        return await self._start(self._settings)

    # ------------------------------------------------------------ what happens to them

    def _heard(self, link: VoiceLink, event: SipEvent) -> None:
        leg_id, at_s = link.forward.leg_id, self.wall_s()
        match event:
            case Progress(status=status, early_media=early):
                if early:
                    link.connect()
                self._emit(VoiceProgress(leg_id=leg_id, status=status, early_media=early, at_s=at_s))
            case Answered(codec=codec):
                link.connect()
                self._emit(VoiceAnswered(leg_id=leg_id, codec=codec, at_s=at_s))
            case MediaHeard():
                link.connect()
            case Held(held=held):
                self._emit(VoiceHeld(leg_id=leg_id, held=held, at_s=at_s))
            case Digit(digit=digit):
                self._emit(VoiceDtmf(leg_id=leg_id, digit=digit, at_s=at_s))
            case Identity(display=display, uri=uri):
                self._emit(VoiceIdentity(leg_id=leg_id, display=display, uri=uri, at_s=at_s))
            case Referred(status=status, final=final):
                self._emit(VoiceReferred(leg_id=leg_id, status=status, final=final, at_s=at_s))
            case Ended():
                link.over(event)

    # ------------------------------------------------------------ what the links ask

    def listen(self, link: VoiceLink) -> None:
        """There is sound on the call from now on."""
        self._talking[link.conversation] = link
        self._thread.add(link.conversation)
        link.forward.on_connected(self.wall_s())

    def _deliver(self, conversation: Conversation, packets: list[OpusPacket]) -> None:
        link = self._talking.get(conversation)
        if link is not None:
            link.take(packets, self.wall_s())

    def hang_up(self, link: VoiceLink) -> None:
        """End it without anybody waiting."""
        if not self._closed:
            _ = self._tasks.spawn(link.close(), name="hang-up")

    def forget(self, link: VoiceLink) -> None:
        self._links.pop(link.forward.leg_id, None)
        if self._talking.pop(link.conversation, None) is not None:
            self._thread.remove(link.conversation)

    # ------------------------------------------------------------ the end

    async def aclose(self) -> None:
        """Hang up everything, end the thread and the stack. Idempotent, ends within 5 s."""
        if self._closed:
            return
        self._closed = True
        for link in self._links.values():
            link.stops("engine_stopped")
        try:
            async with asyncio.timeout(CLOSE_S):
                await asyncio.gather(*(link.close() for link in list(self._links.values())))
                if self._starting is not None:
                    await (await asyncio.shield(self._starting)).aclose()
        except (TimeoutError, MediaRefused):
            _log.warning("calls.close_abandoned", calls=len(self._links))
        await self._tasks.aclose()
        await self._thread.aclose()


def negotiated(ssrc: int) -> Negotiated:
    """What a telephone call amounts to for the packet path: one section of Opus, both ways, and no transport."""
    section = Section(kind=Kind.AUDIO, mid="0", codecs=(OPUS,), local_ssrc=ssrc)
    return Negotiated(
        sections=(section,),
        local_ufrag="",
        local_password="",
        remote_ufrag="",
        remote_password="",
        remote_fingerprints=(),
        dtls_role="",
    )
