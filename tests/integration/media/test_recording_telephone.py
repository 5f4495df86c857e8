"""The voice on the telephone in a finished recording: its track, the agent's copy, the mix, and what it lacks."""

from collections.abc import Callable
from pathlib import Path

import pytest

from media.recording import format as fmt
from media.recording.check import check_recording
from media.recording.compose import FILE_NAME as TOGETHER
from media.recording.compose import compose
from media.recording.finalise import finalise
from tests.integration.media.test_recording_finalise import LOUD, by_name, expect, report
from tests.support.captures import START_S, Event, Sender, Stream, audio, decode, event, side, video, write_capture


def phone(
    duration_s: float,
    *,
    starts_s: float = 0.0,
    leg: str = "lg_phone",
    role: str = "telephone",
    keep: Callable[[float], bool] = lambda media_s: True,
    delay_s: Callable[[int], float] = lambda index: 0.03,
    lose: Callable[[int], bool] = lambda index: False,
) -> list[Event]:
    """As the engine writes it: made on this machine, no sender reports, and numbers that go on over a silence."""
    sender = Sender(starts_s=starts_s, delay_s=delay_s)
    stream = Stream(role, "audio", "OPUS", 0x3000 + len(leg), leg, sender, reports_every_s=None)
    return list(stream.events(audio(duration_s), keep=keep, lose=lose))


def camera(duration_s: float) -> list[Event]:
    """An agent in call mode: the panel sends pictures and no sound."""
    return list(Stream("agent", "video", "VP8", 0x2005, "agent").events(video("VP8", duration_s)))


def test_the_telephone_is_a_track_of_its_own_the_agents_sound_to_watch_and_in_the_mix(tmp_path: Path) -> None:
    write_capture(tmp_path, [*side("customer", 5.0), *camera(5.0), *phone(4.4, starts_s=0.5)])
    result = finalise(tmp_path)
    whole = decode(tmp_path / "recording.webm")
    assert [track.name for track in whole] == ["customer audio", "customer video", "agent video", "telephone audio"]
    assert whole[-1].onsets(LOUD) == pytest.approx([1.5, 2.5, 3.5, 4.5], abs=0.06)
    copy = by_name(tmp_path / "agent.webm")
    assert set(copy) == {"telephone audio", "agent video"}
    assert copy["telephone audio"].onsets(LOUD) == pytest.approx([0.5, 1.5, 2.5, 3.5, 4.5], abs=0.06)
    assert set(by_name(tmp_path / "customer.webm")) == {"customer audio", "customer video"}
    assert (result["completeness"], result["chapters"]) == (pytest.approx(1.0, abs=0.01), [])
    checked = check_recording(tmp_path)
    assert (checked.ok, checked.problems) == (True, [])

    compose(tmp_path, {})
    (sound,) = [track for track in decode(tmp_path / TOGETHER) if track.codec == "opus"]
    assert sound.onsets(LOUD) == pytest.approx([0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5], abs=0.04)


def test_a_browser_that_sends_the_agents_sound_too_is_not_mixed_into_the_viewing_copy(tmp_path: Path) -> None:
    """Until the telephone speaks it is the only voice there is: an agent before, at an ACD whose sound is ours."""
    write_capture(tmp_path, [*side("customer", 6.0), *side("agent", 6.0), *phone(3.4, starts_s=2.5)])
    finalise(tmp_path)
    whole = by_name(tmp_path / "recording.webm")
    assert whole["agent audio"].onsets(LOUD) == pytest.approx([1, 2, 3, 4, 5], abs=0.06)
    (heard,) = (track for name, track in by_name(tmp_path / "agent.webm").items() if "audio" in name)
    assert heard.onsets(LOUD) == pytest.approx([1, 2, 2.5, 3.5, 4.5, 5.5], abs=0.06)


def test_another_call_goes_on_on_the_same_track_and_is_no_chapter(tmp_path: Path) -> None:
    write_capture(tmp_path, [*side("customer", 6.0), *phone(2.5), *phone(2.5, starts_s=3.3, leg="lg_phone02")])
    result = finalise(tmp_path)
    heard = by_name(tmp_path / "recording.webm")["telephone audio"].onsets(LOUD)
    assert heard == pytest.approx([1, 2, 3.3, 4.3, 5.3], abs=0.06)
    assert result["chapters"] == []
    assert set(by_name(tmp_path / "agent.webm")) == {"telephone audio"}


# ---------------------------------------------------------------- when it was said


def test_what_a_trunk_loses_does_not_move_the_rest_away_from_the_picture(tmp_path: Path) -> None:
    """The line's clock counts the sound that came. Of 5 % loss a minute would be 3 s too early at its end."""
    lost = phone(16.0, delay_s=lambda index: 0.03 + 0.02 * (index // 20))
    write_capture(tmp_path, [*side("customer", 17.0), *lost])
    finalise(tmp_path)
    heard = by_name(tmp_path / "recording.webm")["telephone audio"].onsets(LOUD)
    assert heard == pytest.approx([second + 0.02 * (second * 50 // 20) for second in range(1, 16)], abs=0.12)


def test_a_process_that_was_held_up_writes_late_and_is_placed_where_it_was_said(tmp_path: Path) -> None:
    """0.3 s in each second: what waited comes at once."""
    late = phone(8.0, delay_s=lambda index: 0.03 + max(0.0, 0.3 - 0.02 * (index % 50)))
    write_capture(tmp_path, [*side("customer", 8.0), *late])
    result = finalise(tmp_path)
    heard = by_name(tmp_path / "recording.webm")["telephone audio"].onsets(LOUD)
    assert heard == pytest.approx(list(range(1, 8)), abs=0.06)
    assert report(result, "telephone", "audio")["gaps"] == []


# ---------------------------------------------------------------- what it lacks


@pytest.mark.parametrize(("role", "incomplete"), [("telephone", False), ("agent", True)])
def test_a_telephone_that_says_nothing_lacks_nothing(tmp_path: Path, role: str, incomplete: bool) -> None:
    """On hold without music, muted, a line that sends no silence: at the end of the call too. A browser tells of it."""
    quiet = phone(9.0, role=role, keep=lambda media_s: not (2 <= media_s < 3 or media_s >= 5))
    write_capture(tmp_path, [*side("customer", 9.0), *quiet])
    expect(tmp_path, (role, "audio", [[START_S, START_S + 9]]))
    found = report(finalise(tmp_path), role, "audio")
    assert found["incomplete"] is incomplete
    assert found["completeness"] == pytest.approx(5 / 9 if incomplete else 1.0, abs=0.01)
    assert found["gaps"] == [[pytest.approx(2.0, abs=0.1), pytest.approx(3.0, abs=0.1)]]


def test_what_a_slow_disk_or_a_full_one_cost_is_missing_of_the_telephone_too(tmp_path: Path) -> None:
    said = phone(7.0, lose=lambda index: 150 <= index < 300)
    slow = [item for item in [*side("customer", 7.0), *said] if not START_S + 3 <= item.at_s < START_S + 6]
    dropped = event(START_S + 6, fmt.encode_dropped(fmt.PacketsDropped(START_S + 6, 600)))
    write_capture(tmp_path, [*slow, dropped])
    expect(tmp_path, ("telephone", "audio", [[START_S, START_S + 10]]), reason="disk_full")
    found = report(finalise(tmp_path), "telephone", "audio")
    assert found["missing"] == [
        [pytest.approx(3.0, abs=0.1), pytest.approx(6.0, abs=0.1), "disk_slow"],
        [pytest.approx(7.0, abs=0.1), pytest.approx(10.0, abs=0.1), "disk_full"],
    ]
    assert found["incomplete"]


def test_a_telephone_of_which_nothing_came_is_missed(tmp_path: Path) -> None:
    write_capture(tmp_path, side("customer", 4.0))
    expect(tmp_path, ("telephone", "audio", [[START_S, START_S + 4]]))
    found = report(finalise(tmp_path), "telephone", "audio")
    assert (found["completeness"], found["incomplete"]) == (0.0, True)
    assert found["missing"] == [[pytest.approx(0, abs=0.1), pytest.approx(4, abs=0.1), "never_came"]]
