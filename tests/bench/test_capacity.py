"""How far one core goes, what recording and waiting add, and what a call weighs: ratios inside one run of ours."""

import asyncio
from pathlib import Path
from statistics import mean

import pytest

from tests.bench.load.control import load_client
from tests.bench.rivals import ours
from tests.bench.rounds import Window, quiet, window
from tests.bench.settings import ROUNDS
from tests.bench.table import TABLE, Row

pytestmark = pytest.mark.timeout(600)

RAMP = (60, 75, 90, 100, 110, 120, 135, 150)
FULL_SHARE = 0.75
RAMP_S = 3.0
CALLS = 25
WEIGHED = (15, 45)
WAITERS_WEIGHED = (20, 80)
FILLED_S = 4.0  # the rings that answer NACKs hold 512 packets: 3.4 s of video


async def test_one_core_carries_many_calls_without_loss() -> None:
    steps: list[Window] = []
    async with ours() as rival, load_client() as load:
        await load.connect(rival)
        have = 0
        for calls in RAMP:
            await load.ask(do="calls", count=calls - have)
            have = calls
            steps.append(await window(load, rival, calls, name="ramp", seconds=RAMP_S))
            if steps[-1].lost or steps[-1].share > 0.9 or steps[-1].client_share > 0.95:
                break
    whole = [step for step in steps if not step.lost]
    assert whole or not quiet(), f"packets are lost at {RAMP[0]} calls"
    carried = max((step.calls for step in whole if step.share <= FULL_SHARE), default=0)
    note = ", ".join(f"{step.calls}: {100 * step.share:.0f} %{' lost' if step.lost else ''}" for step in steps)
    figure = f"calls on one core without loss, at ≤ {100 * FULL_SHARE:.0f} % of it"
    TABLE.add(Row(figure, ((100,), (135,)), (carried,), more=True, note=note))


async def test_recording_costs_a_share_of_forwarding(tmp_path: Path) -> None:
    plain: list[float] = []
    recorded: list[float] = []
    for number in range(ROUNDS):
        for arguments, shares in (([], plain), (["--record", str(tmp_path / str(number))], recorded)):
            async with ours(*arguments) as rival, load_client() as load:
                await load.connect(rival)
                await load.ask(do="calls", count=CALLS)
                shares.append((await window(load, rival, CALLS, name="recording" if arguments else "plain")).share)
    extra = mean(recorded) / mean(plain) - 1
    note = f"{CALLS} calls, both sides recorded"
    TABLE.add(Row("recording's extra CPU", ((20,), (10,)), (100 * extra,), unit=" %", note=note))
    assert extra < 1


async def test_who_waits_costs_a_part_of_a_call() -> None:
    calls: list[float] = []
    waiters: list[float] = []
    async with ours() as rival, load_client() as load:
        for _ in range(ROUNDS):
            for what, shares in (("calls", calls), ("waiting", waiters)):
                await load.connect(rival)
                await load.ask(do=what, count=CALLS)
                shares.append((await window(load, rival, CALLS, name=what)).share)
    part = mean(waiters) / mean(calls)
    TABLE.add(
        Row("one waiting customer with hold media", ((40,), (25,)), (100 * part,), unit=" %", note="of a call's CPU")
    )
    assert part < 1


async def test_a_call_and_a_waiting_customer_weigh_little() -> None:
    weights_mb = []
    for what, (few, many) in (("calls", WEIGHED), ("waiting", WAITERS_WEIGHED)):
        async with ours() as rival, load_client() as load:
            await load.connect(rival)
            held: list[int] = []
            for count in (few, many - few):
                await load.ask(do=what, count=count)
                await asyncio.sleep(FILLED_S)
                held.append(rival.memory_bytes())
            weights_mb.append((held[1] - held[0]) / (many - few) / 1e6)
            TABLE.measured("memory", what=what, counts=[few, many], bytes=held, mb_each=round(weights_mb[-1], 3))
    bounds = (4.0, 0.5), (2.0, 0.25)
    TABLE.add(Row("memory per call / per waiting customer", bounds, (weights_mb[0], weights_mb[1]), unit=" MB"))
    assert weights_mb[0] < 5 * bounds[0][0]
