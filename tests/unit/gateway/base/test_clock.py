"""The calendar time that never steps."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.base.clock import SLEW, SteadyWall


class Machine:
    """Both clocks of a machine, the calendar one of which somebody sets."""

    def __init__(self) -> None:
        self.wall_s = 1_700_000_000.0
        self.monotonic_s = 50.0

    def let(self, seconds: float) -> None:
        self.wall_s += seconds
        self.monotonic_s += seconds

    def clock(self) -> SteadyWall:
        return SteadyWall(lambda: self.wall_s, lambda: self.monotonic_s)


def test_it_shows_the_wall_clock_while_that_is_steady() -> None:
    machine = Machine()
    clock = machine.clock()
    for _ in range(100):
        machine.let(0.7)
        assert abs(clock() - machine.wall_s) < 1e-6


def test_a_clock_set_by_days_is_not_followed_until_it_is_renewed() -> None:
    machine = Machine()
    clock = machine.clock()
    machine.let(10)
    before = clock()
    machine.wall_s += 864_000
    machine.let(5)
    assert clock() - before == 5
    machine.let(3600)
    assert clock() - before == 3605
    clock.renew()
    assert abs(clock() - machine.wall_s) < 1e-6


def test_a_small_step_is_made_up_slowly() -> None:
    machine = Machine()
    clock = machine.clock()
    machine.wall_s += 1.0
    before = clock()
    for _ in range(100):
        machine.let(1)
        clock()
    gained = clock() - before - 100
    assert 0.9 * 100 * SLEW <= gained <= 100 * SLEW + 1e-6
    for _ in range(3000):
        machine.let(1)
        clock()
    assert abs(clock() - machine.wall_s) < 1e-3


@given(st.lists(st.tuples(st.floats(0, 400), st.floats(-1e7, 1e7)), max_size=30))
def test_it_never_goes_back_and_never_jumps(steps: list[tuple[float, float]]) -> None:
    machine = Machine()
    clock = machine.clock()
    before = clock()
    for passed_s, stepped_s in steps:
        machine.wall_s += stepped_s
        machine.let(passed_s)
        now = clock()
        assert (
            passed_s * (1 - 2 * SLEW) - 2 * SLEW - 1e-6 <= now - before <= passed_s * (1 + 2 * SLEW) + 2 * SLEW + 1e-6
        )
        before = now
