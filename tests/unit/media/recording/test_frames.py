"""Frames out of packets: right when all is there, dropped when something is not, and never an error."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.codec.h264 import picture_size
from media.codec.vp8 import descriptor_length
from media.recording.frames import Depacketiser, Frame, OpusAssembler, VideoAssembler, opus_duration_ms
from media.recording.h264 import H264Depacketiser, decoder_configuration
from media.recording.packet import InOrder, Packet
from media.recording.vp8 import Vp8Depacketiser

KEY = b"\x10\x00\x00\x9d\x01\x2a\x80\x02\xe0\x01" + bytes(20)  # 640x480
INTER = b"\x11\x00\x00" + bytes(20)
SPS = bytes.fromhex("6742c01fda014016ec0440000003004000000c83c60ca8")
PPS = bytes.fromhex("68ce3c80")
IDR = b"\x65\x88\x84" + bytes(30)
SLICE = b"\x41\x9a\x02" + bytes(30)


def stap(*units: bytes) -> bytes:
    return b"\x78" + b"".join(len(unit).to_bytes(2, "big") + unit for unit in units)


def fu(unit: bytes, size: int) -> list[bytes]:
    pieces = [unit[at : at + size] for at in range(1, len(unit), size)]
    edge = {0: 0x80, len(pieces) - 1: 0x40}
    return [bytes(((unit[0] & 0xE0) | 28, edge.get(n, 0) | (unit[0] & 0x1F))) + piece for n, piece in enumerate(pieces)]


def feed(assembler: VideoAssembler | OpusAssembler, *items: tuple[bytes, int, bool, bool]) -> list[Frame]:
    """items: payload, timestamp, marker, broken."""
    return [
        frame
        for payload, timestamp, marker, broken in items
        for frame in assembler.push(
            InOrder(Packet(0, timestamp, 1, marker, payload, 0.0, time_s=timestamp / 10), broken)
        )
    ]


def vp8() -> VideoAssembler:
    return VideoAssembler(Vp8Depacketiser())


def h264() -> VideoAssembler:
    return VideoAssembler(H264Depacketiser())


# ---------------------------------------------------------------- Opus


@pytest.mark.parametrize(
    ("payload", "duration_ms"),
    [
        (b"\xf8\xff\xfe", 20.0),
        (bytes((16 << 3,)), 2.5),
        (bytes((3 << 3,)), 60.0),
        (bytes((3 << 3 | 1,)), 120.0),
        (bytes((15 << 3 | 2,)), 40.0),
        (bytes((31 << 3 | 3, 6)), 120.0),
        (bytes((31 << 3 | 3, 7)), None),
        (bytes((31 << 3 | 3, 0)), None),
        (bytes((31 << 3 | 3,)), None),
        (b"", None),
    ],
)
def test_how_long_an_opus_packet_sounds(payload: bytes, duration_ms: float | None) -> None:
    """RFC 6716 § 3.1, table 2."""
    assert opus_duration_ms(payload) == duration_ms


def test_a_malformed_opus_packet_is_left_out_and_breaks_the_line() -> None:
    assembler = OpusAssembler()
    got = feed(assembler, (b"\xf8a", 0, False, False), (b"\xfb", 1, False, False), (b"\xf8b", 2, False, False))
    assert [(frame.data, frame.whole_since_last) for frame in got] == [(b"\xf8a", True), (b"\xf8b", False)]
    assert assembler.damaged == 1


# ---------------------------------------------------------------- VP8


@given(frame=st.binary(min_size=1, max_size=300), size=st.integers(1, 90), picture_id=st.integers(0, 0x7FFF))
def test_vp8_payloads_become_the_frame_they_were_cut_from(frame: bytes, size: int, picture_id: int) -> None:
    data = KEY + frame
    head = b"\x90\x80" + (0x8000 | picture_id).to_bytes(2, "big")
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    items = [
        ((head if n == 0 else b"\x80\x80" + head[2:]) + piece, 5, n == len(pieces) - 1, False)
        for n, piece in enumerate(pieces)
    ]
    (got,) = feed(vp8(), *items)
    assert (got.data, got.key_frame, got.width, got.height) == (data, True, 640, 480)


@pytest.mark.parametrize(
    ("head", "length"),
    [
        (b"\x10", 1),
        (b"\x90\x80\x01", 3),
        (b"\x90\x80\x80\x01", 4),
        (b"\x90\xf0\x80\x01\x02\x03", 6),
        (b"\x90\x40\x07", 3),
        (b"\x90\x20\x07", 3),
        (b"\x90", None),
        (b"\x90\x80", None),
        (b"\x90\xf0\x01\x02", None),
    ],
)
def test_the_length_of_a_vp8_descriptor(head: bytes, length: int | None) -> None:
    """RFC 7741 § 4.2."""
    assert descriptor_length(head) == length


def test_nothing_is_shown_before_the_first_key_frame() -> None:
    assembler = vp8()
    got = feed(assembler, (b"\x10" + INTER, 1, True, False), (b"\x10" + KEY, 2, True, False))
    assert [frame.key_frame for frame in got] == [True]
    assert assembler.damaged == 1


def test_a_damaged_frame_that_others_need_costs_everything_up_to_the_next_key_frame() -> None:
    assembler = vp8()
    got = feed(
        assembler,
        (b"\x10" + KEY, 1, True, False),
        (b"\x10" + INTER, 2, False, False),
        (b"\x00abc", 2, True, True),
        (b"\x10" + INTER, 3, True, False),
        (b"\x10" + KEY, 4, True, False),
        (b"\x10" + INTER, 5, True, False),
    )
    assert [(frame.time_s, frame.whole_since_last) for frame in got] == [(0.1, False), (0.4, False), (0.5, True)]
    assert assembler.damaged == 2


def test_a_damaged_frame_nobody_needs_costs_only_itself() -> None:
    """RFC 7741: the N bit says that no other frame refers to this one."""
    got = feed(
        vp8(),
        (b"\x10" + KEY, 1, True, False),
        (b"\x30" + INTER, 2, False, False),
        (b"\x20abc", 2, True, True),
        (b"\x10" + INTER, 3, True, False),
    )
    assert [frame.time_s for frame in got] == [0.1, 0.3]
    assert not got[1].whole_since_last


def test_a_hole_between_frames_may_have_been_a_frame_others_need() -> None:
    got = feed(
        vp8(),
        (b"\x10" + KEY, 1, True, False),
        (b"\x30" + INTER, 3, True, True),
        (b"\x10" + INTER, 4, True, False),
    )
    assert [frame.time_s for frame in got] == [0.1]


def test_a_frame_whose_marker_is_missing_ends_with_the_next_timestamp() -> None:
    got = feed(vp8(), (b"\x10" + KEY, 1, False, False), (b"\x10" + INTER, 2, True, False))
    assert [frame.time_s for frame in got] == [0.1, 0.2]
    got = feed(vp8(), (b"\x10" + KEY, 1, False, False), (b"\x10" + KEY, 2, True, True))
    assert [frame.time_s for frame in got] == [0.2]


def test_padding_packets_are_no_frames() -> None:
    got = feed(vp8(), (b"\x10" + KEY, 1, True, False), (b"", 1, False, False), (b"\x10" + INTER, 2, True, False))
    assert [frame.whole_since_last for frame in got] == [False, True]


def test_after_a_flush_a_key_frame_is_needed_again() -> None:
    assembler = vp8()
    assert len(feed(assembler, (b"\x10" + KEY, 1, False, False))) == 0
    assert len(list(assembler.flush())) == 1
    assert feed(assembler, (b"\x10" + INTER, 2, True, False)) == []


# ---------------------------------------------------------------- H.264


@given(size=st.integers(1, 40), body=st.binary(min_size=60, max_size=300))
def test_h264_units_come_out_whole_however_they_were_packed(size: int, body: bytes) -> None:
    idr = IDR + body
    fragments = fu(idr, size)
    items = [(stap(SPS, PPS), 1, False, False)]
    items += [(piece, 1, n == len(fragments) - 1, False) for n, piece in enumerate(fragments)]
    (got,) = feed(h264(), *items)
    expected = b"".join(len(unit).to_bytes(4, "big") + unit for unit in (SPS, PPS, idr))
    assert (got.data, got.key_frame, (got.width, got.height)) == (expected, True, (1280, 720))


def test_a_key_frame_without_parameter_sets_gets_the_latest() -> None:
    got = feed(h264(), (stap(SPS, PPS, IDR), 1, True, False), (IDR, 2, True, False))
    assert got[0].data == got[1].data


def test_a_key_frame_whose_parameter_sets_never_came_is_left_out() -> None:
    assert feed(h264(), (IDR, 1, True, False), (SLICE, 2, True, False)) == []


@pytest.mark.parametrize("swollen", [SPS, PPS], ids=["sps", "pps"])
def test_parameter_sets_that_no_head_of_a_file_has_room_for_are_not_taken(swollen: bytes) -> None:
    """They would be the track's own, and the whole recording could not be finished because of them."""
    depacketiser = H264Depacketiser()
    assembler = VideoAssembler(depacketiser)
    for unit in (SPS, PPS):
        for piece in fu(unit + bytes(20_000), 1000) if unit is swollen else [unit]:
            assert feed(assembler, (piece, 1, False, False)) == []
    assert feed(assembler, (IDR, 1, True, False)) == []
    (got,) = feed(assembler, (stap(SPS, PPS, IDR), 2, True, False))
    assert got.key_frame
    assert depacketiser.parameter_sets == (SPS, PPS)


def test_a_lost_beginning_of_a_key_frame_is_noticed() -> None:
    fragments = fu(IDR + bytes(100), 40)
    items = [(piece, 2, n == len(fragments) - 1, n == 0) for n, piece in enumerate(fragments)]
    got = feed(h264(), (stap(SPS, PPS, IDR), 1, True, False), *items[1:], (SLICE, 3, True, False))
    assert [frame.time_s for frame in got] == [0.1]


def test_a_damaged_slice_nobody_refers_to_costs_only_itself() -> None:
    unimportant = bytes((SLICE[0] & 0x1F,)) + SLICE[1:] + bytes(60)
    fragments = fu(unimportant, 40)
    got = feed(
        h264(),
        (stap(SPS, PPS, IDR), 1, True, False),
        (fragments[0], 2, False, False),
        (fragments[-1], 2, True, True),
        (SLICE, 3, True, False),
    )
    assert [frame.time_s for frame in got] == [0.1, 0.3]


def test_the_picture_size_of_a_parameter_set() -> None:
    assert picture_size(SPS) == (1280, 720)
    assert picture_size(SPS[:6]) is None
    assert decoder_configuration(SPS, PPS)[:6] == bytes((1, 0x42, 0xC0, 0x1F, 0xFF, 0xE1))


@given(sps=st.binary(max_size=60))
def test_any_parameter_set_has_a_size_or_none(sps: bytes) -> None:
    picture_size(b"\x67\x64" + sps)
    picture_size(sps)


# ---------------------------------------------------------------- whatever comes


@given(
    make=st.sampled_from([Vp8Depacketiser, H264Depacketiser]),
    items=st.lists(st.tuples(st.binary(max_size=40), st.integers(0, 4), st.booleans(), st.booleans()), max_size=40),
)
def test_any_packets_give_frames_or_nothing(
    make: Callable[[], Depacketiser], items: list[tuple[bytes, int, bool, bool]]
) -> None:
    assembler = VideoAssembler(make())
    frames = feed(assembler, *items) + list(assembler.flush())
    assert not frames or frames[0].key_frame
    assert all(frame.data for frame in frames)
