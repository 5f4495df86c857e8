"""Everything the port can say crosses the border unchanged; nothing else crosses it."""

import asyncio
import dataclasses
import enum
import json
import math
import struct
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.engine import EngineSettings
from media.port import Clip, Command, DialVoice, LegClosed, MediaEvent, SetSource, Silence, VoiceTrunk
from media.workers import wire
from media.workers.codec import Codec, NotOurs


def values(hint: Any) -> st.SearchStrategy[Any]:
    """Any value of a type, made from its hints: a new field or event of the port is tried without a word here."""
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return st.builds(hint, **{name: values(each) for name, each in get_type_hints(hint).items()})
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return st.sampled_from(hint)
    if get_origin(hint) is dict:
        return st.dictionaries(st.text(max_size=5), values(get_args(hint)[1]), max_size=2)
    if get_origin(hint) is tuple and get_args(hint)[-1] is not Ellipsis:
        return st.tuples(*(values(each) for each in get_args(hint)))
    if get_origin(hint) is tuple:
        return st.lists(values(get_args(hint)[0]), max_size=2).map(tuple)
    if get_args(hint):
        return st.one_of(*(values(each) for each in get_args(hint)))
    return {
        str: st.text(max_size=20),
        int: st.integers(-(2**63), 2**63 - 1),
        float: st.floats(allow_nan=False, allow_infinity=False),
        bool: st.booleans(),
        Path: st.just(Path("/clips")),
        type(None): st.none(),
    }[hint]


MESSAGES = [*get_args(wire.ToWorker), *get_args(wire.FromWorker)]
CODEC = Codec(MESSAGES)


def raw(value: object) -> dict[str, Any]:
    written: dict[str, Any] = json.loads(CODEC.dumps(value))
    return written


@pytest.mark.parametrize("kind", MESSAGES, ids=lambda kind: kind.__name__)
def test_every_message_with_every_command_and_event_comes_out_as_it_went_in(kind: type) -> None:
    @given(values(kind))
    def holds(message: object) -> None:
        assert CODEC.loads(CODEC.dumps(message)) == message

    holds()


def test_all_of_the_port_is_in_the_table() -> None:
    for cls in (*get_args(Command), *get_args(MediaEvent)):
        assert cls in CODEC._of_class


def test_sources_are_told_apart_by_name() -> None:
    for source in (Silence(), Clip(name="hold")):
        order = wire.Do(number=1, command=SetSource(leg_id="lg_1", source=source))
        assert CODEC.loads(CODEC.dumps(order)) == order


CLOSED = raw(wire.Happened(event=LegClosed(leg_id="lg_1", reason="bye", at_s=1.0)))


@pytest.mark.parametrize(
    "damage",
    [
        {"type": "OSError"},
        {"type": ["Happened"]},
        {"more": 1},
        {"event": None},
        {"event": CLOSED["event"] | {"at_s": "1"}},
        {"event": CLOSED["event"] | {"at_s": True}},
        {"event": CLOSED["event"] | {"at_s": 10**400}},
        {"event": CLOSED["event"] | {"reason": 5}},
        {"event": CLOSED["event"] | {"reason": "\ud800"}},
        {"event": {key: each for key, each in CLOSED["event"].items() if key != "reason"}},
        {"event": CLOSED["event"] | {"type": "OpenLeg"}},
        {"event": CLOSED["event"] | {"type": "LegFirstMedia"}},
        {"event": [CLOSED["event"]]},
    ],
)
def test_what_is_not_exactly_a_value_of_the_table_is_refused(damage: dict[str, Any]) -> None:
    with pytest.raises(NotOurs):
        CODEC.loads(json.dumps(CLOSED | damage).encode())


@pytest.mark.parametrize(
    "data", [b"", b"{", b"null", b"5", b"[" * 100_000, b"\xff\xfe", b"9" * 5000, b'{"type":"Ping","number":NaN}']
)
def test_what_is_no_json_is_refused(data: bytes) -> None:
    with pytest.raises(NotOurs):
        CODEC.loads(data)


@given(st.binary(max_size=200))
def test_no_bytes_at_all_raise_anything_else(data: bytes) -> None:
    with pytest.raises(NotOurs):
        CODEC.loads(data)


@pytest.mark.parametrize("row", [["X-A"], ["X-A", "1", "2"], "X-A", ["X-A", 1]])
def test_a_row_of_another_length_or_type_is_refused(row: object) -> None:
    trunk = VoiceTrunk(name="t", from_uri="sip:a@b")
    dial = DialVoice(leg_id="lg_1", to_uri="sip:q@acd", trunk=trunk, headers=(("X-A", "1"),))
    order = raw(wire.Do(number=1, command=dial))
    assert CODEC.loads(json.dumps(order).encode()).command == dial
    order["command"]["headers"] = [row]
    with pytest.raises(NotOurs):
        CODEC.loads(json.dumps(order).encode())


def test_infinite_numbers_are_not_written() -> None:
    with pytest.raises(ValueError, match="JSON"):
        CODEC.dumps(wire.Happened(event=LegClosed(leg_id="", reason="", at_s=math.inf)))


def test_a_type_without_a_safe_form_is_an_error_when_the_table_is_made() -> None:
    @dataclasses.dataclass
    class Unsafe:
        thing: object

    with pytest.raises(TypeError, match="no safe form"):
        Codec([Unsafe])


def test_the_fingerprint_is_of_fields_and_of_what_is_in_them() -> None:
    begin, event = Codec([wire.Begin]), Codec([wire.Happened])
    assert begin.fingerprint != event.fingerprint
    assert begin.fingerprint == Codec([wire.Begin]).fingerprint
    assert any(shape.startswith("KindQuality:") for shape in event._shapes)
    assert any(shape.startswith(EngineSettings.__name__) for shape in begin._shapes)


# ---------------------------------------------------------------- frames


async def read(data: bytes) -> wire.FromWorker:
    reader = asyncio.StreamReader()
    reader.feed_data(data)
    reader.feed_eof()
    return await wire.read_from_worker(reader)


async def test_a_frame_that_is_too_large_or_empty_is_refused_before_it_is_read() -> None:
    for length in (0, wire.MAX_FRAME_BYTES + 1, 0xFFFFFFFF):
        with pytest.raises(NotOurs):
            await read(struct.pack("!I", length))


async def test_a_pipe_that_ends_anywhere_is_the_end() -> None:
    frame = wire.frame_from_worker(wire.Done(number=1, reply=None))
    assert await read(frame) == wire.Done(number=1, reply=None)
    for length in range(len(frame)):
        with pytest.raises(EOFError):
            await read(frame[:length])


def test_too_large_a_frame_is_not_sent() -> None:
    with pytest.raises(ValueError, match="at most"):
        wire.frame_from_worker(wire.Refused(number=1, code="x", detail="y" * wire.MAX_FRAME_BYTES))
