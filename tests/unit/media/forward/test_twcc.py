"""Transport-wide feedback as bytes."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.forward import rtcp, twcc
from media.forward.rtcp import MalformedRtcp

ARRIVALS = st.lists(st.none() | st.floats(1000.0, 1007.0), min_size=1, max_size=200).filter(any)


def read_back(packet: bytes) -> twcc.TransportFeedback:
    (item,) = rtcp.parse(packet, len(packet))
    assert isinstance(item, rtcp.Transport)
    return twcc.read(item.body, 0, len(item.body))


@given(st.integers(0, 0xFFFF), ARRIVALS)
def test_what_is_written_is_read_back(base: int, arrivals_s: list[float | None]) -> None:
    packet, told = twcc.write(1, 2, base, arrivals_s, 7)
    feedback = read_back(packet)
    assert len(packet) % 4 == 0
    assert feedback.base == base
    assert len(feedback.ticks) == told == max(i for i, each in enumerate(arrivals_s) if each is not None) + 1
    for arrival_s, tick in zip(arrivals_s, feedback.ticks, strict=False):
        assert (arrival_s is None) == (tick == twcc.LOST)
        if arrival_s is not None:
            assert tick * twcc.TICK_S == pytest.approx(arrival_s, abs=twcc.TICK_S)


def test_arrivals_too_far_apart_for_one_feedback_are_told_in_part() -> None:
    packet, told = twcc.write(1, 2, 10, [1000.0, 1001.0, 1020.0, 1020.1], 0)
    assert told == len(read_back(packet).ticks) == 2


def test_padding_of_less_than_a_word_is_accepted() -> None:
    """Browsers pad a feedback to whole words and say so in the padding bit."""
    body = struct.pack("!II", 1, 2) + struct.pack("!HHI", 5, 1, 3 << 8) + struct.pack("!HB", 1 << 13 | 1, 9) + b"\x01"
    feedback = read_back(struct.pack("!BBH", 0xA0 | 15, 205, len(body) // 4) + body)
    assert feedback == twcc.TransportFeedback(5, (3 * 256 + 9,))


@given(st.binary(max_size=80))
def test_any_bytes_are_a_feedback_or_malformed(body: bytes) -> None:
    try:
        feedback = twcc.read(body, 0, len(body))
    except MalformedRtcp:
        return
    assert 0 < len(feedback.ticks) <= twcc.MAX_PACKETS
    assert all(tick >= 0 or tick == twcc.LOST for tick in feedback.ticks)


@pytest.mark.parametrize(
    "body",
    [
        struct.pack("!HHI", 1, 0, 0),
        struct.pack("!HHI", 1, 0xFFFF, 0) + b"\x1f\xff" * 9,
        struct.pack("!HHI", 1, 5, 0),
        struct.pack("!HHI", 1, 5, 0) + b"\x00\x00\x00\x00",
        struct.pack("!HHI", 1, 2, 0) + b"\x20\x02\x01",
        struct.pack("!HHI", 1, 2, 0) + b"\x40\x02\x01\x01\x01",
        struct.pack("!HHI", 1, 2, 0) + b"\x60\x02\x01\x01\x01\x01",
    ],
    ids=["of nothing", "of too much", "no chunks", "an empty run", "no delta", "half a delta", "a reserved status"],
)
def test_what_breaks_its_own_lengths_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedRtcp):
        twcc.read(body, 0, len(body))
