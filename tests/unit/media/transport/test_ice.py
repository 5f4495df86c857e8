"""ICE-lite: who may send to us and where we send."""

import pytest

from media.transport.ice import MAX_ADDRESSES, IceCredentials, LiteAgent
from media.transport.stun import MessageType, StunMessage, binding_request, binding_success, parse

CREDENTIALS = IceCredentials(
    local_ufrag="ourfragment", local_password=b"our-password", remote_ufrag="theirs", remote_password=b"their-password"
)
WIFI, MOBILE = ("192.0.2.1", 1000), ("198.51.100.1", 2000, 0, 0)


def check(**changes) -> StunMessage:
    options = {"username": "ourfragment:theirs", "password": b"our-password", "controlling": True} | changes
    username, password = options.pop("username"), options.pop("password")
    message = parse(binding_request(bytes(12), username, password, priority=1, tie_breaker=2, **options))
    assert isinstance(message, StunMessage)
    return message


def answered(data: bytes) -> StunMessage:
    message = parse(data)
    assert isinstance(message, StunMessage)
    assert message.verify(b"our-password")
    return message


def test_valid_check_opens_the_address_and_is_answered() -> None:
    agent = LiteAgent(CREDENTIALS)
    verdict = agent.check(check(), WIFI, 5.0)
    assert verdict.valid
    assert verdict.moved
    assert answered(verdict.response).mapped == WIFI
    assert agent.selected == WIFI
    assert agent.last_consent_s == 5.0


@pytest.mark.parametrize(
    ("message", "counter"),
    [
        (check(password=b"wrong"), "stun_integrity"),
        (check(username="ourfragment:other"), "stun_username"),
        (check(username="ourfragment"), "stun_username"),
        (check(username="ourfragment:theirs:more"), "stun_username"),
        (StunMessage(MessageType.REQUEST, bytes(12), username=b"ourfragment:theirs"), "stun_integrity"),
        (StunMessage(MessageType.INDICATION, bytes(12)), "stun_not_a_check"),
        (parse(binding_success(check(), WIFI, b"our-password")), "stun_not_a_check"),
    ],
)
def test_invalid_check_changes_nothing_and_gets_no_answer(message: StunMessage, counter: str) -> None:
    agent = LiteAgent(CREDENTIALS)
    verdict = agent.check(message, WIFI, 5.0)
    assert verdict.dropped == counter
    assert not verdict.response
    assert agent.selected is None
    assert not list(agent.addresses)


def test_peer_that_wants_to_be_controlled_is_told_of_the_conflict() -> None:
    agent = LiteAgent(CREDENTIALS)
    verdict = agent.check(check(controlling=False), WIFI, 5.0)
    assert answered(verdict.response).error_code == 487
    assert agent.selected is None


def test_nomination_moves_and_moves_again() -> None:
    agent = LiteAgent(CREDENTIALS)
    agent.check(check(use_candidate=True), WIFI, 1.0)
    assert not agent.check(check(), MOBILE, 2.0).moved
    assert agent.selected == WIFI
    assert agent.check(check(use_candidate=True), MOBILE, 3.0).moved
    assert agent.selected == MOBILE
    assert agent.check(check(use_candidate=True), WIFI, 4.0).moved


def test_consent_is_that_of_the_selected_address_only() -> None:
    agent = LiteAgent(CREDENTIALS)
    agent.check(check(use_candidate=True), WIFI, 1.0)
    agent.check(check(), MOBILE, 20.0)
    assert agent.last_consent_s == 1.0


def test_addresses_are_bounded_and_the_selected_one_stays() -> None:
    agent = LiteAgent(CREDENTIALS)
    agent.check(check(use_candidate=True), WIFI, 0.0)
    evicted = [agent.check(check(), ("192.0.2.9", port), float(port)).evicted for port in range(1, 20)]
    assert len(list(agent.addresses)) == MAX_ADDRESSES
    assert WIFI in agent.addresses
    assert [e for e in evicted if e] == [("192.0.2.9", port) for port in range(1, 20 - MAX_ADDRESSES + 1)]


def test_addresses_without_checks_expire_but_not_the_selected_one() -> None:
    agent = LiteAgent(CREDENTIALS)
    agent.check(check(use_candidate=True), WIFI, 0.0)
    agent.check(check(), MOBILE, 10.0)
    assert agent.expire(39.0, 30.0) == []
    assert agent.expire(40.0, 30.0) == [MOBILE]
    assert list(agent.addresses) == [WIFI]
