"""RTCP as bytes: what is written is read back, and nothing a peer writes raises anything but MalformedRtcp."""

import struct

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from media.forward import rtcp

U32 = st.integers(0, 0xFFFFFFFF)


def packet(kind: int, count: int, body: bytes, *, words: int | None = None, first: int = 0x80) -> bytes:
    return struct.pack("!BBH", first | count, kind, len(body) // 4 if words is None else words) + body


@given(st.binary(max_size=200))
@example(packet(206, 15, bytes(8) + b"REMB\xff\x00\x00\x00"))
@example(packet(202, 31, b"\0\0\0\1\1\xffname"))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        rtcp.parse(bytearray(data), len(data))
    except rtcp.MalformedRtcp:
        return


@given(
    st.lists(
        st.tuples(st.sampled_from(range(190, 210)), st.integers(0, 31), st.binary(max_size=60)), min_size=1, max_size=5
    )
)
def test_compounds_with_true_lengths_and_wild_bodies_are_read_or_refused(parts: list[tuple[int, int, bytes]]) -> None:
    data = b"".join(packet(kind, count, body[: len(body) // 4 * 4]) for kind, count, body in parts)
    try:
        rtcp.parse(bytearray(data), len(data))
    except rtcp.MalformedRtcp:
        return


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x80\xc8\x00",
        packet(201, 0, bytes(4), words=2),  # longer than what came
        packet(201, 1, bytes(4)),  # a block announced, none there
        packet(200, 0, bytes(20)),
        packet(201, 31, bytes(4 + 24 * 30)),
        packet(203, 2, bytes(4)),
        packet(205, 1, bytes(8)),  # a NACK of nothing
        packet(206, 15, bytes(8) + b"REMB\x05\x00\x00\x00" + bytes(16)),  # five SSRCs said, four there
        packet(206, 15, bytes(8) + b"REMB"),
        packet(206, 4, bytes(12)),
        packet(205, 1, bytes(4)),
        packet(201, 0, bytes(4), first=0x40),  # version 1
        packet(201, 0, bytes(7) + b"\x0c", first=0xA0),  # padding that eats the header
        packet(201, 0, bytes(8), first=0xA0),  # padding of 0
        packet(201, 0, bytes(4)) + b"\x80\xc9",  # a header cut off
    ],
)
def test_a_compound_that_breaks_its_own_lengths_is_refused(data: bytes) -> None:
    with pytest.raises(rtcp.MalformedRtcp):
        rtcp.parse(bytearray(data), len(data))


def test_types_not_known_here_are_skipped() -> None:
    data = packet(207, 0, bytes(8)) + packet(202, 1, b"\0\0\0\1\1\2hi\0\0\0\0") + rtcp.picture_loss(1, 2)
    assert rtcp.parse(bytearray(data), len(data)) == [rtcp.KeyFrameRequest(2)]


@given(U32, U32, U32, st.integers(0, 255), st.integers(-0x800000, 0x7FFFFF), U32, U32, U32)
def test_reports_are_read_as_written(
    ssrc: int, timestamp: int, block_ssrc: int, fraction: int, lost: int, highest: int, jitter: int, lsr: int
) -> None:
    block = rtcp.ReportBlock(block_ssrc, fraction, lost, highest, jitter, lsr, 7)
    report = rtcp.SenderReport(ssrc, lsr << 32 | timestamp, timestamp)
    data = rtcp.sender_report(report, 5, 6, [rtcp.block(block)]) + rtcp.description([ssrc], "name")
    assert rtcp.parse(data, len(data)) == [report, block]


def test_a_field_beyond_its_width_is_held_at_the_edge() -> None:
    block = rtcp.ReportBlock(1, 300, 1 << 40, 1 << 40, 1 << 40, 1 << 40, 1 << 40)
    data = rtcp.receiver_report(9, [rtcp.block(block)])
    (read,) = rtcp.parse(data, len(data))
    assert read == rtcp.ReportBlock(1, 255, 0x7FFFFF, 0, 0xFFFFFFFF, 0, 0xFFFFFFFF)


@given(st.lists(st.integers(0, 0xFFFF), min_size=1, max_size=100, unique=True).map(sorted))
@example([65534, 65535, 0, 1, 15, 16, 17])
def test_a_nack_names_exactly_the_sequence_numbers_asked_for(sequences: list[int]) -> None:
    data = rtcp.nack(1, 2, sequences)
    (read,) = rtcp.parse(data, len(data))
    assert isinstance(read, rtcp.Nack)
    assert read.media_ssrc == 2
    assert sorted(read.sequences) == sorted(sequences)


def test_a_nack_of_thousands_is_cut_to_what_a_ring_holds() -> None:
    data = packet(205, 1, bytes(8) + b"\x00\x01\xff\xff" * 300)
    (read,) = rtcp.parse(data, len(data))
    assert isinstance(read, rtcp.Nack)
    assert len(read.sequences) == rtcp.MAX_NACKED


@given(st.integers(0, 1 << 40), st.lists(U32, max_size=5))
def test_a_bitrate_estimate_is_read_back_rounded_down(bitrate: int, ssrcs: list[int]) -> None:
    data = rtcp.bitrate_estimate(1, bitrate, ssrcs)
    (read,) = rtcp.parse(data, len(data))
    assert isinstance(read, rtcp.Remb)
    assert read.ssrcs == tuple(ssrcs)
    assert bitrate * (1 - 2**-17) - 1 <= read.bitrate_bps <= bitrate


def test_key_frame_requests_and_goodbyes_name_their_streams() -> None:
    data = rtcp.picture_loss(1, 2) + rtcp.full_intra_request(1, 3, 300) + rtcp.goodbye([4, 5])
    assert rtcp.parse(data, len(data)) == [rtcp.KeyFrameRequest(2), rtcp.KeyFrameRequest(3), rtcp.Bye((4, 5))]


@pytest.mark.parametrize("name", ["", "a", "ab", "abc", "abcd", "é" * 200])
def test_a_description_is_whole_words_whatever_the_name(name: str) -> None:
    data = rtcp.description([1, 2], name)
    assert len(data) % 4 == 0
    assert rtcp.parse(data, len(data)) == []


def test_ntp_times_come_back_to_the_microsecond() -> None:
    assert rtcp.ntp_to_unix_s(rtcp.ntp64(1_700_000_000.123456)) == pytest.approx(1_700_000_000.123456, abs=1e-6)
