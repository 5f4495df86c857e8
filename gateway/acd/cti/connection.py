"""What AMI and ESL connections have in common: bytes in and out with deadlines, answers that are waited for, an end.

One task reads; whoever asks waits for the answer with a deadline. Nothing here knows a protocol, and nothing outlives
`aclose`.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from gateway.base.errors import PortFailure

READ_BYTES: Final = 65_536
WRITE_S: Final = 5.0
"""A peer that does not read for so long is gone."""


class LoginRefused(PortFailure):
    """The ACD does not let us in: user, password or address. Only a person can mend that."""


def unavailable(detail: str) -> PortFailure:
    return PortFailure("cti_unavailable", f"The ACD can't be asked: {detail}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where the ACD listens, and how it is talked to. `tls` None: in the clear."""

    host: str
    port: int
    tls: ssl.SSLContext | None = None
    connect_s: float = 10.0
    answer_s: float = 5.0  # deadline of one action


class Connection(Protocol):
    """One connection in one of the two protocols, from the greeting to the end."""

    async def read(self) -> None:
        """Take what comes until the peer ends it. PortFailure when it can't be understood any more. OSError."""
        ...

    async def login(self) -> None:
        """LoginRefused, PortFailure."""
        ...

    async def ping(self) -> None:
        """PortFailure when no answer comes in time."""
        ...

    async def aclose(self) -> None:
        """End it, and whoever still waits for an answer. Idempotent."""
        ...


class Pipe:
    """A byte stream with deadlines."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, address: Address) -> "Pipe":
        """PortFailure (`cti_unavailable`) when nobody answers there in time, or TLS fails."""
        try:
            async with asyncio.timeout(address.connect_s):
                reader, writer = await asyncio.open_connection(
                    address.host, address.port, ssl=address.tls, limit=READ_BYTES
                )
        except (OSError, TimeoutError) as error:
            raise unavailable(f"no connection: {type(error).__name__}") from error
        return cls(reader, writer)

    async def pump(self, take: Callable[[bytes], None]) -> None:
        """Hand over what comes, until the peer ends it."""
        while data := await self._reader.read(READ_BYTES):
            take(data)

    async def send(self, data: bytes) -> None:
        """PortFailure when the peer is gone, or reads nothing."""
        try:
            async with asyncio.timeout(WRITE_S):
                self._writer.write(data)
                await self._writer.drain()
        except (OSError, TimeoutError) as error:
            raise unavailable(f"can't be told: {type(error).__name__}") from error

    def abort(self) -> None:
        """End it at once; whoever reads is told."""
        self._writer.transport.abort()

    async def aclose(self) -> None:
        self.abort()
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(WRITE_S):
                await self._writer.wait_closed()
