"""What the process itself owns: its data folder and its signals.

Every refusal is a SetupError whose text is one plain line that says what to do. Knows nothing of contacts or media.
"""

import asyncio
import fcntl
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from gateway.base.errors import SetupError
from gateway.base.log import get_logger

_LOCK_FILE: Final = "lock"

_log = get_logger("process")


# ---------------------------------------------------------------- data folder


@contextmanager
def data_folder(path: Path) -> Iterator[Path]:
    """Make `path` (private) when it is missing, see that it can be written, and hold it for this process alone.

    SetupError `data_dir` when it can't be used, `data_dir_busy` when another gateway uses it.
    """
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(path / _LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise SetupError(
            "data_dir",
            f"The data folder {path} can't be used: {reason_of(error)}. "
            "Make it writable, or choose another: VISAVIS_DATA_DIR=/path/to/folder.",
        ) from error
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            other = os.pread(lock, 20, 0).decode("ascii", "replace").strip()
            raise SetupError(
                "data_dir_busy",
                f"The data folder {path} is in use by another gateway (process {other or 'unknown'}). "
                "Stop it first, or choose another folder: VISAVIS_DATA_DIR=/path/to/folder.",
            ) from error
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
        yield path
    finally:
        os.close(lock)


def reason_of(error: OSError) -> str:
    """The system's words for what went wrong, in lower case and without the path (it is in the sentence already)."""
    text = error.strerror or type(error).__name__
    return text[0].lower() + text[1:]


# ---------------------------------------------------------------- signals


class StopSignals:
    """SIGTERM and SIGINT: the first asks to drain, the second to stop at once."""

    def __init__(self) -> None:
        self.drain = asyncio.Event()
        self.now = asyncio.Event()

    def listen(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.received, number)

    def unlisten(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)

    def received(self, number: int) -> None:
        _log.info("process.signal", signal=signal.Signals(number).name)
        if self.drain.is_set():
            self.now.set()
        self.drain.set()
