"""The table at the end of `make bench`: each figure beside what is asked of it, and what the machine was like."""

import json
import os
from dataclasses import dataclass, field
from typing import Any, Final

HEADINGS: Final = ("figure", "at least", "aim", "measured", "met")


@dataclass(frozen=True, slots=True)
class Row:
    """`bounds` are (at least, aim), None when nothing is asked; `more` when more is better. One number per bound."""

    figure: str
    bounds: tuple[tuple[float, ...], tuple[float, ...]] | None
    measured: tuple[float, ...]
    unit: str = ""
    more: bool = False
    note: str = ""

    @property
    def met(self) -> str:
        if self.bounds is None:
            return ""
        for bound, word in ((self.bounds[1], "aim"), (self.bounds[0], "yes")):
            pairs = zip(self.measured, bound, strict=True)
            if all(got >= limit if self.more else got <= limit for got, limit in pairs):
                return word
        return "no"

    def cells(self) -> tuple[str, ...]:
        sign = "≥" if self.more else "≤"
        least, aim = (f"{sign} {_numbers(each)}{self.unit}" for each in self.bounds) if self.bounds else ("", "")
        note = f" ({self.note})" if self.note else ""
        return self.figure, least, aim, f"{_numbers(self.measured)}{self.unit}{note}", self.met


@dataclass(slots=True)
class Table:
    """All rows of a run, in the order in which they were measured."""

    rows: list[Row] = field(default_factory=list)
    loads: list[float] = field(default_factory=list)

    def measured(self, name: str, **figures: Any) -> None:
        """One line of JSON for one measurement, as it happens."""
        self.loads.append(round(os.getloadavg()[0], 1))
        print(json.dumps({"measured": name, **figures, "load_average": self.loads[-1]}), flush=True)

    def add(self, row: Row) -> None:
        self.rows.append(row)

    def lines(self) -> list[str]:
        """The table as Markdown, aligned for reading in a terminal."""
        cells = [HEADINGS, *(row.cells() for row in self.rows)]
        widths = [max(len(line[column]) for line in cells) for column in range(len(HEADINGS))]
        lines = [
            "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |"
            for line in cells
        ]
        lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
        return lines


def _numbers(values: tuple[float, ...]) -> str:
    return " / ".join(f"{value:.3g}" for value in values)


TABLE: Final = Table()
"""Of this run. `conftest.py` prints it at the end."""
