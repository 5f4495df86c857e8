"""Deadlines on one task."""

from collections.abc import AsyncIterator

import pytest

from gateway.base.deadlines import Deadlines
from gateway.base.tasks import Supervisor
from tests.support.clock import FakeClock, at_rest


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def deadlines(clock: FakeClock) -> AsyncIterator[Deadlines]:
    supervisor = Supervisor("test")
    yield Deadlines(clock, supervisor)
    assert len(supervisor) <= 1
    await supervisor.aclose()


async def test_they_fire_in_order_each_once(clock: FakeClock, deadlines: Deadlines) -> None:
    fired: list[tuple[str, float]] = []
    for name, at in (("c", 3.0), ("a", 1.0), ("b", 2.0)):
        deadlines.set(name, at, lambda name=name: fired.append((name, clock.monotonic())))
    await clock.run(10)
    assert fired == [("a", 1.0), ("b", 2.0), ("c", 3.0)]
    assert len(deadlines) == 0


async def test_a_moved_one_fires_at_the_new_time_only(clock: FakeClock, deadlines: Deadlines) -> None:
    fired: list[float] = []
    deadlines.set("a", 5.0, lambda: fired.append(clock.monotonic()))
    deadlines.set("a", 2.0, lambda: fired.append(clock.monotonic()))
    await clock.run(1)
    deadlines.set("a", 8.0, lambda: fired.append(clock.monotonic()))
    await clock.run(10)
    assert fired == [8.0]


async def test_a_cancelled_one_does_not_fire(clock: FakeClock, deadlines: Deadlines) -> None:
    fired: list[str] = []
    deadlines.set("a", 1.0, lambda: fired.append("a"))
    deadlines.set("b", 1.0, lambda: fired.append("b"))
    deadlines.cancel("a")
    deadlines.cancel("unknown")
    await clock.run(2)
    assert fired == ["b"]


async def test_one_that_fails_does_not_stop_the_others(clock: FakeClock, deadlines: Deadlines) -> None:
    fired: list[str] = []
    deadlines.set("bad", 1.0, lambda: 1 / 0)  # type: ignore[arg-type,return-value]
    deadlines.set("good", 1.0, lambda: fired.append("good"))
    await clock.run(2)
    assert fired == ["good"]


async def test_one_may_set_the_next(clock: FakeClock, deadlines: Deadlines) -> None:
    fired: list[float] = []

    def again() -> None:
        fired.append(clock.monotonic())
        if len(fired) < 3:
            deadlines.set("tick", clock.monotonic() + 1, again)

    deadlines.set("tick", 1.0, again)
    await clock.run(10)
    assert fired == [1.0, 2.0, 3.0]


async def test_one_in_the_past_fires_at_once(clock: FakeClock, deadlines: Deadlines) -> None:
    clock.advance(10)
    fired: list[float] = []
    deadlines.set("a", 5.0, lambda: fired.append(clock.monotonic()))
    await at_rest()
    assert fired == [10.0]


async def test_moving_one_for_ever_keeps_no_more_than_it_needs(clock: FakeClock, deadlines: Deadlines) -> None:
    for number in range(10_000):
        deadlines.set("a", 1e6 - number, lambda: None)
    assert len(deadlines._heap) < 100
    assert len(deadlines) == 1


@pytest.mark.parametrize("slept", [True, False])
async def test_when_their_owner_has_ended_they_are_set_for_nothing(clock: FakeClock, slept: bool) -> None:
    supervisor = Supervisor("test")
    deadlines = Deadlines(clock, supervisor)
    fired: list[str] = []
    if slept:
        deadlines.set("before", 5.0, lambda: fired.append("before"))
        await at_rest()
    await supervisor.aclose()
    deadlines.set("after", 1.0, lambda: fired.append("after"))
    await clock.run(10)
    assert fired == []
