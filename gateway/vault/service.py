"""The vault: takes sealed recordings in, gives them out again in parts, checks, exports and erases them.

Made by `open_vault` for the gateway and for the command line alike; only the gateway starts its tasks. Who may do
what is asked before anything here is called; the audit of reading is the caller's, that of changing is written here.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from gateway.base.clock import Clock
from gateway.base.errors import NotFound, PortFailure
from gateway.base.ids import RecordingId
from gateway.base.tasks import Supervisor, in_thread
from gateway.config import QueueSettings, RecordingSettings
from gateway.recordings.port import AlarmPort, AuditPort, RecordingRecord, RecordingRecords
from gateway.recordings.states import RecordingState
from gateway.recordings.store import RecordingStore
from gateway.vault.check import Checker
from gateway.vault.content import (
    PLACES,
    Content,
    MovingContent,
    PlainContent,
    SealedContent,
    file_reader,
    open_sealed,
    write_out,
)
from gateway.vault.erasing import Erasing
from gateway.vault.intake import Intake
from gateway.vault.keys import MasterKeys, load_master_keys, load_signing_key
from gateway.vault.manifest import Signer
from gateway.vault.objects import Objects, open_objects
from gateway.vault.port import SealedFile, VaultRecords
from gateway.vault.sealed import SealBroken
from gateway.vault.spool import Spool

KEYS_FILE: Final = "recording.keys"
SIGNING_FILE: Final = "recording.signing.pem"
_REWRAP_BATCH: Final = 200
_READABLE: Final = frozenset({RecordingState.COMPLETE, RecordingState.LIMIT_REACHED})


@dataclass(slots=True, kw_only=True)
class Vault:
    """`ArchivePort`, and everything people do with what was archived."""

    records: VaultRecords
    rows: RecordingRecords
    objects: Objects
    spool: Spool
    keys: MasterKeys
    signer: Signer
    intake: Intake
    erasing: Erasing
    checker: Checker
    _tasks: Supervisor

    def start(self) -> None:
        """Take in what waits, and erase what is over its time, from now on."""
        self.intake.start()
        _ = self._tasks.spawn(self.erasing.watch(), name="retention")

    async def aclose(self) -> None:
        await self._tasks.aclose()
        await self.intake.aclose()

    # ------------------------------------------------------------ ArchivePort

    @property
    def full(self) -> bool:
        return self.intake.full

    def take(self, record: RecordingRecord) -> None:
        self.intake.take(record)

    async def discard(self, recording_id: RecordingId) -> None:
        """Consent was withdrawn: whatever there is of it is gone, or can't be read any more."""
        await self.erasing.shred(recording_id)

    # ------------------------------------------------------------ reading

    async def open(self, recording_id: RecordingId, name: str) -> Content | None:
        """One file of a recording that can be played; None when there is none. PortFailure, SealBroken."""

        async def find() -> Content | None:
            for _ in range(PLACES - 1):
                with suppress(FileNotFoundError):  # it was moved on while we looked
                    return await self._find(recording_id, name)
            return await self._find(recording_id, name)

        found = await find()
        return None if found is None else MovingContent(found, find)

    async def _find(self, recording_id: RecordingId, name: str) -> Content | None:
        """Where it is now. FileNotFoundError: not there any more."""
        record = await self.rows.get(recording_id)
        if record is None or record.state not in _READABLE:
            return None
        shown = f"{recording_id}-{name}"
        file = await self._file(recording_id, name)
        if file is None:
            plain = await asyncio.to_thread(self._plain, record, name, shown)
            if plain is not None:
                return plain
            file = await self._file(recording_id, name)  # sealed just now, perhaps
        if file is None:
            return None
        kept = await self.records.key(recording_id)
        if kept is None:
            return None
        return await self._sealed(file, self.keys.unwrap(kept.wrapped, kept.master_key, recording_id), shown)

    async def names(self, recording_id: RecordingId) -> list[str]:
        """The files that can be opened."""
        files = await self.records.files(recording_id)
        if files:
            return [file.name for file in files]
        return [path.name for path in await asyncio.to_thread(self.spool.plain_files, recording_id)]

    async def keeps(self, recording_id: RecordingId) -> bool:
        """Whether it can be played still: neither erased nor being erased. PortFailure; the store isn't asked."""
        record = await self.rows.get(recording_id)
        if record is None or record.state not in _READABLE:
            return False
        if await self.records.key(recording_id) is not None:
            return True
        return bool(await asyncio.to_thread(self.spool.plain_files, recording_id))  # not sealed yet

    async def _file(self, recording_id: RecordingId, name: str) -> SealedFile | None:
        files = await self.records.files(recording_id)
        return next((file for file in files if file.name == name), None)

    async def _sealed(self, file: SealedFile, data_key: bytes, shown: str) -> SealedContent:
        local = not file.stored and await asyncio.to_thread(self.spool.holds, file)
        recording_id, name = file.recording_id, file.name

        async def from_store(start: int, length: int) -> bytes:
            return await self.objects.read(recording_id, name, start, length)

        return await open_sealed(
            file_reader(self.spool.path(recording_id, name)) if local else from_store,
            data_key=data_key,
            recording_id=recording_id,
            name=name,
            media_type=file.media_type,
            file_name=shown,
            etag=f'"{file.plain_sha256[:32]}"',
        )

    def _plain(self, record: RecordingRecord, name: str, shown: str) -> PlainContent | None:
        """Between the finaliser and the sealing, for seconds."""
        for path in self.spool.plain_files(record.recording_id):
            if path.name == name:
                size = path.stat().st_size
                return PlainContent(
                    media_type=self.spool.media_type(name),
                    file_name=shown,
                    etag=f'"plain-{size}"',
                    path=path,
                    size_bytes=size,
                )
        return None

    async def export(self, recording_id: RecordingId, target: Path) -> int:
        """Write the recording, decrypted, to `target`, and its signed manifest beside it. Returns the bytes written.

        NotFound; PortFailure; OSError; PortFailure `recording_damaged`. Nothing of a broken one is left behind.
        """
        record = await self.rows.get(recording_id)
        content = await self.open(recording_id, record.file) if record is not None else None
        if content is None:
            raise NotFound("not_found", "There is no such recording, or nothing of it can be played.")
        draft = target.with_name(f".{target.name}.part")
        try:
            await in_thread(draft.unlink, True)
            written = await write_out(content, draft)
            await in_thread(draft.replace, target)
        except SealBroken as error:
            raise PortFailure("recording_damaged", f"The recording is damaged: {error}.") from error
        finally:
            await in_thread(draft.unlink, True)
        link = await self.records.link_of(recording_id)
        if link is not None:
            proof = f'{{"manifest":{link.body},"signature":"{link.signature}","digest":"{link.digest}"}}\n'
            await in_thread(target.with_name(f"{target.name}.manifest.json").write_text, proof, "utf-8")
        return written

    # ------------------------------------------------------------ keys

    async def rewrap(self) -> int:
        """Wrap every data key under the current master key. Returns how many; none is left under another after it."""
        count = 0
        while found := await self.records.keys_not_under(self.keys.current, _REWRAP_BATCH):
            for kept in found:
                data_key = self.keys.unwrap(kept.wrapped, kept.master_key, kept.recording_id)
                wrapped = self.keys.wrap(data_key, kept.recording_id)
                await self.records.replace_key(replace(kept, master_key=self.keys.current, wrapped=wrapped))
                count += 1
        return count


def open_vault(
    *,
    settings: RecordingSettings,
    queues: tuple[QueueSettings, ...],
    data_dir: Path,
    records: VaultRecords,
    rows: RecordingRecords,
    clock: Clock,
    audit: AuditPort,
    on_alarm: AlarmPort,
) -> Vault:
    """Keys, store and everything on them. Blocks a moment (key files). SetupError for keys or a store that can't be
    used.
    """
    keys = load_master_keys(settings.keys_file or data_dir / KEYS_FILE, settings.master_keys.get_secret_value())
    signer = Signer(load_signing_key(data_dir / SIGNING_FILE))
    objects = open_objects(settings.store, data_dir)
    spool = Spool(RecordingStore(data_dir))
    intake = Intake(
        records=records,
        objects=objects,
        spool=spool,
        keys=keys,
        signer=signer,
        clock=clock,
        on_alarm=on_alarm,
        limit_bytes=settings.store.spool_limit_bytes,
    )
    erasing = Erasing(
        records=records,
        rows=rows,
        objects=objects,
        spool=spool,
        intake=intake,
        signer=signer,
        settings=settings,
        queues=queues,
        clock=clock,
        audit=audit,
        on_alarm=on_alarm,
    )
    checker = Checker(records=records, rows=rows, objects=objects, keys=keys, public=signer.public)
    return Vault(
        records=records,
        rows=rows,
        objects=objects,
        spool=spool,
        keys=keys,
        signer=signer,
        intake=intake,
        erasing=erasing,
        checker=checker,
        _tasks=Supervisor("retention"),
    )
