"""From the finaliser's files to the store: sealed, uploaded, checked, signed; then the local copy goes.

Each step leaves a row that says it is done, so that a kill costs nothing: a recording without a manifest is not done,
and is taken up at the next start. While the store is away what was sealed waits on this disk, and is tried again less
and less often; a watermark says when it becomes much, and above the limit no new recording starts. It knows no
consent and no retention.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final

from gateway.base.clock import Clock
from gateway.base.errors import GatewayError, PortFailure
from gateway.base.ids import ContactId, RecordingId
from gateway.base.log import get_logger
from gateway.base.tasks import Supervisor, cancel_and_wait, in_thread
from gateway.recordings.port import AlarmPort, RecordingRecord
from gateway.vault.keys import MasterKeys, new_data_key
from gateway.vault.manifest import Signer, link_after
from gateway.vault.objects import PART_BYTES, Objects
from gateway.vault.port import DataKey, SealedFile, VaultRecords
from gateway.vault.sealed import SealBroken
from gateway.vault.spool import Spool

FIRST_RETRY_S: Final = 1.0
LAST_RETRY_S: Final = 300.0
WATERMARK: Final = 0.8
"""Of the spool's limit: from here on there is an alarm."""

MAX_WAITING: Final = 10_000
_MAX_APPENDS: Final = 50  # other nodes may append at the same time, but not for ever

_log = get_logger("vault")


class Intake:
    """One task that takes recordings in, one after another. `start` it, `aclose` it."""

    def __init__(
        self,
        *,
        records: VaultRecords,
        objects: Objects,
        spool: Spool,
        keys: MasterKeys,
        signer: Signer,
        clock: Clock,
        on_alarm: AlarmPort,
        limit_bytes: int,
    ) -> None:
        self._records = records
        self._objects = objects
        self._spool = spool
        self._keys = keys
        self._signer = signer
        self._clock = clock
        self._on_alarm = on_alarm
        self._limit_bytes = limit_bytes
        self._waiting: dict[RecordingId, RecordingRecord] = {}
        self._dropped: set[RecordingId] = set()
        self._told: set[RecordingId] = set()  # of those that wait: an alarm was given
        self._busy: RecordingId | None = None
        self._wake = asyncio.Event()
        self._moved = asyncio.Event()
        self._tasks = Supervisor("vault")
        self._running: asyncio.Task[None] | None = None
        self.away = False
        self.waiting_bytes = 0

    @property
    def full(self) -> bool:
        return self.waiting_bytes >= self._limit_bytes

    @property
    def waiting(self) -> int:
        """Recordings that are not in the store yet."""
        return len(self._waiting)

    def start(self) -> None:
        """Idempotent: two loops would seal the same files over each other."""
        if self._running is None:
            self._running = self._tasks.spawn(self._run(), name="intake")

    async def aclose(self) -> None:
        """Stop; what is not done is done after the next start."""
        await self._tasks.aclose()

    def take(self, record: RecordingRecord) -> None:
        """From here on the files of this sealed recording are ours. Returns at once."""
        if len(self._waiting) >= MAX_WAITING:
            _log.error("vault.too_many_waiting", recording_id=record.recording_id)
            return  # the next start finds it
        self._waiting[record.recording_id] = record
        self._wake.set()

    async def drop(self, recording_id: RecordingId) -> None:
        """It must not be kept: return when nothing more of it is written here."""
        self._dropped.add(recording_id)
        self._waiting.pop(recording_id, None)
        while self._busy == recording_id:
            self._moved.clear()
            await self._moved.wait()
        self._dropped.discard(recording_id)

    async def idle(self) -> None:
        """Return when everything that was taken is in the store."""
        while self._waiting or self._busy is not None:
            self._moved.clear()
            await self._moved.wait()

    async def settled(self, limit_s: float) -> None:
        """Return when everything is in the store, nothing gets there just now, or the time is over."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                while not self.away and (self._waiting or self._busy is not None):
                    self._moved.clear()
                    await self._moved.wait()

    # ------------------------------------------------------------ the loop

    async def _run(self) -> None:
        for record in await self._left_over():
            self._waiting.setdefault(record.recording_id, record)
        retry_s = FIRST_RETRY_S
        while True:
            if not self._waiting:
                await self._wake.wait()
            self._wake.clear()
            done = await self._round()
            await self._weigh()
            if done:
                retry_s = FIRST_RETRY_S
            else:
                await self._sleep(retry_s)
                retry_s = min(LAST_RETRY_S, retry_s * 2)

    async def _sleep(self, seconds: float) -> None:
        """Until then, or until another recording comes: it is to be sealed at once, whatever the store does."""
        until = asyncio.ensure_future(self._clock.sleep_until(self._clock.monotonic() + seconds))
        woken = asyncio.ensure_future(self._wake.wait())
        try:
            await asyncio.wait({until, woken}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await cancel_and_wait(until, woken)

    async def _left_over(self) -> list[RecordingRecord]:
        retry_s = FIRST_RETRY_S
        while True:
            try:
                return list(await self._records.to_take(MAX_WAITING))
            except GatewayError:
                await self._clock.sleep_until(self._clock.monotonic() + retry_s)
                retry_s = min(LAST_RETRY_S, retry_s * 2)

    async def _round(self) -> bool:
        """Seal everything that waits, then bring it to the store, oldest first. False: some is to be tried again."""
        sealed = await self._each(self._seal)
        stored = await self._each(self._bring)
        self.away = self.away and not stored
        return sealed and stored

    async def _each(self, step: Callable[[RecordingRecord], Awaitable[bool]]) -> bool:
        all_done = True
        for record in list(self._waiting.values()):
            if record.recording_id not in self._waiting:
                continue
            self._busy = record.recording_id
            try:
                if await step(record):
                    self._waiting.pop(record.recording_id, None)
                    self._told.discard(record.recording_id)
            except PortFailure as error:
                self._failed(record, error)
                return False  # the others would not fare better
            except (GatewayError, OSError, SealBroken) as error:
                self._failed(record, error)
                all_done = False
            finally:
                self._busy = None
                self._moved.set()
        return all_done

    def _failed(self, record: RecordingRecord, error: Exception) -> None:
        """Say it once: of the store or the records when they go away, of a recording that can't be taken in at all."""
        code = error.code if isinstance(error, GatewayError) else type(error).__name__
        _log.warning("vault.step_failed", recording_id=record.recording_id, code=code)
        detail = f"a recording waits to be brought to {self._objects.name}: {code}"
        if isinstance(error, PortFailure):
            if not self.away:
                self._on_alarm("store_away", record.recording_id, record.contact_id, detail)
            self.away = True
        elif record.recording_id not in self._told:
            self._told.add(record.recording_id)
            self._on_alarm("vault_failed", record.recording_id, record.contact_id, detail)

    async def _weigh(self) -> None:
        before = self.waiting_bytes
        self.waiting_bytes = await asyncio.to_thread(self._spool.waiting_bytes)
        mark = self._limit_bytes * WATERMARK
        if before < mark <= self.waiting_bytes:
            detail = f"{self.waiting_bytes / 1e9:.1f} GB of recordings wait for {self._objects.name}"
            self._on_alarm("spool_high", RecordingId(""), ContactId(""), detail)

    # ------------------------------------------------------------ the steps

    async def data_key(self, recording_id: RecordingId) -> bytes:
        """The recording's key; a new one when it has none."""
        kept = await self._records.key(recording_id)
        if kept is None:
            wrapped = self._keys.wrap(new_data_key(), recording_id)
            kept = await self._records.add_key(
                DataKey(recording_id=recording_id, master_key=self._keys.current, wrapped=wrapped)
            )
        return self._keys.unwrap(kept.wrapped, kept.master_key, recording_id)

    async def _seal(self, record: RecordingRecord) -> bool:
        """Seal what is not sealed. False: it has to be brought to the store still; True: nothing of it is here."""
        recording_id = record.recording_id
        plain = await asyncio.to_thread(self._spool.plain_files, recording_id)
        if not plain:
            # Another node's, or lost with a disk: where there are rows, bringing goes on; where there are none, never.
            return not await self._records.files(recording_id)
        key = await self.data_key(recording_id)
        for path in plain:
            if recording_id in self._dropped:
                return True
            sealed = await in_thread(self._spool.seal, recording_id, path, key)
            if path.name == record.file and record.sha256 and sealed.plain_sha256 != record.sha256:
                detail = "the file on the disk is not what the finaliser wrote"
                self._on_alarm("recording_changed", recording_id, record.contact_id, detail)
            await self._records.save_file(sealed)
        await in_thread(self._spool.remove_plain, recording_id)
        return False

    async def _bring(self, record: RecordingRecord) -> bool:
        """Upload what is not uploaded, sign, and let the local copy go."""
        recording_id = record.recording_id
        files = list(await self._records.files(recording_id))
        unsealed = await asyncio.to_thread(self._spool.plain_files, recording_id)
        if not files or unsealed:
            return False  # not sealed, or not all of it: what is not safe yet is not let go
        for index, file in enumerate(files):
            if not file.stored:
                if not await asyncio.to_thread(self._spool.holds, file):
                    return True  # on another node's disk: that node brings it
                if not await self._upload(file):
                    return True
                files[index] = replace(file, stored=True)
                await self._records.save_file(files[index])
        if recording_id in self._dropped:
            return True
        await self._sign(record, files)
        await in_thread(self._spool.store.discard, recording_id)
        _log.info("vault.stored", recording_id=recording_id, files=len(files))
        return True

    async def _upload(self, file: SealedFile) -> bool:
        """Part after part, those that are there already left alone. False: the recording was dropped meanwhile."""
        parts = self._spool.parts(file, PART_BYTES)
        number = 0
        while (data := await in_thread(next, parts, b"")) != b"":
            if file.recording_id in self._dropped:
                return False
            if not await self._objects.has_part(file.recording_id, file.name, number, data):
                await self._objects.put_part(file.recording_id, file.name, number, data)
            number += 1
        return True

    async def _sign(self, record: RecordingRecord, files: list[SealedFile]) -> None:
        if await self._records.link_of(record.recording_id) is not None:
            return
        for _ in range(_MAX_APPENDS):
            last = await self._records.last_link()
            if await self._records.add_link(link_after(last, record, files, self._signer, self._clock.now())):
                return
        raise PortFailure("chain_busy", "The chain of manifests could not be appended to.")
