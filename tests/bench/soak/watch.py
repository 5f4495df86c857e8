"""Looks at all calls and at the product all along: who hears nothing, what the process holds."""

import asyncio
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean

from gateway.canary.talk import CanaryFailure
from tests.bench.machine import family, memory_bytes
from tests.bench.soak.plan import AT_LAST_S, GAP_S, NOTICED_S
from tests.bench.soak.record import Call, Gap, Log, Side
from tests.bench.soak.stage import Stage

LOOK_S = 0.2
VITALS_S = 5.0


async def watch_calls(log: Log) -> None:
    """Until cancelled: note every time a side of a talking call heard no sound for longer than `GAP_S`.

    While this process itself stood still (a busy machine) nobody could hear anything: that time is taken off.
    """
    looked_s = time.monotonic()
    while True:
        now_s = time.monotonic()
        stood_still_s = max(0.0, now_s - looked_s - 2 * LOOK_S)
        log.stood_still_s += stood_still_s
        for call in log.calls:
            if call.state == "active":
                for side in list(call.sides.values()):
                    _look(call, side, now_s, stood_still_s)
        looked_s = now_s
        await asyncio.sleep(LOOK_S)


def _look(call: Call, side: Side, now_s: float, stood_still_s: float) -> None:
    if side.heard_s:
        side.heard_s += stood_still_s
    counts = side.robot.leg.counts()
    if counts.audio_packets != side.counts.audio_packets:
        fault = next((each for each in reversed(call.faults) if each.until_s + AT_LAST_S > side.heard_s), None)
        if side.heard_s and now_s - side.heard_s > (GAP_S if fault is None else NOTICED_S):
            call.gaps.append(Gap(side.name, side.heard_s, now_s, fault))
        side.heard_s = now_s
    side.counts = counts


@dataclass(slots=True)
class Vitals:
    """Samples of what the product holds, every `VITALS_S`."""

    at_s: list[float] = field(default_factory=list)
    memory_mb: list[float] = field(default_factory=list)
    descriptors: list[float] = field(default_factory=list)
    tasks: list[float] = field(default_factory=list)

    def growth(self, values: list[float]) -> tuple[float, float]:
        """The means of the last two thirds."""
        third = len(values) // 3
        if not third:
            return 0.0, 0.0
        return mean(values[third : 2 * third]), mean(values[2 * third :])

    def slope_per_hour(self, values: list[float]) -> float:
        """By least squares over the last two thirds."""
        third = len(values) // 3
        xs, ys = self.at_s[third:], values[third:]
        if len(xs) < 3:
            return 0.0
        mx, my = mean(xs), mean(ys)
        spread = sum((x - mx) ** 2 for x in xs)
        return 3600 * sum((x - mx) * (y - my) for x, y in zip(xs, ys, strict=True)) / spread


async def watch_vitals(stage: Stage, vitals: Vitals) -> None:
    """Until cancelled."""
    pid = stage.product.process.pid
    while True:
        try:
            tasks = await stage.product.metric("visavis_tasks")
        except (CanaryFailure, OSError, StopIteration, RuntimeError):
            tasks = vitals.tasks[-1] if vitals.tasks else 0.0
        vitals.at_s.append(time.monotonic())
        vitals.memory_mb.append(await asyncio.to_thread(memory_bytes, pid) / 1e6)
        vitals.descriptors.append(_descriptors(pid))
        vitals.tasks.append(tasks)
        await asyncio.sleep(VITALS_S)


def _descriptors(pid: int) -> float:
    count = 0
    for each in family(pid):
        try:
            count += sum(1 for _ in Path(f"/proc/{each}/fd").iterdir())
        except OSError:
            continue
    return float(count)
