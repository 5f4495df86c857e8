"""Runs a job on a recording as a process of its own: bounded in time and in what it says, killed when nobody waits."""

import asyncio
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import gateway
from gateway.base.log import get_logger

MAX_OUTPUT_BYTES: Final = 2 * 1024 * 1024
_MAX_ERROR_BYTES: Final = 4096
_KILL_WAIT_S: Final = 5.0
_PROGRESS: Final = b"progress "
_ENVIRONMENT: Final = ("PATH", "LANG", "TMPDIR")
"""What a job gets of ours: no secret, no address."""

_log = get_logger("recordings.job")


@dataclass(frozen=True, slots=True)
class Ended:
    """How a process ended, and what it said. A negative exit code is the signal that ended it."""

    exit_code: int | None
    said: bytes
    complaint: bytes

    @property
    def last_complaint(self) -> str:
        return self.complaint.decode("utf-8", "replace").strip().rpartition("\n")[2]


async def run_job(
    command: Sequence[str], *, timeout_s: float, on_progress: Callable[[float], None] = lambda share: None
) -> Ended:
    """Run it to its end. Raises OSError when it can't be started, TimeoutError when it was not done in time.

    Lines like `progress 42` are told as shares and are no part of what it said. Cancelling kills it.
    """
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=Path(gateway.__file__).parents[1],
        env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
    )
    try:
        async with asyncio.timeout(timeout_s):
            said, complaint = await _bounded(process, on_progress)
            await process.wait()
    finally:
        await _end(process)
    return Ended(process.returncode, said, complaint)


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
            _log.error("job.not_killed", pid=process.pid)
