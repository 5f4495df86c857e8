"""Reads a capture from beginning to end, record by record, and stops cleanly at the first damaged one.

Memory stays at one read buffer however long the call was. It interprets no packet.
"""

import math
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self
from zlib import crc32

from media.recording.format import (
    BODY,
    FRAME,
    MAX_BODY_BYTES,
    CaptureDamaged,
    CaptureEnded,
    Record,
    decode_body,
    decode_header,
)

_READ_BYTES = 256 * 1024
_HEADER_READ_BYTES = 4096


class Ending(StrEnum):
    """How a capture ended, known once it was read through."""

    CLEAN = "clean"  # its END record is the last
    CUT = "cut"  # whole records up to the last byte, but no END: the writer died
    TORN = "torn"  # the last record is incomplete or damaged; everything before it is good


class CaptureReader:
    """One capture, open for reading. Iterate `records()` once; `ending` and `good_bytes` are right afterwards.

    Raises OSError when the file can't be opened, CaptureDamaged when it does not begin as a capture.
    """

    def __init__(self, path: Path) -> None:
        self._file: BinaryIO = path.open("rb")
        try:
            self.recording_id, self.good_bytes = decode_header(self._file.read(_HEADER_READ_BYTES))
        except BaseException:
            self._file.close()
            raise
        self.ending = Ending.CUT

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._file.close()

    def records(self) -> Iterator[Record]:
        """Every whole record in order. Ends at END, at the end of the file, or before the first damaged record."""
        self._file.seek(self.good_bytes)
        pending = b""
        offset = 0
        while True:
            if len(pending) - offset < FRAME.size + MAX_BODY_BYTES:
                pending = pending[offset:] + self._file.read(_READ_BYTES)
                offset = 0
            if not pending[offset:]:
                return
            record, end = self._next(pending, offset)
            if record is None:
                self.ending = Ending.TORN
                return
            self.good_bytes += end - offset
            offset = end
            yield record
            if isinstance(record, CaptureEnded):
                self.ending = Ending.CLEAN
                return

    @staticmethod
    def _next(data: bytes, offset: int) -> tuple[Record | None, int]:
        if len(data) - offset < FRAME.size:
            return None, offset
        length, crc = FRAME.unpack_from(data, offset)
        start, end = offset + FRAME.size, offset + FRAME.size + length
        if not BODY.size <= length <= MAX_BODY_BYTES or end > len(data):
            return None, offset
        body = data[start:end]
        if crc32(body) != crc:
            return None, offset
        try:
            record = decode_body(body)
        except CaptureDamaged:
            return None, offset
        return (record if math.isfinite(record.at_s) else None), end
