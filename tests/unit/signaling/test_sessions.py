"""Which sessions there are: bounded, one per person, gone when their time is over."""

import pytest

from gateway.base.errors import CapacityExceeded
from gateway.base.ids import AgentId, ContactId, OfferId
from gateway.parties import (
    AgentCard,
    AgentChanged,
    AgentParty,
    BoardParty,
    BoardShown,
    ContactChanged,
    CustomerParty,
    OfferEnded,
    Visit,
)
from signaling.sessions import Sessions
from tests.support.clock import FakeClock

CUSTOMER = CustomerParty(contact_id=ContactId("ct_00000001"))
OTHER = CustomerParty(contact_id=ContactId("ct_00000002"))
AGENT = AgentParty(agent_id=AgentId("ag_00000001"))
BOARD = BoardShown(queues=(), agents=(), contacts=(), alarms=(), draining=False)


class Carrier:
    def __init__(self) -> None:
        self.byes: list[str] = []

    def wake(self) -> None:
        pass

    def cut(self, code: str, detail: str = "") -> None:
        self.byes.append(code)


def make(clock: FakeClock, limit: int = 10) -> Sessions:
    return Sessions(clock, grace_s=60, outbox_limit=16, limit=limit)


def test_a_notice_reaches_its_person_and_nobody_else() -> None:
    sessions = make(FakeClock())
    one, two = sessions.open(CUSTOMER), sessions.open(OTHER)
    sessions.tell(CUSTOMER, ContactChanged(contact_id=CUSTOMER.contact_id, state="in_menu"))
    sessions.tell(AGENT, ContactChanged(contact_id=CUSTOMER.contact_id, state="active"))
    assert (one.unacknowledged, two.unacknowledged) == (1, 0)


def test_every_board_gets_the_board() -> None:
    sessions = make(FakeClock())
    boards = [sessions.open(BoardParty()) for _ in range(3)]
    sessions.tell(BoardParty(), BOARD)
    assert all(board.next_unsent() is not None for board in boards)


def test_a_session_without_a_socket_is_dropped_after_the_grace() -> None:
    clock = FakeClock()
    sessions = make(clock)
    one = sessions.open(CUSTOMER)
    clock.advance(59.9)
    sessions.sweep()
    assert sessions.holds(one)
    clock.advance(0.2)
    sessions.sweep()
    assert not sessions.holds(one)
    assert sessions.of(CUSTOMER) is None


def test_a_carried_session_stays_until_its_contact_is_closed_and_the_grace_over() -> None:
    clock = FakeClock()
    sessions = make(clock)
    one = sessions.open(CUSTOMER)
    carrier = one.carrier = Carrier()
    clock.advance(3600)
    sessions.sweep()
    assert sessions.holds(one)
    sessions.tell(CUSTOMER, ContactChanged(contact_id=CUSTOMER.contact_id, state="closed", end_reason="hung_up"))
    sessions.sweep()
    assert sessions.holds(one)
    clock.advance(61)
    sessions.sweep()
    assert not sessions.holds(one)
    assert carrier.byes == ["session_over"]


def test_a_second_session_of_a_person_ends_the_first() -> None:
    sessions = make(FakeClock())
    one = sessions.open(AGENT)
    carrier = one.carrier = Carrier()
    two = sessions.open(AGENT)
    assert carrier.byes == ["taken_over"]
    assert sessions.of(AGENT) is two
    sessions.drop(one, "session_over")
    assert sessions.of(AGENT) is two


def test_a_full_house_refuses_newcomers_and_keeps_everybody() -> None:
    sessions = make(FakeClock(), limit=1)
    one = sessions.open(CUSTOMER)
    with pytest.raises(CapacityExceeded) as refused:
        sessions.check_room()
    assert refused.value.code == "too_many_sessions"
    assert sessions.holds(one)


def test_a_notice_that_can_not_be_said_harms_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    sessions = make(FakeClock())
    one = sessions.open(CUSTOMER)
    sessions.tell(CUSTOMER, ContactChanged(contact_id=CUSTOMER.contact_id, state=7))  # type: ignore[arg-type]
    assert one.unacknowledged == 0


def test_the_panel_of_one_contact_hears_of_no_other_and_ends_after_it() -> None:
    clock = FakeClock()
    sessions = make(clock)
    card = AgentCard(agent_id=AGENT.agent_id, display_name="Anna", queues=(), visiting=True)
    panel = sessions.open(AGENT, visit=Visit(card=card, contact_id=CUSTOMER.contact_id))
    panel.carrier = carrier = Carrier()
    sessions.tell(AGENT, ContactChanged(contact_id=CUSTOMER.contact_id, state="active"))
    sessions.tell(AGENT, ContactChanged(contact_id=OTHER.contact_id, state="active"))
    assert panel.unacknowledged == 1
    sessions.tell(AGENT, AgentChanged(state="ready"))
    sessions.tell(AGENT, OfferEnded(offer_id=OfferId("of_00000001"), reason="withdrawn"))
    assert panel.unacknowledged == 2, "of what comes after the contact it hears nothing"
    clock.advance(5)
    sessions.sweep()
    assert (carrier.byes, sessions.holds(panel)) == (["session_over"], False)
