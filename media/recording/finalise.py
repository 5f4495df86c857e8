"""Makes a playable, sealed recording of the captures in a folder: `python -m media.recording.finalise FOLDER`.

It is a process of its own.

Prints one JSON object (the manifest) on stdout, before it with `--progress` lines like `progress 42`. Exit code 0:
finalised; 1: the captures hold nothing playable (the manifest says so); 2: the folder or its captures can't be read, or
wrong usage; 3: the disk is full; 4: it needs more memory than `--memory` allows; 5: the disk refuses for another
reason, which is said; 6: the results fit into no file.
Run twice it gives the same files; killed in between it leaves nothing that looks finished. The captures stay unless
`--remove-capture` is given, and are removed only after a playable file was sealed.
"""

import argparse
import errno
import json
import os
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO, Final

from gateway.base.upkeep import confine
from media.recording import manifest as sealing
from media.recording.captures import Captures, capture_files
from media.recording.command import be_modest, failed, percent_lines
from media.recording.expected import Expected, ExpectedInvalid, read_expected
from media.recording.format import CaptureDamaged
from media.recording.manifest import FileReport, ManifestDamaged
from media.recording.matroska import HeadTooLarge
from media.recording.mux import ROLES, Muxer
from media.recording.summary import Summary
from media.recording.survey import survey

EXIT_OK: Final = 0
EXIT_EMPTY: Final = 1
EXIT_UNREADABLE: Final = 2
EXIT_DISK_FULL: Final = 3
EXIT_MEMORY: Final = 4
EXIT_DISK_ERROR: Final = 5
EXIT_FAILED: Final = 6

_FULL: Final = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG))
_HINTS: Final = {
    **dict.fromkeys(_FULL, "make room"),
    errno.EROFS: "mount it for writing again, and find out why it is not",
    **dict.fromkeys((errno.EACCES, errno.EPERM), "give the folder to the user the gateway runs as"),
    errno.EIO: "the device fails, the kernel's log says how",
    **dict.fromkeys((errno.ENOENT, errno.ENOTDIR), "the folder was moved or removed, bring it back"),
    errno.ENOMEM: "it needs more memory than it may have",
}
_HINT: Final = "find out what is wrong with the disk of the recordings"

_PART: Final = ".part"


def finalise(
    folder: Path, *, remove_capture: bool = False, on_progress: Callable[[float], None] = lambda share: None
) -> dict[str, Any]:
    """Finalise the captures in `folder` and return the manifest's values. `on_progress` is told shares from 0 to 1.

    A folder whose captures are gone but whose manifest is good gives that manifest again; one whose captures are gone
    in part was finished by a job that was killed while it removed them. Raises CaptureDamaged or ManifestDamaged when
    there is nothing to work from, OSError when reading or writing fails.
    """
    files = capture_files(folder)
    done = _finished(folder, files)
    if done is not None:
        if remove_capture:
            _remove(folder, files)
        return done
    try:
        total_bytes = sum(path.stat().st_size for path in files)
        captures = Captures(folder, _passes(on_progress, 2 * total_bytes))
        found = survey(captures)
    except OSError as error:
        raise CaptureDamaged(f"the capture can't be read: {error.strerror}") from error
    try:
        expected = read_expected(folder, found.last_at_s)
    except ExpectedInvalid as error:
        print(f"warning: {error}; the capture is measured by itself", file=sys.stderr)  # noqa: T201 - a command
        expected = Expected()
    parts = {name: folder / f"{name}{_PART}" for name in ("recording", *ROLES)}
    try:
        with ExitStack() as stack:
            outputs: dict[str, BinaryIO] = {
                name: stack.enter_context(open(path, "w+b", opener=_private)) for name, path in parts.items()
            }
            whole = outputs.pop("recording")
            muxer = Muxer(found, whole, outputs)
            muxer.run(captures)
            summary = Summary(found, muxer, expected)
            muxer.finish(summary.about())
            for file in (whole, *outputs.values()):
                file.flush()
                os.fsync(file.fileno())
        values = _publish(folder, parts, summary, muxer)
    finally:
        for path in parts.values():
            path.unlink(missing_ok=True)
    if remove_capture and values["file"]:
        _remove(folder, files)
    return values


def _passes(on_progress: Callable[[float], None], total_bytes: int) -> Callable[[int], None]:
    """Both passes read all captures; what is left after them is short, and told as the last 5 %."""
    done_bytes = 0

    def read(size_bytes: int) -> None:
        nonlocal done_bytes
        done_bytes += size_bytes
        on_progress(0.95 * min(1.0, done_bytes / max(1, total_bytes)))

    return read


def _finished(folder: Path, files: list[Path]) -> dict[str, Any] | None:
    """The manifest when what it was made of is not all there any more; None when there is work to do."""
    if not files:
        return sealing.read_manifest(folder)
    try:
        values = sealing.read_manifest(folder)
    except ManifestDamaged:
        return None
    there = {path.name for path in files}
    return values if any(part["file"] not in there for part in values.get("captures", ())) else None


def _remove(folder: Path, files: list[Path]) -> None:
    for path in files:
        path.unlink(missing_ok=True)
    sealing.sync_folder(folder)


def _private(name: str, flags: int) -> int:
    return os.open(name, flags | os.O_NOFOLLOW, 0o600)


def _publish(folder: Path, parts: dict[str, Path], summary: Summary, muxer: Muxer) -> dict[str, Any]:
    """Give the files their names, hash them, and write the manifest last: with it the recording is finished."""
    whole: FileReport | None = None
    views: dict[str, FileReport] = {}
    if muxer.outputs:
        whole = _named(folder, parts["recording"], "recording", web=muxer.only_web_codecs)
    for role, view in muxer.views.items():
        if view.outputs:
            web = all(output.codec_name != "H264" for output in view.outputs.values())
            views[role] = _named(folder, parts[role], role, web=web)
    return sealing.write_manifest(folder, summary.manifest(whole, views))


def _named(folder: Path, part: Path, name: str, *, web: bool) -> FileReport:
    sha256, size_bytes = sealing.hash_file(part)
    path = folder / f"{name}.{'webm' if web else 'mkv'}"
    part.replace(path)
    sealing.sync_folder(folder)
    return FileReport(file=path.name, container="webm" if web else "matroska", sha256=sha256, size_bytes=size_bytes)


def main(arguments: list[str] | None = None) -> int:
    """The command. Everything it says on stdout is one JSON object; what went wrong is one line on stderr."""
    parser = argparse.ArgumentParser(prog="media.recording.finalise", description="Finalise a capture.")
    parser.add_argument("folder", type=Path, help="the recording's folder")
    parser.add_argument("--nice", type=int, default=0, help="lower the process's priority by this much, for disks too")
    parser.add_argument("--memory", type=int, default=0, help="at most so many bytes of memory; 0: no limit")
    parser.add_argument("--progress", action="store_true", help="say how far it is, in percent")
    parser.add_argument("--remove-capture", action="store_true", help="remove the captures once everything is sealed")
    options = parser.parse_args(arguments)
    be_modest(options.nice, options.memory)
    try:
        values = finalise(
            options.folder,
            remove_capture=options.remove_capture,
            on_progress=percent_lines() if options.progress else lambda share: None,
        )
    except (CaptureDamaged, ManifestDamaged) as error:
        return failed(EXIT_UNREADABLE, error)
    except HeadTooLarge as error:
        return failed(EXIT_FAILED, error)
    except OSError as error:
        return refused(error)
    except MemoryError:
        return failed(EXIT_MEMORY, "it needs more memory than it may have")
    print(json.dumps(values, sort_keys=True))  # noqa: T201 - a command
    return EXIT_OK if values["file"] else EXIT_EMPTY


def refused(error: OSError) -> int:
    """What the system refused, which file, and what to do about it, on stderr; the exit code for it. No paths."""
    code = {errno.ENOMEM: EXIT_MEMORY, **dict.fromkeys(_FULL, EXIT_DISK_FULL)}.get(error.errno or 0, EXIT_DISK_ERROR)
    name = f" ({Path(os.fsdecode(error.filename)).name})" if isinstance(error.filename, str | bytes) else ""
    return failed(code, f"{error.strerror or 'the disk failed'}{name}: {_HINTS.get(error.errno or 0, _HINT)}")


if __name__ == "__main__":
    confine()
    sys.exit(main())
