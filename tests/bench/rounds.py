"""One measurement: a number of calls on one server for one window, and what the server spent on it."""

import asyncio
import os
import time
from dataclasses import dataclass
from statistics import median
from typing import Final

from tests.bench.load.control import Load
from tests.bench.rivals import Rival
from tests.bench.settings import QUIET_LOAD, WARM_S, WINDOW_S
from tests.bench.table import TABLE

_SHOWN: Final = ("sent", "lost", "silent", "delay_ms", "set_ups", "late_ms", "client_share")


@dataclass(frozen=True, slots=True)
class Window:
    """`share` is of one core; delays are one way, of video, in ms, by percentile."""

    calls: int
    share: float
    lost: int
    sent: int
    delay_ms: dict[int, float]
    client_share: float

    @property
    def ms_per_call_s(self) -> float:
        return 1000 * self.share / self.calls

    @property
    def lost_share(self) -> float:
        return self.lost / max(1, self.sent)


async def window(load: Load, rival: Rival, calls: int, *, name: str, seconds: float = WINDOW_S) -> Window:
    """Let what is there warm up, then measure it."""
    await asyncio.sleep(WARM_S)
    cpu_s, began_s = rival.cpu_s(), time.perf_counter()
    figures = await load.ask(do="measure", seconds=seconds)
    share = (rival.cpu_s() - cpu_s) / (time.perf_counter() - began_s)
    delay_ms = {int(percent): value for percent, value in figures["delay_ms"]["video"].items()}
    found = Window(calls, share, figures["lost"], figures["sent"], delay_ms, figures["client_share"])
    TABLE.measured(
        name,
        server=rival.kind,
        calls=calls,
        ms_per_call_s=round(found.ms_per_call_s, 2),
        core_share=round(share, 3),
        memory_mb=round(rival.memory_bytes() / 1e6, 1),
        **{key: figures[key] for key in _SHOWN},
        counters=figures["counters"],
    )
    assert not figures["silent"], f"{figures['silent']} legs received nothing at all"
    return found


def quiet() -> bool:
    """Whether the machine has nothing else to do, so that a lost packet is ours."""
    return os.getloadavg()[0] < QUIET_LOAD


def middle(windows: list[Window], percent: int) -> float:
    """The median over rounds of a percentile of the delay."""
    return median(each.delay_ms[percent] for each in windows)
