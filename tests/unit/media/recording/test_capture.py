"""The writer: nothing in the packet path waits or raises, whatever the disk does, and what is on disk is readable."""

import asyncio
import errno
import os
import subprocess
import sys
import tempfile
import textwrap
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.port import MediaRefused
from media.recording import capture as capture_module
from media.recording import format as fmt
from media.recording import opening as opening_module
from media.recording.capture import CaptureWriter
from media.recording.captures import capture_files
from media.recording.disk import DiskThread
from media.recording.reader import CaptureReader, Ending

PACKET = bytearray(b"\x80\x6f" + bytes(range(10)) + b"payload" * 20)


ROOM_BYTES = (
    (capture_module.BUFFER_BYTES - capture_module.RESERVED_BYTES)
    // capture_module.CHUNK_BYTES
    * capture_module.CHUNK_BYTES
)
"""What packets may fill while the disk takes nothing."""


class Told:
    """What the writer reported, and a way to wait for it."""

    def __init__(self) -> None:
        self.started: list[float] = []
        self.failed: list[tuple[str, str, float]] = []
        self.event = asyncio.Event()

    def on_started(self, at_s: float) -> None:
        self.started.append(at_s)
        self.event.set()

    def on_failed(self, code: str, detail: str, at_s: float) -> None:
        self.failed.append((code, detail, at_s))
        self.event.set()

    async def wait(self) -> None:
        async with asyncio.timeout(30):
            await self.event.wait()
        self.event.clear()


async def opened(
    folder: Path, told: Told, disk: DiskThread | None = None, *, keep_free_bytes: int = 0
) -> CaptureWriter:
    return await CaptureWriter.open(
        folder,
        "rc_test",
        on_started=told.on_started,
        on_failed=told.on_failed,
        disk=disk or DiskThread(),
        keep_free_bytes=keep_free_bytes,
    )


class Gate:
    """A disk call that hangs until `open`; `reached` says that it does."""

    def __init__(self) -> None:
        self._gate = threading.Event()
        self._reached = threading.Event()
        self.open = self._gate.set

    async def reached(self) -> None:
        assert await asyncio.to_thread(self._reached.wait, 30)

    def write(self, file: int, data: memoryview) -> int:
        self._reached.set()
        self._gate.wait(20)
        return os.write(file, data)


def records(folder: Path) -> tuple[list[fmt.Record], Ending]:
    with CaptureReader(folder / fmt.FILE_NAME) as reader:
        return list(reader.records()), reader.ending


async def test_everything_written_is_in_the_capture_in_order(tmp_path: Path) -> None:
    told = Told()
    writer = await opened(tmp_path / "rc", told)
    track = writer.track("customer", "video", "VP8", 90000, 0x1234, leg="lg_1", orientation_id=13)
    writer.write_rtp(track, PACKET, len(PACKET), 10.0)
    writer.write_sender_report(track, 0x1234, 3.9e9, 77, 10.1)
    writer.mark("hold", "by agent", 10.2)
    writer.write_rtp(track, PACKET, 20, 10.3)
    packets, size = await writer.close()

    got, ending = records(tmp_path / "rc")
    assert ending is Ending.CLEAN
    first = got.pop(0)
    assert isinstance(first, fmt.TrackOpened)
    assert (first.role, first.kind, first.codec_name, first.ssrc, first.leg, first.orientation_id) == (
        "customer",
        "video",
        "VP8",
        0x1234,
        "lg_1",
        13,
    )
    assert got == [
        fmt.RtpCaptured(track, 10.0, bytes(PACKET)),
        fmt.SenderReportCaptured(track, 10.1, 0x1234, 3.9e9, 77),
        fmt.MarkSet(10.2, "hold", "by agent"),
        fmt.RtpCaptured(track, 10.3, bytes(PACKET[:20])),
        fmt.CaptureEnded(10.3, 2),
    ]
    assert packets == 2
    assert size == (tmp_path / "rc" / fmt.FILE_NAME).stat().st_size
    assert told.started == [10.0]
    assert told.failed == []


async def test_started_is_told_once_when_the_first_packet_is_on_disk(tmp_path: Path) -> None:
    told = Told()
    writer = await opened(tmp_path, told)
    track = writer.track("agent", "audio", "OPUS", 48000, 1)
    writer.write_rtp(track, PACKET, len(PACKET), 5.0)
    await told.wait()
    assert any(isinstance(record, fmt.RtpCaptured) for record in records(tmp_path)[0])
    writer.write_rtp(track, PACKET, len(PACKET), 6.0)
    await writer.close()
    assert told.started == [5.0]


async def test_nothing_is_written_between_pause_and_resume(tmp_path: Path) -> None:
    """Card data must not be stored, not even for a moment."""
    writer = await opened(tmp_path, Told())
    track = writer.track("customer", "audio", "OPUS", 48000, 1)
    for at_s, mark in ((1.0, "pause"), (3.0, "resume")):
        writer.write_rtp(track, PACKET, len(PACKET), at_s - 0.5)
        writer.mark(mark, "", at_s)
    writer.write_rtp(track, PACKET, len(PACKET), 3.5)
    await writer.close()
    got, _ = records(tmp_path)
    times = [record.at_s for record in got if isinstance(record, fmt.RtpCaptured)]
    assert times == [0.5, 3.5]  # 2.5 was inside the pause
    assert [record.name for record in got if isinstance(record, fmt.MarkSet)] == ["pause", "resume"]


async def test_digits_typed_are_not_stored(tmp_path: Path) -> None:
    writer = await opened(tmp_path, Told())
    track = writer.track("customer", "audio", "telephone-event", 8000, 1)
    writer.write_rtp(track, PACKET, len(PACKET), 1.0)
    await writer.close()
    got, _ = records(tmp_path)
    assert [record.packet for record in got if isinstance(record, fmt.RtpCaptured)] == [bytes(PACKET[:12])]


async def test_packets_of_impossible_size_are_ignored(tmp_path: Path) -> None:
    writer = await opened(tmp_path, Told())
    track = writer.track("customer", "audio", "OPUS", 48000, 1)
    writer.write_rtp(track, PACKET, 0, 1.0)
    writer.write_rtp(track, PACKET, 11, 1.0)
    writer.write_rtp(track, PACKET, len(PACKET) + 1, 1.0)
    writer.write_rtp(track, bytearray(4000), 1501, 1.0)
    assert (await writer.close())[0] == 0


async def test_the_next_capture_of_a_folder_leaves_the_earlier_ones_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A media process died: its successor goes on with the same recording."""
    monkeypatch.setattr(opening_module, "MAX_CAPTURES", 3)
    told = Told()
    for at_s in (1.0, 2.0, 3.0):
        writer = await opened(tmp_path, told)
        track = writer.track("customer", "audio", "OPUS", 48000, 1)
        writer.write_rtp(track, PACKET, len(PACKET), at_s)
        await writer.close()
    assert [path.name for path in capture_files(tmp_path)] == ["capture.vvc", "capture-2.vvc", "capture-3.vvc"]
    for number in (1, 2, 3):
        with CaptureReader(tmp_path / fmt.capture_name(number)) as reader:
            times = [record.at_s for record in reader.records() if isinstance(record, fmt.RtpCaptured)]
        assert times == [float(number)]
    with pytest.raises(MediaRefused) as refused:
        await opened(tmp_path, told)
    assert refused.value.code == "recording_exists"


async def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(MediaRefused) as refused:
        await opened(tmp_path / "file" / "rc", Told())
    assert refused.value.code == "recording_folder"


async def test_a_link_in_place_of_the_capture_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_bytes(b"")
    (tmp_path / fmt.FILE_NAME).symlink_to(tmp_path / "elsewhere")
    await (await opened(tmp_path, Told())).close()
    assert (tmp_path / "elsewhere").read_bytes() == b""
    assert [path.name for path in capture_files(tmp_path)] == ["capture-2.vvc"]


async def test_a_full_disk_is_told_once_and_leaves_a_readable_capture(tmp_path: Path) -> None:
    room = 30_000

    def write(file: int, data: memoryview) -> int:
        nonlocal room
        if room <= 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        written = os.write(file, data[:room])
        room -= written
        return written

    told = Told()
    writer = await opened(tmp_path, told, disk=DiskThread(write=write))
    track = writer.track("customer", "audio", "OPUS", 48000, 1)
    for i in range(1000):
        writer.write_rtp(track, PACKET, len(PACKET), float(i))
    while not told.failed:
        await told.wait()
    for i in range(1000):  # the media path goes on as if nothing were wrong
        writer.write_rtp(track, PACKET, len(PACKET), float(i))
        writer.write_sender_report(track, 1, 1.0, 1, float(i))
    writer.mark("hold", "", 1.0)
    await writer.close()
    await writer.close()
    assert [code for code, _, _ in told.failed] == ["disk_full"]
    got, ending = records(tmp_path)
    assert ending is Ending.TORN
    assert 100 < sum(isinstance(record, fmt.RtpCaptured) for record in got) < 200


async def test_any_other_disk_error_is_told_as_such(tmp_path: Path) -> None:
    def write(file: int, data: memoryview) -> int:
        raise OSError(errno.EIO, "Input/output error")

    told = Told()
    writer = await opened(tmp_path, told, disk=DiskThread(write=write))
    await told.wait()
    await writer.close()
    assert [code for code, _, _ in told.failed] == ["disk_error"]


async def test_a_stuck_disk_drops_packets_counts_them_and_then_gives_up(tmp_path: Path) -> None:
    gate, told = Gate(), Told()
    writer = await opened(tmp_path, told, DiskThread(write=gate.write))
    await gate.reached()
    track = writer.track("customer", "video", "VP8", 90000, 1)
    big = bytearray(1500)
    room = ROOM_BYTES // 1517
    for i in range(room + capture_module.OVERLOAD_PACKETS + 100):
        writer.write_rtp(track, big, 1500, float(i))
    writer.mark("hold", "", 1.0)
    await told.wait()
    assert [code for code, _, _ in told.failed] == ["overload"]
    gate.open()
    packets, _ = await writer.close()
    got, ending = records(tmp_path)
    assert ending is Ending.CUT
    assert abs(packets - room) <= ROOM_BYTES // capture_module.CHUNK_BYTES + 2  # a chunk's end may stay empty
    assert sum(isinstance(record, fmt.RtpCaptured) for record in got) == packets
    assert [record.name for record in got if isinstance(record, fmt.MarkSet)] == ["failed"]
    assert [record.count for record in got if isinstance(record, fmt.PacketsDropped)] == [
        capture_module.OVERLOAD_PACKETS
    ]


async def test_a_disk_that_comes_back_in_time_goes_on_and_says_what_it_missed(tmp_path: Path) -> None:
    gate, told = Gate(), Told()
    writer = await opened(tmp_path, told, DiskThread(write=gate.write))
    await gate.reached()
    track = writer.track("customer", "video", "VP8", 90000, 1)
    room = ROOM_BYTES // 1517
    for i in range(room + 500):
        writer.write_rtp(track, bytearray(1500), 1500, float(i))
    writer.mark("pause", "card", float(room + 500))  # the reserve is for what must not be lost
    gate.open()
    await told.wait()
    while writer._given_bytes + writer._used > writer._taken_bytes:  # noqa: ASYNC110 - another thread's progress
        await asyncio.sleep(0.01)
    writer.mark("resume", "", 1e6)
    writer.write_rtp(track, PACKET, len(PACKET), 1e6)
    await writer.close()
    got, ending = records(tmp_path)
    assert ending is Ending.CLEAN
    assert told.failed == []
    (dropped,) = [record for record in got if isinstance(record, fmt.PacketsDropped)]
    assert abs(dropped.count - 500) <= ROOM_BYTES // capture_module.CHUNK_BYTES + 2
    assert [record.name for record in got if isinstance(record, fmt.MarkSet)] == ["pause", "resume"]


async def test_closing_does_not_wait_for_a_disk_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture_module, "CLOSE_TIMEOUT_S", 0.1)
    gate, told = Gate(), Told()
    writer = await opened(tmp_path, told, DiskThread(write=gate.write))
    await writer.close()
    await told.wait()
    assert [code for code, _, _ in told.failed] == ["disk_error"]
    gate.open()
    await asyncio.wait_for(writer._closed.wait(), 30)


async def test_beginning_does_not_wait_for_a_disk_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A recording on a disk that is stuck with another one's bytes is refused, and leaves no empty file behind."""
    gate = Gate()
    disk = DiskThread(write=gate.write)
    first = await opened(tmp_path / "a", Told(), disk)
    await gate.reached()
    monkeypatch.setattr(opening_module, "OPEN_TIMEOUT_S", 0.1)
    with pytest.raises(MediaRefused) as refused:
        await opened(tmp_path / "b", Told(), disk)
    assert refused.value.code == "recording_folder"
    gate.open()
    await first.close()
    thread = disk._thread
    if thread is not None:
        await asyncio.to_thread(thread.join, 30)
    assert not disk.running
    assert capture_files(tmp_path / "b") == []


async def test_a_disk_that_runs_low_stops_the_recording_before_it_is_full(tmp_path: Path) -> None:
    """The last of it is for the records and for finalising."""
    now_s, free = 0.0, 1000
    disk = DiskThread(free=lambda file: free, clock=lambda: now_s)
    told = Told()
    writer = await opened(tmp_path, told, disk, keep_free_bytes=500)
    track = writer.track("customer", "audio", "OPUS", 48000, 1)
    writer.write_rtp(track, PACKET, len(PACKET), 1.0)
    await told.wait()
    free, now_s = 499, 10.0
    await told.wait()
    assert [code for code, _, _ in told.failed] == ["disk_full"]
    await writer.close()
    got, ending = records(tmp_path)
    assert (sum(isinstance(record, fmt.RtpCaptured) for record in got), ending) == (1, Ending.CUT)


class Platter(DiskThread):
    """A disk under a fake clock, worked by the test's own thread, that remembers how much is safe from a power loss."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.safe_bytes = 0
        super().__init__(sync=self.synced, clock=lambda: self.now_s)

    def synced(self, file: int) -> None:
        self.safe_bytes = os.fstat(file).st_size

    def hold(self) -> None: ...

    def let_go(self) -> None: ...

    def do(self, job: Callable[[], None]) -> None:
        job()


@settings(max_examples=25, deadline=None)
@given(off_s=st.floats(3.0, 30.0), torn=st.integers(0, 4000))
async def test_a_power_loss_costs_less_than_two_seconds(off_s: float, torn: int) -> None:
    """R7: only what was synced is kept, and perhaps some of what was not; all of what is kept is read."""
    platter, told = Platter(), Told()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        writer = await opened(folder, told, platter)
        track = writer.track("customer", "audio", "OPUS", 48000, 1)
        steps = int(off_s / 0.02)
        for step in range(steps):
            platter.now_s = step * 0.02
            writer.write_rtp(track, PACKET, len(PACKET), platter.now_s)
            if step % round(capture_module.HAND_OVER_S / 0.02) == 0:
                writer.hand_over()
        kept = platter.safe_bytes
        await writer.close()
        with (folder / fmt.FILE_NAME).open("r+b") as file:
            file.truncate(kept + torn)
        got, _ = records(folder)
    times = [record.at_s for record in got if isinstance(record, fmt.RtpCaptured)]
    assert times == [step * 0.02 for step in range(len(times))]
    assert times[-1] > off_s - 2.0


async def test_the_disk_thread_ends_with_the_last_capture(tmp_path: Path) -> None:
    disk = DiskThread()
    told = Told()
    first, second = await opened(tmp_path / "a", told, disk), await opened(tmp_path / "b", told, disk)
    assert disk.running
    thread = disk._thread
    await first.close()
    await second.close()
    assert thread is not None
    await asyncio.to_thread(thread.join, 30)
    assert not disk.running
    third = await opened(tmp_path / "c", told, disk)
    assert disk.running
    await third.close()


async def test_a_track_number_too_many_harms_nothing(tmp_path: Path) -> None:
    writer = await opened(tmp_path, Told())
    numbers = {writer.track("customer", "video", "VP8", 90000, i) for i in range(fmt.MAX_TRACKS + 50)}
    assert numbers == set(range(fmt.MAX_TRACKS))
    await writer.close()
    got, ending = records(tmp_path)
    assert ending is Ending.CLEAN
    assert sum(isinstance(record, fmt.TrackOpened) for record in got) == fmt.MAX_TRACKS


def test_a_real_file_size_limit_ends_the_recording_and_not_the_process(tmp_path: Path) -> None:
    """The kernel's own refusal (EFBIG under RLIMIT_FSIZE) in a process of its own: R8 without needing a mount."""
    script = textwrap.dedent(
        """
        import asyncio, resource, sys
        from pathlib import Path
        from media.recording.capture import CaptureWriter

        async def main():
            resource.setrlimit(resource.RLIMIT_FSIZE, (64 * 1024, 64 * 1024))
            failed = asyncio.Event()
            def on_failed(code, detail, at_s):
                print(code)
                failed.set()
            writer = await CaptureWriter.open(Path(sys.argv[1]), "rc_limit", on_started=print, on_failed=on_failed)
            track = writer.track("customer", "video", "VP8", 90000, 1)
            packet = bytearray(1200)
            for i in range(200):
                writer.write_rtp(track, packet, 1200, 1000.0 + i)
            await asyncio.wait_for(failed.wait(), 10)
            writer.write_rtp(track, packet, 1200, 2000.0)
            await writer.close()
            print("still here")
        asyncio.run(main())
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "rc")], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.split("\n")[:2] == ["disk_full", "still here"]
    got, ending = records(tmp_path / "rc")
    assert ending is Ending.TORN
    assert sum(isinstance(record, fmt.RtpCaptured) for record in got) == (64 * 1024 - 100) // 1217
