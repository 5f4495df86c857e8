"""What should be in a recording, as its owner wrote it into `expected.json` beside the capture.

    {"tracks": [{"role": "customer", "kind": "audio", "intervals": [[from, to], [from, null]]}, …],
     "truncated_reason": "", "language": "fr"}

Times are Unix seconds on the media host; `null` is the end of the capture (the owner was killed before it knew).
"""

import json
import math
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from media.recording.coverage import Interval, merged

FILE_NAME: Final = "expected.json"
MAX_BYTES: Final = 1024 * 1024
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8}){0,4}")


class ExpectedInvalid(ValueError):
    """The file is there but says nothing that can be understood."""


@dataclass(frozen=True, slots=True)
class Expected:
    """Intervals by (role, kind). `given` is False when there is no file: then the capture is its own measure."""

    intervals: dict[tuple[str, str], list[Interval]] = field(default_factory=dict)
    truncated_reason: str = ""
    language: str = ""
    """BCP 47, of what is said; empty when not known."""
    given: bool = False


def read_expected(folder: Path, capture_end_s: float) -> Expected:
    """Read `expected.json`; a missing one gives `Expected()`. Raises ExpectedInvalid and, for other errors, OSError."""
    try:
        with (folder / FILE_NAME).open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return Expected()
    if len(data) > MAX_BYTES:
        raise ExpectedInvalid("expected.json is too large")
    try:
        values = json.loads(data)
        intervals: dict[tuple[str, str], list[Interval]] = {}
        for track in values["tracks"]:
            key = (str(track["role"]), str(track["kind"]))
            intervals[key] = merged([_interval(pair, capture_end_s) for pair in track["intervals"]])
        language = str(values.get("language") or "")
        if not _LANGUAGE.fullmatch(language):
            language = ""
        return Expected(intervals, str(values.get("truncated_reason", "")), language, True)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ExpectedInvalid("expected.json can't be understood") from error


def _interval(pair: Any, capture_end_s: float) -> Interval:
    start, end = pair
    start_s, end_s = float(start), capture_end_s if end is None else float(end)
    if not (math.isfinite(start_s) and math.isfinite(end_s)):
        raise ExpectedInvalid("a time is not finite")
    return start_s, end_s
