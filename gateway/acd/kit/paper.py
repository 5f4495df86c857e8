"""The report as a document that an integrator hands in: Markdown, whole in itself, with the evidence. Pure."""

from collections.abc import Iterator
from typing import Final

from gateway.acd.kit.report import KitReport, ScenarioReport, sums, verdict
from gateway.acd.kit.run import Outcome

_WORDS: Final = {
    Outcome.PASSED: "passed",
    Outcome.FAILED: "**failed**",
    Outcome.NOT_APPLICABLE: "not applicable",
    Outcome.NOT_RUN: "not run",
}
_MARKUP: Final = str.maketrans({mark: f"\\{mark}" for mark in "\\`*_{}[]<>#|"})


def document(report: KitReport) -> str:
    """The whole of it."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: KitReport) -> Iterator[str]:
    yield f"# Conformance of the ACD adapter {_plain(report.adapter)}"
    yield ""
    yield f"**{verdict(report).capitalize()}**: {sums(report.counts)}."
    yield ""
    yield "| | |"
    yield "|---|---|"
    yield f"| adapter | {_plain(report.adapter)} |"
    yield f"| target | {_plain(report.target)} |"
    yield f"| gateway | {_plain(report.gateway)} |"
    yield f"| begun | {report.began_at:%Y-%m-%d %H:%M:%S} UTC |"
    for name, value in report.capabilities.items():
        text = ", ".join(value) if isinstance(value, list) else str(value)
        yield f"| {_plain(name)} | {_plain(text)} |"
    group = ""
    for scenario in report.scenarios:
        if scenario.group != group:
            group = scenario.group
            yield from ("", f"## {_plain(group).capitalize()}", "", "| scenario | what must hold | outcome | s |")
            yield "|---|---|---|---|"
        outcome = _WORDS[scenario.outcome] + (f": {_plain(scenario.why)}" if scenario.why else "")
        yield f"| {_plain(scenario.name)} | {_plain(scenario.about)} | {outcome} | {scenario.seconds:.2f} |"
    told = [scenario for scenario in report.scenarios if scenario.trace or scenario.flaws]
    if told:
        yield from ("", "## Evidence", "")
        yield (
            "Seconds from the beginning of each scenario; `<-` what the adapter said, `->` what it was asked, "
            "`**` what was done at the ACD."
        )
    for scenario in told:
        yield from _evidence(scenario)


def _evidence(scenario: ScenarioReport) -> Iterator[str]:
    began = f"{scenario.began_at:%H:%M:%S}"
    yield from ("", f"### {_plain(scenario.group)}/{_plain(scenario.name)}: {scenario.outcome.value}, {began}", "")
    for flaw in scenario.flaws:
        yield f"- rule `{flaw.rule}`: {_plain(flaw.text)}"
    if scenario.flaws:
        yield ""
    yield from (f"    {' '.join(line.splitlines())}" for line in scenario.trace)


def _plain(text: str) -> str:
    """In one line, and no mark-up: an ACD's own words may be in it."""
    return " ".join(text.split()).translate(_MARKUP)
