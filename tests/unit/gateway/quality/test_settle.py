"""What people are told: soon when it is bad, calmly when it is over, and never back and forth."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from gateway.quality.judge import GOOD, LOST, WORDS, Cause, Verdict, Word
from gateway.quality.settle import UP_OF, Settled


def verdict(level: int, cause: Cause = Cause.UPLINK) -> Verdict:
    return Verdict(word=WORDS[level], cause=cause if level else None)


def told(levels: list[int]) -> list[int]:
    settled = Settled()
    return [settled.step(verdict(level)).level for level in levels]


LEVELS = st.integers(0, len(WORDS) - 1)


def test_one_bad_moment_is_not_told() -> None:
    assert told([0, 2, 0, 0, 3, 0, 0]) == [0] * 7


def test_two_bad_periods_of_three_are_told() -> None:
    assert told([2, 2]) == [0, 2]
    assert told([2, 0, 2]) == [0, 0, 2]


def test_the_word_gets_better_only_after_five_better_periods() -> None:
    assert told([2, 2, 0, 0, 0, 0, 0]) == [0, 2, 2, 2, 2, 2, 0]


def test_it_gets_as_much_better_as_the_worst_of_these_five() -> None:
    assert told([2, 2, 0, 1, 0, 0, 0])[-1] == 1


def test_an_even_flutter_is_told_once() -> None:
    words = told([0, 2] * 30)
    assert sum(one != other for one, other in itertools.pairwise(words)) == 1


@given(st.lists(LEVELS, max_size=80))
def test_the_word_never_turns_twice_within_five_periods(levels: list[int]) -> None:
    """After it became worse it stays at least as bad for three periods: nobody can read faster."""
    words = [0, *told(levels)]
    for at in range(1, len(words)):
        if words[at] > words[at - 1]:
            assert min(words[at : at + UP_OF - 1]) >= words[at]


@given(st.lists(st.tuples(LEVELS, LEVELS), max_size=80))
def test_whoever_had_it_worse_all_along_is_told_no_better(pairs: list[tuple[int, int]]) -> None:
    better, worse = told([min(pair) for pair in pairs]), told([max(pair) for pair in pairs])
    assert all(one <= other for one, other in zip(better, worse, strict=True))


@given(st.lists(st.tuples(LEVELS, st.sampled_from(list(Cause))), max_size=60))
def test_a_bad_word_always_has_a_cause(periods: list[tuple[int, Cause]]) -> None:
    settled = Settled()
    for level, cause in periods:
        now = settled.step(verdict(level, cause))
        assert (now.cause is None) == (now.word is Word.GOOD)


def test_the_cause_is_that_of_most_bad_periods() -> None:
    settled = Settled()
    for cause in (Cause.UPLINK, Cause.DOWNLINK, Cause.DOWNLINK, Cause.DOWNLINK):
        settled.step(verdict(2, cause))
    assert settled.now.cause is Cause.DOWNLINK


def test_a_lost_connection_is_told_at_once_and_forgotten_at_once() -> None:
    settled = Settled()
    assert settled.set(LOST).word is Word.LOST
    assert settled.set(GOOD) == GOOD
    assert settled.step(verdict(2)) == GOOD
