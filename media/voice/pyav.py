"""Opus through PyAV alone, for where its libopus can't be called (`media.voice.libopus`): the same, at a higher price.

Concealment is libopus's own: a packet of a table of contents and no frame (RFC 6716 §3.1, §4.4) has it go on from what
it decoded last, softer each time. Not thread-safe either.
"""

from fractions import Fraction
from typing import Final

import av
import numpy as np
import numpy.typing as npt

from media.voice.resample import RATE_HZ, Downsampler

Samples = npt.NDArray[np.int16]

_FULL_BAND_20_MS: Final = 0xF8


class PyavDecoder:
    """One stream's, to mono at `rate_hz`, a divisor of 48 kHz; ValueError for another."""

    def __init__(self, rate_hz: int) -> None:
        self._down = Downsampler(rate_hz)
        self._context = av.CodecContext.create("libopus", "r")
        self._context.sample_rate = RATE_HZ
        self._context.layout = "mono"
        self._contents = _FULL_BAND_20_MS  # for a concealment before the first packet

    def decode(self, packet: bytes) -> Samples:
        """The packet's sound. ValueError when it is damaged."""
        sound = self._decoded(packet)
        self._contents = packet[0]
        return sound

    def conceal(self, length_s: float) -> Samples:
        """As much as a frame of the last packet, or of the nearest length below that is there in its mode."""
        return self._decoded(bytes([_of_length(self._contents, length_s)]))

    def _decoded(self, packet: bytes) -> Samples:
        try:
            parts: list[Samples] = [
                np.frombuffer(bytes(frame.planes[0]), np.int16, frame.samples)
                for frame in self._context.decode(av.Packet(packet))
            ]
        except av.FFmpegError as error:
            raise ValueError("no sound") from error
        if not parts:
            raise ValueError("no sound")
        return self._down.take(np.concatenate(parts) if len(parts) > 1 else parts[0])


class PyavEncoder:
    """As `LibopusEncoder`."""

    def __init__(self, rate_hz: int, bitrate_bps: int) -> None:
        self._rate_hz = rate_hz
        self._time_base = Fraction(1, rate_hz)
        self._at = 0
        self._context = av.CodecContext.create("libopus", "w")
        self._context.sample_rate = rate_hz
        self._context.layout = "mono"
        self._context.format = av.AudioFormat("s16")
        self._context.bit_rate = bitrate_bps
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
        """One packet of 20 ms of 16-bit samples."""
        frame = av.AudioFrame("s16", "mono", len(pcm) // 2)
        frame.planes[0].update(pcm)
        frame.sample_rate = self._rate_hz
        frame.time_base = self._time_base
        frame.pts = self._at
        self._at += frame.samples
        return b"".join(bytes(packet) for packet in self._context.encode(frame))


def _of_length(contents: int, length_s: float) -> int:
    """A table of contents in the same mode and bandwidth, of one frame that lasts `length_s` or less."""
    config = contents >> 3
    if length_s > 0.0101:
        return contents & 0xFC
    if config < 12:
        return (config & ~3) << 3
    if config < 16:
        return (config & ~1) << 3
    return min(config, config & ~3 | 2) << 3
