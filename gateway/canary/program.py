"""One program that a canary starts beside itself: what it says, line by line, and its certain end.

Owns the process and its terminal. Knows no SIP. A program writes a pipe in blocks and a terminal line by line, so it is
given a terminal of its own: what it says is heard when it says it.
"""

import asyncio
import contextlib
import os
import signal
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

STOP_S: Final = 3.0
"""After SIGTERM a program has so long before SIGKILL."""

_LINE_BYTES: Final = 4096  # a longer line is cut there: SIP headers are shorter
_READ_BYTES: Final = 1 << 16
_KEPT_LINES: Final = 50


class ProgramEndedError(Exception):
    """It ended, or never began. The text is its last words."""


class Program:
    """A running program. `last_words` are the newest 50 lines it said."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, terminal: int) -> None:
        self.name = name
        self._process = process
        self._terminal = terminal
        self._begun = b""
        self._lines: deque[str] = deque(maxlen=_KEPT_LINES)
        self._listeners: list[Callable[[str], None]] = []
        asyncio.get_running_loop().add_reader(terminal, self._read)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def last_words(self) -> str:
        return " / ".join(list(self._lines)[-3:]) or "without a word"

    def on_line(self, listener: Callable[[str], None]) -> None:
        """Tell it of every line from now on; none is told twice."""
        self._listeners.append(listener)

    async def until(self, ready: Callable[[], bool], limit_s: float) -> None:
        """Return once it is so. ProgramEndedError when the program ended first, TimeoutError after `limit_s`."""
        async with asyncio.timeout(limit_s):
            while not ready():
                if self._process.returncode is not None:
                    raise ProgramEndedError(f"{self.name} ended at once: {self.last_words}")
                await asyncio.sleep(0.02)

    async def stop(self) -> None:
        """End it and all that it started: SIGTERM, and SIGKILL when that is not heard."""
        try:
            self._signal(signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), STOP_S)
        finally:
            self._signal(signal.SIGKILL)  # also what it left behind, and when this stop itself is cut short
            self._hang_up()
        await self._process.wait()

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    def _read(self) -> None:
        try:
            some = os.read(self._terminal, _READ_BYTES)
        except BlockingIOError:
            return
        except OSError:  # EIO: nobody holds the other end any more
            some = b""
        if not some:
            self._hang_up()
            return
        *lines, rest = (self._begun + some).split(b"\n")
        self._begun = rest[:_LINE_BYTES]
        for line in lines:
            text = line[:_LINE_BYTES].decode("utf-8", "replace").strip()
            if text:
                self._lines.append(text)
                for listener in self._listeners:
                    listener(text)

    def _hang_up(self) -> None:
        if self._terminal >= 0:
            asyncio.get_running_loop().remove_reader(self._terminal)
            os.close(self._terminal)
            self._terminal = -1


@asynccontextmanager
async def running(name: str, command: Sequence[str], folder: Path, *, screen: bool) -> AsyncIterator[Program]:
    """The program in `folder` until the block ends. `screen`: what it prints is heard too, else only its complaints.

    Raises ProgramEndedError when it can't be started.
    """
    terminal, theirs = os.openpty()
    os.set_blocking(terminal, False)
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=folder,
            env={**os.environ, "TERM": "dumb"},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=theirs if screen else asyncio.subprocess.DEVNULL,
            stderr=theirs,
            start_new_session=True,  # Ctrl-C is for the canary, which then ends it in order
        )
    except OSError as error:
        os.close(terminal)
        raise ProgramEndedError(f"{name} can't be started: {error.strerror}") from error
    except asyncio.CancelledError:
        os.close(terminal)
        raise
    finally:
        os.close(theirs)
    program = Program(name, process, terminal)
    try:
        yield program
    finally:
        await program.stop()
