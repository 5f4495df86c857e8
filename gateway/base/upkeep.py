"""What every process of ours does for itself: its loop watched, memory given back, a calm collector, no life alone.

Knows no contact and no packet.
"""

import asyncio
import ctypes
import gc
import resource
import signal
import sys
from collections.abc import Callable
from typing import Final

from gateway.base.clock import Clock

_LAG_EVERY_S: Final = 0.25
_TRIM_EVERY_S: Final = 60.0
_PR_SET_PDEATHSIG: Final = 1
_PR_SET_NO_NEW_PRIVS: Final = 38


async def watch_lag(clock: Clock, report: Callable[[float], None]) -> None:
    """Tell `report`, four times a second, by how many seconds the event loop came too late. Runs until cancelled."""
    while True:
        due = clock.monotonic() + _LAG_EVERY_S
        await clock.sleep_until(due)
        report(max(0.0, clock.monotonic() - due))


async def trim_memory(clock: Clock) -> None:
    """Give freed memory back to the system once a minute: many short calls leave glibc's arenas full of holes.

    Does nothing where the C library has no `malloc_trim`. Runs until cancelled.
    """
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):
        return
    while True:
        await clock.sleep_until(clock.monotonic() + _TRIM_EVERY_S)
        await asyncio.to_thread(trim, 0)


def set_start_aside() -> None:
    """Leave all that was made until now out of garbage collection for good.

    Modules, schemas and routes live as long as the process. A full collection that walks them takes 0.1 s, in which
    nothing is forwarded in any call; without them it walks what the calls of the moment need.
    """
    gc.collect()
    gc.freeze()


def confine() -> None:
    """For a process that the gateway started: die with the gateway, leave no core file, gain no right ever.

    One that lived on would go on writing where the next gateway begins anew. Linux only; elsewhere nothing ends it.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        prctl = ctypes.CDLL(None, use_errno=True).prctl
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
