"""The contact center of a canary in call mode: a switch (sipp) and a telephone for each call (baresip), started here.

Owns the ports, the folder and the order in which all of it starts and ends. Knows no contact.
"""

import asyncio
import ipaddress
import re
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from gateway.base.errors import SetupError
from gateway.canary.phone import Phone, open_phone
from gateway.canary.program import ProgramEndedError
from gateway.canary.switch import complaints, open_switch

CALLS: Final = 50
"""The most telephones of a run: each is a program."""

_PACKAGES: Final = {"sipp": "sip-tester", "baresip": "baresip-core"}
_LISTEN: Final = re.compile(r"^([0-9.]{7,15}):([0-9]{1,5})$")
_TRIES: Final = 100


@dataclass(frozen=True, slots=True)
class Ring:
    """A telephone rings, and this is the id that its INVITE carries."""

    correlation: str
    phone: Phone


class Telephony:
    """What robot agents see of it."""

    def __init__(self, folder: Path, calls: int) -> None:
        self._folder = folder
        self._rings: asyncio.Queue[Ring] = asyncio.Queue(4 * calls)
        self.phones: list[Phone] = []

    async def rang(self) -> Ring:
        """The next telephone that rings; each call is told once."""
        return await self._rings.get()

    def ring(self, number: int, correlation: str) -> None:
        """Telephone `number` rings. Told of up to four calls for each that was asked for: nobody waits for more."""
        if not self._rings.full():
            self._rings.put_nowait(Ring(correlation, self.phones[number]))

    def complaints(self) -> list[str]:
        """What the switch found wrong, newest last."""
        return complaints(self._folder)


@asynccontextmanager
async def open_telephony(listen: str, calls: int, *, lasts_s: float) -> AsyncIterator[Telephony]:
    """A switch that answers at `listen` (IPv4:port), and as many telephones as calls.

    All of it is gone with the block, or by itself after `lasts_s`. Raises SetupError: `canary_calls`, `canary_listen`,
    `canary_programs`, `canary_telephony`.
    """
    if calls > CALLS:
        raise SetupError("canary_calls", f"In call mode there can be {CALLS} calls, each has a telephone of its own.")
    host, port = _address(listen)
    sipp, baresip, modules = await asyncio.to_thread(_programs)
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="visavis-canary-")))
        telephony = Telephony(folder, calls)
        try:
            with FreePorts(host) as ports:
                phone_ports = [ports.free(pair=True) for _ in range(calls)]
                switch_ports = [ports.free() for _ in range(3)]
            for number, phone_port in enumerate(phone_ports):
                own = folder / f"phone-{number}"
                own.mkdir()
                opening = open_phone(
                    baresip, modules, (host, phone_port), own, lasts_s=lasts_s, rang=partial(telephony.ring, number)
                )
                telephony.phones.append(await stack.enter_async_context(opening))
            switch = open_switch(sipp, (host, port), phone_ports, switch_ports, folder, lasts_s=lasts_s)
            await stack.enter_async_context(switch)
        except TimeoutError:
            raise SetupError(
                "canary_telephony", f"The switch or a telephone at {listen} was not ready in time."
            ) from None
        except (ProgramEndedError, OSError) as error:
            raise SetupError("canary_telephony", f"The telephony at {listen} can't be started: {error}.") from error
        yield telephony


def _address(listen: str) -> tuple[str, int]:
    found = _LISTEN.match(listen)
    try:
        if found is None:
            raise ValueError
        host, port = str(ipaddress.IPv4Address(found[1])), int(found[2])
        if not 0 < port < 65536:
            raise ValueError
    except ValueError:
        raise SetupError(
            "canary_listen", f"{listen} is no IPv4 address and port of this machine, like 127.0.0.1:5099."
        ) from None
    return host, port


def modules_of_baresip() -> Path | None:
    """The folder of its modules: Debian has it in /usr/lib, or beneath the machine's architecture."""
    patterns = ("baresip/modules/ausine.so", "*/baresip/modules/ausine.so")
    return next((found.parent for pattern in patterns for found in Path("/usr/lib").glob(pattern)), None)


def _programs() -> tuple[str, str, Path]:
    """sipp, baresip and the folder of baresip's modules."""
    sipp, baresip, modules = shutil.which("sipp"), shutil.which("baresip"), modules_of_baresip()
    if sipp is not None and baresip is not None and modules is not None:
        return sipp, baresip, modules
    missing = [] if sipp is not None else ["sipp"]
    if baresip is None or modules is None:
        missing.append("baresip")
    packages = " ".join(_PACKAGES[name] for name in missing)
    raise SetupError("canary_programs", f"Call mode needs {' and '.join(missing)}: apt-get install {packages}.")


class FreePorts:
    """Free ports of UDP and TCP, none twice, held until all are chosen."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._sockets: list[socket.socket] = []

    def __enter__(self) -> "FreePorts":
        return self

    def __exit__(self, *_: object) -> None:
        for held in self._sockets:
            held.close()

    def free(self, *, pair: bool = False) -> int:
        """One port; with `pair` the next one is free too, which baresip takes for TLS. OSError when there is none."""
        for _ in range(_TRIES):
            udp = self._hold(socket.SOCK_DGRAM, 0)
            if udp is None:
                break
            port = int(udp.getsockname()[1])
            wanted = [(socket.SOCK_STREAM, port)]
            if pair:
                wanted.append((socket.SOCK_STREAM, port + 1))
            if all(self._hold(kind, number) is not None for kind, number in wanted):
                return port
        raise OSError(f"no port is free at {self._host}")

    def _hold(self, kind: socket.SocketKind, port: int) -> socket.socket | None:
        held = socket.socket(socket.AF_INET, kind)
        self._sockets.append(held)
        try:
            held.bind((self._host, port))
        except (OSError, OverflowError):
            return None
        return held
