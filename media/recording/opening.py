"""Makes the file of the next capture, on the disk thread: an event loop that asks for one never waits for the disk."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from media.port import MediaRefused
from media.recording.disk import DiskThread
from media.recording.format import MAX_CAPTURES, capture_name
from media.recording.manifest import sync_folder

OPEN_TIMEOUT_S: Final = 4.0
"""A disk that does not answer must not hold up a call that is to be recorded."""

_FLAGS: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC


async def open_next(folder: Path, recording_id: str, disk: DiskThread) -> int:
    """The descriptor of the folder's next capture; `disk` must be held.

    The folder (mode 0700) is made when missing. Both names are synced, so that a power loss can't take them away.
    Raises MediaRefused: `recording_exists` when the folder has `MAX_CAPTURES` already, `recording_folder` when it can't
    be made, or not within `OPEN_TIMEOUT_S`; what is made too late is removed.
    """
    loop = asyncio.get_running_loop()
    opened: asyncio.Future[tuple[int, Path]] = loop.create_future()

    def settle(made: tuple[int, Path] | MediaRefused) -> None:
        if opened.done():  # nobody waits any more
            if not isinstance(made, MediaRefused):
                disk.do(_removal(*made))
        elif isinstance(made, MediaRefused):
            opened.set_exception(made)
        else:
            opened.set_result(made)
        disk.let_go()

    def make() -> None:
        made = _make(folder, recording_id)
        try:
            loop.call_soon_threadsafe(settle, made)
        except RuntimeError:  # the loop is closed: the process is ending
            if not isinstance(made, MediaRefused):
                _removal(*made)()
            disk.let_go()

    disk.hold()  # until it is settled: whoever asked may have let go by then, and there may be something to remove
    disk.do(make)
    try:
        async with asyncio.timeout(OPEN_TIMEOUT_S):
            try:
                file, _ = await opened
            except asyncio.CancelledError:  # the limit's too
                _give_up(opened, disk)
                raise
    except TimeoutError as error:
        raise MediaRefused("recording_folder", f"{recording_id} can't be written: the disk does not answer") from error
    return file


def _give_up(opened: "asyncio.Future[tuple[int, Path]]", disk: DiskThread) -> None:
    """It may have been made in the moment in which it was given up."""
    if not opened.cancelled() and opened.exception() is None:
        disk.do(_removal(*opened.result()))


def _make(folder: Path, recording_id: str) -> tuple[int, Path] | MediaRefused:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for number in range(1, MAX_CAPTURES + 1):
            path = folder / capture_name(number)
            try:
                file = os.open(path, _FLAGS, 0o600)
            except FileExistsError:
                continue
            sync_folder(folder)
            sync_folder(folder.parent)
            return file, path
    except OSError as error:
        return MediaRefused("recording_folder", f"{recording_id} can't be written: {error.strerror}")
    return MediaRefused("recording_exists", f"{recording_id} has {MAX_CAPTURES} captures already")


def _removal(file: int, path: Path) -> Callable[[], None]:
    def remove() -> None:
        os.close(file)
        path.unlink(missing_ok=True)

    return remove
