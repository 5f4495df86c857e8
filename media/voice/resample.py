"""From 48 kHz to the rate of a telephone line, and a little longer or shorter on the way: plain numpy, block by block.

The blocks of one stream follow one another without a seam. It knows no codec and no time.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

RATE_HZ: Final = 48_000
TAPS: Final = 96
"""Two milliseconds of window: half of that is the delay, and what would fold into a telephone's band is 50 dB down."""

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
    """Plays a stream slower or faster by single samples that are doubled or left out, evenly spread.

    At 48 kHz, before the low-pass, one sample is a fiftieth of a millisecond: the step is not heard in speech, and the
    pitch moves by the same share as the speed.
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
        step = len(block) // abs(count)
        places = [step * number + step // 2 for number in range(abs(count))]
        skipped = 1 if count < 0 else 0
        ends = [place if skipped else place + 1 for place in places]  # doubled: it ends one piece and begins the next
        begins = [0, *(place + skipped for place in places)]
        return np.concatenate([block[begin:end] for begin, end in zip(begins, [*ends, len(block)], strict=True)])


def fade_in(block: Samples, samples: int = RATE_HZ // 400) -> Samples:
    """A block after a break, without its click: the first 2.5 ms rise."""
    samples = min(samples, len(block))
    ramp = np.ones(len(block), np.float32)
    ramp[:samples] = np.arange(samples, dtype=np.float32) / max(1, samples)
    return (block * ramp).astype(np.int16)


def _low_pass(cutoff: float) -> npt.NDArray[np.float32]:
    """A windowed sinc (Kaiser, 50 dB); `cutoff` as a share of the sampling rate."""
    at = np.arange(TAPS) - (TAPS - 1) / 2
    window = np.sinc(2 * cutoff * at) * np.kaiser(TAPS, 4.55)
    taps: npt.NDArray[np.float32] = (window / window.sum()).astype(np.float32)
    return taps
