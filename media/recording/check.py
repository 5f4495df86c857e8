"""Says whether a finished recording is good: unchanged since it was sealed, every frame decodes, complete.

`check_recording` is what `visavis recording check` prints. It decodes in the calling process, so call it from a
command, never from a server: a hostile file costs whoever checks it.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import av

from media.recording.frames import MAX_PICTURE_PIXELS
from media.recording.manifest import ManifestDamaged, hash_file, read_manifest

COMPLETE: Final = 0.99
EXIT_OK: Final = 0
EXIT_NOT_OK: Final = 1
EXIT_UNREADABLE: Final = 2
_MAX_PROBLEMS: Final = 50


@dataclass(slots=True)
class CheckedTrack:
    """One track as a player would get it, beside what the manifest says of it."""

    name: str
    codec: str
    frames: int = 0
    duration_s: float = 0.0
    errors: int = 0
    completeness: float | None = None

    @property
    def decodes(self) -> bool:
        """Whether there are frames and all of them could be decoded."""
        return self.frames > 0 and self.errors == 0


@dataclass(slots=True)
class CheckResult:
    """`problems` is empty exactly when `ok`. `exit_code`: 0 good, 1 not good, 2 no finished recording could be read."""

    path: Path
    exit_code: int = EXIT_OK
    problems: list[str] = field(default_factory=list)
    recording_id: str = ""
    file: str = ""
    container: str = ""
    sha256: str = ""
    duration_s: float = 0.0
    completeness: float | None = None
    truncated: bool = False
    tracks: list[CheckedTrack] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return self.exit_code == EXIT_OK

    def problem(self, text: str, exit_code: int = EXIT_NOT_OK) -> None:
        self.exit_code = max(self.exit_code, exit_code)
        if len(self.problems) < _MAX_PROBLEMS:
            self.problems.append(text)


def check_recording(path: Path, *, complete: float = COMPLETE) -> CheckResult:
    """Check the recording in a folder, or the one a file of it belongs to. Never raises for what is on disk.

    `complete` is the least completeness (0…1) that counts as good.
    """
    folder = path if path.is_dir() else path.parent
    result = CheckResult(path)
    try:
        manifest = read_manifest(folder)
    except ManifestDamaged as error:
        result.problem(f"not a finished recording: {error}", EXIT_UNREADABLE)
        return result
    try:
        _check(folder, manifest, result, complete)
    except (KeyError, TypeError, ValueError):
        result.problem("the manifest lacks what a manifest says", EXIT_UNREADABLE)
    return result


def _check(folder: Path, manifest: dict[str, Any], result: CheckResult, complete: float) -> None:
    result.recording_id = str(manifest["recording_id"])
    result.container = str(manifest["container"])
    result.sha256 = str(manifest["sha256"])
    result.duration_s = float(manifest["duration_s"])
    result.completeness = float(manifest["completeness"])
    result.truncated = bool(manifest["truncated"])
    if not manifest["file"]:
        result.problem("nothing that can be played was recorded")
        return
    result.file = Path(manifest["file"]).name
    files = {result.file: result.sha256}
    files |= {Path(view["file"]).name: str(view["sha256"]) for view in manifest["views"].values()}
    for name, sha256 in files.items():
        _check_hash(folder / name, sha256, result)
    if result.exit_code != EXIT_UNREADABLE:
        _decode(folder / result.file, result)
    _check_tracks(manifest, result)
    if result.completeness < complete:
        result.problem(f"only {result.completeness:.3f} complete")
    if result.truncated:
        result.problem(f"cut off: {manifest['truncated_reason']}")


def _check_hash(path: Path, sha256: str, result: CheckResult) -> None:
    try:
        digest, _ = hash_file(path)
    except OSError as error:
        result.problem(f"{path.name} can't be read: {error.strerror}", EXIT_UNREADABLE)
        return
    if digest != sha256:
        result.problem(f"{path.name} was changed after it was sealed")


def _check_tracks(manifest: dict[str, Any], result: CheckResult) -> None:
    by_name = {track.name: track for track in result.tracks}
    for report in manifest["tracks"]:
        name = f"{report['role']} {report['kind']}"
        track = by_name.get(name)
        if track is not None:
            track.completeness = float(report["completeness"])
        elif report["frames"]:
            result.problem(f"the track {name} is missing")
    for track in result.tracks:
        if not track.decodes:
            result.problem(f"{track.name}: {track.errors} of {track.frames + track.errors} frames can't be decoded")


def _decode(path: Path, result: CheckResult) -> None:
    """Decode every frame of every track. Durations are from the first frame's time to the last one's end."""
    try:
        with av.open(str(path)) as container:
            first: dict[int, float] = {}
            for stream in container.streams:
                result.tracks.append(CheckedTrack(stream.metadata.get("title", ""), stream.codec_context.name))
                stream.codec_context.options = {"max_pixels": str(MAX_PICTURE_PIXELS)}
            for packet in container.demux():
                track = result.tracks[packet.stream.index]
                try:
                    frames = packet.decode()
                except av.FFmpegError:
                    track.errors += 1
                    continue
                for frame in frames:
                    if not isinstance(frame, av.AudioFrame | av.VideoFrame):
                        continue
                    if frame.is_corrupt or frame.time is None:
                        track.errors += 1
                        continue
                    track.frames += 1
                    start_s = first.setdefault(packet.stream.index, frame.time)
                    length_s = frame.samples / frame.sample_rate if isinstance(frame, av.AudioFrame) else 0.0
                    track.duration_s = max(track.duration_s, round(frame.time + length_s - start_s, 3))
    except (av.FFmpegError, OSError) as error:
        result.problem(f"{path.name} can't be opened: {error}", EXIT_UNREADABLE)
