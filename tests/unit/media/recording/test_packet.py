"""Packets back in order: whatever arrives, each is delivered once, in sequence, and holes are counted."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from media.recording.packet import START_S, WINDOW_PACKETS, WINDOW_S, Packet, Reorder, parse_packet
from tests.support.captures import rtp


def packet(sequence: int, at_s: float = 0.0) -> Packet:
    return Packet(sequence & 0xFFFF, 0, 1, False, b"x", at_s)


def run(reorder: Reorder, packets: list[Packet]) -> list[tuple[int, bool]]:
    out = [(item.packet.sequence, item.broken) for each in packets for item in reorder.push(each)]
    return out + [(item.packet.sequence, item.broken) for item in reorder.flush()]


@given(data=st.binary(max_size=80))
def test_any_bytes_are_a_packet_or_none(data: bytes) -> None:
    parsed = parse_packet(data, 1.0)
    assert parsed is None or len(parsed.payload) <= len(data)


@given(
    payload=st.binary(max_size=50),
    sources=st.integers(0, 15),
    extension=st.one_of(st.none(), st.integers(0, 5)),
    padding=st.integers(0, 20),
)
def test_header_extension_sources_and_padding_are_left_out(
    payload: bytes, sources: int, extension: int | None, padding: int
) -> None:
    plain = rtp(96, 7, 9, 11, b"", marker=True)
    first = 0x80 | sources | (0x10 if extension is not None else 0) | (0x20 if padding else 0)
    data = bytes((first,)) + plain[1:] + bytes(4 * sources)
    if extension is not None:
        data += b"\xbe\xde" + extension.to_bytes(2, "big") + bytes(4 * extension)
    data += payload + (bytes(padding - 1) + bytes((padding,)) if padding else b"")
    parsed = parse_packet(data, 1.0)
    assert parsed is not None
    assert (parsed.payload, parsed.sequence, parsed.timestamp, parsed.ssrc, parsed.marker) == (payload, 7, 9, 11, True)


@given(start=st.integers(0, 65535), order=st.permutations(range(12)))
def test_packets_in_any_order_come_out_in_sequence_across_the_wrap(start: int, order: list[int]) -> None:
    reorder = Reorder()
    got = run(reorder, [packet(start + i, 0.001 * n) for n, i in enumerate(order)])
    assert [sequence for sequence, _ in got] == [(start + i) & 0xFFFF for i in range(12)]
    assert not any(broken for _, broken in got)
    assert reorder.lost == 0


@given(
    arrivals=st.lists(st.tuples(st.integers(0, 65535), st.floats(0, 0.5, allow_nan=False)), min_size=1, max_size=200)
)
def test_no_packet_comes_out_twice_and_memory_stays_bounded(arrivals: list[tuple[int, float]]) -> None:
    reorder, at_s, delivered = Reorder(), 0.0, 0
    for sequence, step_s in arrivals:
        at_s += step_s
        delivered += sum(1 for _ in reorder.push(packet(sequence, at_s)))
        assert len(reorder._held) <= WINDOW_PACKETS
    delivered += sum(1 for _ in reorder.flush())
    assert delivered + reorder.discarded == len(arrivals)


def test_a_hole_is_given_up_after_the_window_and_counted() -> None:
    reorder = Reorder()
    before = [packet(i, i * 0.02) for i in range(20)]
    after = [packet(i, i * 0.02) for i in range(23, 23 + int(WINDOW_S / 0.02) + 20)]
    got = [(item.packet.sequence, item.broken) for each in before + after for item in reorder.push(each)]
    assert [sequence for sequence, broken in got if broken] == [23]
    assert [sequence for sequence, _ in got[:21]] == [*range(20), 23]
    assert reorder.lost == 3


def test_a_packet_that_comes_after_its_hole_was_given_up_is_discarded() -> None:
    reorder = Reorder()
    got = run(reorder, [packet(0), packet(2, START_S + 0.1), packet(3, WINDOW_S + 1), packet(1, WINDOW_S + 1.1)])
    assert [sequence for sequence, _ in got] == [0, 2, 3]
    assert (reorder.lost, reorder.discarded) == (1, 1)


def test_one_stray_packet_is_no_restart_but_two_are() -> None:
    reorder = Reorder()
    steady = [packet(i, i * 0.02) for i in range(30)]
    got = run(reorder, [*steady, packet(40_000, 0.6), *[packet(i, i * 0.02) for i in range(30, 40)]])
    assert [sequence for sequence, _ in got] == list(range(40))
    assert reorder.lost == 0

    reorder = Reorder()
    restarted = [packet(40_000 + i, 0.6 + i * 0.02) for i in range(30)]
    got = run(reorder, [*steady, *restarted])
    assert [sequence for sequence, _ in got] == [*range(30), *range(40_001, 40_030)]
    assert [sequence for sequence, broken in got if broken] == [40_001]


def test_nothing_is_lost_across_an_interruption() -> None:
    reorder = Reorder()
    first = [item for i in range(5) for item in reorder.push(packet(i, i * 0.02))]
    first += reorder.interrupt()
    second = [item for i in range(5) for item in reorder.push(packet(30_000 + i, 60 + i * 0.1))]
    second += reorder.flush()
    assert [item.packet.sequence for item in first] == list(range(5))
    assert [(item.packet.sequence, item.broken) for item in second] == [
        (30_000 + i, broken)
        for i, broken in zip(range(5), itertools.chain([True], itertools.repeat(False)), strict=False)
    ]
    assert reorder.lost == 0
