"""Fifty robot calls at once through the whole product on this machine: all succeed, and nothing is left after.

Prints one JSON line with the figures. Robots and gateway share the machine, so the times are an upper bound.
"""

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from gateway.canary.report import CanaryReport, percentile
from tests.support.product import ROOT, Product, environment, until

CALLS = 50
TALK_S = 10
SET_UP = ("availability", "entry", "hello", "menu", "queue", "leg", "agent", "two_way_media")
LEFT = ("visavis_tasks", "process_open_fds", "visavis_media_legs", "visavis_media_recordings", "visavis_contacts")


async def canary(product: Product, calls: int, talk_s: int) -> CanaryReport:
    """The command itself, in a process of its own."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "gateway.cli",
        "canary",
        product.url,
        "--calls",
        str(calls),
        "--talk",
        str(talk_s),
        "--json",
        env=environment(product.folder),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    return CanaryReport.model_validate_json(out)


def set_up_ms(report: CanaryReport) -> list[float]:
    return [float(sum(step.ms for step in call.steps if step.name in SET_UP)) for call in report.calls]


async def cpu_s(product: Product) -> float:
    return await product.metric("process_cpu_seconds_total")


async def mean_lag_s(product: Product) -> float:
    name = "visavis_loop_lag_seconds"
    return await product.metric(f"{name}_sum") / await product.metric(f"{name}_count")


@pytest.mark.timeout(900)
async def test_fifty_calls_at_once_all_succeed_and_leave_nothing(tmp_path: Path) -> None:
    product = await Product.start(tmp_path, settings={"VISAVIS_LOG__LEVEL": "WARNING"})
    try:
        warm = await canary(product, 20, 2)  # what is made once is made now: database connections, threads of the pool
        assert warm.ok, [call.error for call in warm.calls if call.error]
        before = {name: await product.metric(name) for name in LEFT}
        threads = await product.metric("visavis_threads")
        cpu_before = await cpu_s(product)
        report = await canary(product, CALLS, TALK_S)
        figures = {
            "calls": CALLS,
            "good": sum(call.ok for call in report.calls),
            "set_up_ms": {share: percentile(set_up_ms(report), share / 100) for share in (50, 95)},
            "lost": sum(call.customer.lost + call.agent.lost for call in report.calls),
            "completeness": min((call.recording.completeness for call in report.calls if call.recording), default=0),
            "server_cpu_s": round(await cpu_s(product) - cpu_before, 1),
            "loop_lag_mean_ms": round(1000 * await mean_lag_s(product), 1),
            "errors": sorted({call.error for call in report.calls if call.error}),
            "load_average": os.getloadavg()[0],
        }

        async def all_gone() -> bool:
            return all([await product.metric(name) <= before[name] for name in LEFT])

        try:
            await until(all_gone, 60)
        finally:
            figures["left"] = {name: await product.metric(name) - before[name] for name in LEFT}
            figures["threads"] = await product.metric("visavis_threads") - threads
            print(json.dumps(figures))
        assert report.ok, figures["errors"]
        assert figures["threads"] <= 32, "only the bounded pool may have grown"
    finally:
        await product.kill()
