"""Opus to PCM and back for telephone calls: one decoder and one encoder per call and direction, at the line's rate.

At the rate of the line there is nothing to resample, neither before the encoder nor after the decoder, which leaves out
what a narrow-band line can't carry. It is not thread-safe; each object belongs to one thread.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from media.voice.libopus import AVAILABLE, RATES, LibopusDecoder, LibopusEncoder
from media.voice.pyav import PyavDecoder, PyavEncoder

CLOCK_HZ: Final = 48_000
"""Of Opus in RTP, whatever rate it was encoded at (RFC 7587 §4.1)."""

FRAME_S: Final = 0.02
FRAME_TICKS: Final = 960
MAX_PACKET_BYTES: Final = 1275 * 6
MAX_DURATION_S: Final = 0.12

ENCODER_RATES: Final = (8000, 16_000, 48_000)
_BITRATES_BPS: Final = {8000: 20_000, 16_000: 28_000, 48_000: 40_000}

Samples = npt.NDArray[np.int16]

_SILK_MS: Final = (10, 20, 40, 60)
_CELT_MS: Final = (2.5, 5, 10, 20)
_FRAMES_MS: Final = 3 * _SILK_MS + 2 * (10, 20) + 4 * _CELT_MS
"""By configuration (RFC 6716 §3.1, table 2)."""

_SHORT_S: Final = 0.01


def duration_s(packet: bytes) -> float:
    """How long a packet's sound is, by its first bytes (RFC 6716 §3.1, table 2); 0 for none that can be."""
    if not packet or len(packet) > MAX_PACKET_BYTES:
        return 0.0
    code = packet[0] & 3
    if code == 3 and len(packet) < 2:
        return 0.0
    count = (1, 2, 2, packet[1] & 0x3F if code == 3 else 0)[code]
    length_s = _FRAMES_MS[packet[0] >> 3] * count / 1000
    return length_s if 0 < length_s <= MAX_DURATION_S else 0.0


class Decoder:
    """One stream's, to mono at `rate_hz`. ValueError for a rate that Opus has not."""

    def __init__(self, rate_hz: int = CLOCK_HZ) -> None:
        if rate_hz not in RATES:
            raise ValueError(f"no Opus at {rate_hz} Hz")
        self.rate_hz = rate_hz
        self._decoder = LibopusDecoder(rate_hz) if AVAILABLE else PyavDecoder(rate_hz)
        self._frame_s = FRAME_S

    def decode(self, packet: bytes) -> Samples:
        """The packet's sound; concealment in its place when it is damaged."""
        try:
            sound = self._decoder.decode(packet)
        except ValueError:
            return self.conceal()
        self._frame_s = _FRAMES_MS[packet[0] >> 3] / 1000
        return sound

    def conceal(self, *, short: bool = False) -> Samples:
        """As much as one frame of the last packet, made up; `short`: 10 ms, less where its frames are shorter."""
        length_s = min(self._frame_s, _SHORT_S) if short else self._frame_s
        try:
            return self._decoder.conceal(length_s)
        except ValueError:
            return np.zeros(round(length_s * self.rate_hz), np.int16)


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
        made = LibopusEncoder if AVAILABLE else PyavEncoder
        self._encoder = made(rate_hz, _BITRATES_BPS[rate_hz])

    def encode(self, pcm: bytes) -> bytes:
        """One packet of exactly `frame_samples` samples."""
        return self._encoder.encode(pcm)
