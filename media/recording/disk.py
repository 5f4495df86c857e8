"""The one thread that touches the disk for every capture: appends at least every 250 ms, syncs about once a second.

It knows nothing of records or packets: a capture hands it bytes through `Flushable`. It starts with the first capture
and ends with the last, so that a quiet process has no thread of ours.
"""

import threading
import time
from typing import Protocol

FLUSH_EVERY_S = 0.2
"""Between two rounds over all captures; with a round's own time it stays below the promised 250 ms."""

SYNC_EVERY_S = 1.0
"""Between two fsyncs of one capture: with the flush this keeps a power loss within the promised 2 s."""


class Flushable(Protocol):
    """A capture as the disk thread sees it."""

    def flush(self, *, sync: bool) -> bool:
        """Write out what is buffered, and fsync when `sync`. Returns False when it is over and must not be asked again.

        Called on the disk thread; never raises.
        """
        ...


class DiskThread:
    """Owns the thread and the set of captures it serves."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._captures: dict[Flushable, float] = {}  # → monotonic time of its last sync
        self._thread: threading.Thread | None = None

    def add(self, capture: Flushable) -> None:
        """Serve `capture` from now on. Raises RuntimeError when the process can't start a thread."""
        with self._lock:
            self._captures[capture] = time.monotonic()
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="recording-disk", daemon=True)
                try:
                    thread.start()
                except RuntimeError:
                    del self._captures[capture]
                    raise
                self._thread = thread

    def wake(self) -> None:
        """Do the next round now: somebody waits for it."""
        self._wake.set()

    @property
    def running(self) -> bool:
        with self._lock:
            return self._thread is not None

    def _run(self) -> None:
        while True:
            self._wake.wait(FLUSH_EVERY_S)
            self._wake.clear()
            with self._lock:
                round_ = list(self._captures.items())
            for capture, synced_at in round_:
                due = time.monotonic() - synced_at >= SYNC_EVERY_S
                alive = capture.flush(sync=due)
                with self._lock:
                    if not alive:
                        del self._captures[capture]
                    elif due:
                        self._captures[capture] = time.monotonic()
            with self._lock:
                if not self._captures:
                    self._thread = None
                    return


DISK = DiskThread()
"""Shared by all captures of the process."""
