"""`visavis acd-kit`: one adapter, one target, every scenario, one report."""

import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Final

import uvloop
from rich.console import Console
from rich.markup import escape

from gateway.acd.kit.hands import Hands
from gateway.acd.kit.paper import document
from gateway.acd.kit.report import KitReport, Played, print_report, summed_up
from gateway.acd.kit.run import play
from gateway.acd.kit.scenario import Scenario
from gateway.acd.kit.scenarios import ALL
from gateway.acd.kit.stand import Stand
from gateway.acd.kit.stands import STANDS
from gateway.acd.kit.stands.real import Bench, RealStand, trial
from gateway.acd.kit.target import SIMULATOR
from gateway.base import log
from gateway.base.clock import Clock, SystemClock
from gateway.base.errors import SetupError

PAPER_WIDTH: Final = 120
"""Columns of the table in a file."""

Tell = Callable[[str], None]
Reach = Callable[[Clock, Tell], AbstractAsyncContextManager[Bench]]
"""Opens the bench of a real target; `Tell` takes a line for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RealTarget:
    """How a real ACD is reached, and who is there."""

    reach: Reach
    hands: Hands
    wait_s: float  # what must happen has happened within this
    patience_s: float  # what is asked of a hand too


@dataclass(frozen=True, slots=True, kw_only=True)
class KitPlan:
    """What to play. `only`: names of scenarios or groups; empty: all. `real` None: against the simulator."""

    adapter: str
    target: str = SIMULATOR
    only: tuple[str, ...] = ()
    real: RealTarget | None = None


def check_adapter(name: str) -> None:
    """SetupError (`kit_adapter`) when there is none of that name."""
    if name not in STANDS:
        raise SetupError("kit_adapter", f"There is no adapter {name}; there are {', '.join(sorted(STANDS))}.")


def console_for(*, json_output: bool) -> Console:
    """Where people read. A file gets columns enough."""
    console = Console(stderr=json_output)
    if not console.is_terminal:
        console.width = PAPER_WIDTH
    return console


def run_kit(plan: KitPlan, console: Console, *, json_output: bool, file: Path | None = None) -> int:
    """Play, print, write the document to `file`, and give the exit code. SetupError for an unknown adapter or scenario,
    a target that can't be used, and (`kit_report`) a file that can't be written."""
    log.configure(json_lines=False, level="ERROR")  # what adapters say of cut lines is asked for here
    if file is not None:
        _write(file, "")  # before anything is played for nothing
    report = uvloop.run(make_report(plan, SystemClock(), console))
    print_report(report, console)
    if json_output:
        sys.stdout.write(report.model_dump_json() + "\n")
    if file is not None:
        _write(file, report.model_dump_json(indent=2) + "\n" if file.suffix == ".json" else document(report))
    return report.exit_code


async def make_report(plan: KitPlan, clock: Clock, console: Console | None = None) -> KitReport:
    """Play every scenario of the plan. `console`: where to show that it goes on."""
    check_adapter(plan.adapter)
    chosen = _chosen(plan.only)
    began_at = clock.now()
    played: list[Played] = []
    async with _stands(plan, clock, console) as stand:
        for scenario in chosen:
            began_s, at = clock.monotonic(), clock.now()
            if console is not None and plan.real is not None and plan.real.hands.there:
                console.print(f"\n[bold]{scenario.group}/{scenario.name}[/] {escape(scenario.about)}", highlight=False)
            result = await play(stand(), scenario, clock)
            played.append(Played(result, at, clock.monotonic() - began_s))
            if console is not None and console.is_terminal:
                console.print(f"{result.outcome.value:14} {scenario.group}/{scenario.name}", style="dim")
    return summed_up(played, adapter=plan.adapter, target=plan.target, version=version("visavis"), began_at=began_at)


@asynccontextmanager
async def _stands(plan: KitPlan, clock: Clock, console: Console | None) -> AsyncIterator[Callable[[], Stand]]:
    """What makes a fresh stand for each scenario. A real target has taken a contact before."""
    real = plan.real
    if real is None:
        make = STANDS[plan.adapter]
        yield lambda: make(clock)
        return

    def tell(text: str) -> None:
        if console is not None:
            console.print(escape(text), highlight=False)

    async with real.reach(clock, tell) as bench:

        def at_target() -> RealStand:
            return RealStand(bench, real.hands, wait_s=real.wait_s, patience_s=real.patience_s)

        await trial(at_target(), clock)
        yield at_target


def _chosen(only: Sequence[str]) -> list[Scenario]:
    known = {scenario.name for scenario in ALL} | {scenario.group for scenario in ALL}
    for name in only:
        if name not in known:
            raise SetupError("kit_scenario", f"There is no scenario and no group {name}.")
    return [scenario for scenario in ALL if not only or {scenario.name, scenario.group} & set(only)]


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SetupError("kit_report", f"The report can't be written to {file}: {error.strerror}.") from error
