"""Where else a call is sent: by a new call or by REFER, to who takes it and to who does not."""

import pytest

from gateway.acd.events import (
    AgentName,
    Ended,
    Party,
    Resumed,
    TargetKind,
    TransferFailed,
    TransferMode,
    Transferred,
    TransferTarget,
    VoiceUp,
)
from gateway.acd.port import Phase
from gateway.base.errors import StateConflict
from gateway.base.ids import AgentId
from tests.support.sip_call_rig import TO_QUEUE, Rig


def test_a_transfer_is_a_new_call_and_the_old_one_stays_until_it_is_answered() -> None:
    rig = Rig().talking()
    before = rig.leg
    rig.call.transfer(TransferMode.BLIND, TO_QUEUE, "7005", rig.now, by_refer=False)
    after = rig.leg
    assert rig.hands.dialled[-1].number == "7005"
    assert rig.hands.closed == []
    rig.ring()
    rig.answer()
    assert rig.hands.closed == [before]
    assert rig.told[-2:] == [Transferred(queue="sales"), VoiceUp(leg_id=after, answered=True)]
    assert rig.call.phase() is Phase.QUEUED  # somebody else has to claim it now
    rig.gone()
    assert rig.call.leg_ids == (after,)
    assert not rig.call.over


@pytest.mark.parametrize(
    ("status", "reason"), [(486, "busy"), (480, "no_answer"), (404, "unreachable"), (603, "refused")]
)
def test_a_target_that_does_not_take_it_leaves_the_call_as_it_was(status: int, reason: str) -> None:
    rig = Rig().talking()
    before = rig.leg
    rig.call.transfer(TransferMode.BLIND, TO_QUEUE, "7005", rig.now, by_refer=False)
    rig.refuse(status)
    assert rig.told[-1] == TransferFailed(reason=reason)
    assert rig.call.leg_ids == (before,)
    assert rig.call.phase() is Phase.CONNECTED


def test_a_target_that_never_answers_is_given_up() -> None:
    rig = Rig().talking()
    rig.call.transfer(TransferMode.BLIND, TO_QUEUE, "7005", rig.now, by_refer=False)
    target = rig.leg
    rig.ring()
    rig.go(30)
    assert rig.told[-1] == TransferFailed(reason="timeout")
    assert rig.hands.closed == [target]


def test_the_agent_may_leave_before_the_target_answers() -> None:
    rig = Rig().talking()
    before = rig.leg
    rig.call.transfer(TransferMode.BLIND, TO_QUEUE, "7005", rig.now, by_refer=False)
    rig.bye(before)
    assert not rig.call.over
    rig.answer()
    assert rig.told[-1] == VoiceUp(leg_id=rig.leg, answered=True)
    other = Rig().talking()
    before = other.leg
    other.call.transfer(TransferMode.BLIND, TO_QUEUE, "7005", other.now, by_refer=False)
    other.bye(before)
    other.refuse(486)
    assert other.told[-2:] == [TransferFailed(reason="busy"), Ended(by=Party.ACD)]
    assert other.call.done


def test_a_refer_that_was_carried_out_ends_as_a_transfer() -> None:
    rig = Rig().talking()
    rig.call.transfer(TransferMode.BLIND, TO_QUEUE, "7005", rig.now, by_refer=True)
    assert rig.hands.referred == [(rig.leg, "7005", None)]
    rig.call.referred(rig.leg, 100, False, rig.now)
    rig.call.referred(rig.leg, 200, True, rig.now)
    rig.bye()
    assert rig.told[-2:] == [Transferred(queue="sales"), Ended(by=Party.ACD, reason="transfer")]
    assert rig.call.done


@pytest.mark.parametrize("how", ["told", "refused"])
def test_a_refer_that_is_refused_becomes_a_new_call(how: str) -> None:
    rig = Rig().talking()
    before = rig.leg
    rig.call.transfer(TransferMode.BLIND, TO_QUEUE, "7005", rig.now, by_refer=True)
    if how == "told":
        rig.call.referred(before, 603, True, rig.now)
    else:
        rig.call.refer_refused(before, rig.now)
    assert rig.leg != before
    assert rig.hands.dialled[-1].number == "7005"
    rig.answer()
    assert rig.told[-2] == Transferred(queue="sales")


def test_a_customer_on_hold_is_taken_back_when_the_refer_came_to_nothing() -> None:
    rig = Rig().talking()
    rig.call.held(rig.leg, True)
    rig.call.transfer(TransferMode.CONSULT, TO_QUEUE, "7005", rig.now, by_refer=True)
    first = rig.hands.dialled[0].leg_id
    rig.answer()
    rig.go(31)
    assert rig.told[-1] == TransferFailed(reason="timeout")
    assert rig.call.phase() is Phase.HELD
    rig.call.held(first, False)
    assert rig.told[-1] == Resumed(by=Party.AGENT)
    assert rig.call.phase() is Phase.CONNECTED


def test_an_attended_transfer_asks_the_other_side_to_replace_the_second_call() -> None:
    rig = Rig().talking()
    first = rig.leg
    rig.call.transfer(TransferMode.CONSULT, TO_QUEUE, "7005", rig.now, by_refer=True)
    second = rig.leg
    assert rig.hands.referred == []
    rig.answer()
    assert rig.hands.referred == [(first, "7005", second)]
    rig.call.referred(first, 200, True, rig.now)
    rig.bye(first)
    assert rig.told[-2:] == [Transferred(queue="sales"), Ended(by=Party.ACD, reason="transfer")]
    assert rig.hands.closed == [second]  # nothing stays dialled
    rig.gone()
    assert rig.call.done


def test_the_replaced_call_is_hung_up_before_the_notify_that_all_went_well() -> None:
    rig = Rig().talking()
    first = rig.leg
    rig.call.transfer(TransferMode.CONSULT, TO_QUEUE, "7005", rig.now, by_refer=True)
    rig.answer()
    rig.bye(rig.leg)
    rig.call.referred(first, 200, True, rig.now)
    rig.bye(first)
    assert rig.told[-2:] == [Transferred(queue="sales"), Ended(by=Party.ACD, reason="transfer")]
    assert not any(isinstance(body, TransferFailed) for body in rig.told)
    assert rig.call.done


def test_a_target_that_hung_up_for_another_reason_is_called_anew_when_the_refer_fails() -> None:
    rig = Rig().talking()
    first = rig.leg
    rig.call.transfer(TransferMode.CONSULT, TO_QUEUE, "7005", rig.now, by_refer=True)
    rig.answer()
    rig.bye(rig.leg)
    rig.call.referred(first, 481, True, rig.now)
    assert rig.hands.dialled[-1].number == "7005"
    rig.refuse(486)
    assert rig.told[-1] == TransferFailed(reason="busy")
    assert rig.call.leg_ids == (first,)


def test_a_replaced_call_without_a_notify_is_a_transfer_that_timed_out() -> None:
    rig = Rig().talking()
    first = rig.leg
    rig.call.transfer(TransferMode.CONSULT, TO_QUEUE, "7005", rig.now, by_refer=True)
    rig.answer()
    rig.bye(rig.leg)
    rig.go(31)
    assert rig.told[-1] == TransferFailed(reason="timeout")
    assert rig.call.leg_ids == (first,)


def test_an_attended_transfer_that_is_refused_keeps_the_second_call() -> None:
    rig = Rig().talking()
    first = rig.leg
    rig.call.transfer(TransferMode.CONSULT, TO_QUEUE, "7005", rig.now, by_refer=True)
    rig.answer()
    second = rig.leg
    rig.call.referred(first, 603, True, rig.now)
    assert rig.hands.closed == [first]
    assert rig.told[-2:] == [Transferred(queue="sales"), VoiceUp(leg_id=second, answered=True)]


@pytest.mark.parametrize("by_refer", [False, True])
def test_who_claims_while_their_telephone_rings_has_the_call_when_it_is_answered(by_refer: bool) -> None:
    """Screen pops come with the ringing: a transfer that names nobody would take the video away again."""
    rig = Rig().talking()
    before, ben = rig.leg, AgentId("ag_00000002")
    rig.call.transfer(TransferMode.BLIND, TO_QUEUE, "7005", rig.now, by_refer=by_refer)
    rig.call.claimed(ben)
    if by_refer:
        rig.call.referred(before, 200, True, rig.now)
    else:
        rig.answer()
    assert Transferred(queue="sales", agent=AgentName(ref=ben, agent_id=ben)) in rig.told
    assert rig.call.agent_id == ben
    assert rig.call.phase() is Phase.CONNECTED


def test_a_transfer_to_an_agent_tells_who_it_is() -> None:
    rig = Rig().talking()
    ben = AgentId("ag_00000002")
    rig.call.transfer(
        TransferMode.BLIND, TransferTarget(kind=TargetKind.AGENT, value=ben), "7044", rig.now, by_refer=False
    )
    rig.answer()
    assert Transferred(agent=AgentName(ref=ben, agent_id=ben)) in rig.told
    assert rig.call.phase() is Phase.QUEUED  # until a panel claims it


def test_a_transfer_needs_an_answered_call_and_one_is_made_at_a_time() -> None:
    rig = Rig().start()
    with pytest.raises(StateConflict, match="transfer_refused"):
        rig.call.transfer(TransferMode.BLIND, TO_QUEUE, "7005", rig.now, by_refer=False)
    rig.answer()
    rig.call.transfer(TransferMode.BLIND, TO_QUEUE, "7005", rig.now, by_refer=False)
    with pytest.raises(StateConflict, match="transfer_refused"):
        rig.call.transfer(TransferMode.BLIND, TO_QUEUE, "7005", rig.now, by_refer=False)
    assert len(rig.hands.dialled) == 2


@pytest.mark.parametrize(("how", "status"), [("answered", 200), ("busy", 486), ("silent", 408)])
def test_each_call_of_a_transfer_is_counted_with_its_outcome(how: str, status: int) -> None:
    rig = Rig().talking()
    rig.call.transfer(TransferMode.BLIND, TO_QUEUE, "7005", rig.now, by_refer=False)
    match how:
        case "answered":
            rig.answer()
        case "busy":
            rig.refuse(486)
        case _:
            rig.go(31)
            rig.gone()
    assert rig.hands.outcomes == [("a", 200), ("a", status)]
