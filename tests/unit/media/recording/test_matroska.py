"""The container: bytes that others read, the same for the same frames."""

import io

import av
import pytest

from media.codec.vp8 import descriptor_length
from media.recording.matroska import HEAD_BYTES, HeadTooLarge, MatroskaWriter, TrackEntry, opus_head
from tests.support.captures import video

SILENCE = b"\xf8\xff\xfe"
SOUND = TrackEntry(number=1, name="customer audio", codec_name="OPUS", private=opus_head(1), channels=1)


def written(count: int, step_ms: int = 20, **options: object) -> bytes:
    file = io.BytesIO()
    writer = MatroskaWriter(file)
    for index in range(count):
        writer.add_frame(1, index * step_ms, SILENCE, key_frame=True, cue=index % 250 == 0)
    values = {"web": True, "duration_ms": float(count * step_ms), "started_at_s": 1_700_000_000.0, **options}
    writer.finish([SOUND], **values)
    return file.getvalue()


def test_others_read_times_names_and_duration() -> None:
    with av.open(io.BytesIO(written(1000))) as container:
        assert container.format.name == "matroska,webm"
        assert container.duration == 20_000_000
        (stream,) = container.streams
        assert stream.metadata["title"] == "customer audio"
        assert [round(float(packet.pts * packet.time_base) * 1000) for packet in container.demux() if packet.size] == [
            index * 20 for index in range(1000)
        ]


def test_a_player_can_seek() -> None:
    with av.open(io.BytesIO(written(3000))) as container:
        container.seek(41_000_000)
        packet = next(container.demux())
        assert 35.0 <= float(packet.pts * packet.time_base) <= 41.0


def test_the_same_frames_give_the_same_bytes() -> None:
    assert written(100) == written(100)


def test_times_hours_in_are_exact() -> None:
    with av.open(io.BytesIO(written(100, step_ms=100_000))) as container:
        times = [round(float(packet.pts * packet.time_base)) for packet in container.demux() if packet.size]
    assert times == [index * 100 for index in range(100)]


def test_a_file_without_a_frame_is_still_a_file() -> None:
    data = written(0)
    assert len(data) == HEAD_BYTES
    assert data[:4] == b"\x1a\x45\xdf\xa3"


def test_tracks_too_large_for_the_head_are_refused() -> None:
    writer = MatroskaWriter(io.BytesIO())
    track = TrackEntry(number=1, name="v", codec_name="H264", private=bytes(HEAD_BYTES), width=1, height=1)
    with pytest.raises(HeadTooLarge):
        writer.finish([track], web=False, duration_ms=0.0, started_at_s=0.0)


@pytest.mark.parametrize("rotation_deg", [0, 90, 180, 270])
def test_others_read_how_far_a_picture_is_to_be_turned(rotation_deg: int) -> None:
    """PyAV tells degrees counter-clockwise, from -180 to 180."""
    file = io.BytesIO()
    writer = MatroskaWriter(file)
    for encoded in video("VP8", 0.2, halves=True):
        data = b"".join(payload[descriptor_length(payload) :] for payload in encoded.payloads)
        writer.add_frame(1, round(encoded.media_s * 1000), data, key_frame=encoded.key_frame, cue=encoded.key_frame)
    picture = TrackEntry(number=1, name="v", codec_name="VP8", width=160, height=120, rotation_deg=rotation_deg)
    writer.finish([picture], web=True, duration_ms=200.0, started_at_s=0.0)
    file.seek(0)
    with av.open(file) as container:
        frame = next(container.decode(video=0))
    assert (frame.width, frame.height) == (160, 120)
    assert -frame.rotation % 360 == rotation_deg
