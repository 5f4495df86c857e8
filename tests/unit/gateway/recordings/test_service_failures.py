"""What fails beside a call: the disk, the engine, a media process, a recording that never begins or never ends."""

from pathlib import Path

from gateway.base.ids import LegId
from gateway.recordings import deadlines
from gateway.recordings.policy import Action
from gateway.recordings.states import RecordingState
from media.port import MarkRecording, MediaRefused, RecordingFailed, RecordLeg, StartRecording, StopRecording
from tests.support.recording_rig import CONTACT, Node, Order, lost

AGENT = "agent:ag_agent0001"


# ---------------------------------------------------------------- failures: the call never learns of them but by a view


async def test_too_little_disk_refuses_with_an_alarm(tmp_path: Path) -> None:
    node = Node(tmp_path, min_free_bytes=10**18)
    await node.service.begin(Order())
    assert (node.row.state, node.row.failure) == (RecordingState.FAILED, "disk_low")
    assert node.alarms == ["disk_low"]
    assert (node.views[-1].state, node.views[-1].code) == ("failed", "disk_low")
    assert node.media.commands == []
    await node.service.begin(Order())  # one try per contact
    assert node.alarms == ["disk_low"]
    await node.service.aclose()


async def test_an_engine_that_refuses_fails_the_recording_only(node: Node) -> None:
    node.media.refuse[StartRecording] = MediaRefused("recording_folder", "read-only")
    await node.service.begin(Order())
    assert (node.row.state, node.row.failure) == (RecordingState.FAILED, "recording_folder")
    await node.service.mark(CONTACT, "hold")
    await node.service.stop(CONTACT, "over")


async def test_a_leg_that_has_just_gone_does_not_stop_the_others_recording(node: Node) -> None:
    node.media.refuse[RecordLeg] = MediaRefused("leg_unknown", "gone")
    await node.service.begin(Order())
    await node.reaches(lambda: node.row.state is RecordingState.ACTIVE)
    assert node.alarms == []


async def test_a_disk_that_fills_in_mid_call_truncates_and_is_told_once(node: Node) -> None:
    await node.talking()
    node.media.say(
        RecordingFailed(recording_id=node.row.recording_id, code="disk_full", detail="No space left", at_s=5.0)
    )
    await node.reaches(lambda: node.row.state is RecordingState.COMPLETE)
    assert (node.row.truncated, node.row.truncated_reason) == (True, "disk_full")
    assert node.alarms == ["disk_full"]
    assert node.shown == ["on", "failed"]
    await node.service.begin(Order())  # another agent: no second recording of the contact
    assert node.media.count(StartRecording) == 1
    await node.service.stop(CONTACT, "over")


# ---------------------------------------------------------------- a media process that died


async def test_a_lost_media_process_leaves_a_gap_and_the_same_recording_goes_on(node: Node) -> None:
    """The next capture in the same folder, both legs again when they are back; people see that it is on."""
    await node.talking()
    node.media.say(lost(node))
    await node.reaches(lambda: node.media.count(StartRecording) == 2)
    await node.reaches(lambda: node.media.marks() == ["consent", "media_lost"])
    starts = [command for command in node.media.commands if isinstance(command, StartRecording)]
    assert starts[0] == starts[1]
    await node.service.attach(CONTACT, LegId("lg_customer02"), "customer")
    last = [command for command in node.media.commands if isinstance(command, RecordLeg)][-1]
    assert last.leg_id == "lg_customer02"
    assert set(node.shown) == {"on"}
    assert node.views[-1].code == "worker_lost"
    await node.service.stop(CONTACT, "over")
    await node.reaches(lambda: node.row.state is RecordingState.COMPLETE)
    assert (node.row.failure, node.row.truncated) == ("", False)
    assert node.alarms == []


async def test_what_was_paused_stays_paused_in_the_next_capture(node: Node) -> None:
    await node.talking()
    await node.service.control(CONTACT, Action.PAUSE, by=AGENT, reason="card")
    node.media.say(lost(node))
    await node.reaches(lambda: node.media.marks() == ["consent", "pause", "media_lost", "pause"])
    again = [type(command) for command in node.media.commands]
    again = again[again.index(StartRecording, again.index(StartRecording) + 1) :]
    assert again[:4] == [StartRecording, MarkRecording, MarkRecording, RecordLeg], "before anything could be written"
    assert node.row.state is RecordingState.PAUSED
    assert node.shown[-1] == "paused"


async def test_an_ended_pause_is_ended_again_as_its_mark_may_be_lost(node: Node) -> None:
    await node.talking()
    await node.service.control(CONTACT, Action.PAUSE, by=AGENT, reason="card")
    await node.service.control(CONTACT, Action.RESUME, by=AGENT)
    node.media.say(lost(node))
    await node.reaches(lambda: node.media.marks() == ["consent", "pause", "resume", "media_lost", "resume"])


async def test_without_another_process_it_goes_on_with_the_first_leg_that_is_back(node: Node) -> None:
    await node.talking()
    node.media.refuse[StartRecording] = MediaRefused("media_timeout", "none is up")
    node.media.say(lost(node))
    await node.reaches(lambda: node.media.count(StartRecording) == 2)
    assert node.row.state is RecordingState.ACTIVE
    del node.media.refuse[StartRecording]
    await node.service.attach(CONTACT, LegId("lg_customer02"), "customer")
    assert node.media.count(StartRecording) == 3
    assert node.media.marks()[-1] == "media_lost"
    assert node.row.state is RecordingState.ACTIVE


async def test_with_a_leg_back_and_still_no_process_it_ends_truncated(node: Node) -> None:
    await node.talking()
    node.media.refuse[StartRecording] = MediaRefused("recording_folder", "read-only")
    node.media.say(lost(node))
    await node.reaches(lambda: node.media.count(StartRecording) == 2)
    await node.service.attach(CONTACT, LegId("lg_customer02"), "customer")
    await node.reaches(lambda: (node.row.state, node.shown[-1:]) == (RecordingState.COMPLETE, ["failed"]))
    assert (node.row.truncated, node.row.truncated_reason) == (True, "worker_lost")
    assert node.alarms == ["worker_lost"]


# ---------------------------------------------------------------- too late, too short, too long


async def test_consent_withdrawn_after_a_full_disk_ended_the_recording_discards_it(node: Node) -> None:
    """The recording is over and sealed, the call is not: what was kept goes."""
    await node.talking()
    node.media.say(
        RecordingFailed(recording_id=node.row.recording_id, code="disk_full", detail="No space left", at_s=5.0)
    )
    await node.reaches(lambda: node.row.state is RecordingState.COMPLETE)
    folder = node.store.folder(node.row.recording_id)
    assert folder.exists()
    await node.service.consent(CONTACT, False, "1")
    assert node.row.state is RecordingState.ABORTED
    assert not folder.exists()
    await node.service.stop(CONTACT, "over")
    assert node.row.state is RecordingState.ABORTED


async def test_a_recording_without_a_packet_times_out(node: Node) -> None:
    node.media.starts = False
    await node.service.begin(Order())
    node.clock.advance(deadlines.START_TIMEOUT_S)
    await node.reaches(lambda: node.row.state is RecordingState.FAILED)
    assert node.row.failure == "start_timeout"
    assert node.media.count(StopRecording) == 1
    assert node.alarms == ["start_timeout"]


async def test_a_call_too_short_to_be_recorded_is_no_alarm(node: Node) -> None:
    node.media.starts = False
    node.media.plan = {"exit": 1}
    await node.service.begin(Order())
    await node.service.stop(CONTACT, "over")
    await node.service.idle()
    assert (node.row.state, node.row.failure) == (RecordingState.FAILED, "no_media")
    assert node.alarms == []


async def test_the_longest_recording_ends_and_is_sealed_as_such(node: Node) -> None:
    await node.talking()
    node.clock.advance(deadlines.MAX_DURATION_S)
    await node.reaches(lambda: (node.row.state, node.shown[-1:]) == (RecordingState.LIMIT_REACHED, ["done"]))
    assert node.row.sha256 == "ab" * 32
