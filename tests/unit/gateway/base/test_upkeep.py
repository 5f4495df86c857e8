"""What a process of ours does for itself."""

import asyncio
import os
import signal
import sys
from pathlib import Path

PARENT = """
import subprocess, sys, signal
child = subprocess.Popen([sys.executable, "-c", sys.argv[1]], stdout=sys.stdout)
signal.pause()
"""
CHILD = """
import os, signal
from gateway.base.upkeep import confine
confine()
print(os.getpid(), flush=True)
signal.pause()
"""


def runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state not in "ZX"


async def test_a_confined_process_does_not_outlive_the_gateway_that_started_it() -> None:
    """A finaliser that lived on went on writing where the next gateway had begun anew."""
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", PARENT, CHILD, stdout=asyncio.subprocess.PIPE)
    assert parent.stdout is not None
    async with asyncio.timeout(30):
        child = int(await parent.stdout.readline())
        assert runs(child)
        os.kill(parent.pid, signal.SIGKILL)
        await parent.wait()
        while runs(child):  # noqa: ASYNC110 - not our child: there is nothing to wait on
            await asyncio.sleep(0.01)
