"""Load for servers: legs that send at the pace of a camera and a microphone, and time what comes back.

A talker sends each packet twice: as media to the server under test, and as a plain datagram of the same length to an
echo. What both servers then spend was spent in the same seconds, on the same load of the machine.
"""

import asyncio
import socket
import struct
import time
from typing import Final

import aiohttp

from media.port import Kind
from media.sdp.description import Section
from media.transport.client import ClientPeer
from media.transport.link import BUFFER_BYTES, Link

GRID_S: Final = 0.01
SOUND_EVERY: Final = 2  # grid steps: 50 packets a second
PICTURE_EVERY: Final = 3  # grid steps: 33 pictures a second
PICTURE_PACKETS: Final = 5
SOUND_BYTES: Final = 90
PICTURE_BYTES: Final = 1000  # of each packet: 1.3 Mbit/s in all
_KEY_FRAME: Final = b"\x10\x00\x9d\x01\x2a"
_STAMP: Final = struct.Struct("!d")


class Talker:
    """One leg. `step` is called by `talk` on every step of the grid; `phase` sets its pictures apart from others'."""

    def __init__(self, echo_port: int, phase: int) -> None:
        self.sent = 0
        self.received = 0
        self.delays_s: list[float] = []
        self._steps = phase
        self._buffer = bytearray(BUFFER_BYTES)
        self._sections: dict[Kind, Section] = {}
        self._sequence = dict.fromkeys(Kind, 0)
        self._peer: ClientPeer
        self._link: Link
        self._echo = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._echo.setblocking(False)
        self._echo.connect(("127.0.0.1", echo_port))
        asyncio.get_running_loop().add_reader(self._echo.fileno(), self._drain)

    async def join(self, http: aiohttp.ClientSession, url: str) -> None:
        """Offer to `url` and return when media can flow."""
        self._peer = await ClientPeer.open(self)
        async with http.post(url, json={"sdp": self._peer.create_offer(), "type": "offer"}) as response:
            response.raise_for_status()
            answer = await response.json()
        self._link, negotiated = await self._peer.set_answer(answer["sdp"])
        self._sections = {section.kind: section for section in negotiated.sections}
        await self._peer.connected(20)

    def step(self) -> None:
        """Send what a camera and a microphone have by now."""
        self._steps = number = self._steps + 1
        if number % SOUND_EVERY == 0:
            self._send(Kind.AUDIO, number * 480, b"", SOUND_BYTES, marker=False)
        if number % PICTURE_EVERY == 0:
            for each in range(PICTURE_PACKETS):
                start = b"\x00" if each else _KEY_FRAME
                self._send(Kind.VIDEO, number * 900, start, PICTURE_BYTES, marker=each == PICTURE_PACKETS - 1)

    def _send(self, kind: Kind, timestamp: int, start: bytes, size: int, *, marker: bool) -> None:
        section = self._sections[kind]
        self._sequence[kind] = sequence = (self._sequence[kind] + 1) & 0xFFFF
        payload_type = section.codecs[0].payload_type
        struct.pack_into(
            "!BBHII", self._buffer, 0, 0x80, marker << 7 | payload_type, sequence, timestamp, section.local_ssrc
        )
        self._buffer[12 : 12 + len(start)] = start
        length = 12 + size
        _STAMP.pack_into(self._buffer, length - _STAMP.size, time.perf_counter())
        sealed = self._link.send_rtp(self._buffer, length)
        if sealed:
            self.sent += 1
            try:
                self._echo.send(memoryview(self._buffer)[:sealed])
            except OSError:
                return  # a full echo costs a packet of the measure, no more

    def _drain(self) -> None:
        try:
            while True:
                self._echo.recv_into(self._buffer)
        except OSError:
            return

    async def leave(self) -> None:
        asyncio.get_running_loop().remove_reader(self._echo.fileno())
        self._echo.close()
        await self._peer.close()

    # ------------------------------------------------------------ PacketSink

    def on_rtp(self, buffer: bytearray, length: int, at_s: float) -> None:
        self.received += 1
        self.delays_s.append(time.perf_counter() - _STAMP.unpack_from(buffer, length - _STAMP.size)[0])

    def on_rtcp(self, buffer: bytearray, length: int, at_s: float) -> None: ...

    def on_connected(self, at_s: float) -> None: ...

    def on_silent(self, at_s: float) -> None: ...

    def on_heard(self, at_s: float) -> None: ...

    def on_closed(self, reason: str, at_s: float) -> None: ...


async def talk(talkers: list[Talker], seconds: float) -> None:
    """Let all talk for that long."""
    loop = asyncio.get_running_loop()
    begun_s = loop.time()
    for number in range(int(seconds / GRID_S)):
        await asyncio.sleep(begun_s + number * GRID_S - loop.time())
        for talker in talkers:
            talker.step()


async def arrived(talkers: list[Talker], limit_s: float = 5.0) -> None:
    """Wait until all that was sent has come to somebody, no longer than the limit: the rest is lost."""
    for _ in range(int(limit_s / GRID_S)):
        if sum(talker.received for talker in talkers) >= sum(talker.sent for talker in talkers):
            return
        await asyncio.sleep(GRID_S)
