"""Several voices into one sound: each on its own place in time, added up, and kept from clipping. Streaming.

FFmpeg's filters do the work; what is here keeps every input without holes, because a mixer waits for the slowest.
"""

from collections import deque
from collections.abc import Iterator
from typing import Final

import av
import av.filter

RATE_HZ: Final = 48_000
FRAME_SAMPLES: Final = 960
SLACK_SAMPLES: Final = 960
"""A sound packet this close to where the last one ended follows it: placing has jitter of some milliseconds."""

LIMIT: Final = 0.89
"""-1 dB: two people who shout at once stay below what a player can show."""


class _Voice:
    """One input: sound at places in time, silence between them."""

    def __init__(self, buffer: av.filter.context.FilterContext) -> None:
        self._buffer = buffer
        self._resampler = av.AudioResampler("s16", "mono", RATE_HZ)
        self.until = 0  # samples given so far

    def add(self, frame: av.AudioFrame, at_s: float) -> None:
        at = round(at_s * RATE_HZ)
        if at - self.until > SLACK_SAMPLES:
            self.silence_until(at)
        elif self.until - at > 4 * SLACK_SAMPLES:
            return  # older than what was given already
        frame.pts = None
        for piece in self._resampler.resample(frame):
            self._push(piece)

    def silence_until(self, until: int) -> None:
        while self.until < until:
            samples = min(FRAME_SAMPLES, until - self.until)
            piece = av.AudioFrame("s16", "mono", samples)
            piece.planes[0].update(bytes(piece.planes[0].buffer_size))
            piece.sample_rate = RATE_HZ
            self._push(piece)

    def _push(self, piece: av.AudioFrame) -> None:
        piece.pts = self.until
        self.until += piece.samples
        self._buffer.push(piece)

    def end(self) -> None:
        self._buffer.push(None)


class Mixer:
    """`voices` inputs, one output: frames of `FRAME_SAMPLES` of mono sound whose `pts` counts samples."""

    def __init__(self, voices: int) -> None:
        graph = av.filter.Graph()
        buffers = [graph.add_abuffer(sample_rate=RATE_HZ, format="s16", layout="mono") for _ in range(voices)]
        mix = graph.add("amix", f"inputs={voices}:normalize=0:dropout_transition=0")
        for index, buffer in enumerate(buffers):
            buffer.link_to(mix, 0, index)
        rest = [
            mix,
            graph.add("alimiter", f"limit={LIMIT}:level=0:attack=2:release=50"),
            graph.add("aformat", "sample_fmts=s16:channel_layouts=mono"),
            graph.add("asetnsamples", f"n={FRAME_SAMPLES}:p=1"),
            graph.add("abuffersink"),
        ]
        graph.link_nodes(*rest).configure()
        self._graph = graph  # keeps the filters alive
        self._sink = rest[-1]
        self._voices = [_Voice(buffer) for buffer in buffers]
        self._mixed: deque[av.AudioFrame] = deque()

    def add(self, voice: int, frame: av.AudioFrame, at_s: float) -> None:
        """Sound of one voice that begins at `at_s`."""
        self._voices[voice].add(frame, at_s)

    def ready(self, until_s: float) -> Iterator[av.AudioFrame]:
        """No voice says anything new before `until_s`: the sound that begins before that, and no more of it."""
        until = round(until_s * RATE_HZ)
        for voice in self._voices:
            voice.silence_until(until)
        self._pull()
        while self._mixed and (self._mixed[0].pts or 0) < until:
            yield self._mixed.popleft()

    def finish(self, end_s: float) -> Iterator[av.AudioFrame]:
        """All the rest; what lasts longer than `end_s` as well."""
        yield from self.ready(end_s)
        for voice in self._voices:
            voice.end()
        self._pull()
        yield from self._mixed

    def _pull(self) -> None:
        while True:
            try:
                frame = self._sink.pull()
            except (av.BlockingIOError, av.EOFError):
                return
            if isinstance(frame, av.AudioFrame):
                self._mixed.append(frame)
