"""Makes a playable, sealed recording of the captures in a folder: `python -m media.recording.finalise FOLDER`.

It is a process of its own.

Prints one JSON object (the manifest) on stdout. Exit code 0: finalised; 1: the captures hold nothing playable (the
manifest says so); 2: the folder or its captures can't be read, or wrong usage; 3: the results can't be written.
Run twice it gives the same files; killed in between it leaves nothing that looks finished. The captures stay unless
`--remove-capture` is given, and are removed only after a playable file was sealed.
"""

import argparse
import json
import os
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO, Final

from media.recording import manifest as sealing
from media.recording.captures import Captures, Part, capture_files
from media.recording.coverage import Interval, completeness, without
from media.recording.expected import Expected, ExpectedInvalid, read_expected
from media.recording.format import CaptureDamaged
from media.recording.manifest import CaptureReport, FileReport, Manifest, ManifestDamaged, MarkReport, TrackReport
from media.recording.matroska import HeadTooLarge
from media.recording.mux import ROLES, SLOTS, Muxer, Side
from media.recording.reader import Ending
from media.recording.survey import KINDS, Survey, survey

EXIT_OK: Final = 0
EXIT_EMPTY: Final = 1
EXIT_UNREADABLE: Final = 2
EXIT_UNWRITABLE: Final = 3

_PART: Final = ".part"


def finalise(folder: Path, *, remove_capture: bool = False) -> dict[str, Any]:
    """Finalise the captures in `folder` and return the manifest's values.

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
        captures = Captures(folder)
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
            muxer.finish()
            for file in (whole, *outputs.values()):
                file.flush()
                os.fsync(file.fileno())
        values = _publish(folder, parts, found, muxer, expected)
    finally:
        for path in parts.values():
            path.unlink(missing_ok=True)
    if remove_capture and values["file"]:
        _remove(folder, files)
    return values


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


def _publish(folder: Path, parts: dict[str, Path], found: Survey, muxer: Muxer, expected: Expected) -> dict[str, Any]:
    """Give the files their names, hash them, and write the manifest last: with it the recording is finished."""
    whole: FileReport | None = None
    views: dict[str, FileReport] = {}
    if muxer.outputs:
        whole = _named(folder, parts["recording"], "recording", web=muxer.only_web_codecs)
    for role, view in muxer.views.items():
        if view.outputs:
            web = all(output.codec_name != "H264" for output in view.outputs.values())
            views[role] = _named(folder, parts[role], role, web=web)
    tracks = _track_reports(found, muxer, expected)
    measured = [track.completeness for track in tracks if track.expected_s > 0]
    reason = _truncated_reason(found, expected)
    return sealing.write_manifest(
        folder,
        Manifest(
            recording_id=found.recording_id,
            file=whole.file if whole else None,
            container=whole.container if whole else "",
            sha256=whole.sha256 if whole else "",
            size_bytes=whole.size_bytes if whole else 0,
            duration_s=round(muxer.end_s - muxer.zero_s, 3),
            started_at_s=round(muxer.zero_s, 3),
            tracks=tracks,
            completeness=min(measured, default=1.0 if tracks else 0.0),
            truncated=bool(reason),
            truncated_reason=reason,
            marks=[
                MarkReport(name=mark.name, detail=mark.detail, at_s=round(mark.at_s - muxer.zero_s, 3))
                for mark in found.marks
            ],
            views=views,
            captures=[_capture_report(part, muxer.zero_s) for part in found.parts],
            dropped_packets=found.dropped_packets,
            ignored_packets=found.ignored_packets,
        ),
    )


def _named(folder: Path, part: Path, name: str, *, web: bool) -> FileReport:
    sha256, size_bytes = sealing.hash_file(part)
    path = folder / f"{name}.{'webm' if web else 'mkv'}"
    part.replace(path)
    sealing.sync_folder(folder)
    return FileReport(file=path.name, container="webm" if web else "matroska", sha256=sha256, size_bytes=size_bytes)


def _capture_report(part: Part, zero_s: float) -> CaptureReport:
    return CaptureReport(
        file=part.file,
        ending=part.ending.value,
        packets=part.packets,
        damaged_bytes=part.damaged_bytes,
        holes=part.holes,
        from_s=round((part.first_at_s or zero_s) - zero_s, 3),
        to_s=round((part.last_at_s or zero_s) - zero_s, 3),
    )


def _truncated_reason(found: Survey, expected: Expected) -> str:
    if expected.truncated_reason:
        return expected.truncated_reason
    if found.failure:
        return found.failure
    if found.ending is Ending.CLEAN:
        return ""
    return "damaged" if found.ending is Ending.TORN else "interrupted"


def _track_reports(found: Survey, muxer: Muxer, expected: Expected) -> list[TrackReport]:
    wanted = set(expected.intervals) | set(muxer.sides)
    order = {slot: index for index, slot in enumerate(SLOTS)}
    return [
        _track_report(role, kind, found, muxer, expected)
        for role, kind in sorted(wanted, key=lambda key: (order.get(key, len(order)), key))
        if kind in KINDS
    ]


def _track_report(role: str, kind: str, found: Survey, muxer: Muxer, expected: Expected) -> TrackReport:
    side = muxer.sides.get((role, kind))
    covered = side.coverage.intervals() if side else []
    intervals = _expected_intervals(role, kind, found, expected)
    expected_s, share = completeness(intervals, covered)
    coverage = side.coverage if side else None
    return TrackReport(
        role=role,
        kind=kind,
        codec="+".join(side.codecs) if side else "",
        packets=side.packets if side else 0,
        frames=coverage.frames if coverage else 0,
        duration_s=round(coverage.end_s - coverage.first_s, 3) if coverage and coverage.first_s is not None else 0.0,
        gaps=[
            [round(start - muxer.zero_s, 3), round(end - muxer.zero_s, 3)]
            for start, end in (coverage.gaps if coverage else [])
        ],
        expected_s=round(expected_s, 3),
        completeness=round(share, 5),
        lost_packets=side.lost_packets if side else 0,
        damaged_frames=side.damaged_frames if side else 0,
        timing=_timing(side),
        rotation_deg=side.rotations.chosen_deg if side else 0,
        rotations=[
            [round(start - muxer.zero_s, 3), round(end - muxer.zero_s, 3), degrees]
            for start, end, degrees in (side.rotations.intervals(side.coverage.end_s) if side else [])
        ],
    )


def _timing(side: Side | None) -> str:
    if side is None or not side.packets:
        return ""
    return "sender_reports" if side.by_reports else "arrival"


def _expected_intervals(role: str, kind: str, found: Survey, expected: Expected) -> list[Interval]:
    """From the owner where it said anything; else from the first packet to the last record. Never within a pause."""
    if expected.given:
        intervals = expected.intervals.get((role, kind), [])
    elif found.first_at_s is not None:
        intervals = [(found.first_at_s, found.last_at_s)]
    else:
        intervals = []
    return without(intervals, found.pauses)


def main(arguments: list[str] | None = None) -> int:
    """The command. Everything it says on stdout is one JSON object; what went wrong is one line on stderr."""
    parser = argparse.ArgumentParser(prog="media.recording.finalise", description="Finalise a capture.")
    parser.add_argument("folder", type=Path, help="the recording's folder")
    parser.add_argument("--nice", type=int, default=0, help="lower the process's priority by this much")
    parser.add_argument("--remove-capture", action="store_true", help="remove the capture once everything is sealed")
    options = parser.parse_args(arguments)
    if options.nice > 0:
        os.nice(options.nice)
    try:
        values = finalise(options.folder, remove_capture=options.remove_capture)
    except (CaptureDamaged, ManifestDamaged) as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201 - a command
        return EXIT_UNREADABLE
    except (OSError, HeadTooLarge) as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201 - a command
        return EXIT_UNWRITABLE
    print(json.dumps(values, sort_keys=True))  # noqa: T201 - a command
    return EXIT_OK if values["file"] else EXIT_EMPTY


if __name__ == "__main__":
    sys.exit(main())
