"""What forwarding costs: CPU of a server with nothing but the media engine, in multiples of echoing the same datagrams.

Prints one JSON line for each number of calls. The multiple holds on any machine and under any load of it; milliseconds
and delays are of this machine at this moment, with the talkers' own delay in them.
"""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from gateway.canary.report import percentile
from tests.bench.talkers import Talker, arrived, talk

HERE = Path(__file__).parent
WARM_S = 2.0
WINDOW_S = 8.0
MOST_ECHOES = 5.0
"""Forwarding decrypts, rewrites and encrypts what an echo only returns: 1.8 to 2.2 times its price as measured, also on
a machine with a load of 15. Twice that is a mistake in the packet path, not noise."""


@asynccontextmanager
async def server(*arguments: str) -> AsyncIterator[tuple[int, str]]:
    """(process id, first line it printed)"""
    process = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdout=asyncio.subprocess.PIPE)
    try:
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), 30)
        yield process.pid, line.decode().strip()
    finally:
        process.terminate()
        await process.wait()


def cpu_s(pid: int) -> float:
    """CPU time of all threads of a process, of the scheduler's own nanoseconds."""
    return sum(int(each.read_text().split()[0]) for each in Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e9


@pytest.mark.timeout(180)
@pytest.mark.parametrize("calls", [1, 10])
async def test_forwarding_costs_a_few_times_an_echo_and_loses_nothing(calls: int) -> None:
    async with (
        server(str(HERE / "forward_server.py"), "--port", "0") as (forwarding, told),
        server(str(HERE / "echo_server.py")) as (echoing, echo_port),
        aiohttp.ClientSession() as http,
    ):
        url = told.split()[0]
        talkers = [Talker(int(echo_port), phase) for phase in range(2 * calls)]
        try:
            for number, talker in enumerate(talkers):
                await talker.join(http, url.format(call=number // 2, role=("customer", "agent")[number % 2]))
            await talk(talkers, WARM_S)  # sources are learnt, pictures begin: the first packets go nowhere
            await arrived(talkers, 1)
            for talker in talkers:
                talker.sent = talker.received = 0
                talker.delays_s.clear()
            before = cpu_s(forwarding), cpu_s(echoing)
            await talk(talkers, WINDOW_S)
            await arrived(talkers)
            spent = cpu_s(forwarding) - before[0], cpu_s(echoing) - before[1]
        finally:
            for talker in talkers:
                await talker.leave()
    sent, received = sum(talker.sent for talker in talkers), sum(talker.received for talker in talkers)
    delays_ms = [1000 * delay_s for talker in talkers for delay_s in talker.delays_s]
    figures = {
        "calls": calls,
        "forward_ms_per_call_s": round(1000 * spent[0] / calls / WINDOW_S, 1),
        "echo_ms_per_call_s": round(1000 * spent[1] / calls / WINDOW_S, 1),
        "echoes": round(spent[0] / spent[1], 2),
        "packets": sent,
        "lost": sent - received,
        "delay_ms": {share: round(percentile(delays_ms, share / 100), 2) for share in (50, 95, 99)},
        "load_average": os.getloadavg()[0],
    }
    print(json.dumps(figures))
    assert received >= 0.99 * sent
    assert figures["echoes"] < MOST_ECHOES
