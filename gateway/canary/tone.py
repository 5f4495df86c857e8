"""Whether a tone is in what was heard: how a canary in call mode knows whose voice it is. Knows no call."""

import math
from collections.abc import Iterable, Sequence
from typing import Final

import av

SHARE: Final = 0.6
"""A block holds the tone when so much of its power is there; speech and noise stay far below."""

_BLOCK_S: Final = 0.05
_SILENCE: Final = 100.0  # root mean square of 16-bit samples


def seconds_of(tone_hz: int, samples: Sequence[int], rate_hz: int) -> float:
    """For how long the tone is heard in 16-bit mono samples, counted in blocks of 50 ms."""
    size = int(rate_hz * _BLOCK_S)
    blocks = (samples[at : at + size] for at in range(0, len(samples) - size + 1, size))
    return sum(_holds(tone_hz, block, rate_hz) for block in blocks) * _BLOCK_S


def _holds(tone_hz: int, block: Sequence[int], rate_hz: int) -> bool:
    """Goertzel's filter against the power of the whole block."""
    power = float(sum(sample * sample for sample in block))
    if power < len(block) * _SILENCE**2:
        return False
    turn = 2 * math.cos(2 * math.pi * tone_hz / rate_hz)
    last = before = 0.0
    for sample in block:
        last, before = sample + turn * last - before, last
    found = last * last + before * before - turn * last * before
    return 2 * found / (len(block) * power) >= SHARE


def decode_opus(packets: Iterable[bytes]) -> list[int]:
    """Opus packets as mono 16-bit samples at 48 kHz; what can't be decoded is left out."""
    decoder = av.CodecContext.create("libopus", "r")
    resampler = av.AudioResampler(format="s16", layout="mono", rate=48_000)
    samples: list[int] = []
    for packet in filter(None, packets):  # an empty one would tell the decoder that nothing follows
        try:
            frames = decoder.decode(av.Packet(packet))
        except av.FFmpegError:
            continue
        for frame in frames:
            for mono in resampler.resample(frame):
                samples += memoryview(bytes(mono.planes[0])).cast("h")[: mono.samples].tolist()
    return samples
