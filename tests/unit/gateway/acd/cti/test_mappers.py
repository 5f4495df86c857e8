"""What the mappers make of events that compete: a snapshot with what was told meanwhile, a replay with what was told
before, a second call with the first."""

import itertools
from datetime import UTC, datetime

import pytest

from gateway.acd.cti.agents import AgentNames
from gateway.acd.cti.ami.mapper import AmiMapper, interface_of_channel
from gateway.acd.cti.ami.queue_log import parse_line
from gateway.acd.cti.ami.wire import AmiMessage
from gateway.acd.cti.esl.mapper import GRACE_S, EslMapper
from gateway.acd.cti.esl.wire import EslEvent
from gateway.acd.cti.ledger import MAX_STRANGE, Ledger
from gateway.acd.events import Queued
from gateway.acd.sip.feed import FeedEvent
from gateway.base.ids import OfferId

NOW = datetime(2026, 3, 2, tzinfo=UTC)
ID = "7K3QXM2P"
ANNA = {"Interface": "PJSIP/1001", "MemberName": "Anna", "Queue": "support"}


def ledger() -> Ledger:
    numbers = itertools.count(1)
    return Ledger("pbx", AgentNames(), lambda: OfferId(f"of_{next(numbers):08d}"))


def names(book: Ledger) -> list[str]:
    told = [event for event in book.take() if isinstance(event, FeedEvent)]
    return [type(event.body).__name__ + "*" * event.synthesized for event in told]


class Ami:
    def __init__(self) -> None:
        self.ledger = ledger()
        self.mapper = AmiMapper(self.ledger, "VIDEO_CONTACT_ID", ("wrapup",))

    def say(self, event: str, uniqueid: str = "1.18", **fields: str) -> None:
        self.mapper.take(self.message(event, uniqueid, **fields), NOW, 0.0)

    def message(self, event: str, uniqueid: str = "1.18", **fields: str) -> AmiMessage:
        ids = {"Event": event, "Channel": f"PJSIP/g-{uniqueid}", "Uniqueid": uniqueid, "Linkedid": uniqueid}
        return AmiMessage(tuple((ids | {"ChanVariable": f"VIDEO_CONTACT_ID={ID}"} | fields).items()))

    def replay(self, *lines: str, since: int) -> None:
        parsed = [parse_line(line) for line in lines]
        self.mapper.replay([line for line in parsed if line is not None], since, NOW, 0.0)


def test_what_was_told_while_a_snapshot_was_read_is_newer_than_it() -> None:
    ami = Ami()
    ami.say("QueueCallerJoin", Queue="support", Position="1")
    ami.mapper.begin_snapshot()
    ami.say("AgentConnect", **ANNA)
    names(ami.ledger)
    entry = ami.message("QueueEntry", Queue="support", Position="1")
    assert ami.mapper.snapshot([entry], [], NOW, 0.0) == 0
    assert names(ami.ledger) == []
    ami.mapper.begin_snapshot()
    assert ami.mapper.snapshot([entry], [], NOW, 0.0) == 1
    assert names(ami.ledger) == ["Transferred*", "Queued*"]


def test_a_snapshot_without_a_call_that_was_just_told_of_does_not_end_it() -> None:
    ami = Ami()
    ami.mapper.begin_snapshot()
    ami.say("QueueCallerJoin", Queue="support", Position="1")
    ami.mapper.snapshot([], [], NOW, 0.0)
    assert names(ami.ledger) == ["Queued"]
    ami.mapper.begin_snapshot()
    ami.mapper.snapshot([], [], NOW, 0.0)
    assert names(ami.ledger) == ["QueueExit*"]


def test_a_replay_of_what_was_told_already_tells_nothing() -> None:
    ami = Ami()
    since = ami.ledger.round
    ami.say("QueueCallerJoin", Queue="support", Position="3")
    ami.say("QueueCallerLeave", uniqueid="1.1", Queue="support", Position="1", ChanVariable="")
    ami.say("AgentCalled", **ANNA)
    ami.say("AgentRingNoAnswer", **ANNA)
    ami.say("AgentCalled", **(ANNA | {"Interface": "PJSIP/1002", "MemberName": "Bert"}))
    ami.say("AgentRingNoAnswer", **(ANNA | {"Interface": "PJSIP/1002", "MemberName": "Bert"}))
    names(ami.ledger)
    lines = ("1|1.18|support|NONE|ENTERQUEUE||+49|3", "2|1.18|support|PJSIP/1001|RINGNOANSWER|15000")
    ami.replay(*lines, since=since)
    assert names(ami.ledger) == []
    ami.replay("3|1.18|support|PJSIP/1001|CONNECT|5|u|4", since=since)
    assert names(ami.ledger) == ["Reserved*", "Connected"]


def test_a_replay_of_what_nobody_heard_is_told() -> None:
    ami = Ami()
    ami.say("QueueCallerJoin", Queue="support", Position="1")
    names(ami.ledger)
    ami.ledger.round += 1
    lines = ("2|1.18|support|PJSIP/1001|RINGNOANSWER|15000", "9|1.18|support|NONE|ABANDON|1|1|42")
    ami.replay(*lines, "9|1.99|support|NONE|ABANDON|1|1|42", since=ami.ledger.round)
    assert names(ami.ledger) == ["Reserved*", "NoAnswer", "Abandoned"]


def test_a_second_call_under_the_same_id_is_not_believed_until_the_first_is_over() -> None:
    ami = Ami()
    ami.say("QueueCallerJoin", Queue="support", Position="1")
    names(ami.ledger)
    ami.say("QueueCallerJoin", uniqueid="1.66", Queue="support", Position="2")
    ami.say("QueueCallerAbandon", uniqueid="1.66", HoldTime="3")
    ami.say("Hangup", uniqueid="1.66", Cause="16")
    assert names(ami.ledger) == []
    ami.say("QueueCallerAbandon", HoldTime="9")
    assert names(ami.ledger) == ["Abandoned"]
    ami.say("QueueCallerJoin", uniqueid="1.66", Queue="support", Position="1")
    assert names(ami.ledger) == ["Queued"]


def test_others_who_come_and_go_before_a_caller_move_them() -> None:
    ami = Ami()
    ami.say("QueueCallerJoin", Queue="support", Position="2")
    ami.say("QueueCallerJoin", uniqueid="1.1", Queue="support", Position="1", ChanVariable="")  # of a higher priority
    ami.say("QueueCallerJoin", uniqueid="1.2", Queue="support", Position="4", ChanVariable="")
    ami.say("QueueCallerLeave", uniqueid="1.2", Queue="support", Position="4", ChanVariable="")
    ami.say("QueueCallerLeave", uniqueid="1.3", Queue="other", Position="1", ChanVariable="")
    ami.say("QueueCallerLeave", uniqueid="1.4", Queue="support", Position="3", ChanVariable="")  # behind, or stale
    ami.say("QueueCallerLeave", uniqueid="1.1", Queue="support", Position="1", ChanVariable="")
    told = [event.body for event in ami.ledger.take() if isinstance(event, FeedEvent)]
    assert told == [Queued(place=2), Queued(place=3), Queued(place=2)]


def test_what_nobody_knows_is_told_so_often_and_then_only_counted() -> None:
    ami = Ami()
    ami.say("QueueCallerJoin", Queue="support", Position="1")
    for _ in range(MAX_STRANGE * 2):
        ami.say("QueueCallerSentiment")
    ami.say("RTCPReceived")
    assert names(ami.ledger).count("Unrecognised") == MAX_STRANGE
    assert ami.ledger.unrecognised == MAX_STRANGE * 2


def test_a_call_that_came_through_a_local_channel_is_the_one_that_waits() -> None:
    ami = Ami()
    ami.say("Newexten", Uniqueid="1.18", Linkedid="1.18")
    ami.say("QueueCallerJoin", Uniqueid="1.20", Linkedid="1.18", Queue="support", Position="1")
    ami.say("AgentConnect", **(ANNA | {"Uniqueid": "1.20", "Linkedid": "1.18"}))
    assert names(ami.ledger) == ["Queued", "Reserved*", "Connected"]


@pytest.mark.parametrize(
    ("channel", "interface"),
    [
        ("PJSIP/1001-0000002a", "PJSIP/1001"),
        ("PJSIP/anna-home-0000002a", "PJSIP/anna-home"),
        ("Local/1001@agents-00000003;1", "Local/1001@agents"),
        ("nonsense", ""),
        ("", ""),
    ],
)
def test_the_interface_is_in_the_name_of_the_channel(channel: str, interface: str) -> None:
    assert interface_of_channel(channel) == interface


# ---------------------------------------------------------------- FreeSWITCH


class Esl:
    def __init__(self) -> None:
        self.ledger = ledger()
        self.mapper = EslMapper(self.ledger, "X-Video-Contact-Id")

    def say(self, action: str, session: str = "s1", *, now_s: float = 0.0, **fields: str) -> None:
        found = {"event-name": "CUSTOM", "event-subclass": "callcenter::info", "cc-action": action}
        found |= {"cc-member-session-uuid": session, "cc-member-uuid": f"m-{session}", "cc-queue": "support"}
        found |= {"variable_sip_h_x-video-contact-id": ID}
        given = {key if key in found else key.replace("_", "-"): value for key, value in fields.items()}
        self.mapper.take(EslEvent(found | given), NOW, now_s)

    def channel(self, name: str, uuid: str = "s1", **fields: str) -> None:
        found = {"event-name": name, "unique-id": uuid} | fields
        self.mapper.take(EslEvent(found), NOW, 0.0)


def test_a_second_channel_with_the_same_id_is_not_believed_until_the_first_is_over() -> None:
    esl = Esl()
    esl.say("member-queue-start")
    names(esl.ledger)
    esl.say("member-queue-start", "s2")
    esl.say("bridge-agent-start", "s2", cc_agent="1001@default")
    esl.channel("CHANNEL_HANGUP_COMPLETE", "s2")
    assert names(esl.ledger) == []
    esl.say("bridge-agent-start", cc_agent="1001@default")
    assert names(esl.ledger) == ["Reserved*", "Connected"]


def test_a_talk_that_nobody_goes_on_with_ends_after_a_moment_and_not_before() -> None:
    esl = Esl()
    esl.say("bridge-agent-start", cc_agent="1001@default", cc_agent_uuid="a1")
    names(esl.ledger)
    esl.say("bridge-agent-end", cc_agent="1001@default", now_s=10.0)
    assert esl.mapper.next_deadline() == 10.0 + GRACE_S
    esl.mapper.on_timer(NOW, 10.0 + GRACE_S - 0.1)
    assert names(esl.ledger) == []
    esl.mapper.on_timer(NOW, 10.0 + GRACE_S)
    assert names(esl.ledger) == ["Ended"]
    assert esl.mapper.next_deadline() is None


def test_a_listed_member_is_placed_by_score_and_one_that_is_not_listed_is_gone() -> None:
    esl = Esl()
    esl.say("member-queue-start")
    names(esl.ledger)
    rows = [
        {"queue": "support", "uuid": "x", "session_uuid": "other", "state": "Waiting", "score": "90"},
        {"queue": "support", "uuid": "m-s1", "session_uuid": "s1", "state": "Waiting", "score": "40"},
    ]
    esl.mapper.begin_snapshot()
    esl.mapper.snapshot(rows, [], ["s1"], NOW, 0.0)
    told = [event.body for event in esl.ledger.take() if isinstance(event, FeedEvent)]
    assert told == [Queued(place=2)]
    esl.mapper.begin_snapshot()
    esl.mapper.snapshot([], [], [], NOW, 0.0)
    assert names(esl.ledger) == ["QueueExit*"]


def test_holds_of_the_agents_channel_are_the_agents() -> None:
    esl = Esl()
    esl.say("bridge-agent-start", cc_agent="1001@default", cc_agent_uuid="a1")
    names(esl.ledger)
    esl.channel("CHANNEL_HOLD", "a1")
    esl.channel("CHANNEL_HOLD", "unknown")
    esl.channel("CHANNEL_UNHOLD", "a1")
    told = [event.body.by for event in esl.ledger.take()]  # type: ignore[union-attr]
    assert told == ["agent", "agent"]


def test_a_channel_that_inherited_the_header_is_not_taken_for_the_customers() -> None:
    esl = Esl()
    esl.channel("CHANNEL_BRIDGE", "agents", **{"variable_sip_h_x-video-contact-id": ID})
    esl.say("member-queue-start")
    assert names(esl.ledger) == ["Queued"]


def test_an_agents_channel_that_outlives_the_call_is_the_next_calls() -> None:
    """mod_callcenter's uuid-standby agents keep one channel for all their calls."""
    esl = Esl()
    esl.say("bridge-agent-start", cc_agent="1001@default", cc_agent_uuid="a1")
    esl.channel("CHANNEL_HANGUP_COMPLETE")
    names(esl.ledger)
    other = {"variable_sip_h_x-video-contact-id": "22222222"}
    esl.say("bridge-agent-start", "s2", cc_agent="1001@default", cc_agent_uuid="a1", **other)
    esl.channel("CHANNEL_HOLD", "a1")
    told = [(event.correlation, type(event.body).__name__) for event in esl.ledger.take()]  # type: ignore[union-attr]
    assert told[-1] == ("22222222", "Held")
    assert {correlation for correlation, _ in told} == {"22222222"}
