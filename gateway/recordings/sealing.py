"""The end of a recording: finalising jobs, what became of them, and the rows a dead process left behind."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final

from gateway.base.clock import Clock
from gateway.base.errors import GatewayError
from gateway.base.ids import ContactId, RecordingId
from gateway.base.log import get_logger
from gateway.base.tasks import Supervisor, in_thread
from gateway.recordings.finaliser import Finalised, Finaliser
from gateway.recordings.incomplete import what_is_missing
from gateway.recordings.jobs import Jobs
from gateway.recordings.live import SEALED, Ledger, Live, with_manifest
from gateway.recordings.port import ArchivePort, RecordingRecords
from gateway.recordings.states import (
    RECORDING,
    RecordingEvent,
    RecordingState,
    Sealed,
    SealedAtLimit,
    StopRequested,
    WriteFailed,
)
from gateway.recordings.store import RecordingStore

_log = get_logger("recordings")

LAST_JOBS_S: Final = 3.0
"""Finalising jobs may end within this when the gateway stops; the next start takes up the others."""

IsOurs = Callable[[ContactId], Awaitable[bool]]


class Sealer:
    """Owns the finalising jobs. `forget` is told of each recording with which nothing more can happen."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        records: RecordingRecords,
        store: RecordingStore,
        finaliser: Finaliser,
        archive: ArchivePort,
        clock: Clock,
        forget: Callable[[Live], None],
    ) -> None:
        self._ledger = ledger
        self._records = records
        self._store = store
        self._finaliser = finaliser
        self._archive = archive
        self._clock = clock
        self._forget = forget
        self._tasks = Supervisor("sealing")
        self._running: set[asyncio.Task[None]] = set()
        self.jobs = Jobs()

    def soon(self, live: Live) -> None:
        """Finalise a recording that is `ending`, as soon as it is its turn."""
        try:
            job = self._tasks.spawn(self._finalise(live), name=live.recording_id)
        except RuntimeError:  # closing: the next start finds it in `ending`
            return
        self.jobs.add(live.recording_id, live.record.contact_id, self._clock.now())
        self._running.add(job)
        job.add_done_callback(self._running.discard)

    async def idle(self) -> None:
        """Return when no job is waiting for its turn or running. Those to be tried again later are not waited for."""
        while self._running:
            await asyncio.wait(list(self._running))

    async def aclose(self) -> None:
        """Wait a little for the last jobs, then kill what still runs."""
        if self._running:
            await asyncio.wait(list(self._running), timeout=LAST_JOBS_S)
        await self._tasks.aclose()

    async def fail(
        self, live: Live, code: str, detail: str, event: RecordingEvent | None = None, *, said: bool = False
    ) -> None:
        """The recording is `failed`: nothing of it can be played. With the lock held. `said`: the alarm was given."""
        if not said:
            self._ledger.alarm_of(live, code, detail)
        await self._ledger.step(live, event or WriteFailed(code=code), failure=live.record.failure or code)
        self._forget(live)

    async def _finalise(self, live: Live) -> None:
        recording_id = live.recording_id
        result = await self._finaliser.run(
            self._store.folder(recording_id), lambda share: self.jobs.progress(recording_id, share)
        )
        async with live.lock:
            if live.state is not RecordingState.ENDING:  # consent was withdrawn meanwhile
                self.jobs.forget(recording_id)
                await in_thread(self._store.discard, recording_id)
                return
            await self._conclude(live, result, self.jobs.ended(recording_id, result))
        if live.state in SEALED:
            await self._ledger.saved(live)
            async with live.lock:
                if live.state in SEALED:  # consent was not withdrawn meanwhile
                    self._archive.take(live.record)

    async def _conclude(self, live: Live, result: Finalised, again_s: float | None) -> None:
        if result.manifest is not None:
            live.record = with_manifest(live.record, result.manifest)
        if again_s is not None:
            detail = f"a recording could not be finalised, and is tried again in {again_s:.0f} s: {result.detail}"
            self._ledger.alarm_of(live, result.code, detail)
            await self._ledger.save(live)
            self._forget(live)
            self._again(live, again_s)
        elif result.code:
            never_began = result.code == "no_media" and live.record.started_at is None
            await self.fail(live, result.code, result.detail, said=never_began)
        else:
            row = live.record
            if (lacks := what_is_missing(row.tracks)) is not None:
                self._ledger.alarm_of(live, "recording_incomplete", lacks)
            kind = SealedAtLimit if live.at_limit else Sealed
            await self._ledger.step(live, kind(sha256=row.sha256, size_bytes=row.size_bytes, duration_s=row.duration_s))
            self._forget(live)

    def _again(self, live: Live, after_s: float) -> None:
        """Finalise it later. Nobody waits for that: it is no job until its time has come."""

        async def later() -> None:
            await self._clock.sleep_until(self._clock.monotonic() + after_s)
            self.soon(live)

        try:
            _ = self._tasks.spawn(later(), name=f"again:{live.recording_id}")
        except RuntimeError:
            _log.debug("sealing.closed", recording_id=live.recording_id)  # the next start finds it in `ending`

    async def recover(self, is_ours: IsOurs | None = None) -> int:
        """Take over what a dead process left: finalise its captures, abort what never began. Returns how many rows."""
        try:
            rows = list(await self._records.unfinished())
        except GatewayError as error:
            self._ledger.alarm("recording_recover", RecordingId(""), ContactId(""), error.detail)
            return 0
        known = {row.recording_id for row in rows}
        if is_ours is not None:
            rows = [row for row in rows if await is_ours(row.contact_id)]
        for row in rows:
            live = Live(replace(row), recovered=True, contact_over=True)
            async with live.lock:
                if RECORDING.allows(live.state, StopRequested):
                    await self._ledger.step(live, StopRequested(reason="recovered"))
                if live.state is not RecordingState.ENDING:
                    continue
                if await asyncio.to_thread(self._store.has_anything, row.recording_id):
                    self.soon(live)
                else:
                    await self.fail(live, "no_media", "the process ended before anything was written")
        for recording_id in await asyncio.to_thread(self._store.left_over):
            if recording_id not in known and not await self._is_known(recording_id):
                detail = "a capture without a row was left alone"
                self._ledger.alarm("recording_orphan", recording_id, ContactId(""), detail)
        return len(rows)

    async def _is_known(self, recording_id: RecordingId) -> bool:
        try:
            return await self._records.get(recording_id) is not None
        except GatewayError:
            return True  # not sure: no alarm about it
