"""What the journal keeps of a leg."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.quality.judge import GOOD, Cause, Verdict, Word
from gateway.quality.summary import MAX_SAMPLES, LegSummary, Series

POOR = Verdict(word=Word.POOR, cause=Cause.UPLINK)


def test_a_leg_is_summed_in_words_seconds_and_percentiles() -> None:
    summary = LegSummary()
    for number in range(10):
        summary.period(2.0, POOR if number < 3 else GOOD)
        summary.sample("uplink_loss", number / 100)
        summary.sample("round_trip_ms", None)
    summary.froze("uplink", 2)
    assert summary.data() == {
        "seconds": 20.0,
        "good_s": 14.0,
        "fair_s": 0.0,
        "poor_s": 6.0,
        "lost_s": 0.0,
        "cause_uplink_s": 6.0,
        "uplink_freezes": 2,
        "uplink_loss_min": 0.0,
        "uplink_loss_median": 0.04,
        "uplink_loss_p95": 0.09,
    }


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=3000))
def test_a_series_stays_small_and_in_order(values: list[float]) -> None:
    series = Series()
    for value in values:
        series.add(value)
    read = series.read()
    assert read is not None
    least, median, p95 = read
    assert least == min(values)
    assert least <= median <= p95 <= max(values)
    assert len(series._kept) < MAX_SAMPLES


def test_a_long_leg_keeps_its_median() -> None:
    series = Series()
    for number in range(7200):
        series.add(number % 100)
    read = series.read()
    assert read is not None
    assert read[1] == pytest.approx(50, abs=5)
    assert read[2] == pytest.approx(95, abs=3)


def test_nothing_measured_says_nothing() -> None:
    assert Series().read() is None
