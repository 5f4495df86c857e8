"""What a sender is told of its packets."""

import struct

from hypothesis import given
from hypothesis import strategies as st

from media.forward.arrivals import INTERVAL_S, Arrivals
from tests.unit.media.forward.rig import NOW_S


class Told:
    """Stands for the control channel: keeps by extended number when each packet was told to have come."""

    def __init__(self) -> None:
        self.feedbacks: list[tuple[int, list[float | None], int]] = []
        self.arrivals = Arrivals(3, self.send)

    def send(self, base: int, arrivals_s: list[float | None], count: int) -> int:
        self.feedbacks.append((base, list(arrivals_s), count))
        return len(arrivals_s)

    def come(self, number: int, at_s: float, *, before: bytes = b"") -> None:
        block = before + b"\x31" + struct.pack("!H", number & 0xFFFF)
        block += bytes(-len(block) % 4)
        packet = bytearray(struct.pack("!BBHIIHH", 0x90, 96, 1, 2, 3, 0xBEDE, len(block) // 4) + block + bytes(50))
        self.arrivals.note(packet, len(packet), at_s)

    @property
    def times(self) -> dict[int, float | None]:
        found: dict[int, float | None] = {}
        for base, arrivals_s, _ in self.feedbacks:
            for number, at_s in enumerate(arrivals_s, base):
                found[number] = found.get(number) or at_s
        return found


def test_a_feedback_every_tenth_of_a_second_tells_what_came_and_what_did_not() -> None:
    told = Told()
    for number in range(41):
        if number % 10 != 7:
            told.come(1000 + number, NOW_S + number * 0.01)
    told.arrivals.flush(NOW_S + 1)
    assert 4 <= len(told.feedbacks) <= 6
    assert [count for _, _, count in told.feedbacks] == list(range(len(told.feedbacks)))
    assert sorted(told.times) == list(range(1000, 1041))
    assert {number - 1000 for number, at_s in told.times.items() if at_s is None} == {7, 17, 27, 37}


def test_a_late_packet_is_told_after_all() -> None:
    told = Told()
    for number in (1, 2, 4, 5):
        told.come(number, NOW_S)
    told.arrivals.flush(NOW_S + INTERVAL_S)
    told.come(3, NOW_S + 0.15)
    told.arrivals.flush(NOW_S + 0.2)
    base, arrivals_s, _ = told.feedbacks[-1]
    assert (base, arrivals_s) == (3, [NOW_S + 0.15, NOW_S, NOW_S])


def test_the_number_is_found_wherever_it_is_in_the_block() -> None:
    told = Told()
    told.come(9, NOW_S, before=b"\x40\x31\x00")
    told.come(10, NOW_S, before=b"\x22\x01\x02\x03")
    told.arrivals.flush(NOW_S + 1)
    assert sorted(told.times) == [9, 10]


def test_a_packet_without_the_number_is_not_told_of() -> None:
    told = Told()
    packet = bytearray(struct.pack("!BBHIIHH", 0x90, 96, 1, 2, 3, 0xBEDE, 1) + b"\x40\x31\x00\x00" + bytes(50))
    told.arrivals.note(packet, len(packet), NOW_S)
    told.arrivals.flush(NOW_S + 1)
    assert told.feedbacks == []


@given(st.lists(st.tuples(st.integers(0, 0xFFFF), st.floats(0, 0.3)), max_size=60))
def test_whatever_numbers_come_each_feedback_is_bounded_and_tells_of_something(steps: list[tuple[int, float]]) -> None:
    told, at_s = Told(), NOW_S
    for number, elapsed_s in steps:
        at_s += elapsed_s
        told.come(number, at_s)
    told.arrivals.flush(at_s + 1)
    for base, arrivals_s, count in told.feedbacks:
        assert 0 <= base <= 0xFFFF
        assert 0 <= count <= 0xFF
        assert 0 < len(arrivals_s) <= 2100
        assert any(each is not None for each in arrivals_s)
