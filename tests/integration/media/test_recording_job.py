"""The finaliser as a command, and what the file it makes says of itself."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from media.recording import format as fmt
from media.recording.check import EXIT_OK, check_recording
from media.recording.expected import FILE_NAME as EXPECTED
from media.recording.finalise import (
    EXIT_DISK_ERROR,
    EXIT_DISK_FULL,
    EXIT_EMPTY,
    EXIT_FAILED,
    EXIT_MEMORY,
    finalise,
    main,
)
from media.recording.finalise import EXIT_UNREADABLE as NO_CAPTURE
from tests.integration.media.finalise_rig import by_name, expect
from tests.support.captures import START_S, Sender, Stream, mark, side, video, write_capture

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
    assert done.returncode == EXIT_DISK_FULL
    assert len(done.stderr.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == [fmt.FILE_NAME]
    assert finalise(tmp_path)["file"] == "recording.webm"


@pytest.mark.parametrize(
    ("number", "exit_code", "hint"),
    [
        (errno.ENOSPC, EXIT_DISK_FULL, "make room"),
        (errno.EDQUOT, EXIT_DISK_FULL, "make room"),
        (errno.EROFS, EXIT_DISK_ERROR, "for writing"),
        (errno.EACCES, EXIT_DISK_ERROR, "user"),
        (errno.EPERM, EXIT_DISK_ERROR, "user"),
        (errno.EIO, EXIT_DISK_ERROR, "kernel"),
        (errno.ENOENT, EXIT_DISK_ERROR, "moved"),
        (errno.ESTALE, EXIT_DISK_ERROR, "recordings"),
        (errno.ENOMEM, EXIT_MEMORY, "memory"),
    ],
)
def test_what_the_disk_refuses_is_named_with_what_to_do(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    number: int,
    exit_code: int,
    hint: str,
) -> None:
    def refuse(file: int) -> None:
        raise OSError(number, os.strerror(number), str(tmp_path / "recording.part"))

    write_capture(tmp_path, side("customer", 1.0))
    with monkeypatch.context() as disk:
        disk.setattr("media.recording.finalise.os.fsync", refuse)
        assert main([str(tmp_path)]) == exit_code
    (line,) = capsys.readouterr().err.splitlines()
    assert os.strerror(number) in line
    assert hint in line.lower()
    assert str(tmp_path) not in line, "the board shows it"
    assert [path.name for path in tmp_path.iterdir()] == [fmt.FILE_NAME]


def test_tracks_that_are_too_many_for_a_file_are_no_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_capture(tmp_path, side("customer", 1.0))
    monkeypatch.setattr("media.recording.matroska.HEAD_BYTES", 64)
    assert main([str(tmp_path)]) == EXIT_FAILED
    assert "too large" in capsys.readouterr().err


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
