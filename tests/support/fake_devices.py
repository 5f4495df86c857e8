"""Fake cameras and microphones for real browsers: a picture and a tone that the far side can recognise.

Chromium plays the files in a loop as its only camera and microphone. A camera shows one flat colour with a white bar
that moves, so that a frozen picture is told from a live one; a microphone hums one tone.
"""

import math
import struct
import wave
from dataclasses import dataclass
from pathlib import Path

WIDTH, HEIGHT, FRAMES_PER_SECOND = 320, 240, 15
SAMPLE_RATE_HZ = 48_000
_SECONDS = 4


@dataclass(frozen=True, slots=True)
class Colour:
    """A flat colour as the browser reads it back (RGB) and as the camera file states it (BT.601 limited range)."""

    red: int
    green: int
    blue: int

    def yuv(self) -> tuple[int, int, int]:
        """ITU-R BT.601 §2.5, 8 bit."""
        luma = 16 + (65.738 * self.red + 129.057 * self.green + 25.064 * self.blue) / 256
        blue_difference = 128 + (-37.945 * self.red - 74.494 * self.green + 112.439 * self.blue) / 256
        red_difference = 128 + (112.439 * self.red - 94.154 * self.green - 18.285 * self.blue) / 256
        return round(luma), round(blue_difference), round(red_difference)


@dataclass(frozen=True, slots=True)
class FakeDevices:
    """One person's camera and microphone."""

    colour: Colour
    tone_hz: int
    camera_file: Path
    microphone_file: Path

    def chromium_arguments(self) -> list[str]:
        return [
            "--use-fake-device-for-media-stream",
            f"--use-file-for-fake-video-capture={self.camera_file}",
            f"--use-file-for-fake-audio-capture={self.microphone_file}",
        ]


def make_devices(folder: Path, name: str, colour: Colour, tone_hz: int) -> FakeDevices:
    """Write `name.y4m` and `name.wav` into `folder`."""
    camera, microphone = folder / f"{name}.y4m", folder / f"{name}.wav"
    _write_camera(camera, colour)
    _write_microphone(microphone, tone_hz)
    return FakeDevices(colour=colour, tone_hz=tone_hz, camera_file=camera, microphone_file=microphone)


def _write_camera(path: Path, colour: Colour) -> None:
    luma, blue_difference, red_difference = colour.yuv()
    chroma_size = (WIDTH // 2) * (HEIGHT // 2)
    chroma = bytes([blue_difference]) * chroma_size + bytes([red_difference]) * chroma_size
    bar_px = 16
    with path.open("wb") as file:
        file.write(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F{FRAMES_PER_SECOND}:1 Ip A1:1 C420jpeg\n".encode())
        for frame in range(_SECONDS * FRAMES_PER_SECOND):
            left = frame * (WIDTH - bar_px) // (_SECONDS * FRAMES_PER_SECOND)
            flat = bytes([luma]) * WIDTH
            barred = flat[:left] + b"\xeb" * bar_px + flat[left + bar_px :]
            file.write(b"FRAME\n" + flat * (HEIGHT - bar_px) + barred * bar_px + chroma)


def _write_microphone(path: Path, tone_hz: int) -> None:
    samples = (
        round(12_000 * math.sin(2 * math.pi * tone_hz * n / SAMPLE_RATE_HZ)) for n in range(_SECONDS * SAMPLE_RATE_HZ)
    )
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE_HZ)
        file.writeframes(b"".join(struct.pack("<h", sample) for sample in samples))
