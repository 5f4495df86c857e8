"""VP8 frames out of RTP payloads (RFC 7741)."""

from media.codec.vp8 import descriptor_length, picture_size
from media.recording.frames import picture_is_sane


class Vp8Depacketiser:
    """Payload after payload of a frame, without their descriptors."""

    codec_name = "VP8"

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._non_reference = True

    def begins_frame(self, payload: bytes) -> bool:
        return payload[0] & 0x17 == 0x10  # S set, partition 0

    def add(self, payload: bytes) -> bool:
        start = descriptor_length(payload)
        if start is None:
            return False
        self._non_reference = self._non_reference and bool(payload[0] & 0x20)
        self._parts.append(payload[start:])
        return True

    def droppable(self) -> bool:
        return bool(self._parts) and self._non_reference

    def take(self) -> tuple[bytes, bool, int, int] | None:
        frame = b"".join(self._parts)
        self.discard()
        if not frame:
            return None
        if frame[0] & 0x01:
            return frame, False, 0, 0
        size = picture_size(frame)
        if size is None or not picture_is_sane(*size):
            return None
        return frame, True, *size

    def discard(self) -> None:
        self._parts = []
        self._non_reference = True
