"""Who decides whether there is a recording: policy by queue, consent, and what agents, systems and pages may ask."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.base.errors import NotFound, PortFailure, StateConflict
from gateway.base.ids import LegId
from gateway.config import QueueSettings, RecordingSettings
from gateway.recordings import deadlines
from gateway.recordings.policy import Action, Decision, Policies, Policy, decide, told_before
from gateway.recordings.states import RecordingState
from media.port import Kind, LegFirstMedia, MarkRecording, RecordingStarted, RecordLeg, StartRecording, StopRecording
from tests.support.recording_rig import CONTACT, CUSTOMER_LEG, Node, Order

AGENT = "agent:ag_agent0001"
CRM = "rest:crm"
PAGE = "page"


def queue(name: str, policy: str | None) -> QueueSettings:
    return QueueSettings(id=name, name=name, recording=policy)


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Node]:
    """A queue `sales` where somebody must ask for a recording."""
    node = Node(tmp_path, queues=[queue("sales", "on_request")])
    yield node
    await node.service.aclose()


# ---------------------------------------------------------------- the decision


def test_a_queue_without_a_policy_has_the_general_one() -> None:
    policies = Policies(RecordingSettings(policy="off"), [queue("sales", "on_request"), queue("help", None)])
    assert [policies.of(name) for name in ("sales", "help", "gone")] == [Policy.ON_REQUEST, Policy.OFF, Policy.OFF]


@pytest.mark.parametrize(
    ("policy", "shown", "consent", "requested", "expected"),
    [
        (Policy.OFF, True, True, True, Decision.NOTHING),
        (Policy.ON_REQUEST, True, None, False, Decision.NOTHING),
        (Policy.ON_REQUEST, True, None, True, Decision.ASK),
        (Policy.ON_REQUEST, True, True, True, Decision.START),
        (Policy.ON_REQUEST, True, False, True, Decision.REFUSED),
        (Policy.NOTICE, True, None, False, Decision.START),
        (Policy.NOTICE, False, None, False, Decision.ASK),
        (Policy.NOTICE, True, False, False, Decision.REFUSED),
        (Policy.CONSENT, True, None, False, Decision.ASK),
        (Policy.CONSENT, False, True, False, Decision.START),
    ],
)
def test_nothing_starts_without_a_notice_or_a_yes(
    policy: Policy, shown: bool, consent: bool | None, requested: bool, expected: Decision
) -> None:
    assert decide(policy, notice_shown=shown, consent=consent, requested=requested) is expected


def test_the_notice_is_shown_wherever_a_queue_might_record_with_it() -> None:
    settings = RecordingSettings(policy="off")
    assert told_before(settings, [queue("a", None), queue("b", "always_with_notice")]) == "notice"
    assert told_before(settings, [queue("a", None), queue("b", "always_with_consent")]) == "ask"
    assert told_before(settings, [queue("a", "on_request")]) == "off"


def test_the_setting_of_earlier_versions_is_read_as_the_policy_it_stood_for() -> None:
    assert RecordingSettings(consent="ask").policy == "always_with_consent"
    with pytest.raises(ValueError, match=r"recording\.consent is now recording\.policy"):
        RecordingSettings(consent="ask", policy="off")
    with pytest.raises(ValueError, match=r"recording\.consent is now recording\.policy"):
        RecordingSettings(consent="maybe")


# ---------------------------------------------------------------- before consent


async def test_before_an_answer_there_is_no_folder_whatever_the_people_do(tmp_path: Path) -> None:
    """S35. A camera that is switched while the question is open used to make the folder."""
    node = Node(tmp_path, policy="always_with_consent")
    node.media.say(LegFirstMedia(leg_id=CUSTOMER_LEG, kind=Kind.AUDIO, at_s=1.0))
    await node.service.begin(Order())
    await node.service.shown(CONTACT, "customer", {"audio": True, "video": False, "screen": False})
    await node.service.attach(CONTACT, LegId("lg_customer02"), "customer")
    await node.service.mark(CONTACT, "hold")
    await node.service.control(CONTACT, Action.PAUSE, by=AGENT)
    assert node.row.state is RecordingState.AWAITING_CONSENT
    assert not node.store.folder(node.row.recording_id).exists()
    assert node.media.commands == []
    await node.service.aclose()
    assert not node.store.folder(node.row.recording_id).exists()


async def test_the_answer_is_kept_with_its_time_language_and_version(tmp_path: Path) -> None:
    node = Node(tmp_path, policy="always_with_consent")
    await node.service.begin(Order())
    node.clock.advance(3)
    at = node.clock.now()
    await node.service.consent(CONTACT, True, "7", "fr")
    row = node.row
    assert (row.consent, row.consent_at, row.consent_language, row.notice_version) == ("given", at, "fr", "7")
    assert (row.policy, row.queue, row.agent_id) == ("always_with_consent", "sales", "ag_agent0001")
    await node.service.aclose()


async def test_a_withdrawal_is_carried_out_though_the_records_are_away(tmp_path: Path) -> None:
    """S35: the engine is told first; a store that does not answer delays nothing."""
    node = Node(tmp_path)
    await node.talking()
    node.records.away = True
    folder = node.store.folder(node.row.recording_id)
    await node.service.consent(CONTACT, False, "1", "en")
    assert node.media.count(StopRecording) == 1
    assert not folder.exists()
    assert node.shown[-1] == "off"
    node.records.away = False
    await node.service.aclose()
    assert (node.row.state, node.row.consent) == (RecordingState.ABORTED, "withdrawn")


async def test_what_was_recorded_before_a_withdrawal_is_kept_where_the_policy_says_so(tmp_path: Path) -> None:
    node = Node(tmp_path, withdrawn="keep")
    await node.talking()
    await node.service.consent(CONTACT, False, "1", "en")
    assert node.shown[-1] == "off"
    await node.service.idle()
    assert (node.row.state, node.row.consent) == (RecordingState.COMPLETE, "withdrawn")
    with pytest.raises(StateConflict, match="recording_refused"):
        await node.service.control(CONTACT, Action.START, by=CRM)
    await node.service.aclose()


# ---------------------------------------------------------------- on request


async def test_on_request_nothing_happens_until_somebody_asks_and_the_customer_agrees(node: Node) -> None:
    await node.service.begin(Order())
    assert (node.shown, node.views[-1].may, node.records.rows) == (["off"], ("start",), {})
    await node.service.control(CONTACT, Action.START, by=AGENT)
    assert node.shown[-1] == "awaiting_consent"
    assert not node.store.folder(node.row.recording_id).exists()
    await node.service.consent(CONTACT, True, "1", "en")
    await node.reaches(lambda: node.shown[-1:] == ["on"])
    assert node.views[-1].may == ("pause", "stop")
    assert node.audit == [(AGENT, "recording_start")]


async def test_a_customer_who_declines_is_served_and_not_asked_again(node: Node) -> None:
    await node.service.begin(Order())
    await node.service.control(CONTACT, Action.START, by=AGENT)
    await node.service.consent(CONTACT, False, "1", "en")
    assert (node.shown[-1], node.views[-1].may) == ("off", ())
    with pytest.raises(StateConflict, match="recording_refused"):
        await node.service.control(CONTACT, Action.START, by=CRM)
    assert node.media.commands == []


async def test_started_stopped_and_started_again_there_are_two_recordings(node: Node) -> None:
    await node.service.begin(Order(consent=True))
    for _ in range(2):
        await node.service.control(CONTACT, Action.START, by=CRM)
        await node.service.control(CONTACT, Action.START, by=CRM)  # asked twice, done once
        await node.reaches(lambda: node.shown[-1:] == ["on"])
        await node.service.control(CONTACT, Action.STOP, by=CRM)
        await node.service.control(CONTACT, Action.STOP, by=CRM)
        assert (node.shown[-1], node.views[-1].may) == ("off", ("start",))
    await node.service.idle()
    assert [row.state for row in node.records.rows.values()] == [RecordingState.COMPLETE] * 2
    await node.service.consent(CONTACT, False, "1", "en")
    assert [row.state for row in node.records.rows.values()] == [RecordingState.ABORTED] * 2


async def test_a_recording_that_is_required_cannot_be_stopped(tmp_path: Path) -> None:
    node = Node(tmp_path)
    await node.talking()
    assert node.views[-1].may == ("pause",)
    with pytest.raises(StateConflict, match="recording_required"):
        await node.service.control(CONTACT, Action.STOP, by=AGENT)
    assert node.row.state is RecordingState.ACTIVE
    await node.service.aclose()


async def test_a_call_that_nobody_talks_in_cannot_be_controlled(node: Node) -> None:
    with pytest.raises(NotFound, match="no_such_call"):
        await node.service.control(CONTACT, Action.PAUSE, by=CRM)


async def test_where_nothing_may_be_recorded_nothing_can_be_started(tmp_path: Path) -> None:
    node = Node(tmp_path, policy="off")
    await node.service.begin(Order(consent=True))
    with pytest.raises(StateConflict, match="recording_off"):
        await node.service.control(CONTACT, Action.START, by=CRM)
    await node.service.aclose()


# ---------------------------------------------------------------- pauses


async def test_the_agent_cannot_end_the_pause_of_a_payment(tmp_path: Path) -> None:
    """S19: the page says when the card field is open; the agent has no say in it."""
    node = Node(tmp_path)
    await node.talking()
    await node.service.control(CONTACT, Action.PAUSE, by=PAGE)
    assert (node.shown[-1], node.views[-1].may) == ("paused", ())
    with pytest.raises(StateConflict, match="pause_held"):
        await node.service.control(CONTACT, Action.RESUME, by=AGENT)
    await node.service.control(CONTACT, Action.RESUME, by=PAGE)
    assert (node.shown[-1], node.views[-1].may) == ("on", ("pause",))
    assert node.media.marks() == ["consent", "pause", "resume"]
    await node.service.aclose()


async def test_a_pause_ends_when_all_who_asked_for_it_have_let_go(tmp_path: Path) -> None:
    node = Node(tmp_path)
    await node.talking()
    for who in (AGENT, PAGE, CRM):
        await node.service.control(CONTACT, Action.PAUSE, by=who)
    for who in (CRM, AGENT):
        await node.service.control(CONTACT, Action.RESUME, by=who)
        assert node.row.state is RecordingState.PAUSED
    await node.service.control(CONTACT, Action.RESUME, by=PAGE)
    assert node.row.state is RecordingState.ACTIVE
    await node.service.aclose()


async def test_a_payment_open_before_the_bridge_is_paused_before_the_first_packet(tmp_path: Path) -> None:
    node = Node(tmp_path)
    await node.service.begin(Order(payment_open=True))
    kinds = [type(command) for command in node.media.commands]
    assert kinds.index(MarkRecording) < kinds.index(RecordLeg)
    assert node.media.marks() == ["consent", "pause"]
    assert node.row.state is RecordingState.PAUSED
    assert node.shown == ["paused"]
    await node.service.aclose()


async def test_a_capture_opened_again_while_paused_stays_paused(tmp_path: Path) -> None:
    """S19, crash while paused: whoever opens the capture anew, the pause comes before the first leg."""
    node = Node(tmp_path)
    await node.talking()
    await node.service.control(CONTACT, Action.PAUSE, by=PAGE)
    live = node.service._calls[CONTACT].live
    node.media.commands.clear()
    await node.service._capturing.open(live)
    kinds = [type(command) for command in node.media.commands]
    assert kinds[0] is StartRecording
    assert node.media.marks() == ["consent", "pause"]
    assert kinds.index(RecordLeg) > kinds.index(MarkRecording, 2)
    node.media.say(RecordingStarted(recording_id=live.recording_id, at_s=1.0))
    await asyncio.sleep(0)
    assert node.row.state is RecordingState.PAUSED
    await node.service.aclose()


async def test_a_payment_that_is_never_closed_ends_by_itself_with_an_alarm(tmp_path: Path) -> None:
    node = Node(tmp_path, pause_limit="2m")
    await node.talking()
    await node.service.control(CONTACT, Action.PAUSE, by=PAGE)
    node.clock.advance(120 + deadlines.KEY_FRAME_EVERY_S)
    await node.reaches(lambda: node.row.state is RecordingState.ACTIVE)
    assert node.alarms == ["pause_forgotten"]
    await node.service.aclose()


# ---------------------------------------------------------------- the audit


async def test_what_protects_the_customer_is_done_though_the_audit_is_away(node: Node) -> None:
    await node.service.begin(Order(consent=True))
    node.audit_away = True
    with pytest.raises(PortFailure):
        await node.service.control(CONTACT, Action.START, by=AGENT)
    assert node.media.commands == []
    node.audit_away = False
    await node.service.control(CONTACT, Action.START, by=AGENT)
    await node.reaches(lambda: node.shown[-1:] == ["on"])
    node.audit_away = True
    await node.service.control(CONTACT, Action.PAUSE, by=AGENT)
    assert node.shown[-1] == "paused"
    assert node.alarms == ["audit_not_written"]
    with pytest.raises(PortFailure):
        await node.service.control(CONTACT, Action.RESUME, by=AGENT)
    assert node.shown[-1] == "paused"
    node.audit_away = False


async def test_a_view_says_who_made_it_so(node: Node) -> None:
    await node.service.begin(replace(Order(), consent=True))
    await node.service.control(CONTACT, Action.START, by=CRM)
    await node.reaches(lambda: node.shown[-1:] == ["on"])
    await node.service.control(CONTACT, Action.PAUSE, by=AGENT)
    assert [view.by for view in node.views] == ["policy", CRM, AGENT]
