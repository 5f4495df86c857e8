"""The table of thresholds: what each figure deserves, who gets the blame, and that worse never reads better."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.quality.judge import GOOD, LEVEL, RULES, Cause, Figure, Verdict, Word, judge, mos

_RANGE = {
    Figure.ROUND_TRIP_MS: (0.0, 3000.0),
    Figure.DOWNLINK_BPS: (0.0, 2_000_000.0),
    Figure.UPLINK_MOS: (1.0, 4.4),
    Figure.DOWNLINK_MOS: (1.0, 4.4),
    Figure.UPLINK_JITTER_MS: (0.0, 500.0),
    Figure.DOWNLINK_JITTER_MS: (0.0, 500.0),
    Figure.UPLINK_FREEZES: (0.0, 10.0),
    Figure.DOWNLINK_FREEZES: (0.0, 10.0),
    Figure.UPLINK_PICTURES: (0.0, 60.0),
    Figure.DEVICE_PICTURES: (0.0, 60.0),
}


def values(figure: Figure) -> st.SearchStrategy[float]:
    low, high = _RANGE.get(figure, (0.0, 1.0))
    return st.floats(low, high)


PERIODS = st.fixed_dictionaries({}, optional={figure: values(figure) for figure in Figure})


@given(PERIODS, st.booleans())
def test_a_word_is_good_exactly_when_nothing_is_to_blame(figures: dict[Figure, float], strained: bool) -> None:
    verdict = judge(figures, strained=strained)
    assert (verdict.word is Word.GOOD) == (verdict.cause is None)


@given(PERIODS, st.sampled_from(list(Figure)), st.data(), st.booleans())
def test_a_worse_figure_never_gets_a_better_word(
    figures: dict[Figure, float], figure: Figure, data: st.DataObject, strained: bool
) -> None:
    one, other = sorted((data.draw(values(figure)), data.draw(values(figure))), reverse=RULES[figure].below)
    better, worse = (
        judge(figures | {figure: one}, strained=strained),
        judge(figures | {figure: other}, strained=strained),
    )
    assert better.level <= worse.level


@given(PERIODS)
def test_blame_is_shifted_to_the_gateway_and_the_word_stays(figures: dict[Figure, float]) -> None:
    own, strained = judge(figures), judge(figures, strained=True)
    assert own.word is strained.word
    assert strained.cause in (own.cause, Cause.GATEWAY)


def test_every_figure_has_a_rule_with_a_source() -> None:
    assert set(RULES) == set(Figure)
    assert all(rule.source for rule in RULES.values())


@pytest.mark.parametrize("figure", list(Figure))
def test_each_threshold_is_where_the_table_says(figure: Figure) -> None:
    rule = RULES[figure]
    nudge = -1e-6 if rule.below else 1e-6
    assert rule.word(rule.fair - nudge) is Word.GOOD
    assert LEVEL[rule.word(rule.fair + nudge)] >= LEVEL[Word.FAIR]
    assert LEVEL[rule.word(rule.poor + nudge)] >= LEVEL[Word.POOR]


@pytest.mark.parametrize(
    ("figures", "word", "cause"),
    [
        ({}, Word.GOOD, None),
        ({Figure.UPLINK_LOSS: 0.06}, Word.FAIR, Cause.UPLINK),
        ({Figure.UPLINK_LOSS: 0.2, Figure.DOWNLINK_LOSS: 0.06}, Word.POOR, Cause.UPLINK),
        ({Figure.UPLINK_LOSS: 0.06, Figure.DOWNLINK_LOSS: 0.2}, Word.POOR, Cause.DOWNLINK),
        ({Figure.SILENT: 1}, Word.LOST, Cause.UPLINK),
        ({Figure.VIDEO_PAUSED: 1}, Word.POOR, Cause.DOWNLINK),
        ({Figure.DEVICE_PICTURES: 0}, Word.POOR, Cause.DEVICE),
        ({Figure.ROUND_TRIP_MS: 900, Figure.DOWNLINK_JITTER_MS: 40}, Word.POOR, Cause.DOWNLINK),
        ({Figure.ROUND_TRIP_MS: 900, Figure.UPLINK_JITTER_MS: 40}, Word.POOR, Cause.UPLINK),
    ],
)
def test_the_worst_figure_speaks(figures: dict[Figure, float], word: Word, cause: Cause | None) -> None:
    assert judge(figures) == Verdict(word=word, cause=cause)


def test_a_slow_gateway_takes_the_blame_unless_loss_was_measured() -> None:
    late = {Figure.UPLINK_JITTER_MS: 200.0}
    assert judge(late, strained=True).cause is Cause.GATEWAY
    assert judge(late | {Figure.DOWNLINK_LOSS: 0.06}, strained=True).cause is Cause.UPLINK
    assert judge({Figure.DEVICE_PICTURES: 0}, strained=True).cause is Cause.DEVICE
    assert judge({}, strained=True) == GOOD


@given(st.floats(0, 1), st.floats(0, 3000), st.floats(0, 500), st.sampled_from(["loss", "delay", "jitter"]))
def test_opinion_falls_with_loss_delay_and_jitter(loss: float, delay: float, jitter: float, what: str) -> None:
    best = {"loss": loss, "round_trip_ms": delay, "jitter_ms": jitter}
    name = {"loss": "loss", "delay": "round_trip_ms", "jitter": "jitter_ms"}[what]
    worse = best | {name: best[name] + (0.1 if what == "loss" else 50)}
    assert 1.0 <= mos(**worse) <= mos(**best) <= 4.5


def test_opinion_is_what_the_e_model_says() -> None:
    """ITU-T G.107: R 93.2 without impairments is 4.41; the delay assumed here costs a little."""
    assert mos(loss=0, round_trip_ms=0, jitter_ms=0) == pytest.approx(4.38, abs=0.02)
    assert mos(loss=0.05, round_trip_ms=100, jitter_ms=5) == pytest.approx(3.67, abs=0.05)
    assert mos(loss=0.3, round_trip_ms=600, jitter_ms=30) < 1.6
