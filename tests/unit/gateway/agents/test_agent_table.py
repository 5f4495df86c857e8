"""The table of the agent: every pair of state and event is either listed here or refused."""

from typing import get_args

import pytest

from gateway.agents.states import AGENT, REASON_OF, AgentEvent, AgentState
from gateway.base.errors import StateConflict

EXPECTED = """
logged_off LoggedOn not_ready
not_ready ReadySet ready; not_ready NotReadySet not_ready; not_ready LoggedOff logged_off
not_ready Claimed busy; ready Claimed busy
ready NotReadySet not_ready; ready PresenceLost not_ready; ready OfferMade reserved; ready LoggedOff logged_off
reserved OfferAccepted busy; reserved OfferRejected not_ready; reserved OfferTimedOut not_ready
reserved OfferWithdrawn ready; reserved PresenceLost not_ready; reserved LoggedOff logged_off
busy ReadySet busy; busy NotReadySet busy; busy ContactReleased working_after_call; busy ContactWithdrawn ready
busy LegFailed not_ready
working_after_call ReadySet working_after_call; working_after_call NotReadySet working_after_call
working_after_call WrapUpDone ready; working_after_call LoggedOff logged_off
"""


def test_every_pair_of_agent_state_and_event_is_as_written() -> None:
    rows = [row.split() for line in EXPECTED.strip().splitlines() for row in line.split(";")]
    found = []
    for state in AgentState:
        for event_type in get_args(AgentEvent):
            if AGENT.allows(state, event_type):
                found.append([state.value, event_type.__name__, AGENT.next(state, event_type()).value])
            else:
                with pytest.raises(StateConflict, match="illegal_transition"):
                    AGENT.next(state, event_type())
    assert sorted(found) == sorted(rows)


def test_whatever_makes_an_agent_not_ready_has_a_reason() -> None:
    for row in AGENT.rows.values():
        for event_type, after in row.items():
            if after is AgentState.NOT_READY:
                assert event_type in REASON_OF or hasattr(event_type(), "reason")
