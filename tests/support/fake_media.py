"""A media engine without packets that keeps to the rules of `media.port`: what it refuses, which events it owes."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from pyee import EventEmitter

from media.port import (
    EVENT,
    Clip,
    ClipEnded,
    CloseLeg,
    Command,
    DialVoice,
    FromLeg,
    FromLegs,
    GetLegStats,
    HoldVoice,
    Kind,
    LegAnswer,
    LegClosed,
    LegConnected,
    LegFirstMedia,
    LegHeard,
    LegSilent,
    LegStats,
    MarkRecording,
    MediaEvent,
    MediaRefused,
    OpenLeg,
    ProbeTrunk,
    RecordLeg,
    ReferVoice,
    RequestKeyFrame,
    SendDtmf,
    SetSource,
    Silence,
    Source,
    StartRecording,
    StopRecording,
    TrunkAnswer,
    VoiceAnswered,
    VoiceProgress,
    VoiceReferred,
)

REFUSED_SDP = "refuse"
"""An SDP offer with this text is refused as `sdp_invalid`."""


@dataclass
class FakeLeg:
    leg_id: str
    sdp: str
    source: Source = field(default_factory=Silence)
    sources: list[Source] = field(default_factory=list)
    connected: bool = False
    dialled: DialVoice | None = None  # a telephone call
    answered: bool = False
    digits: str = ""  # that were sent
    held: bool = False  # by us
    refers: list[ReferVoice] = field(default_factory=list)


class FakeMedia:
    """`legs` are the open ones; `commands` everything that was executed, in order."""

    def __init__(self, clips: tuple[str, ...] = ("hold", "welcome", "answer"), max_legs: int = 1000) -> None:
        self.events = EventEmitter()
        self.legs: dict[str, FakeLeg] = {}
        self.gone: list[FakeLeg] = []
        self.commands: list[Command] = []
        self.gate: asyncio.Event | None = None  # while set, commands wait for it
        self.mute_closings = False  # a broken engine: legs never say they are closed
        self.fail_next: Exception | None = None
        self.trunks: dict[str, TrunkAnswer] = {}  # what a trunk of that name answers; others answer 200
        self.voice_refusals: dict[str, str] = {}  # trunk → the code that a call over it is refused with
        self._clips = clips
        self._max_legs = max_legs

    async def execute(self, command: Command) -> Any:
        if self.gate is not None:
            await self.gate.wait()
        self.commands.append(command)
        if self.fail_next is not None:
            error, self.fail_next = self.fail_next, None
            raise error
        match command:
            case OpenLeg(leg_id=leg_id, sdp_offer=sdp):
                return self._open(leg_id, sdp)
            case CloseLeg(leg_id=leg_id):
                if leg_id in self.legs and not self.mute_closings:
                    asyncio.get_running_loop().call_soon(self.end, leg_id, "closed")
                return None
            case SetSource(leg_id=leg_id, source=source):
                return self._source(leg_id, source)
            case GetLegStats(leg_id=leg_id):
                leg = self._leg(leg_id)
                return LegStats(leg_id=leg_id, connected=leg.connected, remote_address="192.0.2.1:4000")
            case RequestKeyFrame(leg_id=leg_id) | RecordLeg(leg_id=leg_id):
                self._leg(leg_id)
                return None
            case StartRecording() | MarkRecording() | StopRecording():
                return None
            case DialVoice():
                return self._dial(command)
            case HoldVoice(leg_id=leg_id, on=on):
                self._answered(leg_id).held = on
                return None
            case SendDtmf(leg_id=leg_id, digits=digits):
                self._voice(leg_id).digits += digits
                return None
            case ReferVoice(leg_id=leg_id, replaces_leg_id=replaces):
                leg = self._answered(leg_id)
                if replaces:
                    self._answered(replaces)
                leg.refers.append(command)
                return None
            case ProbeTrunk(trunk=trunk):
                return self.trunks.get(trunk.name, TrunkAnswer(reachable=True, status=200, round_trip_s=0.01))

    def _open(self, leg_id: str, sdp: str) -> LegAnswer:
        if leg_id in self.legs:
            raise MediaRefused("leg_exists", "there is a leg of that id")
        if len(self.legs) >= self._max_legs:
            raise MediaRefused("capacity", "no more legs")
        if sdp == REFUSED_SDP:
            raise MediaRefused("sdp_invalid", "not an offer")
        self.legs[leg_id] = FakeLeg(leg_id=leg_id, sdp=sdp)
        return LegAnswer(sdp_answer=f"answer to {sdp}")

    def _source(self, leg_id: str, source: Source) -> None:
        leg = self._leg(leg_id)
        if isinstance(source, Clip) and source.name not in self._clips:
            raise MediaRefused("clip_unknown", source.name)
        match source:
            case FromLeg(leg_id=other):
                self._leg(other)
            case FromLegs(audio_leg_id=audio, video_leg_id=video):
                for other in filter(None, (audio, video)):
                    self._leg(other)
            case _:
                pass
        leg.source = source
        leg.sources.append(source)

    def _dial(self, command: DialVoice) -> None:
        if command.leg_id in self.legs:
            raise MediaRefused("leg_exists", "there is a leg of that id")
        refusal = self.voice_refusals.get(command.trunk.name)
        if refusal is not None:
            raise MediaRefused(refusal, "as the test wants")
        self.legs[command.leg_id] = FakeLeg(leg_id=command.leg_id, sdp="", dialled=command)

    def _voice(self, leg_id: str) -> FakeLeg:
        leg = self._leg(leg_id)
        if leg.dialled is None:
            raise MediaRefused("leg_unknown", "no telephone call")
        return leg

    def _answered(self, leg_id: str) -> FakeLeg:
        leg = self._voice(leg_id)
        if not leg.answered:
            raise MediaRefused("voice_state", "not answered yet")
        return leg

    def _leg(self, leg_id: str) -> FakeLeg:
        try:
            return self.legs[leg_id]
        except KeyError:
            raise MediaRefused("leg_unknown", leg_id) from None

    async def aclose(self) -> None:
        for leg_id in list(self.legs):
            self.end(leg_id, "engine_stopped")

    # ------------------------------------------------------------ what browsers and networks do

    def emit(self, event: MediaEvent) -> None:
        self.events.emit(EVENT, event)

    def connect(self, leg_id: str) -> None:
        self.legs[leg_id].connected = True
        self.emit(LegConnected(leg_id=leg_id, at_s=0.0))
        for kind in (Kind.AUDIO, Kind.VIDEO):
            self.emit(LegFirstMedia(leg_id=leg_id, kind=kind, at_s=0.0))

    def silence(self, leg_id: str) -> None:
        self.emit(LegSilent(leg_id=leg_id, at_s=0.0))

    def hear(self, leg_id: str) -> None:
        self.emit(LegHeard(leg_id=leg_id, at_s=0.0))

    def end_clip(self, leg_id: str) -> None:
        leg = self.legs[leg_id]
        if isinstance(leg.source, Clip) and not leg.source.loop:
            name, leg.source = leg.source.name, Silence()
            self.emit(ClipEnded(leg_id=leg_id, name=name, at_s=0.0))

    def ring(self, leg_id: str, status: int = 180, *, early_media: bool = False) -> None:
        self.emit(VoiceProgress(leg_id=leg_id, status=status, early_media=early_media, at_s=0.0))

    def answer(self, leg_id: str, codec: str = "PCMA") -> None:
        """A telephone call is answered."""
        self.legs[leg_id].answered = True
        self.emit(VoiceAnswered(leg_id=leg_id, codec=codec, at_s=0.0))

    def refer_told(self, leg_id: str, status: int) -> None:
        """The transfer of a telephone call came to its end; one that was done ends the call."""
        self.emit(VoiceReferred(leg_id=leg_id, status=status, final=True, at_s=0.0))
        if status < 300:
            self.end(leg_id, "voice_ended")

    def refuse_call(self, leg_id: str, status: int, detail: str = "") -> None:
        """The other side does not take a telephone call, or ends it (status 0)."""
        leg = self.legs.pop(leg_id)
        self.gone.append(leg)
        self.emit(LegClosed(leg_id=leg_id, reason="voice_ended", at_s=0.0, sip_status=status, detail=detail))

    def end(self, leg_id: str, reason: str) -> None:
        leg = self.legs.pop(leg_id, None)
        if leg is not None:
            self.gone.append(leg)
            self.emit(LegClosed(leg_id=leg_id, reason=reason, at_s=0.0))
