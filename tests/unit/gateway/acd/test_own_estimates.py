"""Expected waits while nothing else happens: told anew when people would read another figure, at a bounded pace."""

from collections import Counter
from collections.abc import AsyncIterator
from itertools import pairwise

import pytest

from gateway.acd.builtin.telling import LOOK_EVERY_S, STEP_S, STEP_TOLD
from gateway.acd.events import Queued, Reserved
from tests.support.own_acd import ANNA, SUPPORT, Rig, sales


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    """Seven contacts were answered ten seconds apart, and the agent is on with somebody."""
    rig = Rig(sales(), SUPPORT)
    await rig.acd.start()
    for number in range(7):
        ref = await rig.enter(f"c{number}")
        await rig.clock.run(10)
        await rig.agent(ANNA)
        await rig.accept(ref)
        await rig.acd.end(ref, "over")
    yield rig
    await rig.acd.aclose()


def estimates(rig: Rig, name: str) -> list[float | None]:
    return [body.estimate_s for body in rig.told(name) if isinstance(body, Queued)]


async def test_a_line_that_does_not_move_says_so_by_the_minute(rig: Rig) -> None:
    await rig.enter("one")
    await rig.clock.run(119)
    assert len(estimates(rig, "one")) == 1, "less than two minutes reads as one"
    await rig.clock.run(LOOK_EVERY_S + 1)
    first, second = estimates(rig, "one")
    assert first is not None
    assert first < 60
    assert second is not None
    assert 120 <= second < 120 + LOOK_EVERY_S + 2
    await rig.clock.run(600 - 120 - LOOK_EVERY_S)
    whole = [int(told_s // 60) for told_s in estimates(rig, "one")[1:] if told_s is not None]
    assert whole == [2, 3, 4, 5, 6, 7, 8, 9], "each figure once"
    assert {body.place for body in rig.told("one") if isinstance(body, Queued)} == {1}


async def test_nobody_is_told_more_often_than_at_that_pace(rig: Rig) -> None:
    for number in range(10):
        await rig.enter(f"w{number}")
    for number in range(100):  # somebody comes every second, and each is looked after at once
        await rig.clock.run(1)
        await rig.enter(f"x{number}")
    for name in ("w0", "w9"):
        at = [event.occurred_at for event in rig.events if event.contact_id == f"ct_{name}"]
        assert all((two - one).total_seconds() >= LOOK_EVERY_S for one, two in pairwise(at[1:]))
    assert len(estimates(rig, "w9")) >= 100 // LOOK_EVERY_S, "ten times what the line stands still, every time"


async def test_a_long_line_is_told_in_steps_and_everybody_within_a_round(rig: Rig) -> None:
    names = [f"w{number}" for number in range(2 * STEP_TOLD + 20)]
    for name in names:
        await rig.enter(name)
    before = len(rig.events)
    await rig.clock.run(LOOK_EVERY_S + 3 * STEP_S)
    at_once = Counter(event.occurred_at for event in rig.events[before:])
    assert sorted(at_once.values(), reverse=True)[:2] == [STEP_TOLD, STEP_TOLD]
    assert len(at_once) == 3
    await rig.clock.run(LOOK_EVERY_S)
    assert max(len(estimates(rig, name)) for name in names) == 3, "once in each round"


async def test_an_estimate_that_can_no_longer_be_promised_is_taken_back(rig: Rig) -> None:
    await rig.enter("one")
    await rig.agent(ANNA, "not_ready")
    await rig.clock.run(LOOK_EVERY_S + 1)
    assert estimates(rig, "one")[-1] is None
    await rig.agent(ANNA, "busy")
    await rig.clock.run(LOOK_EVERY_S + 1)
    assert estimates(rig, "one")[-1] is not None


async def test_who_is_rung_for_is_told_no_wait(rig: Rig) -> None:
    await rig.enter("one")
    await rig.agent(ANNA)
    await rig.clock.run(300)
    assert isinstance(rig.last("one").body, Reserved)


async def test_nobody_wakes_for_a_line_of_which_nothing_is_known() -> None:
    rig = Rig(sales(), SUPPORT)
    await rig.acd.start()
    await rig.agent(ANNA, "busy")
    await rig.enter("one")
    decisions = rig.figures.decisions
    await rig.clock.run(3600)
    assert rig.figures.decisions - decisions <= 2, "the preferred agent's window, and nothing after it"
    await rig.acd.aclose()


async def test_nobody_wakes_when_the_line_is_empty_again(rig: Rig) -> None:
    ref = await rig.enter("one")
    await rig.clock.run(60)
    await rig.acd.cancel(ref, "hung up")
    await rig.clock.run(LOOK_EVERY_S + 1)
    decisions = rig.figures.decisions
    await rig.clock.run(3600)
    assert rig.figures.decisions == decisions
