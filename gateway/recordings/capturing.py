"""What the media engine is asked of one recording: open, tap, pause, mark, close; and the note of what it should hold.

Knows the media port, the recording's folder and the legs. When any of this is to happen is the service's to say;
what comes after the capture is closed is the sealer's.
"""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Final

from gateway.base.clock import Clock
from gateway.base.ids import LegId
from gateway.base.log import get_logger
from gateway.base.tasks import in_thread
from gateway.config import RecordingSettings
from gateway.recordings.live import Ledger, Live
from gateway.recordings.port import ArchivePort
from gateway.recordings.sealing import Sealer
from gateway.recordings.sending import Sending
from gateway.recordings.states import WRITING, PauseRequested, RecordingEvent, RecordingState, ResumeRequested
from gateway.recordings.store import RecordingStore
from media.port import (
    TELEPHONE,
    MarkRecording,
    MediaEvent,
    MediaPort,
    MediaRefused,
    RecordLeg,
    RequestKeyFrame,
    StartRecording,
    StopRecording,
)

STOP_TIMEOUT_S: Final = 6.0
"""The port promises an answer within 5 s; after this what is on disk is finalised as it is."""

KEPT_SHARE: Final = 4
"""Below `min_free_bytes` no recording starts; below this part of it those that run end, before the disk is full."""

WORKER_LOST: Final = "worker_lost"
"""The media port's code for a process that died with the capture open: the same recording may be started again."""

ROLES: Final = ("customer", "agent", TELEPHONE)

_log = get_logger("recordings")


class Capturing:
    """Commands to the engine about recordings. Every method but `hear` is called with the recording's lock held."""

    def __init__(
        self,
        *,
        media: MediaPort,
        ledger: Ledger,
        sealer: Sealer,
        store: RecordingStore,
        archive: ArchivePort,
        settings: RecordingSettings,
        clock: Clock,
        silence_s: float,
    ) -> None:
        """`silence_s` is the engine's: a leg reported silent sent its last packet that long before."""
        self._media = media
        self._ledger = ledger
        self._sealer = sealer
        self._store = store
        self._archive = archive
        self._settings = settings
        self._clock = clock
        self._sending = Sending(silence_s)

    # ------------------------------------------------------------ the capture

    async def open(self, live: Live) -> bool:
        """`starting`: open the capture and tap the legs. False: the recording is failed, the call as it was."""
        recording_id = live.recording_id
        try:
            free = await asyncio.to_thread(self._store.free_bytes)
        except OSError as error:
            await self._sealer.fail(live, "disk_error", f"the recordings' folder can't be used: {error.strerror}")
            return False
        if free < self._settings.min_free_bytes:
            await self._sealer.fail(live, "disk_low", f"{free / 1e6:.0f} MB are free, too little to start a recording")
            return False
        if self._archive.full:
            await self._sealer.fail(live, "spool_full", "too much waits for the store already")
            return False
        try:
            await self._start(live)
        except MediaRefused as error:
            await self._sealer.fail(live, error.code, error.detail)
            return False
        how = f"{live.record.consent} {live.record.notice_version}".strip()
        await self._command(live, MarkRecording(recording_id=recording_id, mark="consent", detail=how))
        if live.pauses:  # before the first packet: what is paused stays paused, also over an engine that was lost
            await self.mark(live, "pause", next(iter(live.pauses)))
        await self.tap(live)
        if live.pauses and live.state is RecordingState.STARTING:
            await self._ledger.step(live, PauseRequested(reason=next(iter(live.pauses))))
        return True

    async def open_next(self, live: Live) -> bool:
        """The process that wrote the capture is gone: go on in the next one, in the state there was. False: not now."""
        try:
            await self._start(live)
        except MediaRefused as error:
            _log.warning("recording.not_continued", recording_id=live.recording_id, code=error.code)
            live.adrift = True
            return False
        live.adrift = False
        await self.mark(live, "media_lost", WORKER_LOST)
        if live.pauses:
            await self.mark(live, "pause", next(iter(live.pauses)))
        elif live.was_paused:  # the mark that ended it may be among what the lost process had not written yet
            await self.mark(live, "resume", WORKER_LOST)
        await self.tap(live)
        return True

    async def _start(self, live: Live) -> None:
        order = StartRecording(
            recording_id=live.recording_id,
            folder=str(self._store.folder(live.recording_id)),
            call_id=live.record.contact_id,
            keep_free_bytes=self._settings.min_free_bytes // KEPT_SHARE,
        )
        try:
            await self._media.execute(order)
        except MediaRefused as error:
            if error.code != WORKER_LOST:
                raise
            await self._media.execute(order)  # it died over the command; another takes it

    async def tap(self, live: Live, *roles: str) -> None:
        """Record the legs of these roles (all without one) as they are now."""
        now_s = self._now_s()
        for role in roles or ROLES:
            leg_id = live.legs.get(role)
            if leg_id is None or not await self._command(
                live, RecordLeg(recording_id=live.recording_id, leg_id=leg_id, role=role)
            ):
                continue
            live.expectation.attach(role, leg_id, now_s, self._sending.of(leg_id))
            await self._ask_key_frame(live, role, leg_id)
        await self.write_expected(live)

    async def mark(self, live: Live, mark: str, detail: str) -> None:
        await self._command(live, MarkRecording(recording_id=live.recording_id, mark=mark, detail=detail))

    async def end(self, live: Live, event: RecordingEvent) -> None:
        """Close the capture, whatever it takes, and have it finalised."""
        await self._ledger.step(live, event)
        await self.close(live)
        await self.finish_expectation(live)
        self._sealer.soon(live)

    async def finish_expectation(self, live: Live) -> None:
        """The capture is closed: write down what it should hold."""
        live.expectation.finish(self._now_s())
        await self._write_expected(live)

    async def close(self, live: Live) -> None:
        """Return when the engine has closed the capture, or will not in time."""
        try:
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await self._media.execute(StopRecording(recording_id=live.recording_id))
                await live.stopped.wait()
        except MediaRefused as error:
            _log.warning("recording.stop_refused", recording_id=live.recording_id, code=error.code)
        except TimeoutError:
            self._ledger.alarm_of(live, "stop_timeout", "the media engine did not close the capture in time")

    # ------------------------------------------------------------ pauses

    async def pause(self, live: Live, who: str, reason: str = "") -> None:
        """`who` wants nothing written; others may want that too, and all must let go before anything is again."""
        first = not live.pauses
        live.was_paused = True
        live.pauses.setdefault(who, self._clock.monotonic())
        if first and live.state in WRITING:
            await self.mark(live, "pause", reason or who)
            await self._ledger.step(live, PauseRequested(reason=reason or who))
        else:
            self._ledger.show_state(live)

    async def unpause(self, live: Live, who: str, reason: str = "") -> None:
        """`who` lets go. A pause that somebody else still wants goes on."""
        if live.pauses.pop(who, None) is None:
            return
        if live.pauses or live.state is not RecordingState.PAUSED:
            self._ledger.show_state(live)
            return
        await self.mark(live, "resume", reason or who)
        await self._ledger.step(live, ResumeRequested(reason=reason or who))
        await self.ask_key_frames(live)

    async def ask_key_frames(self, live: Live) -> None:
        for role, leg_id in live.legs.items():
            await self._ask_key_frame(live, role, leg_id)

    async def _ask_key_frame(self, live: Live, role: str, leg_id: LegId) -> None:
        if role != TELEPHONE:  # which has no pictures
            await self._command(live, RequestKeyFrame(leg_id=leg_id))

    # ------------------------------------------------------------ what a complete recording would hold

    def hear(self, event: MediaEvent, recordings: Iterable[Live]) -> str | None:
        """Take an event of the engine in; returns the leg it was about, None when it was about something else."""
        return self._sending.apply(event, [live.expectation for live in recordings])

    async def shown(self, live: Live | None, leg_id: str, kinds: Mapping[str, bool]) -> None:
        """The person on that leg switched kinds on or off, with or without a recording."""
        self._sending.shown(leg_id, kinds)
        if live is None:
            return
        now_s = self._now_s()
        for kind, on in kinds.items():
            if not on:
                live.expectation.rests(leg_id, kind, now_s)
            elif kind in self._sending.of(leg_id):
                live.expectation.sends(leg_id, kind, now_s)
        await self.write_expected(live)

    async def write_expected(self, live: Live) -> None:
        """Nothing before the capture is open: until then there is no folder, and must not be."""
        if live.state in WRITING:
            await self._write_expected(live)

    async def _write_expected(self, live: Live) -> None:
        """Without the file the capture would be measured by itself."""
        document = live.expectation.document() | {
            "truncated_reason": live.record.failure,
            "language": live.record.consent_language,
        }
        try:
            await in_thread(self._store.write_expected, live.recording_id, document)
        except OSError as error:
            _log.warning("recording.expected_not_written", recording_id=live.recording_id, error=error.strerror)

    # ------------------------------------------------------------ helpers

    async def _command(self, live: Live, command: MarkRecording | RecordLeg | RequestKeyFrame) -> bool:
        """Tell the engine; a refusal (a leg that has just gone) is logged and harms nothing."""
        try:
            await self._media.execute(command)
        except MediaRefused as error:
            _log.info(
                "recording.command_refused",
                recording_id=live.recording_id,
                command=type(command).__name__,
                code=error.code,
            )
            return False
        return True

    def _now_s(self) -> float:
        """The media host's clock: `time.time()` by another name, so that tests can turn it."""
        return self._clock.now().timestamp()
