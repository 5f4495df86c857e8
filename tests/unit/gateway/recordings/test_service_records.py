"""The rows of recordings: a store that is away, and what a process that died left behind."""

import asyncio
from pathlib import Path

from gateway.base.ids import ContactId, RecordingId
from gateway.recordings import deadlines
from gateway.recordings.policy import Action
from gateway.recordings.port import RecordingRecord
from gateway.recordings.states import RecordingState
from gateway.recordings.store import CAPTURE
from media.port import RecordingFailed, RecordLeg, StopRecording
from tests.support.recording_rig import CONTACT, Node, Order

AGENT = "agent:ag_agent0001"


# ---------------------------------------------------------------- a store that is away


async def test_rows_that_a_store_did_not_take_are_saved_when_it_is_back_or_the_gateway_stops(node: Node) -> None:
    """Why a recording failed is known after the next start, though nothing happened to it since."""
    node.records.away = True
    node.media.starts = False
    await node.service.begin(Order())
    node.clock.advance(deadlines.START_TIMEOUT_S)
    await node.reaches(lambda: node.shown[-1:] == ["failed"])
    node.records.away = False
    await node.service.aclose()
    assert (node.row.state, node.row.failure) == (RecordingState.FAILED, "start_timeout")


async def test_rows_that_cannot_be_saved_do_not_stop_the_recording(node: Node) -> None:
    node.records.away = True
    await node.service.begin(Order())
    assert node.media.count(RecordLeg) == 2
    assert "recording_not_saved" in node.alarms
    node.records.away = False
    await node.service.stop(CONTACT, "over")
    await node.service.idle()
    assert node.row.state is RecordingState.COMPLETE


async def test_a_store_that_does_not_answer_holds_up_neither_the_capture_nor_its_end(node: Node) -> None:
    node.records.answers.clear()
    await node.service.begin(Order())
    await node.service.control(CONTACT, Action.PAUSE, by=AGENT)
    assert node.media.count(RecordLeg) == 2
    assert node.media.marks()[-1] == "pause"
    await node.service.stop(CONTACT, "over")
    assert node.media.count(StopRecording) == 1
    assert not node.records.rows
    node.records.answers.set()
    await node.service.idle()
    assert node.row.state is RecordingState.COMPLETE
    assert node.records.saves <= 3, "the rows between were overtaken by the newest"


async def test_a_sealed_recording_is_saved_when_the_store_is_back(node: Node) -> None:
    """No transition follows a seal: without another try the row would say `ending` until the next start."""
    await node.talking()
    await node.service.stop(CONTACT, "over")
    node.records.away = True
    async with asyncio.timeout(20):
        while "recording_not_saved" not in node.alarms:  # noqa: ASYNC110 - a finaliser's process has no event of ours
            await asyncio.sleep(0.01)
    node.records.away = False
    async with asyncio.timeout(20):
        while node.row.state is not RecordingState.COMPLETE:
            node.clock.advance(1.0)
            await asyncio.sleep(0.01)
    assert node.alarms == ["recording_not_saved"]


async def test_a_seal_that_cannot_be_saved_does_not_hold_up_the_end_of_the_call(node: Node) -> None:
    """The disk is full in mid-call: the recording is sealed while the call goes on, and the records are away too."""
    await node.talking()
    node.records.away = True
    node.media.say(RecordingFailed(recording_id=node.row.recording_id, code="disk_full", detail="full", at_s=0.0))
    await node.reaches(lambda: "recording_not_saved" in node.alarms)
    await node.reaches(lambda: not node.service.jobs.all())
    async with asyncio.timeout(30):
        await node.service.stop(CONTACT, "over")
    assert not node.archive.taken
    node.records.away = False
    async with asyncio.timeout(20):
        while node.row.state is not RecordingState.COMPLETE:
            node.clock.advance(1.0)
            await asyncio.sleep(0.01)
    await node.service.idle()
    assert node.archive.taken == [node.row.recording_id]


# ---------------------------------------------------------------- a process that died


async def test_what_a_dead_process_left_is_finalised_at_the_next_start(node: Node, tmp_path: Path) -> None:
    await node.talking()
    records, before = node.records, list(node.views)
    again = Node(tmp_path)
    again.records, again.service = records, again.service
    again.service = again.make()
    assert await again.service.recover() == 1
    await again.service.idle()
    assert records.rows[node.row.recording_id].state is RecordingState.COMPLETE
    assert again.views == []
    assert node.views == before
    await again.service.aclose()


async def test_a_row_without_a_capture_is_failed_and_a_row_before_consent_aborted(node: Node) -> None:
    for number, state in enumerate((RecordingState.STARTING, RecordingState.AWAITING_CONSENT)):
        recording_id = RecordingId(f"rc_lost0000{number}")
        node.records.rows[recording_id] = RecordingRecord(
            recording_id=recording_id,
            contact_id=ContactId(f"ct_lost0000{number}"),
            state=state,
            consent="",
            notice_version="",
            requested_at=node.clock.now(),
        )
    assert await node.service.recover() == 2
    await node.service.idle()
    assert node.records.rows[RecordingId("rc_lost00000")].state is RecordingState.FAILED
    assert node.records.rows[RecordingId("rc_lost00001")].state is RecordingState.ABORTED


async def test_what_another_node_records_is_left_to_it(node: Node, tmp_path: Path) -> None:
    await node.talking()
    records = node.records
    (tmp_path / "other").mkdir()
    other = Node(tmp_path / "other")
    other.records = records
    other.service = other.make()

    async def is_ours(contact_id: ContactId) -> bool:
        return contact_id != node.row.contact_id

    assert await other.service.recover(is_ours) == 0
    await other.service.idle()
    assert records.rows[node.row.recording_id].state is RecordingState.ACTIVE
    await other.service.aclose()


async def test_a_capture_nobody_knows_is_an_alarm_and_stays(node: Node) -> None:
    folder = node.store.folder(RecordingId("rc_orphan0000"))
    folder.mkdir(parents=True)
    (folder / CAPTURE).write_bytes(b"")
    assert await node.service.recover() == 0
    assert node.alarms == ["recording_orphan"]
    assert (folder / CAPTURE).exists()


async def test_recovering_without_rows_is_an_alarm_and_no_error(node: Node) -> None:
    node.records.away = True
    assert await node.service.recover() == 0
    assert node.alarms == ["recording_recover"]


async def test_closing_stops_what_is_being_recorded(node: Node) -> None:
    await node.talking()
    await node.service.aclose()
    assert node.media.count(StopRecording) == 1
    assert node.row.state in (RecordingState.ENDING, RecordingState.COMPLETE)
    await node.service.aclose()
