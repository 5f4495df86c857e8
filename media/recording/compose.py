"""One picture and one sound of a finished recording, for people: `python -m media.recording.compose FOLDER`.

Both sides beside each other with their names, a shared screen large with both beside it, notices while the call was on
hold or the recording paused, both voices mixed. It decodes and encodes, so it is a process of its own that may be ended
at any time; memory does not grow with the length of the call. Writes `together.webm` (VP8 and Opus) and `poster.jpg`
beside the recording and prints one JSON object; with `--poster` only the latter. Exit codes as those of
`media.recording.finalise`.
"""

import argparse
import json
import os
import sys
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO, Final

import av

from gateway.base.upkeep import confine
from media.recording.canvas import BLACK, DARK, Box, Canvas, Scaler
from media.recording.command import be_modest, failed, percent_lines
from media.recording.finalise import EXIT_EMPTY, EXIT_MEMORY, EXIT_OK, EXIT_UNREADABLE, refused
from media.recording.frames import MAX_PICTURE_PIXELS
from media.recording.layout import Place, Rundown, Scene, labels_of
from media.recording.lettering import can_write, shortened
from media.recording.manifest import ManifestDamaged, hash_file, read_manifest, sync_folder
from media.recording.matroska import About, MatroskaWriter, TrackEntry, opus_head
from media.recording.mixing import RATE_HZ, Mixer

FILE_NAME: Final = "together.webm"
POSTER_NAME: Final = "poster.jpg"
FRAMES_PER_S: Final = 15
KEY_FRAME_EVERY_S: Final = 5
VIDEO_BPS: Final = 700_000
AUDIO_BPS: Final = 64_000
LAG_S: Final = 0.15
"""Sound packets hold up to 120 ms: what begins before a packet of another track may end after it."""

POSTER_AFTER_S: Final = 2.0
"""The first picture of a camera is often dark."""

_LABEL_LETTERS: Final = 40
_AUDIO, _VIDEO = 1, 2


class NothingToShow(ValueError):
    """There is no recording to compose, or none of its tracks can be opened."""


class _Painter:
    """Keeps the canvas as the scene wants it, and redraws no more than what changed."""

    def __init__(self, rundown: Rundown, labels: Mapping[str, str]) -> None:
        self.canvas = Canvas()
        self._rundown = rundown
        self._labels = labels
        self._scalers: dict[Place, Scaler] = {}
        self._coming: deque[tuple[float, Place, av.VideoFrame]] = deque()  # in order of time, for `LAG_S` at most
        self._pictures: dict[Place, av.VideoFrame] = {}
        self._seen_s: dict[Place, float] = {}
        self._dirty: set[Place] = set()
        self._scene: Scene | None = None
        self._shown: dict[Place, bool] = {}

    def add(self, place: Place, frame: av.VideoFrame, at_s: float) -> None:
        self._coming.append((at_s, place, frame))

    def take(self, until_s: float) -> None:
        """Pictures up to then are there."""
        while self._coming and self._coming[0][0] <= until_s:
            since_s, place, frame = self._coming.popleft()
            self._pictures[place] = frame
            self._seen_s[place] = since_s
            self._dirty.add(place)

    def everybody_seen(self) -> bool:
        return all((role, "video") in self._pictures for role in self._labels)

    def paint(self, at_s: float) -> None:
        """The canvas as it is at that moment, each picture at the step that is nearest to its time."""
        self.take(at_s + 0.5 / FRAMES_PER_S)
        scene = self._rundown.scene(at_s, self._seen_s)
        changed = scene != self._scene
        if changed:
            self._scene = scene
            self.canvas.fill(Box(0, 0, self.canvas.width, self.canvas.height), BLACK)
            if scene.slate:
                self._centred(scene.slate)
        for place, box in scene.boxes.items():
            shown = self._rundown.fresh(place, at_s, self._seen_s)
            if changed or place in self._dirty or shown != self._shown.get(place):
                self._tile(place, box, at_s, shown=shown)
                self._shown[place] = shown
        self._dirty.clear()
        if scene.banner:
            width = Canvas.text_width(scene.banner, 3)
            self.canvas.write(scene.banner, (self.canvas.width - width) // 2, 24, size=3)

    def _tile(self, place: Place, box: Box, at_s: float, *, shown: bool) -> None:
        if shown:
            scaler = self._scalers.setdefault(place, Scaler())
            picture = scaler.fit(self._pictures[place], self._rundown.rotation_deg(place, at_s), box)
            self.canvas.draw(picture, box)
        else:
            self.canvas.fill(box, DARK)
        self.canvas.write(self._labels[place[0]], box.x + 12, box.y + box.height - 46, size=2, room=box.width - 24)

    def _centred(self, text: str) -> None:
        x = (self.canvas.width - Canvas.text_width(text, 4)) // 2
        self.canvas.write(text, max(0, x), self.canvas.height // 2 - 26, size=4)


class _Output:
    """Encoders and the file."""

    def __init__(self, file: BinaryIO, canvas: Canvas, *, sound: bool) -> None:
        self._writer = MatroskaWriter(file)
        self._canvas = canvas
        self._video = av.CodecContext.create("libvpx", "w")
        self._video.width, self._video.height = canvas.width, canvas.height
        self._video.pix_fmt = "yuv420p"
        self._video.time_base = Fraction(1, FRAMES_PER_S)
        self._video.framerate = Fraction(FRAMES_PER_S, 1)
        self._video.bit_rate = VIDEO_BPS
        self._video.gop_size = FRAMES_PER_S * KEY_FRAME_EVERY_S
        self._video.thread_count = 1
        self._video.options = {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0", "static-thresh": "100"}
        self._audio: av.AudioCodecContext | None = None
        if sound:
            self._audio = av.CodecContext.create("libopus", "w")
            self._audio.sample_rate = RATE_HZ
            self._audio.layout = "mono"
            self._audio.format = "s16"
            self._audio.bit_rate = AUDIO_BPS
            self._audio.time_base = Fraction(1, RATE_HZ)

    def picture(self, number: int) -> None:
        frame = self._canvas.frame()
        frame.pts = number
        frame.time_base = Fraction(1, FRAMES_PER_S)
        self._write(_VIDEO, self._video.encode(frame), cue=True)

    def sound(self, frame: av.AudioFrame) -> None:
        if self._audio is not None:
            frame.time_base = Fraction(1, RATE_HZ)
            self._write(_AUDIO, self._audio.encode(frame), cue=False)

    def _write(self, track: int, packets: list[Any], *, cue: bool) -> None:
        for packet in packets:
            time_ms = max(0, round(float(packet.pts * packet.time_base) * 1000))
            key = bool(packet.is_keyframe)
            self._writer.add_frame(track, time_ms, bytes(packet), key_frame=key, cue=cue and key)

    def finish(self, manifest: Mapping[str, Any], duration_s: float) -> None:
        self._write(_VIDEO, self._video.encode(None), cue=True)
        if self._audio is not None:
            self._write(_AUDIO, self._audio.encode(None), cue=False)
        canvas = self._canvas
        entries = [TrackEntry(number=_VIDEO, name="video", codec_name="VP8", width=canvas.width, height=canvas.height)]
        if self._audio is not None:
            entries.insert(
                0, TrackEntry(number=_AUDIO, name="audio", codec_name="OPUS", private=opus_head(1), channels=1)
            )
        about = About(
            title=f"Recording {manifest['recording_id']}",
            tags=(("RECORDING_ID", str(manifest["recording_id"])),),
            chapters=tuple(
                (round(chapter["from_s"] * 1000), round(chapter["to_s"] * 1000), str(chapter["title"]))
                for chapter in manifest["chapters"]
            ),
        )
        self._writer.finish(
            entries,
            web=True,
            duration_ms=duration_s * 1000,
            started_at_s=float(manifest["started_at_s"]),
            about=about,
        )


class Composer:
    """One finished recording, decoded once from its beginning."""

    def __init__(self, folder: Path, labels: Mapping[str, str]) -> None:
        """Raises ManifestDamaged, NothingToShow."""
        self.manifest = read_manifest(folder)
        if not self.manifest["file"]:
            raise NothingToShow("nothing that can be played was recorded")
        self._path = folder / Path(str(self.manifest["file"])).name
        self.duration_s = float(self.manifest["duration_s"])
        given = {role: shortened(name, _LABEL_LETTERS) for role, name in labels.items()}
        named = labels_of({role: name for role, name in given.items() if can_write(name)})
        self._painter = _Painter(Rundown(self.manifest), named)

    @property
    def canvas(self) -> Canvas:
        return self._painter.canvas

    def write(self, file: BinaryIO, on_progress: Callable[[float], None]) -> None:
        """Compose all of it into `file`. Raises OSError, NothingToShow."""
        with self._opened() as container:
            voices = {stream.index: number for number, stream in enumerate(container.streams.audio)}
            output = _Output(file, self.canvas, sound=bool(voices))
            mixer = Mixer(len(voices)) if voices else None
            number = 0
            for at_s, index, frame in self._frames(container):
                while number / FRAMES_PER_S < at_s - LAG_S:
                    self._step(number, output, mixer)
                    number += 1
                    if number % FRAMES_PER_S == 0:
                        on_progress(min(1.0, number / FRAMES_PER_S / max(self.duration_s, 1.0)))
                if isinstance(frame, av.VideoFrame):
                    self._painter.add(self._place(container, index), frame, at_s)
                elif mixer is not None:
                    mixer.add(voices[index], frame, at_s)
            while number / FRAMES_PER_S < self.duration_s:
                self._step(number, output, mixer)
                number += 1
            if mixer is not None:
                for sound in mixer.finish(self.duration_s):
                    output.sound(sound)
            output.finish(self.manifest, self.duration_s)

    def _step(self, number: int, output: _Output, mixer: Mixer | None) -> None:
        at_s = number / FRAMES_PER_S
        self._painter.paint(at_s)
        if mixer is not None:
            for sound in mixer.ready(at_s):
                output.sound(sound)
        output.picture(number)

    def poster(self) -> bytes:
        """A JPEG of the first moment worth looking at: everybody's picture is there, and some seconds have passed."""
        at_s = 0.0
        with self._opened() as container:
            for at_s, index, frame in self._frames(container):
                if isinstance(frame, av.VideoFrame):
                    self._painter.add(self._place(container, index), frame, at_s)
                    self._painter.take(at_s)
                    if at_s >= POSTER_AFTER_S and (self._painter.everybody_seen() or at_s > 10 * POSTER_AFTER_S):
                        break
                elif at_s > 20 * POSTER_AFTER_S:
                    break
        self._painter.paint(at_s)
        return _jpeg(self.canvas.frame())

    def _opened(self) -> Any:
        try:
            container = av.open(str(self._path))
        except (av.FFmpegError, OSError) as error:
            raise NothingToShow(f"{self._path.name} can't be opened: {error}") from error
        for stream in container.streams:
            stream.codec_context.options = {"max_pixels": str(MAX_PICTURE_PIXELS)}
            stream.codec_context.thread_count = 1
        return container

    @staticmethod
    def _place(container: Any, index: int) -> Place:
        role, _, kind = str(container.streams[index].metadata.get("title", "")).partition(" ")
        return (role if role in ("customer", "agent") else "customer", "screen" if kind == "screen" else "video")

    @staticmethod
    def _frames(container: Any) -> Iterator[tuple[float, int, Any]]:
        """(time, stream, decoded frame) in order of time, as the finaliser wrote them. Frames that can't be decoded
        are left out: the recording has them, and its check says so."""
        for packet in container.demux():
            try:
                frames = packet.decode()
            except av.FFmpegError:
                continue
            for frame in frames:
                if frame.time is not None and isinstance(frame, av.VideoFrame | av.AudioFrame):
                    yield float(frame.time), packet.stream.index, frame


def _jpeg(picture: av.VideoFrame) -> bytes:
    encoder = av.CodecContext.create("mjpeg", "w")
    encoder.width, encoder.height = picture.width // 2, picture.height // 2
    encoder.pix_fmt = "yuvj420p"
    encoder.time_base = Fraction(1, 1)
    encoder.options = {"strict": "unofficial", "qmin": "4", "qmax": "6"}
    small = picture.reformat(width=encoder.width, height=encoder.height, format="yuvj420p")
    small.pts = 0
    return b"".join(bytes(packet) for packet in (*encoder.encode(small), *encoder.encode(None)))


def compose(
    folder: Path, labels: Mapping[str, str], on_progress: Callable[[float], None] = lambda share: None
) -> dict[str, Any]:
    """Write both files into `folder`. Raises ManifestDamaged, NothingToShow, OSError."""
    part = folder / f"{FILE_NAME}.part"
    try:
        with open(part, "w+b", opener=_private) as file:
            composer = Composer(folder, labels)
            composer.write(file, on_progress)
            file.flush()
            os.fsync(file.fileno())
        sha256, size_bytes = hash_file(part)
        part.replace(folder / FILE_NAME)
    finally:
        part.unlink(missing_ok=True)
    sync_folder(folder)
    values = {
        "file": FILE_NAME,
        "container": "webm",
        "sha256": sha256,
        "size_bytes": size_bytes,
        "duration_s": round(composer.duration_s, 3),
    }
    return values | poster(folder, labels)


def poster(folder: Path, labels: Mapping[str, str]) -> dict[str, Any]:
    """Write the poster into `folder`. Raises as `compose`."""
    part = folder / f"{POSTER_NAME}.part"
    try:
        with open(part, "wb", opener=_private) as file:
            file.write(Composer(folder, labels).poster())
        part.replace(folder / POSTER_NAME)
    finally:
        part.unlink(missing_ok=True)
    return {"poster": POSTER_NAME}


def _private(name: str, flags: int) -> int:
    return os.open(name, flags | os.O_NOFOLLOW, 0o600)


def main(arguments: list[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="media.recording.compose", description="Compose a finished recording.")
    parser.add_argument("folder", type=Path, help="the recording's folder, with its manifest")
    parser.add_argument("--customer", default="", help="the name written under the customer's picture")
    parser.add_argument("--agent", default="", help="the name written under the agent's picture")
    parser.add_argument("--poster", action="store_true", help="only the poster")
    parser.add_argument("--nice", type=int, default=0, help="lower the process's priority by this much, for disks too")
    parser.add_argument("--memory", type=int, default=0, help="at most so many bytes of memory; 0: no limit")
    parser.add_argument("--progress", action="store_true", help="say how far it is, in percent")
    options = parser.parse_args(arguments)
    be_modest(options.nice, options.memory)
    labels = {"customer": options.customer, "agent": options.agent}
    try:
        if options.poster:
            values = poster(options.folder, labels)
        else:
            tell = percent_lines() if options.progress else lambda share: None
            values = compose(options.folder, labels, tell)
    except ManifestDamaged as error:
        return failed(EXIT_UNREADABLE, error)
    except NothingToShow as error:
        return failed(EXIT_EMPTY, error)
    except MemoryError:
        return failed(EXIT_MEMORY, "it needs more memory than it may have")
    except OSError as error:
        return refused(error)
    print(json.dumps(values, sort_keys=True))  # noqa: T201 - a command
    return EXIT_OK


if __name__ == "__main__":
    confine()
    sys.exit(main())
