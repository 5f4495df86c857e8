"""The end of recordings: at the end of their time, on request, or because consent was withdrawn; and what forbids it.

Erased means: the data key's row is destroyed, so that nothing sealed with it can ever be read, wherever a copy is;
then the objects, the local files and what the row said of the content go too. The row stays and says that there was a
recording. A hold forbids it. Every erasure that somebody asked for, and every batch of the retention, has a signed
receipt.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from gateway.base.clock import Clock
from gateway.base.errors import GatewayError, NotFound, PortFailure
from gateway.base.ids import ContactId, RecordingId, new_id
from gateway.base.log import get_logger
from gateway.base.tasks import in_thread
from gateway.config import QueueSettings, RecordingSettings
from gateway.recordings.port import AlarmPort, AuditPort, RecordingRecord, RecordingRecords
from gateway.recordings.states import RECORDING, UNFINISHED, RecordingState, RetentionElapsed
from gateway.vault.intake import Intake
from gateway.vault.manifest import Signer, canonical
from gateway.vault.objects import Objects
from gateway.vault.port import Hold, Receipt, VaultRecords
from gateway.vault.spool import Spool

BATCH: Final = 100
MAX_BATCHES: Final = 10
"""A run of the retention erases a thousand at most; the rest comes with the next."""

EVERY_S: Final = 3600.0
RETENTION: Final = "retention"

_log = get_logger("vault")


class Erasing:
    """Erases, holds, and keeps the receipts."""

    def __init__(
        self,
        *,
        records: VaultRecords,
        rows: RecordingRecords,
        objects: Objects,
        spool: Spool,
        intake: Intake,
        signer: Signer,
        settings: RecordingSettings,
        queues: Sequence[QueueSettings],
        clock: Clock,
        audit: AuditPort,
        on_alarm: AlarmPort,
    ) -> None:
        self._records = records
        self._rows = rows
        self._objects = objects
        self._spool = spool
        self._intake = intake
        self._signer = signer
        self._general_days = settings.retention_days
        self._own_days = {queue.id: queue.retention_days for queue in queues if queue.retention_days is not None}
        self._clock = clock
        self._audit = audit
        self._on_alarm = on_alarm

    # ------------------------------------------------------------ one

    async def shred(self, recording_id: RecordingId) -> Mapping[str, Any]:
        """Destroy the key, then everything that was sealed with it. What could not be deleted is found by `sweep`.

        Returns what was done, for the receipt. PortFailure: the key is still there, nothing was erased.
        """
        await self._intake.drop(recording_id)
        key = await self._records.destroy_key(recording_id)
        objects: int | None = None
        try:
            objects = await self._objects.delete(recording_id)
            await self._records.forget_files(recording_id)
        except PortFailure as error:
            _log.warning("vault.objects_left", recording_id=recording_id, code=error.code)
        local = await in_thread(self._discard, recording_id)
        return {
            "recording_id": recording_id,
            "key_destroyed": key,
            "stores": [
                {"store": self._objects.name, "objects_deleted": objects, "unreadable": True},
                {"store": "local disk", "deleted": local},
            ],
        }

    def _discard(self, recording_id: RecordingId) -> bool:
        try:
            self._spool.store.discard(recording_id)
        except OSError as error:
            _log.error("vault.local_left", recording_id=recording_id, error=error.strerror)
            return False
        return True

    async def _erase(self, record: RecordingRecord) -> Mapping[str, Any]:
        done = await self.shred(record.recording_id)
        await self._rows.save(
            replace(
                record,
                state=RECORDING.next(record.state, RetentionElapsed()),
                file="",
                container="",
                tracks=(),
                views={},
                marks=(),
            )
        )
        return done

    # ------------------------------------------------------------ on request

    async def erase(self, records: Sequence[RecordingRecord], *, subject: str, by: str, reason: str) -> Receipt:
        """Erase these recordings, those on hold and those still being made excepted. The receipt lists all of them.

        The audit is written first. PortFailure: what was erased until then is erased, and the next call goes on.
        """
        await self._audit(by, "recordings_erased", subject, {"reason": reason, "recordings": len(records)})
        erased, kept = [], []
        for record in records:
            why = await self._kept_because(record)
            if why is None:
                erased.append(await self._erase(record))
            else:
                kept.append({"recording_id": record.recording_id, "why": why})
        return await self._receipt(subject=subject, by=by, reason=reason, erased=erased, kept=kept)

    async def _kept_because(self, record: RecordingRecord) -> str | None:
        if record.state in UNFINISHED:
            return "it is still being made: end the call and ask again"
        holds = await self._records.holds(record.recording_id)
        if holds:
            return f"held since {holds[0].placed_at.date()} by {holds[0].placed_by}: {holds[0].reason}"
        if not RECORDING.allows(record.state, RetentionElapsed):
            return "there was nothing left of it"
        return None

    async def _receipt(
        self,
        *,
        subject: str,
        by: str,
        reason: str,
        erased: Sequence[Mapping[str, Any]],
        kept: Sequence[Mapping[str, Any]],
    ) -> Receipt:
        now = self._clock.now()
        receipt_id = new_id("er")
        body = canonical(
            {
                "format": 1,
                "receipt_id": receipt_id,
                "at": now.isoformat(),
                "by": by,
                "subject": subject,
                "reason": reason,
                "erased": list(erased),
                "kept": list(kept),
                "signed_by": self._signer.fingerprint,
            }
        )
        receipt = Receipt(receipt_id=receipt_id, at=now, body=body, signature=self._signer.sign(body))
        await self._records.add_receipt(receipt)
        return receipt

    # ------------------------------------------------------------ holds

    async def hold(self, recording_id: RecordingId, *, by: str, reason: str) -> Hold:
        """Forbid that it is erased. NotFound; PortFailure."""
        record = await self._rows.get(recording_id)
        if record is None or record.state in (RecordingState.EXPIRED, RecordingState.ABORTED):
            raise NotFound("not_found", "There is nothing here.")
        hold = Hold(
            hold_id=new_id("hd"), recording_id=recording_id, placed_by=by, placed_at=self._clock.now(), reason=reason
        )
        await self._audit(by, "recording_held", recording_id, {"reason": reason, "hold_id": hold.hold_id})
        await self._records.hold(hold)
        return hold

    async def lift(self, hold_id: str, *, by: str, reason: str) -> None:
        """NotFound when it is not in force."""
        await self._audit(by, "recording_hold_lifted", hold_id, {"reason": reason})
        if not await self._records.lift(hold_id, by, self._clock.now()):
            raise NotFound("not_found", "There is nothing here.")

    # ------------------------------------------------------------ the end of their time

    async def watch(self) -> None:
        """Once an hour: what is over its time goes, and what an erasure left behind. For a task of its own."""
        while True:
            try:
                await self.sweep()
                await self.run()
            except (GatewayError, OSError) as error:
                code = error.code if isinstance(error, GatewayError) else type(error).__name__
                _log.warning("retention.failed", code=code)
                self._on_alarm("retention_failed", RecordingId(""), ContactId(""), f"the retention did not run: {code}")
            await self._clock.sleep_until(self._clock.monotonic() + EVERY_S)

    async def run(self) -> int:
        """Erase what is over its time, a thousand at most. Returns how many."""
        now = self._clock.now()
        cutoffs = {queue: _cutoff(now, days) for queue, days in self._own_days.items()}
        general = _cutoff(now, self._general_days)
        count = 0
        for _ in range(MAX_BATCHES):
            due = await self._records.due(cutoffs, general, BATCH)
            if not due:
                break
            receipt = await self.erase(due, subject=RETENTION, by="gateway", reason=RETENTION)
            count += len(due)
            _log.info("retention.erased", recordings=len(due), receipt_id=receipt.receipt_id)
        return count

    async def sweep(self) -> int:
        """Finish erasures that a store or a database that was away cut short. Returns how many recordings."""
        left = await self._records.left_over(BATCH)
        for recording_id in left:
            await self.shred(recording_id)
        return len(left)


def _cutoff(now: datetime, days: int) -> datetime | None:
    return now - timedelta(days=days) if days else None
