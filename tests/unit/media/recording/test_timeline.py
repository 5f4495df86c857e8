"""Times: wraps, jumps, stalls, drift; every packet lands near its arrival."""

import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.recording.timeline import (
    EARLY_S,
    LATEST_S,
    MAX_DRIFT,
    Line,
    Placer,
    StreamClock,
    Unwrapper,
    build,
    line_through,
    line_under,
)

RATE = 48_000


def place_all(packets: list[tuple[int, float]], reports: dict[int, float] | None = None) -> list[float]:
    """Times of packets (timestamp, arrival); reports: after packet index → NTP seconds of its timestamp."""
    clock = StreamClock(RATE)
    for index, (timestamp, at_s) in enumerate(packets):
        clock.packet(timestamp & 0xFFFFFFFF, at_s)
        if reports and index in reports:
            clock.report(reports[index], timestamp & 0xFFFFFFFF)
    placer = Placer(build([{0: clock}])[0])
    return [placer.place(timestamp & 0xFFFFFFFF, at_s) for timestamp, at_s in packets]


@given(
    packets=st.lists(
        st.tuples(st.integers(0, 2**32 - 1), st.floats(0, 100, allow_nan=False)), min_size=1, max_size=100
    ),
    reports=st.dictionaries(st.integers(0, 99), st.floats(-1e12, 1e12, allow_nan=False), max_size=10),
)
def test_whatever_the_timestamps_and_reports_say_a_packet_stays_near_its_arrival(
    packets: list[tuple[int, float]], reports: dict[int, float]
) -> None:
    packets = [(timestamp, at_s) for (timestamp, _), at_s in zip(packets, sorted(at for _, at in packets), strict=True)]
    for (_, at_s), time_s in zip(packets, place_all(packets, reports), strict=True):
        assert at_s - LATEST_S <= time_s <= at_s + EARLY_S


def test_jitter_vanishes_and_wraps_are_unnoticed() -> None:
    rng = random.Random(2)
    packets = [(2**32 - 20_000 + i * 960, 100 + i * 0.02 + rng.uniform(0, 0.05)) for i in range(500)]
    times = place_all(packets)
    assert all(b - a == pytest.approx(0.02, abs=1e-6) for a, b in itertools.pairwise(times))


def test_a_stall_that_catches_up_is_no_gap() -> None:
    """The network held packets back for 0.8 s and then gave them all: the sound was not late."""
    arrivals = [i * 0.02 if not 100 <= i < 140 else 140 * 0.02 + i * 1e-4 for i in range(300)]
    times = place_all([(i * 960, at_s) for i, at_s in enumerate(arrivals)])
    assert all(b - a == pytest.approx(0.02, abs=1e-6) for a, b in itertools.pairwise(times))


def test_a_clock_that_stood_still_is_taken_up_where_the_packets_came() -> None:
    packets = [(i * 960, i * 0.02 if i < 100 else i * 0.02 + 30.0) for i in range(200)]
    times = place_all(packets)
    assert times[100] - times[99] == pytest.approx(30.02, abs=0.001)


def test_a_late_packet_is_placed_where_it_belongs() -> None:
    packets = [(i * 960, i * 0.02) for i in range(100)]
    packets.insert(60, (10 * 960, 1.2))
    assert place_all(packets)[60] == pytest.approx(0.2, abs=0.001)


@settings(max_examples=10)
@given(drift=st.floats(-3e-4, 3e-4), delay_s=st.floats(0, 0.2))
def test_two_clocks_that_drift_are_held_together(drift: float, delay_s: float) -> None:
    """An hour in steps of half a second: the last packet is as well placed as the first."""
    packets = [(round(i * RATE / 2), 1000 + i * 0.5 * (1 + drift) + delay_s) for i in range(7200)]
    times = place_all(packets)
    errors = [time_s - at_s for (_, at_s), time_s in zip(packets, times, strict=True)]
    assert max(map(abs, errors)) < 0.003


def test_the_line_under_points_ignores_what_only_came_late() -> None:
    rng = random.Random(1)
    points = [(float(x), 5 + 1e-4 * x + rng.choice([0.0, rng.uniform(0, 2)])) for x in range(600)]
    line = line_under(points)
    assert line.slope == pytest.approx(1e-4, abs=2e-6)
    assert line.at(300.0) == pytest.approx(5.03, abs=0.002)
    assert all(line.at(x) <= y + 1e-9 for x, y in points)


def test_the_line_through_points_ignores_outliers() -> None:
    points = [(float(x), 7.0 + (50 if x % 10 == 0 else 0)) for x in range(100)]
    assert line_through(points).at(50.0) == pytest.approx(7.0, abs=0.01)
    assert line_through([(1.0, 3.0)]) == Line(3.0)


@given(points=st.lists(st.tuples(st.floats(0, 1e6), st.floats(-1e6, 1e6)), min_size=1, max_size=50))
def test_no_line_is_steeper_than_two_clocks_can_part(points: list[tuple[float, float]]) -> None:
    assert abs(line_under(points).slope) <= MAX_DRIFT
    assert abs(line_through(points).slope) <= MAX_DRIFT


@given(steps=st.lists(st.integers(0, 2**32 - 1), max_size=600))
def test_there_are_never_more_pieces_than_the_limit(steps: list[int]) -> None:
    unwrapper = Unwrapper(RATE)
    for index, timestamp in enumerate(steps):
        piece, _ = unwrapper.step(timestamp, index * 0.02)
        assert piece <= 256


def test_streams_of_one_leg_whose_clocks_disagree_are_not_forced_together() -> None:
    sound, picture = StreamClock(RATE), StreamClock(90_000)
    for i in range(200):
        sound.packet(i * 960, 50 + i * 0.02)
        picture.packet(i * 1800, 50 + i * 0.02)
    sound.report(9000.0, 0)
    picture.report(123_456.0, 0)
    placements = build([{0: sound, 1: picture}])
    for number, ticks in ((0, 960), (1, 1800)):
        placer = Placer(placements[number])
        assert [placer.place(i * ticks, 50 + i * 0.02) for i in range(3)] == pytest.approx([50, 50.02, 50.04], abs=1e-6)
