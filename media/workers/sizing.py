"""How many media processes suit a machine. Pure but for the look at the machine."""

import math
import os
from pathlib import Path
from typing import Final

LEGS_PER_PROCESS: Final = 40
"""Fewer legs than this are not worth another process: it costs 80 MB, and 20 calls are a fifth of a core."""

MOST: Final = 16


def processes_for(cores: int, max_legs: int) -> int:
    """The number for `media.workers = auto`: one for each core, no more than the legs allowed are worth, never none.

    Also on one core it is one and not none: the scheduler then shares the core between packets and everything else
    (JSON, TLS, SQL, passwords), while in one process whatever takes 200 ms holds up every packet for 200 ms.
    """
    return max(1, min(cores, math.ceil(max_legs / LEGS_PER_PROCESS), MOST))


def cores(cgroup: Path = Path("/sys/fs/cgroup")) -> int:
    """Cores this process may use: its affinity, or less when a container's quota says so."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _quota(cgroup)
    return max(1, min(allowed, math.ceil(quota)) if quota else allowed)


def _quota(cgroup: Path) -> float | None:
    """CPU time per time, of a control group of version 2 or 1; None without a limit."""
    try:
        limit, _, period = (cgroup / "cpu.max").read_text().strip().partition(" ")
        return int(limit) / int(period) if limit != "max" else None
    except (OSError, ValueError, ZeroDivisionError):
        pass
    try:
        limit_us = int((cgroup / "cpu" / "cpu.cfs_quota_us").read_text())
        return limit_us / int((cgroup / "cpu" / "cpu.cfs_period_us").read_text()) if limit_us > 0 else None
    except (OSError, ValueError, ZeroDivisionError):
        return None
