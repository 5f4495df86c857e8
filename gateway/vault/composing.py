"""The side-by-side file of a recording, made when somebody asks for it: one at a time, at low priority, cancellable.

It takes the finished recording out of the vault into a folder of its own, has it composed by a process, and gives what
was made to the intake, which seals it beside the rest. The plain copy is gone when the job is over, however it ended,
and at the next start when this process died. It knows no codec; the process does.
"""

import asyncio
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from gateway.base.errors import CapacityExceeded, GatewayError, NotFound
from gateway.base.ids import RecordingId
from gateway.base.log import get_logger
from gateway.base.tasks import Supervisor, in_thread
from gateway.recordings.finaliser import COMPOSE, COMPOSE_BYTES, NICENESS
from gateway.recordings.job_process import run_job
from gateway.recordings.port import RecordingRecord
from gateway.vault.content import write_out
from gateway.vault.sealed import SealBroken
from gateway.vault.service import Vault

FILE: Final = "together.webm"
POSTER: Final = "poster.jpg"
MANIFEST: Final = "manifest.json"
MAX_WAITING: Final = 20
TIMEOUT_S: Final = 4 * 3600.0
"""It takes about a quarter of the call's length on a quiet core, and a call lasts four hours at most."""

_KEPT_ENDED: Final = 200

_log = get_logger("vault.composing")


@dataclass(frozen=True, slots=True, kw_only=True)
class Composing:
    """`state`: `waiting`, `running`, `done`, `failed`. `progress` is 0…1; `code` says why it failed."""

    recording_id: RecordingId
    state: str
    progress: float = 0.0
    code: str = ""


class Composer:
    """All side-by-side files that are being made on this node. Bounded: `MAX_WAITING` jobs, the last 200 results."""

    def __init__(self, vault: Vault, work: Path, *, command: Sequence[str] = COMPOSE) -> None:
        """`work` is a folder of ours alone, on a disk that may hold a plain recording for a while."""
        self._vault = vault
        self._work = work
        self._command = tuple(command)
        self._one = asyncio.Lock()
        self._tasks = Supervisor("composing")
        self._jobs: dict[RecordingId, asyncio.Task[None]] = {}  # that somebody wants
        self._known: dict[RecordingId, Composing] = {}

    async def start(self) -> None:
        """Remove what a dead process left, and have sealed what it had made."""
        await self._clear()
        try:
            for recording_id in await asyncio.to_thread(self._vault.spool.unsealed, FILE):
                record = await self._vault.rows.get(recording_id)
                if record is not None and await self._vault.keeps(recording_id):
                    self._vault.take(record)
        except (GatewayError, OSError) as error:
            code = error.code if isinstance(error, GatewayError) else type(error).__name__
            _log.warning("composing.left_unsealed", code=code)  # the next start finds it again

    async def aclose(self) -> None:
        await self._tasks.aclose()
        await self._clear()

    async def _clear(self) -> None:
        await in_thread(shutil.rmtree, self._work, True)

    async def ask(self, recording_id: RecordingId, labels: Mapping[str, str]) -> Composing:
        """Have it made, with these names under the pictures; asked again, the same job goes on.

        Raises NotFound when there is no such recording, CapacityExceeded when too many wait, PortFailure.
        """
        if recording_id in self._jobs:
            return self._known[recording_id]
        record = await self._vault.rows.get(recording_id)
        if record is None or not record.file:
            raise NotFound("not_found", "There is no such recording, or nothing of it can be played.")
        if FILE in await self._vault.names(recording_id):
            return self._note(Composing(recording_id=recording_id, state="done", progress=1.0))
        if len(self._jobs) >= MAX_WAITING:
            raise CapacityExceeded("composing_full", "Too many recordings are being composed. Try again later.")
        job = self._tasks.spawn(self._make(record, dict(labels)), name=f"compose:{recording_id}")
        self._jobs[recording_id] = job
        job.add_done_callback(partial(self._ended, recording_id))
        return self._note(Composing(recording_id=recording_id, state="waiting"))

    async def state(self, recording_id: RecordingId) -> Composing | None:
        """How far it is; None when nobody asked for it and it is not there, or not any more. PortFailure."""
        known = self._known.get(recording_id)
        if known is not None and (known.state != "done" or await self._vault.keeps(recording_id)):
            return known
        if FILE in await self._vault.names(recording_id):
            return Composing(recording_id=recording_id, state="done", progress=1.0)
        return None

    def cancel(self, recording_id: RecordingId) -> bool:
        """Nobody wants it any more. False when it was not being made. Asked for again, it is made anew after that."""
        job = self._jobs.pop(recording_id, None)
        if job is None:
            return False
        job.cancel()
        self._known.pop(recording_id, None)
        return True

    def _ended(self, recording_id: RecordingId, job: asyncio.Task[None]) -> None:
        if self._jobs.get(recording_id) is job:
            del self._jobs[recording_id]

    def _note(self, composing: Composing) -> Composing:
        self._known.pop(composing.recording_id, None)
        self._known[composing.recording_id] = composing
        while len(self._known) > _KEPT_ENDED:
            oldest = next((known for known in self._known if known not in self._jobs), None)
            if oldest is None:
                break
            del self._known[oldest]
        return composing

    # ------------------------------------------------------------ one job

    async def _make(self, record: RecordingRecord, labels: Mapping[str, str]) -> None:
        recording_id = record.recording_id
        folder = self._work / recording_id
        async with self._one:
            self._note(Composing(recording_id=recording_id, state="running"))
            try:
                await in_thread(folder.mkdir, 0o700, True, True)
                for name in (record.file, MANIFEST):
                    await self._take_out(recording_id, name, folder / name)
                await self._compose(recording_id, folder, labels)
                if not await self._vault.keeps(recording_id):  # erased meanwhile: nothing more is made of it
                    raise _Failed("recording_gone")
                made = {FILE, POSTER} - set(await self._vault.names(recording_id))
                await self._hand_in(record, made, folder)
            except (_Failed, GatewayError, SealBroken, OSError) as error:
                code = error.code if isinstance(error, _Failed | GatewayError) else type(error).__name__
                _log.warning("composing.failed", recording_id=recording_id, code=code)
                self._note(Composing(recording_id=recording_id, state="failed", code=code))
            else:
                self._note(Composing(recording_id=recording_id, state="done", progress=1.0))
            finally:
                await in_thread(shutil.rmtree, folder, True)

    async def _hand_in(self, record: RecordingRecord, made: set[str], folder: Path) -> None:
        try:
            await in_thread(_move, made, folder, self._vault.spool.store.folder(record.recording_id))
        finally:  # cancelled or not: what lies there now must be sealed
            self._vault.take(record)

    async def _take_out(self, recording_id: RecordingId, name: str, target: Path) -> None:
        content = await self._vault.open(recording_id, name)
        if content is None:
            raise _Failed("recording_gone")
        await write_out(content, target)

    async def _compose(self, recording_id: RecordingId, folder: Path, labels: Mapping[str, str]) -> None:
        def tell(share: float) -> None:
            if recording_id in self._jobs:  # not after nobody wanted it any more
                self._note(Composing(recording_id=recording_id, state="running", progress=share))

        limits = ["--nice", str(NICENESS), "--memory", str(COMPOSE_BYTES), "--progress"]
        names = [f"--{role}={labels.get(role, '')}" for role in ("customer", "agent")]
        try:
            ended = await run_job([*self._command, str(folder), *limits, *names], timeout_s=TIMEOUT_S, on_progress=tell)
        except TimeoutError as error:
            raise _Failed("compose_timeout") from error
        if ended.exit_code != 0:
            _log.warning("composing.exit", recording_id=recording_id, detail=ended.last_complaint)
            raise _Failed("compose_failed")
        try:
            json.loads(ended.said)
        except ValueError as error:
            raise _Failed("compose_failed") from error


class _Failed(Exception):
    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def _move(names: set[str], work: Path, folder: Path) -> None:
    """Put what was made, and is not there yet, where the intake looks. Raises OSError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in sorted(names):
        (work / name).replace(folder / name)
