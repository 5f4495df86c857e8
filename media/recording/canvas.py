"""The one picture a composed recording shows: decoded pictures, scaled into boxes, and letters, on planes of bytes.

YUV 4:2:0, 8 bits, limited range. It knows boxes and pixels; who is shown where is for `media.recording.layout` to say.
"""

from dataclasses import dataclass
from typing import Final

import av
import av.filter

from media.recording.lettering import HEIGHT, dots

WIDTH: Final = 1280
HEIGHT_PX: Final = 720
BLACK: Final = (16, 128, 128)
DARK: Final = (34, 130, 126)
WHITE_Y: Final = 235
SHADE_Y: Final = 24


@dataclass(frozen=True, slots=True)
class Box:
    """A part of the canvas in pixels; all numbers even, because chroma has half the resolution."""

    x: int
    y: int
    width: int
    height: int


class Scaler:
    """Makes any picture of one track fit into a box, upright. Its filters are rebuilt when the picture changes."""

    def __init__(self) -> None:
        self._key: tuple[object, ...] = ()
        self._graph: av.filter.Graph | None = None

    def fit(self, frame: av.VideoFrame, rotation_deg: int, box: Box) -> av.VideoFrame:
        """The picture, turned clockwise, as large as fits into the box, in even numbers of pixels."""
        key = (frame.width, frame.height, frame.format.name, rotation_deg, box.width, box.height)
        if key != self._key or self._graph is None:
            self._graph, self._key = self._built(frame, rotation_deg, box), key
        self._graph.push(frame)
        picture = self._graph.pull()
        if not isinstance(picture, av.VideoFrame):
            raise TypeError("a graph of pictures gave something else")
        return picture

    @staticmethod
    def _built(frame: av.VideoFrame, rotation_deg: int, box: Box) -> av.filter.Graph:
        sideways = rotation_deg in (90, 270)
        width, height = (frame.height, frame.width) if sideways else (frame.width, frame.height)
        share = min(box.width / width, box.height / height)
        graph = av.filter.Graph()
        chain = [
            graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base)
        ]
        turns = {90: ["clock"], 180: ["clock", "clock"], 270: ["cclock"]}.get(rotation_deg, [])
        chain += [graph.add("transpose", turn) for turn in turns]
        to_width, to_height = (max(2, int(side * share) // 2 * 2) for side in (width, height))
        chain.append(graph.add("scale", f"{to_width}:{to_height}:flags=bilinear:out_range=tv"))
        chain.append(graph.add("format", "yuv420p"))
        chain.append(graph.add("buffersink"))
        graph.link_nodes(*chain).configure()
        return graph


class Canvas:
    """Three planes. Drawing outside of them is cut off."""

    def __init__(self, width: int = WIDTH, height: int = HEIGHT_PX) -> None:
        self.width, self.height = width, height
        self._planes = [bytearray(width * height), bytearray(width * height // 4), bytearray(width * height // 4)]
        self.fill(Box(0, 0, width, height), BLACK)

    def fill(self, box: Box, colour: tuple[int, int, int]) -> None:
        for index, value in enumerate(colour):
            shrink = 1 if index == 0 else 2
            row = bytes((value,)) * (box.width // shrink)
            stride = self.width // shrink
            plane = self._planes[index]
            for y in range(box.y // shrink, (box.y + box.height) // shrink):
                at = y * stride + box.x // shrink
                plane[at : at + len(row)] = row

    def draw(self, picture: av.VideoFrame, box: Box) -> None:
        """Put a picture of `Scaler.fit` in the middle of the box, dark around it."""
        self.fill(box, DARK)
        x = box.x + (box.width - picture.width) // 4 * 2
        y = box.y + (box.height - picture.height) // 4 * 2
        for index, plane in enumerate(picture.planes):
            shrink = 1 if index == 0 else 2
            width, height = picture.width // shrink, picture.height // shrink
            stride, source = self.width // shrink, memoryview(plane)
            target = self._planes[index]
            at = y // shrink * stride + x // shrink
            for row in range(height):
                start = row * plane.line_size
                target[at : at + width] = source[start : start + width]
                at += stride

    def write(self, text: str, x: int, y: int, *, size: int = 2, room: int = 0) -> None:
        """White letters on a dark strip with its upper left corner at (x, y): `size` pixels a dot, `room` at most."""
        rows = dots(text, room // (6 * size) - 1 if room else 200)
        if not rows[0]:
            return
        pad = 2 * size
        width, height = (len(rows[0]) * size + 2 * pad) // 2 * 2, HEIGHT * size + 2 * pad
        box = Box(x // 2 * 2, y // 2 * 2, min(width, self.width - x) // 2 * 2, min(height, self.height - y) // 2 * 2)
        self.fill(box, (SHADE_Y, 128, 128))
        plane = self._planes[0]
        for number, row in enumerate(rows):
            line = b"".join((bytes((WHITE_Y,)) if dot else bytes((SHADE_Y,))) * size for dot in row)
            line = line[: max(0, box.width - pad)]
            for repeat in range(size):
                at_y = box.y + pad + number * size + repeat
                if at_y < self.height:
                    at = at_y * self.width + box.x + pad
                    plane[at : at + len(line)] = line

    @staticmethod
    def text_width(text: str, size: int) -> int:
        return len(dots(text)[0]) * size + 4 * size

    def frame(self) -> av.VideoFrame:
        """A copy, for an encoder."""
        picture = av.VideoFrame(self.width, self.height, "yuv420p")
        for plane, data in zip(picture.planes, self._planes, strict=True):
            plane.update(bytes(data))
        return picture
