"""A finished recording made into one picture and one sound for people."""

import json
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest

from media.recording.compose import FILE_NAME, FRAMES_PER_S, POSTER_NAME, compose, main
from media.recording.finalise import EXIT_EMPTY, EXIT_UNREADABLE, finalise
from tests.support.captures import START_S, Sender, Stream, decode, mark, side, video, write_capture

LEFT, RIGHT = np.s_[200:500, 100:540], np.s_[200:500, 740:1180]


def recorded(folder: Path, *, screen: bool = False) -> None:
    """7 s: on hold from 2 to 3, paused from 4 to 5; the agent half a second behind, and a screen at the end."""
    events = [*side("customer", 7.0), *side("agent", 6.0, sender=Sender(starts_s=0.5))]
    if screen:
        shared = Stream("agent", "screen", "VP8", 77, "agent", Sender(starts_s=5.4))
        events += shared.events(video("VP8", 1.0, size=(320, 180), halves=True))
    events = [item for item in events if not START_S + 4 <= item.at_s <= START_S + 5]
    marks = [("hold", 2.0), ("retrieve", 3.0), ("pause", 4.0), ("resume", 5.0)]
    write_capture(folder, [*events, *(mark(name, START_S + at_s) for name, at_s in marks)])
    finalise(folder)


def pictures(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]


def rises(values: list[float], threshold: float) -> list[float]:
    above = [value > threshold for value in values]
    return [at / FRAMES_PER_S for at in range(1, len(above)) if above[at] and not above[at - 1]]


def test_both_sides_are_beside_each_other_in_time_with_their_mixed_sound(tmp_path: Path) -> None:
    recorded(tmp_path)
    result = compose(tmp_path, {"customer": "Zoë", "agent": "Bob"})
    assert (result["file"], result["container"]) == (FILE_NAME, "webm")
    frames = pictures(tmp_path / FILE_NAME)
    assert len(frames) == pytest.approx(7 * FRAMES_PER_S, abs=2)
    left = rises([float(frame[LEFT].mean()) for frame in frames], 120)
    right = rises([float(frame[RIGHT].mean()) for frame in frames], 120)
    assert left == pytest.approx([1, 2, 3, 5, 6], abs=0.07)
    assert right == pytest.approx([0.5, 1.5, 2.5, 3.5, 5.5], abs=0.07)
    paused = frames[round(4.5 * FRAMES_PER_S)]
    assert paused[LEFT].mean() < 25  # black, and the notice in its middle
    assert paused[330:390, 400:880].max() > 200
    assert frames[round(2.5 * FRAMES_PER_S)][20:60, 500:780].max() > 200  # "On hold"
    assert frames[round(3.5 * FRAMES_PER_S)][20:60, 500:780].max() < 200
    (sound,) = [track for track in decode(tmp_path / FILE_NAME) if track.codec == "opus"]
    assert sound.onsets(0.02) == pytest.approx([0.5, 1, 1.5, 2, 2.5, 3, 3.5, 5, 5.5, 6], abs=0.04)


def test_a_shared_screen_is_the_large_picture(tmp_path: Path) -> None:
    recorded(tmp_path, screen=True)
    compose(tmp_path, {})
    with av.open(str(tmp_path / FILE_NAME)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    shared = frames[round(6.0 * FRAMES_PER_S)]
    assert shared[200, 480, 0] > 180  # red above, blue below, over three quarters of the width
    assert shared[520, 480, 2] > 180
    assert frames[round(3.5 * FRAMES_PER_S)][200, 480, 0] < 120


def test_the_file_seeks_and_says_what_it_is(tmp_path: Path) -> None:
    recorded(tmp_path)
    options = ["--progress", "--nice", "5", "--memory", "1500000000", "--customer", "Zoë", "--agent", "田中"]
    done = subprocess.run(
        [sys.executable, "-m", "media.recording.compose", str(tmp_path), *options],
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    *told, answer = done.stdout.splitlines()
    assert [line.split()[0] for line in told] == ["progress"] * len(told)
    assert len(told) >= 5
    assert json.loads(answer)["poster"] == POSTER_NAME
    probe = subprocess.run(
        ["ffprobe", "-v", "error", "-show_chapters", "-show_format", "-of", "json", str(tmp_path / FILE_NAME)],
        capture_output=True,
        timeout=60,
        check=True,
    )
    said = json.loads(probe.stdout)
    assert len(said["chapters"]) == 5
    assert float(said["format"]["duration"]) == pytest.approx(7.0, abs=0.2)
    with av.open(str(tmp_path / FILE_NAME)) as container:
        container.seek(5_500_000)
        assert float(next(container.decode(video=0)).time) == pytest.approx(5.0, abs=0.5)
    with av.open(str(tmp_path / POSTER_NAME)) as container:
        picture = next(container.decode(video=0))
    assert (picture.width, picture.height) == (640, 360)
    assert not list(tmp_path.glob("*.part"))


def test_a_recording_without_anything_to_see_is_composed_of_names_and_sound(tmp_path: Path) -> None:
    write_capture(tmp_path, list(side("customer", 2.0)))
    finalise(tmp_path)
    assert main([str(tmp_path), "--poster"]) == 0
    assert (tmp_path / POSTER_NAME).stat().st_size > 1000


def test_what_is_not_finished_or_empty_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == EXIT_UNREADABLE
    write_capture(tmp_path, [mark("consent", START_S)])
    finalise(tmp_path)
    assert main([str(tmp_path)]) == EXIT_EMPTY
    assert len(capsys.readouterr().err.splitlines()) == 2
    assert not (tmp_path / FILE_NAME).exists()
