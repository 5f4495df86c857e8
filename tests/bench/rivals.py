"""The two servers under load, each on the server's core and in the same scheduler class: ours, and stock Janus."""

import asyncio
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.bench.machine import cores, cpu_s, memory_bytes, own_address, placed

HERE: Final = Path(__file__).parent
START_S: Final = 30.0
_SUBFOLDERS: Final = {"plugins": "libjanus_videocall.so", "transports": "libjanus_websockets.so"}


@dataclass(frozen=True, slots=True)
class Rival:
    """One running server. `kind` is how the load client gets calls into it."""

    kind: str
    url: str
    pid: int
    token: str = ""

    def cpu_s(self) -> float:
        return cpu_s(self.pid)

    def memory_bytes(self) -> int:
        return memory_bytes(self.pid)


@asynccontextmanager
async def ours(*arguments: str) -> AsyncIterator[Rival]:
    """`forward_server.py`: the media engine and one HTTP route."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(HERE / "forward_server.py"),
        "--port",
        "0",
        "--media-host",
        own_address(),
        *arguments,
        stdout=subprocess.PIPE,
        preexec_fn=placed(cores()[0]),
    )
    try:
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), START_S)
        yield Rival("ours", line.decode().split()[0], process.pid)
    finally:
        await _end(process)


@asynccontextmanager
async def janus() -> AsyncIterator[Rival]:
    """Janus as the distribution builds it, with one plugin and one transport; its folder is a temporary one."""
    folder = Path(tempfile.mkdtemp(prefix="bench-janus-"))
    port = _free_port()
    installed = _janus_folder()
    assert installed is not None, "janus is not installed; deploy/test-tools bench does it"
    for name, library in _SUBFOLDERS.items():
        (folder / name).mkdir()
        (folder / name / library).symlink_to(installed / name / library)
    (folder / "janus.jcfg").write_text(
        f"""
general: {{ configs_folder = "{folder}"  plugins_folder = "{folder}/plugins"
  transports_folder = "{folder}/transports"  events_folder = "{folder}/none"  loggers_folder = "{folder}/none"
  debug_level = 2  session_timeout = 120 }}
media: {{ ipv6 = false }}
nat: {{ full_trickle = false  ice_enforce_list = "{own_address()}" }}
"""
    )
    (folder / "janus.transport.websockets.jcfg").write_text(
        f'general: {{ json = "compact"  ws = true  ws_port = {port}  ws_ip = "127.0.0.1"  wss = false }}\n'
        "admin: { admin_ws = false }\n"
    )
    (folder / "janus.plugin.videocall.jcfg").write_text("")
    with (folder / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            "janus",
            "-F",
            str(folder),
            "-C",
            str(folder / "janus.jcfg"),
            stdout=log,
            stderr=log,
            preexec_fn=placed(cores()[0]),
        )
    try:
        await _until_open(port, process, folder / "log")
        yield Rival("janus", f"ws://127.0.0.1:{port}/", process.pid)
    finally:
        await _end(process)
        shutil.rmtree(folder, ignore_errors=True)


def _janus_folder() -> Path | None:
    """Where the distribution put the plugins: `/usr/lib/<architecture>/janus`."""
    return next((each.parent.parent for each in Path("/usr/lib").glob("*/janus/plugins/libjanus_videocall.so")), None)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def _until_open(port: int, process: asyncio.subprocess.Process, log: Path) -> None:
    async with asyncio.timeout(START_S):
        while True:
            assert process.returncode is None, f"janus ended: {log.read_text()[-2000:]}"  # noqa: ASYNC240 - the end
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                await writer.wait_closed()
                return


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), 8)
        except TimeoutError:
            process.kill()
            await process.wait()
