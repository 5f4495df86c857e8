"""The controlling agent of robots: checks, nomination, consent."""

from itertools import count

from media.transport.controlling import ControllingAgent
from media.transport.ice import IceCredentials, LiteAgent
from media.transport.stun import Address, StunMessage, binding_error, binding_request, parse
from media.transport.timers import TransportTimers

SERVER = IceCredentials(local_ufrag="server", local_password=b"server-pw", remote_ufrag="robot", remote_password=b"pw")
ROBOT = IceCredentials(local_ufrag="robot", local_password=b"pw", remote_ufrag="server", remote_password=b"server-pw")
NEAR, FAR = ("192.0.2.1", 1), ("192.0.2.2", 2)
OWN = ("198.51.100.1", 3)


def agent(*candidates: Address) -> ControllingAgent:
    ids = count()
    return ControllingAgent(
        ROBOT,
        candidates or (NEAR, FAR),
        tie_breaker=1,
        new_transaction_id=lambda: next(ids).to_bytes(12, "big"),
        timers=TransportTimers(),
        now_s=0.0,
    )


def read(data: bytes) -> StunMessage:
    message = parse(data)
    assert isinstance(message, StunMessage)
    return message


def answer(request: bytes, password: bytes = b"server-pw") -> StunMessage:
    credentials = IceCredentials(
        local_ufrag="server", local_password=b"server-pw", remote_ufrag="robot", remote_password=b""
    )
    verdict = LiteAgent(credentials).check(read(request), OWN, 0.0)
    response = read(verdict.response)
    assert response.verify(b"server-pw")
    if password != b"server-pw":
        return read(binding_error(read(request), 400, "Bad", password))
    return response


def test_all_candidates_are_checked_until_one_answers() -> None:
    robot = agent()
    assert [address for _, address in robot.due(0.0)] == [NEAR, FAR]
    assert robot.due(0.01) == []
    assert [address for _, address in robot.due(0.05)] == [NEAR, FAR]
    assert robot.due(0.1) == [], "the pause grows"
    assert len(robot.due(0.16)) == 2


def test_first_that_answers_is_nominated_by_a_second_check() -> None:
    robot = agent()
    checks = robot.due(0.0)
    assert not any(read(data).use_candidate for data, _ in checks)
    outcome = robot.on_message(answer(checks[1][0]), FAR, 0.1)
    assert outcome.valid
    assert not outcome.selected
    assert outcome.round_trip_s == 0.1
    assert robot.on_message(answer(checks[0][0]), NEAR, 0.1).valid, "late, but no second nomination"
    ((nomination, address),) = robot.due(0.1)
    assert address == FAR
    assert read(nomination).use_candidate
    assert robot.on_message(answer(nomination), FAR, 0.2).selected
    assert robot.selected == FAR
    assert robot.last_consent_s == 0.2


def nominated() -> ControllingAgent:
    robot = agent(NEAR)
    for now_s in (0.0, 0.1):
        ((data, address),) = robot.due(now_s)
        robot.on_message(answer(data), address, now_s)
    assert robot.selected == NEAR
    return robot


def test_consent_is_checked_again_and_again() -> None:
    robot = nominated()
    assert robot.due(4.0) == []
    for now_s in (4.2, 8.3, 12.4):
        ((data, address),) = robot.due(now_s)
        assert read(data).use_candidate
        assert robot.on_message(answer(data), address, now_s + 0.1).selected
        assert robot.last_consent_s == now_s + 0.1


def test_new_network_is_nominated_at_once() -> None:
    robot = nominated()
    robot.network_changed(1.0)
    ((_, address),) = robot.due(1.0)
    assert address == NEAR
    assert robot.due(1.06), "and soon again, should it be lost"


def test_answers_that_prove_nothing_are_dropped() -> None:
    robot = agent(NEAR)
    ((data, _),) = robot.due(0.0)
    right = answer(data)
    assert robot.on_message(right, FAR, 0.1).dropped == "stun_response", "from another address than asked"
    assert robot.on_message(answer(data, b"wrong"), NEAR, 0.1).dropped == "stun_response"
    stale = answer(binding_request(bytes(range(12)), "server:robot", b"server-pw", priority=1, tie_breaker=1))
    assert robot.on_message(stale, NEAR, 0.1).dropped == "stun_response"
    assert robot.on_message(right, NEAR, 0.1).valid
    assert robot.on_message(right, NEAR, 0.1).dropped == "stun_response", "each answer counts once"


def test_error_answer_is_counted() -> None:
    robot = agent(NEAR)
    ((data, _),) = robot.due(0.0)
    refusal = read(binding_error(read(data), 487, "Role Conflict", b"server-pw"))
    assert robot.on_message(refusal, NEAR, 0.1).dropped == "stun_error"


def test_unanswered_checks_are_bounded() -> None:
    robot = agent(NEAR)
    for now_s in range(200):
        robot.due(float(now_s))
    assert len(robot._outstanding) == 64


def test_checks_of_the_other_side_are_answered_when_valid() -> None:
    robot = nominated()
    good = read(binding_request(bytes(12), "robot:server", b"pw", priority=1, tie_breaker=1, controlling=False))
    assert read(robot.on_message(good, NEAR, 1.0).response).mapped == NEAR
    bad = read(binding_request(bytes(12), "robot:server", b"no", priority=1, tie_breaker=1, controlling=False))
    assert robot.on_message(bad, NEAR, 1.0).dropped == "stun_integrity"
