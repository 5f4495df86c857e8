"""RTP headers where they lie: checks and reads in a lent buffer (RFC 3550 §5.1, RFC 8285). Builds no object per packet.

Knows no stream, no leg and no statistics.
"""

import struct
from collections.abc import Iterator

HEADER = struct.Struct("!BBHIIHH")
"""First byte, marker and payload type, sequence number, timestamp, SSRC; then the extension's profile and words.

The last two mean something only with the X bit and no CSRC. Every buffer is longer than this, so unpacking never fails;
whoever unpacks compares with `length` before believing it.
"""

SEQUENCE_TIMESTAMP_SSRC = struct.Struct("!HII")
"""Bytes 2 to 12: what forwarding rewrites in every packet."""

FIXED_HEADER_BYTES = 12
RTX_HEADER_BYTES = 2
ONE_BYTE_PROFILE = 0xBEDE
TWO_BYTE_PROFILE = 0x1000
_SHORT = struct.Struct("!H")


def payload_offset(buffer: bytearray, length: int) -> int:
    """Where the payload of `buffer[:length]` begins, after CSRCs and extension; -1 when it is no RTP packet."""
    if length < FIXED_HEADER_BYTES or buffer[0] & 0xC0 != 0x80:
        return -1
    offset = FIXED_HEADER_BYTES + 4 * (buffer[0] & 0x0F)
    if buffer[0] & 0x10:
        if offset + 4 > length:
            return -1
        offset += 4 + 4 * int(_SHORT.unpack_from(buffer, offset + 2)[0])
    return offset if offset <= length else -1


def payload_end(buffer: bytearray, length: int, offset: int) -> int:
    """Where the payload that begins at `offset` ends, before the padding; -1 when the padding is impossible."""
    if not buffer[0] & 0x20:
        return length
    if offset >= length:
        return -1
    padding = buffer[length - 1]
    end = length - padding
    return end if padding and end >= offset else -1


def well_formed(buffer: bytearray, length: int) -> bool:
    """Whether version, CSRCs, extension and padding all fit into `length`."""
    offset = payload_offset(buffer, length)
    return offset >= 0 and payload_end(buffer, length, offset) >= 0


def extensions(buffer: bytearray, length: int) -> Iterator[tuple[int, int, int, int]]:
    """The header-extension elements of a well-formed packet: (id, offset of the element, offset of its data, size).

    An element that leaves the block ends the walk: RFC 8285 §4.1 has the rest ignored.
    """
    if not buffer[0] & 0x10:
        return
    start = FIXED_HEADER_BYTES + 4 * (buffer[0] & 0x0F)
    profile: int = _SHORT.unpack_from(buffer, start)[0]
    end = payload_offset(buffer, length)
    at = start + 4
    if profile == ONE_BYTE_PROFILE:
        while at < end:
            if buffer[at] == 0:
                at += 1
                continue
            number, size = buffer[at] >> 4, (buffer[at] & 0x0F) + 1
            if number == 15 or at + 1 + size > end:
                return
            yield number, at, at + 1, size
            at += 1 + size
    elif profile & 0xFFF0 == TWO_BYTE_PROFILE:
        while at + 1 < end:
            if buffer[at] == 0:
                at += 1
                continue
            number, size = buffer[at], buffer[at + 1]
            if at + 2 + size > end:
                return
            yield number, at, at + 2, size
            at += 2 + size


def find_extension(buffer: bytearray, length: int, number: int) -> bytes | None:
    """A copy of the data of the element with that id, or None. Not for the packet path."""
    for found, _, data, size in extensions(buffer, length):
        if found == number:
            return bytes(buffer[data : data + size])
    return None


def restore_rtx(buffer: bytearray, length: int, payload_type: int, ssrc: int) -> int:
    """Turn a retransmission into the packet it repeats, in place (RFC 4588 §4). Returns the new length.

    0 when there is nothing to restore: malformed, or empty, as bandwidth probes are.
    """
    offset = payload_offset(buffer, length)
    if offset < 0 or payload_end(buffer, length, offset) - offset <= RTX_HEADER_BYTES:
        return 0
    buffer[1] = buffer[1] & 0x80 | payload_type
    buffer[2:4] = buffer[offset : offset + RTX_HEADER_BYTES]
    buffer[8:12] = ssrc.to_bytes(4, "big")
    restored = length - RTX_HEADER_BYTES
    buffer[offset:restored] = buffer[offset + RTX_HEADER_BYTES : length]
    return restored
