"""The breaker: what fails again and again is left alone, then asked once."""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from gateway.base.breaker import Breaker, BreakerState


def opened(at_s: float = 0.0) -> Breaker:
    breaker = Breaker(failures=3, first_pause_s=1.0, last_pause_s=8.0)
    for _ in range(3):
        assert breaker.admits(at_s)
        breaker.failed(at_s)
    return breaker


def test_failures_in_a_row_open_it() -> None:
    breaker = opened()
    assert breaker.state is BreakerState.OPEN
    assert not breaker.admits(0.5)
    assert breaker.opens_in(0.25) == 0.75
    assert breaker.opened == 1


def test_failures_with_a_success_between_them_do_not() -> None:
    breaker = Breaker(failures=2)
    for now_s in range(20):
        breaker.failed(now_s)
        breaker.succeeded(now_s)
    assert breaker.state is BreakerState.CLOSED


def test_after_the_pause_one_is_admitted_and_no_second() -> None:
    breaker = opened()
    assert breaker.admits(1.0)
    assert not breaker.admits(1.0)
    assert not breaker.admits(100.0)
    assert breaker.opens_in(1.0) > 0


def test_the_try_that_succeeds_closes_it() -> None:
    breaker = opened()
    assert breaker.admits(1.0)
    breaker.succeeded(1.2)
    assert breaker.state is BreakerState.CLOSED
    assert all(breaker.admits(1.2) for _ in range(5))
    assert breaker.opens_in(1.2) == 0


def test_every_failed_try_doubles_the_pause_up_to_the_last() -> None:
    breaker = opened()
    now_s, pauses = 0.0, []
    for _ in range(6):
        pauses.append(breaker.opens_in(now_s))
        now_s += pauses[-1]
        assert breaker.admits(now_s)
        breaker.failed(now_s)
    assert pauses == [1.0, 2.0, 4.0, 8.0, 8.0, 8.0]
    assert breaker.opened == 1


def test_a_success_starts_the_pauses_anew() -> None:
    breaker = opened()
    breaker.admits(1.0)
    breaker.failed(1.0)
    breaker.admits(3.0)
    breaker.succeeded(3.0)
    for _ in range(3):
        breaker.failed(4.0)
    assert breaker.opens_in(4.0) == 1.0
    assert breaker.opened == 2


def test_late_failures_of_before_it_opened_do_not_lengthen_the_pause() -> None:
    breaker = opened()
    breaker.failed(0.9)
    assert breaker.opens_in(0.9) < 0.2


def test_a_try_that_was_cancelled_is_made_by_the_next() -> None:
    """Otherwise a cancelled try would keep it closed to all for good."""
    breaker = opened()
    assert breaker.admits(1.0)
    breaker.gave_up(1.5)
    assert breaker.admits(1.5)
    closed = Breaker()
    closed.gave_up(0)
    assert closed.admits(0)


class AnyOrder(RuleBasedStateMachine):
    """Whatever happens in whatever order: never two tries at once, never shut for longer than the last pause."""

    def __init__(self) -> None:
        super().__init__()
        self.breaker = Breaker(failures=3, first_pause_s=1.0, last_pause_s=8.0)
        self.now_s = 0.0
        self.out = 0

    @rule(seconds=st.floats(0, 20))
    def time_passes(self, seconds: float) -> None:
        self.now_s += seconds

    @rule()
    def ask(self) -> None:
        was = self.breaker.state
        admitted = self.breaker.admits(self.now_s)
        self.out += admitted
        assert not (admitted and was is BreakerState.TRYING)

    @precondition(lambda self: self.out)
    @rule(how=st.sampled_from(["succeeded", "failed", "gave_up"]))
    def end(self, how: str) -> None:
        self.out -= 1
        getattr(self.breaker, how)(self.now_s)

    @invariant()
    def never_shut_for_long(self) -> None:
        assert 0 <= self.breaker.opens_in(self.now_s) <= 8.0


TestAnyOrder = AnyOrder.TestCase
