"""Whoever asks something of a recording may stop waiting for it: what was begun with the engine is done."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.contacts import effects
from gateway.parties import AskRecording, HangUp, RecordingShown
from gateway.recordings.deadlines import KEY_FRAME_EVERY_S
from gateway.recordings.states import RecordingState
from media.port import MarkRecording, RecordLeg, RequestKeyFrame, StopRecording
from tests.support.desk_rig import DeskRig
from tests.support.recording_rig import FakeMedia, Node


class SlowMedia(FakeMedia):
    """An engine that takes its time over commands of one kind."""

    def __init__(self) -> None:
        super().__init__()
        self._slow: type | None = None
        self.answers = asyncio.Event()

    def take_time_over(self, kind: type, monkeypatch: pytest.MonkeyPatch) -> None:
        """From now on, and from now on nobody waits long for it."""
        self._slow = kind
        monkeypatch.setattr(effects, "RECORDING_TIMEOUT_S", 0.02)

    async def execute(self, command: object) -> None:
        if self._slow is not None and isinstance(command, self._slow):
            await self.answers.wait()
        await super().execute(command)


@pytest.fixture
async def slow(tmp_path: Path) -> AsyncIterator[Node]:
    node = Node(tmp_path)
    node.media = SlowMedia()
    node.service = node.make()
    yield node
    await node.service.aclose()


@pytest.fixture
async def rig(slow: Node, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[DeskRig]:
    """A desk whose calls are recorded by that service."""
    rig = DeskRig(clock=slow.clock)
    for name in ("begin", "attach", "mark", "shown", "consent", "ask", "stop", "on_change"):
        monkeypatch.setattr(rig.recording, name, getattr(slow.service, name))
    await rig.start()
    yield rig
    await rig.stop()


def engine(node: Node) -> SlowMedia:
    assert isinstance(node.media, SlowMedia)
    return node.media


async def given_up(rig: DeskRig, slow: Node) -> None:
    """The desk has waited long enough."""
    await slow.reaches(lambda: "recording_failed" in [alarm.code for alarm in rig.desk.board().alarms])


async def test_a_call_that_waits_no_longer_for_its_recording_to_end_has_it_ended_and_sealed(
    rig: DeskRig, slow: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna = await rig.agent()
    maria = await rig.customer(notice_version="1")
    await anna.answer()
    await slow.reaches(lambda: slow.row.state is RecordingState.ACTIVE)
    engine(slow).take_time_over(StopRecording, monkeypatch)
    await maria.ask(HangUp())
    await given_up(rig, slow)
    engine(slow).answers.set()
    await slow.reaches(lambda: slow.row.state is RecordingState.COMPLETE)
    await slow.reaches(lambda: slow.archive.taken == [slow.row.recording_id])


async def test_a_pause_that_the_engine_takes_its_time_over_is_a_pause_with_an_end(
    rig: DeskRig, slow: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the engine was told and what people are shown stay one."""
    anna = await rig.agent()
    await rig.customer(notice_version="1")
    await anna.answer()
    await slow.reaches(lambda: any("pause" in shown.may for shown in anna.all(RecordingShown)))
    engine(slow).take_time_over(MarkRecording, monkeypatch)
    await anna.ask(AskRecording(action="pause"))
    await given_up(rig, slow)
    engine(slow).answers.set()
    await slow.reaches(lambda: anna.last(RecordingShown).state == "paused")
    assert slow.row.state is RecordingState.PAUSED
    await anna.ask(AskRecording(action="resume"))
    await slow.reaches(lambda: slow.row.state is RecordingState.ACTIVE)
    assert engine(slow).marks() == ["consent", "pause", "resume"]


async def test_a_recording_that_began_slowly_has_both_sides_and_is_watched(
    rig: DeskRig, slow: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna = await rig.agent()
    await rig.customer(notice_version="1")
    engine(slow).take_time_over(MarkRecording, monkeypatch)
    await anna.answer()
    await given_up(rig, slow)
    engine(slow).answers.set()
    await slow.reaches(lambda: engine(slow).count(RequestKeyFrame) == 2)
    await slow.reaches(lambda: slow.row.state is RecordingState.ACTIVE)
    await rig.run(KEY_FRAME_EVERY_S + 1)
    await slow.reaches(lambda: engine(slow).count(RequestKeyFrame) == 4)
    assert engine(slow).count(RecordLeg) == 2
