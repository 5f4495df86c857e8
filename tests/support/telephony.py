"""A proxy (Kamailio) and an agent's telephone (baresip), both from Debian, on loopback and on ports that are free.

async with phone(tone_hz=700) as agent, proxy({"7001": agent.port}) as way:
    …call sip:7001@127.0.0.1:{way.port}…
    agent.hang_up()
    agent.heard()          # what the telephone was sent, 8 kHz, once the call is over
"""

import asyncio
import contextlib
import os
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from tests.support.ports import free_port, is_free

START_S: Final = 30.0
_WAV_HEAD_BYTES: Final = 44

_PROXY: Final = """#!KAMAILIO
debug=0
log_stderror=yes
children=1
tcp_children=1
disable_core_dump=yes
auto_aliases=no
listen=udp:127.0.0.1:{port}
listen=tcp:127.0.0.1:{port}
{modules}

request_route {{
    if (!mf_process_maxfwd_header("10")) {{ sl_send_reply("483", "Too Many Hops"); exit; }}
    if (is_method("OPTIONS") && !has_totag()) {{ sl_send_reply("200", "OK"); exit; }}
    if (has_totag()) {{
        if (loose_route()) {{ t_relay(); exit; }}
        if (is_method("ACK")) {{ if (t_check_trans()) {{ t_relay(); }} exit; }}
        sl_send_reply("404", "Not Here");
        exit;
    }}
    if (is_method("CANCEL")) {{ if (t_check_trans()) {{ t_relay(); }} exit; }}
    t_check_trans();
    if (!is_method("INVITE")) {{ sl_send_reply("405", "Method Not Allowed"); exit; }}
    # What an ACD routes by: exactly one id, in hex.
    if (!($hdrc(User-to-User) == 1 && $hdr(User-to-User) =~ "^[0-9a-f]+;encoding=hex$")) {{
        sl_send_reply("400", "No Id");
        exit;
    }}
    record_route();
{routes}
    sl_send_reply("404", "Not Found");
}}
"""

_PHONE: Final = """sip_listen 127.0.0.1:{port}
module_path {modules}
module g711.so
module ausine.so
module aubridge.so
module sndfile.so
module_app account.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen 127.0.0.1:{control}
audio_source ausine,{tone_hz}
audio_player aubridge,nowhere
ausrc_srate 48000
auplay_srate 8000
ausrc_channels 2
auplay_channels 1
snd_path {folder}
rtp_ports 30000-39999
"""


def _modules(program: str, probe: str) -> Path:
    """Debian's folder of modules, whatever the machine's architecture."""
    for folder in sorted(Path("/usr/lib").glob(f"**/{program}/modules")):
        if (folder / probe).exists():
            return folder
    raise AssertionError(f"{program} has no modules: run deploy/test-tools")


@asynccontextmanager
async def _running(
    *command: str, folder: Path, ready: int, kind: socket.SocketKind
) -> AsyncIterator[asyncio.subprocess.Process]:
    """The program, once somebody listens on the port `ready`; killed with all of its processes."""
    with (folder / "words.log").open("wb") as words:
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=words,
            stderr=words,
            start_new_session=True,
        )
    try:
        async with asyncio.timeout(START_S):
            while is_free(kind, ready):
                assert process.returncode is None, (folder / "words.log").read_text(errors="replace")[-3000:]
                await asyncio.sleep(0.02)
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, 15)
        try:
            async with asyncio.timeout(3):
                await process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, 9)
            await process.wait()


@dataclass
class Proxy:
    port: int
    folder: Path

    def said(self) -> str:
        return (self.folder / "words.log").read_text(errors="replace")


@asynccontextmanager
async def proxy(numbers: Mapping[str, int]) -> AsyncIterator[Proxy]:
    """Calls to a number go to that UDP port; without one id in a User-to-User header nothing goes anywhere."""
    program = shutil.which("kamailio") or "/usr/sbin/kamailio"
    modules = _modules("kamailio", "tm.so")
    names = ("kex", "tm", "sl", "rr", "pv", "maxfwd", "textops", "siputils")
    loads = "\n".join(f'loadmodule "{modules}/{name}.so"' for name in names)
    routes = "\n".join(
        f'    if ($rU == "{number}") {{ $ru = "sip:agent@127.0.0.1:{port}"; t_relay(); exit; }}'
        for number, port in numbers.items()
    )
    with tempfile.TemporaryDirectory(prefix="proxy-") as name:
        folder, port = Path(name), free_port()
        (folder / "proxy.cfg").write_text(_PROXY.format(port=port, modules=loads, routes=routes), encoding="utf-8")
        command = (program, "-DD", "-E", "-f", "proxy.cfg", "-Y", name, "-P", f"{name}/pid", "-m", "16", "-M", "4")
        async with _running(*command, folder=folder, ready=port, kind=socket.SOCK_DGRAM):
            yield Proxy(port, folder)


@dataclass
class Phone:
    port: int
    control: int
    folder: Path

    async def hang_up(self) -> None:
        """The agent ends the call."""
        await self.command("hangup")

    async def command(self, name: str) -> None:
        """What the agent does: hangup, hold, resume."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.control)
        command = b'{"command":"%s"}' % name.encode()
        writer.write(b"%d:%s," % (len(command), command))
        await writer.drain()
        async with asyncio.timeout(30):
            await reader.read(1)
        writer.close()
        await writer.wait_closed()

    def heard(self) -> npt.NDArray[np.int16]:
        """What was decoded so far. The file's header is only written at its end."""
        (path,) = self.folder.glob("*-dec.wav")
        samples = path.read_bytes()[_WAV_HEAD_BYTES:]
        return np.frombuffer(samples[: len(samples) // 2 * 2], np.int16)


@asynccontextmanager
async def phone(*, tone_hz: int) -> AsyncIterator[Phone]:
    """It answers every call at once and says one tone."""
    with tempfile.TemporaryDirectory(prefix="phone-") as name:
        folder, port, control = Path(name), free_port(), free_port()
        text = _PHONE.format(
            port=port, control=control, modules=_modules("baresip", "ausine.so"), tone_hz=tone_hz, folder=name
        )
        (folder / "config").write_text(text, encoding="utf-8")
        (folder / "accounts").write_text(
            f"<sip:agent@127.0.0.1:{port}>;regint=0;answermode=auto;audio_codecs=pcma\n", encoding="utf-8"
        )
        (folder / "contacts").write_text("", encoding="utf-8")
        async with _running("baresip", "-f", name, folder=folder, ready=control, kind=socket.SOCK_STREAM):
            yield Phone(port, control, folder)
