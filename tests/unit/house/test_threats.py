"""Every threat that is written down has a test, and the test is there."""

import ast
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[3]
ROWS = [
    line
    for line in (ROOT / "docs" / "developer" / "threats.md").read_text(encoding="utf-8").splitlines()
    if line.startswith("| ") and "---" not in line and not line.rstrip(" |").endswith("| test")
]


@cache
def functions_in(file: str) -> frozenset[str]:
    """The names of the test functions of a file, those in classes included."""
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    return frozenset(
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    )


def named_in(row: str) -> list[tuple[str, str]]:
    return re.findall(r"`(tests/[\w/.]+\.py)::(\w+)`", row)


def test_every_threat_names_a_test() -> None:
    assert len(ROWS) > 40
    assert [row for row in ROWS if not named_in(row)] == []


def test_every_test_that_is_named_exists() -> None:
    named = {pair for row in ROWS for pair in named_in(row)}
    assert len(named) > 60
    assert sorted(f"{file}::{name}" for file, name in named if name not in functions_in(file)) == []


def test_every_row_is_three_cells() -> None:
    assert [row for row in ROWS if len(re.split(r"(?<!\\)\|", row.strip().strip("|"))) != 3] == []
