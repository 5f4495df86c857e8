"""The captures of one recording, read as one: a media process that died is followed by another with the next capture.

All of them lie on the wall clock of the media host, so their records are joined by time. Track numbers are made unique
across captures. It knows files and records, no packet.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from heapq import merge
from pathlib import Path
from typing import Final

from media.recording.format import (
    FILE_NAME,
    MAX_CAPTURES,
    CaptureDamaged,
    Record,
    RtpCaptured,
    SenderReportCaptured,
    TrackOpened,
    capture_name,
)
from media.recording.reader import CaptureReader, Ending

_TRACKS: Final = 0x10000
"""Track numbers take 16 bits in each capture."""

MAX_HOLES: Final = 1000
_TELL_BYTES: Final = 64 * 1024


def capture_files(folder: Path) -> list[Path]:
    """The captures in `folder`, the oldest first. A number may be missing: then it was never begun, or is removed."""
    paths = [folder / capture_name(number) for number in range(1, MAX_CAPTURES + 1)]
    return [path for path in paths if path.is_file() and not path.is_symlink()]


@dataclass(slots=True)
class Part:
    """What reading one capture through found. Times in Unix seconds; None when it holds no record."""

    file: str
    ending: Ending = Ending.CUT
    packets: int = 0
    good_bytes: int = 0
    damaged_bytes: int = 0
    holes: list[tuple[float, float]] = field(default_factory=list)
    """Damaged places with good records behind them: (time of the record before, time of the record behind)."""
    first_at_s: float | None = None
    last_at_s: float | None = None


class Captures:
    """Every readable capture in a folder. `parts` is right once `records()` was read to its end.

    Raises CaptureDamaged when there is none; OSError when the folder can't be read.
    """

    def __init__(self, folder: Path, on_read: Callable[[int], None] = lambda size_bytes: None) -> None:
        """`on_read` is told the size of each piece of file that was read through."""
        self._on_read = on_read
        self._readable: list[Path] = []
        self.recording_id = ""
        self.parts: list[Part] = []
        problem = CaptureDamaged(f"there is no {FILE_NAME}")
        for path in capture_files(folder):
            try:
                with CaptureReader(path) as reader:
                    recording_id = reader.recording_id
            except CaptureDamaged as error:
                problem = error
                continue
            if self.recording_id and recording_id != self.recording_id:
                problem = CaptureDamaged("a capture belongs to another recording")
                continue
            self.recording_id = recording_id
            self._readable.append(path)
        if not self._readable:
            raise problem

    def records(self) -> Iterator[tuple[int, Record]]:
        """(index of the capture, record), in order of time over all captures and as written within each."""
        self.parts = [Part(path.name) for path in self._readable]
        streams = [self._records_of(index) for index in range(len(self._readable))]
        joined = merge(*streams, key=lambda item: item[:2]) if len(streams) > 1 else streams[0]
        for _, index, record in joined:
            yield index, record

    def _records_of(self, index: int) -> Iterator[tuple[float, int, Record]]:
        """(latest time so far, index, record): a record dated back stays behind the one it was written after."""
        part = self.parts[index]
        latest_s = float("-inf")
        with CaptureReader(self._readable[index]) as reader:
            holes, told = 0, 0
            for record in reader.records():
                if reader.holes > holes and len(part.holes) < MAX_HOLES:
                    part.holes.append((min(latest_s, record.at_s), record.at_s))
                holes = reader.holes
                latest_s = max(latest_s, record.at_s)
                if part.first_at_s is None:
                    part.first_at_s = record.at_s
                part.last_at_s = latest_s
                if reader.good_bytes - told >= _TELL_BYTES:
                    self._on_read(reader.good_bytes - told)
                    told = reader.good_bytes
                part.packets += isinstance(record, RtpCaptured)
                yield latest_s, index, _numbered(record, index)
            part.ending, part.good_bytes = reader.ending, reader.good_bytes
            part.damaged_bytes = reader.damaged_bytes
            self._on_read(reader.good_bytes + reader.damaged_bytes - told)


def _numbered(record: Record, index: int) -> Record:
    if index and isinstance(record, RtpCaptured | SenderReportCaptured | TrackOpened):
        return replace(record, track=index * _TRACKS + record.track)
    return record


def ending_of(parts: list[Part]) -> Ending:
    """How the recording ended: as its last capture did."""
    return max(parts, key=lambda part: part.last_at_s or 0.0).ending
