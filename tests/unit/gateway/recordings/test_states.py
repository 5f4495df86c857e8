"""The recording's table: every pair of state and event is either there or refused, and nothing is a dead end."""

import typing
from collections import deque

import pytest

from gateway.base.errors import StateConflict
from gateway.recordings import states
from gateway.recordings.states import RECORDING, UNFINISHED, WRITING, RecordingState

EVENTS = typing.get_args(states.RecordingEvent)
SAMPLES = {
    states.ConsentGiven: states.ConsentGiven(notice_version="1"),
    states.FirstFrameWritten: states.FirstFrameWritten(at_s=1.0),
    states.PauseRequested: states.PauseRequested(reason=""),
    states.ResumeRequested: states.ResumeRequested(reason=""),
    states.StopRequested: states.StopRequested(reason=""),
    states.WriteFailed: states.WriteFailed(code="disk_full"),
    states.Sealed: states.Sealed(sha256="", size_bytes=0, duration_s=0.0),
    states.SealedAtLimit: states.SealedAtLimit(sha256="", size_bytes=0, duration_s=0.0),
}


@pytest.mark.parametrize("state", RecordingState)
@pytest.mark.parametrize("event_type", EVENTS)
def test_an_event_that_is_not_in_the_row_is_refused(state: RecordingState, event_type: type) -> None:
    event = SAMPLES.get(event_type) or event_type()
    if RECORDING.allows(state, event_type):
        assert RECORDING.next(state, event) in RecordingState
    else:
        with pytest.raises(StateConflict):
            RECORDING.next(state, event)


def reachable(start: RecordingState) -> set[RecordingState]:
    seen, queue = {start}, deque([start])
    while queue:
        for after in RECORDING.rows[queue.popleft()].values():
            if after not in seen:
                seen.add(after)
                queue.append(after)
    return seen


def test_every_state_can_be_reached_and_every_state_can_end() -> None:
    assert reachable(RECORDING.initial) == set(RecordingState)
    for state in RecordingState:
        assert any(RECORDING.is_terminal(after) for after in reachable(state))


def test_every_state_before_the_end_can_be_stopped() -> None:
    """A contact may end at any moment: there is no state in which a stop would be refused and forgotten."""
    for state in UNFINISHED - {RecordingState.ENDING}:
        assert RECORDING.allows(state, states.StopRequested)


def test_nothing_is_written_before_consent() -> None:
    for state in (RecordingState.REQUESTED, RecordingState.AWAITING_CONSENT):
        assert state not in WRITING
        into_writing = [event for event, after in RECORDING.rows[state].items() if after in WRITING]
        assert set(into_writing) <= {states.ConsentGiven, states.ConsentWaived}


def test_a_withdrawn_consent_is_taken_in_every_state_that_writes() -> None:
    for state in WRITING | {RecordingState.ENDING}:
        assert RECORDING.next(state, states.ConsentRefused()) is RecordingState.ABORTED
