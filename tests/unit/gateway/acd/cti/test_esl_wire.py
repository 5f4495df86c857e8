"""ESL on the wire: frames by their lengths; a length that is wrong ends the connection and nothing else."""

import itertools
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.acd.cti.esl import wire
from gateway.acd.cti.esl.wire import EslParser, FrameType, OutOfStep, parse_event, parse_listing, render
from gateway.base.errors import BadInput, PortFailure


def event(**fields: str) -> bytes:
    body = "".join(f"{key.replace('_', '-')}: {quote(value)}\n" for key, value in fields.items()).encode() + b"\n"
    return b"Content-Length: %d\nContent-Type: text/event-plain\n\n" % len(body) + body


def test_frames_end_where_their_length_says() -> None:
    frames = EslParser().feed(
        b"Content-Type: auth/request\n\n"
        b"Content-Type: command/reply\nReply-Text: +OK accepted\n\n"
        b"Content-Type: api/response\nContent-Length: 8\n\na\n\nb\n\n+O" + event(Event_Name="HEARTBEAT")
    )
    assert [frame.kind for frame in frames] == ["auth/request", "command/reply", "api/response", "text/event-plain"]
    assert frames[1].reply == "+OK accepted"
    assert frames[2].body == b"a\n\nb\n\n+O"


def test_values_of_events_are_decoded() -> None:
    (frame,) = EslParser().feed(event(CC_Action="agent-offering", Name="Ærø: 100 %\n!"))
    found = parse_event(frame.body)
    assert found.get("cc-action") == "agent-offering"
    assert found.get("name") == "Ærø: 100 %\n!"


def test_an_events_own_body_is_none_of_its_fields() -> None:
    assert parse_event(b"A: 1\nContent-Length: 5\n\nB: 2\n").fields == {"a": "1", "content-length": "5"}


@pytest.mark.parametrize(
    "data",
    [
        b"Content-Length: -1\n\n",
        b"Content-Length: 99999999999999\n\n",
        b"Content-Length: 1e3\n\n",
        b"Content-Length: \n\n",
        b"A: " + b"x" * (wire.MAX_HEAD_BYTES + 1),
        b"A: " + b"x" * (wire.MAX_HEAD_BYTES + 1) + b"\n\n",
    ],
    ids=["negative", "beyond reason", "no number", "empty", "no end", "too long"],
)
def test_what_has_no_end_ends_the_connection(data: bytes) -> None:
    with pytest.raises(OutOfStep):
        EslParser().feed(data)


def test_a_giant_event_is_skipped_without_being_kept() -> None:
    made = EslParser()
    size = wire.MAX_EVENT_BYTES + 1
    assert made.feed(b"Content-Length: %d\nContent-Type: text/event-plain\n\n" % size) == []
    for _ in range(size // 65_536):
        made.feed(b"x" * 65_536)
        assert len(made._buffer) == 0
    frames = made.feed(b"x" * (size % 65_536) + event(Event_Name="HEARTBEAT"))
    assert [frame.kind for frame in frames] == [FrameType.EVENT]
    assert made.overlong == 1


@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=8))
def test_how_it_is_cut_into_portions_makes_no_difference(data: bytes, cuts: list[int]) -> None:
    data = event(Event_Name="A") + data + b"\n\n" + event(Event_Name="B")
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]

    def frames(parts: list[bytes]) -> list[object]:
        made, found = EslParser(), []
        try:
            for part in parts:
                found += made.feed(part)
        except OutOfStep:
            return ["out of step"]
        return [*found, made.overlong, made.meaningless]

    assert frames([data]) == frames([data[start:end] for start, end in itertools.pairwise(places)])


def test_a_list_is_read_by_the_names_in_its_first_line() -> None:
    text = "name|status|state\n1000@default|Available|Waiting\na|name|with|bars\n\n+OK\n"
    assert parse_listing(text).rows == ({"name": "1000@default", "status": "Available", "state": "Waiting"},)
    assert parse_listing("+OK\n").rows == ()
    assert parse_listing("").rows == ()
    with pytest.raises(PortFailure, match="acd_refused"):
        parse_listing("-ERR Invalid Queue not found!\n")


@pytest.mark.parametrize("command", ["api status\n\napi shutdown", "auth a\0b", "x" * 2_000])
def test_a_command_that_would_be_two_is_not_said(command: str) -> None:
    with pytest.raises(BadInput, match="acd_value"):
        render(command)
