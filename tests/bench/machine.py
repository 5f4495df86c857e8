"""This machine as a bench: cores, precedence, and what a process and its children have used."""

import os
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Final

RR_PRIORITY: Final = 10
"""Linux stops all real-time work for the last 5 % of each second: a server that needs them looks worse than it is."""

NICE: Final = -20


@cache
def cores() -> tuple[int, int]:
    """(the server's, the load client's); the same one on a machine with a single core."""
    allowed = sorted(os.sched_getaffinity(0))
    return allowed[0], allowed[-1]


@cache
def precedence() -> str:
    """`rr` (real time), `nice` (-20) or `none`: as `BENCH_PRECEDENCE` asks, where it is permitted."""
    asked = os.environ.get("BENCH_PRECEDENCE", "rr")
    try:
        if asked == "rr":
            os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(RR_PRIORITY))
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
        elif asked == "nice":
            before = os.getpriority(os.PRIO_PROCESS, 0)
            os.setpriority(os.PRIO_PROCESS, 0, NICE)
            os.setpriority(os.PRIO_PROCESS, 0, before)
    except PermissionError:
        return "none"
    return asked


def placed(core: int) -> Callable[[], None]:
    """For `preexec_fn`: on that core, with precedence over the machine's other work."""
    kind = precedence()

    def place() -> None:
        os.sched_setaffinity(0, {core})
        if kind == "rr":
            os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(RR_PRIORITY))
        elif kind == "nice":
            os.setpriority(os.PRIO_PROCESS, 0, NICE)

    return place


@contextmanager
def preferred() -> Iterator[None]:
    """Whoever is started inside is so with precedence, on any core; ordinary work where that is not permitted."""
    kind, nice = precedence(), os.getpriority(os.PRIO_PROCESS, 0)
    if kind == "rr":
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(RR_PRIORITY))
    elif kind == "nice":
        os.setpriority(os.PRIO_PROCESS, 0, NICE)
    try:
        yield
    finally:
        if kind == "rr":
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
        elif kind == "nice":
            os.setpriority(os.PRIO_PROCESS, 0, nice)


def own_address() -> str:
    """An address of this machine that is not a loopback one: Janus gathers no others. Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])


def family(pid: int) -> list[int]:
    """The process and all its descendants."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found = [pid]
    for each in found:
        found += children.get(each, [])
    return found


def cpu_s(pid: int) -> float:
    """CPU time of the process, its threads and descendants, of the scheduler's own nanoseconds."""
    total_ns = 0
    for each in family(pid):
        for thread in Path(f"/proc/{each}/task").glob("*/schedstat"):
            try:
                total_ns += int(thread.read_text().split()[0])
            except OSError:
                continue
    return total_ns / 1e9


def cpu_by_thread_s(pid: int) -> Counter[str]:
    """CPU time of one process by the names of its threads; the first is `main`, others of Python's have its name."""
    used: Counter[str] = Counter()
    for thread in Path(f"/proc/{pid}/task").iterdir():
        try:
            name = "main" if thread.name == str(pid) else (thread / "comm").read_text().strip()
            used[name] += int((thread / "schedstat").read_text().split()[0]) / 1e9
        except OSError:
            continue
    return used


def memory_bytes(pid: int) -> int:
    """Resident memory of the process and its descendants, shared pages counted once (PSS)."""
    total = 0
    for each in family(pid):
        try:
            text = Path(f"/proc/{each}/smaps_rollup").read_text()
        except OSError:
            continue
        total += sum(int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("Pss:"))
    return total
