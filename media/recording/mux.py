"""Second pass over a recording's captures: packets in order, frames of packets, frames into files, all on one timeline.

Streams that follow one another under one role and kind (a reload, another agent) become one track: a newer stream takes
over with its first frame and an older one is not heard again. A telephone is a track of its own, and in the agent's
viewing copy the sound. Frames that touch a pause are left out, whenever their packets came. Memory stays at the reorder
windows and a few seconds of frames.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import BinaryIO, Final

from media.port import TELEPHONE
from media.recording.captures import Captures
from media.recording.coverage import Coverage
from media.recording.format import MarkSet, RtpCaptured
from media.recording.frames import Assembler, Frame, OpusAssembler, VideoAssembler, opus_is_stereo
from media.recording.h264 import H264Depacketiser, decoder_configuration
from media.recording.matroska import About, MatroskaWriter, TrackEntry, opus_head
from media.recording.orientation import Rotations, rotation_of
from media.recording.packet import InOrder, Reorder
from media.recording.survey import MEDIA_CODECS, Stream, Survey
from media.recording.timeline import Placer
from media.recording.vp8 import Vp8Depacketiser

HOLD_S: Final = 4.0
"""Frames wait this long for frames of other tracks that belong before them: more than a reorder window and a stall."""

MAX_HELD_FRAMES: Final = 20_000
ROLES: Final = ("customer", "agent")
SLOTS: Final = (("customer", "audio"), ("customer", "video"), ("agent", "audio"), ("agent", "video"))
"""The four tracks every full recording has, in this order; anything else comes after them."""

SILENCE: Final = b"\xf8\xff\xfe"
"""20 ms of Opus silence (RFC 6716: CELT, full band, mono) for the gaps of a viewing copy, whose clock is its sound."""

SILENCE_MS: Final = 20
_FILL_AFTER_MS: Final = 60
_FILL_BEHIND_MS: Final = 1000
"""So far behind the pictures no sound is awaited any more: what is silent lies beside them, and not behind all of them,
where a player would have to look for it."""

_SOUND_CUE_MS: Final = 5000


class _Reader:
    """One stream in the second pass: its packets in, its frames out."""

    def __init__(self, stream: Stream, placer: Placer) -> None:
        self.stream = stream
        self.reorder = Reorder()
        self._placer = placer
        self._codec_name = ""
        self._assembler: Assembler | None = None
        self._broken = False
        self.packets = 0
        self.damaged_frames = 0
        self.h264: H264Depacketiser | None = None

    def place(self, timestamp: int, at_s: float) -> float:
        return self._placer.place(timestamp, at_s)

    def frames(self, items: Iterable[InOrder]) -> Iterator[Frame]:
        for item in items:
            codec_name = item.packet.codec_name
            self._broken |= item.broken
            if codec_name not in MEDIA_CODECS:
                continue
            self.packets += 1
            if codec_name != self._codec_name:
                yield from self.end_of_codec()
                self._codec_name, self._assembler = codec_name, self._new_assembler(codec_name)
            if self._assembler is not None:
                yield from self._assembler.push(InOrder(item.packet, self._broken))
            self._broken = False

    def interrupt(self) -> Iterator[Frame]:
        """A pause: what came before it is finished, what comes after it begins anew."""
        yield from self.frames(self.reorder.interrupt())
        if self._assembler is not None:
            yield from self._assembler.flush()

    def finish(self) -> Iterator[Frame]:
        yield from self.frames(self.reorder.flush())
        yield from self.end_of_codec()

    def end_of_codec(self) -> Iterator[Frame]:
        if self._assembler is not None:
            yield from self._assembler.flush()
            self.damaged_frames += self._assembler.damaged
            self._assembler = None

    def _new_assembler(self, codec_name: str) -> Assembler:
        if codec_name == "OPUS":
            return OpusAssembler()
        if codec_name == "VP8":
            return VideoAssembler(Vp8Depacketiser())
        self.h264 = H264Depacketiser()
        return VideoAssembler(self.h264)


@dataclass(slots=True)
class Output:
    """One track of the file: a role, a kind and a codec."""

    role: str
    kind: str
    codec_name: str
    number: int
    last_ms: int = -1
    last_cue_ms: int = -_SOUND_CUE_MS
    width: int = 0
    height: int = 0
    channels: int = 1
    private: bytes = b""

    def entry(self, number: int, rotation_deg: int) -> TrackEntry:
        audio = self.kind == "audio"
        return TrackEntry(
            number=number,
            name=f"{self.role} {self.kind}",
            codec_name=self.codec_name,
            private=opus_head(self.channels) if audio else self.private,
            channels=self.channels if audio else 0,
            width=self.width,
            height=self.height,
            rotation_deg=rotation_deg,
        )


@dataclass(slots=True)
class Side:
    """What is known of one role and kind after the second pass."""

    role: str
    kind: str
    coverage: Coverage
    rotations: Rotations = field(default_factory=Rotations)
    codecs: list[str] = field(default_factory=list)
    packets: int = 0
    lost_packets: int = 0
    damaged_frames: int = 0
    by_reports: bool = False
    newest: int = -1  # order of the stream that is heard now


class View:
    """A viewing copy: sound and picture of one side on the timeline of the whole. Gaps in the sound are filled.

    Who has a telephone says nothing else from its first sound on: whatever their browser may send is not mixed in here.
    """

    def __init__(self, role: str, file: BinaryIO, *, sound: bool) -> None:
        """`sound`: there will be some."""
        self.role = role
        self._sound = sound
        self._on_telephone = False
        self.writer = MatroskaWriter(file)
        self.outputs: dict[str, Output] = {}
        self._sound_until_ms = 0

    def add(self, output: Output, frame: Frame, time_ms: int, *, cue: bool) -> None:
        mine = self.outputs.setdefault(output.kind, output)
        if mine.codec_name != output.codec_name:  # a second codec of this side: only the whole recording has it
            return
        if output.kind == "audio":
            self._on_telephone |= output.role == TELEPHONE
            if self._on_telephone and output.role != TELEPHONE:
                return
        number = 1 if output.kind == "audio" else 2
        if self._sound and output.kind == "video":
            self._fill(time_ms - _FILL_BEHIND_MS)
        if output.kind == "audio":
            self._fill(time_ms)
            self._sound_until_ms = max(self._sound_until_ms, time_ms + round((frame.duration_s or 0.0) * 1000))
        self.writer.add_frame(number, time_ms, frame.data, key_frame=frame.key_frame, cue=cue)

    def _fill(self, time_ms: int) -> None:
        if time_ms - self._sound_until_ms < _FILL_AFTER_MS:
            return
        while self._sound_until_ms + SILENCE_MS <= time_ms:
            self.writer.add_frame(1, self._sound_until_ms, SILENCE, key_frame=True, cue=False)
            self._sound_until_ms += SILENCE_MS


class Muxer:
    """Runs the second pass. Afterwards `sides`, `outputs` and `end_s` say what was written."""

    def __init__(self, found: Survey, whole: BinaryIO, views: dict[str, BinaryIO]) -> None:
        self._found = found
        self.zero_s = found.zero_s
        self.end_s = self.zero_s
        self._writer = MatroskaWriter(whole)
        heard = {_side_of(stream.role) for stream in found.streams.values() if stream.kind == "audio"}
        self.views = {role: View(role, file, sound=role in heard) for role, file in views.items()}
        self.outputs: dict[tuple[str, str, str], Output] = {}
        self.sides: dict[tuple[str, str], Side] = {}
        self._readers = {
            key: _Reader(stream, Placer(found.placements[stream.order])) for key, stream in found.streams.items()
        }
        self._held: list[tuple[float, int, _Reader, Frame]] = []
        self._count = 0
        self.only_web_codecs = True

    def run(self, captures: Captures) -> None:
        """Read the captures a second time and write every frame. Raises OSError."""
        for _, record in captures.records():
            if isinstance(record, RtpCaptured):
                seen = self._found.stream_of(record)
                reader = self._readers.get(seen[0]) if seen is not None else None
                if seen is None or reader is None:
                    continue
                _, track, packet = seen
                if track.orientation_id:
                    packet.rotation_deg = rotation_of(record.packet, track.orientation_id)
                if packet.codec_name in MEDIA_CODECS:
                    packet.time_s = reader.place(packet.timestamp, packet.at_s)
                self._hold(reader, reader.frames(reader.reorder.push(packet)))
                self._release(record.at_s - HOLD_S)
            elif isinstance(record, MarkSet) and record.name in ("pause", "resume"):
                for reader in self._readers.values():
                    self._hold(reader, reader.interrupt())
        for reader in self._readers.values():
            self._hold(reader, reader.finish())
        self._release(float("inf"))
        for reader in self._readers.values():
            side = self._side(reader.stream)
            side.packets += reader.packets
            side.lost_packets += reader.reorder.lost
            side.damaged_frames += reader.damaged_frames
            side.by_reports |= self._found.placements[reader.stream.order].by_reports

    def finish(self, about: About) -> None:
        """Write the heads: after it the files are whole."""
        duration_ms = (self.end_s - self.zero_s) * 1000
        ordered = sorted(self.outputs.values(), key=lambda output: output.number)
        self.only_web_codecs = all(output.codec_name != "H264" for output in ordered)
        self._writer.finish(
            [self._entry(output, output.number) for output in ordered],
            web=self.only_web_codecs,
            duration_ms=duration_ms,
            started_at_s=self.zero_s,
            about=about,
        )
        for view in self.views.values():
            entries = [
                self._entry(output, 1 if kind == "audio" else 2) for kind, output in sorted(view.outputs.items())
            ]
            web = all(output.codec_name != "H264" for output in view.outputs.values())
            view.writer.finish(entries, web=web, duration_ms=duration_ms, started_at_s=self.zero_s, about=about)

    def _entry(self, output: Output, number: int) -> TrackEntry:
        return output.entry(number, self.sides[output.role, output.kind].rotations.chosen_deg)

    def _side(self, stream: Stream) -> Side:
        return self.sides.setdefault((stream.role, stream.kind), Side(stream.role, stream.kind, Coverage(stream.kind)))

    def _hold(self, reader: _Reader, frames: Iterable[Frame]) -> None:
        for frame in frames:
            self._count += 1
            heappush(self._held, (frame.time_s, self._count, reader, frame))

    def _release(self, until_s: float) -> None:
        while self._held and (self._held[0][0] <= until_s or len(self._held) > MAX_HELD_FRAMES):
            _, _, reader, frame = heappop(self._held)
            self._write(reader, frame)

    def _paused(self, frame: Frame) -> bool:
        end_s = frame.time_s + (frame.duration_s or 0.0)
        return any(start < end_s and frame.time_s < end for start, end in self._found.pauses)

    def _write(self, reader: _Reader, frame: Frame) -> None:
        stream = reader.stream
        side = self._side(stream)
        if stream.order < side.newest or self._paused(frame):
            return
        taken_over = stream.order > side.newest
        side.newest = stream.order
        output = self._output(side, frame)
        if frame.key_frame and stream.kind != "audio":
            output.width, output.height = max(output.width, frame.width), max(output.height, frame.height)
            if reader.h264 is not None and not output.private and reader.h264.parameter_sets is not None:
                output.private = decoder_configuration(*reader.h264.parameter_sets)
        if stream.kind != "audio":
            side.rotations.frame(frame.time_s, frame.rotation_deg)
        elif opus_is_stereo(frame.data):
            output.channels = 2
        time_ms = max(round((frame.time_s - self.zero_s) * 1000), output.last_ms + 1, 0)
        output.last_ms = time_ms
        cue = self._is_cue(output, frame, time_ms)
        self._writer.add_frame(output.number, time_ms, frame.data, key_frame=frame.key_frame, cue=cue)
        view = self.views.get(_side_of(stream.role))
        if view is not None and stream.kind != "screen":
            view.add(output, frame, time_ms, cue=cue)
        side.coverage.frame(frame.time_s, frame.duration_s, frame.whole_since_last and not taken_over)
        self.end_s = max(self.end_s, side.coverage.end_s)

    def _is_cue(self, output: Output, frame: Frame, time_ms: int) -> bool:
        """Whether a player may begin here: at key frames, and every few seconds of sound where there is no picture."""
        if output.kind != "audio":
            return frame.key_frame
        if (_side_of(output.role), "video") in self.sides or time_ms - output.last_cue_ms < _SOUND_CUE_MS:
            return False
        output.last_cue_ms = time_ms
        return True

    def _output(self, side: Side, frame: Frame) -> Output:
        key = (side.role, side.kind, frame.codec_name)
        output = self.outputs.get(key)
        if output is None:
            slot = (side.role, side.kind)
            free = slot in SLOTS and not side.codecs
            number = (
                SLOTS.index(slot) + 1
                if free
                else len(SLOTS) + 1 + sum(other.number > len(SLOTS) for other in self.outputs.values())
            )
            side.codecs.append(frame.codec_name)
            output = self.outputs[key] = Output(side.role, side.kind, frame.codec_name, number)
        return output


def _side_of(role: str) -> str:
    """Whose viewing copy it belongs to."""
    return "agent" if role == TELEPHONE else role
