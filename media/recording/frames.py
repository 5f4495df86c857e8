"""From packets in order to encoded frames: Opus (RFC 7587), VP8 (RFC 7741), H.264 (RFC 6184), without decoding any.

A video frame that lacks a packet can't be shown, and what refers to it would be shown wrong. Policy: a damaged frame
is dropped; when it was one no other refers to (VP8 N bit, H.264 nal_ref_idc 0) and the hole lay within it, nothing else
is; otherwise everything up to the next key frame is dropped. A track therefore always decodes without artefacts.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from media.recording.packet import InOrder, Packet

MAX_FRAME_BYTES = 4 * 1024 * 1024
MAX_PICTURE_PIXELS = 4096 * 2304
MAX_PICTURE_SIDE = 4096
"""Larger pictures are no camera's and no screen's of ours; a header that claims one would cost a player its memory."""

_MAX_OPUS_MS = 120.0  # RFC 6716 § 3.2.5


@dataclass(slots=True)
class Frame:
    """One encoded frame. `whole_since_last`: nothing was lost between the frame before it and this one."""

    codec_name: str
    time_s: float
    key_frame: bool
    data: bytes
    whole_since_last: bool
    duration_s: float | None = None
    width: int = 0
    height: int = 0
    rotation_deg: int = 0


class Assembler(Protocol):
    """Makes frames of one stream in one codec."""

    damaged: int
    """Frames dropped because they, or what they refer to, lacked a packet."""

    def push(self, item: InOrder) -> Iterator[Frame]: ...

    def flush(self) -> Iterator[Frame]:
        """The stream stops here (its end, or a pause): finish what is whole."""
        ...


# ---------------------------------------------------------------- Opus


def opus_duration_ms(payload: bytes) -> float | None:
    """How much sound an Opus packet holds, from its first bytes (RFC 6716 § 3.1); None when it is malformed."""
    if not payload:
        return None
    configuration, code = payload[0] >> 3, payload[0] & 0x03
    if configuration < 12:
        frame_ms = (10.0, 20.0, 40.0, 60.0)[configuration & 0x03]
    elif configuration < 16:
        frame_ms = (10.0, 20.0)[configuration & 0x01]
    else:
        frame_ms = (2.5, 5.0, 10.0, 20.0)[configuration & 0x03]
    if code == 3:
        if len(payload) < 2:
            return None
        count = payload[1] & 0x3F
    else:
        count = 1 if code == 0 else 2
    duration_ms = count * frame_ms
    return duration_ms if 0 < duration_ms <= _MAX_OPUS_MS else None


def opus_is_stereo(payload: bytes) -> bool:
    return bool(payload[0] & 0x04)


class OpusAssembler:
    """One packet is one frame."""

    def __init__(self) -> None:
        self.damaged = 0
        self._broken = False

    def push(self, item: InOrder) -> Iterator[Frame]:
        self._broken |= item.broken
        payload = item.packet.payload
        if not payload:  # padding, sent to probe the bandwidth
            return
        duration_ms = opus_duration_ms(payload)
        if duration_ms is None:
            self.damaged += 1
            self._broken = True
            return
        whole, self._broken = not self._broken, False
        yield Frame("OPUS", item.packet.time_s, True, payload, whole, duration_ms / 1000)

    def flush(self) -> Iterator[Frame]:
        return iter(())


# ---------------------------------------------------------------- video


class Depacketiser(Protocol):
    """Puts the payloads of one frame together. One instance serves one stream, frame after frame."""

    codec_name: str

    def begins_frame(self, payload: bytes) -> bool:
        """Whether this payload can be the first of a frame."""
        ...

    def add(self, payload: bytes) -> bool:
        """Take the next payload of the frame; False when it is malformed or does not follow."""
        ...

    def droppable(self) -> bool:
        """Whether no other frame refers to the one being put together."""
        ...

    def take(self) -> tuple[bytes, bool, int, int] | None:
        """The frame (data, key frame or not, width and height of a key frame), and begin anew. None: unusable."""
        ...

    def discard(self) -> None:
        """Forget the payloads of this frame."""
        ...


class VideoAssembler:
    """Groups payloads into frames by timestamp and marker, and applies the policy for damage.

    A rotation holds until a packet tells another: senders need not repeat it (3GPP TS 26.114 § 7.4.5).
    """

    def __init__(self, depacketiser: Depacketiser) -> None:
        self.damaged = 0
        self._depacketiser = depacketiser
        self._first: Packet | None = None
        self._frame_damaged = False
        self._need_key_frame = True
        self._whole = False  # nothing lost since the last frame given
        self._size_bytes = 0
        self._rotation_deg = 0

    def push(self, item: InOrder) -> Iterator[Frame]:
        packet, broken = item.packet, item.broken
        if broken:
            self._whole = False
        if self._first is not None and packet.timestamp != self._first.timestamp and packet.payload:
            if broken:
                self._frame_damaged = True  # its last packets may be among the lost ones
            yield from self._finish()
        if broken:
            if self._first is None:
                self._need_key_frame = True  # whole frames may be among the lost ones
            else:
                self._frame_damaged = True
        if not packet.payload:
            return
        if packet.rotation_deg is not None:
            self._rotation_deg = packet.rotation_deg
        if self._first is None:
            self._first = packet
            if not self._depacketiser.begins_frame(packet.payload):
                self._frame_damaged = True
        self._size_bytes += len(packet.payload)
        if self._size_bytes > MAX_FRAME_BYTES:
            self._frame_damaged = True
            self._depacketiser.discard()
        elif not self._depacketiser.add(packet.payload):
            self._frame_damaged = True
        if packet.marker:
            yield from self._finish()

    def _finish(self) -> Iterator[Frame]:
        first, damaged = self._first, self._frame_damaged
        if first is None:
            return
        self._first, self._frame_damaged, self._size_bytes = None, False, 0
        if damaged:
            if not self._depacketiser.droppable():
                self._need_key_frame = True
            self._depacketiser.discard()
            self._lose()
            return
        taken = self._depacketiser.take()
        if taken is None:
            self._need_key_frame = True
            self._lose()
            return
        data, key_frame, width, height = taken
        if self._need_key_frame and not key_frame:
            self._lose()
            return
        self._need_key_frame = False
        whole, self._whole = self._whole, True
        yield Frame(
            self._depacketiser.codec_name,
            first.time_s,
            key_frame,
            data,
            whole,
            width=width,
            height=height,
            rotation_deg=self._rotation_deg,
        )

    def _lose(self) -> None:
        self.damaged += 1
        self._whole = False

    def flush(self) -> Iterator[Frame]:
        yield from self._finish()
        self._need_key_frame = True
        self._whole = False


def picture_is_sane(width: int, height: int) -> bool:
    return 0 < width <= MAX_PICTURE_SIDE and 0 < height <= MAX_PICTURE_SIDE and width * height <= MAX_PICTURE_PIXELS
