"""The ACD of a canary in call mode: two sipp that work as one switch.

`switch-queue.xml` takes a call as a queue does (182, then 200 once somebody has answered), `switch-line.xml` calls the
next telephone for it; what one has to tell the other goes between them (sipp's extended 3PCC). Sound goes past them.
Owns both programs. Knows no contact; it hands User-to-User on unread, as an ACD would.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.resources import as_file, files
from pathlib import Path
from typing import Final

from gateway.canary.program import Program, running

_START_S: Final = 15.0
_ASK_S: Final = 0.25
_LOG_BYTES: Final = 1_000_000
_OPTIONS: Final = (
    "OPTIONS sip:canary@{host}:{port} SIP/2.0\r\n"
    "Via: SIP/2.0/UDP {host}:{own};branch=z9hG4bK{number}\r\n"
    "From: <sip:canary@{host}>;tag=canary\r\n"
    "To: <sip:canary@{host}:{port}>\r\n"
    "Call-ID: ready-{own}-{number}\r\n"
    "CSeq: 1 OPTIONS\r\n"
    "Max-Forwards: 70\r\n"
    "Content-Length: 0\r\n\r\n"
)


@asynccontextmanager
async def open_switch(
    program: str, address: tuple[str, int], phones: Sequence[int], ports: Sequence[int], folder: Path, *, lasts_s: float
) -> AsyncIterator[None]:
    """Calls to `address` reach the telephones at the ports `phones` of the same host, in turn, and round again.

    `ports` are three free ones, for the line and for what the two tell each other. Raises ProgramEndedError or
    TimeoutError when it does not answer OPTIONS.
    """
    host, port = address
    line_port, queue_twin, line_twin = ports
    (folder / "twins").write_text(f"queue;127.0.0.1:{queue_twin}\nline;127.0.0.1:{line_twin}\n", encoding="ascii")
    (folder / "phones").write_text("SEQUENTIAL\n" + "".join(f"{phone}\n" for phone in phones), encoding="ascii")
    common = (
        *("-i", host, "-mi", host, "-t", "u1", "-nostdin", "-slave_cfg", "twins", "-timeout", f"{round(lasts_s)}s"),
        *("-trace_err", "-max_log_size", str(_LOG_BYTES)),
    )
    async with AsyncExitStack() as stack:
        scenarios = stack.enter_context(as_file(files("gateway.canary")))
        line = (program, f"{host}:{phones[0]}", "-sf", str(scenarios / "switch-line.xml"), "-p", str(line_port))
        slave = ("-slave", "line", "-inf", "phones", *common, "-error_file", "line_errors.log")
        twin = await stack.enter_async_context(running("sipp", (*line, *slave), folder, screen=False))
        await _is_taken(twin, line_twin)
        queue = (program, "-sf", str(scenarios / "switch-queue.xml"), "-p", str(port))
        master = ("-master", "queue", *common, "-error_file", "queue_errors.log")
        switch = await stack.enter_async_context(running("sipp", (*queue, *master), folder, screen=False))
        await _answers(switch, host, port)
        yield


def complaints(folder: Path) -> list[str]:
    """The last things that went other than the scenarios have it, in sipp's own words."""
    texts = [path.read_text(encoding="utf-8", errors="replace")[-4000:] for path in sorted(folder.glob("*_errors.log"))]
    return [line.strip() for text in texts for line in text.splitlines() if line.strip()][-6:]


async def _is_taken(twin: Program, port: int) -> None:
    """The one that waits must wait before the other looks for it."""

    def taken() -> bool:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return True
        return False

    await twin.until(taken, _START_S)


class _Answer(asyncio.DatagramProtocol):
    """Set once 200 has come."""

    def __init__(self) -> None:
        self.came = asyncio.Event()

    def datagram_received(self, data: bytes, addr: object) -> None:
        if data.startswith(b"SIP/2.0 200 "):
            self.came.set()


async def _answers(switch: Program, host: str, port: int) -> None:
    """It is asked as a gateway asks its trunks, until it answers 200."""
    way, answer = await asyncio.get_running_loop().create_datagram_endpoint(_Answer, local_addr=(host, 0))
    try:
        own = way.get_extra_info("sockname")[1]
        for number in range(round(_START_S / _ASK_S)):
            text = _OPTIONS.format(host=host, port=port, own=own, number=number)
            way.sendto(text.encode("ascii"), (host, port))
            try:
                await switch.until(answer.came.is_set, _ASK_S)
            except TimeoutError:
                continue
            return
        raise TimeoutError
    finally:
        way.close()
