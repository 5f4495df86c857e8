"""What forwarding costs beside stock Janus: the same load, the same core, the same minutes, in turns.

Fails for mistakes only: packets lost on a quiet machine, or a cost several times what it should be. Whether the figures
are as good as they should be is for the table at the end.
"""

from statistics import mean

import pytest

from tests.bench.load.control import load_client
from tests.bench.rivals import Rival, janus, ours
from tests.bench.rounds import Window, middle, quiet, window
from tests.bench.settings import ROUNDS
from tests.bench.table import TABLE, Row

CHURN_CALLS = 25
CHURN_PER_S = 3
SET_UPS = 40
WORST_RATIO = 3.0
"""At a single call ours and Janus cost about the same; three times as much is a mistake in the packet path."""

RATIO_BOUNDS = {50: ((0.5,), (0.35,)), 10: ((0.75,), (0.55,))}
pytestmark = pytest.mark.timeout(600)


async def taken(rival: Rival, calls: int, name: str, churn_per_s: float = 0) -> Window:
    """One turn of one server, with a load client of its own."""
    async with load_client() as load:
        await load.connect(rival)
        await load.ask(do="calls", count=calls)
        if churn_per_s:
            await load.ask(do="churn", per_s=churn_per_s)
        return await window(load, rival, calls, name=name)


async def in_turns(calls: int, name: str, churn_per_s: float = 0) -> tuple[list[Window], list[Window]]:
    """(ours, Janus), one window each per round."""
    found: tuple[list[Window], list[Window]] = [], []
    for _ in range(ROUNDS):
        async with ours() as rival:
            found[0].append(await taken(rival, calls, name, churn_per_s))
        async with janus() as rival:
            found[1].append(await taken(rival, calls, name, churn_per_s))
    return found


def ratio(windows: tuple[list[Window], list[Window]]) -> float:
    """Of the means: one bad moment of one round weighs as little as it lasted."""
    return mean(each.share for each in windows[0]) / mean(each.share for each in windows[1])


@pytest.mark.parametrize("calls", [1, 10, 25, 50])
async def test_forwarding_costs_less_than_janus_and_loses_nothing(calls: int) -> None:
    both = mine, others = await in_turns(calls, "cost")
    cost = ratio(both)
    apiece = (
        f"{mean(each.ms_per_call_s for each in mine):.1f} and {mean(each.ms_per_call_s for each in others):.1f} ms/s"
    )
    TABLE.add(
        Row(
            f"CPU per call, {calls} {'calls' if calls > 1 else 'call'}, beside Janus",
            RATIO_BOUNDS.get(calls),
            (cost,),
            note=apiece,
        )
    )
    if calls == 50:
        delays = middle(mine, 50), middle(mine, 95)
        theirs = (
            f"p99 {middle(mine, 99):.3g}; Janus {' / '.join(f'{middle(others, each):.3g}' for each in (50, 95, 99))}"
        )
        bounds = (0.3, 5.0), (0.2, 2.0)
        TABLE.add(Row("delay p50 / p95, 50 calls", bounds, delays, unit=" ms", note=theirs))
    assert cost < WORST_RATIO
    assert not quiet() or sum(each.lost for each in mine) == 0


async def test_set_ups_beside_calls_make_nobody_wait() -> None:
    mine, others = await in_turns(CHURN_CALLS, "churn", CHURN_PER_S)
    note = f"Janus {middle(others, 99):.3g}"
    figure = f"p99, {CHURN_PER_S} set-ups a second beside {CHURN_CALLS} calls"
    TABLE.add(Row(figure, ((10.0,), (5.0,)), (middle(mine, 99),), unit=" ms", note=note))
    assert not quiet() or sum(each.lost for each in mine) == 0


async def test_a_set_up_costs_some_milliseconds() -> None:
    spent_ms: dict[str, list[float]] = {"ours": [], "janus": []}
    for _ in range(ROUNDS):
        for server in (ours, janus):
            async with server() as rival, load_client() as load:
                await load.connect(rival)
                await load.ask(do="calls", count=4, media=False)  # what is made once is made now
                before_s = rival.cpu_s()
                took = await load.ask(do="calls", count=SET_UPS, media=False)
                cost_ms = 1000 * (rival.cpu_s() - before_s) / SET_UPS
                spent_ms[rival.kind].append(cost_ms)
                TABLE.measured("set-up", server=rival.kind, cpu_ms=round(cost_ms, 2), took_ms=took["set_up_ms"])
    note = f"Janus {mean(spent_ms['janus']):.3g}"
    bounds = (17.0,), (12.0,)
    TABLE.add(Row("set-up of both legs, server CPU", bounds, (mean(spent_ms["ours"]),), unit=" ms", note=note))
    assert mean(spent_ms["ours"]) < 5 * bounds[0][0]
