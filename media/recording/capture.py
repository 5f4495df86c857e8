"""Writes a capture: packets in, an append-only file out, with nothing between that could hold up a call.

Everything but `flush` is called on the event loop, and only adds to a chunk of memory: it never waits for the disk or
for a lock and never raises. Every `HAND_OVER_S` the chunk goes to the disk thread, which writes it out and gives it
back. What the disk has not taken is bounded: beyond `BUFFER_BYTES` packets are dropped and counted, the count is
written to the capture as soon as there is room, and after `OVERLOAD_PACKETS` dropped packets the recording fails with
`overload`. Whatever fails, the call goes on and what is on disk stays readable.

It knows records and bytes, no leg and no codec.
"""

import asyncio
import errno
import os
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple, Self
from zlib import crc32

from gateway.base.log import get_logger
from media.port import MediaRefused
from media.recording import disk as disk_thread
from media.recording.disk import SYNC_EVERY_S, DiskThread
from media.recording.format import (
    BODY,
    FRAME,
    MAX_TRACKS,
    CaptureEnded,
    MarkSet,
    PacketsDropped,
    RecordType,
    SenderReportCaptured,
    TrackOpened,
    encode_dropped,
    encode_end,
    encode_header,
    encode_mark,
    encode_report,
    encode_track,
)
from media.recording.opening import open_next

HAND_OVER_S: Final = 0.4
"""How long a record waits before the disk thread gets it: a killed process loses no more than this and one write. What
is handed over has its price by the piece (a wake-up, the interpreter's lock, a system call): half of it at 0.2 s."""

CHUNK_BYTES: Final = 160 * 1024
"""What is handed over at most: a little more than comes of a 2.4 Mbit/s call in between. Two of them take turns, so
that a packet costs no allocation; memory that one thread takes and another gives back is slow to take."""

BUFFER_BYTES: Final = 4 * 1024 * 1024
"""Of each capture, while the disk takes nothing: about 14 s of a 2.4 Mbit/s call. In good times it holds two chunks."""

RESERVED_BYTES: Final = CHUNK_BYTES
"""The last of it only marks, tracks and reports may use: a pause must not be lost because packets came."""

OVERLOAD_PACKETS: Final = 2000
"""So many dropped packets (about 5 s of a call) and the recording is given up as `overload`."""

MAX_PACKET_BYTES: Final = 1500
CLOSE_TIMEOUT_S: Final = 4.0
"""A disk that does not answer must not hold up the end of a call."""

TELEPHONE_EVENT: Final = "TELEPHONE-EVENT"
_RTP: Final = RecordType.RTP.value
_RTP_HEADER_BYTES: Final = 12
_FRAME_BYTES: Final = FRAME.size
_BODY_BYTES: Final = BODY.size
_RECORD_BYTES: Final = FRAME.size + BODY.size
_PACKETS_UNTIL_BYTES: Final = BUFFER_BYTES - RESERVED_BYTES
_DISK_FULL: Final = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG))
_pack_frame_into = FRAME.pack_into
_pack_body = BODY.pack

_log = get_logger("recording.capture")


class _Batch(NamedTuple):
    chunk: memoryview
    used: int
    first_packet_s: float | None


_NO_CHUNK: Final = memoryview(b"")


class CaptureWriter:
    """One open capture. Made by `open`, on the event loop; ended by `close`.

    `on_started(at_s)` is called once when the first packet is written, `on_failed(code, detail, at_s)` once when
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
        keep_free_bytes: int,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._recording_id = recording_id
        self._salt = salt
        self._on_started = on_started
        self._on_failed = on_failed

        # Of the loop.
        self._chunk = _NO_CHUNK  # taken when there is something to write
        self._used = 0
        self._given_bytes = 0  # handed over
        self._first_packet_s: float | None = None  # of the packets pending; None again once handed over
        self._writing = True  # read on the packet path: False while paused and for ever after a failure or close
        self._paused = False
        self._closed = asyncio.Event()
        self._last_s = time.time()
        self._tracks = 0
        self._headers_only: set[int] = set()
        self._packets = 0
        self._dropped = 0  # since the count was last written down

        # Of the disk thread.
        self._disk = disk
        self._file: int | None = file
        self._keep_free_bytes = keep_free_bytes
        self._taken_bytes = 0  # of what was given: the difference is the buffer
        self._size_bytes = 0
        self._unsynced = False
        self._synced_at_s = disk.clock()

        # Between the two: single appends, pops and flags, each written by one side.
        self._handed: deque[_Batch] = deque()
        self._free: deque[memoryview] = deque()  # chunks that were written out
        self._queued = False
        self._ending = False  # no batch follows
        self._over = False  # failed or closed; guarded by the lock, because both sides may fail
        self._lock = threading.Lock()
        self._timer = self._loop.call_later(self._until_next(), self._tick)

    @classmethod
    async def open(
        cls,
        folder: Path,
        recording_id: str,
        *,
        on_started: Callable[[float], None],
        on_failed: Callable[[str, str, float], None],
        disk: DiskThread | None = None,
        keep_free_bytes: int = 0,
    ) -> Self:
        """Begin the next capture in `folder`, made when missing (mode 0700). The loop does not wait for the disk.

        With less than `keep_free_bytes` of free disk the capture ends as `disk_full`. Raises MediaRefused:
        `recording_exists` and `recording_folder` as `opening.open_next`, `recording_id` when the id is not usable.
        """
        salt = secrets.randbits(32)
        try:
            header = encode_header(recording_id, salt)
        except ValueError as error:
            raise MediaRefused("recording_id", str(error)) from error
        disk = disk or disk_thread.DISK
        try:
            disk.hold()
        except RuntimeError as error:
            raise MediaRefused("recording_thread", "no thread for the disk could be started") from error
        try:
            file = await open_next(folder, recording_id, disk)
        except BaseException:
            disk.let_go()
            raise
        writer = cls(file, recording_id, salt, on_started, on_failed, disk, keep_free_bytes)
        writer._append(header)
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
        if self._tracks <= MAX_TRACKS:
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
        self._last_s = at_s
        start = self._used
        end = start + _RECORD_BYTES + length
        if end > len(self._chunk):
            if not self._next_chunk(_PACKETS_UNTIL_BYTES):
                self._drop(at_s)
                return
            start, end = 0, _RECORD_BYTES + length
        body = _pack_body(_RTP, track, at_s) + buffer[:length]
        chunk = self._chunk
        _pack_frame_into(chunk, start, _BODY_BYTES + length, crc32(body, self._salt))
        chunk[start + _FRAME_BYTES : end] = body
        self._used = end
        if not self._packets:
            self._first_packet_s = at_s
        self._packets += 1

    def _drop(self, at_s: float) -> None:
        if self._over:
            self._writing = False
            return
        self._dropped += 1
        if self._dropped >= OVERLOAD_PACKETS:
            detail = f"the disk is too slow: {self._dropped} packets dropped"
            self._append(encode_mark(MarkSet(at_s, "failed", f"overload: {detail}"), self._salt))
            self._count_dropped()
            self._fail("overload", detail)
            self._end()

    def write_sender_report(self, track: int, ssrc: int, ntp_s: float, rtp_timestamp: int, at_s: float) -> None:
        """Keep a sender report (RFC 3550 § 6.4.1). `ntp_s` in seconds of any epoch, the same for all of one leg."""
        if self._writing:
            report = SenderReportCaptured(track & 0xFFFF, at_s, ssrc, ntp_s, rtp_timestamp)
            self._append(encode_report(report, self._salt))

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
        if self._over:
            return
        if self._used + len(record) > len(self._chunk) and not self._next_chunk(BUFFER_BYTES):
            return
        self._chunk[self._used : self._used + len(record)] = record
        self._used += len(record)

    def _next_chunk(self, limit_bytes: int) -> bool:
        """Hand over what there is and take an empty chunk; False when the disk has not taken `limit_bytes` yet."""
        if self._given_bytes + self._used - self._taken_bytes + CHUNK_BYTES > limit_bytes:
            return False
        self._give()
        try:
            self._chunk = self._free.popleft()
        except IndexError:
            self._chunk = memoryview(bytearray(CHUNK_BYTES))
        return True

    def _give(self) -> None:
        if self._used:
            self._handed.append(_Batch(self._chunk, self._used, self._first_packet_s))
            self._given_bytes += self._used
            self._first_packet_s = None
        self._chunk, self._used = _NO_CHUNK, 0

    def _count_dropped(self) -> None:
        self._append(encode_dropped(PacketsDropped(self._last_s, self._dropped), self._salt))
        self._dropped = 0

    # ------------------------------------------------------------ over to the disk thread

    def _until_next(self) -> float:
        """All captures of a loop hand over at the same moments, so that the disk thread wakes once for all of them."""
        return HAND_OVER_S - self._loop.time() % HAND_OVER_S

    def _tick(self) -> None:
        self.hand_over()
        self._timer = self._loop.call_later(self._until_next(), self._tick)

    def hand_over(self) -> None:
        """Give what is there to the disk thread. Done by itself every `HAND_OVER_S`."""
        if self._dropped and self._given_bytes - self._taken_bytes + CHUNK_BYTES <= _PACKETS_UNTIL_BYTES:
            self._count_dropped()
        self._give()
        if (self._handed or self._unsynced or self._ending) and not self._queued:
            self._queued = True
            self._disk.do(self.flush)

    def _end(self) -> None:
        """Nothing follows: the disk thread writes what it has, syncs and closes the file."""
        self._timer.cancel()
        self._writing = False
        self.hand_over()
        self._ending = True
        if not self._queued:
            self._queued = True
            self._disk.do(self.flush)

    # ------------------------------------------------------------ the disk thread

    def flush(self) -> None:
        """Called by the disk thread only: write out what was handed over, and sync when it is time. Never raises."""
        self._queued = False  # first: what is handed over from here on queues the capture again
        file, ending = self._file, self._ending
        if file is None:
            return
        try:
            while self._handed:
                self._write(file, self._handed.popleft())
            if ending or (self._unsynced and self._disk.clock() - self._synced_at_s >= SYNC_EVERY_S):
                self._disk.sync(file)
                self._synced_at_s, self._unsynced = self._disk.clock(), False
                if self._keep_free_bytes and not ending and self._disk.free(file) < self._keep_free_bytes:
                    raise OSError(errno.ENOSPC, "the last of the disk is kept for everything else")
        except OSError as error:
            code = "disk_full" if error.errno in _DISK_FULL else "disk_error"
            self._fail(code, error.strerror or "the disk failed")
            ending = True
        if ending:
            self._end_file(file)

    def _write(self, file: int, batch: _Batch) -> None:
        view = batch.chunk[: batch.used]
        while view:
            written = self._disk.write(file, view)
            self._size_bytes += written
            self._taken_bytes += written
            self._unsynced = True
            view = view[written:]
        if len(self._free) < 2:
            self._free.append(batch.chunk)
        if batch.first_packet_s is not None:
            self._on_loop(self._on_started, batch.first_packet_s)

    def _end_file(self, file: int) -> None:
        self._file = None
        self._over, self._writing = True, False
        try:
            os.close(file)
        except OSError as error:  # the data was synced or given up before; only the descriptor is at stake
            _log.warning("capture.close_failed", recording_id=self._recording_id, error=error.strerror)
        self._disk.let_go()
        self._on_loop(self._ended)

    def _ended(self) -> None:
        self._timer.cancel()
        self._closed.set()

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
        if not self._ending and not self._over:
            if self._dropped:
                self._count_dropped()
            self._append(encode_end(CaptureEnded(self._last_s, self._packets), self._salt))
            self._end()
        self._writing = False
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._closed.wait()
        except TimeoutError:
            self._fail("disk_error", "the disk did not answer in time")
        return self._packets, self._size_bytes
