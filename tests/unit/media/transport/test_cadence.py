"""A busy socket is read by the clock, a calm one as datagrams come, and nothing in between flutters."""

from hypothesis import given
from hypothesis import strategies as st

from media.transport.cadence import BUSY_SHARE, CALM_SHARE, WINDOW_S, Cadence


def spend(cadence: Cadence, share: float, windows: float, now_s: float) -> tuple[float, int]:
    """Read every 5 ms and spend that share of the time on it; the time after, and how often the mode changed."""
    changes = 0
    end_s = now_s + windows * WINDOW_S
    while now_s < end_s:
        changes += cadence.spent(now_s, now_s + 0.005 * share)
        now_s += 0.005
    return now_s, changes


def test_it_begins_calm_and_polls_once_it_is_busy() -> None:
    cadence = Cadence()
    now_s, changes = spend(cadence, BUSY_SHARE - 0.05, 4, 100.0)
    assert (changes, cadence.polling) == (0, False)
    _, changes = spend(cadence, BUSY_SHARE + 0.05, 4, now_s)
    assert (changes, cadence.polling) == (1, True)


def test_between_the_two_bounds_it_stays_as_it_is() -> None:
    cadence = Cadence()
    between = (BUSY_SHARE + CALM_SHARE) / 2
    now_s, changes = spend(cadence, between, 4, 100.0)
    assert (changes, cadence.polling) == (0, False)
    now_s, _ = spend(cadence, BUSY_SHARE + 0.1, 4, now_s)
    now_s, changes = spend(cadence, between, 4, now_s)
    assert (changes, cadence.polling) == (0, True)
    _, changes = spend(cadence, CALM_SHARE - 0.05, 4, now_s)
    assert (changes, cadence.polling) == (1, False)


def test_one_long_read_after_a_long_rest_is_not_business() -> None:
    cadence = Cadence()
    assert not cadence.spent(100.0, 100.9)
    assert not cadence.spent(900.0, 900.9)
    assert not cadence.polling


@given(st.lists(st.tuples(st.floats(0, 3), st.floats(0, 3)), max_size=60))
def test_a_change_is_told_whenever_there_is_one(steps: list[tuple[float, float]]) -> None:
    cadence, now_s = Cadence(), 50.0
    for rest_s, work_s in steps:
        before = cadence.polling
        changed = cadence.spent(now_s + rest_s, now_s + rest_s + work_s)
        assert changed is (cadence.polling is not before)
        now_s += rest_s + work_s
