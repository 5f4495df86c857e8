"""A telephone line's sound a little longer or shorter, and from 48 kHz to its rate: plain numpy, block by block.

The blocks of one stream follow one another without a seam. It knows no codec and no time.
"""

from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

RATE_HZ: Final = 48_000
TAPS: Final = 96
"""Two milliseconds of window: half of that is the delay, and what would fold into a telephone's band is 50 dB down."""

REACH: Final = 8
"""Samples to either side that a place between two of them is made of."""

PHASES: Final = 128

Samples = npt.NDArray[np.int16]


class Downsampler:
    """48 kHz to `rate_hz`, a divisor of it."""

    def __init__(self, rate_hz: int) -> None:
        if RATE_HZ % rate_hz:
            raise ValueError(f"{rate_hz} Hz is no divisor of {RATE_HZ}")
        self._factor = RATE_HZ // rate_hz
        self._window = _low_pass(0.45 * rate_hz / RATE_HZ) if self._factor > 1 else None
        self._past = np.zeros(TAPS - 1, np.float32)

    def take(self, block: Samples) -> Samples:
        """Any number of samples; what does not make a whole one waits for the next block."""
        if self._window is None:
            return block
        line = np.concatenate((self._past, block.astype(np.float32)))
        count = (len(line) - TAPS) // self._factor + 1
        if count <= 0:
            self._past = line
            return np.zeros(0, np.int16)
        step = line.itemsize
        windows = np.lib.stride_tricks.as_strided(line, (count, TAPS), (self._factor * step, step), writeable=False)
        self._past = line[count * self._factor :].copy()
        line = windows @ self._window
        out: Samples = np.clip(np.rint(line), -32768, 32767).astype(np.int16)
        return out


class Stretch:
    """Plays a stream slower or faster: a block is drawn out or pushed together by whole samples, as evenly as it goes.

    A block begins and ends where it did, so that nothing is kept from one to the next but the part of a sample that is
    owed. One sample of a block of 20 ms at 8 kHz is a tenth of a semitone.
    """

    def __init__(self) -> None:
        self._owed = 0.0  # samples to be added (> 0) or left out

    def take(self, block: Samples, share: float) -> Samples:
        """The block, longer by `share` of it."""
        self._owed += share * len(block)
        count = int(self._owed)
        if not count or len(block) < 2 * abs(count):
            return block
        self._owed -= count
        return _drawn(block, len(block) + count)


def fade_in(block: Samples, samples: int) -> Samples:
    """A block after a break, without its click: the first `samples` rise."""
    samples = min(samples, len(block))
    ramp = np.ones(len(block), np.float32)
    ramp[:samples] = np.arange(samples, dtype=np.float32) / max(1, samples)
    return (block * ramp).astype(np.int16)


def _drawn(block: Samples, length: int) -> Samples:
    """The block as so many samples: band-limited interpolation between its own."""
    neighbours, weights = _places(len(block), length)
    around = np.empty(len(block) + 2 * REACH, np.float32)
    around[:REACH], around[REACH:-REACH], around[-REACH:] = block[0], block, block[-1]
    out: npt.NDArray[np.float32] = np.einsum("ij,ij->i", around[neighbours], weights)
    return np.clip(np.rint(out, out=out), -32768, 32767, out=out).astype(np.int16)


@lru_cache(maxsize=32)
def _places(samples: int, length: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float32]]:
    """Where each of `length` samples lies in a block with `REACH` more on both sides: its neighbours, their weights."""
    places = np.arange(length) * (samples / length)
    before = places.astype(np.intp)
    weights = _BETWEEN[np.rint((places - before) * PHASES).astype(np.intp)]
    return before[:, None] + np.arange(1, 2 * REACH + 1), weights


def _between() -> npt.NDArray[np.float32]:
    """Row by row, from 0 to 1 sample on: the weights of the neighbours of a place between two samples."""
    at = np.arange(1 - REACH, REACH + 1) - np.arange(PHASES + 1)[:, None] / PHASES
    window = np.sinc(at) * np.i0(5.0 * np.sqrt(np.clip(1 - (at / REACH) ** 2, 0, None)))
    weights: npt.NDArray[np.float32] = (window / window.sum(axis=1, keepdims=True)).astype(np.float32)
    return weights


def _low_pass(cutoff: float) -> npt.NDArray[np.float32]:
    """A windowed sinc (Kaiser, 50 dB); `cutoff` as a share of the sampling rate."""
    at = np.arange(TAPS) - (TAPS - 1) / 2
    window = np.sinc(2 * cutoff * at) * np.kaiser(TAPS, 4.55)
    taps: npt.NDArray[np.float32] = (window / window.sum()).astype(np.float32)
    return taps


_BETWEEN: Final = _between()
