"""The one thread that touches the disk for every capture of the process, and what it may do there.

It knows nothing of records or packets: whoever has something to write gives it a job. It starts with the first who
holds it and ends with the last who lets go, so that a quiet process has no thread of ours. On a disk that hangs jobs
wait; each capture gives one at a time, and what they keep meanwhile is bounded by themselves.
"""

import os
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Final

SYNC_EVERY_S: Final = 1.1
"""Between two fsyncs of one capture, at the next hand-over: every 1.2 s. With the 0.4 s until it is written, a power
loss costs less than 2 s."""


def free_bytes(file: int) -> int:
    """What this process may still write on the file system of an open file. Raises OSError."""
    found = os.fstatvfs(file)
    return found.f_bavail * found.f_frsize


class DiskThread:
    """Owns the thread. The calls that reach the disk are given, so that tests can fail them, or hold them up."""

    def __init__(
        self,
        *,
        write: Callable[[int, memoryview], int] = os.write,
        sync: Callable[[int], None] = os.fsync,
        free: Callable[[int], int] = free_bytes,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.write = write
        self.sync = sync
        self.free = free
        self.clock = clock
        self._lock = threading.Lock()
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._holders = 0
        self._thread: threading.Thread | None = None

    def hold(self) -> None:
        """Keep the thread until `let_go`. Raises RuntimeError when the process can't start one."""
        with self._lock:
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="recording-disk", daemon=True)
                thread.start()
                self._thread = thread
            self._holders += 1

    def let_go(self) -> None:
        """Jobs given before are still done. Any thread."""
        with self._lock:
            self._holders -= 1
        self._jobs.put(None)

    def do(self, job: Callable[[], None]) -> None:
        """Have `job` done, in order, by whoever holds the thread. Never waits; the job must not raise."""
        self._jobs.put(job)

    @property
    def running(self) -> bool:
        with self._lock:
            return self._thread is not None

    def _run(self) -> None:
        while True:
            job = self._jobs.get()
            if job is not None:
                job()
                continue
            with self._lock:
                if not self._holders and self._jobs.empty():
                    self._thread = None
                    return


DISK = DiskThread()
"""Shared by all captures of the process."""
