"""The engine over real sockets, DTLS and SRTP: bridges, repairs, holds, recordings, refusals, ends."""

import asyncio
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from media.engine import EngineSettings, InProcessEngine
from media.forward import rtcp
from media.player.clipfile import encode_clip
from media.port import (
    EVENT,
    Clip,
    ClipEnded,
    CloseLeg,
    Command,
    FromLeg,
    GetLegStats,
    Kind,
    LegClosed,
    MarkRecording,
    MediaRefused,
    OpenLeg,
    RecordingStopped,
    RecordLeg,
    RequestKeyFrame,
    SetSource,
    Silence,
    StartRecording,
    StopRecording,
)
from media.workers.pool import WorkerPool
from media.workers.process import WorkerSettings
from tests.integration.media.engine_rig import HOLD, Robot, ntp_of, paced, studio
from tests.integration.media.transport_rig import until

everywhere = pytest.mark.parametrize("workers", [0, 1], ids=["in this process", "in one of its own"])


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    """A folder with what the engine of another process plays."""
    folder = tmp_path / "clips"
    folder.mkdir()
    for language in ("en", "fr", "es"):
        (folder / f"hold.{language}.clip").write_bytes(encode_clip(replace(HOLD, language=language)))
    return folder


@everywhere
async def test_two_robots_hear_and_see_each_other(workers: int, clips: Path) -> None:
    async with studio(workers, clips) as stage:
        customer, agent = await stage.call()
        for robot in (customer, agent):
            robot.sequence.update({Kind.AUDIO: 65_530})  # a gap that stays one

        def talk(number: int) -> None:
            for robot in (customer, agent):
                robot.send(Kind.AUDIO, number)
                robot.send(Kind.VIDEO, number)

        await paced(200, talk)
        for robot in (customer, agent):
            await until(lambda robot=robot: len(robot.numbers(Kind.VIDEO)) == 203, "all pictures came")
            assert robot.numbers(Kind.VIDEO) == list(range(-3, 200))
            await until(lambda robot=robot: len(robot.numbers(Kind.AUDIO)) == 203, "all sounds came")
            assert robot.numbers(Kind.AUDIO) == list(range(-3, 200))
            assert len(robot.ssrcs[Kind.VIDEO]) == len(robot.ssrcs[Kind.AUDIO]) == 1
        for leg_id in ("lg_customer", "lg_agent"):
            assert stage.count("LegConnected", leg_id) == 1
            assert stage.count("LegFirstMedia", leg_id) == 2
        stats = await stage.engine.execute(GetLegStats(leg_id="lg_agent"))
        assert stats.connected
        assert stats.remote_address.startswith("127.0.0.1:")
        assert stats.received_packets == {"audio": 203, "video": 203}
        assert stats.sent_packets == {"audio": 203, "video": 203}


async def test_the_screen_is_a_third_stream_of_its_own() -> None:
    async with studio() as stage:
        customer, agent = await stage.robot("lg_a", screen=True), await stage.robot("lg_b", screen=True)
        await stage.bridge(customer, agent)
        for number in range(5):
            agent.send(Kind.SCREEN, number, key=True)
            agent.send(Kind.VIDEO, number + 100, key=True)
        await until(lambda: len(customer.numbers(Kind.SCREEN)) == 5, "the screen came")
        await until(lambda: len(customer.numbers(Kind.VIDEO)) == 5, "the camera came")
        assert customer.ssrcs[Kind.SCREEN] != customer.ssrcs[Kind.VIDEO]


async def test_what_a_receiver_loses_is_sent_again_from_the_ring() -> None:
    """One packet in seven is lost on its way to the agent; the sender hears nothing of it."""
    async with studio() as stage:
        customer, agent = await stage.call()
        first = agent.received[Kind.VIDEO][-1][0]
        agent.loses = lambda sequence: (sequence - first) % 7 == 0

        def talk(number: int) -> None:
            customer.send(Kind.VIDEO, number)
            if number % 20 == 19:
                got = {sequence for sequence, _, _ in agent.received[Kind.VIDEO]}
                newest = agent.received[Kind.VIDEO][-1][0]
                agent.nack(
                    [s & 0xFFFF for s in range(first, first + ((newest - first) & 0xFFFF)) if s & 0xFFFF not in got]
                )

        await paced(280, talk)
        await until(lambda: agent.lost == 40, "every seventh was lost")
        agent.loses = None
        customer.send(Kind.VIDEO, 280)
        await until(lambda: 280 in agent.numbers(Kind.VIDEO), "the last came")
        got = {sequence for sequence, _, _ in agent.received[Kind.VIDEO]}
        missing = [s & 0xFFFF for s in range(first, first + 281) if s & 0xFFFF not in got]
        if missing:
            agent.nack(missing)
        await until(lambda: len(agent.numbers(Kind.VIDEO)) == 284, "all came")
        assert sorted(agent.numbers(Kind.VIDEO)) == list(range(-3, 281))
        assert not any(isinstance(item, rtcp.Nack) for item in customer.feedback)


async def test_what_the_gateway_misses_is_asked_for_and_restored_from_rtx() -> None:
    async with studio() as stage:
        customer, agent = await stage.call()
        customer.answers_nacks = True
        await paced(200, lambda number: customer.send(Kind.VIDEO, number, lost=number % 9 == 4))
        await until(lambda: len(agent.numbers(Kind.VIDEO)) == 203, "all came")
        assert sorted(agent.numbers(Kind.VIDEO)) == list(range(-3, 200))
        assert customer.answered >= 22
        stats = await stage.engine.execute(GetLegStats(leg_id="lg_customer"))
        assert stats.lost_packets["video"] == 0
        assert stage.engine.counters().restored_packets == 22


@everywhere
async def test_hold_and_retrieve_stay_one_stream_with_time_going_on(workers: int, clips: Path) -> None:
    async with studio(workers, clips) as stage:
        customer, agent = await stage.call()
        await stage.engine.execute(SetSource(leg_id="lg_customer", source=Clip(name="hold", loop=True)))
        await until(
            lambda: sum(b"hold" in payload for _, _, payload in customer.received[Kind.AUDIO]) > 12,
            "the music plays, and begins again",
        )
        await stage.engine.execute(SetSource(leg_id="lg_customer", source=FromLeg(leg_id="lg_agent")))
        for number in range(20):
            agent.send(Kind.AUDIO, number)
            agent.send(Kind.VIDEO, number, key=number == 5)
        await until(lambda: 19 in customer.numbers(Kind.VIDEO), "the agent is seen again")
        assert [number for number in customer.numbers(Kind.VIDEO) if number >= 0] == list(range(5, 20))
        for kind in (Kind.AUDIO, Kind.VIDEO):
            assert len(customer.ssrcs[kind]) == 1
            sequences = [sequence for sequence, _, _ in customer.received[kind]]
            assert sequences == [(sequences[0] + step) & 0xFFFF for step in range(len(sequences))]
            steps = [
                (b[1] - a[1]) & 0xFFFFFFFF
                for a, b in zip(customer.received[kind], customer.received[kind][1:], strict=False)
            ]
            assert all(0 < step < 90_000 * 2 for step in steps)
        assert any(isinstance(item, rtcp.KeyFrameRequest) for item in agent.feedback)


@everywhere
async def test_a_prompt_waits_for_its_leg_is_heard_whole_and_tells_its_end(workers: int, clips: Path) -> None:
    async with studio(workers, clips) as stage:
        robot = Robot("lg_1")
        joining = asyncio.ensure_future(robot.join(stage.engine))
        stage.robots.append(robot)
        await until(lambda: stage.engine.counters().legs == 1, "the leg is open")
        await stage.engine.execute(SetSource(leg_id="lg_1", source=Clip(name="hold", language="fr")))
        await joining
        await until(lambda: stage.count("ClipEnded") == 1, "the prompt ended")
        assert [payload for _, _, payload in robot.received[Kind.AUDIO]] == [b"hold%d" % at for at in range(0, 200, 20)]
        assert len(robot.received[Kind.VIDEO]) == 5
        (ended,) = [event for event in stage.events if isinstance(event, ClipEnded)]
        assert (ended.leg_id, ended.name) == ("lg_1", "hold")
        assert stage.engine.counters().playing == 0


async def test_sender_reports_keep_sound_and_picture_together_to_the_millisecond() -> None:
    """The same instant of the sender, told for both streams by another machine's clock, is the same instant here."""
    async with studio() as stage:
        customer, agent = await stage.call()
        shifted_s = time.time() - 86_400 * 3  # the customer's clock is three days late
        instant = {Kind.AUDIO: 480_000, Kind.VIDEO: 900_000}  # timestamps of one instant
        for kind in (Kind.AUDIO, Kind.VIDEO):
            customer.send(kind, 500, key=True, timestamp=instant[kind])
            await asyncio.sleep(0.05)  # reports do not come together
            customer.send_sender_report(kind, ntp_of(shifted_s), instant[kind])
        await until(lambda: len({report.ssrc for report, _ in agent.reports}) == 2, "both reports came")
        at: dict[Kind, float] = {}
        for kind in (Kind.AUDIO, Kind.VIDEO):
            section = agent.sections[kind]
            report, came_at_s = next((r, t) for r, t in agent.reports if r.ssrc in section.peer_ssrcs)
            (timestamp,) = [t for _, t, payload in agent.received[kind] if payload.endswith(b"#500")]
            ticks = (timestamp - report.rtp_timestamp) & 0xFFFFFFFF
            ticks -= 1 << 32 if ticks >= 1 << 31 else 0
            at[kind] = rtcp.ntp_to_unix_s(report.ntp) + ticks / section.codecs[0].clock_rate_hz
            assert abs(rtcp.ntp_to_unix_s(report.ntp) - came_at_s) < 1, "told by the gateway's clock"
        assert abs(at[Kind.AUDIO] - at[Kind.VIDEO]) < 0.001


async def test_bandwidth_told_by_the_receiver_reaches_the_sender_with_its_own_ssrcs() -> None:
    async with studio() as stage:
        customer, agent = await stage.call()
        heard = [next(iter(agent.ssrcs[kind])) for kind in (Kind.AUDIO, Kind.VIDEO)]
        agent.send_rtcp(rtcp.bitrate_estimate(1, 700_000, heard))  # more than what is sent: no congestion
        await until(lambda: any(isinstance(item, rtcp.Remb) for item in customer.feedback), "the estimate came")
        (told,) = [item for item in customer.feedback if isinstance(item, rtcp.Remb)]
        assert told.bitrate_bps == pytest.approx(700_000, rel=0.001)
        assert customer.sections[Kind.VIDEO].local_ssrc in told.ssrcs
        await stage.engine.execute(SetSource(leg_id="lg_agent", source=Clip(name="hold", loop=True)))
        customer.feedback.clear()
        agent.send_rtcp(rtcp.bitrate_estimate(1, 200_000, heard) + rtcp.picture_loss(1, heard[1]))
        agent.send(Kind.AUDIO, 77)
        await until(lambda: 77 in customer.numbers(Kind.AUDIO), "what was sent later came")
        assert not any(isinstance(item, rtcp.Remb | rtcp.KeyFrameRequest) for item in customer.feedback)


async def test_receiver_reports_tell_each_sender_of_its_own_loss() -> None:
    async with studio() as stage:
        customer, _ = await stage.call()
        await paced(50, lambda number: customer.send(Kind.AUDIO, number, lost=number % 5 == 0))
        ssrc = customer.sections[Kind.AUDIO].local_ssrc
        await until(
            lambda: any(
                isinstance(item, rtcp.ReportBlock) and item.ssrc == ssrc and item.cumulative_lost == 10
                for item in customer.feedback
            ),
            "the loss was reported",
        )


async def test_a_key_frame_can_be_asked_for() -> None:
    async with studio() as stage:
        customer, _ = await stage.call()
        await asyncio.sleep(1.1)  # past the limit of one a second
        customer.feedback.clear()
        await stage.engine.execute(RequestKeyFrame(leg_id="lg_customer"))
        await until(
            lambda: any(isinstance(item, rtcp.KeyFrameRequest) for item in customer.feedback), "it was asked for"
        )


@everywhere
async def test_a_recording_takes_both_legs_and_their_successors(workers: int, clips: Path, tmp_path: Path) -> None:
    async with studio(workers, clips) as stage:
        customer, agent = await stage.call()
        folder = tmp_path / "rc_1"
        await stage.engine.execute(StartRecording(recording_id="rc_1", folder=str(folder)))
        await stage.engine.execute(RecordLeg(recording_id="rc_1", leg_id="lg_customer", role="customer"))
        await stage.engine.execute(RecordLeg(recording_id="rc_1", leg_id="lg_agent", role="agent"))
        await stage.engine.execute(MarkRecording(recording_id="rc_1", mark="consent", detail="yes"))

        def talk(number: int) -> None:
            for robot in (customer, agent):
                robot.send(Kind.AUDIO, number)
                robot.send(Kind.VIDEO, number)

        await paced(50, talk)
        await until(lambda: stage.count("RecordingStarted") == 1, "it is on disk")
        successor = await stage.robot("lg_customer_2")
        await stage.engine.execute(CloseLeg(leg_id="lg_customer"))
        await stage.bridge(successor, agent)
        await stage.engine.execute(RecordLeg(recording_id="rc_1", leg_id="lg_customer_2", role="customer"))
        successor.send(Kind.AUDIO, 0)
        await until(lambda: 0 in agent.numbers(Kind.AUDIO)[53:], "the successor is heard")
        await stage.engine.execute(StopRecording(recording_id="rc_1"))
        agent.send(Kind.AUDIO, 99)
        await until(lambda: 99 in successor.numbers(Kind.AUDIO), "the call goes on")
        (stopped,) = [event for event in stage.events if isinstance(event, RecordingStopped)]
        assert stopped.packets == 201
        assert stopped.size_bytes == sum(file.stat().st_size for file in folder.iterdir())
        with pytest.raises(MediaRefused, match="recording_unknown"):
            await stage.engine.execute(StopRecording(recording_id="rc_1"))


@everywhere
async def test_a_leg_that_closes_is_told_once_and_the_other_hears_silence(workers: int, clips: Path) -> None:
    async with studio(workers, clips) as stage:
        customer, agent = await stage.call()
        await stage.engine.execute(CloseLeg(leg_id="lg_customer"))
        await stage.engine.execute(CloseLeg(leg_id="lg_customer"))
        await until(lambda: customer.closed == "bye", "the customer was told")
        assert [event.reason for event in stage.events if isinstance(event, LegClosed)] == ["closed"]
        agent.send(Kind.AUDIO, 5)
        assert stage.engine.counters().legs == 1
        await agent.peer.close()
        await until(lambda: stage.count("LegClosed", "lg_agent") == 1, "the goodbye was heard")
        assert [event.reason for event in stage.events if isinstance(event, LegClosed)] == ["closed", "bye"]


async def test_silence_sends_nothing() -> None:
    async with studio() as stage:
        customer, agent = await stage.call()
        await stage.engine.execute(SetSource(leg_id="lg_agent", source=Silence()))
        customer.send(Kind.AUDIO, 50)
        agent.send(Kind.AUDIO, 51)
        await until(lambda: 51 in customer.numbers(Kind.AUDIO), "the other way goes on")
        assert 50 not in agent.numbers(Kind.AUDIO)


REFUSED = pytest.mark.parametrize(
    ("command", "code"),
    [
        (SetSource(leg_id="lg_none", source=Silence()), "leg_unknown"),
        (SetSource(leg_id="lg_customer", source=FromLeg(leg_id="lg_none")), "leg_unknown"),
        (SetSource(leg_id="lg_customer", source=Clip(name="none")), "clip_unknown"),
        (GetLegStats(leg_id="lg_none"), "leg_unknown"),
        (RequestKeyFrame(leg_id="lg_none"), "leg_unknown"),
        (OpenLeg(leg_id="lg_customer", sdp_offer="v=0"), "leg_exists"),
        (OpenLeg(leg_id="lg_third", sdp_offer="v=0"), "capacity"),
        (RecordLeg(recording_id="rc_none", leg_id="lg_customer", role="customer"), "recording_unknown"),
        (MarkRecording(recording_id="rc_none", mark="hold"), "recording_unknown"),
        (StartRecording(recording_id="rc_1", folder="/proc/none"), "recording_folder"),
    ],
)


@REFUSED
async def test_a_refused_command_says_why_and_changes_nothing(command: Command, code: str) -> None:
    async with studio(max_legs=2) as stage:
        customer, agent = await stage.call()
        with pytest.raises(MediaRefused) as refused:
            await stage.engine.execute(command)
        assert refused.value.code == code
        agent.send(Kind.AUDIO, 5)
        await until(lambda: 5 in customer.numbers(Kind.AUDIO), "the bridge stands")


@everywhere
async def test_a_bad_offer_is_refused_and_takes_no_place(workers: int, clips: Path) -> None:
    async with studio(workers, clips) as stage:
        with pytest.raises(MediaRefused) as refused:
            await stage.engine.execute(OpenLeg(leg_id="lg_1", sdp_offer="no sdp"))
        assert refused.value.code.startswith("sdp_")
        assert stage.engine.counters().legs == 0


async def test_a_listener_that_fails_harms_no_event_and_no_packet() -> None:
    async with studio() as stage:

        def fails(event: object) -> None:
            raise RuntimeError("the house is on fire")

        stage.engine.events.on(EVENT, fails)
        customer, agent = await stage.call()
        agent.send(Kind.AUDIO, 5)
        await until(lambda: 5 in customer.numbers(Kind.AUDIO), "packets go on")


@everywhere
async def test_the_end_closes_each_leg_and_recording_once_and_leaves_no_descriptor(
    workers: int, clips: Path, tmp_path: Path
) -> None:
    before = len(os.listdir("/proc/self/fd"))
    async with studio(workers, clips) as stage:
        await stage.call()
        await stage.engine.execute(StartRecording(recording_id="rc_1", folder=str(tmp_path / "rc_1")))
        await stage.engine.execute(RecordLeg(recording_id="rc_1", leg_id="lg_agent", role="agent"))
        started = time.monotonic()
        await asyncio.gather(stage.engine.aclose(), stage.engine.aclose())
        assert time.monotonic() - started < 20
        for leg_id in ("lg_customer", "lg_agent"):
            assert stage.count("LegClosed", leg_id) == 1
        assert stage.count("RecordingStopped") == 1
        assert {event.reason for event in stage.events if isinstance(event, LegClosed)} == {"engine_stopped"}
        with pytest.raises(MediaRefused, match="engine_stopped"):
            await stage.engine.execute(CloseLeg(leg_id="lg_agent"))
    await until(lambda: len(os.listdir("/proc/self/fd")) <= before, "every descriptor is closed")


async def test_a_port_in_use_is_an_error_at_the_start() -> None:
    async with studio() as stage:
        taken = EngineSettings(host="127.0.0.1", port=stage.engine.port)
        with pytest.raises(OSError, match="in use"):
            await InProcessEngine.start(taken)
        with pytest.raises(OSError, match="in use"):
            await WorkerPool.start(1, WorkerSettings(engine=taken))
