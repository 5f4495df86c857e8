"""Places in line and estimates."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from gateway.acd.builtin.line import Pace, ticket_for
from gateway.acd.port import ContactOffer
from gateway.base.ids import ContactId

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
FAR = datetime(2280, 1, 1, tzinfo=UTC)
CENTURIES_MS = int((FAR - NOON).total_seconds() * 1000)
times = st.integers(0, CENTURIES_MS).map(lambda ms: NOON + timedelta(milliseconds=ms))
places = st.tuples(st.booleans(), st.integers(0, 9), times)


def score(place: tuple[bool, int, datetime]) -> float:
    at_head, priority, queued_at = place
    offer = ContactOffer(
        contact_id=ContactId("ct_1"), site="shop", queue="sales", language="en", priority=priority, queued_at=queued_at
    )
    return ticket_for(offer, at_head=at_head, node="n1").score


@given(places, places)
def test_the_order_is_head_then_priority_then_time(one: tuple[bool, int, datetime], two: tuple[bool, int, datetime]):
    def rank(place: tuple[bool, int, datetime]) -> tuple[bool, int, datetime]:
        at_head, priority, queued_at = place
        return (not at_head, 0 if at_head else -priority, queued_at)

    if rank(one) < rank(two):
        assert score(one) < score(two)
    elif rank(one) == rank(two):
        assert score(one) == score(two)


def test_every_score_is_within_what_the_store_keeps_exactly():
    assert 0 < score((True, 0, NOON)) < score((False, 0, FAR)) < 1.2e11


def test_too_few_answers_promise_nothing():
    pace = Pace()
    for minute in range(4):
        pace.answered(NOON + timedelta(minutes=minute))
    assert pace.estimate_s(1, NOON + timedelta(minutes=4)) is None


def test_the_estimate_is_the_mean_gap_times_the_place():
    pace = Pace()
    for minute in range(6):
        pace.answered(NOON + timedelta(minutes=minute))
    assert pace.estimate_s(3, NOON + timedelta(minutes=5, seconds=10)) == 180


def test_a_queue_that_stopped_moving_says_so_by_a_growing_number():
    pace = Pace()
    for minute in range(6):
        pace.answered(NOON + timedelta(minutes=minute))
    assert pace.estimate_s(1, NOON + timedelta(minutes=15)) == 600


def test_answers_of_the_morning_promise_nothing_in_the_evening():
    pace = Pace()
    for minute in range(6):
        pace.answered(NOON + timedelta(minutes=minute))
    assert pace.estimate_s(1, NOON + timedelta(hours=6)) is None
