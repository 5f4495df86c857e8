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
    FromLeg,
    GetLegStats,
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
    RecordLeg,
    RequestKeyFrame,
    SetSource,
    Silence,
    Source,
    StartRecording,
    StopRecording,
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
        if isinstance(source, FromLeg):
            self._leg(source.leg_id)
        leg.source = source
        leg.sources.append(source)

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

    def end(self, leg_id: str, reason: str) -> None:
        leg = self.legs.pop(leg_id, None)
        if leg is not None:
            self.gone.append(leg)
            self.emit(LegClosed(leg_id=leg_id, reason=reason, at_s=0.0))
