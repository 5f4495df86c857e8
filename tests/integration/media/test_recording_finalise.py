"""From captured packets to a file that plays: real encodes, every kind of trouble, and the result decoded again."""

import itertools
import json
import random
import shutil
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from media.recording import format as fmt
from media.recording import frames
from media.recording.check import EXIT_NOT_OK, EXIT_OK, EXIT_UNREADABLE, check_recording
from media.recording.expected import FILE_NAME as EXPECTED
from media.recording.finalise import EXIT_EMPTY, EXIT_MEMORY, EXIT_UNWRITABLE, finalise, main
from media.recording.finalise import EXIT_UNREADABLE as NO_CAPTURE
from media.recording.manifest import FILE_NAME as MANIFEST
from tests.support import captures
from tests.support.captures import START_S, Sender, Stream, audio, decode, mark, rtp, side, video, write_capture

BRIGHT = 120.0
LOUD = 0.02
FRAME_S = 1 / 15


def by_name(path: Path) -> dict[str, captures.Decoded]:
    return {track.name: track for track in decode(path)}


def report(result: dict[str, object], role: str, kind: str) -> dict[str, object]:
    (found,) = (track for track in result["tracks"] if (track["role"], track["kind"]) == (role, kind))
    return found


def expect(folder: Path, *tracks: tuple[str, str, list[list[float | None]]], reason: str = "") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    document = {
        "tracks": [{"role": role, "kind": kind, "intervals": spans} for role, kind, spans in tracks],
        "truncated_reason": reason,
    }
    (folder / EXPECTED).write_text(json.dumps(document))


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


def test_finalising_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    write_capture(tmp_path / "a", side("customer", 3.0))
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    first = finalise(tmp_path / "a")
    time.sleep(0.01)
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


# ---------------------------------------------------------------- pause, hold


def test_there_is_no_media_at_all_in_a_pause(tmp_path: Path) -> None:
    """S19, by decoding: nothing that was said or shown between pause and resume, though late packets brought some."""
    events = [*side("customer", 9.0, sender=Sender(delay_s=lambda i: 0.25)), *side("agent", 9.0)]
    kept = [item for item in events if not START_S + 3.0 < item.at_s < START_S + 6.0]
    late = [item for item in events if START_S + 5.75 < item.at_s < START_S + 6.0]
    after_resume = [captures.event(START_S + 6.01, item.data) for item in late]
    capture = [*kept, *after_resume, mark("pause", START_S + 3.0, "card"), mark("resume", START_S + 6.0)]
    write_capture(tmp_path, capture)
    expect(
        tmp_path,
        *((role, kind, [[START_S, START_S + 9]]) for role in ("customer", "agent") for kind in ("audio", "video")),
    )
    result = finalise(tmp_path)
    zero_s = result["started_at_s"] - START_S
    for track in decode(tmp_path / "recording.webm"):
        inside = track.between(3.0 - zero_s, 6.0 - zero_s)
        assert inside == []
        assert track.between(0.0, 2.5)
        assert track.between(7.2, 8.5)
    assert [(item["name"], item["detail"]) for item in result["marks"]] == [("pause", "card"), ("resume", "")]
    assert result["marks"][0]["at_s"] == pytest.approx(3.0 - zero_s, abs=0.01)
    for found in result["tracks"]:
        assert len(found["gaps"]) == 1
        # a pause is not expected; the picture begins again at the next key frame, at most a second later
        assert found["completeness"] > (0.99 if found["kind"] == "audio" else 0.80)


def test_a_crash_while_paused_leaves_the_pause(tmp_path: Path) -> None:
    events = [item for item in side("customer", 6.0) if item.at_s < START_S + 3.0]
    write_capture(tmp_path, [*events, mark("pause", START_S + 3.0)], ended=False)
    result = finalise(tmp_path)
    assert result["truncated"]
    assert result["duration_s"] <= 3.0


def test_a_hold_keeps_its_place_on_the_timeline(tmp_path: Path) -> None:
    agent = side("agent", 9.0, keep=lambda s: not 3 <= s < 7)
    write_capture(tmp_path, [*side("customer", 9.0), *agent, mark("hold", START_S + 3), mark("retrieve", START_S + 7)])
    result = finalise(tmp_path)
    gap = report(result, "agent", "audio")["gaps"]
    assert gap == [[pytest.approx(3.0, abs=0.1), pytest.approx(7.0, abs=0.1)]]
    assert by_name(tmp_path / "recording.webm")["agent audio"].onsets(LOUD) == pytest.approx([1, 2, 7, 8], abs=0.06)


# ---------------------------------------------------------------- what was expected


def test_a_side_that_should_be_there_and_is_not_counts_as_missing(tmp_path: Path) -> None:
    write_capture(tmp_path, side("customer", 4.0))
    expect(
        tmp_path,
        ("customer", "audio", [[START_S, START_S + 4]]),
        ("agent", "audio", [[START_S, START_S + 4]]),
    )
    result = finalise(tmp_path)
    assert report(result, "agent", "audio") | {"completeness": 0.0, "frames": 0, "codec": ""} == report(
        result, "agent", "audio"
    )
    assert result["completeness"] == 0.0
    assert report(result, "customer", "video")["expected_s"] == 0.0


def test_a_call_that_was_cut_is_measured_to_the_end_of_the_capture(tmp_path: Path) -> None:
    write_capture(tmp_path, side("customer", 4.0), ended=False)
    expect(tmp_path, ("customer", "audio", [[START_S, None]]))
    result = finalise(tmp_path)
    assert (result["truncated"], result["truncated_reason"]) == (True, "interrupted")
    assert result["completeness"] > 0.99


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"tracks": 5}',
        '{"tracks": [{"role": 1}]}',
        '{"tracks": [{"role": "a", "kind": "b", "intervals": [["x", 1]]}]}',
        "[" * 5000,
    ],
)
def test_expectations_that_make_no_sense_are_left_aside(
    tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write_capture(tmp_path, side("customer", 2.0))
    (tmp_path / EXPECTED).write_text(text)
    assert finalise(tmp_path)["completeness"] == 1.0
    assert "warning" in capsys.readouterr().err


# ---------------------------------------------------------------- a media process that died


def died_and_went_on(folder: Path, *, paused: bool = False) -> None:
    """4 s, the media process dies, and from the sixth second on its successor records the same browsers."""
    first = side("customer", 4.0, leg="lg_a")
    second = side("customer", 4.0, sender=Sender(starts_s=6.0, ntp_offset_s=50.0), leg="lg_bb")
    if paused:
        first.append(mark("pause", START_S + 3.5))
        first = [item for item in first if item.at_s <= START_S + 3.5]
        second.append(mark("resume", START_S + 8.0))
    write_capture(folder, first, ended=False)
    write_capture(folder, second, number=2)
    spans: list[list[float | None]] = [[START_S, START_S + 4], [START_S + 6, START_S + 10]]
    expect(folder, ("customer", "audio", spans), ("customer", "video", spans))


def test_two_captures_become_one_recording_with_the_same_tracks(tmp_path: Path) -> None:
    died_and_went_on(tmp_path)
    result = finalise(tmp_path)
    assert [(track["role"], track["kind"]) for track in result["tracks"]] == [
        ("customer", "audio"),
        ("customer", "video"),
    ]
    assert not result["truncated"]  # it ends as its last capture does
    assert result["completeness"] >= 0.99
    assert result["duration_s"] == pytest.approx(10.0, abs=0.1)
    assert [(part["file"], part["ending"]) for part in result["captures"]] == [
        ("capture.vvc", "cut"),
        ("capture-2.vvc", "clean"),
    ]
    tracks = by_name(tmp_path / "recording.webm")
    assert len(tracks["customer video"].frames) == 120
    assert tracks["customer audio"].onsets(LOUD) == pytest.approx([1, 2, 3, 6, 7, 8, 9], abs=0.06)
    assert check_recording(tmp_path).ok


def test_a_pause_is_not_ended_by_the_death_of_a_media_process(tmp_path: Path) -> None:
    """Whatever the successor writes before it is told to resume stays out of the file."""
    died_and_went_on(tmp_path, paused=True)
    finalise(tmp_path)
    tracks = by_name(tmp_path / "recording.webm")
    for track in tracks.values():
        assert track.between(3.5, 7.95) == []  # the file begins with the first packet, 30 ms in
        assert track.between(8.0, 10.0)


def test_captures_removed_in_part_are_not_taken_for_the_whole(tmp_path: Path) -> None:
    """A job that was killed between two removals: what it made is the recording, not what is left of the captures."""
    died_and_went_on(tmp_path)
    first = finalise(tmp_path)
    (tmp_path / fmt.FILE_NAME).unlink()
    assert finalise(tmp_path, remove_capture=True) == first
    assert not list(tmp_path.glob("*.vvc"))
    assert check_recording(tmp_path).ok


def test_a_mark_lost_with_a_damaged_block_does_not_silence_the_rest(tmp_path: Path) -> None:
    """The writer writes no packet while paused: one behind a pause says that it was over."""
    events = side("customer", 6.0)
    kept = [item for item in events if not START_S + 2 <= item.at_s <= START_S + 3]
    resume = mark("resume", START_S + 3.0)
    path = write_capture(tmp_path, [*kept, mark("pause", START_S + 2.0), resume])
    data = path.read_bytes()
    at = data.index(resume.data)
    path.write_bytes(data[:at] + bytes(len(resume.data)) + data[at + len(resume.data) :])
    result = finalise(tmp_path)
    assert result["captures"][0]["damaged_bytes"] == len(resume.data)
    tracks = by_name(tmp_path / "recording.webm")
    assert tracks["customer audio"].between(2.05, 3.0) == []
    assert len(tracks["customer audio"].between(3.1, 6.0)) > 1000


# ---------------------------------------------------------------- what is damaged


def test_a_capture_cut_at_any_place_plays_up_to_there(tmp_path: Path) -> None:
    path = write_capture(tmp_path / "whole", side("customer", 4.0))
    data = path.read_bytes()
    for share in (0.95, 0.7, 0.4, 0.1):
        folder = tmp_path / str(share)
        folder.mkdir()
        (folder / fmt.FILE_NAME).write_bytes(data[: int(len(data) * share)])
        result = finalise(folder)
        assert result["truncated"]
        checked = check_recording(folder)
        assert checked.exit_code == EXIT_NOT_OK
        assert all(track.errors == 0 for track in checked.tracks)
        assert result["duration_s"] > 4.0 * share - 1.0


def test_a_killed_process_leaves_a_recording_up_to_two_seconds_before(tmp_path: Path) -> None:
    """R6, with the real writer: kill -9 while it records, then finalise what is on disk."""
    script = textwrap.dedent(
        """
        import asyncio, sys, time
        from pathlib import Path
        from media.recording.capture import CaptureWriter
        from tests.support.captures import audio, rtp, video

        async def main():
            writer = await CaptureWriter.open(Path(sys.argv[1]), "rc_killed00000", on_started=lambda at: None,
                                              on_failed=lambda *what: None)
            sound = writer.track("customer", "audio", "OPUS", 48000, 1, leg="lg")
            picture = writer.track("customer", "video", "VP8", 90000, 2, leg="lg")
            packets = [(f.media_s, sound, 111, 1, round(f.media_s * 48000), p) for f in audio(20.0) for p in f.payloads]
            for f in video("VP8", 20.0):
                for n, p in enumerate(f.payloads):
                    packets.append((f.media_s, picture, 96 + 128 * (n == len(f.payloads) - 1), 2,
                                    round(f.media_s * 90000), p))
            packets.sort(key=lambda item: item[0])
            sequence = {1: 0, 2: 0}
            print("ready", flush=True)
            start = time.time()
            for media_s, track, payload_type, ssrc, timestamp, payload in packets:
                while time.time() < start + media_s:
                    await asyncio.sleep(0.005)
                marker = payload_type > 127
                data = bytearray(rtp(payload_type & 127, sequence[ssrc], timestamp, ssrc, payload, marker=marker))
                sequence[ssrc] += 1
                writer.write_rtp(track, data, len(data), time.time())
                if track == sound and media_s > 4.0:
                    print(media_s, flush=True)
        asyncio.run(main())
        """
    )
    folder = tmp_path / "rc"
    process = subprocess.Popen([sys.executable, "-c", script, str(folder)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    last_s = 0.0
    for line in process.stdout:
        if line.strip() != "ready":
            last_s = float(line)
            if last_s >= 5.0:
                break
    process.kill()
    process.wait()
    process.stdout.close()
    assert last_s >= 5.0
    result = finalise(folder)
    assert result["truncated_reason"] in ("interrupted", "damaged")  # damaged: killed in the middle of a write
    assert result["duration_s"] >= last_s - 2.0
    checked = check_recording(folder)
    assert all(track.decodes and track.duration_s >= last_s - 2.0 for track in checked.tracks)


def test_a_changed_byte_is_found_by_the_check(tmp_path: Path) -> None:
    write_capture(tmp_path, side("customer", 2.0))
    finalise(tmp_path)
    assert check_recording(tmp_path / "recording.webm").exit_code == EXIT_OK
    path = tmp_path / "recording.webm"
    data = bytearray(path.read_bytes())
    data[-100] ^= 1
    path.write_bytes(data)
    checked = check_recording(tmp_path)
    assert checked.exit_code == EXIT_NOT_OK
    assert "changed" in checked.problems[0]


def test_a_changed_manifest_is_found_by_the_check(tmp_path: Path) -> None:
    write_capture(tmp_path, side("customer", 2.0))
    finalise(tmp_path)
    manifest = (tmp_path / MANIFEST).read_text()
    (tmp_path / MANIFEST).write_text(manifest.replace('"completeness": 1.0', '"completeness": 0.9', 1))
    assert check_recording(tmp_path).exit_code == EXIT_UNREADABLE


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / MANIFEST).unlink(),
        lambda folder: (folder / MANIFEST).write_text("[" * 100_000),
        lambda folder: (folder / "recording.webm").unlink(),
    ],
)
def test_what_is_not_there_cannot_be_checked(tmp_path: Path, damage: Callable[[Path], object]) -> None:
    write_capture(tmp_path, side("customer", 2.0))
    finalise(tmp_path)
    damage(tmp_path)
    checked = check_recording(tmp_path)
    assert checked.exit_code == EXIT_UNREADABLE
    assert checked.problems


# ---------------------------------------------------------------- the command


def test_the_command_prints_one_json_object(tmp_path: Path) -> None:
    write_capture(tmp_path, side("customer", 2.0))
    done = subprocess.run(
        [sys.executable, "-m", "media.recording.finalise", str(tmp_path), "--nice", "5"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert json.loads(done.stdout)["file"] == "recording.webm"
    assert done.stderr == ""


def test_a_capture_without_media_is_finished_but_empty(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_capture(tmp_path, [mark("consent", START_S)])
    assert main([str(tmp_path), "--remove-capture"]) == EXIT_EMPTY
    assert json.loads(capsys.readouterr().out)["file"] is None
    assert (tmp_path / fmt.FILE_NAME).exists()


def test_a_folder_without_a_capture_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == NO_CAPTURE
    (tmp_path / fmt.FILE_NAME).write_bytes(b"something else")
    assert main([str(tmp_path)]) == NO_CAPTURE
    assert len(capsys.readouterr().err.splitlines()) == 2


def test_a_disk_too_full_for_the_result_leaves_the_capture_and_nothing_half_done(tmp_path: Path) -> None:
    write_capture(tmp_path, side("customer", 4.0))
    script = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (40000, 40000));"
        "from media.recording.finalise import main; sys.exit(main([sys.argv[1]]))"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, timeout=60)
    assert done.returncode == EXIT_UNWRITABLE
    assert len(done.stderr.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == [fmt.FILE_NAME]
    assert finalise(tmp_path)["file"] == "recording.webm"


# ---------------------------------------------------------------- what the file says of itself


def test_the_file_names_its_tracks_chapters_language_and_day(tmp_path: Path) -> None:
    """As ffprobe shows it, which reads what players read."""
    events = [*side("customer", 8.0), *side("agent", 8.0)]
    marks = [("hold", 2.0), ("retrieve", 3.0), ("pause", 5.0), ("resume", 6.0)]
    kept = [item for item in events if not START_S + 5 <= item.at_s <= START_S + 6]
    write_capture(tmp_path, [*kept, *(mark(name, START_S + at_s) for name, at_s in marks)])
    expect(tmp_path, ("customer", "audio", [[START_S, START_S + 8]]))
    document = json.loads((tmp_path / EXPECTED).read_text()) | {"language": "fr"}
    (tmp_path / EXPECTED).write_text(json.dumps(document))
    result = finalise(tmp_path)
    for name in ("recording.webm", "customer.webm"):
        probe = subprocess.run(
            ["ffprobe", "-v", "error", "-show_chapters", "-show_format", "-show_streams", "-of", "json", name],
            cwd=tmp_path,
            capture_output=True,
            check=True,
            timeout=60,
        )
        said = json.loads(probe.stdout)
        assert [chapter["tags"]["title"] for chapter in said["chapters"]] == [
            "Conversation",
            "En attente",
            "Conversation",
            "Enregistrement en pause",
            "Conversation",
        ]
        times = [float(chapter["start_time"]) for chapter in said["chapters"]]
        assert times == pytest.approx([0, 2, 3, 5, 6], abs=0.06)
        tags = said["format"]["tags"]
        assert (tags["RECORDING_ID"], tags["title"]) == ("rc_testrecording", "Recording rc_testrecording")
        assert tags["DATE_RECORDED"] == "2023-11-14 22:13:20"
        languages = {stream["codec_type"]: stream["tags"].get("language") for stream in said["streams"]}
        assert languages["audio"] == "fre"
    assert [chapter["title"] for chapter in result["chapters"]][1] == "En attente"
    assert check_recording(tmp_path).ok


def test_a_recording_that_lacks_something_says_what_and_why(tmp_path: Path) -> None:
    died_and_went_on(tmp_path)
    expect(
        tmp_path,
        ("customer", "audio", [[START_S, START_S + 10]]),
        ("customer", "video", [[START_S, START_S + 4], [START_S + 6, START_S + 10]]),
        ("agent", "audio", [[START_S, START_S + 10]]),
    )
    result = finalise(tmp_path)
    assert result["incomplete"]
    sound = report(result, "customer", "audio")
    assert sound["incomplete"]
    assert sound["missing"] == [[pytest.approx(4.0, abs=0.05), pytest.approx(6.0, abs=0.05), "media_process"]]
    assert not report(result, "customer", "video")["incomplete"]
    nothing = report(result, "agent", "audio")
    assert (nothing["missing_s"], nothing["missing"][0][2]) == (10.0, "never_came")


def test_packets_a_slow_disk_dropped_are_told_as_such(tmp_path: Path) -> None:
    events = [item for item in side("customer", 9.0) if not START_S + 3 < item.at_s < START_S + 6]
    dropped = captures.event(START_S + 6, fmt.encode_dropped(fmt.PacketsDropped(START_S + 6, 150)))
    write_capture(tmp_path, [*events, dropped])
    expect(tmp_path, ("customer", "audio", [[START_S, START_S + 9]]))
    (hole,) = report(finalise(tmp_path), "customer", "audio")["missing"]
    assert hole == [pytest.approx(3.0, abs=0.05), pytest.approx(6.0, abs=0.05), "disk_slow"]


def test_a_picture_that_grows_in_mid_call_stays_one_track_as_large_as_it_gets(tmp_path: Path) -> None:
    """A browser sends larger pictures when the network allows it: no player needs a second track for that."""
    small = Stream("customer", "video", "VP8", 2, "lg")
    events = list(small.events(video("VP8", 3.0)))
    large = Stream(
        "customer", "video", "VP8", 2, "lg", Sender(starts_s=3.0), sequence=small.sequence, timestamp=5000 + 3 * 90_000
    )
    events += large.events(video("VP8", 3.0, size=(320, 240)))
    write_capture(tmp_path, events)
    finalise(tmp_path)
    (stream,) = json.loads(
        subprocess.run(
            ["ffprobe", "-v", "error", "-show_streams", "-of", "json", str(tmp_path / "recording.webm")],
            capture_output=True,
            check=True,
            timeout=60,
        ).stdout
    )["streams"]
    assert (stream["width"], stream["height"]) == (320, 240)
    assert len(by_name(tmp_path / "recording.webm")["customer video"].frames) == 90
    assert check_recording(tmp_path).ok


def test_the_command_says_how_far_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_capture(tmp_path, [*side("customer", 8.0), *side("agent", 8.0)])
    assert main([str(tmp_path), "--progress"]) == EXIT_OK
    *told, answer = capsys.readouterr().out.splitlines()
    shares = [int(line.removeprefix("progress ")) for line in told]
    assert shares == sorted(set(shares))
    assert (len(shares) >= 3, shares[-1]) == (True, 95)
    assert json.loads(answer)["file"] == "recording.webm"


def test_a_job_that_needs_more_memory_than_it_may_have_says_so(tmp_path: Path) -> None:
    """A frame that never ends, in a capture somebody damaged on purpose, costs its own job and nothing else."""
    write_capture(tmp_path, side("customer", 1.0))
    script = (
        "import sys, media.recording.finalise as job;"
        "job.survey = lambda captures: bytearray(1 << 40);"
        "sys.exit(job.main([sys.argv[1], '--nice', '19', '--memory', str(1 << 29)]))"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (EXIT_MEMORY, "error: it needs more memory than it may have\n")
