"""A customer's Opus packets as the PCM of a telephone line, as much as the line takes and when it takes it.

`put` may be called by another thread than `pull`; nothing else may. What the line hears while nobody says anything is a
soft noise: a line that is dead silent is taken for one that is broken.
"""

from collections import deque
from typing import Final

import numpy as np

from media.voice.opus import CLOCK_HZ, MAX_PACKET_BYTES, Decoder, Samples, duration_s
from media.voice.playout import Kind, Playout
from media.voice.resample import Downsampler, Stretch, fade_in

MAX_INBOX: Final = 200
"""Packets between two pulls; further ones drop the oldest."""

NOISE_RMS: Final = 16.0
"""-66 dBov: what a quiet room sounds like on a telephone."""

_MAX_STEPS: Final = 64


class Uplink:
    """One call's. `rate_hz` and `channels` are the line's."""

    def __init__(self, rate_hz: int, channels: int, random: np.random.Generator) -> None:
        self.playout = Playout()
        self.heard = 0  # packets
        self._inbox: deque[tuple[int, bytes, float]] = deque(maxlen=MAX_INBOX)
        self._decoder: Decoder | None = None
        self._stretch = Stretch()
        self._noise = np.rint(random.normal(0.0, NOISE_RMS, CLOCK_HZ)).astype(np.int16)
        self._noise_at = 0
        self._after_break = True
        self._line: deque[Samples] = deque()
        self._line_samples = 0
        self.use(rate_hz, channels)

    def use(self, rate_hz: int, channels: int) -> None:
        """The line is another one from now on; what was ready for the old one is lost."""
        self.rate_hz = rate_hz
        self.channels = channels
        self._down = Downsampler(rate_hz)
        self._line.clear()
        self._line_samples = 0

    @property
    def waiting_s(self) -> float:
        """Sound that is here and was not pulled."""
        return self.playout.waiting_s + self._line_samples / self.rate_hz

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
        for _ in range(_MAX_STEPS):
            if self._line_samples >= samples:
                break
            self._append(self._next_block(at_s, samples - self._line_samples))
        return self._cut(samples)

    def _next_block(self, at_s: float, lacking: int) -> Samples:
        step = self.playout.next_step(at_s)
        if step.kind is Kind.NOTHING:
            self._after_break = True
            return self._hush(-(-lacking * CLOCK_HZ // self.rate_hz))
        if self._decoder is None:
            self._decoder = Decoder()
        if step.kind is not Kind.PACKET:
            return self._decoder.conceal(short=step.kind is Kind.WAIT)
        block = self._stretch.take(self._decoder.decode(step.payload), step.stretch)
        if self._after_break or not step.joined:
            self._after_break = False
            block = fade_in(block)
        return block

    def _hush(self, samples: int) -> Samples:
        begin, self._noise_at = self._noise_at, (self._noise_at + samples) % len(self._noise)
        return np.take(self._noise, np.arange(begin, begin + samples), mode="wrap")

    def _append(self, block: Samples) -> None:
        block = self._down.take(block)
        if len(block):
            self._line.append(block)
            self._line_samples += len(block)

    def _cut(self, samples: int) -> bytes:
        line = np.concatenate(self._line) if self._line else np.zeros(0, np.int16)
        ready, rest = line[:samples], line[samples:]
        self._line.clear()
        if len(rest):
            self._line.append(rest)
        self._line_samples = len(rest)
        if len(ready) < samples:
            ready = np.concatenate((ready, np.zeros(samples - len(ready), np.int16)))
        return (ready if self.channels == 1 else np.repeat(ready, self.channels)).tobytes()
