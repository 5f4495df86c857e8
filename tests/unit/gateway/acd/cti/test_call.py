"""One call, told in signs: what is lost, repeated or late leaves the order of events intact."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from gateway.acd.cti import signs
from gateway.acd.cti.call import Call, CallState, Shown, Told
from gateway.acd.events import (
    Abandoned,
    AgentName,
    Connected,
    Ended,
    ExitReason,
    Held,
    NoAnswer,
    Party,
    Queued,
    QueueExit,
    Rejected,
    RejectReason,
    Reserved,
    Resumed,
    TransferFailed,
    TransferMode,
    Transferred,
    Transferring,
    WrapUpDone,
    WrapUpStarted,
)
from gateway.base.ids import OfferId

ANNA = AgentName(ref="PJSIP/1001")
BERT = AgentName(ref="PJSIP/1002")


def new_call() -> Call:
    numbers = itertools.count(1)
    return Call("7K3QXM2P", lambda: OfferId(f"of_{next(numbers):08d}"))


def told(call: Call, *what: signs.Sign) -> list[str]:
    """Names of what followed, an asterisk behind what was made up."""
    return [type(each.body).__name__ + "*" * each.synthesized for sign in what for each in call.take(sign)]


def test_an_ordinary_call() -> None:
    call = new_call()
    assert told(
        call,
        signs.Joined("support", 2),
        signs.Joined("support", 1),
        signs.Rang(ANNA),
        signs.Left(),
        signs.Answered(ANNA),
        signs.PutOnHold(Party.AGENT),
        signs.TakenBack(Party.AGENT),
        signs.TalkEnded(Party.CUSTOMER),
        signs.HungUp(Party.CUSTOMER),
        signs.WrapUpBegan(),
        signs.WrapUpOver("sale"),
    ) == ["Queued", "Queued", "Reserved", "Connected", "Held", "Resumed", "Ended", "WrapUpStarted", "WrapUpDone"]


def test_what_is_told_twice_follows_once() -> None:
    call = new_call()
    for sign in (
        signs.Joined("support", 1),
        signs.Rang(ANNA),
        signs.RingEnded(ANNA),
        signs.Rang(BERT),
        signs.Answered(BERT),
        signs.PutOnHold(Party.AGENT),
        signs.TakenBack(Party.AGENT),
        signs.TalkEnded(Party.AGENT),
        signs.WrapUpBegan(),
        signs.WrapUpOver(),
    ):
        assert told(call, sign), sign
        assert not told(call, sign), sign


def test_an_answer_without_a_queue_and_without_ringing_makes_both_up() -> None:
    assert told(new_call(), signs.Answered(ANNA)) == ["Queued*", "Reserved*", "Connected"]


def test_an_end_without_an_answer_makes_the_talk_up() -> None:
    call = new_call()
    told(call, signs.Joined("support", 1), signs.Rang(ANNA))
    assert told(call, signs.TalkEnded(Party.AGENT)) == ["Connected*", "Ended"]


def test_another_agent_than_the_one_that_rang_takes_the_first_offer_back() -> None:
    call = new_call()
    told(call, signs.Joined("support", 1), signs.Rang(ANNA), signs.Rang(BERT))
    followed = call.take(signs.Answered(BERT))
    assert [type(each.body) for each in followed] == [Rejected, Reserved, Connected]
    assert followed[1].synthesized


def test_when_all_ring_the_next_is_offered_when_the_first_declines() -> None:
    call = new_call()
    assert told(call, signs.Joined("support", 1), signs.Rang(ANNA), signs.Rang(BERT)) == ["Queued", "Reserved"]
    assert told(call, signs.RingEnded(ANNA, RejectReason.BUSY)) == ["Rejected", "Reserved"]
    assert told(call, signs.RingEnded(BERT)) == ["NoAnswer"]
    assert call.state is CallState.QUEUED


def test_after_a_queues_exit_the_dialplan_may_try_the_next_one() -> None:
    call = new_call()
    assert told(call, signs.Joined("first", 1), signs.Left(ExitReason.TIMEOUT), signs.Joined("second", 3)) == [
        "Queued",
        "QueueExit",
        "Queued",
    ]
    assert [each.body for each in call.take(signs.Left(ExitReason.EMPTY))] == [QueueExit(reason=ExitReason.EMPTY)]
    assert told(call, signs.Left(ExitReason.EMPTY), signs.HungUp(Party.ACD), signs.Joined("third", 1)) == []


def test_after_a_talk_another_queue_may_follow_until_the_call_is_hung_up() -> None:
    call = new_call()
    told(call, signs.Answered(ANNA, "first"))
    assert told(call, signs.TalkEnded(Party.AGENT), signs.Joined("first", 1)) == ["Ended"]
    assert told(call, signs.Joined("survey", 1), signs.Answered(BERT)) == ["Queued", "Reserved*", "Connected"]
    assert told(call, signs.HungUp(Party.CUSTOMER), signs.Joined("first", 1)) == ["Ended"]


def test_a_queue_left_without_a_word_why_is_an_exit_when_the_call_ends() -> None:
    call = new_call()
    assert told(call, signs.Joined("first", 1), signs.Left(), signs.HungUp(Party.ACD)) == ["Queued", "QueueExit*"]


def test_a_caller_who_is_gone_without_a_word_has_abandoned() -> None:
    call = new_call()
    assert told(call, signs.Joined("support", 1), signs.HungUp(Party.UNKNOWN)) == ["Queued", "Abandoned*"]


def test_a_transfer_into_a_queue_is_a_new_segment() -> None:
    call = new_call()
    told(call, signs.Answered(ANNA))
    followed = [
        *call.take(signs.Moving(TransferMode.BLIND)),
        *call.take(signs.TalkEnded(Party.AGENT, "transfer")),
        *call.take(signs.Joined("second", 1)),
        *call.take(signs.Answered(BERT)),
    ]
    assert [type(each.body) for each in followed] == [Transferring, Transferred, Queued, Reserved, Connected]
    assert followed[1].body == Transferred(queue="second")


def test_a_transfer_to_somebody_outside_the_queue_changes_the_agent() -> None:
    call = new_call()
    told(call, signs.Answered(ANNA))
    assert told(call, signs.Moving(TransferMode.CONSULT), signs.Moved(BERT)) == ["Transferring", "Transferred"]
    assert call.agent == BERT
    assert told(call, signs.HungUp(Party.CUSTOMER)) == ["Ended"]


def test_a_failed_transfer_leaves_the_agent() -> None:
    call = new_call()
    told(call, signs.Answered(ANNA), signs.Moving(TransferMode.BLIND))
    assert told(call, signs.MoveFailed("busy")) == ["TransferFailed"]
    assert call.agent == ANNA


def test_a_late_word_of_the_queue_does_not_take_a_call_back_from_its_agent() -> None:
    call = new_call()
    told(call, signs.Joined("support", 1), signs.Rang(ANNA), signs.Answered(ANNA))
    late = (signs.Joined("support", 1), signs.Rang(BERT), signs.RingEnded(ANNA), signs.GaveUp(3), signs.Left())
    assert told(call, *late) == []
    assert call.state is CallState.CONNECTED


def test_a_snapshot_corrects_what_was_missed_and_marks_it() -> None:
    call = new_call()
    told(call, signs.Joined("support", 2))
    shown = call.show(Shown("support", agent=ANNA))
    assert [type(each.body) for each in shown] == [Reserved, Connected]
    assert all(each.synthesized for each in shown)
    assert call.show(Shown("support", agent=ANNA)) == []
    back = call.show(Shown("second", place=4))
    assert [each.body for each in back] == [Transferred(queue="second"), Queued(place=4)]
    assert [each.body for each in call.show(None)] == [QueueExit(reason=ExitReason.FAILED)]
    assert call.show(None) == []


agents = st.sampled_from([ANNA, BERT])
queues = st.sampled_from(["first", "second"])
parties = st.sampled_from(list(Party))
any_sign = st.one_of(
    st.builds(signs.Joined, queues, st.none() | st.integers(1, 3)),
    st.builds(signs.Rang, agents, queues),
    st.builds(signs.RingEnded, agents, st.none() | st.sampled_from(list(RejectReason))),
    st.builds(signs.Answered, agents, queues),
    st.builds(signs.PutOnHold, parties),
    st.builds(signs.TakenBack, parties),
    st.builds(signs.Moving, st.sampled_from(list(TransferMode))),
    st.builds(signs.Moved, st.none() | agents),
    st.builds(signs.MoveFailed, st.just("busy")),
    st.builds(signs.GaveUp, st.none() | st.just(3.0)),
    st.builds(signs.Left, st.none() | st.sampled_from(list(ExitReason))),
    st.builds(signs.TalkEnded, parties, st.sampled_from(["normal", "transfer"]), st.none() | agents),
    st.builds(signs.HungUp, parties),
    st.just(signs.WrapUpBegan()),
    st.just(signs.WrapUpOver()),
)
any_snapshot = st.none() | st.builds(
    Shown, queues, place=st.none() | st.just(1), agent=st.none() | agents, ringing=st.booleans()
)


@given(st.lists(any_sign | st.tuples(any_snapshot), max_size=30))
def test_whatever_is_told_the_events_make_one_story(told_so: list[signs.Sign | tuple[Shown | None]]) -> None:
    """Reserved only in line, one offer at a time and answered once, talk only after an offer, one end, then wrap-up."""
    call = new_call()
    where, offer, ended = "new", None, None
    for each in told_so:
        followed: list[Told] = call.show(each[0]) if isinstance(each, tuple) else call.take(each)
        for one in followed:
            body = one.body
            match body:
                case Queued():
                    assert where in ("new", "line", "exited", "over", "wrap-up", "done")
                    assert offer is None
                    where = "line"
                case Reserved():
                    assert where == "line"
                    assert offer is None
                    offer = body.offer_id
                case Rejected() | NoAnswer():
                    assert offer == body.offer_id
                    offer = None
                case Connected():
                    assert where == "line"
                    assert offer is not None
                    where, offer = "talk", None
                case Held():
                    assert where == "talk"
                    where = "hold"
                case Resumed():
                    assert where == "hold"
                    where = "talk"
                case Transferring():
                    assert where in ("talk", "hold")
                    where = "moving"
                case TransferFailed():
                    assert where == "moving"
                    where = "talk"
                case Transferred():
                    assert where in ("talk", "hold", "moving")
                    where = "new" if body.queue is not None else "talk"
                case QueueExit():
                    assert where in ("new", "line", "exited")
                    assert offer is None or one is followed[-1]
                    where, offer = "exited", None
                case Abandoned():
                    assert where in ("new", "line")
                    where, offer = "over", None
                case Ended():
                    assert where in ("talk", "hold", "moving")
                    where = "over"
                case WrapUpStarted():
                    assert where in ("over", "exited")
                    where = "wrap-up"
                case WrapUpDone():
                    assert where == "wrap-up"
                    where = "done"
                case _:
                    raise AssertionError(body)
        if call.over:
            ended = ended or where
            assert where in (ended, "wrap-up", "done"), "nothing but after-call work comes behind the end of a call"


def test_a_ringing_call_that_is_in_another_queue_rings_there_no_more() -> None:
    call = new_call()
    told(call, signs.Joined("first", 1), signs.Rang(ANNA))
    assert told(call, signs.Joined("second", 2)) == ["Rejected*", "Queued"]
    assert call.state is CallState.QUEUED


def test_the_end_of_the_first_agents_part_is_not_the_end_of_the_talk_with_the_next() -> None:
    call = new_call()
    told(call, signs.Answered(ANNA), signs.Moving(TransferMode.CONSULT), signs.Moved(BERT))
    assert told(call, signs.TalkEnded(Party.AGENT, "transfer", ANNA), signs.TalkEnded(Party.AGENT, agent=ANNA)) == []
    assert told(call, signs.TalkEnded(Party.AGENT, agent=BERT)) == ["Ended"]
