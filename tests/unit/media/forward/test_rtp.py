"""RTP in place: what is refused, what is found, what a retransmission becomes."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.forward import rtp
from media.forward.keyframe import starts_key_frame
from tests.unit.media.forward.rig import VP8_DELTA, VP8_KEY, VP8_MORE
from tests.unit.media.forward.rig import rtp as packet


def lent(data: bytes) -> tuple[bytearray, int]:
    return bytearray(data + bytes(2048 - len(data))), len(data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x80",
        bytes(12),  # version 0
        b"\x40" + bytes(20),  # version 1
        b"\x82" + bytes(15),  # two CSRCs need 20 bytes
        b"\x90" + bytes(13),  # an extension header cut off
        b"\x90" + bytes(11) + b"\xbe\xde\xff\xff",  # an extension longer than the packet
        b"\xa0" + bytes(15),  # padding of length 0
        b"\xa0" + bytes(11) + b"\x01\x02\x03\x05",  # padding longer than the payload
        b"\xa0" + bytes(11),  # padding and no payload
    ],
)
def test_a_packet_that_breaks_its_own_lengths_is_refused(data: bytes) -> None:
    assert not rtp.well_formed(*lent(data))


@given(st.binary(max_size=80))
def test_any_bytes_are_judged_without_an_error(data: bytes) -> None:
    buffer, length = lent(data)
    offset = rtp.payload_offset(buffer, length)
    assert offset <= length
    if rtp.well_formed(buffer, length):
        assert offset <= rtp.payload_end(buffer, length, offset) <= length
        for _, at, data_at, size in rtp.extensions(buffer, length):
            assert rtp.FIXED_HEADER_BYTES <= at < data_at
            assert data_at + size <= offset
        for codec in ("VP8", "H264", "OPUS"):
            starts_key_frame(codec, buffer, offset, rtp.payload_end(buffer, length, offset))
        before = bytes(buffer)
        restored = rtp.restore_rtx(buffer, length, 96, 5)
        assert restored in (0, length - 2)
        assert restored or bytes(buffer) == before


def test_padding_and_csrcs_are_left_out_of_the_payload() -> None:
    buffer, length = lent(b"\xa1" + bytes(11) + b"csrc" + b"payload" + b"\0\0\3")
    offset = rtp.payload_offset(buffer, length)
    assert bytes(buffer[offset : rtp.payload_end(buffer, length, offset)]) == b"payload"


@pytest.mark.parametrize(
    ("profile", "block"),
    [(0xBEDE, b"\x22abc\0\x401"), (0x1000, b"\x02\x03abc\0\x04\x011")],
    ids=["one-byte", "two-byte"],
)
def test_extension_elements_are_found_in_both_forms(profile: int, block: bytes) -> None:
    buffer, length = lent(packet(1, 1, extension=block, profile=profile))
    assert rtp.find_extension(buffer, length, 2) == b"abc"
    assert rtp.find_extension(buffer, length, 4) == b"1"
    assert rtp.find_extension(buffer, length, 7) is None


def test_an_element_that_leaves_the_block_ends_the_walk() -> None:
    buffer, length = lent(packet(1, 1, extension=b"\x10a\x2fbc"))
    assert [number for number, *_ in rtp.extensions(buffer, length)] == [1]


def test_a_retransmission_becomes_the_packet_it_repeats() -> None:
    """RFC 4588 §4: the original sequence number stands before the original payload."""
    buffer, length = lent(
        packet(9, 700, 55, struct.pack("!H", 41) + b"picture", pt=97, marker=True, extension=b"\x401")
    )
    restored = rtp.restore_rtx(buffer, length, 96, 2)
    assert bytes(buffer[:restored]) == packet(2, 41, 55, b"picture", pt=96, marker=True, extension=b"\x401")


@pytest.mark.parametrize("payload", [b"", b"\x00", b"\x00\x01"])
def test_an_empty_retransmission_restores_nothing(payload: bytes) -> None:
    assert rtp.restore_rtx(*lent(packet(9, 1, payload=payload)), 96, 2) == 0


@pytest.mark.parametrize(
    ("codec", "payload", "begins"),
    [
        ("VP8", VP8_KEY, True),
        ("VP8", VP8_DELTA, False),
        ("VP8", VP8_MORE, False),
        ("VP8", b"\x90\x80\x81\x02\x00", True),  # X, I, 15-bit picture id, key
        ("VP8", b"\x90\x80\x81\x02\x01", False),
        ("VP8", b"\x90\xf0\x01\x02\x03\x00", True),  # picture id, TL0PICIDX, TID
        ("VP8", b"\x90\x80", False),  # cut off
        ("VP8", b"\x11\x00", False),  # partition 1
        ("VP8", b"", False),
        ("H264", b"\x67\x42", True),  # SPS
        ("H264", b"\x65\x88", True),  # IDR
        ("H264", b"\x41\x9a", False),
        ("H264", b"\x78\x00\x02\x67\x42\x00\x01\x68", True),  # STAP-A: SPS, PPS
        ("H264", b"\x78\x00\x02\x09\x10\x00\x02\x67\x42", True),  # STAP-A: AUD, SPS
        ("H264", b"\x78\x00\x02\x06\x05\xff\xff", False),
        ("H264", b"\x7c\x85", True),  # FU-A, start of an IDR
        ("H264", b"\x7c\x45", False),  # FU-A, end of an IDR
        ("H264", b"\x7c\x81", False),  # FU-A, start of a delta
        ("H264", b"\x7c", False),
        ("OPUS", b"", True),
    ],
)
def test_key_frames_are_known_by_their_first_bytes(codec: str, payload: bytes, begins: bool) -> None:
    assert starts_key_frame(codec, payload, 0, len(payload)) is begins
