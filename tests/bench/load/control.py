"""The load client as the measurements see it: a process on the other core that is asked one thing at a time."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from tests.bench.machine import cores, own_address, placed
from tests.bench.rivals import Rival

_ANSWER_S: Final = 120.0


class Load:
    """A running client. Every method raises LoadFailed with the client's own sentence."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def ask(self, **command: Any) -> dict[str, Any]:
        """One command of `client.py`, and its answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(command).encode() + b"\n")
        line = await asyncio.wait_for(self._process.stdout.readline(), _ANSWER_S)
        answer: dict[str, Any] = json.loads(line) if line else {"ok": False, "error": "the load client ended"}
        if not answer["ok"]:
            raise LoadFailed(f"{command}: {answer['error']}")
        return answer

    async def connect(self, rival: Rival) -> None:
        """Hang up everything; calls go to that server from now on."""
        await self.ask(do="server", kind=rival.kind, url=rival.url, token=rival.token)


class LoadFailed(Exception):
    """The load could not be made, so there is nothing to measure."""


@asynccontextmanager
async def load_client(host: str = "") -> AsyncIterator[Load]:
    """A client at that address (empty: one where Janus can be reached), offering the profile `BENCH_SRTP`."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(Path(__file__).parent / "client.py"),
        "--host",
        host or own_address(),
        "--srtp",
        os.environ.get("BENCH_SRTP", "cm"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        preexec_fn=placed(cores()[1]),
        limit=1 << 20,
    )
    try:
        yield Load(process)
    finally:
        if process.stdin is not None:
            process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), 15)
        except TimeoutError:
            process.kill()
            await process.wait()
