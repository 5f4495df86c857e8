"""Places in line, and estimates."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.acd.builtin.ports import Ticket
from gateway.acd.builtin.routing.line import rank, score
from gateway.acd.builtin.routing.rules import RuleBook
from gateway.acd.builtin.routing.waits import Pace, Told
from gateway.base.ids import ContactId
from gateway.config import QueueSettings

NOON_S = 1_772_452_800.0
FAR_S = 9_800_000_000.0  # the year 2280
times = st.integers(0, int(FAR_S - NOON_S) * 1000).map(lambda ms: NOON_S + ms / 1000)
places = st.tuples(st.booleans(), st.integers(0, 9), times)
agings = st.sampled_from([0.0, 1.0, 30.0, 3600.0])


def score_of(place: tuple[bool, int, float], aging_s: float) -> float:
    at_head, priority, queued_s = place
    return score(priority=priority, queued_s=queued_s, at_head=at_head, aging_s=aging_s)


@given(places, places)
def test_without_aging_the_order_is_head_then_priority_then_time(one, two):
    def plain(place: tuple[bool, int, float]) -> tuple[bool, int, float]:
        at_head, priority, queued_s = place
        return (not at_head, 0 if at_head else -priority, queued_s)

    if plain(one) < plain(two):
        assert score_of(one, 0) < score_of(two, 0)
    elif plain(one) == plain(two):
        assert score_of(one, 0) == score_of(two, 0)


@given(places, places, agings, st.integers(0, 10_000))
def test_the_rank_over_all_queues_is_the_order_of_the_scores_within_one_at_any_time(one, two, aging_s, later_s):
    """So the order within a queue never changes while contacts only wait."""
    rules = RuleBook([QueueSettings(id="sales", name="Sales", aging=aging_s)]).of("sales")
    now_s = max(one[2], two[2]) + later_s

    def ticket(name: str, place: tuple[bool, int, float]) -> Ticket:
        at_head, priority, queued_s = place
        at = score_of(place, aging_s)
        return Ticket(
            contact_id=ContactId(name), queue="sales", score=at, node="n1", priority=priority, queued_s=queued_s,
            sent_s=queued_s, at_head=at_head,
        )  # fmt: skip

    first, second = ticket("a", one), ticket("b", two)
    if abs(first.score - second.score) > 0.01:  # closer ones may be told apart by rounding only
        assert (first.score < second.score) == (rank(first, rules, now_s) < rank(second, rules, now_s))


def test_every_score_is_within_what_the_store_keeps_exactly():
    assert 0 < score_of((True, 0, NOON_S), 0) < score_of((False, 0, FAR_S), 0) < 1.2e11
    assert score_of((True, 0, FAR_S), 0) < score_of((False, 9, NOON_S), 86_400), "the head is before any age"


def pace_of(*answers_s: float, others_wait: bool = True, rang_s: float = 4.0) -> Pace:
    pace = Pace()
    for at_s in answers_s:
        pace.answered(NOON_S + at_s, rang_s=rang_s, others_wait=others_wait)
    return pace


MINUTES = tuple(60.0 * number for number in range(6))


def test_too_few_answers_promise_nothing():
    assert pace_of(*MINUTES[:4]).estimate_s(1, 5, NOON_S + 240) is None


def test_who_finds_an_agent_free_waits_as_long_as_it_rings():
    pace = pace_of(*MINUTES)
    assert [pace.estimate_s(place, 2, NOON_S + 301) for place in (1, 2)] == [4, 4]


def test_who_does_not_waits_a_gap_for_each_contact_up_to_them():
    pace = pace_of(*MINUTES)
    assert [pace.estimate_s(place, 2, NOON_S + 301) for place in (3, 5)] == [64, 184]


def test_gaps_of_an_idle_queue_count_only_as_long_as_there_are_no_better_ones():
    pace = pace_of(*MINUTES, others_wait=False)
    assert pace.estimate_s(1, 0, NOON_S + 301) == 64
    for number in range(6):
        pace.answered(NOON_S + 600 + 10 * number, rang_s=4, others_wait=True)
    assert pace.estimate_s(1, 0, NOON_S + 651) == 14


def test_a_gap_in_which_the_line_became_empty_is_not_one_of_the_better_ones():
    pace = pace_of(*MINUTES)
    pace.nobody_waits()
    pace.answered(NOON_S + 1000, rang_s=4, others_wait=True)
    assert pace.estimate_s(1, 0, NOON_S + 1001) == 64


def test_a_queue_that_stopped_moving_says_so_by_a_growing_number():
    assert pace_of(*MINUTES).estimate_s(1, 0, NOON_S + 900) == 604


def test_answers_of_the_morning_promise_nothing_in_the_evening():
    pace = pace_of(*MINUTES)
    assert [pace.estimate_s(1, free, NOON_S + 6 * 3600) for free in (0, 1)] == [None, None]


def test_how_far_off_an_estimate_was_is_positive_when_it_took_longer():
    assert Told(at_s=100, estimate_s=60).off_by_s(answered_s=190) == 30
    assert Told(at_s=100, estimate_s=60).off_by_s(answered_s=150) == -10
