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


def test_too_few_answers_promise_nothing():
    pace = Pace()
    for minute in range(4):
        pace.answered(NOON_S + 60 * minute)
    assert pace.estimate_s(1, NOON_S + 240) is None


def answered_each_minute() -> Pace:
    pace = Pace()
    for minute in range(6):
        pace.answered(NOON_S + 60 * minute)
    return pace


def test_the_estimate_is_the_mean_gap_times_the_place():
    assert answered_each_minute().estimate_s(3, NOON_S + 310) == 180


def test_a_queue_that_stopped_moving_says_so_by_a_growing_number():
    assert answered_each_minute().estimate_s(1, NOON_S + 900) == 600


def test_answers_of_the_morning_promise_nothing_in_the_evening():
    assert answered_each_minute().estimate_s(1, NOON_S + 6 * 3600) is None


def test_how_far_off_an_estimate_was_is_positive_when_it_took_longer():
    assert Told(at_s=100, estimate_s=60).off_by_s(answered_s=190) == 30
    assert Told(at_s=100, estimate_s=60).off_by_s(answered_s=150) == -10
