"""Completeness and gaps: exact arithmetic over intervals."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.recording.coverage import Coverage, completeness, merged, overlap_s, without

_intervals = st.lists(
    st.tuples(st.integers(0, 60), st.integers(0, 60)).map(lambda pair: (float(min(pair)), float(max(pair)))),
    max_size=12,
)


def seconds(intervals: list[tuple[float, float]]) -> set[int]:
    return {second for start, end in intervals for second in range(int(start), int(end))}


@given(one=_intervals, other=_intervals)
def test_intervals_behave_as_the_sets_of_their_seconds(
    one: list[tuple[float, float]], other: list[tuple[float, float]]
) -> None:
    assert seconds(merged(one)) == seconds(one)
    assert seconds(without(one, other)) == seconds(one) - seconds(other)
    assert overlap_s(merged(one), merged(other)) == len(seconds(one) & seconds(other))


def test_sound_without_loss_is_covered_however_long_the_silence() -> None:
    coverage = Coverage("audio")
    for time_s in (0.0, 0.02, 0.04, 5.0, 5.02):
        coverage.frame(time_s, 0.02, whole_since_last=True)
    assert coverage.intervals() == [(0.0, pytest.approx(5.04))]
    assert coverage.gaps == [(pytest.approx(0.06), 5.0)]


def test_what_was_lost_is_not_covered() -> None:
    coverage = Coverage("audio")
    coverage.frame(0.0, 0.02, whole_since_last=True)
    coverage.frame(0.06, 0.02, whole_since_last=False)
    assert coverage.intervals() == [(0.0, 0.02), (0.06, 0.08)]


def test_a_picture_lasts_as_long_as_the_one_before() -> None:
    coverage = Coverage("video")
    for time_s in (0.0, 0.1, 0.2):
        coverage.frame(time_s, None, whole_since_last=True)
    coverage.frame(2.0, None, whole_since_last=False)
    assert coverage.intervals() == [(0.0, pytest.approx(0.3)), (2.0, pytest.approx(2.1))]
    assert coverage.gaps == [(pytest.approx(0.3), 2.0)]


def test_the_share_of_what_was_expected() -> None:
    assert completeness([(0.0, 10.0)], [(0.0, 10.0)]) == (10.0, 1.0)
    assert completeness([(0.0, 10.0)], []) == (10.0, 0.0)
    assert completeness([(0.0, 10.0), (20.0, 30.0)], [(0.0, 10.0), (20.0, 25.0)]) == (20.0, 0.75)
    assert completeness([], [(0.0, 10.0)]) == (0.0, 1.0)


def test_a_browser_has_a_moment_to_begin_and_the_last_packet_may_be_a_little_old() -> None:
    assert completeness([(0.0, 10.0)], [(1.4, 9.6)])[1] == 1.0
    assert completeness([(0.0, 10.0)], [(1.6, 10.0)])[1] == pytest.approx(0.84)
    assert completeness([(0.0, 10.0)], [(0.0, 9.4)])[1] == pytest.approx(0.94)


@given(expected=_intervals, covered=_intervals)
def test_completeness_is_a_share(expected: list[tuple[float, float]], covered: list[tuple[float, float]]) -> None:
    wanted_s, share = completeness(expected, covered)
    assert 0.0 <= share <= 1.0
    assert wanted_s <= len(seconds(expected))
