"""Which way up: the header extension in every form a peer can give it, and the one rotation chosen for a track."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.recording.frames import Frame, VideoAssembler
from media.recording.orientation import MAX_ROTATIONS, Rotations, rotation_of
from media.recording.packet import InOrder, Packet
from media.recording.vp8 import Vp8Depacketiser
from tests.support.captures import orientation, rtp

CVO = 13
KEY = b"\x10" + b"\x10\x00\x00\x9d\x01\x2a\x80\x02\xe0\x01" + bytes(20)
INTER = b"\x10" + b"\x11\x00\x00" + bytes(20)


def packet(extension: bytes) -> bytes:
    return rtp(96, 1, 2, 3, b"payload", marker=True, extension=extension)


def block(profile: int, content: bytes) -> bytes:
    padded = content + bytes(-len(content) % 4)
    return profile.to_bytes(2, "big") + (len(padded) // 4).to_bytes(2, "big") + padded


@pytest.mark.parametrize("two_byte", [False, True])
@pytest.mark.parametrize(
    ("value", "rotation_deg"),
    [
        (0b0000, 0),
        (0b0001, 90),
        (0b0010, 180),
        (0b0011, 270),
        (0b0101, 90),  # flipped
        (0b0100, 0),
        (0b1011, 270),  # the camera at the back
        (0b1111_0010, 180),  # bits that are reserved
    ],
)
def test_the_two_last_bits_tell_the_rotation(value: int, rotation_deg: int, two_byte: bool) -> None:
    """3GPP TS 26.114 § 7.4.5, in both forms of RFC 8285."""
    assert rotation_of(packet(orientation(CVO, value, two_byte=two_byte)), CVO) == rotation_deg


@pytest.mark.parametrize(
    "extension",
    [
        block(0xBEDE, b"\x22abc\x00\x00" + bytes((CVO << 4, 1)) + b"\x40x"),
        block(0x1000, b"\x02\x03abc\x00\x00" + bytes((CVO, 1, 1)) + b"\x04\x00"),
        block(0x100F, b"\x02\x00" + bytes((CVO, 1, 1))),
    ],
)
def test_it_is_found_among_other_elements_and_padding(extension: bytes) -> None:
    assert rotation_of(packet(extension), CVO) == 90


@pytest.mark.parametrize(
    "extension",
    [
        b"",
        orientation(CVO - 1, 1),
        block(0xBEDE, bytes((CVO << 4 | 1, 1, 1))),  # two bytes of data instead of one
        block(0x1000, bytes((CVO, 0))),  # none
        block(0x1000, bytes((CVO, 2, 1, 1))),
        block(0xBEDE, b"\xf0\x00" + bytes((CVO << 4, 1))),  # RFC 8285 § 4.2: nothing after id 15 is read
        block(0xBEDE, b"\x2fab" + bytes((CVO << 4,))),  # an element that leaves its block
        b"\xbe\xde\x00\x00",
        block(0xABAC, bytes((CVO << 4, 1))),  # some other profile
    ],
)
def test_absent_or_malformed_says_nothing(extension: bytes) -> None:
    assert rotation_of(packet(extension), CVO) is None


@given(head=st.binary(min_size=12, max_size=12), rest=st.binary(max_size=60), number=st.integers(1, 255))
def test_no_packet_is_too_strange_to_be_read(head: bytes, rest: bytes, number: int) -> None:
    assert rotation_of(head + rest, number) in (None, 0, 90, 180, 270)


def frames(*items: tuple[bytes, int | None]) -> list[Frame]:
    """One packet a frame: its payload and what it says of the rotation."""
    assembler = VideoAssembler(Vp8Depacketiser())
    return [
        frame
        for index, (payload, rotation_deg) in enumerate(items)
        for frame in assembler.push(
            InOrder(Packet(index, index * 6000, 1, True, payload, 0.0, rotation_deg=rotation_deg), False)
        )
    ]


def test_a_rotation_holds_until_another_is_told() -> None:
    got = frames((KEY, 90), (INTER, None), (INTER, 0), (INTER, None), (KEY, None))
    assert [frame.rotation_deg for frame in got] == [90, 90, 0, 0, 0]


def test_the_last_packet_of_a_frame_speaks_for_all_of_it() -> None:
    assembler = VideoAssembler(Vp8Depacketiser())
    first = Packet(0, 0, 1, False, KEY, 0.0)
    last = Packet(1, 0, 1, True, b"\x00rest", 0.0, rotation_deg=270)
    got = [frame for item in (first, last) for frame in assembler.push(InOrder(item, False))]
    assert [frame.rotation_deg for frame in got] == [270]


def test_a_frame_without_an_end_keeps_what_it_was_told() -> None:
    """Its marker is missing; what the next frame says is not said of this one."""
    assembler = VideoAssembler(Vp8Depacketiser())
    first = Packet(0, 0, 1, False, KEY, 0.0, rotation_deg=90)
    second = Packet(1, 6000, 1, True, INTER, 0.0, rotation_deg=180)
    got = [frame for item in (first, second) for frame in assembler.push(InOrder(item, False))]
    assert [frame.rotation_deg for frame in got] == [90, 180]


# ---------------------------------------------------------------- one rotation for a track


def followed(*shown: tuple[float, float, int]) -> Rotations:
    """Ten pictures a second in each (from, to, rotation)."""
    out = Rotations()
    for start_s, end_s, degrees in shown:
        for index in range(round((end_s - start_s) * 10)):
            out.frame(start_s + index / 10, degrees)
    return out


def test_a_track_that_never_turns_has_no_intervals() -> None:
    rotations = followed((0.0, 5.0, 270))
    assert rotations.chosen_deg == 270
    assert rotations.intervals(5.0) == []


def test_the_rotation_shown_longest_is_chosen_and_every_change_told() -> None:
    rotations = followed((0.0, 2.0, 0), (2.0, 7.0, 90), (7.0, 8.0, 0))
    assert rotations.chosen_deg == 90
    assert rotations.intervals(8.0) == [(0.0, 2.0, 0), (2.0, 7.0, 90), (7.0, 8.0, 0)]


def test_a_camera_that_was_off_weighs_nothing() -> None:
    rotations = followed((0.0, 1.0, 0), (60.0, 65.0, 180))
    assert rotations.chosen_deg == 180


def test_no_frame_is_upright() -> None:
    assert Rotations().chosen_deg == 0
    assert Rotations().intervals(1.0) == []


def test_a_phone_turned_without_end_fills_no_manifest() -> None:
    """The first intervals are told, without a claim about the time after them."""
    rotations = Rotations()
    for index in range(4 * MAX_ROTATIONS):
        rotations.frame(float(index), index % 4 * 90)
    told = rotations.intervals(4.0 * MAX_ROTATIONS)
    assert len(told) == MAX_ROTATIONS
    assert told[-1] == (MAX_ROTATIONS - 1.0, float(MAX_ROTATIONS), 270)
