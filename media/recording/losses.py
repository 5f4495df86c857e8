"""What a track should hold and does not: from when to when, and why as far as that is known. Pure; Unix seconds."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from media.recording.coverage import Interval, expected_with_grace, merged, without

SHORTEST_S: Final = 0.1
MAX_LISTED: Final = 50
"""Of one track: the longest. The sum holds all of them."""

NETWORK: Final = "network"
NEVER_CAME: Final = "never_came"
MEDIA_PROCESS: Final = "media_process"
DISK_SLOW: Final = "disk_slow"
DISK_DAMAGE: Final = "disk_damage"

INCOMPLETE_S: Final = 2.0
INCOMPLETE_SHARE: Final = 0.02
"""A track that lacks more than either is incomplete: somebody should know."""


@dataclass(frozen=True, slots=True)
class Cause:
    """Between these times everything that is missing is missing because of `code`."""

    start_s: float
    end_s: float
    code: str


@dataclass(frozen=True, slots=True)
class Missing:
    """`listed`: (from, to, cause code) of the longest, in order of time."""

    total_s: float = 0.0
    share: float = 0.0
    listed: list[tuple[float, float, str]] = field(default_factory=list)

    @property
    def incomplete(self) -> bool:
        return self.total_s > INCOMPLETE_S or self.share > INCOMPLETE_SHARE


def missing(expected: Sequence[Interval], covered: Sequence[Interval], causes: Sequence[Cause]) -> Missing:
    """What of `expected` is not `covered`, apart from what a browser is granted at its begin and end.

    Each piece gets the cause that explains most of it, and at least half; without one, `network` where anything of the
    track came at all, else `never_came`.
    """
    wanted = expected_with_grace(expected, covered)
    total_s = sum(end - start for start, end in wanted)
    holes = [hole for hole in without(wanted, merged(covered)) if hole[1] - hole[0] >= SHORTEST_S]
    missing_s = sum(end - start for start, end in holes)
    otherwise = NETWORK if covered else NEVER_CAME
    longest = sorted(holes, key=lambda hole: hole[0] - hole[1])[:MAX_LISTED]
    return Missing(
        missing_s,
        missing_s / total_s if total_s > 0 else 0.0,
        [(start, end, _cause(start, end, causes, otherwise)) for start, end in sorted(longest)],
    )


def _cause(start_s: float, end_s: float, causes: Sequence[Cause], otherwise: str) -> str:
    best, code = (end_s - start_s) / 2, otherwise
    for cause in causes:
        overlap_s = min(end_s, cause.end_s) - max(start_s, cause.start_s)
        if overlap_s >= best:
            best, code = overlap_s, cause.code
    return code
