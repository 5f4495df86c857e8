"""`visavis acd-kit`: one adapter, one target, every scenario, one report."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Final

import uvloop
from rich.console import Console

from gateway.acd.kit.report import KitReport, print_report, summed_up
from gateway.acd.kit.run import Result, play
from gateway.acd.kit.scenario import Scenario
from gateway.acd.kit.scenarios import ALL
from gateway.acd.kit.stands import SIMULATOR, STANDS
from gateway.base import log
from gateway.base.clock import Clock, SystemClock
from gateway.base.errors import SetupError

PAPER_WIDTH: Final = 120
"""Columns of the table in a file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KitPlan:
    """What to play. `only`: names of scenarios or groups; empty: all."""

    adapter: str
    target: str = SIMULATOR
    only: tuple[str, ...] = ()


def run_kit(plan: KitPlan, *, json_output: bool) -> bool:
    """Play, print, and say whether the adapter conforms. SetupError for an unknown adapter, target or scenario."""
    log.configure(json_lines=False, level="ERROR")  # what adapters say of cut lines is asked for here
    console = Console(stderr=json_output)
    if not console.is_terminal:
        console.width = PAPER_WIDTH
    report = uvloop.run(make_report(plan, SystemClock(), console))
    print_report(report, console)
    if json_output:
        sys.stdout.write(report.model_dump_json() + "\n")
    return report.ok


async def make_report(plan: KitPlan, clock: Clock, console: Console | None = None) -> KitReport:
    """Play every scenario of the plan. `console`: where to show that it goes on."""
    stand = STANDS.get(plan.adapter)
    if stand is None:
        raise SetupError("kit_adapter", f"There is no adapter {plan.adapter}; there are {', '.join(sorted(STANDS))}.")
    if plan.target != SIMULATOR:
        raise SetupError("kit_target", f"The adapter {plan.adapter} can be tried with --target {SIMULATOR} only.")
    began_at = clock.now()
    results: list[tuple[Result, float]] = []
    for scenario in _chosen(plan.only):
        began_s = clock.monotonic()
        result = await play(stand(clock), scenario, clock)
        results.append((result, clock.monotonic() - began_s))
        if console is not None and console.is_terminal:
            console.print(f"{result.outcome.value:14} {scenario.group}/{scenario.name}", style="dim")
    return summed_up(results, adapter=plan.adapter, target=plan.target, version=version("visavis"), began_at=began_at)


def _chosen(only: Sequence[str]) -> list[Scenario]:
    known = {scenario.name for scenario in ALL} | {scenario.group for scenario in ALL}
    for name in only:
        if name not in known:
            raise SetupError("kit_scenario", f"There is no scenario and no group {name}.")
    return [scenario for scenario in ALL if not only or {scenario.name, scenario.group} & set(only)]
