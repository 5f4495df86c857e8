"""What robots show and say: a few seconds of real VP8 and Opus, encoded once and packetised for RTP.

Owns encoding and payload formats (RFC 7741, RFC 7587). Knows no leg, no clock and no header.
"""

import math
import random
from array import array
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Final

import av

WIDTH: Final = 320
HEIGHT: Final = 240
FRAMES_PER_S: Final = 15
VIDEO_CLOCK_HZ: Final = 90_000
TICKS_PER_FRAME: Final = VIDEO_CLOCK_HZ // FRAMES_PER_S
AUDIO_CLOCK_HZ: Final = 48_000
AUDIO_PACKET_S: Final = 0.02
TICKS_PER_AUDIO_PACKET: Final = 960
VOICE_HZ: Final = 440
VIDEO_BITRATE_BPS: Final = 150_000

_SECONDS: Final = 2
_MAX_PAYLOAD_BYTES: Final = 1100
_DESCRIPTOR_BYTES: Final = 4  # X and S bits, I bit, 15-bit picture id (RFC 7741 §4.2)


@dataclass(frozen=True, slots=True)
class Footage:
    """One loop. `frames[0]` is the only key frame: who is asked for one begins again there."""

    frames: tuple[tuple[bytes, ...], ...]  # per picture, its VP8 bytes cut to packets, without payload descriptor
    audio: tuple[bytes, ...]  # one Opus packet each 20 ms


@cache
def footage() -> Footage:
    """Encode the loop; takes about 0.2 s once per process."""
    return Footage(frames=tuple(_cut(frame) for frame in _encode_video()), audio=tuple(_encode_audio()))


def descriptor(picture_id: int, *, first: bool) -> bytes:
    """The VP8 payload descriptor of a packet (RFC 7741 §4.2)."""
    return bytes((0x90 if first else 0x80, 0x80, 0x80 | picture_id >> 8 & 0x7F, picture_id & 0xFF))


def _cut(frame: bytes) -> tuple[bytes, ...]:
    size = _MAX_PAYLOAD_BYTES - _DESCRIPTOR_BYTES
    return tuple(frame[at : at + size] for at in range(0, len(frame), size))


def _encode_video() -> list[bytes]:
    encoder = av.CodecContext.create("libvpx", "w")
    encoder.width, encoder.height, encoder.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    encoder.time_base = Fraction(1, FRAMES_PER_S)
    encoder.framerate = Fraction(FRAMES_PER_S)
    encoder.bit_rate = VIDEO_BITRATE_BPS
    encoder.gop_size = _SECONDS * FRAMES_PER_S
    encoder.options = {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0", "error-resilient": "1"}
    packets: list[bytes] = []
    for index in range(_SECONDS * FRAMES_PER_S):
        frame = av.VideoFrame(WIDTH, HEIGHT, "yuv420p")
        frame.planes[0].update(_luma(index, frame.planes[0].line_size))
        for plane, value in ((frame.planes[1], 0x60), (frame.planes[2], 0xA0)):
            plane.update(bytes([value]) * plane.buffer_size)
        frame.pts = index
        packets += [bytes(packet) for packet in encoder.encode(frame)]
    packets += [bytes(packet) for packet in encoder.encode(None)]
    return packets


def _luma(index: int, line_bytes: int) -> bytes:
    """A coarse texture that drifts, with a bright bar that wanders once through the picture per loop."""
    grain = random.Random(7)  # the same texture in every frame and every process
    bar = index * WIDTH // (_SECONDS * FRAMES_PER_S)
    rows = []
    for _ in range(HEIGHT // 8):
        tiles = [40 + grain.randrange(120) for _ in range(WIDTH // 8 + 1)]
        row = bytes(235 if bar <= x < bar + 24 else tiles[(x + index % 8) // 8] for x in range(WIDTH))
        rows.append(row.ljust(line_bytes, b"\0") * 8)
    return b"".join(rows)


def _encode_audio() -> list[bytes]:
    encoder = av.CodecContext.create("libopus", "w")
    encoder.sample_rate, encoder.layout, encoder.format = AUDIO_CLOCK_HZ, "stereo", "s16"
    encoder.bit_rate = 32_000
    encoder.options = {"application": "voip", "frame_duration": "20"}
    packets: list[bytes] = []
    samples = [
        int(6000 * math.sin(2 * math.pi * VOICE_HZ * n / AUDIO_CLOCK_HZ)) for n in range(_SECONDS * AUDIO_CLOCK_HZ)
    ]
    for at in range(0, len(samples), TICKS_PER_AUDIO_PACKET):
        frame = av.AudioFrame(format="s16", layout="stereo", samples=TICKS_PER_AUDIO_PACKET)
        frame.planes[0].update(
            array("h", [value for sample in samples[at : at + TICKS_PER_AUDIO_PACKET] for value in (sample, sample)])
            .tobytes()
            .ljust(frame.planes[0].buffer_size, b"\0")
        )
        frame.sample_rate = AUDIO_CLOCK_HZ
        frame.pts = at
        packets += [bytes(packet) for packet in encoder.encode(frame)]
    return packets
