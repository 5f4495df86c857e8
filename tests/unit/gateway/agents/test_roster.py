"""The roster: reasons, presence, and what follows after-call work."""

from datetime import timedelta

import pytest

from gateway.agents import states as a
from gateway.agents.roster import AgentRecord, AgentRoster
from gateway.agents.states import AgentState, NotReadyReason
from gateway.base.errors import BadInput, NotFound, StateConflict
from gateway.base.ids import AgentId, ContactId
from gateway.parties import AgentCard
from tests.support.clock import FakeClock

ANNA = AgentId("ag_anna0000")
CARD = AgentCard(agent_id=ANNA, display_name="Anna", queues=("sales",))
CONTACT = ContactId("ct_1")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def told() -> list[tuple[str, str | None]]:
    return []


@pytest.fixture
def roster(clock: FakeClock, told: list[tuple[str, str | None]]) -> AgentRoster:
    roster = AgentRoster(clock, timedelta(seconds=15))

    def listen(record: AgentRecord) -> None:
        told.append((record.state.value, record.reason.value if record.reason else None))

    roster.on_change(listen)
    return roster


def busy(roster: AgentRoster) -> None:
    roster.panel_came(CARD)
    roster.set_ready(ANNA)
    roster.apply(ANNA, a.OfferMade(contact_id=CONTACT))
    roster.apply(ANNA, a.OfferAccepted())


def test_the_first_panel_logs_the_agent_on_not_ready(roster: AgentRoster, told: list[tuple[str, str | None]]) -> None:
    roster.panel_came(CARD)
    assert told == [("not_ready", "login")]


def test_another_reason_begins_now(roster: AgentRoster, clock: FakeClock) -> None:
    roster.panel_came(CARD)
    roster.set_not_ready(ANNA, "break")
    clock.advance(600)
    roster.set_not_ready(ANNA, "lunch")
    clock.advance(5)
    roster.set_not_ready(ANNA, "lunch")
    assert roster.get(ANNA).since_s == clock.monotonic() - 5, "not the ten minutes of the break"


def test_a_reload_changes_nothing_but_presence(roster: AgentRoster) -> None:
    roster.panel_came(CARD)
    roster.set_ready(ANNA)
    roster.panel_went(ANNA)
    assert not roster.get(ANNA).may_be_offered
    roster.panel_came(CARD)
    assert roster.get(ANNA).may_be_offered


def test_new_queues_of_a_new_panel_count(roster: AgentRoster) -> None:
    roster.panel_came(CARD)
    roster.panel_came(AgentCard(agent_id=ANNA, display_name="Anna", queues=("sales", "support")))
    assert roster.get(ANNA).card.queues == ("sales", "support")


def test_the_presence_grace_ends_only_readiness(roster: AgentRoster, clock: FakeClock) -> None:
    roster.panel_came(CARD)
    roster.panel_went(ANNA)
    assert roster.next_deadline() is None
    roster.panel_came(CARD)
    roster.set_ready(ANNA)
    clock.advance(5)
    roster.panel_went(ANNA)
    assert roster.next_deadline() == 20
    clock.advance(14.9)
    roster.on_timer()
    assert roster.get(ANNA).state is AgentState.READY
    clock.advance(0.1)
    roster.on_timer()
    assert roster.get(ANNA).reason is NotReadyReason.PRESENCE_LOST


def test_presence_on_a_call_is_not_the_rosters_business(roster: AgentRoster, clock: FakeClock) -> None:
    busy(roster)
    roster.panel_went(ANNA)
    clock.advance(1000)
    roster.on_timer()
    assert roster.get(ANNA).state is AgentState.BUSY


def test_an_offer_that_was_withdrawn_keeps_the_agents_place_among_the_idle(
    roster: AgentRoster, clock: FakeClock
) -> None:
    roster.panel_came(CARD)
    roster.set_ready(ANNA)
    since = roster.get(ANNA).ready_since
    clock.advance(60)
    roster.apply(ANNA, a.OfferMade(contact_id=CONTACT))
    assert roster.get(ANNA).contact_id == CONTACT
    roster.apply(ANNA, a.OfferWithdrawn())
    assert roster.get(ANNA).ready_since == since
    assert roster.get(ANNA).contact_id is None


def test_after_a_call_the_idle_time_begins_anew(roster: AgentRoster, clock: FakeClock) -> None:
    busy(roster)
    roster.apply(ANNA, a.ContactReleased())
    clock.advance(60)
    roster.apply(ANNA, a.WrapUpDone())
    assert roster.get(ANNA).ready_since == clock.now()


def test_a_pending_reason_waits_for_the_end_of_the_after_call_work(roster: AgentRoster) -> None:
    busy(roster)
    roster.set_not_ready(ANNA, "lunch")
    roster.apply(ANNA, a.ContactReleased())
    assert roster.get(ANNA).pending is NotReadyReason.LUNCH
    roster.apply(ANNA, a.WrapUpDone())
    record = roster.get(ANNA)
    assert (record.state, record.reason, record.pending) == (AgentState.NOT_READY, NotReadyReason.LUNCH, None)


def test_a_pending_reason_is_taken_when_the_contact_goes_before_the_bridge(roster: AgentRoster) -> None:
    busy(roster)
    roster.set_not_ready(ANNA, "break")
    roster.apply(ANNA, a.ContactWithdrawn())
    assert roster.get(ANNA).reason is NotReadyReason.BREAK


def test_a_media_failure_is_the_reason_whatever_was_pending(roster: AgentRoster) -> None:
    busy(roster)
    roster.set_not_ready(ANNA, "break")
    roster.apply(ANNA, a.LegFailed())
    record = roster.get(ANNA)
    assert (record.reason, record.pending) == (NotReadyReason.MEDIA_FAILURE, None)


def test_reasons_that_only_follow_from_events_can_not_be_chosen(roster: AgentRoster) -> None:
    roster.panel_came(CARD)
    with pytest.raises(BadInput, match="unknown_reason"):
        roster.set_not_ready(ANNA, "rona")
    with pytest.raises(BadInput, match="unknown_reason"):
        roster.set_not_ready(ANNA, "tired")


def test_a_refused_request_changes_nothing(roster: AgentRoster) -> None:
    roster.panel_came(CARD)
    roster.set_ready(ANNA)
    roster.apply(ANNA, a.OfferMade(contact_id=CONTACT))
    with pytest.raises(StateConflict):
        roster.set_not_ready(ANNA, "break")
    record = roster.get(ANNA)
    assert (record.state, record.pending) == (AgentState.RESERVED, None)


def test_an_agent_on_a_call_can_not_sign_out(roster: AgentRoster) -> None:
    busy(roster)
    with pytest.raises(StateConflict, match="agent_busy"):
        roster.log_off(ANNA)


def test_who_signed_out_is_forgotten(roster: AgentRoster, told: list[tuple[str, str | None]]) -> None:
    roster.panel_came(CARD)
    roster.log_off(ANNA)
    roster.log_off(ANNA)
    assert roster.panel_went(ANNA) is None
    assert told[-1] == ("logged_off", None)
    assert len(roster) == 0
    with pytest.raises(NotFound, match="agent_not_logged_on"):
        roster.set_ready(ANNA)
