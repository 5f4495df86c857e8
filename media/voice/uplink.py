"""A customer's Opus packets as the PCM of a telephone line, as much as the line takes and when it takes it.

`put` may be called by another thread than `pull`; nothing else may. What the line hears while nobody says anything is a
soft noise: a line that is dead silent is taken for one that is broken.
"""

from collections import deque
from typing import Final

import numpy as np

from media.voice.opus import MAX_PACKET_BYTES, Decoder, Samples, duration_s
from media.voice.playout import Kind, Playout
from media.voice.resample import Stretch, fade_in

MAX_INBOX: Final = 200
"""Packets between two pulls; further ones drop the oldest."""

NOISE_RMS: Final = 8.0
"""-72 dBov: what a quiet room sounds like on a telephone."""

FADE_IN_S: Final = 0.0025

_MAX_STEPS: Final = 64


class Uplink:
    """One call's. `rate_hz` and `channels` are the line's."""

    def __init__(self, rate_hz: int, channels: int, random: np.random.Generator) -> None:
        self.playout = Playout()
        self.heard = 0  # packets
        self._inbox: deque[tuple[int, bytes, float]] = deque(maxlen=MAX_INBOX)
        self._random = random
        self._noise_at = 0
        self._line = bytearray()  # ready, one channel
        self.use(rate_hz, channels)

    def use(self, rate_hz: int, channels: int) -> None:
        """The line is another one from now on; what was ready for the old one is lost. ValueError for a rate that Opus
        has not; nothing changed then."""
        self._decoder = Decoder(rate_hz)
        self.rate_hz = rate_hz
        self.channels = channels
        self._stretch = Stretch()
        self._noise = np.rint(self._random.normal(0.0, NOISE_RMS, rate_hz)).astype(np.int16)
        self._after_break = True
        self._line.clear()

    @property
    def waiting_s(self) -> float:
        """Sound that is here and was not pulled."""
        return self.playout.waiting_s + len(self._line) / 2 / self.rate_hz

    def put(self, number: int, payload: bytes, at_s: float) -> None:
        """A packet came, of any size and content. `number`: its RTP sequence number."""
        if 0 < len(payload) <= MAX_PACKET_BYTES:
            self._inbox.append((number, payload, at_s))

    def pull(self, samples: int, at_s: float) -> bytes:
        """So many samples of each channel."""
        while self._inbox:
            number, payload, arrived_s = self._inbox.popleft()
            length_s = duration_s(payload)
            if length_s:
                self.heard += 1
                self.playout.put(number, payload, length_s, arrived_s)
        line, wanted_bytes = self._line, 2 * samples
        for _ in range(_MAX_STEPS):
            if len(line) >= wanted_bytes:
                break
            line += self._next_block(at_s, samples - len(line) // 2).tobytes()
        ready = bytes(line[:wanted_bytes]).ljust(wanted_bytes, b"\0")
        del line[:wanted_bytes]
        if self.channels > 1:
            return np.repeat(np.frombuffer(ready, np.int16), self.channels).tobytes()
        return ready

    def _next_block(self, at_s: float, lacking: int) -> Samples:
        step = self.playout.next_step(at_s)
        if step.kind is Kind.NOTHING:
            self._after_break = True
            return self._hush(lacking)
        if step.kind is not Kind.PACKET:
            return self._decoder.conceal(short=step.kind is Kind.WAIT)
        block = self._stretch.take(self._decoder.decode(step.payload), step.stretch)
        if self._after_break or not step.joined:
            self._after_break = False
            block = fade_in(block, round(FADE_IN_S * self.rate_hz))
        return block

    def _hush(self, samples: int) -> Samples:
        begin, self._noise_at = self._noise_at, (self._noise_at + samples) % len(self._noise)
        return np.take(self._noise, np.arange(begin, begin + samples), mode="wrap")
