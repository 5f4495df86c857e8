"""Runs the finalising job: a process of its own, few at a time, at low priority, bounded in time, memory and words.

Knows how to call it and how to read its answer; nothing of captures or containers.
"""

import asyncio
import json
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from gateway.base.log import get_logger
from gateway.recordings.job_process import run_job

NICENESS: Final = 10
MEMORY_BYTES: Final = 512 * 1024 * 1024
"""Address space of a job. It uses some 60 MB of it however long the call was."""

COMPOSE: Final = (sys.executable, "-m", "media.recording.compose")
COMPOSE_BYTES: Final = 2 * 1024 * 1024 * 1024
"""Address space of a job that decodes and encodes; it uses some 200 MB of it."""

POSTER_TIMEOUT_S: Final = 60.0
_EXIT_EMPTY: Final = 1
_EXIT_UNREADABLE: Final = 2
_EXIT_DISK_FULL: Final = 3
_EXIT_MEMORY: Final = 4
_EXIT_DISK_ERROR: Final = 5
_CODES: Final = {
    _EXIT_UNREADABLE: "capture_unreadable",
    _EXIT_DISK_FULL: "disk_full",
    _EXIT_DISK_ERROR: "disk_error",
}

_log = get_logger("recordings.finaliser")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finalised:
    """How a job ended. `manifest` is there when it wrote one; `code` is empty when the recording can be played.

    Codes: `no_media`, `capture_unreadable`, `disk_full` and `disk_error` (the results can't be written, for want of
    room or for what `detail` says: try again later), `finalise_timeout`, `finalise_memory` (it wanted more than it may
    have), `finalise_failed`.
    """

    code: str
    detail: str
    manifest: Mapping[str, Any] | None = None


class Finaliser:
    """At most `jobs` processes at once, in the order in which they were asked for; each is killed after `timeout_s`."""

    def __init__(
        self, *, jobs: int, timeout_s: float, memory_bytes: int = MEMORY_BYTES, command: Sequence[str] = ()
    ) -> None:
        """`command` is run instead of the real one, and no poster is made then."""
        self._slots = asyncio.Semaphore(jobs)
        self._timeout_s = timeout_s
        self._memory_bytes = memory_bytes
        self._command = tuple(command) or (sys.executable, "-m", "media.recording.finalise")
        self._poster = () if command else COMPOSE

    async def run(self, folder: Path, on_progress: Callable[[float], None] = lambda share: None) -> Finalised:
        """Finalise the captures in `folder`. Waits for a free slot. Cancelling it kills the process.

        `on_progress` is told 0.0 when the process begins, then the share of the work that is done.
        """
        async with self._slots:
            on_progress(0.0)
            try:
                ended = await run_job(
                    [
                        *self._command,
                        str(folder),
                        "--nice",
                        str(NICENESS),
                        "--memory",
                        str(self._memory_bytes),
                        "--progress",
                        "--remove-capture",
                    ],
                    timeout_s=self._timeout_s,
                    on_progress=on_progress,
                )
            except TimeoutError:
                return Finalised(code="finalise_timeout", detail=f"not done after {self._timeout_s:.0f} s")
            except OSError as error:
                return Finalised(code="finalise_failed", detail=f"no process could be started: {error.strerror}")
            if ended.exit_code == 0 and self._poster:
                await self._make_poster(folder)
        return _read(ended.exit_code, ended.said, ended.complaint)

    async def _make_poster(self, folder: Path) -> None:
        """A picture for lists. A recording without one is as good a recording."""
        try:
            ended = await run_job(
                [*self._poster, str(folder), "--poster", "--nice", str(NICENESS), "--memory", str(COMPOSE_BYTES)],
                timeout_s=POSTER_TIMEOUT_S,
            )
        except OSError as error:  # a TimeoutError is one
            _log.info("finaliser.no_poster", error=error.strerror or "not done in time")
        else:
            if ended.exit_code:
                _log.info("finaliser.no_poster", error=ended.last_complaint)


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
    if exit_code in _CODES:
        return Finalised(code=_CODES[exit_code], detail=detail)
    if exit_code == _EXIT_MEMORY or exit_code == -signal.SIGKILL:  # its own limit, or the machine's
        return Finalised(code="finalise_memory", detail=detail or "it was killed")
    return Finalised(code="finalise_failed", detail=f"exit code {exit_code}: {detail}")
