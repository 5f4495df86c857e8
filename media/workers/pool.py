"""The media port over several processes: places calls, carries commands there and events back, survives any of them.

Each command goes to the process that has its leg or recording; a new call goes to the one with the least load, and all
of it stays together. A process that dies takes its legs and recordings with it, each told once (`worker_lost`); the
others don't notice. It knows no contact-center word: whether a lost leg's browser comes back is its owner's affair.
"""

import asyncio
import math
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from types import NoneType
from typing import Any, Final, Self

from pyee import EventEmitter

from gateway.base.clock import Clock, SystemClock
from gateway.base.log import get_logger
from gateway.base.tasks import Supervisor
from media.figures import EngineCounters
from media.port import (
    EVENT,
    CloseLeg,
    Command,
    DialVoice,
    GetLegStats,
    LegAnswer,
    LegClosed,
    LegStats,
    MarkRecording,
    MediaEvent,
    MediaRefused,
    OpenLeg,
    ProbeTrunk,
    RecordingFailed,
    RecordingStarted,
    RecordingStopped,
    RecordLeg,
    StartRecording,
    StopRecording,
    TrunkAnswer,
)
from media.workers.codec import NotOurs
from media.workers.figures import EMPTY, WorkerFigures, added, figures_of
from media.workers.placement import Book, Candidate, PlacedLeg, PlacedRecording, least_loaded
from media.workers.process import Reply, WorkerProcess, WorkerSettings
from media.workers.recycling import Recycling
from media.workers.supervise import Slot

COMMAND_S: Final = 4.8
"""The port's bound is 5 s; closing a leg may take that of its own."""

WORKER_LOST: Final = "worker_lost"
ENGINE_STOPPED: Final = "engine_stopped"

_log = get_logger("media.workers")


class WorkerPool:
    """Implements `media.port.MediaPort`. Created by `start`, ended by `aclose`."""

    def __init__(self, count: int, settings: WorkerSettings, recycle_calls: int, clock: Clock) -> None:
        self.events = EventEmitter()
        self.on_alarm: Callable[[str, str], None] = lambda code, detail: None
        """Called on the loop with a code (`media_worker_lost`, `media_worker_loop`) and a text for the operator."""
        self._settings = settings
        self._book = Book()
        self._gone = EMPTY  # sums of processes that have ended
        self._changed = asyncio.Event()  # a process came up
        self._closing: asyncio.Task[None] | None = None
        self._tasks = Supervisor("media-workers")
        self._slots = [
            Slot(
                number,
                settings,
                clock,
                on_up=self._came_up,
                on_lost=self._lost,
                on_event=lambda slot: partial(self._heard, slot),
                on_looping=self._looping,
            )
            for number in range(count)
        ]
        self._recycling = Recycling(self._slots, self._book, self._tasks, after_calls=recycle_calls)

    @classmethod
    async def start(
        cls, count: int, settings: WorkerSettings, *, recycle_calls: int = 0, clock: Clock | None = None
    ) -> Self:
        """Start `count` processes (at least one) on consecutive ports from `settings.engine.port`, or on any when that
        is 0. After `recycle_calls` calls a process is replaced once it is empty; 0: never.

        Raises OSError when a port can't be had, ValueError for a setting that can't be used, WorkerFailed when a
        process does not start. Nothing is left then.
        """
        pool = cls(max(1, count), settings, recycle_calls, clock or SystemClock())
        try:
            begun = await asyncio.gather(*(slot.begin() for slot in pool._slots), return_exceptions=True)
            if failed := [each for each in begun if isinstance(each, BaseException)]:
                raise failed[0]
        except BaseException:  # cancelled too: nobody else knows of those that are up
            await pool.aclose()
            raise
        for slot in pool._slots:
            _ = pool._tasks.spawn(slot.keep_up(), name=f"keep-up:{slot.name}")
        return pool

    @property
    def port(self) -> int:
        """The first of the UDP ports."""
        return self._slots[0].port

    @property
    def ports(self) -> tuple[int, ...]:
        """The UDP port of each process."""
        return tuple(slot.port for slot in self._slots)

    # ------------------------------------------------------------ commands

    async def execute(self, command: Command) -> Any:
        """See `media.port`."""
        if self._closing is not None:
            raise MediaRefused(ENGINE_STOPPED, "the media engine is closing")
        try:
            async with asyncio.timeout(COMMAND_S):
                return await self._carry_out(command)
        except TimeoutError as error:
            raise MediaRefused("media_timeout", "the media process did not answer in time") from error

    async def _carry_out(self, command: Command) -> Reply:
        match command:
            case OpenLeg():
                return await self._open(command, LegAnswer)
            case DialVoice():
                return await self._open(command, NoneType)
            case ProbeTrunk():
                slot = self._choose()  # not placed: it is no call
                if slot is None or slot.process is None:
                    raise MediaRefused("media_timeout", "no media process is up")
                return await self._ask(slot.process, command, TrunkAnswer)
            case CloseLeg(leg_id=leg_id):
                leg = self._book.legs.get(leg_id)
                if leg is not None:
                    await self._close(leg)
                return None
            case StartRecording():
                await self._start_recording(command)
                return None
            case RecordLeg(recording_id=recording_id) | MarkRecording(recording_id=recording_id):
                return await self._ask(self._recording(recording_id).process, command)
            case StopRecording(recording_id=recording_id):
                return await self._ask(self._recording(recording_id).process, command)
            case GetLegStats(leg_id=leg_id):
                stats = await self._ask(self._leg(leg_id).process, command, LegStats)
                if isinstance(stats, LegStats) and stats.leg_id == leg_id:
                    return stats
                raise MediaRefused(WORKER_LOST, "the media process gave the figures of another leg")
            case _:
                return await self._ask(self._leg(command.leg_id).process, command)

    async def _ask(self, process: WorkerProcess, command: Command, kind: type = NoneType) -> Reply:
        reply = await process.submit(command)
        if not isinstance(reply, kind):
            process.condemn("a reply of the wrong kind")
            raise MediaRefused(WORKER_LOST, "the media process gave no answer that makes sense")
        return reply

    def _leg(self, leg_id: str) -> PlacedLeg:
        leg = self._book.legs.get(leg_id)
        if leg is None:
            raise MediaRefused("leg_unknown", f"there is no leg {leg_id}")
        return leg

    def _recording(self, recording_id: str) -> PlacedRecording:
        recording = self._book.recordings.get(recording_id)
        if recording is None:
            raise MediaRefused("recording_unknown", f"there is no recording {recording_id}")
        return recording

    async def _open(self, command: OpenLeg | DialVoice, kind: type) -> Reply:
        self._must_have_room()
        process = await self._place(command.call_id)
        if command.leg_id in self._book.legs:
            raise MediaRefused("leg_exists", f"there is a leg {command.leg_id} already")
        self._must_have_room()
        leg = PlacedLeg(command.leg_id, command.call_id, process, kind)
        self._book.add_leg(leg)
        try:
            leg.opening = process.submit(command)
            answer = await asyncio.shield(leg.opening)
        except MediaRefused:
            self._drop(leg)
            raise
        except asyncio.CancelledError:
            leg.abandoned = True
            if leg.opening is not None:
                _let_go(process, leg.opening, CloseLeg(leg_id=leg.leg_id), partial(self._drop, leg))
            raise
        if not isinstance(answer, kind):
            process.condemn("an answer of the wrong kind")
            raise MediaRefused(WORKER_LOST, "the media process gave no answer that makes sense")
        return answer

    def _must_have_room(self) -> None:
        if len(self._book.legs) >= self.capacity:
            raise MediaRefused("capacity", f"all {self.capacity} legs are in use")

    async def _close(self, leg: PlacedLeg) -> None:
        try:
            await self._ask(leg.process, CloseLeg(leg_id=leg.leg_id))
        except MediaRefused as refusal:
            if refusal.code != WORKER_LOST:  # then it is closed, one way or the other
                raise

    async def _start_recording(self, command: StartRecording) -> None:
        process = await self._place(command.call_id)
        if command.recording_id in self._book.recordings:
            raise MediaRefused("recording_exists", f"{command.recording_id} is being recorded already")
        recording = PlacedRecording(command.recording_id, command.call_id, command.folder, process)
        self._book.add_recording(recording)
        try:
            recording.starting = process.submit(command)
            reply = await asyncio.shield(recording.starting)
        except MediaRefused:
            self._drop_recording(recording)
            raise
        except asyncio.CancelledError:
            recording.abandoned = True
            if recording.starting is not None:
                stop = StopRecording(recording_id=recording.recording_id)
                _let_go(process, recording.starting, stop, partial(self._drop_recording, recording))
            raise
        if reply is not None:
            process.condemn("an answer of the wrong kind")
            raise MediaRefused(WORKER_LOST, "the media process gave no answer that makes sense")

    # ------------------------------------------------------------ placement

    @property
    def capacity(self) -> int:
        """Legs at once: less than allowed while a process dies again and again."""
        good = sum(not slot.looping() for slot in self._slots)
        return math.ceil(self._settings.engine.max_legs * good / len(self._slots))

    async def _place(self, call_id: str) -> WorkerProcess:
        """Where the call is, or a process for a new one. Waits when none is up: the next may be there in a second."""
        while True:
            process = self._book.process_of(call_id)
            if process is not None and not process.over.is_set():
                return process
            slot = self._choose()
            if slot is not None and slot.process is not None:
                slot.served += 1
                self._recycling.retire_some()
                return slot.process
            self._changed.clear()
            await self._changed.wait()

    def _choose(self) -> Slot | None:
        up = [slot for slot in self._slots if slot.up]
        fresh = [slot for slot in up if not slot.retiring] or up
        candidates = {
            slot: Candidate(
                slot.process, slot.vitals, self._book.legs_at(slot.process), self._book.calls_at(slot.process)
            )
            for slot in fresh
            if slot.process is not None
        }
        chosen = least_loaded(candidates.values())
        return next((slot for slot, candidate in candidates.items() if candidate is chosen), None)

    # ------------------------------------------------------------ what the processes say

    def _heard(self, slot: Slot, event: MediaEvent) -> None:
        """An event of the process in that slot. NotOurs for one of something that it does not have."""
        match event:
            case RecordingStarted() | RecordingFailed() | RecordingStopped():
                self._heard_of_recording(slot, event)
            case _:
                self._heard_of_leg(slot, event)

    def _heard_of_leg(self, slot: Slot, event: Any) -> None:
        leg = self._book.legs.get(event.leg_id)
        if leg is None or leg.process is not slot.process or not (leg.open or leg.abandoned):
            raise NotOurs(f"{type(event).__name__} of a leg that it does not have")
        if isinstance(event, LegClosed):
            self._drop(leg)
        if not leg.abandoned:
            self._emit(event)

    def _heard_of_recording(self, slot: Slot, event: RecordingStarted | RecordingFailed | RecordingStopped) -> None:
        recording = self._book.recordings.get(event.recording_id)
        if recording is None or recording.process is not slot.process:
            raise NotOurs(f"{type(event).__name__} of a recording that it does not have")
        if isinstance(event, RecordingStopped):
            event = replace(event, folder=recording.folder)  # where it is was ours to say
            self._drop_recording(recording)
        if not recording.abandoned:
            self._emit(event)

    def _drop(self, leg: PlacedLeg) -> None:
        if self._book.drop_leg(leg):
            self._tidy(leg.process)

    def _drop_recording(self, recording: PlacedRecording) -> None:
        if self._book.drop_recording(recording):
            self._tidy(recording.process)

    def _tidy(self, process: WorkerProcess) -> None:
        """Something of the process is over."""
        if self._closing is None:
            self._recycling.retire_empty(process)

    def _emit(self, event: MediaEvent) -> None:
        try:
            self.events.emit(EVENT, event)
        except Exception:  # noqa: BLE001 - whatever a listener does must not reach the pipe's reader
            _log.exception("pool.listener_failed", event_type=type(event).__name__)

    def _came_up(self, slot: Slot) -> None:
        self._changed.set()
        _log.info("worker.up", worker=slot.name, port=slot.port, restarts=slot.restarts)

    def _lost(self, slot: Slot, process: WorkerProcess, why: str) -> None:
        """The process is gone: whatever it carried ends now, each once."""
        reason = WORKER_LOST if self._closing is None else ENGINE_STOPPED
        if process.vitals.counters is not None:
            past = replace(process.vitals.counters, legs=0, recordings=0, playing=0)
            self._gone = added(self._gone, past)
        legs, recordings = self._book.all_at(process)
        for leg in legs:
            self._book.drop_leg(leg)
        for recording in recordings:
            self._book.drop_recording(recording)
        if slot.expected_end or self._closing is not None:
            _log.info("worker.ended", worker=slot.name, legs=len(legs))
        else:
            _log.error("worker.lost", worker=slot.name, reason=why, legs=len(legs), recordings=len(recordings))
            self.on_alarm(
                "media_worker_lost", f"The media process {slot.name} ended ({why}); {len(legs)} connections come back."
            )
        now_s = time.time()
        for leg in legs:
            if leg.open and not leg.abandoned:
                self._emit(LegClosed(leg_id=leg.leg_id, reason=reason, at_s=now_s))
        for recording in recordings:
            if not recording.open or recording.abandoned:
                continue
            self._emit(
                RecordingFailed(
                    recording_id=recording.recording_id,
                    code=WORKER_LOST,
                    detail="the media process that wrote it has ended",
                    at_s=now_s,
                )
            )

    def _looping(self, slot: Slot, why: str) -> None:
        _log.error("worker.looping", worker=slot.name, reason=why, capacity=self.capacity)
        self.on_alarm(
            "media_worker_loop",
            f"The media process {slot.name} dies again and again ({why}); {self.capacity} connections can be taken.",
        )

    # ------------------------------------------------------------ figures

    @property
    def lag_s(self) -> float:
        """The most that any process's loop came too late in its last second: what people may have heard."""
        return max(slot.vitals.lag_s for slot in self._slots)

    def counters(self) -> EngineCounters:
        """Sums over all processes, those that have ended included, as of the last second."""
        sums = self._gone
        for slot in self._slots:
            if slot.vitals.counters is not None:
                sums = added(sums, slot.vitals.counters)
        return replace(sums, legs=len(self._book.legs), recordings=len(self._book.recordings))

    def figures(self) -> list[WorkerFigures]:
        """Each place of the pool as it is now."""
        return [figures_of(slot, self._book) for slot in self._slots]

    # ------------------------------------------------------------ the end

    async def aclose(self) -> None:
        """Close every leg (`engine_stopped`) and recording, then the processes. Idempotent, ends within 8 s."""
        if self._closing is None:
            self._closing = asyncio.get_running_loop().create_task(self._wind_up(), name="media-workers:close")
        await asyncio.shield(self._closing)

    async def _wind_up(self) -> None:
        await self._tasks.aclose()
        await asyncio.gather(*(slot.aclose() for slot in self._slots))


def _let_go(
    process: WorkerProcess, begun: asyncio.Future[Reply], end: CloseLeg | StopRecording, gone: Callable[[], None]
) -> None:
    """Nobody waits for it any more: end it once it has begun. `gone` is called when it is over, or never was."""

    def over(reply: asyncio.Future[Reply]) -> None:
        if not reply.cancelled():
            reply.exception()  # refused: there is nothing to end
        gone()

    def late(reply: asyncio.Future[Reply]) -> None:
        if reply.cancelled() or reply.exception() is not None:
            gone()
            return
        try:
            process.submit(end).add_done_callback(over)
        except MediaRefused as refusal:  # it goes with its process, or its browser, at the latest
            _log.warning("pool.not_let_go", command=type(end).__name__, code=refusal.code)

    begun.add_done_callback(late)
