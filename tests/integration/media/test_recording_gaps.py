"""What a finished recording lacks, and says that it lacks: pauses, holds, what never came, what died with a process."""

from pathlib import Path

import pytest

from media.recording import format as fmt
from media.recording.check import check_recording
from media.recording.expected import FILE_NAME as EXPECTED
from media.recording.finalise import finalise
from tests.integration.media.finalise_rig import LOUD, by_name, died_and_went_on, expect, report
from tests.support import captures
from tests.support.captures import START_S, Sender, decode, mark, side, write_capture

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


# ---------------------------------------------------------------- what the file says of it


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
