"""What is said of a finished recording, and the seal on it: `manifest.json`, written last and all at once.

A folder is finished when its manifest is there. The seal is a hash over the manifest itself, which holds the hash of
every file, so a change of a single byte anywhere shows. Nothing in it depends on when or how often it was made.
"""

import hashlib
import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

FILE_NAME: Final = "manifest.json"
MAX_BYTES: Final = 1024 * 1024
_HASH_READ_BYTES: Final = 1024 * 1024


class ManifestDamaged(ValueError):
    """The manifest is missing, not readable, or does not match its own seal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackReport:
    """One role and kind. Times in seconds; `gaps` and `rotations` from the start of the file.

    `missing_s` is what should be there and is not; `missing` lists the longest of it as `[from, to, cause]`
    (`media.recording.losses`), and `incomplete` says that it is more than anybody should overlook.

    `rotation_deg` is what a player turns the picture by, clockwise, because the file says so. Where it changed during
    the call, `rotations` is `[[from, to, degrees], …]` (at most `orientation.MAX_ROTATIONS`): what the picture needs
    there in all, not on top of `rotation_deg`.
    """

    role: str
    kind: str
    codec: str
    packets: int
    frames: int
    duration_s: float
    gaps: list[list[float]]
    expected_s: float
    completeness: float
    lost_packets: int
    damaged_frames: int
    missing_s: float
    missing: list[list[float | str]]
    incomplete: bool
    timing: str  # "sender_reports", "arrival", or "" without packets
    rotation_deg: int = 0
    rotations: list[list[float]] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChapterReport:
    """As in the file. Times in seconds from its start."""

    from_s: float
    to_s: float
    kind: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkReport:
    name: str
    detail: str
    at_s: float  # from the start of the file; negative before it


@dataclass(frozen=True, slots=True, kw_only=True)
class FileReport:
    file: str
    container: str  # "webm" or "matroska"
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureReport:
    """One capture the recording was made of. `ending`: clean, cut, torn. Times from the start of the file.

    `damaged_bytes` belonged to no whole record; `holes` counts damaged places with good records behind them.
    """

    file: str
    ending: str
    packets: int
    damaged_bytes: int
    holes: int
    from_s: float
    to_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The result of finalising. `file` is None when the capture held nothing that can be played."""

    recording_id: str
    file: str | None
    container: str
    sha256: str
    size_bytes: int
    duration_s: float
    started_at_s: float
    tracks: list[TrackReport]
    completeness: float
    incomplete: bool
    truncated: bool
    truncated_reason: str
    marks: list[MarkReport]
    chapters: list[ChapterReport]
    views: dict[str, FileReport]
    captures: list[CaptureReport]
    dropped_packets: int
    ignored_packets: int
    version: int = 1
    seal: str = field(default="", compare=False)

    def sealed(self) -> dict[str, Any]:
        """As JSON values, with the seal over all the rest."""
        values = asdict(self)
        values["seal"] = _seal(values)
        return values


def _seal(values: dict[str, Any]) -> str:
    rest = {name: value for name, value in values.items() if name != "seal"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def hash_file(path: Path) -> tuple[str, int]:
    """SHA-256 (hex) and size in bytes. Raises OSError; a link is not followed."""
    digest, size = hashlib.sha256(), 0
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NOFOLLOW)) as file:
        while block := file.read(_HASH_READ_BYTES):
            digest.update(block)
            size += len(block)
    return digest.hexdigest(), size


def write_manifest(folder: Path, manifest: Manifest) -> dict[str, Any]:
    """Write it beside the recording in one step (temporary file, fsync, rename, fsync of the folder)."""
    values = manifest.sealed()
    write_atomically(folder / FILE_NAME, json.dumps(values, indent=1, sort_keys=True).encode() + b"\n")
    return values


def write_atomically(path: Path, data: bytes) -> None:
    part = path.with_name(path.name + ".part")
    with part.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest's values, its seal checked. Raises ManifestDamaged."""
    try:
        with (folder / FILE_NAME).open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ManifestDamaged(f"no manifest: {error.strerror}") from error
    try:
        values = json.loads(data) if len(data) <= MAX_BYTES else None
    except (ValueError, RecursionError) as error:
        raise ManifestDamaged("the manifest is no JSON") from error
    if not isinstance(values, dict):
        raise ManifestDamaged("the manifest is no JSON object")
    if values.get("seal") != _seal(values):
        raise ManifestDamaged("the manifest does not match its seal")
    return values
