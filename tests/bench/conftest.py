"""`make bench` ends with the table of what its measurements found."""

import os

import pytest

from tests.bench.machine import precedence
from tests.bench.settings import ROUNDS, SRTP, WINDOW_S
from tests.bench.table import TABLE


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not TABLE.rows:
        return
    write = terminalreporter.write_line
    write("")
    for line in TABLE.lines():
        write(line)
    loads = sorted(TABLE.loads)
    write(
        f"{ROUNDS} rounds of {WINDOW_S:g} s windows, SRTP {SRTP}, precedence {precedence()}, {os.cpu_count()} cores, "
        f"load average {loads[0]} to {loads[-1]}."
    )
    write("Ratios hold; milliseconds are of this machine at this hour.")
