"""Opus to PCM and back for telephone calls: libopus through PyAV, one decoder and one encoder per call and direction.

Concealment is libopus's own: a packet of a table of contents and no frame (RFC 6716 §3.1, §4.4) has it go on from what
it decoded last, softer each time. It is not thread-safe; each object belongs to one thread.
"""

from fractions import Fraction
from typing import Final

import av
import numpy as np
import numpy.typing as npt

CLOCK_HZ: Final = 48_000
"""Of Opus in RTP, whatever rate it was encoded at (RFC 7587 §4.1); also what is decoded to."""

FRAME_S: Final = 0.02
FRAME_TICKS: Final = 960
MAX_PACKET_BYTES: Final = 1275 * 6
MAX_DURATION_S: Final = 0.12

ENCODER_RATES: Final = (8000, 16_000, 48_000)
_BITRATES_BPS: Final = {8000: 20_000, 16_000: 28_000, 48_000: 40_000}

Samples = npt.NDArray[np.int16]

_SILK_MS: Final = (10, 20, 40, 60)
_CELT_MS: Final = (2.5, 5, 10, 20)


def duration_s(packet: bytes) -> float:
    """How long a packet's sound is, by its first bytes (RFC 6716 §3.1, table 2); 0 for none that can be."""
    if not packet or len(packet) > MAX_PACKET_BYTES:
        return 0.0
    config, code = packet[0] >> 3, packet[0] & 3
    if config < 12:
        frame_ms: float = _SILK_MS[config & 3]
    elif config < 16:
        frame_ms = (10, 20)[config & 1]
    else:
        frame_ms = _CELT_MS[config & 3]
    if code == 3 and len(packet) < 2:
        return 0.0
    count = (1, 2, 2, packet[1] & 0x3F if code == 3 else 0)[code]
    length_s = frame_ms * count / 1000
    return length_s if 0 < length_s <= MAX_DURATION_S else 0.0


def _shorter(contents: int) -> int:
    """The table of contents of a 10 ms frame in the same mode and bandwidth."""
    config = contents >> 3
    if config < 12:
        return (config & ~3) << 3
    if config < 16:
        return (config & ~1) << 3
    return min(config, config & ~3 | 2) << 3


class Decoder:
    """One stream's, to 48 kHz mono."""

    def __init__(self) -> None:
        self._context = av.CodecContext.create("libopus", "r")
        self._context.sample_rate = CLOCK_HZ
        self._context.layout = "mono"
        self._contents = 0xF8  # CELT, full band, 20 ms: for a concealment before the first packet

    def decode(self, packet: bytes) -> Samples:
        """The packet's sound; concealment in its place when it is damaged."""
        try:
            sound = self._decoded(packet)
        except (av.FFmpegError, ValueError):
            return self.conceal()
        self._contents = packet[0]
        return sound

    def conceal(self, *, short: bool = False) -> Samples:
        """As much as one frame of the last packet, made up; `short`: 10 ms, less where its frames are shorter."""
        contents = _shorter(self._contents) if short else self._contents
        try:
            return self._decoded(bytes([contents & 0xFC]))
        except (av.FFmpegError, ValueError):
            return np.zeros(FRAME_TICKS, np.int16)

    def _decoded(self, packet: bytes) -> Samples:
        parts: list[Samples] = [
            np.frombuffer(bytes(frame.planes[0]), np.int16, frame.samples)
            for frame in self._context.decode(av.Packet(packet))
        ]
        if not parts:
            raise ValueError("no sound")
        return np.concatenate(parts) if len(parts) > 1 else parts[0]


class Encoder:
    """20 ms packets from mono PCM at 8, 16 or 48 kHz.

    At the rate of the telephone line there is nothing to resample, and narrow-band costs a third. The lowest complexity
    costs half again, and what it lacks is not heard at a telephone's bandwidth; in-band FEC is on, because the way to
    the browser is the one that loses.
    """

    def __init__(self, rate_hz: int) -> None:
        if rate_hz not in ENCODER_RATES:
            raise ValueError(f"no Opus at {rate_hz} Hz")
        self.rate_hz = rate_hz
        self.frame_samples = round(rate_hz * FRAME_S)
        self._time_base = Fraction(1, rate_hz)
        self._at = 0
        self._context = av.CodecContext.create("libopus", "w")
        self._context.sample_rate = rate_hz
        self._context.layout = "mono"
        self._context.format = av.AudioFormat("s16")
        self._context.bit_rate = _BITRATES_BPS[rate_hz]
        self._context.time_base = self._time_base
        self._context.options = {
            "application": "voip",
            "frame_duration": "20",
            "compression_level": "0",
            "fec": "1",
            "packet_loss": "10",
        }
        self._context.open()

    def encode(self, pcm: bytes) -> bytes:
        """One packet of exactly `frame_samples` samples."""
        frame = av.AudioFrame("s16", "mono", self.frame_samples)
        frame.planes[0].update(pcm)
        frame.sample_rate = self.rate_hz
        frame.time_base = self._time_base
        frame.pts = self._at
        self._at += self.frame_samples
        return b"".join(bytes(packet) for packet in self._context.encode(frame))
