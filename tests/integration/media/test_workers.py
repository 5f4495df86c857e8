"""Media processes that are killed, hang, talk nonsense, eat memory or are replaced: who notices, what comes back."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from media.engine import EngineSettings
from media.port import (
    EVENT,
    CloseLeg,
    FromLeg,
    Kind,
    LegClosed,
    MediaEvent,
    MediaRefused,
    OpenLeg,
    RecordingFailed,
    RecordLeg,
    SetSource,
    StartRecording,
)
from media.workers import process as process_module
from media.workers import restart as restart_module
from media.workers.pool import WorkerPool
from media.workers.process import WorkerFailed, WorkerProcess, WorkerSettings
from media.workers.wire import Ping
from tests.integration.media.engine_rig import Robot, Studio, paced, studio
from tests.integration.media.transport_rig import until
from tests.support.product import children, is_there

LOCAL = EngineSettings(host="127.0.0.1")
START_S = 30.0  # a process may take its time on a machine that is full


def pids(pool: WorkerPool) -> list[int]:
    return [slot.process.pid for slot in pool._slots if slot.process is not None]


def at(pool: WorkerPool, leg_id: str) -> int:
    """The process that has the leg."""
    return pool._book.legs[leg_id].process.pid


def closings(stage: Studio) -> list[tuple[str, str]]:
    return [(event.leg_id, event.reason) for event in stage.events if isinstance(event, LegClosed)]


def told(pid: int) -> bytes:
    """What a process was given to know: its command line and its environment."""
    return Path(f"/proc/{pid}/cmdline").read_bytes() + Path(f"/proc/{pid}/environ").read_bytes()


@asynccontextmanager
async def rogue(how: str, **settings: object) -> AsyncIterator[WorkerPool]:
    """A pool of one process that goes wrong."""
    command = (sys.executable, "-m", "tests.support.rogue_worker", how)
    pool = await WorkerPool.start(1, WorkerSettings(engine=LOCAL, command=command, **settings))  # type: ignore[arg-type]
    try:
        yield pool
    finally:
        await pool.aclose()


async def test_killed_in_mid_call_its_legs_are_told_once_and_the_other_call_loses_no_packet(tmp_path: Path) -> None:
    """Two processes, a call in each; `kill -9` of one. The same people come back, together, on the one that lives."""
    async with studio(workers=2) as stage:
        pool = stage.engine
        assert isinstance(pool, WorkerPool)
        customer, agent = await stage.call()
        others = await stage.call(".other")
        assert at(pool, "lg_customer") == at(pool, "lg_agent") != at(pool, "lg_customer.other")
        await pool.execute(StartRecording(recording_id="rc_1", folder=str(tmp_path / "rc_1"), call_id="ct_1"))
        await pool.execute(RecordLeg(recording_id="rc_1", leg_id="lg_agent", role="agent"))
        victim = at(pool, "lg_agent")

        def talk(number: int) -> None:
            if number == 100:
                os.kill(victim, signal.SIGKILL)
            for robot in others:
                robot.send(Kind.AUDIO, number)
                robot.send(Kind.VIDEO, number)

        await paced(300, talk, interval_s=0.01)
        for robot in others:
            for kind in (Kind.AUDIO, Kind.VIDEO):
                await until(lambda robot=robot, kind=kind: len(robot.numbers(kind)) == 303, "everything came")
                assert robot.numbers(kind) == list(range(-3, 300))
                sequences = [sequence for sequence, _, _ in robot.received[kind]]
                assert sequences == [(sequences[0] + step) & 0xFFFF for step in range(303)]
        assert sorted(closings(stage)) == [("lg_agent", "worker_lost"), ("lg_customer", "worker_lost")]
        failed = [event for event in stage.events if isinstance(event, RecordingFailed)]
        assert [(event.recording_id, event.code) for event in failed] == [("rc_1", "worker_lost")]
        with pytest.raises(MediaRefused, match="leg_unknown"):
            await pool.execute(SetSource(leg_id="lg_agent", source=FromLeg(leg_id="lg_customer")))

        back = [Robot("lg_customer.2"), Robot("lg_agent.2")]
        for robot in back:
            await robot.join(pool)
        stage.robots += back
        assert at(pool, "lg_customer.2") == at(pool, "lg_agent.2")
        await stage.bridge(*back)
        back[0].send(Kind.AUDIO, 5)
        await until(lambda: 5 in back[1].numbers(Kind.AUDIO), "they hear each other again")
        await asyncio.gather(customer.peer.close(), agent.peer.close())
        stage.robots = [robot for robot in stage.robots if robot not in (customer, agent)]


async def test_a_killed_process_is_started_again_on_its_own_port(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also while it is the only one: who asks meanwhile waits for it. Killed again and again, capacity is lowered."""
    monkeypatch.setattr(restart_module, "LOOP_DEATHS", 3)
    monkeypatch.setattr(restart_module, "LONGEST_DELAY_S", 1.0)
    async with studio(workers=1, max_legs=10) as stage:
        pool = stage.engine
        assert isinstance(pool, WorkerPool)
        alarms: list[str] = []
        pool.on_alarm = lambda code, detail: alarms.append(code)
        ports = pool.ports
        os.kill(pids(pool)[0], signal.SIGKILL)
        await until(lambda: not pool.figures()[0].up, "it is gone")
        await stage.robot("lg_1")
        assert pool.ports == ports
        assert [figures.restarts for figures in pool.figures()] == [1]
        await stage.robots.pop().peer.close()
        for deaths in (2, 3):
            os.kill(pids(pool)[0], signal.SIGKILL)
            await until(lambda deaths=deaths: alarms.count("media_worker_lost") == deaths, "it is gone again", START_S)
            if deaths < 3:
                await until(lambda: pool.figures()[0].up, "it is back", START_S)
        await until(lambda: alarms.count("media_worker_loop") == 1, "somebody is told")
        assert pool.capacity == 0
        await until(lambda: pool.figures()[0].up, "it is tried all the same", START_S)
        assert pool.capacity == 10


async def test_a_process_that_hangs_is_ended_and_a_slow_reader_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_module, "PONG_S", 1.0)
    monkeypatch.setattr(process_module, "PONG_AGAIN_S", 1.0)
    async with studio(workers=2) as stage:
        pool = stage.engine
        assert isinstance(pool, WorkerPool)
        await stage.robot("lg_1")
        before = pids(pool)
        until_s = asyncio.get_running_loop().time() + 2.5
        while asyncio.get_running_loop().time() < until_s:
            """The gateway itself hangs: that is nobody else's fault."""
        measured = pool.figures()[0].vitals
        await until(lambda: pool.figures()[0].vitals is not measured, "it answered meanwhile")
        assert pids(pool) == before
        os.kill(at(pool, "lg_1"), signal.SIGSTOP)
        await until(lambda: ("lg_1", "worker_lost") in closings(stage), "it is given up", START_S)
        await until(lambda: all(each.up for each in pool.figures()), "another took its place", START_S)


@pytest.mark.parametrize(
    "how",
    [
        "garbage",
        "oversized",
        "pickle",
        "wrong_reply",
        "reply_to_nothing",
        "ends_before_it_began",
        "another_ones_recording",
        "floods",
        "dies",
    ],
)
async def test_one_that_talks_nonsense_is_ended_and_what_was_asked_is_refused(how: str) -> None:
    async with rogue(how) as pool:
        events: list[MediaEvent] = []
        pool.events.on(EVENT, events.append)
        (pid,) = pids(pool)
        with pytest.raises(MediaRefused, match="worker_lost"):
            await pool.execute(OpenLeg(leg_id="lg_1", sdp_offer="v=0"))
        await until(lambda: not is_there(pid), "it is ended")
        assert not events, "a leg that was never answered has no end"
        assert pool.counters().legs == 0


async def test_one_that_tells_of_anothers_leg_is_ended_and_not_believed() -> None:
    async with rogue("another_ones_leg") as pool:
        events: list[MediaEvent] = []
        pool.events.on(EVENT, events.append)
        await pool.execute(OpenLeg(leg_id="lg_1", sdp_offer="v=0"))
        await until(lambda: len(events) == 1, "it was ended", START_S)
        (event,) = events
        assert isinstance(event, LegClosed)
        assert (event.leg_id, event.reason) == ("lg_1", "worker_lost")


async def test_an_end_told_twice_is_passed_on_once() -> None:
    async with rogue("ends_twice") as pool:
        events: list[MediaEvent] = []
        pool.events.on(EVENT, events.append)
        await pool.execute(OpenLeg(leg_id="lg_1", sdp_offer="v=0"))
        await until(lambda: pool.figures()[0].restarts == 1, "it was ended", START_S)
        assert events == [LegClosed(leg_id="lg_1", reason="bye", at_s=0.0)]


async def test_one_that_eats_memory_is_ended() -> None:
    """R16: the system's memory is not what ends it, and its successor is there at once."""
    async with rogue("eats", memory_bytes=200_000_000) as pool:
        closed: list[MediaEvent] = []
        pool.events.on(EVENT, closed.append)
        (pid,) = pids(pool)
        await pool.execute(OpenLeg(leg_id="lg_1", sdp_offer="v=0"))
        await until(lambda: pool.figures()[0].restarts == 1, "another took its place", START_S)
        await until(lambda: not is_there(pid), "what it had eaten is given back")
        (event,) = closed
        assert isinstance(event, LegClosed)
        assert event.reason == "worker_lost"


@pytest.mark.parametrize("how", ["never_ready", "dies_at_once", "old_version"])
async def test_one_that_does_not_start_is_an_error_at_the_start(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_module, "START_S", 3.0)
    with pytest.raises(WorkerFailed):
        async with rogue(how):
            pytest.fail("it did not start")


async def test_what_is_asked_of_one_that_is_about_to_be_noticed_gone_is_refused() -> None:
    worker = await WorkerProcess.spawn("media-0", WorkerSettings(engine=LOCAL), LOCAL)
    try:
        worker._writer.close()
        with pytest.raises(MediaRefused, match="worker_lost"):
            worker.submit(OpenLeg(leg_id="lg_1", sdp_offer="v=0"))
        worker._send(Ping(number=1))
    finally:
        await worker.aclose()


async def test_a_start_that_is_cancelled_leaves_no_process_at_whatever_step_it_was() -> None:
    command = (sys.executable, "-m", "tests.support.rogue_worker", "never_ready")
    before = children()
    for turns in range(12):
        start = asyncio.create_task(WorkerProcess.spawn("media-0", WorkerSettings(command=command), LOCAL))
        for _ in range(turns):
            await asyncio.sleep(0)
        start.cancel()
        with pytest.raises(asyncio.CancelledError):
            await start
        assert children() == before, f"cancelled after {turns} turns of the loop"


async def test_a_command_that_is_not_answered_in_time_is_refused_and_its_leg_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("media.workers.pool.COMMAND_S", 0.5)
    async with studio(workers=1) as stage:
        pool = stage.engine
        assert isinstance(pool, WorkerPool)
        robot = Robot("lg_late")
        (pid,) = pids(pool)
        os.kill(pid, signal.SIGSTOP)
        with pytest.raises(MediaRefused, match="media_timeout"):
            await robot.join(pool)
        os.kill(pid, signal.SIGCONT)
        await until(lambda: pool.counters().legs == 0, "the leg is closed again")
        await robot.peer.close()
        assert not stage.events, "nobody is told of a leg that nobody has"
        await stage.robot("lg_late")


async def test_after_so_many_calls_a_process_is_replaced_when_its_last_call_is_over() -> None:
    pool = await WorkerPool.start(2, WorkerSettings(engine=LOCAL), recycle_calls=2)
    stage = Studio(pool)
    try:
        for number in range(3):
            await stage.robot(f"lg_{number}", call_id=f"ct_{number}")
        places = [at(pool, f"lg_{number}") for number in range(3)]
        worn = next(place for place in places if places.count(place) == 2)
        its_calls = [number for number in range(3) if places[number] == worn]
        await stage.robot("lg_3", call_id="ct_3")
        assert at(pool, "lg_3") != worn, "it takes no new call"
        await stage.robot("lg_again", call_id=f"ct_{its_calls[0]}")
        assert at(pool, "lg_again") == worn, "but what belongs to its own"
        for leg_id in ("lg_again", *(f"lg_{number}" for number in its_calls)):
            assert worn in pids(pool)
            await pool.execute(CloseLeg(leg_id=leg_id))
        await until(lambda: worn not in pids(pool), "it is replaced", START_S)
        await until(lambda: all(each.up for each in pool.figures()), "by another", START_S)
        assert {reason for _, reason in closings(stage)} == {"closed"}
    finally:
        await asyncio.gather(*(robot.peer.close() for robot in stage.robots))
        await pool.aclose()


async def test_no_process_outlives_the_gateway() -> None:
    """`kill -9` of the parent: the media processes are gone too, so the next start finds port and captures free."""
    script = (
        "import asyncio, media.workers.pool as p, media.workers.process as w, media.engine as e\n"
        "from gateway.base import log\n"
        "log.configure(json_lines=True)\n"
        "async def main():\n"
        "    pool = await p.WorkerPool.start(2, w.WorkerSettings(engine=e.EngineSettings(host='127.0.0.1')))\n"
        "    print(*[slot.process.pid for slot in pool._slots], flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", script, stdout=asyncio.subprocess.PIPE)
    assert parent.stdout is not None
    children = [int(each) for each in (await asyncio.wait_for(parent.stdout.readline(), 30)).split()]
    assert len(children) == 2
    assert all(is_there(pid) for pid in children)
    assert not any(b"VISAVIS" in told(pid) for pid in children)
    assert all(is_there(pid) for pid in children)
    parent.kill()
    await parent.wait()
    await until(lambda: not any(is_there(pid) for pid in children), "they are gone", START_S)
