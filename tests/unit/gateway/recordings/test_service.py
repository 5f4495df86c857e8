"""The service beside a call: consent, start, pause, loss, end, recovery; and that no failure ever reaches the call."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.base.errors import StateConflict
from gateway.base.ids import ContactId, LegId, RecordingId
from gateway.recordings import deadlines
from gateway.recordings.incomplete import what_is_missing
from gateway.recordings.jobs import FIRST_RETRY_S, LONGEST_RETRY_S, MAX_ATTEMPTS, JobState
from gateway.recordings.policy import Action
from gateway.recordings.port import RecordingRecord
from gateway.recordings.states import RecordingState
from gateway.recordings.store import CAPTURE
from media.port import (
    Kind,
    LegClosed,
    LegFirstMedia,
    LegSilent,
    MarkRecording,
    MediaRefused,
    RecordingFailed,
    RecordLeg,
    RequestKeyFrame,
    StartRecording,
    StopRecording,
)
from tests.support.recording_rig import AGENT_LEG, CONTACT, CUSTOMER_LEG, PHONE_LEG, Node, Order

AGENT = "agent:ag_agent0001"


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Node]:
    node = Node(tmp_path)
    yield node
    await node.service.aclose()


async def other(tmp_path: Path, **settings: object) -> Node:
    return Node(tmp_path, **settings)


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


# ---------------------------------------------------------------- a voice on the telephone


def tapped(node: Node, role: str) -> list[str]:
    return [each.leg_id for each in node.media.commands if isinstance(each, RecordLeg) and each.role == role]


async def test_the_telephone_that_carries_the_voice_is_a_track_of_its_own(node: Node) -> None:
    began_s = node.clock.now().timestamp()
    node.media.say(LegFirstMedia(leg_id=PHONE_LEG, kind=Kind.AUDIO, at_s=began_s - 60))  # music, before the agent
    await node.talking(Order(telephone_leg=PHONE_LEG))
    assert tapped(node, "telephone") == [PHONE_LEG]
    assert PHONE_LEG not in [each.leg_id for each in node.media.commands if isinstance(each, RequestKeyFrame)]
    node.clock.advance(10)
    await node.service.stop(CONTACT, "over")
    tracks = {(track["role"], track["kind"]): track["intervals"] for track in node.expected()["tracks"]}
    assert tracks["telephone", "audio"] == [[began_s, began_s + 10]]


async def test_the_next_call_of_the_acd_carries_on_on_the_same_track(node: Node) -> None:
    await node.talking(Order(telephone_leg=PHONE_LEG))
    await node.service.mark(CONTACT, "agent_lost")
    await node.service.attach(CONTACT, LegId("lg_phone0002"), "telephone")
    assert tapped(node, "telephone") == [PHONE_LEG, "lg_phone0002"]
    assert node.row.state is RecordingState.PAUSED, "a new call is no new agent"
    assert node.media.marks() == ["consent", "agent_lost", "pause"]
    await node.service.begin(Order(agent_leg=LegId("lg_agent0002"), telephone_leg=LegId("lg_phone0002")))
    assert tapped(node, "telephone")[-1] == "lg_phone0002"
    assert node.row.state is RecordingState.ACTIVE
    assert node.media.count(StartRecording) == 1


async def test_a_telephone_is_tapped_only_once_the_customer_has_agreed(tmp_path: Path) -> None:
    node = await other(tmp_path, consent="ask")
    await node.service.begin(Order(notice_version="", telephone_leg=PHONE_LEG))
    await node.service.attach(CONTACT, LegId("lg_phone0002"), "telephone")
    assert node.media.commands == []
    await node.service.consent(CONTACT, True, "1")
    await node.reaches(lambda: node.row.state is RecordingState.ACTIVE)
    assert tapped(node, "telephone") == ["lg_phone0002"]
    await node.service.aclose()


async def test_a_contact_that_has_left_the_telephone_is_recorded_without_it(node: Node) -> None:
    await node.talking(Order(telephone_leg=PHONE_LEG))
    await node.service.begin(Order(agent_leg=LegId("lg_agent0002")))
    assert tapped(node, "telephone") == [PHONE_LEG]


async def test_a_telephone_that_died_with_its_media_process_leaves_the_rest_to_be_recorded(node: Node) -> None:
    await node.talking(Order(telephone_leg=PHONE_LEG))
    node.media.say(LegClosed(leg_id=PHONE_LEG, reason="worker_lost", at_s=node.clock.now().timestamp()))
    node.media.say(lost(node))
    await node.reaches(lambda: node.media.count(StartRecording) == 2)
    await node.service.stop(CONTACT, "worker_lost")
    await node.reaches(lambda: node.row.state is RecordingState.COMPLETE)
    assert node.alarms == []


# ---------------------------------------------------------------- consent


async def test_without_recording_nothing_is_kept(tmp_path: Path) -> None:
    node = await other(tmp_path, consent="off")
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
    node = await other(tmp_path, consent="ask")
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
    node = await other(tmp_path, consent="ask")
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
    node = await other(tmp_path, consent="ask")
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


# ---------------------------------------------------------------- failures: the call never learns of them but by a view


async def test_too_little_disk_refuses_with_an_alarm(tmp_path: Path) -> None:
    node = await other(tmp_path, min_free_bytes=10**18)
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


def lost(node: Node) -> RecordingFailed:
    return RecordingFailed(recording_id=node.row.recording_id, code="worker_lost", detail="", at_s=5.0)


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
    await node.reaches(lambda: (node.row.state, node.shown[-1]) == (RecordingState.COMPLETE, "failed"))
    assert (node.row.truncated, node.row.truncated_reason) == (True, "worker_lost")
    assert node.alarms == ["worker_lost"]


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
    await node.reaches(lambda: (node.row.state, node.shown[-1]) == (RecordingState.LIMIT_REACHED, "done"))
    assert node.row.sha256 == "ab" * 32


@pytest.mark.parametrize(
    ("plan", "code", "attempts"),
    [
        ({"exit": 1}, "no_media", 1),
        ({"exit": 2}, "capture_unreadable", MAX_ATTEMPTS),
        ({"exit": 4}, "finalise_memory", MAX_ATTEMPTS),
        ({"exit": 9}, "finalise_failed", MAX_ATTEMPTS),
        ({"garbage": True}, "finalise_failed", MAX_ATTEMPTS),
    ],
)
async def test_a_finaliser_that_fails_is_tried_again_and_then_given_up_with_a_reason(
    node: Node, plan: dict[str, object], code: str, attempts: int
) -> None:
    node.media.plan = plan
    await node.talking()
    await node.service.stop(CONTACT, "over")
    await node.service.idle()
    for attempt in range(2, attempts + 1):
        assert node.row.state is RecordingState.ENDING
        (job,) = node.service.jobs.all()
        assert (job.state, job.attempts, job.code) == (JobState.RETRYING, attempt - 1, code)
        node.clock.advance(LONGEST_RETRY_S)
        await asyncio.sleep(0)
        await node.service.idle()
    assert (node.row.state, node.row.failure) == (RecordingState.FAILED, code)
    assert node.alarms == [code] * attempts
    assert node.service.jobs.all() == ()
    assert node.service.jobs.finished == {code: attempts}


async def test_a_finaliser_that_fails_once_makes_its_recording_at_the_second_try(node: Node) -> None:
    node.media.plan = {"exit": 9}
    await node.talking()
    await node.service.stop(CONTACT, "over")
    await node.service.idle()
    (node.store.folder(node.row.recording_id) / "plan.json").unlink()
    node.clock.advance(FIRST_RETRY_S)
    await asyncio.sleep(0)
    await node.service.idle()
    assert node.row.state is RecordingState.COMPLETE
    assert node.service.jobs.finished == {"finalise_failed": 1, "ok": 1}


async def test_a_finaliser_that_hangs_is_killed(tmp_path: Path) -> None:
    node = await other(tmp_path)
    await node.service.aclose()
    node.service = node.make(timeout_s=0.5)
    node.media.plan = {"hang": True}
    await node.talking()
    await node.service.stop(CONTACT, "over")
    async with asyncio.timeout(10):
        await node.service.idle()
    (job,) = node.service.jobs.all()
    assert job.code == "finalise_timeout"
    await node.service.aclose()


async def test_how_far_a_finaliser_is_can_be_seen(node: Node) -> None:
    node.media.plan = {"progress": ["progress 0\nprogress 17\n", "progr", "ess 42\nprogress x\n"], "hang": True}
    await node.talking()
    await node.service.stop(CONTACT, "over")
    await node.reaches(lambda: [job.progress for job in node.service.jobs.all()] == [0.42])
    (job,) = node.service.jobs.all()
    assert (job.recording_id, job.contact_id, job.state) == (node.row.recording_id, CONTACT, JobState.RUNNING)
    assert node.service.jobs.counts()[JobState.RUNNING] == 1


async def test_a_recording_that_lacks_something_is_an_alarm_that_says_what(node: Node) -> None:
    node.media.plan = {
        "tracks": [
            {"role": "customer", "kind": "audio", "incomplete": False, "missing_s": 0.4, "missing": []},
            {
                "role": "agent",
                "kind": "video",
                "incomplete": True,
                "missing_s": 75.04,
                "missing": [[3.0, 4.0, "network"], [59.6, 133.64, "media_process"]],
            },
        ]
    }
    await node.talking()
    await node.service.stop(CONTACT, "over")
    await node.service.idle()
    assert node.row.state is RecordingState.COMPLETE
    assert node.alarms == ["recording_incomplete"]
    assert what_is_missing(node.row.tracks) == (
        "agent video lacks 75.0 s, most of it from 1:00 to 2:14 (media_process)"
    )


async def test_results_that_cannot_be_written_are_tried_again_at_the_next_start(node: Node) -> None:
    node.media.plan = {"exit": 3}
    await node.talking()
    await node.service.stop(CONTACT, "over")
    await node.service.idle()
    assert node.row.state is RecordingState.ENDING
    assert node.alarms == ["disk_full"]
    (node.store.folder(node.row.recording_id) / "plan.json").unlink()
    assert await node.service.recover() == 1
    await node.service.idle()
    assert node.row.state is RecordingState.COMPLETE


async def test_results_that_cannot_be_written_are_tried_again_until_they_can(node: Node) -> None:
    """A disk that was full has room again some day: nobody should have to restart the gateway for that."""
    node.media.plan = {"exit": 3}
    await node.talking()
    await node.service.stop(CONTACT, "over")
    await node.service.idle()  # the next try is no job yet: a drain does not wait for it
    for _ in range(MAX_ATTEMPTS + 1):
        node.clock.advance(LONGEST_RETRY_S)
        await asyncio.sleep(0)
        await node.service.idle()
        assert node.row.state is RecordingState.ENDING
    (node.store.folder(node.row.recording_id) / "plan.json").unlink()
    node.clock.advance(LONGEST_RETRY_S)
    await asyncio.sleep(0)
    await node.service.idle()
    assert node.row.state is RecordingState.COMPLETE
    assert node.alarms == ["disk_full"] * (MAX_ATTEMPTS + 2)


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
    async with asyncio.timeout(5):
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
