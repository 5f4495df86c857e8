"""Every parser that strangers or peers feed, fuzzed for a minute each; `VISAVIS_FUZZ_SECONDS=3600` for longer.

A failing input is written into `tests/seeds/`, where every later run, `make test` included, begins with it.
"""

import json
import os
import time
from random import SystemRandom

import pytest

from tests.support.fuzz_targets import TARGETS, target
from tests.support.fuzzing import fuzz, seconds

FUZZ_S = float(os.environ.get("VISAVIS_FUZZ_SECONDS", "60"))


@pytest.mark.timeout(FUZZ_S + 60)
@pytest.mark.parametrize("name", TARGETS)
def test_no_input_breaks_a_promise(name: str) -> None:
    report = fuzz(target(name), SystemRandom(), seconds(FUZZ_S, time.monotonic))
    print(
        json.dumps(
            {
                "measurement": f"fuzz_{name}",
                "seconds": FUZZ_S,
                "runs": report.runs,
                "lines_reached": report.lines,
                "outcomes": len(report.outcomes),
                "kept": report.corpus,
            }
        )
    )
    assert report.runs > 1_000
