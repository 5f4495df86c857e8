"""Recordings on this node's disk: `<data_dir>/recordings/<recording id>/`. The only code that makes a path of an id.

A path is made of an id this gateway gave and of names this gateway chose, never of anything a caller wrote; links are
not followed. Everything here blocks: callers use a thread.
"""

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from gateway.base.errors import BadInput
from gateway.base.files import private
from gateway.base.ids import RecordingId, looks_like_id

CAPTURE: Final = "capture.vvc"
MANIFEST: Final = "manifest.json"
EXPECTED: Final = "expected.json"


class RecordingStore:
    """The folders of all recordings of this node."""

    def __init__(self, data_dir: Path) -> None:
        self.root = data_dir / "recordings"

    def folder(self, recording_id: RecordingId) -> Path:
        """Where a recording is. BadInput (`recording_id`) for anything that has not the shape of our ids."""
        if not looks_like_id(recording_id, "rc"):
            raise BadInput("recording_id", "This is no recording's id.")
        return self.root / recording_id

    def free_bytes(self) -> int:
        """Free disk for this process below the root. Raises OSError."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        return shutil.disk_usage(self.root).free

    def write_expected(self, recording_id: RecordingId, document: Mapping[str, Any]) -> None:
        """Write `expected.json` in one step. Raises OSError."""
        folder = self.folder(recording_id)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = folder / f".{EXPECTED}"
        with open(draft, "wb", opener=private) as file:
            file.write(json.dumps(document).encode())
            file.flush()
            os.fsync(file.fileno())
        draft.replace(folder / EXPECTED)

    def has_capture(self, recording_id: RecordingId) -> bool:
        return (self.folder(recording_id) / CAPTURE).is_file()

    def has_anything(self, recording_id: RecordingId) -> bool:
        folder = self.folder(recording_id)
        return (folder / CAPTURE).is_file() or (folder / MANIFEST).is_file()

    def left_over(self) -> list[RecordingId]:
        """Folders that hold a capture: recordings that were never finished."""
        try:
            names = sorted(entry.name for entry in os.scandir(self.root) if entry.is_dir(follow_symlinks=False))
        except FileNotFoundError:
            return []
        return [
            RecordingId(name) for name in names if looks_like_id(name, "rc") and self.has_capture(RecordingId(name))
        ]

    def discard(self, recording_id: RecordingId) -> None:
        """Remove everything of a recording. A missing folder is no error; other failures raise OSError."""
        try:
            shutil.rmtree(self.folder(recording_id))
        except FileNotFoundError:
            return
