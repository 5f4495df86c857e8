"""The order and time of packets towards a telephone: loss, lateness, jitter, drifting clocks, floods."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.voice.playout import (
    KEEP_S,
    MAX_AHEAD_S,
    MAX_CONCEALED,
    MAX_PACKETS,
    MAX_STRETCH,
    START_S,
    Kind,
    Playout,
    Step,
)

FRAME_S = 0.02
TICK_S = 0.01


class Line:
    """A telephone line that pulls sound at the pace of its own clock: what it was given, in order."""

    def __init__(self) -> None:
        self.playout = Playout()
        self.steps: list[Step] = []
        self.delays_s: list[float] = []
        self.now_s = 0.0
        self._ready_s = 0.0
        self._arrived: dict[bytes, float] = {}

    def put(self, number: int, at_s: float) -> None:
        payload = b"%d" % number
        self._arrived[payload] = at_s
        self.playout.put(number & 0xFFFF, payload, FRAME_S, at_s)

    def run(self, until_s: float) -> None:
        """Pull 10 ms every 10 ms until then."""
        while self.now_s < until_s:
            while self._ready_s < TICK_S - 1e-9:
                self._ready_s += self._take(self.playout.next_step(self.now_s))
            self._ready_s -= TICK_S
            self.now_s += TICK_S

    def _take(self, step: Step) -> float:
        self.steps.append(step)
        if step.kind is Kind.PACKET:
            self.delays_s.append(self.now_s - self._arrived[step.payload])
            return FRAME_S * (1 + step.stretch)
        return {Kind.CONCEAL: FRAME_S, Kind.WAIT: TICK_S, Kind.NOTHING: TICK_S}[step.kind]

    @property
    def played(self) -> list[int]:
        return [int(step.payload) for step in self.steps if step.kind is Kind.PACKET]

    def speak(self, packets: list[tuple[int, float]]) -> None:
        """Packets (number, arrival), each when it comes."""
        for number, at_s in sorted(packets, key=lambda each: each[1]):
            self.run(at_s)
            self.put(number, at_s)


def test_packets_in_time_are_played_once_in_order_and_soon() -> None:
    line = Line()
    line.speak([(number, 1 + number * FRAME_S) for number in range(200)])
    assert line.played == list(range(len(line.played)))
    assert len(line.played) > 195
    assert not line.playout.counters.concealed
    assert max(line.delays_s) <= START_S + TICK_S


def test_reordered_packets_are_put_in_order() -> None:
    line = Line()
    line.put(0, 0.0)
    line.put(2, 0.001)
    line.put(1, 0.002)
    line.run(0.1)
    assert line.played == [0, 1, 2]


def test_a_lost_packet_is_made_up_once_and_the_rest_keeps_its_time() -> None:
    line = Line()
    line.speak([(number, 1 + number * FRAME_S) for number in range(100) if number != 50])
    kinds = [step.kind for step in line.steps]
    made_up = sum(kind in (Kind.CONCEAL, Kind.WAIT) for kind in kinds[kinds.index(Kind.PACKET) :])
    assert 1 <= made_up <= 3
    assert line.played == [number for number in range(len(line.played) + 1) if number != 50]


def test_a_burst_of_loss_is_made_up_for_a_while_and_then_skipped() -> None:
    line = Line()
    line.put(0, 0.0)
    line.run(0.05)
    line.put(1 + MAX_CONCEALED + 20, 0.05)
    line.run(0.4)
    concealed = [step for step in line.steps if step.kind is Kind.CONCEAL]
    assert len(concealed) <= MAX_CONCEALED
    assert line.played == [0, 21 + MAX_CONCEALED]


def test_when_nothing_comes_any_more_nothing_is_said_after_a_tenth_of_a_second() -> None:
    line = Line()
    line.speak([(number, number * FRAME_S) for number in range(10)])
    line.run(1.0)
    assert line.steps[-1].kind is Kind.NOTHING
    assert line.playout.counters.waited == 2 * MAX_CONCEALED
    line.put(10, line.now_s)  # and goes on from where it comes again
    line.run(line.now_s + 0.1)
    assert line.played[-1] == 10
    begun = next(step for step in line.steps if step.payload == b"10")
    assert not begun.joined


@pytest.mark.parametrize("ppm", [-200, 200, 3000])
def test_a_drifting_clock_is_followed_without_growing_delay_or_loss(ppm: int) -> None:
    """Four minutes of a browser whose clock is fast or slow: nothing is thrown away and the delay stays what it is."""
    line = Line()
    packets = 12_000
    line.speak([(number, 1 + number * FRAME_S / (1 + ppm / 1e6)) for number in range(packets)])
    counters = line.playout.counters
    assert counters.left_out == 0
    assert counters.late == 0
    assert counters.waited <= 4
    assert counters.played > packets - 10
    assert max(line.delays_s[100:]) < 0.04
    assert len(line.played) == len(set(line.played))


def test_jitter_is_given_its_allowance_and_taken_back_when_it_is_over() -> None:
    random = Random(1)
    line = Line()
    calm = [(number, 1 + number * FRAME_S) for number in range(500)]
    rough = [(number, 1 + number * FRAME_S + random.uniform(0, 0.06)) for number in range(500, 1500)]
    calm_again = [(number, 1 + number * FRAME_S) for number in range(1500, 3000)]
    line.speak(calm + rough + calm_again)
    counters = line.playout.counters
    assert counters.late + counters.concealed < 15, "after the first surprises it waits long enough"
    assert max(line.delays_s[-200:]) < 0.03, "and not longer than it must when the network is calm again"


def test_what_a_network_held_back_is_left_out_down_to_a_little() -> None:
    line = Line()
    line.speak([(number, number * FRAME_S) for number in range(50)])
    line.run(1.6)
    for number in range(50, 80):
        line.put(number, 1.6)
    assert line.playout.waiting_s <= MAX_AHEAD_S
    line.run(1.6 + KEEP_S + 0.1)
    assert line.played[-1] == 79
    assert line.playout.counters.left_out > 15


def test_a_flood_is_bounded() -> None:
    playout = Playout()
    for number in range(100_000):
        playout.put(number * 7 & 0xFFFF, b"x", 0.0025, number * 1e-5)
        assert playout.waiting_s <= MAX_AHEAD_S
        assert len(playout._packets) <= MAX_PACKETS


def test_another_stream_begins_anew() -> None:
    line = Line()
    line.speak([(number, number * FRAME_S) for number in range(10)])
    line.speak([(number, number * FRAME_S - 30_000 * FRAME_S + 0.2) for number in range(30_000, 30_010)])
    line.run(0.6)
    assert line.played[-10:] == list(range(30_000, 30_010))


def test_numbers_wrap() -> None:
    line = Line()
    line.speak([(65_500 + number, 1 + number * FRAME_S) for number in range(100)])
    line.run(4)
    assert line.played == list(range(65_500, 65_600))


@given(
    st.lists(st.tuples(st.integers(0, 0xFFFF), st.sampled_from([0.0025, 0.01, 0.02, 0.06, 0.12])), max_size=80),
    st.lists(st.floats(0, 0.2), min_size=80, max_size=80),
)
def test_whatever_comes_each_packet_is_played_at_most_once_and_little_waits(
    packets: list[tuple[int, float]], gaps_s: list[float]
) -> None:
    playout = Playout()
    now_s, played = 0.0, 0
    for (number, length_s), gap_s in zip(packets, gaps_s, strict=False):
        playout.put(number, b"x", length_s, now_s)
        now_s += gap_s
        step = playout.next_step(now_s)
        assert abs(step.stretch) <= MAX_STRETCH
        played += step.kind is Kind.PACKET
        assert -1e-9 <= playout.waiting_s <= MAX_AHEAD_S + 0.12
    assert played <= len(packets)
