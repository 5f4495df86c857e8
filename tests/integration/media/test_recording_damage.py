"""Captures cut, killed and changed: what can be read of them plays, and the check finds the rest."""

import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from media.recording import format as fmt
from media.recording.check import EXIT_NOT_OK, EXIT_OK, EXIT_UNREADABLE, check_recording
from media.recording.finalise import finalise
from media.recording.manifest import FILE_NAME as MANIFEST
from tests.support.captures import side, write_capture


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
