"""What robots show is real video and sound."""

import av

from gateway.canary.footage import FRAMES_PER_S, HEIGHT, WIDTH, descriptor, footage


def test_the_loop_begins_with_its_only_key_frame() -> None:
    """A robot that is asked for a key frame goes back to the start (RFC 6386 §9.1: bit 0 clear is a key frame)."""
    key = [not frame[0][0] & 1 for frame in footage().frames]
    assert key[0]
    assert sum(key) == 1


def test_every_frame_is_decodable_video() -> None:
    decoder = av.CodecContext.create("vp8", "r")
    pictures = [
        picture for frame in footage().frames for picture in decoder.decode(av.Packet(b"".join(frame)))
    ] + decoder.decode(None)
    assert len(pictures) == 2 * FRAMES_PER_S
    assert {(picture.width, picture.height) for picture in pictures} == {(WIDTH, HEIGHT)}


def test_every_part_fits_a_packet() -> None:
    assert max(len(part) for frame in footage().frames for part in frame) <= 1100
    assert max(len(frame) for frame in footage().frames) > 1, "some frames must need several packets"


def test_the_sound_is_one_opus_packet_each_20_ms() -> None:
    decoder = av.CodecContext.create("libopus", "r")
    samples = sum(
        frame.samples for packet in footage().audio for frame in decoder.decode(av.Packet(packet)) if frame.samples
    )
    assert len(footage().audio) == 100
    assert samples >= 95_000


def test_the_descriptor_marks_the_first_packet_of_a_picture() -> None:
    """RFC 7741 §4.2: S is set on the first packet of a partition, the picture id has 15 bits."""
    assert descriptor(0x1234, first=True) == bytes((0x90, 0x80, 0x92, 0x34))
    assert descriptor(0x1234, first=False)[0] == 0x80
