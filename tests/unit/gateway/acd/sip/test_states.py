"""The table of one SIP call: every race has a written outcome, and every call can end."""

import pytest

from gateway.acd.sip.states import (
    SIP_CALL,
    UP,
    Answered,
    CloseAsked,
    Gone,
    Progressed,
    PutOnHold,
    ReferAsked,
    ReferFailed,
    SipCall,
    SipEvent,
    SipState,
    SoundBegan,
    TakenBack,
)
from gateway.base.ids import LegId

EVENTS: tuple[SipEvent, ...] = (
    Progressed(),
    SoundBegan(),
    Answered(),
    PutOnHold(),
    TakenBack(),
    ReferAsked(),
    ReferFailed(),
    CloseAsked(),
    Gone(),
)


def call(*events: SipEvent) -> SipCall:
    one = SipCall(leg_id=LegId("lg_00000001"), trunk="main", number="7001", dialled_s=0.0)
    for event in events:
        one.happened(event)
    return one


@pytest.mark.parametrize("state", SipState)
@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_what_the_table_has_no_entry_for_changes_nothing(state: SipState, event: SipEvent) -> None:
    one = call()
    one.state = state
    changed = one.happened(event)
    assert changed is SIP_CALL.allows(state, type(event))
    assert changed or one.state is state


@pytest.mark.parametrize("state", [state for state in SipState if state is not SipState.ENDED])
def test_from_every_state_the_call_can_end(state: SipState) -> None:
    one = call()
    one.state = state
    assert one.happened(Gone())
    assert one.state is SipState.ENDED
    assert not any(one.happened(event) for event in EVENTS)


def test_the_answer_that_crosses_our_cancel_does_not_bring_the_call_back() -> None:
    one = call(Progressed(), CloseAsked(), Answered())
    assert one.state is SipState.CLOSING
    assert not one.up


def test_nothing_makes_an_answered_call_ring_again() -> None:
    one = call(Answered(), Progressed(), SoundBegan(), Answered())
    assert one.state is SipState.ANSWERED


def test_a_hold_that_crosses_our_refer_is_a_hold() -> None:
    one = call(Answered(), ReferAsked(), PutOnHold())
    assert one.state is SipState.HELD_REFERRED
    one.happened(ReferFailed())
    assert one.state is SipState.HELD


def test_up_is_answered_and_not_over() -> None:
    reachable = {SipState.ANSWERED, SipState.HELD, SipState.REFERRED, SipState.HELD_REFERRED}
    assert reachable == UP
    assert call(Answered()).up
    assert call(Answered(), PutOnHold()).up
    assert not call(SoundBegan()).up
