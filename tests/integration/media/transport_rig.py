"""What the transport tests share: a sink that remembers, a clock that jumps, a server and clients over loopback."""

import asyncio
import os
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from media.sdp.description import Negotiated
from media.transport.client import ClientPeer
from media.transport.link import BUFFER_BYTES, Link
from media.transport.server import TransportServer


class RecordingSink:
    """A PacketSink that keeps copies of everything, in order."""

    def __init__(self) -> None:
        self.rtp: list[bytes] = []
        self.rtcp: list[bytes] = []
        self.events: list[str] = []

    def on_rtp(self, buffer: bytearray, length: int, at_s: float) -> None:
        self.rtp.append(bytes(buffer[:length]))

    def on_rtcp(self, buffer: bytearray, length: int, at_s: float) -> None:
        self.rtcp.append(bytes(buffer[:length]))

    def on_connected(self, at_s: float) -> None:
        self.events.append("connected")

    def on_silent(self, at_s: float) -> None:
        self.events.append("silent")

    def on_heard(self, at_s: float) -> None:
        self.events.append("heard")

    def on_closed(self, reason: str, at_s: float) -> None:
        self.events.append(f"closed:{reason}")


class JumpingClock:
    """A Clock whose time moves only by `advance`; whoever sleeps wakes when its deadline is passed."""

    def __init__(self) -> None:
        self._now_s = 1000.0
        self._moved = asyncio.Event()

    def monotonic(self) -> float:
        return self._now_s

    def now(self) -> datetime:
        return datetime(2030, 1, 1, tzinfo=UTC) + timedelta(seconds=self._now_s)

    async def sleep_until(self, deadline: float) -> None:
        while self._now_s < deadline:
            await self._moved.wait()

    async def advance(self, seconds: float, step_s: float = 0.25) -> None:
        """Let time pass in small steps, and everybody act in between."""
        end_s = self._now_s + seconds
        while self._now_s < end_s:
            self._now_s = min(self._now_s + step_s, end_s)
            self._moved.set()
            self._moved.clear()
            for _ in range(4):
                await asyncio.sleep(0)


@dataclass
class Call:
    """One client connected to a server."""

    peer: ClientPeer
    client: Link
    client_sink: RecordingSink
    server: Link
    server_sink: RecordingSink
    agreed: Negotiated


async def until(condition: Callable[[], object], what: str, within_s: float = 30.0) -> None:
    """Return as soon as `condition()` is true; fail with `what` when it is not within the time."""
    try:
        async with asyncio.timeout(within_s):
            while not condition():  # noqa: ASYNC110 - what is waited for lies on the other side of a socket
                await asyncio.sleep(0.002)
    except TimeoutError:
        raise AssertionError(f"not within {within_s} s: {what}") from None


async def connect(server: TransportServer, *, host: str = "127.0.0.1", leg_id: str = "lg_1", **options) -> Call:
    """A client of `server`, connected on both sides."""
    client_sink, server_sink = RecordingSink(), RecordingSink()
    peer = await ClientPeer.open(client_sink, host=host, **options)
    link, agreed, answer = server.answer(peer.create_offer(), server_sink, leg_id)
    client, _ = await peer.set_answer(answer)
    await peer.connected(30)
    await until(lambda: link.connected, "the server's side has keys")
    return Call(peer, client, client_sink, link, server_sink, agreed)


@asynccontextmanager
async def serving(**options) -> AsyncIterator[TransportServer]:
    """A server on both loopbacks that is closed at the end."""
    server = await TransportServer.open(**{"host": "localhost"} | options)
    try:
        yield server
    finally:
        await server.aclose()


def rtp(sequence: int, *, ssrc: int = 0x1234, payload_type: int = 96, size_bytes: int = 200) -> tuple[bytearray, int]:
    """A plain RTP packet in a buffer with room for the trailer, and its length."""
    buffer = bytearray(BUFFER_BYTES)
    struct.pack_into("!BBHII", buffer, 0, 0x80, payload_type, sequence & 0xFFFF, sequence * 960 & 0xFFFFFFFF, ssrc)
    buffer[12:size_bytes] = bytes(i & 0xFF for i in range(size_bytes - 12))
    return buffer, size_bytes


def receiver_report(ssrc: int = 0x1234) -> tuple[bytearray, int]:
    """An empty RTCP receiver report."""
    buffer = bytearray(BUFFER_BYTES)
    struct.pack_into("!BBHI", buffer, 0, 0x80, 201, 1, ssrc)
    return buffer, 8


def stranger(host: str = "127.0.0.1") -> socket.socket:
    """A plain UDP socket nobody has heard of."""
    opened = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    opened.setblocking(False)
    opened.bind((host, 0))
    return opened


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))
