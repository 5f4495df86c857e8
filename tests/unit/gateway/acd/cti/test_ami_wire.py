"""AMI on the wire: whatever comes, in whatever portions, messages are whole, bounded, and the same."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.acd.cti.ami.wire import MAX_FIELDS, MAX_LINE_BYTES, AmiParser, render
from gateway.base.errors import BadInput

HELLO = b"Asterisk Call Manager/9.0.0\r\n"


def parser() -> AmiParser:
    made = AmiParser()
    made.feed(HELLO)
    return made


def test_a_message_is_its_lines_until_an_empty_one() -> None:
    (message,) = parser().feed(
        b"Event: Hangup\r\nChanVariable: __A=1=2\r\nchanvariable(PJSIP/1): B=\r\nCause:16\r\n\r\n"
    )
    assert message.event == "Hangup"
    assert message.get("cause") == "16"
    assert dict(message.variables()) == {"A": "1=2", "B": ""}
    assert message.get("nothing") == ""


def test_the_greeting_is_no_message() -> None:
    made = AmiParser()
    assert made.feed(HELLO + b"Event: A\r\n\r\n")[0].event == "A"
    assert made.greeting == "Asterisk Call Manager/9.0.0"


@pytest.mark.parametrize("rubbish", [b"x" * (MAX_LINE_BYTES + 1), b"K: " + b"y" * 3 * MAX_LINE_BYTES])
def test_an_overlong_line_takes_only_itself(rubbish: bytes) -> None:
    made = parser()
    messages = made.feed(b"Event: A\r\n" + rubbish + b"\r\nB: 1\r\n\r\nEvent: C\r\n\r\n")
    assert [(message.event, message.get("B")) for message in messages] == [("A", "1"), ("C", "")]
    assert made.overlong == 1


def test_a_message_without_end_does_not_grow_without_end() -> None:
    made = parser()
    made.feed(b"A: 1\r\n" * 10 * MAX_FIELDS)
    (message,) = made.feed(b"\r\n")
    assert len(message.fields) == MAX_FIELDS
    assert made.overlong == 9 * MAX_FIELDS


@given(st.binary(max_size=400), st.lists(st.integers(0, 400), max_size=10))
def test_how_it_is_cut_into_portions_makes_no_difference(data: bytes, cuts: list[int]) -> None:
    whole, portions = parser(), parser()
    found = []
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    for start, end in itertools.pairwise(places):
        found += portions.feed(data[start:end])
    assert found == whole.feed(data)
    assert (portions.overlong, portions.meaningless) == (whole.overlong, whole.meaningless)


@given(
    st.lists(
        st.tuples(
            st.from_regex(r"[A-Za-z][A-Za-z0-9_-]{0,20}", fullmatch=True),
            st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]), max_size=60),
        ),
        max_size=10,
    )
)
def test_what_is_rendered_is_read_again(fields: list[tuple[str, str]]) -> None:
    (message,) = parser().feed(render("Do", "7", fields))
    assert message.fields[2:] == tuple((key, value.strip(" \t\x0b\x0c")) for key, value in fields)


@pytest.mark.parametrize("value", ["a\r\nAction: Command", "a\n\nb", "a\0b", "x" * 600])
def test_a_value_that_would_end_its_line_is_not_said(value: str) -> None:
    with pytest.raises(BadInput, match="acd_value"):
        render("QueuePause", "1", [("Reason", value)])
