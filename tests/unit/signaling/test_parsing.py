"""Text from strangers: any of it is a message or a refusal, quickly, and never an exception of another kind."""

import time
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signaling.messages import HangUp, MenuChoice, agent_messages, customer_messages
from signaling.parsing import Unreadable, parse


def refused(text: str) -> Unreadable:
    with pytest.raises(Unreadable) as found:
        parse(customer_messages, text)
    return found.value


def test_a_message_is_read() -> None:
    assert parse(customer_messages, '{"type":"menu_choice","seq":2,"node_id":"main","key":"back"}') == MenuChoice(
        seq=2, node_id="main", key="back"
    )


@pytest.mark.parametrize(
    ("text", "code", "seq"),
    [
        ("", "bad_message", 0),
        ("null", "bad_message", 0),
        ("[]", "bad_message", 0),
        ("[" * 65_000, "bad_message", 0),
        ('{"type":' * 8_000, "bad_message", 0),
        ('{"a":[' * 10_000, "bad_message", 0),
        ('{"seq":7}', "unknown_message", 7),
        ('{"type":"set_ready","seq":8}', "unknown_message", 8),  # an agent's
        ('{"type":"from_the_future","seq":9,"x":{}}', "unknown_message", 9),
        ('{"type":"hang_up","seq":3,"more":1}', "bad_message", 3),
        ('{"type":"hang_up","seq":"3"}', "bad_message", 0),
        ('{"type":"hang_up","seq":-1}', "bad_message", 0),
        ('{"type":"hang_up","seq":3.0}', "bad_message", 0),
        ('{"type":"hang_up","seq":true}', "bad_message", 0),
        ('{"type":"hang_up","seq":' + "9" * 60_000 + "}", "bad_message", 0),
        ('{"type":"hang_up","ack":NaN,"seq":4}', "bad_message", 4),
        ('{"type":"menu_choice","seq":5,"node_id":"main","key":"12"}', "bad_message", 5),
        ('{"type":"menu_choice","seq":6,"node_id":"' + "a" * 65 + '","key":"1"}', "bad_message", 6),
        ('{"type":"leg_offer","seq":6,"generation":0,"sdp":"v=0"}', "bad_message", 6),
        ('{"type":"leg_offer","seq":6,"generation":1,"sdp":"' + "a" * 20_001 + '"}', "bad_message", 6),
        ('{"type":"quality_report","seq":6,"freezes":-1}', "bad_message", 6),
        ('{"type":"quality_report","seq":6,"freezes":1001}', "bad_message", 6),
        ('{"type":"quality_report","seq":6,"concealed":1.01}', "bad_message", 6),
        ('{"type":"quality_report","seq":6,"frames_per_s":NaN}', "bad_message", 6),
        ('{"type":"quality_report","seq":6,"frames_per_s":1e999}', "bad_message", 6),
        ('{"type":"quality_report","seq":6,"width":16385}', "bad_message", 6),
        ('{"type":"quality_report","seq":6,"limited":"moon"}', "bad_message", 6),
        ('{"type":"hang_up","seq":1} {"type":"hang_up"}', "bad_message", 0),
        ('{"type":"hang_up","seq":1,"\\ud800":1}', "bad_message", 0),
    ],
)
def test_what_is_no_message_has_a_code_and_keeps_its_number(text: str, code: str, seq: int) -> None:
    began_s = time.thread_time()  # CPU of this thread: a neighbour's work does not count
    error = refused(text)
    assert (error.code, error.seq) == (code, seq)
    assert time.thread_time() - began_s < 1


def test_nothing_of_what_was_sent_is_said_back() -> None:
    for text in (
        '{"type":"hang_up","secret-word":1}',
        '{"type":"secret-word"}',
        '{"type":"menu_choice","node_id":"secret-word"}',
    ):
        assert "secret-word" not in refused(text).detail


@settings(deadline=None)  # a busy machine is no counter-example
@given(
    st.text(max_size=300)
    | st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=9), st.lists).map(repr)
)
def test_any_text_is_a_message_or_a_refusal(text: str) -> None:
    for adapter in (customer_messages, agent_messages):
        with suppress(Unreadable):
            assert parse(adapter, text).seq >= 0


def test_a_number_twice_counts_the_last() -> None:
    assert parse(customer_messages, '{"type":"ack","type":"hang_up","seq":1,"seq":2}') == HangUp(seq=2)
