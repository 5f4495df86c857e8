"""Real encodes as RTP streams, and captures made of them at any arrival time: what the finaliser is tested with.

The payloads come from aiortc's packetisers, so that our depacketisers are checked against somebody else's work.
"""

import itertools
import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from pathlib import Path

import av
import numpy as np
from aiortc.codecs.h264 import H264Encoder
from aiortc.codecs.vpx import Vp8Encoder

from media.recording import format as fmt

CLOCKS = {"OPUS": 48000, "VP8": 90000, "H264": 90000}
PAYLOAD_TYPES = {"OPUS": 111, "VP8": 96, "H264": 102}
START_S = 1_700_000_000.0
FLASH_EVERY_S = 1.0
FLASH_S = 0.1
NTP_EPOCH_S = 2_208_988_800.0


@dataclass(frozen=True)
class Encoded:
    """One encoded frame and the moment, on the sender's media clock, it shows."""

    media_s: float
    payloads: tuple[bytes, ...]
    key_frame: bool


def is_flash(media_s: float) -> bool:
    return (media_s + 1e-6) % FLASH_EVERY_S < FLASH_S


@cache
def video(
    codec_name: str,
    duration_s: float,
    *,
    fps: int = 15,
    key_every: int = 15,
    size: tuple[int, int] = (160, 120),
    halves: bool = False,
) -> tuple[Encoded, ...]:
    """Pictures that are dark, with a white flash of 0.1 s at every full second and a wandering bar to encode.

    With `halves` they are red above and blue below instead: it shows which way up they are.
    """
    encoder = av.CodecContext.create("libvpx" if codec_name == "VP8" else "libx264", "w")
    encoder.width, encoder.height = size
    encoder.pix_fmt = "yuv420p"
    encoder.time_base = Fraction(1, fps)
    encoder.framerate = Fraction(fps, 1)
    encoder.bit_rate = 300_000
    encoder.gop_size = key_every
    encoder.max_b_frames = 0
    if codec_name == "VP8":
        encoder.options = {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0", "error-resilient": "1"}
    else:
        encoder.profile = "Baseline"
        encoder.options = {
            "tune": "zerolatency",
            "preset": "ultrafast",
            "x264-params": f"keyint={key_every}:scenecut=0",
        }
    out: list[Encoded] = []
    random = np.random.default_rng(7)
    grain = random.integers(0, 40, (size[1], size[0]), dtype=np.uint8)
    for index in range(round(duration_s * fps)):
        picture = np.full((size[1], size[0], 3), 235 if is_flash(index / fps) else 20, np.uint8)
        picture += np.roll(grain, index * 3, axis=1)[:, :, None] // 4
        if halves:
            picture[: size[1] // 2] = (230, 0, 0)
            picture[size[1] // 2 :] = (0, 0, 230)
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p")
        frame.pts = index
        frame.time_base = encoder.time_base
        for packet in encoder.encode(frame):
            data = bytes(packet)
            if codec_name == "VP8":
                payloads = Vp8Encoder._packetize(data, 0x3FF0 + index & 0x7FFF)
            else:
                payloads = H264Encoder._packetize(H264Encoder._split_bitstream(data))
            out.append(Encoded(index / fps, tuple(payloads), packet.is_keyframe))
    return tuple(out)


@cache
def audio(duration_s: float) -> tuple[Encoded, ...]:
    """Silence with a beep of 1 kHz for 0.1 s at every full second, in Opus packets of 20 ms."""
    encoder = av.CodecContext.create("libopus", "w")
    encoder.sample_rate = 48000
    encoder.layout = "mono"
    encoder.format = "s16"
    encoder.bit_rate = 32_000
    encoder.time_base = Fraction(1, 48000)
    encoder.options = {"application": "voip", "frame_duration": "20"}
    out: list[Encoded] = []
    for index in range(round(duration_s * 50)):
        times = np.arange(960) / 48000 + index * 0.02
        loud = (times + 1e-6) % FLASH_EVERY_S < FLASH_S
        samples = np.where(loud, 12000 * np.sin(2 * np.pi * 1000 * times), 0).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(samples[None, :], format="s16", layout="mono")
        frame.sample_rate = 48000
        frame.pts = index * 960
        frame.time_base = Fraction(1, 48000)
        out += [Encoded(index * 0.02, (bytes(packet),), True) for packet in encoder.encode(frame)]
    return tuple(out)


@dataclass
class Sender:
    """One browser's clock as we see it: offset and drift against ours, and the delay of its packets."""

    starts_s: float = 0.0  # on the media host's clock, from START_S: when its media time 0 is captured
    ntp_offset_s: float = 0.0  # its wall clock minus ours at the start
    drift: float = 0.0  # its clock runs faster by this share
    delay_s: Callable[[int], float] = lambda index: 0.030

    def host_s(self, media_s: float) -> float:
        """When, on our clock, its media time passes."""
        return START_S + self.starts_s + media_s / (1 + self.drift)

    def ntp_s(self, media_s: float) -> float:
        return NTP_EPOCH_S + START_S + self.starts_s + self.ntp_offset_s + media_s


@dataclass(order=True)
class Event:
    """Something to append to the capture; ordered by arrival."""

    at_s: float
    order: int
    data: bytes = field(compare=False)


_order = itertools.count()
_numbers = itertools.count()


def event(at_s: float, data: bytes) -> Event:
    return Event(at_s, next(_order), data)


def rtp(
    payload_type: int,
    sequence: int,
    timestamp: int,
    ssrc: int,
    payload: bytes,
    *,
    marker: bool,
    extension: bytes = b"",
) -> bytes:
    """A packet; `extension` is the whole of its header extension, profile and length included."""
    first, second = 0x90 if extension else 0x80, payload_type | (0x80 if marker else 0)
    fixed = struct.pack(">BBHII", first, second, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc)
    return fixed + extension + payload


def orientation(number: int, value: int, *, two_byte: bool = False) -> bytes:
    """A header extension (RFC 8285) with one element: the byte `urn:3gpp:video-orientation` is made of."""
    element = bytes((number, 1, value)) if two_byte else bytes((number << 4, value))
    return (b"\x10\x00" if two_byte else b"\xbe\xde") + b"\x00\x01" + element.ljust(4, b"\x00")


@dataclass
class Stream:
    """One SSRC of one leg: turns encoded frames into capture events."""

    role: str
    kind: str
    codec_name: str
    ssrc: int
    leg: str = ""
    sender: Sender = field(default_factory=Sender)
    sequence: int = 1000
    timestamp: int = 5000
    encode_delay_s: float = 0.0  # between the capture of a picture and its packets being sent
    reports_every_s: float | None = 1.0
    orientation_id: int = 0
    extension: Callable[[Encoded], bytes] = lambda frame: b""  # of the last packet of each frame
    number: int = field(default_factory=lambda: next(_numbers))

    def opened(self, at_s: float) -> Event:
        clock = CLOCKS[self.codec_name]
        track = fmt.TrackOpened(
            self.number,
            at_s,
            self.role,
            self.kind,
            self.codec_name,
            clock,
            self.ssrc,
            self.leg,
            self.orientation_id,
        )
        return event(at_s, fmt.encode_track(track))

    def events(
        self,
        frames: Iterable[Encoded],
        *,
        lose: Callable[[int], bool] = lambda index: False,
        keep: Callable[[float], bool] = lambda media_s: True,
    ) -> Iterator[Event]:
        """Packets and sender reports. `lose` is asked for each packet's index, `keep` whether anything is sent then."""
        clock = CLOCKS[self.codec_name]
        payload_type = PAYLOAD_TYPES[self.codec_name]
        index = 0
        next_report_s = 0.3
        first = True
        for frame in frames:
            if not keep(frame.media_s):
                continue
            sent_s = self.sender.host_s(frame.media_s) + self.encode_delay_s
            if first:
                yield self.opened(sent_s)
                first = False
            timestamp = self.timestamp + round(frame.media_s * clock)
            for at, payload in enumerate(frame.payloads):
                last = at == len(frame.payloads) - 1
                extension = self.extension(frame) if last else b""
                packet = rtp(
                    payload_type, self.sequence, timestamp, self.ssrc, payload, marker=last, extension=extension
                )
                self.sequence += 1
                at_s = sent_s + self.sender.delay_s(index)
                if not lose(index):
                    yield event(at_s, fmt.encode_rtp(fmt.RtpCaptured(self.number, at_s, packet)))
                index += 1
            if self.reports_every_s is not None and frame.media_s >= next_report_s:
                next_report_s += self.reports_every_s
                at_s = sent_s + self.sender.delay_s(index) + 0.001
                report = fmt.SenderReportCaptured(
                    self.number, at_s, self.ssrc, self.sender.ntp_s(frame.media_s), timestamp & 0xFFFFFFFF
                )
                yield event(at_s, fmt.encode_report(report))


def mark(name: str, at_s: float, detail: str = "") -> Event:
    return event(at_s, fmt.encode_mark(fmt.MarkSet(at_s, name, detail)))


def write_capture(folder: Path, events: Iterable[Event], *, ended: bool = True, number: int = 1) -> Path:
    """Put the events in order of arrival into a capture; without `ended` as a killed process leaves it."""
    folder.mkdir(parents=True, exist_ok=True)
    ordered = sorted(events)
    path = folder / fmt.capture_name(number)
    with path.open("wb") as file:
        file.write(fmt.encode_header("rc_testrecording"))
        for item in ordered:
            file.write(item.data)
        if ended:
            file.write(fmt.encode_end(fmt.CaptureEnded(ordered[-1].at_s if ordered else 0.0, len(ordered))))
    return path


def side(
    role: str,
    duration_s: float,
    *,
    video_codec: str = "VP8",
    sender: Sender | None = None,
    leg: str | None = None,
    **options: object,
) -> list[Event]:
    """Sound and picture of one browser for `duration_s`."""
    sender = sender or Sender()
    name = role if leg is None else leg
    sound = Stream(role, "audio", "OPUS", 0x1000 + len(name), name, sender)
    picture = Stream(role, "video", video_codec, 0x2000 + len(name), name, sender, encode_delay_s=0.025)
    return [*sound.events(audio(duration_s), **options), *picture.events(video(video_codec, duration_s), **options)]


# ---------------------------------------------------------------- looking at the result


@dataclass
class Decoded:
    """What a player would get of one track: (time, brightness or loudness) of every decoded frame."""

    name: str
    codec: str
    frames: list[tuple[float, float]]

    def onsets(self, threshold: float) -> list[float]:
        """Times at which the value rises above the threshold, but for the first moments of the track."""
        out, above = [], True
        for time_s, value in self.frames:
            if value > threshold and not above:
                out.append(time_s)
            above = value > threshold
        return [time_s for time_s in out if time_s - self.frames[0][0] > 0.2]

    def between(self, start_s: float, end_s: float) -> list[float]:
        return [time_s for time_s, _ in self.frames if start_s < time_s < end_s]


def decode(path: Path) -> list[Decoded]:
    """Decode every track of a file. Sound is cut into pieces of 2.5 ms, so that a beep's beginning is exact."""
    with av.open(str(path)) as container:
        out = [Decoded(s.metadata.get("title", ""), s.codec_context.name, []) for s in container.streams]
        for packet in container.demux():
            track = out[packet.stream.index]
            for frame in packet.decode():
                if isinstance(frame, av.VideoFrame):
                    track.frames.append((float(frame.time), float(frame.to_ndarray(format="gray").mean())))
                else:
                    samples = np.abs(frame.to_ndarray().astype(np.float64))
                    if frame.format.is_packed:
                        samples = samples.reshape(1, -1)
                    for at in range(0, frame.samples, 120):
                        loud = float(samples[:, at : at + 120].mean())
                        track.frames.append((float(frame.time) + at / 48000, loud))
    return out
