"""Makes the clips in `media/player/assets`: `python -m media.player.make_clips`. For developers; no server runs it.

Draws the picture, composes the music, has espeak-ng speak the lines, encodes all of it and packetises it once. Needs
numpy (a development dependency) and the `espeak-ng` command. The same versions of the encoders give the same bytes.
"""

import argparse
import subprocess
import sys
import wave
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from functools import cache
from io import BytesIO
from pathlib import Path
from shutil import which
from typing import Any, Final

import av
import numpy as np
from numpy.typing import NDArray

from media.player.clip import Clip, ClipPacket, ClipTrack
from media.player.clipfile import SUFFIX, encode_clip

ASSETS: Final = Path(__file__).parent / "assets"
WIDTH, HEIGHT, FPS = 640, 360, 8
KEY_EVERY: Final = 2 * FPS
VIDEO_BPS: Final = 80_000
AUDIO_BPS: Final = 32_000
RATE: Final = 48_000
HOLD_S: Final = 32
PAYLOAD_BYTES: Final = 1100
VIDEO_CLOCK: Final = 90_000
BURST_GAP_MS: Final = 4
"""Between the packets of one picture: a key frame is no burst of ten datagrams."""

LINES: Final = {
    "welcome": {
        "en": "Welcome. We are preparing your video call.",
        "fr": "Bienvenue. Nous préparons votre appel vidéo.",
        "es": "Le damos la bienvenida. Estamos preparando su videollamada.",
    },
    "menu": {
        "en": "Please choose one of the options on your screen.",
        "fr": "Veuillez choisir une des options à l'écran.",
        "es": "Por favor, elija una de las opciones de la pantalla.",
    },
    "queue": {
        "en": "Thank you for waiting. An agent will be with you shortly.",
        "fr": "Merci de patienter. Un conseiller va vous répondre.",
        "es": "Gracias por esperar. Un agente le atenderá en breve.",
    },
    "goodbye": {
        "en": "Thank you for your call. Goodbye.",
        "fr": "Merci de votre appel. Au revoir.",
        "es": "Gracias por su llamada. Hasta pronto.",
    },
}
VOICES: Final = {"en": "en-gb", "fr": "fr-fr", "es": "es"}

Samples = NDArray[np.float64]
Picture = NDArray[np.uint8]


# ---------------------------------------------------------------- the picture


def draw(time_s: float) -> Picture:
    """The calm picture at a moment: two circles of light that lean towards each other over a dusk. Period `HOLD_S`."""
    turn = 2 * np.pi * time_s / HOLD_S
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float64)
    down, across = y / HEIGHT, x / WIDTH
    top, bottom = np.array([30.0, 45.0, 84.0]), np.array([46.0, 116.0, 130.0])
    blend = np.clip(0.75 * down + 0.25 * across, 0, 1)[..., None]
    picture = top * (1 - blend) + bottom * blend

    def glow(center_x: float, center_y: float, radius: float, color: tuple[float, float, float]) -> None:
        nonlocal picture
        distance = ((x - center_x) ** 2 + (y - center_y) ** 2) / radius**2
        picture = picture + np.exp(-distance)[..., None] * np.array(color)

    glow(150 + 40 * np.sin(turn), 300 + 10 * np.cos(turn), 190, (26, 40, 30))
    glow(520 + 30 * np.cos(turn), 70 + 14 * np.sin(turn), 170, (46, 30, 44))

    lean = 7 * np.sin(2 * turn)
    lift = 4 * np.sin(turn)
    left, right = (258 + lean, 172 + lift), (382 - lean, 172 - lift)
    for (center_x, center_y), color in ((left, (255.0, 203.0, 148.0)), (right, (158.0, 228.0, 222.0))):
        distance = np.hypot(x - center_x, y - center_y)
        disc = 1 / (1 + np.exp((distance - 86) / 1.2))
        light = 0.34 + 0.30 * np.exp(-((distance / 86) ** 2))
        alpha = (disc * light)[..., None]
        picture = picture * (1 - alpha) + np.array(color) * alpha

    for index in range(3):
        phase = 2 * np.pi * (time_s / 4 - index / 6)
        strength = 0.28 + 0.42 * max(0.0, np.sin(phase)) ** 2
        distance = np.hypot(x - (296 + 24 * index), y - 304)
        alpha = (strength / (1 + np.exp((distance - 4.5) / 0.7)))[..., None]
        picture = picture * (1 - alpha) + np.array([240.0, 246.0, 246.0]) * alpha
    return np.asarray(np.clip(picture + 0.5, 0, 255), dtype=np.uint8)


# ---------------------------------------------------------------- the sound


def _note(name: str) -> float:
    """Frequency in Hz of a note such as `F3` or `Bb4`."""
    step = {"C": -9, "D": -7, "E": -5, "F": -4, "G": -2, "A": 0, "B": 2}[name[0]]
    step += name.count("#") - name[1:].count("b")
    return float(440.0 * 2 ** ((step + 12 * (int(name[-1]) - 4)) / 12))


CHORDS: Final = (
    ("F2", "A3", "C4", "E4", "G4"),
    ("D2", "F3", "A3", "C4", "E4"),
    ("Bb1", "D3", "F3", "A3", "C4"),
    ("C2", "E3", "G3", "Bb3", "D4"),
    ("F2", "A3", "C4", "E4", "G4"),
    ("A2", "G3", "C4", "E4", "G4"),
    ("Bb1", "D3", "F3", "A3", "D4"),
    ("C2", "F3", "G3", "Bb3", "D4"),
)
PLUCKS: Final = ((0.0, 1), (1.0, 3), (1.5, 4), (2.5, 2), (3.25, 3))  # (seconds in the bar, note of the chord)


@cache
def music() -> Samples:
    """`HOLD_S` seconds that lead back into their beginning: eight slow chords, a soft bell over them, a large room."""
    length = HOLD_S * RATE
    mix = np.zeros(length)

    def add(sound: Samples, at_s: float) -> None:
        where = (np.arange(len(sound)) + round(at_s * RATE)) % length
        np.add.at(mix, where, sound)

    bar_s = HOLD_S / len(CHORDS)
    for bar, chord in enumerate(CHORDS):
        for voice, name in enumerate(chord):
            add(_pad(_note(name), bar_s + 1.6) * (0.16 if voice == 0 else 0.075), bar * bar_s - 0.6)
        for at_s, voice in PLUCKS:
            if (bar + voice) % 4 != 3:  # not every bar is the same
                add(_bell(2 * _note(chord[voice])) * 0.06, bar * bar_s + at_s)
    room = np.random.default_rng(1).standard_normal(2 * RATE) * np.exp(-np.arange(2 * RATE) / (0.55 * RATE))
    room *= np.minimum(1.0, np.arange(2 * RATE) / (0.02 * RATE))
    spectrum = np.fft.rfft(mix) * np.fft.rfft(room, length)
    wet = np.fft.irfft(spectrum, length)
    mix = mix + 0.35 * wet * np.abs(mix).max() / np.abs(wet).max()
    return np.asarray(_soften(mix, 5200.0) * (0.30 / np.abs(mix).max()))


def _pad(frequency: float, duration_s: float) -> Samples:
    time = np.arange(round(duration_s * RATE)) / RATE
    sound = np.zeros(len(time))
    for harmonic, strength in ((1, 1.0), (2, 0.32), (3, 0.12), (4, 0.05)):
        for detune in (-0.0012, 0.0013):
            sound += strength * np.sin(2 * np.pi * frequency * harmonic * (1 + detune) * time)
    rise, fall = np.clip(time / 1.2, 0, 1), np.clip((duration_s - time) / 1.4, 0, 1)
    return np.asarray(sound * np.sin(rise * np.pi / 2) ** 2 * np.sin(fall * np.pi / 2) ** 2 / 2)


def _bell(frequency: float) -> Samples:
    time = np.arange(round(2.5 * RATE)) / RATE
    wobble = 0.9 * np.exp(-time / 0.25) * np.sin(2 * np.pi * frequency * 2 * time)
    tail = np.clip((2.5 - time) / 0.2, 0, 1)
    return np.asarray(
        np.sin(2 * np.pi * frequency * time + wobble) * np.exp(-time / 0.6) * tail * np.clip(time / 0.004, 0, 1)
    )


def _soften(sound: Samples, cut_hz: float) -> Samples:
    """A gentle low-pass over the whole, done on the circle so that the loop has no seam."""
    spectrum = np.fft.rfft(sound)
    frequency = np.fft.rfftfreq(len(sound), 1 / RATE)
    return np.fft.irfft(spectrum / (1 + (frequency / cut_hz) ** 4), len(sound))


def spoken(text: str, language: str) -> Samples:
    """espeak-ng's voice at 48 kHz, levelled."""
    command = which("espeak-ng")
    if command is None:
        raise SystemExit("espeak-ng is needed to make the clips (Debian package espeak-ng)")
    done = subprocess.run(  # noqa: S603 - a fixed command with our own text
        [command, "-v", VOICES[language], "-s", "148", "-p", "42", "-g", "4", "--stdout", text],
        capture_output=True,
        check=True,
    )
    with wave.open(BytesIO(done.stdout)) as file:
        rate = file.getframerate()
        raw = np.frombuffer(file.readframes(file.getnframes()), np.int16).astype(np.float64) / 32768
    voiced = np.flatnonzero(np.abs(raw) > 0.003)
    raw = raw[max(0, voiced[0] - rate // 50) : voiced[-1] + rate // 10]
    at = np.arange(round(len(raw) * RATE / rate)) * rate / RATE
    sound = np.interp(at, np.arange(len(raw)), raw)
    return np.asarray(_soften(sound, 7500.0) * (0.5 / np.abs(sound).max()))


def prompt(text: str, language: str) -> Samples:
    """The line over the beginning of the hold music, faded in and out, in whole pictures' length."""
    voice = spoken(text, language)
    lead_s, tail_s = 0.4, 0.7
    frames = int(np.ceil((lead_s + len(voice) / RATE + tail_s) * FPS))
    length = frames * RATE // FPS
    sound = music()[:length] * 0.22
    edge = np.clip(np.minimum(np.arange(length), np.arange(length)[::-1]) / (0.5 * RATE), 0, 1)
    sound = sound * edge
    start = round(lead_s * RATE)
    sound[start : start + len(voice)] += voice
    return sound


# ---------------------------------------------------------------- encoding and packetising


def encode_opus(sound: Samples, *, loops: bool) -> ClipTrack:
    """20 ms packets. A loop is encoded twice and its second half kept: the codec is then settled at the seam."""
    encoder: Any = av.CodecContext.create("libopus", "w")
    encoder.sample_rate, encoder.layout, encoder.format = RATE, "mono", "s16"
    encoder.bit_rate, encoder.time_base = AUDIO_BPS, Fraction(1, RATE)
    encoder.options = {"application": "audio", "frame_duration": "20", "vbr": "on", "compression_level": "10"}
    packets = round(len(sound) / 960 + 0.499)
    whole = np.concatenate(
        [sound, sound[: packets * 960 - len(sound)] if loops else np.zeros(packets * 960 - len(sound))]
    )
    pieces = np.concatenate([whole, whole]) if loops else whole
    payloads: list[bytes] = []
    for index in range(len(pieces) // 960):
        piece = (pieces[index * 960 : (index + 1) * 960] * 32767).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(piece[None, :], format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, index * 960, Fraction(1, RATE)
        payloads += [bytes(packet) for packet in encoder.encode(frame)]
    payloads += [bytes(packet) for packet in encoder.encode(None)]
    payloads = payloads[packets : 2 * packets] if loops else payloads[:packets]
    return ClipTrack(
        "OPUS",
        RATE,
        tuple(ClipPacket(index * 20, index * 960, index == 0, payload) for index, payload in enumerate(payloads)),
    )


def encode_video(codec_name: str, pictures: Iterable[Picture]) -> ClipTrack:
    """A key frame every two seconds, nothing that refers forward, so that any key frame is a way in."""
    encoder: Any = av.CodecContext.create("libvpx" if codec_name == "VP8" else "libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, FPS), Fraction(FPS, 1)
    encoder.bit_rate, encoder.gop_size, encoder.max_b_frames, encoder.thread_count = VIDEO_BPS, KEY_EVERY, 0, 1
    split: Callable[[bytes], list[bytes]]
    if codec_name == "VP8":
        split = packetise_vp8
        encoder.options = {
            "deadline": "best",
            "lag-in-frames": "0",
            "auto-alt-ref": "0",
            "keyint_min": str(KEY_EVERY),
            "qmin": "4",
            "qmax": "40",
            "maxrate": "100k",
            "bufsize": "200k",
        }
    else:
        split = packetise_h264
        encoder.profile = "Baseline"
        encoder.options = {
            "preset": "veryslow",
            "tune": "zerolatency",
            "level": "3.1",
            "maxrate": "100k",
            "bufsize": "200k",
            "x264-params": f"keyint={KEY_EVERY}:min-keyint={KEY_EVERY}:scenecut=0:rc-lookahead=0:sliced-threads=0",
        }
    out: list[ClipPacket] = []
    for index, data, key_frame in _encoded(encoder, pictures):
        start_ms, ticks = index * 1000 // FPS, index * VIDEO_CLOCK // FPS
        payloads = split(data)
        gap_ms = min(BURST_GAP_MS, (1000 // FPS - 5) / len(payloads))
        for number, payload in enumerate(payloads):
            out.append(
                ClipPacket(
                    due_ms=start_ms + int(number * gap_ms),
                    rtp_ticks=ticks,
                    marker=number == len(payloads) - 1,
                    payload=payload,
                    key_frame=key_frame and number == 0,
                )
            )
    return ClipTrack(codec_name, VIDEO_CLOCK, tuple(out))


def _encoded(encoder: Any, pictures: Iterable[Picture]) -> Iterator[tuple[int, bytes, bool]]:
    for index, picture in enumerate(pictures):
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p", interpolation="LANCZOS")
        frame.pts, frame.time_base = index, Fraction(1, FPS)
        for packet in encoder.encode(frame):
            yield packet.pts, bytes(packet), packet.is_keyframe
    for packet in encoder.encode(None):
        yield packet.pts, bytes(packet), packet.is_keyframe


def packetise_vp8(frame: bytes) -> list[bytes]:
    """RFC 7741 with the one-byte descriptor: S on the first packet, partition 0."""
    room = PAYLOAD_BYTES - 1
    return [(b"\x10" if at == 0 else b"\x00") + frame[at : at + room] for at in range(0, len(frame), room)]


def packetise_h264(frame: bytes) -> list[bytes]:
    """RFC 6184: parameter sets together as STAP-A, small units alone, large ones as FU-A. `frame` is Annex B."""
    units = [
        unit.rstrip(b"\x00") for unit in frame.replace(b"\x00\x00\x00\x01", b"\x00\x00\x01").split(b"\x00\x00\x01")
    ]
    units = [unit for unit in units if unit and unit[0] & 0x1F not in (6, 9)]
    sets = [unit for unit in units if unit[0] & 0x1F in (7, 8)]
    payloads: list[bytes] = []
    if sets:
        payloads.append(b"\x78" + b"".join(len(unit).to_bytes(2, "big") + unit for unit in sets))
    for unit in units:
        if unit[0] & 0x1F in (7, 8):
            continue
        if len(unit) <= PAYLOAD_BYTES:
            payloads.append(unit)
            continue
        room = PAYLOAD_BYTES - 2
        pieces = [unit[at : at + room] for at in range(1, len(unit), room)]
        for number, piece in enumerate(pieces):
            edge = 0x80 if number == 0 else 0x40 if number == len(pieces) - 1 else 0
            payloads.append(bytes(((unit[0] & 0xE0) | 28, edge | (unit[0] & 0x1F))) + piece)
    return payloads


def make_clip(name: str, language: str, sound: Samples, *, loops: bool = False) -> Clip:
    """Encode one clip with the calm picture for as long as the sound is."""
    frames = len(sound) * FPS // RATE
    return Clip(
        name,
        language,
        frames * 1000 // FPS,
        (
            _cut(encode_opus(sound, loops=loops), frames * 1000 // FPS),
            encode_video("VP8", (draw(index / FPS) for index in range(frames))),
            encode_video("H264", (draw(index / FPS) for index in range(frames))),
        ),
    )


def _cut(track: ClipTrack, duration_ms: int) -> ClipTrack:
    return ClipTrack(
        track.codec_name,
        track.clock_rate_hz,
        tuple(packet for packet in track.packets if packet.due_ms + 20 <= duration_ms),
    )


def main() -> int:
    """Write every clip (or those named) into the assets folder."""
    parser = argparse.ArgumentParser(prog="media.player.make_clips", description="Make the clips of the product.")
    parser.add_argument("names", nargs="*", help="only these (hold, welcome, menu, queue, goodbye)")
    parser.add_argument("--folder", type=Path, default=ASSETS)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    wanted = [("hold", "en", "")] + [
        (name, language, text) for name, texts in LINES.items() for language, text in texts.items()
    ]
    for name, language, text in wanted:
        if options.names and name not in options.names:
            continue
        clip = (
            make_clip(name, language, prompt(text, language))
            if text
            else make_clip(name, language, music(), loops=True)
        )
        data = encode_clip(clip)
        (options.folder / f"{name}.{language}{SUFFIX}").write_bytes(data)
        print(f"{name}.{language} {clip.duration_ms / 1000:.2f} s, {len(data) / 1000:.0f} kB", file=sys.stderr)  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
