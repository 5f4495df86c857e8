"""The payload descriptor of VP8 in RTP (RFC 7741) and the two facts of its frame header we need (RFC 6386 § 9.1)."""

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
