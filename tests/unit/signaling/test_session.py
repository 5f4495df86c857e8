"""The numbering of a session: nothing lost, nothing twice, and only the right secret opens it."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.base.errors import BadInput
from gateway.base.ids import new_contact_id
from gateway.parties import BoardParty, CustomerParty
from signaling.messages import LegState, Message
from signaling.session import Session


@dataclass
class FakeCarrier:
    woken: int = 0
    byes: list[str] = field(default_factory=list)

    def wake(self) -> None:
        self.woken += 1

    def cut(self, code: str, detail: str = "") -> None:
        self.byes.append(code)


def session(limit: int = 64) -> Session:
    return Session(CustomerParty(contact_id=new_contact_id()), outbox_limit=limit)


def said(number: int) -> Message:
    return LegState(generation=number, state="connected")


def drain(one: Session) -> list[Message]:
    found = []
    while (message := one.next_unsent()) is not None:
        found.append(message)
    return found


def test_messages_are_numbered_from_one_and_kept_until_acknowledged() -> None:
    one = session()
    for number in (1, 2, 3):
        one.send(said(number))
    assert [message.seq for message in drain(one)] == [1, 2, 3]
    one.acknowledge(2)
    assert one.unacknowledged == 1


def test_a_number_seen_before_is_ignored_and_a_gap_refused() -> None:
    one = session()
    assert one.take(1)
    assert not one.take(1)
    with pytest.raises(BadInput) as refused:
        one.take(3)
    assert refused.value.code == "sequence_gap"
    assert one.received == 1
    with pytest.raises(BadInput) as missing:
        one.take(0)
    assert missing.value.code == "sequence_missing"


def test_an_acknowledgement_of_what_was_never_sent_is_refused() -> None:
    one = session()
    one.send(said(1))
    with pytest.raises(BadInput) as refused:
        one.acknowledge(2)
    assert refused.value.code == "ack_unknown"


@settings(deadline=None)  # a busy machine is no counter-example
@given(st.data())
def test_whatever_is_cut_the_client_sees_each_message_once_and_in_order(data: st.DataObject) -> None:
    """Random sends, random losses of a socket, random acknowledgements: the client's list is 1, 2, 3, …"""
    one = session(limit=1000)
    seen: list[int] = []
    sent = 0
    for _ in range(data.draw(st.integers(1, 12))):
        for _ in range(data.draw(st.integers(0, 5))):
            sent += 1
            one.send(said(sent))
        on_the_wire = drain(one)
        arrived = on_the_wire[: data.draw(st.integers(0, len(on_the_wire)))]  # the socket breaks after these
        for message in arrived:
            assert message.seq == len(seen) + 1
            assert isinstance(message, LegState)
            seen.append(message.generation)
        if data.draw(st.booleans()):
            one.acknowledge(data.draw(st.integers(0, len(seen))))
        if len(seen) == 0:
            one.restart()  # a client that has seen nothing gets a full view: the test's view is what it has not seen
            one.release([said(number + 1) for number in range(sent)])
            continue
        assert one.can_replay(len(seen))
        one.replay(len(seen))
    seen += [message.generation for message in drain(one) if isinstance(message, LegState)]
    assert seen == list(range(1, sent + 1))


def test_a_fresh_page_and_a_liar_get_no_replay() -> None:
    one = session()
    for number in (1, 2, 3):
        one.send(said(number))
    one.acknowledge(2)
    assert not one.can_replay(0)
    assert not one.can_replay(1)  # 2 is forgotten
    assert one.can_replay(2)
    assert one.can_replay(3)
    assert not one.can_replay(4)


def test_what_is_acknowledged_before_it_is_sent_again_is_not_sent_again() -> None:
    one = session()
    for number in (1, 2, 3):
        one.send(said(number))
    drain(one)
    one.replay(1)
    one.acknowledge(3)  # it had arrived over the socket before
    assert one.next_unsent() is None
    one.send(said(4))
    assert [message.seq for message in drain(one)] == [4]


def test_a_full_outbox_cuts_the_socket_and_the_next_one_gets_a_view() -> None:
    one = session(limit=3)
    carrier = one.carrier = FakeCarrier()
    for number in range(1, 6):
        one.send(said(number))
    assert carrier.byes == ["too_slow"]
    assert one.unacknowledged == 0
    assert not one.can_replay(2)
    one.restart()
    one.release([said(9)])
    assert [message.seq for message in drain(one)] == [1]


def test_what_is_told_while_the_view_is_made_comes_after_it() -> None:
    one = session()
    one.send(said(1))
    one.restart()
    one.send(said(3))
    assert drain(one) == []
    one.release([said(2)])
    found = [message for message in drain(one) if isinstance(message, LegState)]
    assert [(message.seq, message.generation) for message in found] == [(1, 2), (2, 3)]


def test_the_secret_changes_and_the_one_brought_lives_until_confirmed() -> None:
    one = session()
    first = one.new_secret()
    assert one.unlock(first)
    second = one.new_secret()
    assert one.unlock(first)  # the welcome with the second may never have arrived
    assert one.unlock(second)
    third = one.new_secret()
    one.confirm()
    assert one.unlock(third)
    assert not one.unlock(first)
    assert not one.unlock(second)


def test_a_secret_nobody_was_given_opens_nothing() -> None:
    one = session()
    assert not one.unlock("")
    one.new_secret()
    assert not one.unlock("")
    assert not one.unlock("x" * 32)
    assert not one.unlock("\x00" * 32)


def test_a_board_keeps_only_the_newest_and_numbers_what_it_sends() -> None:
    one = Session(BoardParty(), outbox_limit=3, newest_only=True)
    for number in range(1, 10):
        one.send(said(number))
    found = drain(one)
    assert [(message.seq, message.model_dump()["generation"]) for message in found] == [(1, 9)]
    one.send(said(10))
    assert [message.seq for message in drain(one)] == [2]
    assert not one.can_replay(1)
