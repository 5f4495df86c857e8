"""A vault over a real SQLite and any store, with recordings as the finaliser leaves them, and a clock to be turned."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from gateway.base.ids import ContactId, RecordingId
from gateway.config import QueueSettings, RecordingSettings
from gateway.recordings.port import RecordingRecord
from gateway.recordings.states import RecordingState
from gateway.records.database import Database
from gateway.records.recordings import SqlRecordings
from gateway.records.vault import SqlVault
from gateway.vault.service import Vault, open_vault
from tests.support.clock import FakeClock
from tests.support.records import open_records

FILM = bytes(range(256)) * 12_000  # three chunks, the last one short


class VaultRig:
    """One node's vault. `audit` and `alarms` are what it wrote and said."""

    def __init__(
        self, database: Database, tmp_path: Path, settings: RecordingSettings, queues: tuple[QueueSettings, ...]
    ):
        self.database = database
        self.data_dir = tmp_path
        self.settings = settings
        self.queues = queues
        self.clock = FakeClock()
        self.audit: list[tuple[str, str, str]] = []
        self.alarms: list[str] = []
        self.rows = SqlRecordings(database)
        self.records = SqlVault(database)
        self.vault = self.make()

    def make(self) -> Vault:
        """The vault as a fresh process makes it."""
        return open_vault(
            settings=self.settings,
            queues=self.queues,
            data_dir=self.data_dir,
            records=self.records,
            rows=self.rows,
            clock=self.clock,
            audit=self._note,
            on_alarm=lambda code, recording_id, contact_id, detail: self.alarms.append(code),
        )

    async def _note(self, actor: str, action: str, subject: str, data: Mapping[str, object]) -> None:
        self.audit.append((actor, action, subject))

    async def recorded(
        self, name: str = "one", *, film: bytes = FILM, manifest: str | None = None, **changes: object
    ) -> RecordingRecord:
        """A recording that the finaliser has just finished: all its files are there before its row says so."""
        record = RecordingRecord(
            recording_id=RecordingId(f"rc_{name:0<8}"),
            contact_id=ContactId(f"ct_{name:0<8}"),
            state=RecordingState.COMPLETE,
            consent="given",
            notice_version="1",
            requested_at=self.clock.now(),
            started_at=self.clock.now(),
            ended_at=self.clock.now() + timedelta(seconds=60),
            file="recording.webm",
            container="webm",
            sha256=hashlib.sha256(film).hexdigest(),
            size_bytes=len(film),
            duration_s=60.0,
            completeness=1.0,
            tracks=[{"role": "customer", "kind": "audio"}],
            views={"customer": {"file": "customer.webm", "container": "webm"}},
            queue="sales",
        )
        record = replace(record, **changes)  # type: ignore[arg-type]
        folder = self.folder(record.recording_id)
        folder.mkdir(parents=True)
        (folder / "recording.webm").write_bytes(film)
        (folder / "customer.webm").write_bytes(b"customer " + film[:1000])
        (folder / "expected.json").write_text("{}")
        if manifest is not None:
            (folder / "manifest.json").write_text(manifest)
        await self.rows.save(record)
        return record

    def folder(self, recording_id: RecordingId) -> Path:
        return self.data_dir / "recordings" / recording_id

    async def kept(self, name: str = "one", **changes: object) -> RecordingRecord:
        """A recording that is in the store."""
        record = await self.recorded(name, **changes)  # type: ignore[arg-type]
        self.vault.take(record)
        await asyncio.wait_for(self.vault.intake.idle(), 20)
        return record

    async def read(
        self, recording_id: RecordingId, name: str = "recording.webm", start: int = 0, end: int = -1
    ) -> bytes:
        content = await self.vault.open(recording_id, name)
        assert content is not None
        return b"".join([part async for part in content.read(start, content.size_bytes if end < 0 else end)])

    async def reaches(self, check: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            while not check():  # noqa: ASYNC110 - state behind threads and a database
                await asyncio.sleep(0.005)


@asynccontextmanager
async def vault_rig(
    tmp_path: Path, *, queues: tuple[QueueSettings, ...] = (), **settings: object
) -> AsyncIterator[VaultRig]:
    database = await open_records(tmp_path)
    rig = VaultRig(database, tmp_path, RecordingSettings(**settings), queues)  # type: ignore[arg-type]
    try:
        rig.vault.intake.start()
        yield rig
    finally:
        await rig.vault.aclose()
        await database.aclose()
