"""A telephone line's PCM as Opus packets for browsers: cut into 20 ms, encoded at the line's own rate, timed.

The line's clock is kept: a packet is made whenever 20 ms of sound have come, and its timestamp counts samples. The
browser's own buffer takes up the drift, as with any sender. A pause moves the timestamp by the time that passed.
"""

from typing import Final, NamedTuple

import numpy as np

from media.voice.opus import FRAME_S, FRAME_TICKS, Encoder

PAUSE_S: Final = 0.1
"""So much less sound than time at once is a pause and no jitter."""

MAX_CREDIT_S: Final = 0.4
MAX_SPEED: Final = 1.05
"""Sound may come in bursts of 0.4 s, and in the long run 5 % faster than time; what is more is thrown away."""


class OpusPacket(NamedTuple):
    ticks: int  # since the call's first sound, at 48 kHz
    payload: bytes
    marker: bool  # the first after a pause


class Downlink:
    """One call's."""

    def __init__(self, rate_hz: int, channels: int) -> None:
        """ValueError for a rate that Opus has not."""
        self.thrown_away_s = 0.0
        self._ticks = 0
        self._fed_s: float | None = None
        self._credit_s = MAX_CREDIT_S
        self._begins = True
        self.use(rate_hz, channels)

    def use(self, rate_hz: int, channels: int) -> None:
        """The line is another one from now on. ValueError as above; nothing changed then."""
        self._encoder = Encoder(rate_hz)
        self.rate_hz = rate_hz
        self.channels = channels
        self._frame_bytes = 2 * self._encoder.frame_samples
        self._pending = bytearray()

    def feed(self, pcm: bytes, at_s: float) -> list[OpusPacket]:
        """Sound that came at `at_s`, whole samples; the packets it completes."""
        if not pcm:
            return []
        since_s = 0.0 if self._fed_s is None else max(0.0, at_s - self._fed_s)
        self._credit_s = min(MAX_CREDIT_S, self._credit_s + MAX_SPEED * since_s)
        pcm = self._within_credit(pcm)
        silent_s = since_s - len(pcm) / 2 / self.rate_hz  # a thread that was held up finds all of it
        if self._fed_s is not None and silent_s > PAUSE_S:
            self._pause(silent_s)
        self._fed_s = at_s
        self._pending += pcm
        made: list[OpusPacket] = []
        while len(self._pending) >= self._frame_bytes:
            frame = bytes(self._pending[: self._frame_bytes])
            del self._pending[: self._frame_bytes]
            made.append(OpusPacket(self._ticks, self._encoder.encode(frame), self._begins))
            self._begins = False
            self._ticks += FRAME_TICKS
        return made

    def _pause(self, silent_s: float) -> None:
        """Whole packets of time, so that what comes lies on the same grid."""
        self._pending.clear()
        self._ticks += round(silent_s / FRAME_S) * FRAME_TICKS
        self._begins = True

    def _within_credit(self, pcm: bytes) -> bytes:
        if self.channels > 1:
            pcm = _mono(pcm, self.channels)
        most_bytes = 2 * int(self._credit_s * self.rate_hz)
        if len(pcm) > most_bytes:
            self.thrown_away_s += (len(pcm) - most_bytes) / 2 / self.rate_hz
            pcm = pcm[:most_bytes]
        self._credit_s -= len(pcm) / 2 / self.rate_hz
        return pcm


def _mono(pcm: bytes, channels: int) -> bytes:
    samples = np.frombuffer(pcm, np.int16)
    samples = samples[: len(samples) // channels * channels].reshape(-1, channels)
    mono: bytes = (samples.astype(np.int32).sum(axis=1) // channels).astype(np.int16).tobytes()
    return mono
