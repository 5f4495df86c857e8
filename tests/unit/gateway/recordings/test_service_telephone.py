"""A voice on the telephone: a track of its own beside the call, or none."""

from pathlib import Path

from gateway.base.ids import LegId
from gateway.recordings.states import RecordingState
from media.port import Kind, LegClosed, LegFirstMedia, RecordLeg, RequestKeyFrame, StartRecording
from tests.support.recording_rig import CONTACT, PHONE_LEG, Node, Order, lost


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
    node = Node(tmp_path, consent="ask")
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
