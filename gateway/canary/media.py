"""A robot's camera, microphone, screen and ears: paced RTP out, counters of what came in.

Owns streams and counting. Knows no contact: whoever drives the robot says when a count begins and ends.
"""

import asyncio
import struct
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from gateway.canary.footage import (
    AUDIO_CLOCK_HZ,
    AUDIO_PACKET_S,
    FRAMES_PER_S,
    TICKS_PER_AUDIO_PACKET,
    TICKS_PER_FRAME,
    VIDEO_CLOCK_HZ,
    Footage,
    descriptor,
)
from media.forward import rtcp
from media.port import Kind
from media.sdp.description import Negotiated, Section
from media.transport.link import BUFFER_BYTES, Link

_HEADER: Final = struct.Struct("!BBHII")
_REPORT_EVERY_S: Final = 1.0
_SOUND_PACKETS: Final = 100
_MAX_CATCH_UP: Final = 25  # packets of one stream sent in one go after a stall; older ones are skipped


@dataclass(slots=True)
class Counts:
    """What was sent and received between two moments."""

    video_frames: int = 0
    audio_packets: int = 0
    lost: int = 0
    sent_video_frames: int = 0
    sent_audio_packets: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            self.video_frames + other.video_frames,
            self.audio_packets + other.audio_packets,
            self.lost + other.lost,
            self.sent_video_frames + other.sent_video_frames,
            self.sent_audio_packets + other.sent_audio_packets,
        )

    def since(self, earlier: "Counts") -> "Counts":
        return Counts(
            self.video_frames - earlier.video_frames,
            self.audio_packets - earlier.audio_packets,
            max(0, self.lost - earlier.lost),
            self.sent_video_frames - earlier.sent_video_frames,
            self.sent_audio_packets - earlier.sent_audio_packets,
        )


@dataclass(slots=True)
class _Outgoing:
    section: Section
    payload_type: int
    clock_hz: int
    sequence: int = 0
    timestamp: int = 0
    packets: int = 0
    octets: int = 0


@dataclass(slots=True)
class _Incoming:
    first: int
    highest: int  # extended sequence number
    received: int = 0

    def count(self, sequence: int) -> None:
        """RFC 3550 §A.1, without its probation: the stream is ours, authenticated and alone."""
        ahead = (sequence - self.highest) & 0xFFFF
        if ahead < 0x8000:
            self.highest += ahead
        self.received += 1

    @property
    def lost(self) -> int:
        return max(0, self.highest - self.first + 1 - self.received)


@dataclass(slots=True)
class RobotMedia:
    """One robot's media over one link. It is the link's sink, and its sender once `start` was called."""

    footage: Footage
    link: Link | None = None
    closed_reason: str | None = None
    on_trouble: Callable[[], None] = lambda: None
    """Called when the path is silent or closed."""
    _totals: Counts = field(default_factory=Counts)
    _incoming: dict[int, _Incoming] = field(default_factory=dict)  # by SSRC
    _kinds: dict[int, Kind] = field(default_factory=dict)  # payload type → kind
    _video: _Outgoing | None = None
    _audio: _Outgoing | None = None
    _sound: deque[bytes] = field(default_factory=lambda: deque(maxlen=_SOUND_PACKETS))
    _task: asyncio.Task[None] | None = None
    _buffer: bytearray = field(default_factory=lambda: bytearray(BUFFER_BYTES))
    _key_frame_wanted: bool = True
    _frame: int = 0
    _picture_id: int = 0
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    # ---------------------------------------------------------------- sink

    def on_rtp(self, buffer: bytearray, length: int, at_s: float) -> None:
        if length < 12:
            return
        payload_type = buffer[1] & 0x7F
        kind = self._kinds.get(payload_type)
        if kind is None:  # RTX, telephone-event
            return
        sequence = buffer[2] << 8 | buffer[3]
        ssrc = int.from_bytes(buffer[8:12], "big")
        stream = self._incoming.get(ssrc)
        if stream is None:
            stream = self._incoming[ssrc] = _Incoming(sequence, sequence)
        stream.count(sequence)
        if kind is Kind.AUDIO:
            self._totals.audio_packets += 1
            self._sound.append(_payload(buffer, length))
        elif buffer[1] & 0x80:  # the marker ends a picture (RFC 7741 §4.1)
            self._totals.video_frames += 1
        self._changed.set()

    def on_rtcp(self, buffer: bytearray, length: int, at_s: float) -> None:
        try:
            items = rtcp.parse(buffer, length)
        except rtcp.MalformedRtcp:
            return
        if any(isinstance(item, rtcp.KeyFrameRequest) for item in items):
            self._key_frame_wanted = True

    def on_connected(self, at_s: float) -> None:
        self._changed.set()

    def on_silent(self, at_s: float) -> None:
        self.on_trouble()

    def on_heard(self, at_s: float) -> None:
        """Whoever counts will see it."""

    def on_closed(self, reason: str, at_s: float) -> None:
        self.closed_reason = reason
        self._changed.set()
        self.on_trouble()

    # ---------------------------------------------------------------- counting

    def counts(self) -> Counts:
        """Everything sent and received so far."""
        totals = self._totals
        lost = sum(stream.lost for stream in self._incoming.values())
        return Counts(
            totals.video_frames, totals.audio_packets, lost, totals.sent_video_frames, totals.sent_audio_packets
        )

    def sound(self) -> list[bytes]:
        """The last Opus packets that came, 2 s of them."""
        return list(self._sound)

    async def heard_since(self, earlier: Counts, *, sound: bool = True) -> None:
        """Return when a picture, and a piece of sound if asked, came after `earlier`. ConnectionError once closed."""
        while True:
            got = self.counts().since(earlier)
            if got.video_frames and (got.audio_packets or not sound):
                return
            if self.closed_reason is not None:
                raise ConnectionError(f"the media path closed: {self.closed_reason}")
            self._changed.clear()
            await self._changed.wait()

    # ---------------------------------------------------------------- sending

    def start(self, link: Link, negotiated: Negotiated) -> None:
        """Begin to send camera and microphone, until `stop`."""
        self.link = link
        for section in negotiated.sections:
            for codec in section.codecs:
                if codec.name in ("VP8", "OPUS"):
                    self._kinds[codec.payload_type] = section.kind
        self._video = _outgoing(negotiated, Kind.VIDEO, "VP8")
        self._audio = _outgoing(negotiated, Kind.AUDIO, "OPUS")
        self._task = asyncio.get_running_loop().create_task(self._run(), name="robot-media")

    async def stop(self) -> None:
        """Stop sending. Idempotent."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _run(self) -> None:
        """Pace both streams from one clock; after a stall what is too old is skipped, as a camera would."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        sent_audio = sent_frames = 0
        next_report = began
        while True:
            now = loop.time()
            due_audio = int((now - began) / AUDIO_PACKET_S) + 1
            sent_audio = max(sent_audio, due_audio - _MAX_CATCH_UP)
            while sent_audio < due_audio:
                self._send_audio(sent_audio)
                sent_audio += 1
            due_frames = int((now - began) * FRAMES_PER_S) + 1
            sent_frames = max(sent_frames, due_frames - _MAX_CATCH_UP)
            while sent_frames < due_frames:
                self._send_frame(sent_frames)
                sent_frames += 1
            if now >= next_report:
                self._send_reports(now - began)
                next_report = now + _REPORT_EVERY_S
            await asyncio.sleep(max(0.001, began + sent_audio * AUDIO_PACKET_S - loop.time()))

    def _send_audio(self, index: int) -> None:
        stream = self._audio
        if stream is not None:
            stream.timestamp = index * TICKS_PER_AUDIO_PACKET & 0xFFFFFFFF
            payload = self.footage.audio[index % len(self.footage.audio)]
            self._totals.sent_audio_packets += self._send(stream, payload, marker=index == 0)

    def _send_frame(self, index: int) -> None:
        stream = self._video
        if stream is None:
            return
        self._frame = 0 if self._key_frame_wanted else (self._frame + 1) % len(self.footage.frames)
        self._key_frame_wanted = False
        self._picture_id = (self._picture_id + 1) & 0x7FFF
        stream.timestamp = index * TICKS_PER_FRAME & 0xFFFFFFFF
        parts = self.footage.frames[self._frame]
        for number, part in enumerate(parts):
            last = number == len(parts) - 1
            sent = self._send(stream, descriptor(self._picture_id, first=number == 0) + part, marker=last)
            if last:
                self._totals.sent_video_frames += sent

    def _send(self, stream: _Outgoing, payload: bytes, *, marker: bool) -> bool:
        if self.link is None:
            return False
        second = stream.payload_type | (0x80 if marker else 0)
        header = _HEADER.pack(0x80, second, stream.sequence, stream.timestamp, stream.section.local_ssrc)
        length = len(header) + len(payload)
        self._buffer[:length] = header + payload
        stream.sequence = (stream.sequence + 1) & 0xFFFF
        if not self.link.send_rtp(self._buffer, length):
            return False
        stream.packets += 1
        stream.octets += len(payload)
        return True

    def _send_reports(self, elapsed_s: float) -> None:
        """One compound per stream: sender report and name, so that picture and sound can be matched in time."""
        for stream in (self._video, self._audio):
            if stream is None or self.link is None or not stream.packets:
                continue
            ticks = int(elapsed_s * stream.clock_hz) & 0xFFFFFFFF
            report = rtcp.SenderReport(stream.section.local_ssrc, rtcp.ntp64(time.time()), ticks)
            compound = rtcp.sender_report(report, stream.packets, stream.octets)
            compound += rtcp.description([stream.section.local_ssrc], stream.section.cname)
            self._buffer[: len(compound)] = compound
            self.link.send_rtcp(self._buffer, len(compound))


def _payload(buffer: bytearray, length: int) -> bytes:
    """What follows the header, its list of sources and its extension (RFC 3550 §5.1). Authenticated: ours."""
    at = 12 + 4 * (buffer[0] & 0x0F)
    if buffer[0] & 0x10:
        at += 4 + 4 * int.from_bytes(buffer[at + 2 : at + 4], "big")
    return bytes(buffer[at:length])


def _outgoing(negotiated: Negotiated, kind: Kind, codec_name: str) -> _Outgoing | None:
    for section in negotiated.sections:
        if section.kind is kind:
            for codec in section.codecs:
                if codec.name == codec_name:
                    return _Outgoing(
                        section, codec.payload_type, VIDEO_CLOCK_HZ if kind is Kind.VIDEO else AUDIO_CLOCK_HZ
                    )
    return None
