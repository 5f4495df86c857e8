"""Reads a capture from beginning to end, record by record, over whatever was damaged in it.

A damaged place (a torn end, a block the disk lost) costs only itself: reading goes on with the next record whose
checksum is right. Memory stays at one read buffer however long the call was. It interprets no packet.
"""

import math
import re
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self
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

_READ_BYTES: Final = 256 * 1024
_HEADER_READ_BYTES: Final = 4096
_MAX_RECORD_BYTES: Final = FRAME.size + MAX_BODY_BYTES

_PLAUSIBLE: Final = re.compile(rb"(?s)(?=[\x00-\x10].{5}[\x01-\x06])")
"""Where a record may begin: a length up to `MAX_BODY_BYTES` and, behind the checksum, a type there is."""


class Ending(StrEnum):
    """How a capture ended, known once it was read through."""

    CLEAN = "clean"  # its END record is the last
    CUT = "cut"  # whole records up to the last byte, but no END: the writer died
    TORN = "torn"  # its last bytes are no whole record


class CaptureReader:
    """One capture, open for reading. Iterate `records()` once; `ending` and the counts are right afterwards.

    Raises OSError when the file can't be opened, CaptureDamaged when it does not begin as a capture.
    """

    def __init__(self, path: Path) -> None:
        self._file: BinaryIO = path.open("rb")
        try:
            header = decode_header(self._file.read(_HEADER_READ_BYTES))
        except BaseException:
            self._file.close()
            raise
        self.recording_id = header.recording_id
        self._start = header.size_bytes
        self._salt = header.salt
        self.ending = Ending.CUT
        self.good_bytes = header.size_bytes
        """The header and every whole record."""
        self.damaged_bytes = 0
        """What belongs to no record, a torn end included."""
        self.holes = 0
        """Damaged places with good records behind them."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._file.close()

    def records(self) -> Iterator[Record]:
        """Every whole record in order, up to END or the end of the file.

        Captures of version 1 end at their first damage: there a peer's bytes could pass for a record.
        """
        self._file.seek(self._start)
        pending, offset, whole = b"", 0, False
        damaged = 0  # bytes skipped since the last good record
        while True:
            if not whole and len(pending) - offset < _MAX_RECORD_BYTES:
                more = self._file.read(_READ_BYTES)
                pending, offset, whole = pending[offset:] + more, 0, len(more) < _READ_BYTES
            if offset >= len(pending):
                break
            size, record = self._at(pending, offset)
            if record is None:
                if self._salt is None and not size:
                    damaged += len(pending) - offset
                    break
                skip = size or self._skip(pending, offset, whole=whole)
                damaged += skip
                offset += skip
                continue
            if damaged:
                self.holes += 1
                self.damaged_bytes += damaged
                damaged = 0
            self.good_bytes += size
            offset += size
            yield record
            if isinstance(record, CaptureEnded):
                self.ending = Ending.CLEAN
                return
        if damaged:
            self.damaged_bytes += damaged
            self.ending = Ending.TORN

    def _at(self, data: bytes, offset: int) -> tuple[int, Record | None]:
        """(size, record) at `offset`. Size 0: nothing whole is there. No record: whole, but nothing known here."""
        if len(data) - offset < FRAME.size:
            return 0, None
        length, crc = FRAME.unpack_from(data, offset)
        start, end = offset + FRAME.size, offset + FRAME.size + length
        if not BODY.size <= length <= MAX_BODY_BYTES or end > len(data):
            return 0, None
        body = data[start:end]
        if crc32(body, self._salt or 0) != crc:
            return 0, None
        try:
            record = decode_body(body)
        except CaptureDamaged:
            return end - offset, None
        return end - offset, (record if math.isfinite(record.at_s) else None)

    @staticmethod
    def _skip(data: bytes, offset: int, *, whole: bool) -> int:
        """How far to the next place where a record may begin; at least one byte."""
        found = _PLAUSIBLE.search(data, offset + 1)
        if found is not None:
            return found.start() - offset
        kept = 0 if whole else FRAME.size  # the beginning of a record may be the last bytes read so far
        return max(1, len(data) - offset - kept)
