"""VP8 out of RTP (RFC 7741) and the two facts of its frame header we need (RFC 6386 § 9.1)."""

from media.recording.frames import picture_is_sane

_START_CODE = b"\x9d\x01\x2a"


def descriptor_length(payload: bytes) -> int | None:
    """Length in bytes of the payload descriptor (RFC 7741 § 4.2); None when the payload ends within it."""
    if not payload:
        return None
    length = 1
    if payload[0] & 0x80:
        if len(payload) < 2:
            return None
        extensions = payload[1]
        length = 2
        if extensions & 0x80:  # PictureID, one or two bytes
            if len(payload) < 3:
                return None
            length += 2 if payload[2] & 0x80 else 1
        if extensions & 0x40:  # TL0PICIDX
            length += 1
        if extensions & 0x30:  # TID, Y, KEYIDX
            length += 1
    return length if length <= len(payload) else None


def picture_size(frame: bytes) -> tuple[int, int] | None:
    """Width and height of a key frame; None when it is no key frame or its start code is wrong."""
    if len(frame) < 10 or frame[0] & 0x01 or frame[3:6] != _START_CODE:
        return None
    width = int.from_bytes(frame[6:8], "little") & 0x3FFF
    height = int.from_bytes(frame[8:10], "little") & 0x3FFF
    return width, height


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
