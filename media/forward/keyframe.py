"""Where a picture can begin, and how large it is: read from the first bytes of a payload. Nothing is decoded."""

from media.codec import h264, vp8

_NAL_IDR, _NAL_SPS, _NAL_STAP_A, _NAL_FU_A = 5, 7, 24, 28


def starts_key_frame(codec_name: str, buffer: bytearray | bytes, offset: int, end: int) -> bool:
    """Whether `buffer[offset:end]` is the first packet of a key frame. A codec not known here can begin anywhere."""
    if codec_name == "VP8":
        return _vp8(buffer, offset, end)
    if codec_name == "H264":
        return _h264(buffer, offset, end)
    return True


def _vp8(buffer: bytearray | bytes, offset: int, end: int) -> bool:
    """RFC 7741 §4.2, §4.3: S bit and partition 0 in the descriptor, then the inverse key frame bit is clear."""
    if offset >= end or buffer[offset] & 0x17 != 0x10:
        return False
    at = offset + 1
    if buffer[offset] & 0x80:  # X
        if at >= end:
            return False
        flags = buffer[at]
        at += 1
        if flags & 0x80:  # I: picture id, 7 or 15 bits
            if at >= end:
                return False
            at += 2 if buffer[at] & 0x80 else 1
        if flags & 0x40:  # L
            at += 1
        if flags & 0x30:  # T, K
            at += 1
    return at < end and not buffer[at] & 0x01


def _h264(buffer: bytearray | bytes, offset: int, end: int) -> bool:
    """RFC 6184 §5: an SPS comes before the picture; an IDR slice begins it where parameter sets were sent before."""
    if offset >= end:
        return False
    kind = buffer[offset] & 0x1F
    if kind == _NAL_STAP_A:
        at = offset + 1
        while at + 2 < end:
            if buffer[at + 2] & 0x1F in (_NAL_SPS, _NAL_IDR):
                return True
            at += 2 + (buffer[at] << 8 | buffer[at + 1])
        return False
    if kind == _NAL_FU_A:
        return offset + 1 < end and bool(buffer[offset + 1] & 0x80) and buffer[offset + 1] & 0x1F == _NAL_IDR
    return kind in (_NAL_SPS, _NAL_IDR)


def key_frame_size(codec_name: str, payload: bytes) -> tuple[int, int] | None:
    """Width and height in pixels, from the first packet of a key frame; None when this packet does not say."""
    if codec_name == "VP8":
        start = vp8.descriptor_length(payload)
        return None if start is None else vp8.picture_size(payload[start:])
    if codec_name == "H264":
        sps = _parameter_set(payload)
        return None if sps is None else h264.picture_size(sps)
    return None


def _parameter_set(payload: bytes) -> bytes | None:
    """The first SPS, alone or in a STAP-A (RFC 6184 §5.6, §5.7.1)."""
    kind = payload[0] & 0x1F if payload else 0
    if kind == _NAL_SPS:
        return payload
    at = 1
    while kind == _NAL_STAP_A and at + 2 < len(payload):
        end = at + 2 + (payload[at] << 8 | payload[at + 1])
        if payload[at + 2] & 0x1F == _NAL_SPS:
            return payload[at + 2 : end]
        at = end
    return None
