"""An ACK that was lost is sent again for every 200 that comes again, and for nothing else."""

import socket
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.voice.acks import MAX_AGAIN, MAX_REMEMBERED, Acks


@pytest.fixture
def switch() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind(("127.0.0.1", 0))
        peer.settimeout(30)
        yield peer


def ack(switch: socket.socket, *, call: str = "abc", sequence: int = 7) -> str:
    return (
        f"TX UDP 127.0.0.1:5060 -> 127.0.0.1:{switch.getsockname()[1]}\n"
        f"ACK sip:queue@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9\r\nCall-ID: {call}\r\n"
        f"CSeq: {sequence} ACK\r\nContent-Length: 0\r\n\r\n"
    )


def answer(*, call: str = "abc", sequence: int = 7, status: int = 200, method: str = "INVITE") -> str:
    return (
        "RX UDP 127.0.0.1:5070 -> 127.0.0.1:5060\n"
        f"SIP/2.0 {status} OK\r\nCall-ID: {call}\r\nCSeq: {sequence} {method}\r\n\r\nv=0\r\n"
    )


def test_an_answer_that_comes_again_is_acknowledged_again_word_for_word(switch: socket.socket) -> None:
    acks = Acks()
    acks.traced(answer())  # the first: the stack acknowledges it itself
    acks.traced(ack(switch))
    assert acks.repeated == 0
    acks.traced(answer())
    assert switch.recv(2000).decode() == ack(switch).partition("\n")[2]


@pytest.mark.parametrize(
    "message",
    [
        answer(call="other"),
        answer(sequence=8),  # of a re-INVITE
        answer(status=180),
        answer(status=486),
        answer(method="BYE"),
    ],
    ids=["another call", "another INVITE", "ringing", "a refusal", "a BYE"],
)
def test_nothing_else_is_acknowledged(switch: socket.socket, message: str) -> None:
    acks = Acks()
    acks.traced(ack(switch))
    acks.traced(message)
    assert acks.repeated == 0


def test_a_switch_that_never_stops_is_answered_so_often_and_no_more(switch: socket.socket) -> None:
    acks = Acks()
    acks.traced(ack(switch))
    for _ in range(100):
        acks.traced(answer())
    assert acks.repeated == MAX_AGAIN


def test_only_the_calls_answered_last_are_remembered(switch: socket.socket) -> None:
    acks = Acks()
    for number in range(MAX_REMEMBERED + 1):
        acks.traced(ack(switch, call=f"c{number}"))
    acks.traced(answer(call="c0"))
    assert acks.repeated == 0
    acks.traced(answer(call="c1"))
    assert acks.repeated == 1


def test_what_left_over_tcp_can_not_be_lost(switch: socket.socket) -> None:
    acks = Acks()
    acks.traced(ack(switch).replace("TX UDP", "TX TCP"))
    acks.traced(answer())
    assert acks.repeated == 0


@given(st.text())
def test_any_text_is_read_or_passed_over(text: str) -> None:
    acks = Acks()
    for start in ("", "TX UDP 127.0.0.1:1 -> 127.0.0.1:2\nACK ", "RX UDP a -> b\nSIP/2.0 200 "):
        acks.traced(start + text)
    assert acks.repeated == 0
