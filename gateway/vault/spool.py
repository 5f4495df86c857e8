"""Sealed files that wait on this node's disk for the store: `<recordings>/<recording id>/sealed/<name>.vvs`.

Everything here blocks: callers use a thread. Knows paths and the format; nothing of stores and rows.
"""

import hashlib
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.base.files import no_links, private
from gateway.base.ids import RecordingId, looks_like_id
from gateway.recordings.store import CAPTURE, EXPECTED, RecordingStore
from gateway.vault.port import SealedFile
from gateway.vault.sealed import Header, belongs_to, sealing

_FOLDER: Final = "sealed"
_NOT_KEPT: Final = frozenset({CAPTURE, EXPECTED})
_MEDIA_TYPES: Final = {
    ".webm": "video/webm",
    ".mkv": "video/x-matroska",
    ".mp4": "video/mp4",
    ".jpg": "image/jpeg",
    ".webp": "image/webp",
    ".png": "image/png",
    ".json": "application/json",
    ".vtt": "text/vtt",
}


@dataclass(frozen=True, slots=True)
class Spool:
    """The folders of recordings on this disk."""

    store: RecordingStore

    def plain_files(self, recording_id: RecordingId) -> list[Path]:
        """What the finaliser left, of the kinds that are kept. A missing folder holds none."""
        try:
            entries = sorted(os.scandir(self.store.folder(recording_id)), key=lambda entry: entry.name)
        except FileNotFoundError:
            return []
        return [
            Path(entry.path)
            for entry in entries
            if entry.is_file(follow_symlinks=False)
            and entry.name not in _NOT_KEPT
            and Path(entry.name).suffix in _MEDIA_TYPES
            and not entry.name.startswith(".")
        ]

    def unsealed(self, name: str) -> list[RecordingId]:
        """Recordings whose folder on this disk has a plain file of that name. A missing root holds none."""
        try:
            entries = sorted(entry.name for entry in os.scandir(self.store.root) if entry.is_dir(follow_symlinks=False))
        except FileNotFoundError:
            return []
        found = [RecordingId(entry) for entry in entries if looks_like_id(entry, "rc")]
        return [each for each in found if (self.store.folder(each) / name).is_file()]

    def media_type(self, name: str) -> str:
        return _MEDIA_TYPES[Path(name).suffix]

    def path(self, recording_id: RecordingId, name: str) -> Path:
        return self.store.folder(recording_id) / _FOLDER / f"{name}.vvs"

    def seal(self, recording_id: RecordingId, plain: Path, data_key: bytes) -> SealedFile:
        """Write the sealed file, on the disk for certain when this returns. Raises OSError, SealBroken."""
        target = self.path(recording_id, plain.name)
        target.parent.mkdir(mode=0o700, exist_ok=True)
        draft = target.with_suffix(".draft")
        before, after = hashlib.sha256(), hashlib.sha256()
        with open(plain, "rb", opener=no_links) as source, open(draft, "wb", opener=private) as file:
            header = Header(
                plain_bytes=os.fstat(source.fileno()).st_size,
                file_id=secrets.token_bytes(16),
                belongs=belongs_to(recording_id, plain.name),
            )
            for piece in sealing(source, data_key, header):
                after.update(piece)
                file.write(piece)
            source.seek(0)
            while data := source.read(1 << 20):
                before.update(data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(target)
        _sync_folder(target.parent)
        return SealedFile(
            recording_id=recording_id,
            name=plain.name,
            media_type=_MEDIA_TYPES[plain.suffix],
            plain_bytes=header.plain_bytes,
            plain_sha256=before.hexdigest(),
            sealed_bytes=header.sealed_bytes,
            sealed_sha256=after.hexdigest(),
        )

    def holds(self, file: SealedFile) -> bool:
        """Whether the sealed file is here, whole."""
        try:
            return self.path(file.recording_id, file.name).stat().st_size == file.sealed_bytes
        except FileNotFoundError:
            return False

    def remove_plain(self, recording_id: RecordingId) -> None:
        """The sealed files are safe: what they were made of goes."""
        for path in self.plain_files(recording_id):
            path.unlink(missing_ok=True)
        for name in _NOT_KEPT:
            (self.store.folder(recording_id) / name).unlink(missing_ok=True)

    def parts(self, file: SealedFile, part_bytes: int) -> Iterator[bytes]:
        """The sealed file in parts."""
        with open(self.path(file.recording_id, file.name), "rb", opener=no_links) as source:
            while data := source.read(part_bytes):
                yield data

    def waiting_bytes(self) -> int:
        """Of every recording's folder on this disk: what has not gone to the store."""
        total = 0
        for folder, _, names in os.walk(self.store.root):
            for name in names:
                try:
                    total += os.lstat(os.path.join(folder, name)).st_size
                except FileNotFoundError:
                    continue
        return total


def _sync_folder(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
