"""The tables of contact and leg: every pair of state and event is either listed here or refused."""

from dataclasses import MISSING, fields
from typing import Any, get_args

import pytest

from gateway.acd.events import ExitReason
from gateway.base.errors import StateConflict
from gateway.base.ids import AgentId, OfferId
from gateway.base.machine import Table
from gateway.contacts.events import (
    Aborted,
    CallEnded,
    ContactEvent,
    CustomerLeft,
    EndReason,
    LeaveCause,
    OfferMade,
    PlaceKept,
    QueueLeft,
)
from gateway.contacts.legs import LEG, LegEvent, LegState
from gateway.contacts.states import CONTACT, ContactState, end_reason

EXPECTED_CONTACT = """
initiated MenuStarted in_menu; initiated Enqueued queued; initiated SelfServed closed; initiated SetupTimedOut closed
initiated LegFailed closed; initiated CustomerLeft closed; initiated Aborted closed
in_menu OptionChosen in_menu; in_menu Enqueued queued; in_menu SelfServed closed; in_menu MenuUnanswered closed
in_menu CustomerLeft closed; in_menu Aborted closed
queued OfferMade offered; queued VoiceOnly voice; queued Claimed bridging; queued MaxWaitReached closed
queued QueueLeft closed; queued CallEnded closed; queued CustomerLeft closed; queued Aborted closed
queued PlaceKept closed
offered OfferAccepted bridging; offered OfferRejected queued; offered OfferTimedOut queued
offered OfferWithdrawn queued; offered QueueLeft closed; offered CallEnded closed; offered CustomerLeft closed
offered Aborted closed
bridging Bridged active; bridging AgentLegFailed queued; bridging CustomerUnreachable queued
bridging OfferWithdrawn queued; bridging VideoEnded voice; bridging CallEnded closed
bridging CustomerLeft closed; bridging Aborted closed
active Held held; active AgentLegLost queued; active CustomerLeft wrap_up; active AgentReleased wrap_up
active MaxDurationReached wrap_up; active Aborted closed
active TransferStarted transferring; active Transferred queued; active VideoEnded voice; active CallEnded wrap_up
held Retrieved active; held AgentLegLost queued; held CustomerLeft wrap_up; held AgentReleased wrap_up
held MaxDurationReached wrap_up; held Aborted closed
held TransferStarted transferring; held Transferred queued; held VideoEnded voice; held CallEnded wrap_up
transferring Transferred queued; transferring TransferFailed active; transferring AgentLegLost queued
transferring VideoEnded voice; transferring CallEnded wrap_up; transferring CustomerLeft wrap_up
transferring AgentReleased wrap_up; transferring MaxDurationReached wrap_up; transferring Aborted closed
active ConsultStarted consult_ringing; held ConsultStarted consult_ringing
consult_ringing ConsultAccepted consulting; consult_ringing ConsultRejected active
consult_ringing ConsultTimedOut active; consult_ringing ConsultEnded active; consult_ringing AgentLegLost queued
consult_ringing CallEnded wrap_up; consult_ringing CustomerLeft wrap_up; consult_ringing AgentReleased wrap_up
consult_ringing MaxDurationReached wrap_up; consult_ringing Aborted closed
consulting TransferCompleted bridging; consulting ConsultFailed active; consulting ConsultEnded active
consulting AgentLegLost queued; consulting CallEnded wrap_up; consulting CustomerLeft wrap_up
consulting AgentReleased wrap_up; consulting MaxDurationReached wrap_up; consulting Aborted closed
voice Claimed bridging; voice QueueLeft closed; voice CallEnded closed; voice CustomerLeft closed
voice MaxDurationReached closed; voice Aborted closed
wrap_up WrapUpSubmitted closed; wrap_up WrapUpTimedOut closed; wrap_up Aborted closed
"""

EXPECTED_LEG = """
new OfferReceived negotiating; new SetupTimedOut failed; new GraceExpired failed; new CloseRequested closed
negotiating OfferReceived negotiating; negotiating AnswerSent connecting; negotiating NegotiationFailed new
negotiating SetupTimedOut failed; negotiating GraceExpired failed; negotiating CloseRequested closing
connecting OfferReceived negotiating; connecting TransportConnected connected; connecting NegotiationFailed new
connecting SetupTimedOut failed; connecting GraceExpired failed; connecting CloseRequested closing
connected OfferReceived reconnecting; connected TransportLost reconnecting; connected GraceExpired failed
connected CloseRequested closing
reconnecting OfferReceived reconnecting; reconnecting AnswerSent reconnecting
reconnecting NegotiationFailed reconnecting; reconnecting TransportConnected connected
reconnecting GraceExpired failed; reconnecting CloseRequested closing
closing TransportClosed closed; closing CloseTimedOut closed
"""


def sample(event_type: type) -> Any:
    """An event of that type; fields without a default get an id."""
    needed = {f.name for f in fields(event_type) if f.default is MISSING and f.default_factory is MISSING}
    return event_type(**{name: {"offer_id": OfferId("of_1"), "agent_id": AgentId("ag_1")}[name] for name in needed})


def expected(text: str) -> dict[tuple[str, str], str]:
    rows = [row.split() for line in text.strip().splitlines() for row in line.split(";")]
    return {(before, event): after for before, event, after in rows}


def check(table: Table[Any], events: tuple[type, ...], text: str) -> None:
    wanted = expected(text)
    found: dict[tuple[str, str], str] = {}
    for state in table.rows:
        for event_type in events:
            event = sample(event_type)
            if table.allows(state, event_type):
                found[state.value, event_type.__name__] = table.next(state, event).value
            else:
                with pytest.raises(StateConflict, match="illegal_transition"):
                    table.next(state, event)
    assert found == wanted


def test_every_pair_of_contact_state_and_event_is_as_written() -> None:
    check(CONTACT, get_args(ContactEvent), EXPECTED_CONTACT)


def test_every_pair_of_leg_state_and_event_is_as_written() -> None:
    check(LEG, get_args(LegEvent), EXPECTED_LEG)


@pytest.mark.parametrize("state", [state for state in ContactState if state is not ContactState.CLOSED])
def test_a_contact_can_be_aborted_in_every_state_but_closed(state: ContactState) -> None:
    assert CONTACT.next(state, Aborted()) is ContactState.CLOSED


def test_whatever_ends_a_contact_or_its_call_has_a_reason() -> None:
    for state, row in CONTACT.rows.items():
        for event_type, after in row.items():
            ends = after in (ContactState.WRAP_UP, ContactState.CLOSED) and state is not ContactState.WRAP_UP
            reason = end_reason(state, sample(event_type), connected_once=True)
            assert (reason is not None) is (ends or event_type is Aborted), (state, event_type)


@pytest.mark.parametrize(
    ("before", "event", "reason"),
    [
        (ContactState.QUEUED, QueueLeft(reason="timeout"), EndReason.OVERFLOWED),
        (ContactState.QUEUED, PlaceKept(), EndReason.CALLBACK),
        (ContactState.QUEUED, QueueLeft(reason="key"), EndReason.LEFT_QUEUE),
        (ContactState.VOICE, QueueLeft(reason="withdrawn"), EndReason.WITHDRAWN),
        (ContactState.OFFERED, QueueLeft(reason="something new"), EndReason.REFUSED_BY_ACD),
        (ContactState.QUEUED, CallEnded(by="customer"), EndReason.LEFT_QUEUE),
        (ContactState.QUEUED, CallEnded(by="acd"), EndReason.WITHDRAWN),
        (ContactState.VOICE, CallEnded(by="acd"), EndReason.COMPLETED),
        (ContactState.ACTIVE, CallEnded(by="unknown"), EndReason.COMPLETED),
    ],
)
def test_what_the_acd_ends_has_the_reason_it_gave(before: ContactState, event: Any, reason: EndReason) -> None:
    assert end_reason(before, event, connected_once=True) is reason


@pytest.mark.parametrize("reason", ExitReason)
def test_every_exit_of_a_queue_has_an_end_reason_of_its_kind(reason: ExitReason) -> None:
    found = end_reason(ContactState.QUEUED, QueueLeft(reason=reason.value), connected_once=True)
    assert (found is EndReason.REFUSED_BY_ACD) is (reason in (ExitReason.REFUSED, ExitReason.FAILED))


def test_a_lost_customer_who_was_never_connected_is_our_failure() -> None:
    lost = CustomerLeft(cause=LeaveCause.LOST)
    assert end_reason(ContactState.QUEUED, lost, connected_once=False) is EndReason.SETUP_FAILED
    assert end_reason(ContactState.QUEUED, lost, connected_once=True) is EndReason.CUSTOMER_LOST


def test_events_of_an_offer_say_which() -> None:
    with pytest.raises(TypeError):
        OfferMade()  # type: ignore[call-arg]


def test_closed_legs_stay_closed() -> None:
    assert LEG.is_terminal(LegState.CLOSED)
    assert LEG.is_terminal(LegState.FAILED)
