"""Robots that talk through an engine over loopback: they send numbered packets, lose some on purpose, ask again."""

import asyncio
import struct
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from media.engine import EngineSettings, InProcessEngine
from media.forward import rtcp
from media.player.clip import Clip, ClipPacket, ClipTrack
from media.player.library import ClipLibrary
from media.port import EVENT, FromLeg, Kind, MediaEvent, MediaPort, OpenLeg, SetSource
from media.sdp.description import Section
from media.transport.client import ClientPeer
from media.transport.link import BUFFER_BYTES, Link
from media.transport.srtp import PacketBuffer
from media.workers.pool import WorkerPool
from media.workers.process import WorkerSettings
from tests.integration.media.transport_rig import until

VP8_KEY = b"\x10\x00\x9d\x01\x2a"
VP8_DELTA = b"\x10\x01"

HOLD = Clip(
    "hold",
    "en",
    200,
    (
        ClipTrack("OPUS", 48000, tuple(ClipPacket(at, at * 48, at == 0, b"hold%d" % at) for at in range(0, 200, 20))),
        ClipTrack("VP8", 90000, tuple(ClipPacket(at, at * 90, True, VP8_KEY, True) for at in range(0, 200, 40))),
    ),
)


class Robot:
    """One client peer. Payloads it sends end in their number; payloads it got are kept by kind, in order."""

    def __init__(self, leg_id: str) -> None:
        self.leg_id = leg_id
        self.sections: dict[Kind, Section] = {}
        self.received: dict[Kind, list[tuple[int, int, bytes]]] = {kind: [] for kind in Kind}
        self.ssrcs: dict[Kind, set[int]] = {kind: set() for kind in Kind}
        self.feedback: list[rtcp.Item] = []
        self.reports: list[tuple[rtcp.SenderReport, float]] = []
        self.closed = ""
        self.loses: Callable[[int], bool] | None = None  # of video sequence numbers on their way here, once each
        self.lost = 0
        self.answers_nacks = False
        self.answered = 0
        self.sent: dict[int, bytes] = {}  # video, by sequence number, for NACKs
        self.sequence = dict.fromkeys(Kind, 65500)
        self._rtx_sequence = 10
        self._buffer = bytearray(BUFFER_BYTES)
        self._already_lost: set[int] = set()
        self.peer: ClientPeer
        self.link: Link

    async def join(
        self, engine: MediaPort, *, screen: bool = False, call_id: str = "ct_1", codecs: str = "VP8 H264"
    ) -> None:
        self.peer = await ClientPeer.open(self, screen=screen, h264="H264" in codecs, vp8="VP8" in codecs)
        offer = self.peer.create_offer()
        answer = await engine.execute(OpenLeg(leg_id=self.leg_id, sdp_offer=offer, call_id=call_id))
        self.link, negotiated = await self.peer.set_answer(answer.sdp_answer)
        self.sections = {section.kind: section for section in negotiated.sections}
        straight = self.link.on_datagram  # type: ignore[attr-defined]

        def lossy(packet: PacketBuffer, length: int) -> None:
            if self.loses is not None and 127 < packet[0] < 192 and packet[1] & 0x7F == self.codec(Kind.VIDEO):
                sequence = packet[2] << 8 | packet[3]
                if self.loses(sequence) and sequence not in self._already_lost:
                    self._already_lost.add(sequence)
                    self.lost += 1
                    return
            straight(packet, length)

        self.link.on_datagram = lossy  # type: ignore[attr-defined]
        await self.peer.connected(30)

    def codec(self, kind: Kind) -> int:
        return self.sections[kind].codecs[0].payload_type

    # ------------------------------------------------------------ sending

    def send(
        self, kind: Kind, number: int, *, key: bool = False, lost: bool = False, timestamp: int | None = None
    ) -> None:
        """Send packet `number` of that kind; `lost` keeps it from the network but ready for a NACK."""
        section = self.sections[kind]
        codec = section.codecs[0]
        self.sequence[kind] = sequence = (self.sequence[kind] + 1) & 0xFFFF
        start = (VP8_KEY if key else VP8_DELTA) if kind != Kind.AUDIO else b""
        stamp = number * codec.clock_rate_hz // 50 if timestamp is None else timestamp
        packet = self.packet(codec.payload_type, sequence, stamp, section.local_ssrc, start + b"#%d" % number)
        if kind == Kind.VIDEO:
            self.sent[sequence] = packet
        if not lost:
            self.send_rtp(packet)

    @staticmethod
    def packet(payload_type: int, sequence: int, timestamp: int, ssrc: int, payload: bytes) -> bytes:
        return struct.pack("!BBHII", 0x80, payload_type, sequence, timestamp & 0xFFFFFFFF, ssrc) + payload

    def send_rtp(self, packet: bytes) -> None:
        self._buffer[: len(packet)] = packet
        self.link.send_rtp(self._buffer, len(packet))

    def send_rtcp(self, packet: bytes) -> None:
        self._buffer[: len(packet)] = packet
        self.link.send_rtcp(self._buffer, len(packet))

    def send_sender_report(self, kind: Kind, ntp: int, timestamp: int) -> None:
        report = rtcp.SenderReport(self.sections[kind].local_ssrc, ntp, timestamp)
        self.send_rtcp(rtcp.sender_report(report, 0, 0))

    def numbers(self, kind: Kind) -> list[int]:
        """The numbers of the packets received, in order of arrival."""
        return [int(payload.rpartition(b"#")[2]) for _, _, payload in self.received[kind] if b"#" in payload]

    def nack(self, sequences: list[int]) -> None:
        """Ask for video packets (each call one NACK)."""
        ours = self.sections[Kind.VIDEO].local_ssrc
        self.send_rtcp(rtcp.nack(ours, next(iter(self.ssrcs[Kind.VIDEO])), sequences))

    # ------------------------------------------------------------ PacketSink

    def on_rtp(self, buffer: bytearray, length: int, at_s: float) -> None:
        _, second, sequence, timestamp, ssrc = struct.unpack_from("!BBHII", buffer)
        for kind, section in self.sections.items():
            if second & 0x7F in {codec.payload_type for codec in section.codecs} and ssrc in section.peer_ssrcs:
                self.received[kind].append((sequence, timestamp, bytes(buffer[12:length])))
                self.ssrcs[kind].add(ssrc)

    def on_rtcp(self, buffer: bytearray, length: int, at_s: float) -> None:
        for item in rtcp.parse(buffer, length):
            self.feedback.append(item)
            if isinstance(item, rtcp.SenderReport):
                self.reports.append((item, at_s))
            if isinstance(item, rtcp.Nack) and self.answers_nacks:
                self._answer(item)

    def _answer(self, nack: rtcp.Nack) -> None:
        """As a browser does: by RTX where it was agreed on (RFC 4588)."""
        section = self.sections[Kind.VIDEO]
        rtx = section.codecs[0].rtx_payload_type
        for sequence in nack.sequences:
            original = self.sent.get(sequence)
            if original is None or rtx is None:
                continue
            self.answered += 1
            self._rtx_sequence += 1
            head = self.packet(
                rtx, self._rtx_sequence, int.from_bytes(original[4:8], "big"), section.local_rtx_ssrc, b""
            )
            self.send_rtp(head + original[2:4] + original[12:])

    def on_connected(self, at_s: float) -> None: ...

    def on_silent(self, at_s: float) -> None: ...

    def on_heard(self, at_s: float) -> None: ...

    def on_closed(self, reason: str, at_s: float) -> None:
        self.closed = reason


Engine = InProcessEngine | WorkerPool


class Studio:
    """An engine, its events, and the robots that joined it."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.events: list[MediaEvent] = []
        self.robots: list[Robot] = []
        engine.events.on(EVENT, self.events.append)

    async def robot(
        self, leg_id: str, *, screen: bool = False, call_id: str = "ct_1", codecs: str = "VP8 H264"
    ) -> Robot:
        robot = Robot(leg_id)
        await robot.join(self.engine, screen=screen, call_id=call_id, codecs=codecs)
        self.robots.append(robot)
        await until(lambda: self.count("LegConnected") == len(self.robots), "the leg is connected")
        return robot

    async def call(self, suffix: str = "") -> tuple[Robot, Robot]:
        """Two robots, bridged, each having heard the other and begun its picture."""
        call_id = f"ct_1{suffix}"
        customer = await self.robot(f"lg_customer{suffix}", call_id=call_id)
        agent = await self.robot(f"lg_agent{suffix}", call_id=call_id)
        await self.bridge(customer, agent)
        for number in range(-3, 0):
            for robot in (customer, agent):
                robot.send(Kind.AUDIO, number)
                robot.send(Kind.VIDEO, number, key=True)
        for robot in (customer, agent):
            await until(lambda robot=robot: len(robot.received[Kind.VIDEO]) == 3, "three pictures came")
            await until(lambda robot=robot: len(robot.received[Kind.AUDIO]) == 3, "three sounds came")
        return customer, agent

    async def bridge(self, one: Robot, other: Robot) -> None:
        await self.engine.execute(SetSource(leg_id=one.leg_id, source=FromLeg(leg_id=other.leg_id)))
        await self.engine.execute(SetSource(leg_id=other.leg_id, source=FromLeg(leg_id=one.leg_id)))

    def count(self, name: str, leg_id: str | None = None) -> int:
        return sum(
            type(event).__name__ == name and (leg_id is None or getattr(event, "leg_id", None) == leg_id)
            for event in self.events
        )


@asynccontextmanager
async def studio(workers: int = 0, clips: Path | None = None, **settings: object) -> AsyncIterator[Studio]:
    """An engine in this process, or in so many others: these play what is in the folder `clips`."""
    engine_settings = EngineSettings(host="127.0.0.1", clip_folder=clips, **settings)  # type: ignore[arg-type]
    engine: Engine
    if workers:
        engine = await WorkerPool.start(workers, WorkerSettings(engine=engine_settings))
    else:
        engine = await InProcessEngine.start(engine_settings, clips=ClipLibrary([HOLD]))
    opened = Studio(engine)
    try:
        yield opened
    finally:
        try:
            await asyncio.gather(*(robot.peer.close() for robot in opened.robots))
        finally:
            await engine.aclose()


def ntp_of(unix_s: float) -> int:
    return rtcp.ntp64(unix_s)


async def paced(count: int, act: Callable[[int], None], interval_s: float = 0.002) -> None:
    """Call `act(0…count-1)` at intervals that let both sides work in between."""
    start = time.monotonic()
    for number in range(count):
        act(number)
        await asyncio.sleep(max(0.0, start + (number + 1) * interval_s - time.monotonic()))
