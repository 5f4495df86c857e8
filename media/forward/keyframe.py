"""Where a picture can begin: key frames recognised by the first bytes of a payload. Nothing is decoded."""

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
