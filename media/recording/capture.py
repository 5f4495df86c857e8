"""Writes a capture: packets in, an append-only file out, with nothing between that could hold up a call.

The methods called from the packet path copy into a bounded buffer and return; they never block on the disk and never
raise. The disk thread empties the buffer. When the buffer is full the packet is dropped and counted, the count is
written to the capture as soon as there is room, and after `OVERLOAD_PACKETS` dropped packets the recording fails with
`overload`. Whatever fails, the call goes on and what is on disk stays readable.

It knows records and bytes, no leg and no codec.
"""

import asyncio
import errno
import mmap
import os
import secrets
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self
from zlib import crc32

from gateway.base.log import get_logger
from media.port import MediaRefused
from media.recording.disk import DISK, DiskThread
from media.recording.format import (
    BODY,
    CRC,
    CRC_OFFSET,
    FRAME_AND_BODY,
    MAX_CAPTURES,
    MAX_TRACKS,
    CaptureEnded,
    MarkSet,
    PacketsDropped,
    RecordType,
    SenderReportCaptured,
    TrackOpened,
    capture_name,
    encode_dropped,
    encode_end,
    encode_header,
    encode_mark,
    encode_report,
    encode_track,
)

BUFFER_BYTES = 2 * 1024 * 1024
"""Of each of the two buffers of a capture: about 7 s of a 2.4 Mbit/s call while the disk is stuck. Untouched pages
of it cost nothing."""


def _untouched(size_bytes: int) -> memoryview:
    """Memory that takes no page before it is written to; a bytearray writes all of its own at once."""
    return memoryview(mmap.mmap(-1, size_bytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))


RESERVED_BYTES = 64 * 1024
"""The end of a buffer that only marks, tracks and reports may use: a pause must not be lost because packets came."""

OVERLOAD_PACKETS = 2000
"""So many dropped packets (about 5 s of a call) and the recording is given up as `overload`."""

MAX_PACKET_BYTES = 1500
CLOSE_TIMEOUT_S = 4.0
"""A disk that does not answer must not hold up the end of a call."""

TELEPHONE_EVENT = "TELEPHONE-EVENT"
_RTP_HEADER_BYTES = 12
_DISK_FULL = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG))

_log = get_logger("recording.capture")


def _next_file(folder: Path) -> int | None:
    """A new file under the first free name, whatever is there; None when there is none. Raises OSError."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    for number in range(1, MAX_CAPTURES + 1):
        try:
            return os.open(folder / capture_name(number), flags, 0o600)
        except FileExistsError:
            continue
    return None


class CaptureWriter:
    """One open capture. Made by `open`, on the event loop; ended by `close`.

    `on_started(at_s)` is called once when the first packet is on disk, `on_failed(code, detail, at_s)` once when
    writing stopped for good (`disk_full`, `disk_error`, `overload`); both on the loop, never from within a write.
    """

    def __init__(
        self,
        file: int,
        recording_id: str,
        salt: int,
        on_started: Callable[[float], None],
        on_failed: Callable[[str, str, float], None],
        disk: DiskThread,
        write: Callable[[int, memoryview], int],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._recording_id = recording_id
        self._salt = salt
        self._on_started = on_started
        self._on_failed = on_failed
        self._disk = disk
        self._os_write = write
        self._file = file

        self._lock = threading.Lock()  # guards the two buffers: held for one record, or for the swap
        self._active = _untouched(BUFFER_BYTES)
        self._spare = _untouched(BUFFER_BYTES)  # of the disk thread, which writes it out between swaps
        self._used = 0
        self._first_packet_s: float | None = None  # of the packets not yet flushed; None again once told

        self._writing = True  # read on the packet path: False while paused and for ever after a failure or close
        self._paused = False
        self._over = False
        self._closing = False
        self._closed = asyncio.Event()
        self._last_s = time.time()
        self._tracks = 0
        self._headers_only: set[int] = set()
        self._packets = 0
        self._dropped = 0  # since the last flush
        self._size_bytes = 0
        self._unsynced = False
        self._started = False

    @classmethod
    def open(
        cls,
        folder: Path,
        recording_id: str,
        *,
        on_started: Callable[[float], None],
        on_failed: Callable[[str, str, float], None],
        disk: DiskThread = DISK,
        write: Callable[[int, memoryview], int] = os.write,
    ) -> Self:
        """Begin the next capture in `folder`, made when missing (mode 0700).

        Raises MediaRefused: `recording_exists` when the folder has `MAX_CAPTURES` already, `recording_folder` when the
        folder or the file can't be made, `recording_id` when the id is not usable.
        """
        salt = secrets.randbits(32)
        try:
            header = encode_header(recording_id, salt)
        except ValueError as error:
            raise MediaRefused("recording_id", str(error)) from error
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = _next_file(folder)
        except OSError as error:
            raise MediaRefused("recording_folder", f"{recording_id} can't be written: {error.strerror}") from error
        if file is None:
            raise MediaRefused("recording_exists", f"{recording_id} has {MAX_CAPTURES} captures already")
        writer = cls(file, recording_id, salt, on_started, on_failed, disk, write)
        writer._append(header)
        try:
            disk.add(writer)
        except RuntimeError as error:
            os.close(file)
            raise MediaRefused("recording_thread", "no thread for the disk could be started") from error
        return writer

    # ------------------------------------------------------------ the packet path

    def track(
        self,
        role: str,
        kind: str,
        codec_name: str,
        clock_rate_hz: int,
        ssrc: int,
        *,
        leg: str = "",
        orientation_id: int = 0,
    ) -> int:
        """Open a track and return its number. Several may follow one another under the same role and kind.

        Give the same `leg` to the tracks of one browser: their sender reports then keep sound and picture together
        exactly. `orientation_id` is the leg's header extension for the rotation of its pictures, 0 without one.
        Packets of a TELEPHONE-EVENT track are kept without payload: digits typed are never stored.
        """
        number = min(self._tracks, MAX_TRACKS - 1)
        self._tracks += 1
        if codec_name.upper() == TELEPHONE_EVENT:
            self._headers_only.add(number)
        if self._tracks <= MAX_TRACKS and not self._over:
            codec_name = codec_name.upper()
            opened = TrackOpened(number, self._last_s, role, kind, codec_name, clock_rate_hz, ssrc, leg, orientation_id)
            self._append(encode_track(opened, self._salt))
        return number

    def write_rtp(self, track: int, buffer: bytearray, length: int, at_s: float) -> None:
        """Copy `buffer[:length]` into the capture. Nothing happens while paused, after a failure and after close."""
        if not self._writing:
            return
        if track in self._headers_only:
            length = min(length, _RTP_HEADER_BYTES)
        if not _RTP_HEADER_BYTES <= length <= MAX_PACKET_BYTES or length > len(buffer):
            return
        with self._lock:
            start = self._used
            end = start + FRAME_AND_BODY.size + length
            if end <= BUFFER_BYTES - RESERVED_BYTES:
                active = self._active
                FRAME_AND_BODY.pack_into(active, start, BODY.size + length, 0, RecordType.RTP, track & 0xFFFF, at_s)
                active[start + FRAME_AND_BODY.size : end] = memoryview(buffer)[:length]
                CRC.pack_into(
                    active, start + CRC_OFFSET, crc32(active[start + CRC_OFFSET + CRC.size : end], self._salt)
                )
                self._used = end
                self._packets += 1
                self._last_s = at_s
                if not self._started and self._first_packet_s is None:
                    self._first_packet_s = at_s
                return
            self._dropped += 1
            self._last_s = at_s
        if self._dropped >= OVERLOAD_PACKETS:
            detail = f"the disk is too slow: {self._dropped} packets dropped"
            self._append(encode_mark(MarkSet(at_s, "failed", f"overload: {detail}"), self._salt))
            self._fail("overload", detail)

    def write_sender_report(self, track: int, ssrc: int, ntp_s: float, rtp_timestamp: int, at_s: float) -> None:
        """Keep a sender report (RFC 3550 § 6.4.1). `ntp_s` in seconds of any epoch, the same for all of one leg."""
        if self._writing:
            self._append(
                encode_report(SenderReportCaptured(track & 0xFFFF, at_s, ssrc, ntp_s, rtp_timestamp), self._salt)
            )

    def mark(self, name: str, detail: str, at_s: float) -> None:
        """Keep a marker. `pause` stops the writing of packets until `resume`; both markers are kept."""
        if self._over:
            return
        if name == "pause":
            self._paused, self._writing = True, False
        elif name == "resume":
            self._paused, self._writing = False, True
        self._last_s = max(self._last_s, at_s)
        self._append(encode_mark(MarkSet(at_s, name, detail), self._salt))

    def _append(self, record: bytes) -> None:
        with self._lock:
            end = self._used + len(record)
            if end <= BUFFER_BYTES:
                self._active[self._used : end] = record
                self._used = end

    # ------------------------------------------------------------ the disk thread

    def flush(self, *, sync: bool) -> bool:
        """Called by the disk thread only: write the buffer out. Never raises."""
        closing, over = self._closing, self._over
        with self._lock:
            full, used, first_packet_s = self._active, self._used, self._first_packet_s
            self._active, self._spare, self._used = self._spare, full, 0
            dropped, self._dropped = self._dropped, 0
        try:
            if used:
                self._write_all(full[:used])
            if dropped:
                self._write_all(memoryview(encode_dropped(PacketsDropped(self._last_s, dropped), self._salt)))
            if closing and not over:
                self._write_all(memoryview(encode_end(CaptureEnded(self._last_s, self._packets), self._salt)))
            if (sync and self._unsynced) or closing or over:
                os.fsync(self._file)
                self._unsynced = False
        except OSError as error:
            code = "disk_full" if error.errno in _DISK_FULL else "disk_error"
            self._fail(code, error.strerror or "the disk failed")
            over = True
        if first_packet_s is not None and not over:
            self._started, self._first_packet_s = True, None
            self._on_loop(self._on_started, first_packet_s)
        if closing or over:
            self._end_file()
            return False
        return True

    def _write_all(self, data: memoryview) -> None:
        while data:
            written = self._os_write(self._file, data)
            self._size_bytes += written
            self._unsynced = True
            data = data[written:]

    def _end_file(self) -> None:
        self._over, self._writing = True, False
        try:
            os.close(self._file)
        except OSError as error:  # the data was synced or given up before; only the descriptor is at stake
            _log.warning("capture.close_failed", recording_id=self._recording_id, error=error.strerror)
        self._on_loop(self._closed.set)

    def _fail(self, code: str, detail: str) -> None:
        """Give up for good and say so once. Called on the loop (overload) or on the disk thread (errors)."""
        with self._lock:
            if self._over:
                return
            self._over, self._writing = True, False
        self._on_loop(self._on_failed, code, detail, self._last_s)

    def _on_loop(self, call: Callable[..., None], *arguments: object) -> None:
        try:
            self._loop.call_soon_threadsafe(call, *arguments)
        except RuntimeError:  # the loop is closed: the process is ending and nobody listens any more
            _log.warning("capture.loop_closed", recording_id=self._recording_id)

    # ------------------------------------------------------------ the end

    async def close(self) -> tuple[int, int]:
        """Flush, sync and close. Returns (packets, size in bytes). Idempotent; within 4 s even if the disk hangs."""
        self._writing = False
        if not self._closed.is_set():
            self._closing = True
            self._disk.wake()
            try:
                async with asyncio.timeout(CLOSE_TIMEOUT_S):
                    await self._closed.wait()
            except TimeoutError:
                self._fail("disk_error", "the disk did not answer in time")
        return self._packets, self._size_bytes
