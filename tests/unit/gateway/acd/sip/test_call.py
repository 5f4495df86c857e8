"""One contact's way: trunk after trunk, one queue call, one end, and nothing left dialled."""

import pytest

from gateway.acd.events import (
    AgentName,
    Connected,
    Ended,
    ExitReason,
    Held,
    Offered,
    Party,
    Queued,
    QueueExit,
    Resumed,
    TransferMode,
    Transferred,
    Unrecognised,
    VoiceUp,
    WrapUpStarted,
)
from gateway.acd.port import Phase
from gateway.acd.sip.hands import AT_ONCE_S, ATTEMPTS_LIMIT, CLOSE_LIMIT_S
from gateway.base.ids import AgentId
from tests.support.sip_call_rig import ENDS, TO_QUEUE, Rig

# ---------------------------------------------------------------- the call to the queue


def test_the_ordinary_call_is_told_in_the_order_it_happens() -> None:
    rig = Rig().start()
    rig.ring(180)
    rig.ring(183, early=True)
    rig.answer()
    leg = rig.leg
    assert rig.told == [
        Offered(),
        VoiceUp(leg_id=leg, answered=False),
        VoiceUp(leg_id=leg, answered=True),
        Queued(place=None),
    ]
    assert rig.hands.synthesized == [Queued(place=None)]


def test_an_answer_is_not_an_agent() -> None:
    """200 OK is a queue or an announcement as well."""
    rig = Rig().start()
    rig.answer()
    assert rig.call.phase() is Phase.QUEUED
    assert not any(isinstance(body, Connected) for body in rig.told)
    rig.call.claimed(AgentId("ag_00000001"))
    assert rig.call.phase() is Phase.CONNECTED
    assert not any(isinstance(body, Connected) for body in rig.told)  # a command is not told back as an event


def test_an_acd_that_answers_and_never_connects_keeps_its_call() -> None:
    rig = Rig().start()
    rig.answer()
    rig.go(3600)
    assert rig.call.leg_ids == (rig.leg,)
    assert not rig.call.over


def test_182_is_a_place_in_a_queue_that_is_not_made_up() -> None:
    rig = Rig().start()
    rig.ring(182)
    rig.answer()
    assert rig.told.count(Queued(place=None)) == 1
    assert rig.hands.synthesized == []


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (480, ExitReason.EMPTY),
        (486, ExitReason.FULL),
        (404, ExitReason.REFUSED),
        (487, ExitReason.WITHDRAWN),
        (603, ExitReason.REFUSED),
    ],
)
def test_the_queues_own_refusal_is_the_end(status: int, reason: ExitReason) -> None:
    rig = Rig().start()
    rig.refuse(status, "Nobody")
    assert rig.told[-1] == QueueExit(reason=reason)
    assert rig.hands.raws[-1] == {"sip_status": str(status), "detail": "Nobody", "trunk": "a"}
    assert len(rig.hands.dialled) == 1
    assert rig.call.done
    assert rig.busy() == 0


@pytest.mark.parametrize("status", [503, 500, 502, 504, 408, 407, 403, 0])
def test_a_trunk_that_fails_leads_to_the_next_one(status: int) -> None:
    rig = Rig().start()
    rig.refuse(status)
    assert [call.trunk for call in rig.hands.dialled] == ["a", "b"]
    rig.answer()
    assert rig.told[-2] == VoiceUp(leg_id=rig.leg, answered=True)
    assert rig.told.count(Offered()) == 1


def test_when_all_trunks_have_failed_the_last_word_counts() -> None:
    rig = Rig().start()
    rig.refuse(500)
    rig.refuse(503)
    assert rig.told[-1] == QueueExit(reason=ExitReason.FULL)
    assert rig.call.done


def test_a_trunk_that_says_nothing_is_left_for_the_next() -> None:
    rig = Rig().start()
    rig.go(15)
    assert [call.trunk for call in rig.hands.dialled] == ["a", "b"]
    assert rig.hands.closed == [rig.hands.dialled[0].leg_id]
    rig.call.answered(rig.hands.dialled[0].leg_id, rig.now)  # it answers after all: hung up again, told to nobody
    assert rig.hands.closed == [rig.hands.dialled[0].leg_id] * 2
    assert not any(isinstance(body, VoiceUp) for body in rig.told)


def test_a_queue_that_rings_for_ever_is_given_up() -> None:
    rig = Rig().start()
    rig.ring()
    rig.go(179)
    assert not rig.call.over
    rig.go(1)
    assert rig.told[-1] == QueueExit(reason=ExitReason.TIMEOUT)
    assert rig.hands.closed == [rig.leg]
    rig.gone()
    assert rig.call.done


def test_provisional_answers_without_end_do_not_move_the_limit() -> None:
    rig = Rig().start()
    for _ in range(200):
        rig.ring(183)
        rig.go(1)
    assert rig.told[-1] == QueueExit(reason=ExitReason.TIMEOUT)


def test_a_redirection_is_followed_once_and_only_to_an_allowed_number() -> None:
    rig = Rig().start()
    rig.refuse(302, "<sip:7002@elsewhere>")
    assert [(call.trunk, call.number) for call in rig.hands.dialled] == [("a", "7001"), ("a", "7002")]
    rig.refuse(302, "<sip:7002@elsewhere>")
    assert rig.told[-1] == QueueExit(reason=ExitReason.REFUSED)
    other = Rig().start()
    other.refuse(302, "<sip:0900123@elsewhere>")
    assert len(other.hands.dialled) == 1
    assert other.told[-1] == QueueExit(reason=ExitReason.REFUSED)


def test_an_acd_that_hangs_up_at_once_has_served_nobody() -> None:
    rig = Rig().start()
    rig.answer()
    rig.go(AT_ONCE_S / 2)
    rig.bye()
    assert rig.told[-1] == QueueExit(reason=ExitReason.FAILED)
    assert rig.call.done


def test_a_call_that_was_served_ends_however_short_it_was() -> None:
    rig = Rig().start()
    rig.answer()
    rig.call.claimed(AgentId("ag_00000001"))
    rig.bye()
    assert rig.told[-1] == Ended(by=Party.ACD)


def test_a_call_that_was_sent_on_by_refer_at_once_was_served() -> None:
    rig = Rig().start()
    rig.answer()
    rig.call.claimed(AgentId("ag_00000001"))
    rig.call.transfer(TransferMode.BLIND, TO_QUEUE, "7005", rig.now, by_refer=True)
    rig.call.referred(rig.leg, 200, True, rig.now)
    rig.bye()
    assert rig.told[-1] == Ended(by=Party.ACD, reason="transfer")


def test_a_full_acd_is_waited_for_and_then_full() -> None:
    rig = Rig(capacity=1)
    rig.trunks.take(0)
    rig.trunks.take(0)
    rig.call.start(0)
    assert rig.call.waits_for_trunk
    rig.trunks.free("b")
    rig.call.trunk_is_free(0)
    assert [call.trunk for call in rig.hands.dialled] == ["b"]
    other = Rig(capacity=1)
    other.trunks.take(0)
    other.trunks.take(0)
    other.call.start(0)
    other.go(60)
    assert other.told == [QueueExit(reason=ExitReason.FULL)]


def test_when_no_trunk_is_there_the_exit_says_failed() -> None:
    rig = Rig()
    for name in ("a", "b"):
        for _ in range(2):
            rig.trunks.probed(name, reachable=False, status=0)
    rig.call.start(0)
    rig.go(60)
    assert rig.told == [QueueExit(reason=ExitReason.FAILED)]


def test_a_lost_media_process_is_no_fault_of_the_trunk() -> None:
    rig = Rig().start()
    rig.call.closed(rig.leg, "worker_lost", 0, "", rig.now)
    assert [call.trunk for call in rig.hands.dialled] == ["a", "a"]
    rig.answer()
    rig.go(5)
    rig.call.closed(rig.leg, "worker_lost", 0, "", rig.now)
    assert rig.told[-1] == Ended(by=Party.GATEWAY, reason="worker_lost")


def test_attempts_are_counted() -> None:
    rig = Rig().start()
    for _ in range(ATTEMPTS_LIMIT + 5):
        if not rig.call.over:
            rig.call.closed(rig.leg, "worker_lost", 0, "", rig.now)
    assert len(rig.hands.dialled) == ATTEMPTS_LIMIT
    assert rig.told[-1] == QueueExit(reason=ExitReason.FAILED)


def test_a_queue_without_a_number_is_refused() -> None:
    rig = Rig()
    rig.call.number = ""
    rig.call.start(0)
    assert rig.told == [QueueExit(reason=ExitReason.REFUSED)]
    assert rig.call.done


# ---------------------------------------------------------------- races


def test_the_customer_leaves_while_it_rings_and_the_answer_crosses() -> None:
    rig = Rig().start()
    rig.ring()
    rig.call.leave(rig.now)
    told = list(rig.told)
    rig.answer()
    assert rig.hands.closed == [rig.leg, rig.leg]
    rig.gone()
    assert rig.call.done
    assert rig.told == told  # a command is not told back
    assert rig.busy() == 0


def test_two_byes_that_cross_are_one_end() -> None:
    rig = Rig().talking()
    rig.bye()
    rig.call.leave(rig.now)
    rig.bye()
    assert sum(isinstance(body, ENDS) for body in rig.told) == 1
    assert rig.busy() == 0


def test_leaving_twice_hangs_up_once() -> None:
    rig = Rig().talking()
    rig.call.leave(rig.now)
    rig.call.leave(rig.now)
    assert rig.hands.closed == [rig.leg]


def test_a_leg_that_never_says_it_is_gone_is_taken_for_gone() -> None:
    rig = Rig().talking()
    rig.call.leave(rig.now)
    rig.go(CLOSE_LIMIT_S)
    assert rig.call.done
    assert rig.busy() == 0


def test_the_engine_may_speak_of_a_call_before_it_answers_the_command() -> None:
    rig = Rig()
    rig.call.start(0)
    rig.answer()
    rig.call.dialled(rig.leg)
    assert rig.told[:2] == [Offered(), VoiceUp(leg_id=rig.leg, answered=True)]
    assert rig.told.count(Offered()) == 1


def test_an_invite_that_could_not_be_sent_leads_on() -> None:
    rig = Rig()
    rig.call.start(0)
    rig.call.not_dialled(rig.leg, "voice_unreachable", 0, trunk_is_sick=True)
    rig.call.not_dialled(rig.leg, "voice_unavailable", 0, trunk_is_sick=False)
    assert rig.told == [QueueExit(reason=ExitReason.FAILED)]
    assert rig.busy() == 0


def test_our_own_telephones_all_in_use_are_no_failure_of_the_trunks() -> None:
    rig = Rig()
    rig.call.start(0)
    rig.call.not_dialled(rig.leg, "voice_capacity", 0, trunk_is_sick=False)
    assert rig.told == [QueueExit(reason=ExitReason.FULL)]
    assert len(rig.hands.dialled) == 1  # another trunk would not help
    assert rig.busy() == 0


# ---------------------------------------------------------------- hold, identity, feed


def test_hold_is_told_from_either_side() -> None:
    rig = Rig().talking()
    rig.call.held(rig.leg, True)
    assert rig.call.phase() is Phase.HELD
    rig.call.held(rig.leg, True)
    rig.call.held(rig.leg, False)
    assert rig.told[-2:] == [Held(by=Party.AGENT), Resumed(by=Party.AGENT)]
    rig.call.hold(True)
    assert rig.hands.holds == [(rig.leg, True)]


def test_hold_before_the_answer_is_not_sent() -> None:
    rig = Rig().start()
    rig.call.hold(True)
    assert rig.hands.holds == []


def test_a_feed_that_tells_holds_is_the_only_one_to_do_so() -> None:
    rig = Rig(told_holds=True).talking()
    rig.call.held(rig.leg, True)
    assert not any(isinstance(body, Held) for body in rig.told)


def test_a_new_identity_is_an_agent_only_where_the_operator_says_so() -> None:
    plain, meant = Rig().talking(), Rig(identity_is_agent=True).talking()
    for rig in (plain, meant):
        rig.call.identified(rig.leg, "1001", {"uri": "sip:1001@pbx"})
        rig.call.identified(rig.leg, "1002", {"uri": "sip:1002@pbx"})
    assert plain.told[-2:] == [Unrecognised(name="identity"), Unrecognised(name="identity")]
    assert meant.told[-2:] == [Connected(agent=AgentName(ref="1001")), Transferred(agent=AgentName(ref="1002"))]


def test_the_feeds_end_is_the_reason_and_the_hang_up_the_moment() -> None:
    """An ACD may go on with a survey when its agent has left."""
    rig = Rig(told_places=True).talking()
    end = Ended(by=Party.AGENT, reason="agent")
    rig.call.fed(end, synthesized=False, raw={})
    assert not rig.call.over
    rig.go(30)
    rig.bye()
    assert [body for body in rig.told if isinstance(body, ENDS)] == [end]
    assert rig.call.done


def test_a_call_that_goes_back_to_a_queue_forgets_the_earlier_end() -> None:
    rig = Rig().talking()
    rig.call.fed(QueueExit(reason=ExitReason.TIMEOUT), synthesized=False, raw={})
    rig.call.fed(Queued(place=3), synthesized=False, raw={})
    rig.bye()
    assert rig.told[-1] == Ended(by=Party.ACD)


def test_wrap_up_is_told_after_the_end_and_nothing_else_is() -> None:
    rig = Rig().talking()
    rig.bye()
    rig.call.fed(WrapUpStarted(), synthesized=False, raw={})
    rig.call.fed(Connected(), synthesized=False, raw={})
    assert rig.told[-2:] == [Ended(by=Party.ACD), WrapUpStarted()]
