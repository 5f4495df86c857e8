"""A drawn person before a wall, as a fake camera: for pictures in documents, where a flat colour would say little."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT, FRAMES_PER_SECOND, FRAMES = 640, 480, 15, 30

Rgb = tuple[int, int, int]


def write_portrait(path: Path, *, wall: Rgb, shirt: Rgb, skin: Rgb, hair: Rgb) -> None:
    """Write a two-second loop (YUV4MPEG2, 4:2:0) of somebody who sways a little."""
    with path.open("wb") as file:
        file.write(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F{FRAMES_PER_SECOND}:1 Ip A1:1 C420jpeg\n".encode())
        for number in range(FRAMES):
            sway = 6 * np.sin(2 * np.pi * number / FRAMES)
            file.write(b"FRAME\n" + _yuv(_draw(sway, wall, shirt, skin, hair)))


def _draw(sway: float, wall: Rgb, shirt: Rgb, skin: Rgb, hair: Rgb) -> NDArray[np.float64]:
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(float)
    picture = np.array(wall, float) * (1.08 - 0.35 * (x / WIDTH)[..., None] - 0.15 * (y / HEIGHT)[..., None])
    centre = WIDTH / 2 + sway

    def fill(inside: NDArray[np.bool_], colour: Rgb, shade: float = 0.12) -> None:
        light = 1 + shade * np.clip((centre - x) / 120, -1, 1)
        picture[inside] = (np.array(colour, float) * light[..., None])[inside]

    def oval(at_x: float, at_y: float, wide: float, high: float) -> NDArray[np.bool_]:
        return ((x - at_x) / wide) ** 2 + ((y - at_y) / high) ** 2 < 1

    fill(oval(centre, 208, 92, 112), hair)
    fill(oval(centre, 520, 190, 175), shirt)
    fill((abs(x - centre) < 36) & (y > 270) & (y < 366), skin)
    fill(oval(centre, 222, 70, 92), skin)
    fill(oval(centre, 148, 78, 46), hair)
    for side in (-1, 1):
        fill(oval(centre + side * 27, 212, 7, 5), (40, 34, 34), 0)
    fill(oval(centre, 266, 22, 7) & (y > 264), (150, 70, 70), 0)
    return np.clip(picture, 0, 255)


def _yuv(picture: NDArray[np.float64]) -> bytes:
    """ITU-R BT.601 full range to limited range, chroma averaged over 2x2."""
    red, green, blue = picture[..., 0], picture[..., 1], picture[..., 2]
    luma = 16 + (65.738 * red + 129.057 * green + 25.064 * blue) / 256
    blue_difference = 128 + (-37.945 * red - 74.494 * green + 112.439 * blue) / 256
    red_difference = 128 + (112.439 * red - 94.154 * green - 18.285 * blue) / 256
    half = [
        plane.reshape(HEIGHT // 2, 2, WIDTH // 2, 2).mean(axis=(1, 3)) for plane in (blue_difference, red_difference)
    ]
    return b"".join(np.round(plane).astype(np.uint8).tobytes() for plane in (luma, *half))
