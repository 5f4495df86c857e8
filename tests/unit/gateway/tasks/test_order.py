"""Events of one contact: each once, in the order of their numbers, a gap waited for and then given up."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.acd.tasks.order import MAX_WAITING, InOrder


def test_events_without_numbers_go_on_at_once_and_once() -> None:
    order: InOrder[str] = InOrder(2.0)
    assert order.arrive("a", None, "a", 0).ready == ["a"]
    assert order.arrive("a", None, "a", 0).ready == []
    assert order.deadline is None


def test_a_gap_is_given_up_after_its_time_and_what_comes_then_is_late() -> None:
    order: InOrder[str] = InOrder(2.0)
    assert order.arrive("c", 3, "c", 10.0).ready == []
    assert order.deadline == 12.0
    assert order.expire(11.9).ready == []
    given_up = order.expire(12.0)
    assert (given_up.ready, given_up.skipped) == (["c"], 2)
    assert order.deadline is None
    assert order.arrive("a", 1, "a", 12.0).late == ["a"]


def test_a_second_gap_gets_a_time_of_its_own() -> None:
    order: InOrder[str] = InOrder(2.0)
    order.arrive("b", 2, "b", 0.0)
    order.arrive("d", 4, "d", 1.0)
    assert order.expire(2.0).ready == ["b"]
    assert order.deadline == 4.0
    assert order.expire(4.0).ready == ["d"]


def test_too_many_behind_a_gap_give_it_up() -> None:
    order: InOrder[int] = InOrder(1000.0)
    arrived = [order.arrive(str(number), number, number, 0.0).ready for number in range(2, MAX_WAITING + 4)]
    assert [number for ready in arrived for number in ready] == list(range(2, MAX_WAITING + 4))


@given(st.permutations(range(1, 9)), st.sets(st.integers(1, 8), max_size=3))
def test_whatever_the_order_of_arrival_everything_is_told_in_order_once(
    arrivals: list[int], repeated: set[int]
) -> None:
    order: InOrder[int] = InOrder(2.0)
    told: list[int] = []
    for number in [*arrivals, *repeated]:
        arrived = order.arrive(f"e{number}", number, number, 0.0)
        told += arrived.ready
        assert arrived.late == []
    assert told == list(range(1, 9))
