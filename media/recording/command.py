"""What the recording commands share: being modest with the machine, and saying how far they are."""

import ctypes
import os
import platform
import resource
import sys
from collections.abc import Callable
from typing import Final

_IOPRIO_SET: Final = {"x86_64": 251, "aarch64": 30}
"""Linux system call numbers; glibc has no function for this one (ioprio_set(2))."""

_WHO_PROCESS: Final = 1
_CLASS_IDLE: Final = 3 << 13


def be_modest(nice: int, memory_bytes: int) -> None:
    """Step behind everything else on this machine: the processor by `nice`, the disk with it, memory up to a limit."""
    if nice > 0:
        os.nice(nice)
        number = _IOPRIO_SET.get(platform.machine())
        if number is not None and sys.platform == "linux":
            ctypes.CDLL(None).syscall(number, _WHO_PROCESS, 0, _CLASS_IDLE)  # refused where a container forbids it
    if memory_bytes > 0:
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        limit = memory_bytes if hard == resource.RLIM_INFINITY else min(memory_bytes, hard)
        resource.setrlimit(resource.RLIMIT_AS, (limit, hard))


def percent_lines() -> Callable[[float], None]:
    """A listener that prints `progress N` on stdout whenever another percent is done."""
    last = -1

    def tell(share: float) -> None:
        nonlocal last
        percent = min(100, int(share * 100))
        if percent > last:
            last = percent
            print(f"progress {percent}", flush=True)  # noqa: T201 - a command

    return tell


def failed(exit_code: int, why: object) -> int:
    print(f"error: {why}", file=sys.stderr)  # noqa: T201 - a command
    return exit_code
