"""The end of a recording: finalising jobs, what became of them, and the rows a dead process left behind."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from gateway.base.clock import Clock
from gateway.base.errors import GatewayError
from gateway.base.ids import ContactId, RecordingId
from gateway.base.log import get_logger
from gateway.base.tasks import Supervisor
from gateway.recordings.finaliser import Finalised, Finaliser
from gateway.recordings.live import Ledger, Live, with_manifest
from gateway.recordings.port import RecordingRecords
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

AGAIN_S: Final = 60.0
"""What could not be written, because the disk is full, is tried again so often; and once more at each start."""


class Sealer:
    """Owns the finalising jobs. `forget` is told of each recording with which nothing more can happen."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        records: RecordingRecords,
        store: RecordingStore,
        finaliser: Finaliser,
        clock: Clock,
        forget: Callable[[Live], None],
    ) -> None:
        self._ledger = ledger
        self._records = records
        self._store = store
        self._finaliser = finaliser
        self._clock = clock
        self._forget = forget
        self._tasks = Supervisor("sealing")
        self._jobs: set[asyncio.Task[None]] = set()

    def soon(self, live: Live) -> None:
        """Finalise a recording that is `ending`, as soon as there is a free slot."""
        try:
            job = self._tasks.spawn(self._finalise(live), name=live.recording_id)
        except RuntimeError:  # closing: the next start finds it in `ending`
            return
        self._jobs.add(job)
        job.add_done_callback(self._jobs.discard)

    async def idle(self) -> None:
        """Return when no job is waiting or running."""
        while self._jobs:
            await asyncio.wait(list(self._jobs))

    async def aclose(self) -> None:
        """Wait a little for the last jobs, then kill what still runs."""
        if self._jobs:
            await asyncio.wait(list(self._jobs), timeout=LAST_JOBS_S)
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
        result = await self._finaliser.run(self._store.folder(live.recording_id))
        async with live.lock:
            if live.state is not RecordingState.ENDING:  # consent was withdrawn meanwhile
                await asyncio.to_thread(self._store.discard, live.recording_id)
                return
            await self._conclude(live, result)

    async def _conclude(self, live: Live, result: Finalised) -> None:
        if result.manifest is not None:
            live.record = with_manifest(live.record, result.manifest)
        if result.again_later:
            self._ledger.alarm_of(live, result.code, f"a recording waits to be finalised: {result.detail}")
            await self._ledger.save(live)
            self._forget(live)
            self._again(live)
        elif result.code:
            never_began = result.code == "no_media" and live.record.started_at is None
            await self.fail(live, result.code, result.detail, said=never_began)
        else:
            row = live.record
            kind = SealedAtLimit if live.at_limit else Sealed
            await self._ledger.step(live, kind(sha256=row.sha256, size_bytes=row.size_bytes, duration_s=row.duration_s))
            self._forget(live)

    def _again(self, live: Live) -> None:
        """Finalise it later. Nobody waits for that: it is no job until its time has come."""

        async def later() -> None:
            await self._clock.sleep_until(self._clock.monotonic() + AGAIN_S)
            self.soon(live)

        try:
            _ = self._tasks.spawn(later(), name=f"again:{live.recording_id}")
        except RuntimeError:
            _log.debug("sealing.closed", recording_id=live.recording_id)  # the next start finds it in `ending`

    async def recover(self) -> int:
        """Take over what a dead process left: finalise its captures, abort what never began. Returns how many rows."""
        try:
            rows = list(await self._records.unfinished())
        except GatewayError as error:
            self._ledger.alarm("recording_recover", RecordingId(""), ContactId(""), error.detail)
            return 0
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
        known = {row.recording_id for row in rows}
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
