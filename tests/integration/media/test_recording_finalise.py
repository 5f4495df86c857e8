"""From captured packets to a file that plays: real encodes, every kind of trouble, and the result decoded again."""

import itertools
import random
import shutil
from pathlib import Path

import av
import pytest

from media.recording import format as fmt
from media.recording import frames
from media.recording.check import check_recording
from media.recording.finalise import finalise
from media.recording.manifest import FILE_NAME as MANIFEST
from tests.integration.media.finalise_rig import BRIGHT, LOUD, by_name, expect, report
from tests.support import captures
from tests.support.captures import START_S, Sender, Stream, audio, decode, rtp, side, video, write_capture

# ---------------------------------------------------------------- a good call


def test_a_call_becomes_four_named_tracks_in_order(tmp_path: Path) -> None:
    write_capture(tmp_path, [*side("customer", 6.0), *side("agent", 6.0)])
    result = finalise(tmp_path)
    assert (result["file"], result["container"]) == ("recording.webm", "webm")
    tracks = decode(tmp_path / "recording.webm")
    assert [track.name for track in tracks] == ["customer audio", "customer video", "agent audio", "agent video"]
    assert [len(track.frames) for track in tracks if "video" in track.name] == [90, 90]
    assert result["completeness"] >= 0.999
    assert result["duration_s"] == pytest.approx(6.0, abs=0.1)
    assert not result["truncated"]
    assert {track["timing"] for track in result["tracks"]} == {"sender_reports"}
    checked = check_recording(tmp_path)
    assert (checked.ok, checked.problems) == (True, [])
    assert all(track.decodes and track.duration_s > 5.8 for track in checked.tracks)


def test_h264_makes_a_matroska_file_that_decodes(tmp_path: Path) -> None:
    write_capture(tmp_path, [*side("customer", 4.0, video_codec="H264"), *side("agent", 4.0)])
    result = finalise(tmp_path)
    assert (result["file"], result["container"]) == ("recording.mkv", "matroska")
    assert set(result["views"]) == {"customer", "agent"}
    assert result["views"]["customer"]["file"] == "customer.mkv"
    assert result["views"]["agent"]["file"] == "agent.webm"
    tracks = by_name(tmp_path / "recording.mkv")
    assert tracks["customer video"].codec == "h264"
    assert len(tracks["customer video"].frames) == 60
    assert check_recording(tmp_path).ok


def test_the_viewing_copies_lie_on_the_timeline_of_the_whole(tmp_path: Path) -> None:
    late = Sender(starts_s=2.0)
    write_capture(tmp_path, [*side("customer", 5.0), *side("agent", 3.0, sender=late)])
    finalise(tmp_path)
    whole = by_name(tmp_path / "recording.webm")["agent video"].frames
    copy = by_name(tmp_path / "agent.webm")["agent video"].frames
    assert [time_s for time_s, _ in copy] == [time_s for time_s, _ in whole]
    assert copy[0][0] == pytest.approx(2.0, abs=0.05)


def test_a_viewing_copy_has_sound_without_holes(tmp_path: Path) -> None:
    """A player's clock is its sound: where nothing was said or sent there is silence, not nothing."""
    late = Sender(starts_s=1.0)
    sound = Stream("customer", "audio", "OPUS", 1, "lg", late)
    write_capture(tmp_path, list(sound.events(audio(6.0), keep=lambda s: not 2 <= s < 4)))
    result = finalise(tmp_path)
    assert report(result, "customer", "audio")["gaps"] == [[pytest.approx(2.0, abs=0.05), pytest.approx(4.0, abs=0.05)]]
    times = [time_s for time_s, _ in by_name(tmp_path / "customer.webm")["customer audio"].frames]
    assert max(b - a for a, b in itertools.pairwise(times)) < 0.05
    times = [time_s for time_s, _ in by_name(tmp_path / "recording.webm")["customer audio"].frames]
    assert max(b - a for a, b in itertools.pairwise(times)) > 1.9


def test_the_silence_of_a_viewing_copy_lies_beside_the_pictures_it_belongs_to(tmp_path: Path) -> None:
    """Somebody is muted at first, and again to the end. Silence that comes behind all of those pictures makes a player
    wait until it has read them, which are minutes of video."""
    sound = Stream("customer", "audio", "OPUS", 1, "lg", Sender())
    picture = Stream("customer", "video", "VP8", 2, "lg", Sender())
    events = [*sound.events(audio(9.0), keep=lambda s: 4 <= s < 5), *picture.events(video("VP8", 9.0))]
    write_capture(tmp_path, events)
    finalise(tmp_path)
    newest = {"audio": 0.0, "video": 0.0}
    behind_s = 0.0
    with av.open(str(tmp_path / "customer.webm")) as container:
        for packet in container.demux():
            if packet.pts is not None:
                newest[packet.stream.type] = float(packet.pts * packet.time_base)
                behind_s = max(behind_s, newest["video"] - newest["audio"])
    assert behind_s < 1.5
    (times,) = (
        [at_s for at_s, _ in track.frames] for track in decode(tmp_path / "customer.webm") if track.codec == "opus"
    )
    assert max(b - a for a, b in itertools.pairwise(times)) < 0.05


def test_finalising_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    write_capture(tmp_path / "a", side("customer", 3.0))
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    first = finalise(tmp_path / "a")
    assert finalise(tmp_path / "a") == first
    assert finalise(tmp_path / "b") == first
    for name in ("recording.webm", "customer.webm", MANIFEST):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == [
        fmt.FILE_NAME,
        "customer.webm",
        MANIFEST,
        "recording.webm",
    ]


def test_the_capture_goes_when_asked_and_the_result_is_given_again(tmp_path: Path) -> None:
    write_capture(tmp_path, side("customer", 2.0))
    first = finalise(tmp_path, remove_capture=True)
    assert not (tmp_path / fmt.FILE_NAME).exists()
    assert finalise(tmp_path) == first


# ---------------------------------------------------------------- time


@pytest.mark.parametrize(("offset_s", "drift"), [(0.0, 0.0), (-3600.0, 0.0), (86_400.0, 2e-4), (0.4, -2e-4)], ids=str)
def test_sound_and_picture_stay_together_whatever_the_clocks_say(tmp_path: Path, offset_s: float, drift: float) -> None:
    """A flash and a beep at every second, through different delays and jitter: at most 40 ms apart in the file."""
    rng = random.Random(3)
    jitter = [rng.uniform(0.0, 0.06) for _ in range(20_000)]
    sound_sender = Sender(ntp_offset_s=offset_s, drift=drift, delay_s=lambda i: 0.030 + jitter[i])
    picture_sender = Sender(ntp_offset_s=offset_s, drift=drift, delay_s=lambda i: 0.045 + jitter[-1 - i])
    sound = Stream("customer", "audio", "OPUS", 1, "lg", sound_sender)
    picture = Stream("customer", "video", "VP8", 2, "lg", picture_sender, encode_delay_s=0.180)
    write_capture(tmp_path, [*sound.events(audio(66.0)), *picture.events(video("VP8", 66.0))])
    result = finalise(tmp_path)
    assert report(result, "customer", "video")["timing"] == "sender_reports"
    tracks = by_name(tmp_path / "recording.webm")
    flashes, beeps = tracks["customer video"].onsets(BRIGHT), tracks["customer audio"].onsets(LOUD)
    assert len(flashes) == len(beeps) == 65
    # a flash shows with the first picture after the full second: up to one frame later than the beep
    assert max(abs(flash - beep) for flash, beep in zip(flashes, beeps, strict=True)) <= 0.040
    length = beeps[-1] - beeps[0]
    assert length == pytest.approx(64.0 / (1 + drift), abs=0.03)


def test_both_sides_share_one_timeline(tmp_path: Path) -> None:
    """The customer's second and the agent's second pass at the same moment though their clocks are days apart."""
    customer = Sender(ntp_offset_s=-200_000.0)
    agent = Sender(starts_s=0.5, ntp_offset_s=70.0)
    write_capture(tmp_path, [*side("customer", 8.0, sender=customer), *side("agent", 8.0, sender=agent)])
    finalise(tmp_path)
    tracks = by_name(tmp_path / "recording.webm")
    differences = [
        b - a
        for a, b in zip(tracks["customer audio"].onsets(LOUD), tracks["agent audio"].onsets(LOUD)[:7], strict=False)
    ]
    assert all(difference % 1.0 == pytest.approx(0.5, abs=0.03) for difference in differences)


def test_without_sender_reports_arrival_times_serve(tmp_path: Path) -> None:
    rng = random.Random(5)
    jitter = [rng.uniform(0, 0.08) for _ in range(3000)]
    sender = Sender(delay_s=lambda i: 0.02 + jitter[i])
    sound = Stream("customer", "audio", "OPUS", 1, "lg", sender, reports_every_s=None)
    write_capture(tmp_path, list(sound.events(audio(10.0))))
    result = finalise(tmp_path)
    assert report(result, "customer", "audio")["timing"] == "arrival"
    beeps = by_name(tmp_path / "recording.webm")["customer audio"].onsets(LOUD)
    assert [b - a for a, b in itertools.pairwise(beeps)] == pytest.approx([1.0] * 8, abs=0.006)


def test_sequence_numbers_and_timestamps_wrap_unnoticed(tmp_path: Path) -> None:
    sound = Stream("customer", "audio", "OPUS", 1, "lg", sequence=65_500, timestamp=2**32 - 48_000)
    picture = Stream("customer", "video", "VP8", 2, "lg", sequence=65_530, timestamp=2**32 - 90_000)
    write_capture(tmp_path, [*sound.events(audio(4.0)), *picture.events(video("VP8", 4.0))])
    result = finalise(tmp_path)
    assert result["completeness"] == 1.0
    assert result["duration_s"] == pytest.approx(4.0, abs=0.05)
    assert [track["lost_packets"] for track in result["tracks"]] == [0, 0]
    beeps = by_name(tmp_path / "recording.webm")["customer audio"].onsets(LOUD)
    assert [b - a for a, b in itertools.pairwise(beeps)] == pytest.approx([1.0, 1.0], abs=0.01)


def test_a_mute_that_stops_the_media_clock_is_not_squeezed(tmp_path: Path) -> None:
    """A browser whose track was taken away goes on with the next timestamp when it comes back."""
    before = Stream("customer", "audio", "OPUS", 1, "lg")
    events = list(before.events(audio(4.0)))
    after = Stream(
        "customer",
        "audio",
        "OPUS",
        1,
        "lg",
        Sender(starts_s=9.0),
        sequence=before.sequence,
        timestamp=5000 + 4 * 48_000,
        number=before.number,
    )
    write_capture(tmp_path, [*events, *after.events(audio(4.0))])
    result = finalise(tmp_path)
    assert result["duration_s"] == pytest.approx(13.0, abs=0.05)
    assert report(result, "customer", "audio")["gaps"] == [[pytest.approx(4.0, abs=0.05), pytest.approx(9.0, abs=0.05)]]
    assert result["completeness"] == 1.0  # nothing the browser sent is missing
    beeps = by_name(tmp_path / "recording.webm")["customer audio"].onsets(LOUD)
    assert beeps == pytest.approx([1, 2, 3, 9, 10, 11, 12], abs=0.06)


def test_timestamps_out_of_their_mind_cost_nothing(tmp_path: Path) -> None:
    """Timestamps that alternate between 0 and the largest make neither a file of days nor a crash."""
    events = []
    for index, frame in enumerate(audio(6.0)):
        packet = rtp(111, index, (2**32 - 1) * (index % 2), 7, frame.payloads[0], marker=False)
        at_s = START_S + index * 0.02
        events.append(captures.event(at_s, fmt.encode_rtp(fmt.RtpCaptured(0, at_s, packet))))
    track = fmt.TrackOpened(0, START_S - 1, "customer", "audio", "OPUS", 48000, 7, "lg")
    write_capture(tmp_path, [captures.event(START_S - 1, fmt.encode_track(track)), *events])
    result = finalise(tmp_path)
    assert result["duration_s"] == pytest.approx(6.0, abs=2.1)


# ---------------------------------------------------------------- loss, order, streams that follow one another


def test_packets_out_of_order_and_doubled_are_put_right(tmp_path: Path) -> None:
    rng = random.Random(1)
    jitter = [rng.choice([0.0, 0.0, 0.0, 0.12, 0.3]) for _ in range(5000)]
    events = side("customer", 6.0, sender=Sender(delay_s=lambda i: 0.02 + jitter[i]))
    doubles = [captures.event(item.at_s + 0.2, item.data) for item in events[::7]]
    write_capture(tmp_path, [*events, *doubles])
    result = finalise(tmp_path)
    assert result["completeness"] == 1.0
    assert report(result, "customer", "video")["frames"] == 90
    assert report(result, "customer", "audio")["frames"] == 300
    assert check_recording(tmp_path).ok


@pytest.mark.parametrize("codec_name", ["VP8", "H264"])
def test_what_refers_to_a_lost_packet_is_left_out_until_the_next_key_frame(tmp_path: Path, codec_name: str) -> None:
    """The picture decodes without a single error, and completeness says what is missing."""
    picture = Stream("customer", "video", codec_name, 2, "lg")
    whole = video(codec_name, 8.0)
    sizes = [len(frame.payloads) for frame in whole]
    first_of_frame = list(itertools.accumulate(sizes, initial=0))
    lost = {first_of_frame[20], first_of_frame[50] + sizes[50] - 1, first_of_frame[95]}
    write_capture(tmp_path, list(picture.events(whole, lose=lost.__contains__)))
    result = finalise(tmp_path)
    found = report(result, "customer", "video")
    assert found["lost_packets"] == 3
    kept = found["frames"]
    # frames 20-29, 50-59 and 95-104 are gone: key frames come every 15
    assert kept == 120 - 10 - 10 - 10
    assert found["damaged_frames"] >= 27
    assert found["completeness"] == pytest.approx(kept / 120, abs=0.02)
    assert [track.errors for track in check_recording(tmp_path).tracks] == [0]


def test_lost_sound_lowers_completeness_by_what_was_lost(tmp_path: Path) -> None:
    sound = Stream("customer", "audio", "OPUS", 1, "lg")
    write_capture(tmp_path, list(sound.events(audio(10.0), lose=lambda index: index % 20 == 10)))
    found = report(finalise(tmp_path), "customer", "audio")
    assert (found["lost_packets"], found["frames"]) == (25, 475)
    assert found["completeness"] == pytest.approx(0.95, abs=0.002)


def test_a_new_ssrc_in_mid_call_carries_on_the_same_track(tmp_path: Path) -> None:
    """A reload: another leg, another SSRC, another clock; one track in the file."""
    first = side("customer", 4.0, sender=Sender(ntp_offset_s=5.0), leg="lg_a")
    second = side("customer", 4.0, sender=Sender(starts_s=6.0, ntp_offset_s=-900.0), leg="lg_bb")
    write_capture(tmp_path, [*first, *second])
    expect(
        tmp_path,
        *(("customer", kind, [[START_S, START_S + 4], [START_S + 6, START_S + 10]]) for kind in ("audio", "video")),
    )
    result = finalise(tmp_path)
    assert [(track["role"], track["kind"]) for track in result["tracks"]] == [
        ("customer", "audio"),
        ("customer", "video"),
    ]
    assert result["completeness"] >= 0.99
    tracks = by_name(tmp_path / "recording.webm")
    assert len(tracks["customer video"].frames) == 120
    assert tracks["customer video"].between(4.2, 5.9) == []
    assert tracks["customer audio"].onsets(LOUD) == pytest.approx([1, 2, 3, 6, 7, 8, 9], abs=0.06)
    assert check_recording(tmp_path).ok


def test_an_older_stream_is_not_heard_again_once_a_newer_has_begun(tmp_path: Path) -> None:
    """Two legs of one side that overlap: mixing their packets would be noise."""
    first = side("customer", 6.0, leg="lg_a")
    second = side("customer", 6.0, sender=Sender(starts_s=3.0), leg="lg_bb")
    write_capture(tmp_path, [*first, *second])
    result = finalise(tmp_path)
    assert report(result, "customer", "audio")["frames"] == pytest.approx(450, abs=4)
    assert check_recording(tmp_path).ok


def test_a_second_codec_of_one_side_becomes_a_further_track(tmp_path: Path) -> None:
    first = side("agent", 3.0, leg="lg_a")
    second = side("agent", 3.0, sender=Sender(starts_s=3.0), leg="lg_bb", video_codec="H264")
    write_capture(tmp_path, [*first, *second])
    result = finalise(tmp_path)
    assert report(result, "agent", "video")["codec"] == "VP8+H264"
    assert [track.codec for track in decode(tmp_path / "recording.mkv")] == ["opus", "vp8", "h264"]


def test_typed_digits_are_no_hole_in_the_sound(tmp_path: Path) -> None:
    sound = Stream("customer", "audio", "OPUS", 1, "lg")
    number = next(captures._numbers)
    events = list(sound.events(audio(2.0)))
    for index in range(5):
        at_s = START_S + 2.0 + index * 0.02
        packet = rtp(110, sound.sequence, 100, 1, b"", marker=False)
        sound.sequence += 1
        events.append(captures.event(at_s, fmt.encode_rtp(fmt.RtpCaptured(number, at_s, packet))))
    track = fmt.TrackOpened(number, START_S, "customer", "audio", "TELEPHONE-EVENT", 8000, 1, "lg")
    events.append(captures.event(START_S, fmt.encode_track(track)))
    later = Stream(
        "customer",
        "audio",
        "OPUS",
        1,
        "lg",
        Sender(starts_s=2.1),
        sequence=sound.sequence,
        timestamp=5000 + round(2.1 * 48000),
        number=sound.number,
    )
    write_capture(tmp_path, [*events, *later.events(audio(2.0))])
    found = report(finalise(tmp_path), "customer", "audio")
    assert found["lost_packets"] == 0
    assert found["frames"] == 200
    assert found["completeness"] == 1.0


def test_a_picture_larger_than_any_camera_is_left_out(tmp_path: Path) -> None:
    """A key frame that claims 16383 x 16383 would cost every later player its memory."""
    bomb = b"\x10" + bytes((0x10, 0, 0)) + b"\x9d\x01\x2a" + b"\xff\x3f\xff\x3f" + bytes(500)
    picture = Stream("customer", "video", "VP8", 2, "lg")
    events = list(picture.events(video("VP8", 2.0)))
    at_s = START_S + 2.1
    packet = rtp(96, picture.sequence, 5000 + 190_000, 2, bomb, marker=True)
    events.append(captures.event(at_s, fmt.encode_rtp(fmt.RtpCaptured(picture.number, at_s, packet))))
    write_capture(tmp_path, events)
    found = report(finalise(tmp_path), "customer", "video")
    assert (found["frames"], found["damaged_frames"]) == (30, 1)
    assert frames.picture_is_sane(1920, 1088)
    assert not frames.picture_is_sane(16383, 16383)
