"""What a run of the kit found: the JSON that an integrator hands in, and the table for people.

The schema is documented in docs/integrator/acd-kit.md; a test compares the two.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pydantic import BaseModel, ConfigDict
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from gateway.acd.kit.run import Outcome, Result
from gateway.acd.port import AcdCapabilities

CONFORMS: Final = 0
FAILED: Final = 1
NOTHING_RUN: Final = 3  # 2 is a wrong option, or a target that can't be used

FORMAT: Final = 1
"""Raised when a field changes its meaning; new fields do not raise it."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FlawReport(_Part):
    rule: str
    text: str


class ScenarioReport(_Part):
    name: str
    group: str
    about: str
    outcome: Outcome
    why: str = ""  # of a failure, or why it is not applicable or was not run
    flaws: list[FlawReport] = []
    trace: list[str] = []  # of a failure, and of all at a real ACD: what was said and asked, in order
    began_at: datetime
    seconds: float


class Counts(_Part):
    passed: int
    failed: int
    not_applicable: int
    not_run: int


class KitReport(_Part):
    """One run of one adapter."""

    format: int = FORMAT
    gateway: str  # version
    adapter: str
    target: str
    began_at: datetime
    ok: bool
    capabilities: dict[str, str | bool | int | list[str] | None]
    counts: Counts
    scenarios: list[ScenarioReport]

    @property
    def exit_code(self) -> int:
        if self.counts.failed:
            return FAILED
        return CONFORMS if self.counts.passed else NOTHING_RUN


@dataclass(frozen=True, slots=True)
class Played:
    """A result, when it was begun and how long it took."""

    result: Result
    began_at: datetime
    seconds: float


def summed_up(played: Sequence[Played], *, adapter: str, target: str, version: str, began_at: datetime) -> KitReport:
    """The report of these results. Nothing passed is no success."""
    results = [each.result for each in played]
    outcomes = [result.outcome for result in results]
    counts = Counts(
        passed=outcomes.count(Outcome.PASSED),
        failed=outcomes.count(Outcome.FAILED),
        not_applicable=outcomes.count(Outcome.NOT_APPLICABLE),
        not_run=outcomes.count(Outcome.NOT_RUN),
    )
    known = next((result.capabilities for result in results if result.capabilities is not None), None)
    return KitReport(
        gateway=version,
        adapter=adapter,
        target=target,
        began_at=began_at,
        ok=counts.failed == 0 and counts.passed > 0,
        capabilities={} if known is None else _abilities(known),
        counts=counts,
        scenarios=[
            ScenarioReport(
                name=each.result.scenario.name,
                group=each.result.scenario.group,
                about=each.result.scenario.about,
                outcome=each.result.outcome,
                why=each.result.why,
                flaws=[FlawReport(rule=flaw.rule, text=flaw.text) for flaw in each.result.flaws],
                trace=list(each.result.trace),
                began_at=each.began_at,
                seconds=round(each.seconds, 3),
            )
            for each in played
        ],
    )


def _abilities(capabilities: AcdCapabilities) -> dict[str, str | bool | int | list[str] | None]:
    return {
        "mode": capabilities.mode.value,
        "gives_position": capabilities.gives_position,
        "gives_estimate": capabilities.gives_estimate,
        "keeps_deadlines": capabilities.keeps_deadlines,
        "max_attribute_bytes": capabilities.max_attribute_bytes,
        "tells_agent": capabilities.tells_agent,
        "holds": capabilities.holds,
        "transfers": sorted(mode.value for mode in capabilities.transfers),
        "wraps_up": capabilities.wraps_up,
        "tells_agent_state": capabilities.tells_agent_state,
        "takes_agent_state": capabilities.takes_agent_state,
    }


_SIGNS: Final = {
    Outcome.PASSED: "[green]✓[/]",
    Outcome.FAILED: "[red]✗[/]",
    Outcome.NOT_APPLICABLE: "[dim]–[/]",
    Outcome.NOT_RUN: "[yellow]·[/]",
}


def print_report(report: KitReport, console: Console) -> None:
    """The table, the failures with what was said and asked, and the sum."""
    table = Table(title=f"{report.adapter} at {report.target}", title_justify="left", show_lines=False)
    table.add_column("")
    table.add_column("scenario", no_wrap=True)
    table.add_column("what must hold, or why not")
    table.add_column("s", justify="right")
    group = ""
    for scenario in report.scenarios:
        if scenario.group != group:
            group = scenario.group
            table.add_section()
        text = escape(scenario.about)
        if scenario.outcome in (Outcome.NOT_APPLICABLE, Outcome.NOT_RUN):
            text = f"[dim]{scenario.outcome.value.replace('_', ' ')}: {escape(scenario.why)}[/]"
        elif scenario.outcome is Outcome.FAILED:
            text += f"\n[red]{escape(scenario.why)}[/]"
        name = f"{scenario.group}/{scenario.name}"
        table.add_row(_SIGNS[scenario.outcome], name, text, f"{scenario.seconds:.2f}")
    console.print(table)
    for scenario in report.scenarios:
        if scenario.outcome is Outcome.FAILED:
            console.print(f"\n[bold]{scenario.group}/{scenario.name}[/]: {escape(scenario.why)}")
            for flaw in scenario.flaws:
                console.print(f"  rule {flaw.rule}: {escape(flaw.text)}", highlight=False)
            for line in scenario.trace:
                console.print(f"  {escape(line)}", highlight=False, style="dim")
    colour = {CONFORMS: "green", FAILED: "red", NOTHING_RUN: "yellow"}[report.exit_code]
    console.print(f"\n{report.adapter} [{colour}]{verdict(report)}[/]: {sums(report.counts)}.")


def verdict(report: KitReport) -> str:
    """In words."""
    return {CONFORMS: "conforms", FAILED: "does not conform", NOTHING_RUN: "was not tried"}[report.exit_code]


def sums(counts: Counts) -> str:
    """In words."""
    text = f"{counts.passed} passed, {counts.failed} failed, {counts.not_applicable} not applicable"
    return f"{text}, {counts.not_run} not run" if counts.not_run else text
