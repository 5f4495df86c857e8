"""The work of `visavis recording …` on the vault, whether or not the gateway runs; every act is in the audit."""

import asyncio
import getpass
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TypeVar

import typer

from gateway.base.clock import SystemClock
from gateway.base.errors import BadInput, NotFound, SetupError
from gateway.base.ids import ContactId, RecordingId, looks_like_id
from gateway.cli.settings import load_settings
from gateway.process import reason_of
from gateway.records.audit import SqlAudit
from gateway.records.database import open_database
from gateway.records.recordings import SqlRecordings
from gateway.records.vault import SqlVault
from gateway.runtime import write_private
from gateway.vault.check import Verdict
from gateway.vault.port import RecordingFilter
from gateway.vault.service import Vault, open_vault
from gateway.wiring.recordings import recordings_of, row_of

T = TypeVar("T")
_FAILED = 1


def _who() -> str:
    """Whom the audit names: the person at the machine."""
    return f"cli:{getpass.getuser()}"


@asynccontextmanager
async def _opened(config: Path | None) -> AsyncIterator[tuple[Vault, SqlAudit]]:
    settings = load_settings(os.environ, config)
    if not settings.data_dir.is_dir():
        raise SetupError("data_dir", f"There is no data folder {settings.data_dir}.")
    clock = SystemClock()
    database = await open_database(settings.records, settings.data_dir)
    audit = SqlAudit(database, clock)
    try:
        vault = open_vault(
            settings=settings.recording,
            queues=settings.queues,
            data_dir=settings.data_dir,
            records=SqlVault(database),
            rows=SqlRecordings(database),
            clock=clock,
            audit=audit.note,
            on_alarm=lambda code, recording_id, contact_id, detail: typer.echo(f"visavis: {detail}", err=True),
        )
        yield vault, audit
    finally:
        await database.aclose()


def _run(config: Path | None, work: Callable[[Vault, SqlAudit], Awaitable[T]]) -> T:
    async def whole() -> T:
        async with _opened(config) as (vault, audit):
            return await work(vault, audit)

    return asyncio.run(whole())


def _checked(recording_id: str) -> RecordingId:
    if not looks_like_id(recording_id, "rc"):
        raise BadInput("recording_id", f"{recording_id[:60]} is no recording's id.")
    return RecordingId(recording_id)


def list_all(
    config: Path | None, *, queue: str | None, state: str | None, contact: str | None, limit: int, json_output: bool
) -> int:
    """Print the newest recordings."""
    wanted = RecordingFilter(
        limit=limit, queue=queue, state=state, contact_id=None if contact is None else ContactId(contact)
    )
    rows = [row_of(record) for record in _run(config, lambda vault, _: vault.records.page(wanted))]
    if json_output:
        typer.echo(json.dumps({"recordings": rows}))
    for row in [] if json_output else rows:
        shown = (row["recording_id"], row["requested_at"], row["state"], row["queue"] or "-", row["consent"] or "-")
        typer.echo("  ".join(str(each) for each in (*shown, f"{row['duration_s']:.0f} s")))
    return 0


def verify_some(config: Path | None, recording_id: str | None, *, json_output: bool) -> int:
    """Verify one or all and print what was found."""

    async def work(vault: Vault, _: SqlAudit) -> list[Verdict]:
        if recording_id is None:
            return await vault.checker.all()
        verdict = await vault.checker.one(_checked(recording_id))
        if verdict is None:
            raise NotFound("not_found", f"There is no recording {recording_id}.")
        return [verdict]

    found = _run(config, work)
    bad = [verdict for verdict in found if verdict.state == "bad"]
    if json_output:
        typer.echo(json.dumps({"ok": not bad, "recordings": [asdict(verdict) for verdict in found]}))
    else:
        for verdict in found:
            size = f", {verdict.files} files, {verdict.size_bytes} bytes" if verdict.files else ""
            typer.echo(f"{verdict.recording_id}: {verdict.state}{size}")
            for fault in verdict.faults:
                typer.echo(f"{verdict.recording_id}: {fault}", err=True)
        typer.echo(f"{len(found)} recordings, {len(bad)} bad")
    return _FAILED if bad else 0


def export_one(config: Path | None, recording_id: str, target: Path) -> None:
    """Decrypt one into `target`. SetupError when it is there already or can't be written."""
    checked = _checked(recording_id)
    if target.exists():
        raise SetupError("target_exists", f"{target} exists; nothing was written.")

    async def work(vault: Vault, audit: SqlAudit) -> int:
        await audit.note(_who(), "recording_exported", checked, {"to": str(target)})
        return await vault.export(checked, target)

    try:
        written = _run(config, work)
    except OSError as error:
        raise SetupError("target_unusable", f"{target} can't be written: {reason_of(error)}.") from error
    typer.echo(f"{checked}: {written} bytes in {target}, its manifest in {target.name}.manifest.json")


def erase_some(config: Path | None, subject: str, reason: str, receipt_file: Path | None) -> int:
    """Erase and print or write the receipt."""

    async def work(vault: Vault, _: SqlAudit) -> str:
        records = await recordings_of(vault, subject)
        if not records:
            raise NotFound("not_found", f"There are no recordings of {subject}.")
        receipt = await vault.erasing.erase(records, subject=subject, by=_who(), reason=reason)
        return f'{{"receipt":{receipt.body},"signature":"{receipt.signature}"}}'

    text = _run(config, work)
    if receipt_file is None:
        typer.echo(text)
    else:
        write_private(receipt_file, text + "\n")
    body = json.loads(text)["receipt"]
    for kept in body["kept"]:
        typer.echo(f"{kept['recording_id']} was kept: {kept['why']}", err=True)
    typer.echo(f"{len(body['erased'])} erased, {len(body['kept'])} kept", err=True)
    return _FAILED if body["kept"] else 0


def hold_one(config: Path | None, recording_id: str, reason: str) -> None:
    hold = _run(config, lambda vault, _: vault.erasing.hold(_checked(recording_id), by=_who(), reason=reason))
    typer.echo(hold.hold_id)


def lift_one(config: Path | None, hold_id: str, reason: str) -> None:
    _run(config, lambda vault, _: vault.erasing.lift(hold_id, by=_who(), reason=reason))
    typer.echo(f"{hold_id} is lifted")


def rewrap_all(config: Path | None) -> None:
    """Wrap every key anew; the audit says under which."""

    async def work(vault: Vault, audit: SqlAudit) -> tuple[int, str]:
        await audit.note(_who(), "recordings_rewrapped", vault.keys.current, {})
        return await vault.rewrap(), vault.keys.current

    count, current = _run(config, work)
    typer.echo(f"{count} keys are under {current} now; recordings need no other master key")
