"""What a feed keeps is bounded; what it forgets, and what is news, follows rules."""

import itertools
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.acd.cti import book as book_module
from gateway.acd.cti import signs
from gateway.acd.cti.agents import ECHO_S, AgentBook, AgentNames
from gateway.acd.cti.ami.members import Members
from gateway.acd.cti.ami.queue_log import MAX_REPLAY_BYTES, QueueLog, parse_line, sign_of
from gateway.acd.cti.ami.wire import AmiMessage
from gateway.acd.cti.book import FORGET_S, MAX_NAMES, CallBook
from gateway.acd.cti.flood import FloodGate
from gateway.acd.cti.ledger import bounded, moment
from gateway.acd.cti.wrapping import WrapUps
from gateway.acd.events import RAW_LIMIT_BYTES, AcdAgentState, AgentName, ExitReason, Party
from gateway.base.ids import AgentId, OfferId

ANNA, BERT = AgentId("ag_anna0000"), AgentId("ag_bert0000")
NOW = datetime(2026, 3, 2, tzinfo=UTC)


def new_book() -> CallBook:
    numbers = itertools.count(1)
    return CallBook(lambda: OfferId(f"of_{next(numbers):08d}"))


# ---------------------------------------------------------------- calls


def test_a_call_is_found_by_every_name_that_was_learnt_with_its_id() -> None:
    book = new_book()
    call = book.learn("7K3QXM2P", "1.18", "1.19", now_s=0)
    assert call is not None
    assert book.learn("7k3q-xm2p", "1.20", now_s=0) is call
    assert [book.find("", "nobody", name) for name in ("1.18", "1.19", "1.20")] == [call] * 3
    assert book.find("1.21", "") is None
    assert book.learn("not an id", "1.22", now_s=0) is None


def test_a_name_stays_with_the_call_that_had_it_first() -> None:
    book = new_book()
    first = book.learn("7K3QXM2P", "1.18", now_s=0)
    book.learn("22222222", "1.18", now_s=0)
    assert book.find("1.18") is first


def test_a_call_has_so_many_names_and_no_more() -> None:
    book = new_book()
    for number in range(MAX_NAMES * 2):
        book.learn("7K3QXM2P", f"1.{number}", now_s=0)
    assert len(book.names_of("7K3QXM2P")) == MAX_NAMES


def test_when_the_book_is_full_the_one_silent_for_longest_goes_with_its_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(book_module, "MAX_CALLS", 3)
    book = new_book()
    for number in range(5):
        book.learn(f"2222222{number}", f"1.{number}", now_s=number)
    assert len(book) == 3
    assert book.find("1.0", "1.1") is None
    assert book.find("1.2") is not None
    assert book.evicted == 2


def test_an_ended_call_is_forgotten_after_a_while() -> None:
    book = new_book()
    call = book.learn("7K3QXM2P", "1.18", now_s=0)
    assert call is not None
    call.take(signs.GaveUp())
    book.learn("22222222", now_s=FORGET_S - 1)
    assert book.find("1.18") is call
    book.learn("33333333", now_s=FORGET_S + 1)
    assert book.find("1.18") is None
    assert book.evicted == 0


# ---------------------------------------------------------------- agents


def test_a_name_belongs_to_one_agent_and_an_agent_has_one_name() -> None:
    names = AgentNames({"PJSIP/1": ANNA})
    names.learn(BERT, "PJSIP/1")
    assert names.of("PJSIP/1").agent_id == BERT
    assert names.ref_of(ANNA) is None
    names.learn(BERT, "PJSIP/2")
    assert names.of("PJSIP/1").agent_id is None
    assert names.ref_of(BERT) == "PJSIP/2"


def test_what_we_asked_for_is_no_news_and_what_lies_between_neither() -> None:
    book = AgentBook()
    assert book.report("a", AcdAgentState.READY, None, 0.0)
    book.commanded("a", AcdAgentState.NOT_READY, "lunch", 1.0)
    assert not book.report("a", AcdAgentState.READY, None, 1.1)  # one queue still to come
    assert not book.report("a", AcdAgentState.NOT_READY, "lunch", 1.2)
    assert book.report("a", AcdAgentState.READY, None, 1.3)


def test_a_call_is_news_whatever_we_asked_for() -> None:
    book = AgentBook()
    book.commanded("a", AcdAgentState.READY, None, 0.0)
    assert book.report("a", AcdAgentState.RINGING, None, 0.1)


def test_what_was_asked_for_and_never_came_is_news_after_a_while() -> None:
    book = AgentBook()
    book.commanded("a", AcdAgentState.NOT_READY, "lunch", 0.0)
    assert not book.report("a", AcdAgentState.READY, None, ECHO_S - 0.1)
    assert book.report("a", AcdAgentState.READY, None, ECHO_S + 0.1)


def test_what_the_acd_refused_is_told_as_it_is() -> None:
    book = AgentBook()
    book.commanded("a", AcdAgentState.READY, None, 0.0)
    book.refused("a")
    assert book.report("a", AcdAgentState.READY, None, 0.1)


def member(queue: str, **fields: str) -> AmiMessage:
    return AmiMessage((("Queue", queue), *fields.items()))


@pytest.mark.parametrize(
    ("status", "state"),
    [
        *((each, AcdAgentState.READY) for each in "01"),
        *((each, AcdAgentState.BUSY) for each in "2378"),
        *((each, AcdAgentState.LOGGED_OFF) for each in "45"),
        ("6", AcdAgentState.RINGING),
        ("99", AcdAgentState.READY),
        ("", AcdAgentState.READY),
    ],
)
def test_every_device_state_has_a_meaning(status: str, state: AcdAgentState) -> None:
    members = Members(frozenset())
    members.take(member("a", Status=status), "PJSIP/1")
    assert members.state_of("PJSIP/1")[0] is state


def test_an_agent_is_ready_while_some_queue_may_ring_them() -> None:
    members = Members(frozenset({"wrapup"}))
    members.take(member("a", Status="1", Paused="1", PausedReason="lunch"), "PJSIP/1")
    assert members.state_of("PJSIP/1") == (AcdAgentState.NOT_READY, "lunch")
    members.take(member("b", Status="1", Paused="0"), "PJSIP/1")
    assert members.state_of("PJSIP/1") == (AcdAgentState.READY, None)
    members.remove("PJSIP/1", "b")
    members.take(member("a", Paused="1", PausedReason="WrapUp"), "PJSIP/1")
    assert members.state_of("PJSIP/1") == (AcdAgentState.WRAP_UP, "WrapUp")
    members.remove("PJSIP/1", "a")
    assert members.state_of("PJSIP/1") == (AcdAgentState.LOGGED_OFF, None)


def test_a_snapshot_does_not_undo_what_was_told_while_it_was_read() -> None:
    members = Members(frozenset())
    members.take(member("a", Status="1", Paused="0"), "PJSIP/1")
    members.take(member("a", Status="1", Paused="0"), "PJSIP/2")
    members.begin_snapshot()
    members.take(member("b", Status="1", Paused="1"), "PJSIP/1")
    assert not members.show(member("a", Status="5"), "PJSIP/1")
    assert members.show(member("a", Status="5"), "PJSIP/2")
    assert members.keep_only({("PJSIP/2", "a")}) == []
    assert members.state_of("PJSIP/1")[0] is AcdAgentState.READY
    members.begin_snapshot()
    assert members.keep_only({("PJSIP/2", "a")}) == ["PJSIP/1"]


def test_after_call_work_ends_once_and_not_before() -> None:
    wrap_ups = WrapUps()
    assert not wrap_ups.begin("a", 0.0, 0.0)
    assert wrap_ups.begin("a", 10.0, 0.0)
    assert wrap_ups.begin("b", 5.0, 0.0)
    assert wrap_ups.next_deadline() == 5.0
    assert wrap_ups.due(4.9) == []
    assert wrap_ups.due(10.0) == ["a", "b"]
    assert wrap_ups.due(10.0) == []


# ---------------------------------------------------------------- flood


def test_a_burst_passes_and_more_is_dropped_until_it_is_quiet() -> None:
    gate = FloodGate(rate=10, burst=20, now_s=0.0)
    assert sum(gate.let_in(0.0) for _ in range(100)) == 20
    assert (gate.behind, gate.dropped) == (True, 80)
    assert not gate.let_in(0.5)  # five tokens, and still behind
    assert gate.quiet_at(0.5) == pytest.approx(1.0)
    assert not gate.quiet(0.9)
    assert gate.quiet(1.0)


@given(st.lists(st.floats(0, 0.2), max_size=300))
def test_in_the_long_run_no_more_than_the_rate_passes(gaps: list[float]) -> None:
    gate = FloodGate(rate=10, burst=20, now_s=0.0)
    moments = list(itertools.accumulate(gaps, initial=0.0))
    passed = sum(gate.let_in(now_s) for now_s in moments)
    assert passed <= 20 + 10 * moments[-1] + 1


# ---------------------------------------------------------------- originals and dates


@given(st.dictionaries(st.text(max_size=30), st.text(max_size=600), max_size=40))
def test_an_original_is_cut_to_what_may_travel(raw: dict[str, str]) -> None:
    kept = bounded(raw)
    assert sum(len(key.encode()) + len(value.encode()) for key, value in kept.items()) <= RAW_LIMIT_BYTES
    assert list(kept) == list(raw)[: len(kept)]


@pytest.mark.parametrize("epoch", ["", "nan", "inf", "-1e300", "99999999999999999", "soon", "1" * 5000])
def test_a_date_beyond_any_calendar_is_ours(epoch: str) -> None:
    assert moment(epoch, NOW) == NOW


# ---------------------------------------------------------------- queue_log


@pytest.mark.parametrize(
    ("line", "sign"),
    [
        ("1|u|q|NONE|ENTERQUEUE||+49|3", signs.Joined("q", 3)),
        ("1|u|q|Anna|CONNECT|5|u9|4", signs.Answered(AgentName(ref="Anna"), "q")),
        ("1|u|q|Anna|RINGNOANSWER|15000", signs.RingEnded(AgentName(ref="Anna"))),
        ("1|u|q|NONE|ABANDON|1|2|42", signs.GaveUp(42.0)),
        ("1|u|q|Anna|COMPLETECALLER|5|60|1", signs.TalkEnded(Party.CUSTOMER, agent=AgentName(ref="Anna"))),
        ("1|u|q|Anna|COMPLETEAGENT|5|60|1", signs.TalkEnded(Party.AGENT, agent=AgentName(ref="Anna"))),
        ("1|u|q|NONE|EXITWITHTIMEOUT|1|1|60", signs.Left(ExitReason.TIMEOUT)),
        ("1|u|q|NONE|EXITWITHKEY|#|1|1|9", signs.Left(ExitReason.KEY)),
        ("1|u|q|NONE|EXITEMPTY|1|1|60", signs.Left(ExitReason.EMPTY)),
        ("1|u|q|NONE|WITHDRAW|1|1|60", signs.Left(ExitReason.WITHDRAWN)),
        ("1|u|q|Anna|PAUSE|lunch", None),
        ("1|u|q|Anna|SOMETHINGNEW|x", None),
        ("1|u|q|NONE|ABANDON", signs.GaveUp(None)),
    ],
)
def test_a_line_of_queue_log_has_this_meaning(line: str, sign: signs.Sign | None) -> None:
    parsed = parse_line(line)
    assert parsed is not None
    assert sign_of(parsed, AgentName(ref=parsed.agent)) == sign


@given(st.text(max_size=200))
def test_any_line_is_read_or_left_out(text: str) -> None:
    parsed = parse_line(text)
    if parsed is not None:
        sign_of(parsed, AgentName(ref=parsed.agent))


def test_queue_log_is_read_from_where_it_was_left_also_when_it_was_rotated(tmp_path: Path) -> None:
    path = tmp_path / "queue_log"
    path.write_text("1|a|q|NONE|WITHDRAW\n")
    log = QueueLog(path)

    def read() -> list[str]:
        unread = log.unread()
        assert log.unread() == unread, "as long as it is not taken"
        log.taken(unread)
        return [line.uniqueid for line in unread.lines]

    assert read() == []
    with path.open("a") as file:
        file.write("2|b|q|NONE|WITHDRAW\nhalf a li")
    assert read() == ["b"]
    with path.open("a") as file:
        file.write("ne|c\n3|d|q|NONE|WITHDRAW\n")
    assert read() == ["d"]
    path.rename(tmp_path / "queue_log.1")
    assert read() == []
    path.write_text("4|e|q|NONE|WITHDRAW\n")
    assert read() == ["e"]
    assert read() == []


def test_of_a_long_queue_log_the_end_is_read(tmp_path: Path) -> None:
    path = tmp_path / "queue_log"
    log = QueueLog(path)
    line = "1|a|q|NONE|WITHDRAW|" + "x" * 1_000 + "\n"
    path.write_text(line * (MAX_REPLAY_BYTES // 500))
    assert 0 < len(log.unread().lines) < MAX_REPLAY_BYTES // 900
