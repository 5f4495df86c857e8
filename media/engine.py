"""The media port in this process: commands become legs, sources and recordings; what happens becomes events.

Composes transport, forwarding, player and recorder, which do not know one another. It knows no contact-center word.

engine = await InProcessEngine.start(EngineSettings(port=5000))
answer = await engine.execute(OpenLeg(leg_id="lg_…", sdp_offer=…))
"""

import asyncio
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random, SystemRandom
from typing import Any, Final, Self

from pyee import EventEmitter

from gateway.base.clock import SteadyWall
from gateway.base.log import get_logger
from media.calls import OpenCalls, VoiceLink, negotiated
from media.figures import SUMMED, EngineCounters, stats_of, sums_of
from media.forward.feedback import FeedbackTimers
from media.forward.leg import ForwardLeg, ForwardLimits
from media.forward.outgoing import OutgoingTrack
from media.player.library import ClipLibrary
from media.player.pacer import Pacer
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
    LegQuality,
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
)
from media.recordings import OpenRecording
from media.sdp.description import Codec, Negotiated
from media.transport.link import BUFFER_BYTES, Link
from media.transport.server import TransportServer
from media.transport.timers import TransportTimers
from media.voice.settings import VoiceSettings

CLOSE_S: Final = 6.0
REFRESH_INTERVAL_S: Final = 1.0
FIRST_WORD_DELAY_S: Final = 0.1
"""From our keys to the first packet of a clip: the browser is still taking in the last flight of the handshake."""

_log = get_logger("media.engine")


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """Where the engine listens and what it may cost. The defaults suit one small machine."""

    host: str = ""  # as TransportServer.open
    port: int = 0
    announce: tuple[str, ...] = ()
    max_legs: int = 240
    leg_bitrate_bps: int = 2_500_000  # told to browsers, per video section
    clip_folder: Path | None = None  # an operator's own clips, over those of the product
    limits: ForwardLimits = field(default_factory=ForwardLimits)  # enforced, per leg
    timers: TransportTimers = field(default_factory=TransportTimers)
    voice: VoiceSettings = field(default_factory=VoiceSettings)


@dataclass(slots=True, eq=False)
class _Leg:
    forward: ForwardLeg
    link: Link
    call_id: str
    negotiated: Negotiated
    source: Source = field(default_factory=Silence)
    refreshed_s: float = 0.0


class InProcessEngine:
    """Implements `media.port.MediaPort`. Created by `start`, ended by `aclose`."""

    def __init__(
        self, settings: EngineSettings, server: TransportServer, clips: ClipLibrary, random: Random, wall: SteadyWall
    ) -> None:
        self.events = EventEmitter()
        self._settings = settings
        self._server = server
        self._clips = clips
        self._random = random
        self._wall = wall
        self._drops: Counter[str] = Counter()
        self._scratch = bytearray(BUFFER_BYTES)
        loop = asyncio.get_running_loop()
        self._timers = FeedbackTimers(loop, wall)
        self._pacer = Pacer(loop, wall, server.tray)
        self._legs: dict[str, _Leg] = {}
        self._recordings: dict[str, OpenRecording] = {}
        self._opening: set[str] = set()  # ids of recordings whose file is being made
        self._stopping: set[asyncio.Task[None]] = set()  # recordings on their last way to the disk
        self._gone: Counter[str] = Counter()  # sums of legs that have closed
        self._calls = OpenCalls(settings.voice, self._on_event, wall_s=wall, random=random)
        self._dialling: set[str] = set()  # ids of legs whose INVITE is on its way
        self._closing: asyncio.Task[None] | None = None

    @classmethod
    async def start(
        cls, settings: EngineSettings, *, clips: ClipLibrary | None = None, random: Random | None = None
    ) -> Self:
        """Bind the port and be ready; `clips` in place of those on the disk.

        Raises OSError when the port can't be bound or the folder can't be read, ValueError for an announced address
        that is no IP literal, ClipDamaged (a ValueError) for a clip that is no clip.
        """
        if clips is None:
            clips = await asyncio.to_thread(ClipLibrary.load, settings.clip_folder)
        wall = SteadyWall()
        server = await TransportServer.open(
            host=settings.host,
            port=settings.port,
            announce=settings.announce,
            timers=settings.timers,
            max_links=settings.max_legs,
            max_bitrate_bps=settings.leg_bitrate_bps,
            wall_s=wall,
        )
        return cls(settings, server, clips, random or SystemRandom(), wall)

    @property
    def port(self) -> int:
        """The UDP port of all media."""
        return self._server.port

    async def execute(self, command: Command) -> Any:
        """See `media.port`: OpenLeg replies LegAnswer, GetLegStats replies LegStats, the others None."""
        if self._closing is not None:
            raise MediaRefused("engine_stopped", "the media engine is closing")
        match command:
            case OpenLeg():
                return self._open(command)
            case CloseLeg():
                await self._close(command.leg_id)
            case SetSource():
                self._set_source(self._leg(command.leg_id), command.source)
            case StartRecording():
                await self._start_recording(command)
            case RecordLeg():
                self._record(command)
            case MarkRecording():
                self._recording(command.recording_id).mark(command.mark, command.detail)
            case StopRecording():
                await self._stop_recording(command.recording_id)
            case RequestKeyFrame():
                for track in self._leg(command.leg_id).forward.incoming.values():
                    track.request_key_frame(self._wall(), recorded=True)
            case GetLegStats():
                return self._stats(command.leg_id)
            case DialVoice():
                await self._dial(command)
            case HoldVoice():
                await self._calls.hold(command)
            case SendDtmf():
                self._calls.press(command)
            case ReferVoice():
                await self._calls.refer(command)
            case ProbeTrunk():
                return await self._calls.probe(command)
        return None

    # ------------------------------------------------------------ legs

    def _open(self, command: OpenLeg) -> LegAnswer:
        forward = self._new_leg(command.leg_id)
        link, agreed, answer_sdp = self._server.answer(
            command.sdp_offer, forward, command.leg_id, self._agreed(command.call_id)
        )
        forward.open(link, agreed)
        forward.control.on_clip_key_frame = self._show_key_frame
        self._legs[command.leg_id] = _Leg(forward, link, command.call_id, agreed)
        return LegAnswer(sdp_answer=answer_sdp)

    def _new_leg(self, leg_id: str) -> ForwardLeg:
        if leg_id in self._legs or leg_id in self._dialling:
            raise MediaRefused("leg_exists", f"there is a leg {leg_id} already")
        if len(self._legs) + len(self._dialling) >= self._settings.max_legs:
            raise MediaRefused("capacity", f"all {self._settings.max_legs} legs are in use")
        if not self._legs and not self._recordings:
            self._wall.renew()
        return ForwardLeg(
            leg_id,
            emit=self._on_event,
            timers=self._timers,
            drops=self._drops,
            limits=self._settings.limits,
            random=self._random,
            scratch=self._scratch,
        )

    async def _dial(self, command: DialVoice) -> None:
        forward = self._new_leg(command.leg_id)
        self._dialling.add(command.leg_id)
        try:
            link = await self._calls.dial(command)
        finally:
            self._dialling.discard(command.leg_id)
        if self._closing is not None:
            await link.call.hang_up()
            raise MediaRefused("engine_stopped", "the media engine is closing")
        agreed = negotiated(self._random.randrange(1, 1 << 32))
        forward.open(link, agreed)
        self._legs[command.leg_id] = _Leg(forward, link, command.call_id, agreed)
        self._calls.begin(link, forward)

    def _agreed(self, call_id: str) -> list[Negotiated]:
        """What the legs of that call agreed on. The newest first: of an older one of a browser that came back, and of
        an agent who is being replaced, little is left to show."""
        if not call_id:
            return []
        return [leg.negotiated for leg in reversed(self._legs.values()) if leg.call_id == call_id]

    async def _close(self, leg_id: str) -> None:
        leg = self._legs.get(leg_id)
        if leg is not None:
            await leg.link.close()

    def _leg(self, leg_id: str) -> _Leg:
        leg = self._legs.get(leg_id)
        if leg is None:
            raise MediaRefused("leg_unknown", f"there is no leg {leg_id}")
        return leg

    def _on_event(self, event: MediaEvent) -> None:
        """Every event of legs and recordings passes here. A listener that fails harms no packet and no other event."""
        if isinstance(event, LegConnected):
            self._begin_clip(event.leg_id, FIRST_WORD_DELAY_S)
        if isinstance(event, LegConnected | LegQuality | LegClosed):
            link = leg.link if (leg := self._legs.get(event.leg_id)) is not None else None
            if isinstance(event, LegClosed):
                self._forget(event.leg_id)
                if isinstance(link, VoiceLink) and link.ended is not None:
                    event = replace(event, sip_status=link.ended.status, detail=link.ended.detail)
            elif isinstance(link, VoiceLink):
                return  # of a telephone call its own events tell
        try:
            self.events.emit(EVENT, event)
        except Exception:  # noqa: BLE001 - the border to the house: its errors must not reach the socket's reader
            _log.exception("engine.listener_failed", event_type=type(event).__name__)

    def _forget(self, leg_id: str) -> None:
        leg = self._legs.pop(leg_id, None)
        self._pacer.stop(leg_id)
        if leg is not None:
            self._gone.update(sums_of(leg.forward))
            for recording in self._recordings.values():
                recording.remove(leg.forward)

    # ------------------------------------------------------------ sources

    def _set_source(self, leg: _Leg, source: Source) -> None:
        leg_id = leg.forward.leg_id
        match source:
            case FromLeg():
                other = self._leg(source.leg_id)
                self._pacer.stop(leg_id)
                leg.forward.take_from(other.forward, self._wall())
                leg.source = source
            case FromLegs():
                sound = self._leg(source.audio_leg_id).forward if source.audio_leg_id else None
                picture = self._leg(source.video_leg_id).forward if source.video_leg_id else None
                self._pacer.stop(leg_id)
                leg.forward.take_from_both(sound, picture, self._wall())
                leg.source = source
            case Clip():
                if self._clips.find(source.name, source.language) is None:
                    raise MediaRefused("clip_unknown", f"there is no clip {source.name}")
                self._pacer.stop(leg_id)
                leg.forward.take_nothing()
                leg.source = source
                if leg.link.connected:
                    self._begin_clip(leg_id)
            case Silence():
                self._pacer.stop(leg_id)
                leg.forward.take_nothing()
                leg.source = source

    def _begin_clip(self, leg_id: str, delay_s: float = 0.0) -> None:
        """Play the leg's clip from its beginning; one that was chosen before the leg was connected waits for that."""
        leg = self._legs.get(leg_id)
        if leg is None or not isinstance(leg.source, Clip):
            return
        clip = self._clips.find(leg.source.name, leg.source.language)
        if clip is None:
            return
        voices: list[tuple[OutgoingTrack, Codec]] = []
        for kind in (Kind.AUDIO, Kind.VIDEO):
            out = leg.forward.outgoing.get(kind)
            codec = next((codec for codec in out.section.codecs if clip.track(codec.name)), None) if out else None
            if out is not None and codec is not None:
                voices.append((out, codec))
        self._pacer.play(leg_id, clip, voices, loop=leg.source.loop, on_ended=self._clip_ended, delay_s=delay_s)

    def _clip_ended(self, leg_id: str) -> None:
        leg = self._legs.get(leg_id)
        if leg is None or not isinstance(leg.source, Clip):
            return
        name = leg.source.name
        self._set_source(leg, Silence())
        self._on_event(ClipEnded(leg_id=leg_id, name=name, at_s=self._wall()))

    def _show_key_frame(self, leg_id: str, out: OutgoingTrack, at_s: float) -> None:
        leg = self._legs.get(leg_id)
        if leg is not None and not 0 <= at_s - leg.refreshed_s < REFRESH_INTERVAL_S:
            leg.refreshed_s = at_s
            self._pacer.show_key_frame(leg_id, out)

    # ------------------------------------------------------------ recordings

    async def _start_recording(self, command: StartRecording) -> None:
        recording_id = command.recording_id
        if recording_id in self._recordings or recording_id in self._opening:
            raise MediaRefused("recording_exists", f"{recording_id} is being recorded already")
        if len(self._recordings) + len(self._opening) >= self._settings.max_legs:
            raise MediaRefused("recording_capacity", f"all {self._settings.max_legs} recordings are in use")
        self._opening.add(recording_id)
        try:
            recording = await OpenRecording.open(
                recording_id,
                Path(command.folder),
                self._on_event,
                wall_s=self._wall,
                keep_free_bytes=command.keep_free_bytes,
            )
        finally:
            self._opening.discard(recording_id)
        if self._closing is not None:
            await recording.close()
            raise MediaRefused("engine_stopped", "the media engine is closing")
        self._recordings[recording_id] = recording

    def _recording(self, recording_id: str) -> OpenRecording:
        recording = self._recordings.get(recording_id)
        if recording is None:
            raise MediaRefused("recording_unknown", f"there is no recording {recording_id}")
        return recording

    def _record(self, command: RecordLeg) -> None:
        recording = self._recording(command.recording_id)
        leg = self._leg(command.leg_id)
        for other in self._recordings.values():
            other.remove(leg.forward)
        recording.add(leg.forward, command.role)

    async def _stop_recording(self, recording_id: str) -> None:
        recording = self._recording(recording_id)
        del self._recordings[recording_id]
        stopping = asyncio.get_running_loop().create_task(recording.close(), name=f"engine:stop:{recording_id}")
        self._stopping.add(stopping)
        stopping.add_done_callback(self._stopping.discard)
        await asyncio.shield(stopping)  # whoever asked may go: it is closed all the same, and told

    # ------------------------------------------------------------ figures

    def _stats(self, leg_id: str) -> LegStats:
        leg = self._leg(leg_id)
        return stats_of(leg.forward, leg.link)

    def counters(self) -> EngineCounters:
        """A snapshot. Costs a walk over the legs, so it is for a scrape and not for a packet."""
        sums = Counter(self._gone)
        for leg in self._legs.values():
            sums.update(sums_of(leg.forward))
        return EngineCounters(
            legs=len(self._legs),
            recordings=len(self._recordings),
            playing=len(self._pacer),
            dropped=dict(self._drops + self._server.counters),
            **{name: sums[name] for name in SUMMED},
        )

    # ------------------------------------------------------------ the end

    async def aclose(self) -> None:
        """Close every leg (`engine_stopped`) and recording, then the socket. Idempotent, ends within 6 s."""
        if self._closing is None:
            self._closing = asyncio.get_running_loop().create_task(self._wind_up(), name="engine:close")
        await asyncio.shield(self._closing)

    async def _wind_up(self) -> None:
        recordings = list(self._recordings.values())
        self._recordings.clear()
        try:
            async with asyncio.timeout(CLOSE_S):
                await asyncio.gather(
                    self._server.aclose(),
                    self._calls.aclose(),
                    *(recording.close() for recording in recordings),
                    *self._stopping,
                )
        except TimeoutError:
            _log.error("engine.close_abandoned", legs=len(self._legs))
        for leg in list(self._legs.values()):
            leg.forward.on_closed("engine_stopped", self._wall())
        self._pacer.close()
        self._timers.close()
