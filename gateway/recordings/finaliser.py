"""Runs the finalising job: a process of its own, few at a time, at low priority, bounded in time, memory and words.

Knows how to call it and how to read its answer; nothing of captures or containers.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import gateway
from gateway.base.log import get_logger

NICENESS: Final = 10
MEMORY_BYTES: Final = 512 * 1024 * 1024
"""Address space of a job. It uses some 60 MB of it however long the call was."""

MAX_OUTPUT_BYTES: Final = 2 * 1024 * 1024
_PROGRESS: Final = b"progress "
_MAX_ERROR_BYTES: Final = 4096
_KILL_WAIT_S: Final = 5.0
_EXIT_EMPTY: Final = 1
_EXIT_UNWRITABLE: Final = 3
_EXIT_MEMORY: Final = 4

_log = get_logger("recordings.finaliser")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finalised:
    """How a job ended. `manifest` is there when it wrote one; `code` is empty when the recording can be played.

    Codes: `no_media`, `capture_unreadable`, `disk_full` (the results can't be written: try again later),
    `finalise_timeout`, `finalise_memory` (it wanted more than it may have), `finalise_failed`.
    """

    code: str
    detail: str
    manifest: Mapping[str, Any] | None = None


class Finaliser:
    """At most `jobs` processes at once, in the order in which they were asked for; each is killed after `timeout_s`."""

    def __init__(
        self, *, jobs: int, timeout_s: float, memory_bytes: int = MEMORY_BYTES, command: Sequence[str] = ()
    ) -> None:
        self._slots = asyncio.Semaphore(jobs)
        self._timeout_s = timeout_s
        self._memory_bytes = memory_bytes
        self._command = tuple(command) or (sys.executable, "-m", "media.recording.finalise")

    async def run(self, folder: Path, on_progress: Callable[[float], None] = lambda share: None) -> Finalised:
        """Finalise the captures in `folder`. Waits for a free slot. Cancelling it kills the process.

        `on_progress` is told 0.0 when the process begins, then the share of the work that is done.
        """
        async with self._slots:
            on_progress(0.0)
            try:
                process = await asyncio.create_subprocess_exec(
                    *self._command,
                    str(folder),
                    "--nice",
                    str(NICENESS),
                    "--memory",
                    str(self._memory_bytes),
                    "--progress",
                    "--remove-capture",
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=asyncio.subprocess.PIPE,
                    cwd=Path(gateway.__file__).parents[1],
                    env={name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ},
                )
            except OSError as error:
                return Finalised(code="finalise_failed", detail=f"no process could be started: {error.strerror}")
            try:
                async with asyncio.timeout(self._timeout_s):
                    said, complaint = await _bounded(process, on_progress)
                    await process.wait()
            except TimeoutError:
                return Finalised(code="finalise_timeout", detail=f"not done after {self._timeout_s:.0f} s")
            finally:
                await _end(process)
        return _read(process.returncode, said, complaint)


async def _bounded(process: asyncio.subprocess.Process, on_progress: Callable[[float], None]) -> tuple[bytes, bytes]:
    """What it says, without the lines that tell how far it is, and what it complains of."""

    async def some(stream: asyncio.StreamReader | None, limit: int) -> bytes:
        kept = bytearray()
        while stream is not None and (data := await stream.read(65536)):
            kept += data[: max(0, limit - len(kept))]
            while kept.startswith(_PROGRESS) and (end := kept.find(b"\n")) >= 0:
                share = bytes(kept[len(_PROGRESS) : end])
                del kept[: end + 1]
                if share.isdigit():
                    on_progress(int(share) / 100)
        return bytes(kept)

    async with asyncio.TaskGroup() as group:
        said = group.create_task(some(process.stdout, MAX_OUTPUT_BYTES))
        complaint = group.create_task(some(process.stderr, _MAX_ERROR_BYTES))
    return said.result(), complaint.result()


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.kill()
        try:
            async with asyncio.timeout(_KILL_WAIT_S):
                await process.wait()
        except TimeoutError:
            _log.error("finaliser.not_killed", pid=process.pid)


def _read(exit_code: int | None, said: bytes, complaint: bytes) -> Finalised:
    detail = complaint.decode("utf-8", "replace").strip().rpartition("\n")[2]
    if exit_code in (0, _EXIT_EMPTY):
        try:
            manifest = json.loads(said)
        except (ValueError, RecursionError):
            return Finalised(code="finalise_failed", detail="the job's answer can't be understood")
        if exit_code == 0:
            return Finalised(code="", detail="", manifest=manifest)
        return Finalised(code="no_media", detail="nothing that can be played was recorded", manifest=manifest)
    if exit_code == _EXIT_UNWRITABLE:
        return Finalised(code="disk_full", detail=detail)
    if exit_code == 2:
        return Finalised(code="capture_unreadable", detail=detail)
    if exit_code == _EXIT_MEMORY or exit_code == -signal.SIGKILL:  # its own limit, or the machine's
        return Finalised(code="finalise_memory", detail=detail or "it was killed")
    return Finalised(code="finalise_failed", detail=f"exit code {exit_code}: {detail}")
