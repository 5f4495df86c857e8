"""A phone held upright: what it says of its pictures reaches the capture, the files, and what is told of them."""

import json
from pathlib import Path

import av
import numpy as np
import pytest

from media.port import Kind, RecordLeg, StartRecording, StopRecording
from media.recording import format as fmt
from media.recording.finalise import finalise
from media.recording.orientation import rotation_of
from media.recording.reader import CaptureReader
from tests.integration.media.engine_rig import studio
from tests.integration.media.transport_rig import until
from tests.support.captures import Encoded, Event, Stream, audio, orientation, rtp, video, write_capture

CVO = 13


def camera(
    *turns: tuple[float, int],
    kind: str = "video",
    codec_name: str = "VP8",
    duration_s: float = 3.0,
    two_byte: bool = False,
    sparing: bool = False,
) -> list[Event]:
    """A red-over-blue picture of the customer's; `turns`: from which media time it says which orientation byte.

    As browsers do, every frame says it unless it is 0; `sparing` says it as seldom as 3GPP allows.
    """
    said = [-1]

    def extension(frame: Encoded) -> bytes:
        value = next((value for from_s, value in reversed(turns) if frame.media_s >= from_s), 0)
        needed = frame.key_frame or value != said[0] or (value and not sparing)
        said[0] = value
        return orientation(CVO, value, two_byte=two_byte) if needed else b""

    ssrc = 0x20 if kind == "video" else 0x30
    stream = Stream("customer", kind, codec_name, ssrc, "lg", orientation_id=CVO, extension=extension)
    return list(stream.events(video(codec_name, duration_s, halves=True)))


def told(result: dict[str, object], kind: str = "video") -> tuple[int, list[list[float]]]:
    (track,) = (track for track in result["tracks"] if track["kind"] == kind)
    return track["rotation_deg"], track["rotations"]


def turned(path: Path, kind: str = "video") -> int:
    """How far clockwise FFmpeg says the track is to be turned, once its picture is seen to be as the camera sent it."""
    with av.open(str(path)) as container:
        stream = next(stream for stream in container.streams if stream.metadata["title"] == f"customer {kind}")
        frame = next(container.decode(stream))
        picture = frame.to_ndarray(format="rgb24").astype(int)
        assert np.mean(picture[:50, :, 0]) > 180 > 60 > np.mean(picture[:50, :, 2])
        assert np.mean(picture[70:, :, 2]) > 180 > 60 > np.mean(picture[70:, :, 0])
        return -frame.rotation % 360


@pytest.mark.parametrize("codec_name", ["VP8", "H264"])
@pytest.mark.parametrize(("value", "rotation_deg"), [(0, 0), (1, 90), (2, 180), (3, 270), (0b1111, 270)])
def test_every_file_says_how_its_picture_is_to_be_turned(
    tmp_path: Path, value: int, rotation_deg: int, codec_name: str
) -> None:
    sound = Stream("customer", "audio", "OPUS", 0x10, "lg")
    write_capture(tmp_path, [*camera((0.0, value), codec_name=codec_name), *sound.events(audio(3.0))])
    result = finalise(tmp_path)
    assert told(result) == (rotation_deg, [])
    assert turned(tmp_path / result["file"]) == rotation_deg
    assert turned(tmp_path / result["views"]["customer"]["file"]) == rotation_deg


@pytest.mark.parametrize("two_byte", [False, True])
@pytest.mark.parametrize("sparing", [False, True])
def test_a_phone_turned_in_mid_call_is_told_as_intervals(tmp_path: Path, two_byte: bool, sparing: bool) -> None:
    """Said once, it holds; the file has the rotation of most of the call."""
    events = camera((0.0, 0), (1.0, 1), (2.6, 2), duration_s=3.0, two_byte=two_byte, sparing=sparing)
    write_capture(tmp_path, events)
    result = finalise(tmp_path)
    rotation_deg, rotations = told(result)
    assert rotation_deg == 90
    assert [interval[2] for interval in rotations] == [0, 90, 180]
    assert [interval[0] for interval in rotations] == pytest.approx([0.0, 1.0, 2.6], abs=0.04)
    assert [interval[1] for interval in rotations] == pytest.approx([1.0, 2.6, 3.0], abs=0.04)
    assert turned(tmp_path / result["file"]) == 90


def test_a_peer_that_says_nothing_is_upright(tmp_path: Path) -> None:
    stream = Stream("customer", "video", "VP8", 0x20, "lg")
    write_capture(tmp_path, list(stream.events(video("VP8", 2.0, halves=True))))
    result = finalise(tmp_path)
    assert told(result) == (0, [])
    assert turned(tmp_path / result["file"]) == 0


def test_an_extension_not_agreed_on_turns_nothing(tmp_path: Path) -> None:
    """Where the leg agreed on none, the same number may mean anything."""
    stream = Stream("customer", "video", "VP8", 0x20, "lg", extension=lambda frame: orientation(CVO, 1))
    write_capture(tmp_path, list(stream.events(video("VP8", 2.0, halves=True))))
    assert told(finalise(tmp_path)) == (0, [])


@pytest.mark.parametrize(
    "malformed",
    [b"\xbe\xde\x00\x01" + bytes((CVO << 4 | 1, 3, 3, 0)), b"\x10\x00\x00\x01" + bytes((CVO, 200, 3, 0))],
    ids=["two bytes long", "leaves its block"],
)
def test_a_malformed_extension_changes_nothing(tmp_path: Path, malformed: bytes) -> None:
    def extension(frame: Encoded) -> bytes:
        return orientation(CVO, 1) if frame.media_s < 0.5 else malformed

    stream = Stream("customer", "video", "VP8", 0x20, "lg", orientation_id=CVO, extension=extension)
    write_capture(tmp_path, list(stream.events(video("VP8", 2.0, halves=True))))
    result = finalise(tmp_path)
    assert told(result) == (90, [])
    assert result["tracks"][0]["frames"] == 30


def test_a_shared_screen_stays_as_it_is_beside_a_turned_camera(tmp_path: Path) -> None:
    write_capture(tmp_path, [*camera((0.0, 3)), *camera(kind="screen")])
    result = finalise(tmp_path)
    assert (told(result), told(result, "screen")) == ((270, []), (0, []))
    assert turned(tmp_path / result["file"]) == 270
    assert turned(tmp_path / result["file"], "screen") == 0


def test_finalising_twice_tells_the_same(tmp_path: Path) -> None:
    write_capture(tmp_path, camera((0.0, 1), (1.5, 0)))
    first = json.dumps(finalise(tmp_path), sort_keys=True)
    assert json.dumps(finalise(tmp_path), sort_keys=True) == first


async def test_the_capture_keeps_the_legs_extension_id_and_the_extension(tmp_path: Path) -> None:
    async with studio() as stage:
        customer, agent = await stage.call()
        await stage.engine.execute(StartRecording(recording_id="rc_1", folder=str(tmp_path / "rc_1")))
        await stage.engine.execute(RecordLeg(recording_id="rc_1", leg_id="lg_customer", role="customer"))
        section = customer.sections[Kind.VIDEO]
        customer.send(Kind.AUDIO, 0)
        customer.send_rtp(
            rtp(
                section.codecs[0].payload_type,
                customer.sequence[Kind.VIDEO] + 1,
                9000,
                section.local_ssrc,
                b"\x10\x00\x9d\x01\x2a#0",
                marker=True,
                extension=orientation(CVO, 3),
            )
        )
        await until(lambda: 0 in agent.numbers(Kind.VIDEO), "it was handed on, and so recorded")
        await stage.engine.execute(StopRecording(recording_id="rc_1"))
    with CaptureReader(tmp_path / "rc_1" / fmt.FILE_NAME) as reader:
        records = list(reader.records())
    tracks = {record.kind: record for record in records if isinstance(record, fmt.TrackOpened)}
    assert (tracks["audio"].orientation_id, tracks["video"].orientation_id) == (0, CVO)
    (packet,) = (
        record.packet
        for record in records
        if isinstance(record, fmt.RtpCaptured) and record.track == tracks["video"].track
    )
    assert rotation_of(packet, CVO) == 270
