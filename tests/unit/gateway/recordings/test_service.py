"""The service beside a call: consent, start, pause, end."""

import asyncio
from pathlib import Path

import pytest

from gateway.base.errors import StateConflict
from gateway.base.ids import LegId
from gateway.recordings import deadlines
from gateway.recordings.policy import Action
from gateway.recordings.states import RecordingState
from gateway.recordings.store import CAPTURE
from media.port import (
    Kind,
    LegClosed,
    LegFirstMedia,
    LegHeard,
    LegSilent,
    MarkRecording,
    RecordLeg,
    RequestKeyFrame,
    StartRecording,
    StopRecording,
)
from tests.support.recording_rig import AGENT_LEG, CONTACT, CUSTOMER_LEG, Node, Order

AGENT = "agent:ag_agent0001"


# ---------------------------------------------------------------- a call


async def test_a_call_is_recorded_sealed_and_found_by_id(node: Node) -> None:
    await node.talking()
    assert [type(command) for command in node.media.commands[:3]] == [StartRecording, MarkRecording, RecordLeg]
    assert node.media.marks() == ["consent"]
    await node.service.mark(CONTACT, "hold")
    await node.service.mark(CONTACT, "retrieve")
    await node.service.stop(CONTACT, "customer_left")
    await node.service.idle()
    row = node.row
    assert (row.state, row.sha256, row.duration_s, row.completeness) == (
        RecordingState.COMPLETE,
        "ab" * 32,
        12.5,
        0.995,
    )
    assert row.consent == "notice"
    assert row.started_at is not None
    assert row.ended_at is not None
    assert node.shown == ["on", "done"]
    assert node.alarms == []
    assert node.media.marks() == ["consent", "hold", "retrieve"]
    assert node.archive.taken == [row.recording_id]


async def test_what_a_complete_recording_holds_is_told_to_the_finaliser(node: Node) -> None:
    began_s = node.clock.now().timestamp()
    await node.talking()
    node.clock.advance(10)
    node.media.say(LegClosed(leg_id=AGENT_LEG, reason="bye", at_s=began_s + 10))
    node.clock.advance(2)
    await node.service.stop(CONTACT, "agent_left")
    expected = node.expected()
    tracks = {(track["role"], track["kind"]): track["intervals"] for track in expected["tracks"]}
    assert tracks == {
        ("agent", "audio"): [[began_s, began_s + 10]],
        ("agent", "video"): [[began_s, began_s + 10]],
        ("customer", "audio"): [[began_s, began_s + 12]],
        ("customer", "video"): [[began_s, began_s + 12]],
    }


async def test_while_the_call_goes_on_the_end_is_open(node: Node) -> None:
    """After kill -9 nobody can write when it ended: the finaliser takes the end of the capture."""
    await node.talking()
    assert all(track["intervals"][0][1] is None for track in node.expected()["tracks"])


async def test_a_camera_that_is_off_is_not_missed(node: Node) -> None:
    began_s = node.clock.now().timestamp()
    await node.talking()
    node.clock.advance(4)
    await node.service.shown(CONTACT, "customer", {"audio": True, "video": False})
    node.clock.advance(6)
    await node.service.stop(CONTACT, "over")
    tracks = {(track["role"], track["kind"]): track["intervals"] for track in node.expected()["tracks"]}
    assert tracks["customer", "video"] == [[began_s, began_s + 4]]
    assert tracks["customer", "audio"] == [[began_s, began_s + 10]]


async def test_a_camera_that_is_off_is_not_missed_when_a_connection_comes_back(node: Node) -> None:
    """Its packets came once, long ago: that the leg is heard again says nothing of it."""
    began_s = node.clock.now().timestamp()
    await node.talking()
    node.clock.advance(4)
    await node.service.shown(CONTACT, "customer", {"audio": True, "video": False})
    node.media.say(LegSilent(leg_id=CUSTOMER_LEG, at_s=began_s + 16))
    node.media.say(LegHeard(leg_id=CUSTOMER_LEG, at_s=began_s + 20))
    node.clock.advance(16)
    await node.service.attach(CONTACT, CUSTOMER_LEG, "customer")
    node.clock.advance(10)
    await node.service.stop(CONTACT, "over")
    tracks = {(track["role"], track["kind"]): track["intervals"] for track in node.expected()["tracks"]}
    assert tracks["customer", "video"] == [[began_s, began_s + 4]]
    assert tracks["customer", "audio"] == [[began_s, began_s + 10], [began_s + 20, began_s + 30]]


async def test_a_camera_that_went_off_before_the_recording_began_is_not_missed(tmp_path: Path) -> None:
    """The customer thinks about the question, and switches the camera off meanwhile; on again, it counts."""
    node = Node(tmp_path, policy="always_with_consent")
    for kind in (Kind.AUDIO, Kind.VIDEO):
        node.media.say(LegFirstMedia(leg_id=CUSTOMER_LEG, kind=kind, at_s=1.0))
    await node.service.begin(Order())
    await node.service.shown(CONTACT, "customer", {"audio": True, "video": False})
    await node.service.consent(CONTACT, True, "1")
    node.clock.advance(10)
    on_s = node.clock.now().timestamp()
    await node.service.shown(CONTACT, "customer", {"audio": True, "video": True})
    node.clock.advance(5)
    await node.service.stop(CONTACT, "over")
    await node.service.aclose()
    tracks = {(track["role"], track["kind"]): track["intervals"] for track in node.expected()["tracks"]}
    assert tracks["customer", "video"] == [[on_s, on_s + 5]]
    assert tracks["customer", "audio"] == [[on_s - 10, on_s + 5]]


async def test_a_leg_that_never_sends_video_is_not_expected_to(node: Node) -> None:
    node.media.say(LegFirstMedia(leg_id=CUSTOMER_LEG, kind=Kind.AUDIO, at_s=1.0))
    await node.service.begin(Order())
    await node.service.stop(CONTACT, "over")
    node.clock.advance(1)
    kinds = {(track["role"], track["kind"]) for track in node.expected()["tracks"]}
    assert kinds <= {("customer", "audio")}


async def test_a_silent_leg_is_missed_only_until_its_last_packet(node: Node) -> None:
    began_s = node.clock.now().timestamp()
    await node.talking()
    node.media.say(LegSilent(leg_id=CUSTOMER_LEG, at_s=began_s + 25))
    node.clock.advance(30)
    await node.service.stop(CONTACT, "over")
    tracks = {(track["role"], track["kind"]): track["intervals"] for track in node.expected()["tracks"]}
    assert tracks["customer", "audio"] == [[began_s, began_s + 19]]


async def test_a_new_generation_carries_on_under_the_same_role(node: Node) -> None:
    await node.talking()
    await node.service.attach(CONTACT, LegId("lg_customer02"), "customer")
    last = [command for command in node.media.commands if isinstance(command, RecordLeg)][-1]
    assert (last.leg_id, last.role) == ("lg_customer02", "customer")
    assert node.media.count(StartRecording) == 1


async def test_a_picture_to_begin_with_is_asked_for_and_again_from_time_to_time(node: Node) -> None:
    await node.talking()
    assert node.media.count(RequestKeyFrame) == 2
    node.clock.advance(deadlines.KEY_FRAME_EVERY_S)
    await node.reaches(lambda: node.media.count(RequestKeyFrame) == 4)


# ---------------------------------------------------------------- consent


async def test_without_recording_nothing_is_kept(tmp_path: Path) -> None:
    node = Node(tmp_path, consent="off")
    await node.service.begin(Order(consent=True))
    await node.service.stop(CONTACT, "over")
    assert node.records.rows == {}
    assert node.media.commands == []
    assert node.shown == ["off"]
    await node.service.aclose()


async def test_a_notice_that_was_not_shown_is_asked_for_first(node: Node) -> None:
    await node.service.begin(Order(notice_version=""))
    assert node.row.state is RecordingState.AWAITING_CONSENT
    assert node.media.commands == []
    assert node.views[-1].notice_version == "1"
    await node.service.consent(CONTACT, True, "1")
    await node.reaches(lambda: node.row.state is RecordingState.ACTIVE)
    assert (node.row.consent, node.row.notice_version) == ("given", "1")


async def test_where_consent_is_asked_a_notice_is_not_enough(tmp_path: Path) -> None:
    node = Node(tmp_path, consent="ask")
    await node.service.begin(Order(notice_version="1"))
    assert node.row.state is RecordingState.AWAITING_CONSENT
    await node.service.consent(CONTACT, False, "1")
    assert node.row.state is RecordingState.ABORTED
    assert node.media.commands == []
    assert node.shown == ["awaiting_consent", "off"]
    await node.service.begin(Order(consent=True))  # another agent: the answer stands
    assert node.media.commands == []
    await node.service.aclose()


async def test_consent_given_before_the_bridge_starts_at_once(tmp_path: Path) -> None:
    node = Node(tmp_path, consent="ask")
    await node.talking(Order(consent=True))
    assert node.row.consent == "given"
    await node.service.aclose()


async def test_a_withdrawn_consent_stops_and_discards_everything(node: Node) -> None:
    """Nothing stays of what may not be kept."""
    await node.talking()
    folder = node.store.folder(node.row.recording_id)
    assert (folder / CAPTURE).exists()
    await node.service.consent(CONTACT, False, "1")
    assert node.row.state is RecordingState.ABORTED
    assert node.media.count(StopRecording) == 1
    node.media.say(LegFirstMedia(leg_id=CUSTOMER_LEG, kind=Kind.SCREEN, at_s=1.0))
    await asyncio.sleep(0.05)
    assert not folder.exists()
    assert node.shown == ["on", "off"]


async def test_a_contact_that_ends_while_asked_leaves_nothing(tmp_path: Path) -> None:
    node = Node(tmp_path, consent="ask")
    await node.service.begin(Order())
    await node.service.stop(CONTACT, "over")
    assert node.row.state is RecordingState.ABORTED
    assert not node.store.has_anything(node.row.recording_id)
    await node.service.aclose()


# ---------------------------------------------------------------- pauses


async def test_a_pause_is_marked_shown_and_ended(node: Node) -> None:
    await node.talking()
    await node.service.control(CONTACT, Action.PAUSE, by=AGENT, reason="card")
    assert node.row.state is RecordingState.PAUSED
    await node.service.control(CONTACT, Action.RESUME, by=AGENT)
    assert node.row.state is RecordingState.ACTIVE
    assert node.media.marks() == ["consent", "pause", "resume"]
    assert node.shown == ["on", "paused", "on"]


async def test_a_lost_agent_pauses_until_the_next_one_is_bridged(node: Node) -> None:
    await node.talking()
    await node.service.mark(CONTACT, "agent_lost")
    assert node.row.state is RecordingState.PAUSED
    with pytest.raises(StateConflict, match="pause_held"):  # nobody's to end but the next bridge's
        await node.service.control(CONTACT, Action.RESUME, by=AGENT)
    assert node.row.state is RecordingState.PAUSED
    await node.service.begin(Order(agent_leg=LegId("lg_agent0002")))
    assert node.row.state is RecordingState.ACTIVE
    assert node.media.marks() == ["consent", "agent_lost", "pause", "resume"]
    assert node.media.count(StartRecording) == 1
    assert "lg_agent0002" in [command.leg_id for command in node.media.commands if isinstance(command, RecordLeg)]


async def test_a_card_pause_outlasts_the_change_of_agents(node: Node) -> None:
    await node.talking()
    await node.service.control(CONTACT, Action.PAUSE, by=AGENT, reason="card")
    await node.service.mark(CONTACT, "agent_lost")
    await node.service.begin(Order(agent_leg=LegId("lg_agent0002")))
    assert node.row.state is RecordingState.PAUSED
    await node.service.control(CONTACT, Action.RESUME, by=AGENT)
    assert node.row.state is RecordingState.ACTIVE


async def test_a_forgotten_pause_ends_by_itself_with_an_alarm(node: Node) -> None:
    await node.talking()
    await node.service.control(CONTACT, Action.PAUSE, by=AGENT, reason="card")
    node.clock.advance(node.settings.pause_limit.total_seconds() + deadlines.KEY_FRAME_EVERY_S)
    await node.reaches(lambda: node.row.state is RecordingState.ACTIVE)
    assert node.alarms == ["pause_forgotten"]
