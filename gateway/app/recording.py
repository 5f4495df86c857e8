"""Everything of a node that records: the recording service, the vault behind it, and what is composed of them."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import CollectorRegistry

from gateway.app.alarms import Alarms
from gateway.app.stores import Stores
from gateway.base.clock import Clock
from gateway.config import Settings
from gateway.engines import Engine
from gateway.metrics.recordings import RecordingGauges
from gateway.recordings.finaliser import Finaliser
from gateway.recordings.service import RecordingService
from gateway.records.audit import SqlAudit
from gateway.records.recordings import SqlRecordings
from gateway.records.vault import SqlVault
from gateway.vault.composing import Composer
from gateway.vault.service import Vault, open_vault


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """Built, not yet started."""

    service: RecordingService
    vault: Vault
    composer: Composer
    rows: SqlRecordings
    audit: SqlAudit


async def build_recording(
    settings: Settings,
    clock: Clock,
    stores: Stores,
    registry: CollectorRegistry,
    *,
    engine: Engine,
    data_dir: Path,
    alarms: Alarms,
) -> Recording:
    """SetupError for keys or a store of recordings that can't be used."""
    audit = SqlAudit(stores.database, clock)
    rows = SqlRecordings(stores.database)
    vault = await asyncio.to_thread(
        lambda: open_vault(
            settings=settings.recording,
            queues=settings.queues,
            data_dir=data_dir,
            records=SqlVault(stores.database),
            rows=rows,
            clock=clock,
            audit=audit.note,
            on_alarm=alarms.of_recording,
        )
    )
    service = RecordingService(
        media=engine,
        records=rows,
        store=vault.spool.store,
        archive=vault,
        finaliser=Finaliser(
            jobs=settings.recording.finalisers, timeout_s=settings.recording.finalise_timeout.total_seconds()
        ),
        settings=settings.recording,
        clock=clock,
        on_alarm=alarms.of_recording,
        audit=audit.note,
        queues=settings.queues,
        silence_s=settings.media.silence_timeout.total_seconds(),
    )
    RecordingGauges(registry, lambda: service.jobs)
    return Recording(
        service=service, vault=vault, composer=Composer(vault, data_dir / "composing"), rows=rows, audit=audit
    )
