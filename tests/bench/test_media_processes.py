"""What a media process of its own is worth and costs: delay beside other work of the gateway, CPU, and set-up.

Prints one JSON line. Each window is of a server that is quiet, then of one whose loop is held for 200 ms in each
second, as a report or a large reply may; with media in that process, and in two others.
"""

import json
import os
import statistics
import time
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest

from gateway.canary.report import percentile
from tests.bench.machine import cpu_s
from tests.bench.talkers import Talker, arrived, talk
from tests.bench.test_forwarding_cost import server

HERE = Path(__file__).parent
CALLS = 5
WARM_S = 2.0
WINDOW_S = 8.0
HELD_MS = 200


@dataclass
class Window:
    """One server under load."""

    cpu_ms_per_call_s: float = 0.0
    set_up_ms: list[float] = field(default_factory=list)  # of each leg: offer, answer, ICE and DTLS
    delays_ms: list[float] = field(default_factory=list)
    lost: int = 0

    def figures(self) -> dict[str, object]:
        return {
            "cpu_ms_per_call_s": round(self.cpu_ms_per_call_s, 1),
            "set_up_ms": round(statistics.median(self.set_up_ms), 1),
            "delay_ms": {share: round(percentile(self.delays_ms, share / 100), 2) for share in (50, 95, 99)},
            "lost": self.lost,
        }


async def window(workers: int, held_ms: int) -> Window:
    found = Window()
    arguments = ("--port", "0", "--workers", str(workers), "--busy-ms", str(held_ms))
    async with (
        server(str(HERE / "forward_server.py"), *arguments) as (forwarding, told),
        server(str(HERE / "echo_server.py")) as (_, echo_port),
        aiohttp.ClientSession() as http,
    ):
        url = told.split()[0]
        talkers = [Talker(int(echo_port), phase) for phase in range(2 * CALLS)]
        try:
            for number, talker in enumerate(talkers):
                began_s = time.perf_counter()
                await talker.join(http, url.format(call=number // 2, role=("customer", "agent")[number % 2]))
                found.set_up_ms.append(1000 * (time.perf_counter() - began_s))
            await talk(talkers, WARM_S)
            await arrived(talkers, 1)
            for talker in talkers:
                talker.sent = talker.received = 0
                talker.delays_s.clear()
            before_s = cpu_s(forwarding)
            await talk(talkers, WINDOW_S)
            await arrived(talkers)
            found.cpu_ms_per_call_s = 1000 * (cpu_s(forwarding) - before_s) / CALLS / WINDOW_S
        finally:
            for talker in talkers:
                await talker.leave()
    found.delays_ms = [1000 * delay_s for talker in talkers for delay_s in talker.delays_s]
    found.lost = sum(talker.sent - talker.received for talker in talkers)
    return found


@pytest.mark.timeout(180)
async def test_what_holds_the_gateway_holds_no_packet_of_a_media_process() -> None:
    windows = {
        (place, how): await window(workers, held_ms)
        for how, held_ms in (("quiet", 0), ("held", HELD_MS))
        for place, workers in (("in_process", 0), ("two_processes", 2))
    }
    figures: dict[str, object] = {f"{place}_{how}": each.figures() for (place, how), each in windows.items()}
    figures |= {"calls": CALLS, "held_ms_per_s": HELD_MS, "load_average": os.getloadavg()[0]}
    print(json.dumps(figures))
    together = percentile(windows["in_process", "held"].delays_ms, 0.99)
    apart = percentile(windows["two_processes", "held"].delays_ms, 0.99)
    assert apart < together / 2, "packets wait for what is none of their business"
