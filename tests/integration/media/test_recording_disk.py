"""A call whose recording can't be written goes on: every packet reaches the other side, whatever the disk does."""

import asyncio
import errno
import os
import threading
from pathlib import Path

import pytest

from media.port import Kind, MarkRecording, RecordingFailed, RecordingStopped, RecordLeg, StartRecording, StopRecording
from media.recording import captures as captures_module
from media.recording import disk as disk_module
from media.recording import format as fmt
from media.recording.disk import DiskThread
from tests.integration.media.engine_rig import Robot, Studio, paced, studio
from tests.integration.media.transport_rig import until

PACKETS = 150


async def recorded_call(stage: Studio, folder: Path) -> tuple[Robot, Robot]:
    customer, agent = await stage.call()
    await stage.engine.execute(StartRecording(recording_id="rc_1", folder=str(folder)))
    await stage.engine.execute(RecordLeg(recording_id="rc_1", leg_id="lg_customer", role="customer"))
    await stage.engine.execute(RecordLeg(recording_id="rc_1", leg_id="lg_agent", role="agent"))
    return customer, agent


async def talk(customer: Robot, agent: Robot) -> None:
    """Every packet of both is heard by the other."""

    def say(number: int) -> None:
        for robot in (customer, agent):
            robot.send(Kind.AUDIO, number)
            robot.send(Kind.VIDEO, number)

    await paced(PACKETS, say, 0.004)
    for robot in (customer, agent):
        for kind in (Kind.AUDIO, Kind.VIDEO):
            await until(lambda robot=robot, kind=kind: PACKETS - 1 in robot.numbers(kind), "the last packet came")
            assert [number for number in robot.numbers(kind) if number >= 0] == list(range(PACKETS))


def captured(folder: Path) -> int:
    found = captures_module.Captures(folder)
    return sum(isinstance(record, fmt.RtpCaptured) for _, record in found.records())


async def test_a_disk_that_fills_up_in_mid_call_ends_the_recording_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R8."""
    room = 10_000

    def write(file: int, data: memoryview) -> int:
        nonlocal room
        if room <= 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        written = os.write(file, data[:room])
        room -= written
        return written

    monkeypatch.setattr(disk_module, "DISK", DiskThread(write=write))
    async with studio() as stage:
        customer, agent = await recorded_call(stage, tmp_path / "rc_1")
        await talk(customer, agent)
        await until(lambda: stage.count("RecordingFailed") == 1, "the failure is told")
        (failed,) = [event for event in stage.events if isinstance(event, RecordingFailed)]
        assert (failed.recording_id, failed.code) == ("rc_1", "disk_full")
        await stage.engine.execute(StopRecording(recording_id="rc_1"))
        assert stage.count("RecordingStopped") == 1
    assert 100 < captured(tmp_path / "rc_1") < 4 * PACKETS


async def test_a_disk_that_hangs_holds_up_no_packet_and_loses_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, reached = threading.Event(), threading.Event()

    def write(file: int, data: memoryview) -> int:
        reached.set()
        gate.wait(20)
        return os.write(file, data)

    monkeypatch.setattr(disk_module, "DISK", DiskThread(write=write))
    async with studio() as stage:
        customer, agent = await recorded_call(stage, tmp_path / "rc_1")
        assert await asyncio.to_thread(reached.wait, 30)
        await talk(customer, agent)  # all of it while the disk thread stands still
        await stage.engine.execute(MarkRecording(recording_id="rc_1", mark="hold"))
        gate.set()
        await stage.engine.execute(StopRecording(recording_id="rc_1"))
        (stopped,) = [event for event in stage.events if isinstance(event, RecordingStopped)]
        assert stopped.packets == 4 * PACKETS
    assert captured(tmp_path / "rc_1") == 4 * PACKETS


async def test_a_pause_stops_sound_picture_and_screen_of_both_sides_at_once(tmp_path: Path) -> None:
    """S19: not one byte of what is sent meanwhile is in the capture, and the picture is asked for again at its end."""
    async with studio() as stage:
        customer, agent = await stage.robot("lg_customer", screen=True), await stage.robot("lg_agent", screen=True)
        await stage.bridge(customer, agent)
        folder = tmp_path / "rc_1"
        await stage.engine.execute(StartRecording(recording_id="rc_1", folder=str(folder)))
        for robot in (customer, agent):
            await stage.engine.execute(RecordLeg(recording_id="rc_1", leg_id=robot.leg_id, role=robot.leg_id[3:]))
        secret = b"4111-1111-1111-1111"
        sent = 0

        def say(what: bytes) -> None:
            nonlocal sent
            for robot in (customer, agent):
                for kind in Kind:
                    section = robot.sections[kind]
                    sent += 1
                    payload = (b"" if kind is Kind.AUDIO else b"\x10\x00\x9d\x01\x2a") + what
                    robot.sequence[kind] = sequence = (robot.sequence[kind] + 1) & 0xFFFF
                    codec = section.codecs[0]
                    packet = robot.packet(codec.payload_type, sequence, sent * 3000, section.local_ssrc, payload)
                    robot.send_rtp(packet)

        async def all_arrived() -> None:
            await until(
                lambda: (
                    sum(track.packets for leg in stage.engine._legs.values() for track in leg.forward.incoming.values())
                    == sent
                ),
                "everything arrived",
            )

        for mark, what in (("consent", b"before"), ("pause", secret), ("resume", b"after")):
            await stage.engine.execute(MarkRecording(recording_id="rc_1", mark=mark))
            for _ in range(20):
                say(what)
            await all_arrived()
        await stage.engine.execute(StopRecording(recording_id="rc_1"))
    data = (folder / fmt.FILE_NAME).read_bytes()
    assert data.count(b"before") == data.count(b"after") == 20 * 6
    assert secret not in data
