"""Several captures of one recording are read as one, on the wall clock of the media host."""

from pathlib import Path

import pytest

from media.recording import format as fmt
from media.recording.captures import Captures, capture_files, ending_of
from media.recording.reader import Ending

TRACK = fmt.TrackOpened(0, 1.0, "customer", "audio", "OPUS", 48000, 7, "lg_1")


def packet(at_s: float) -> fmt.RtpCaptured:
    return fmt.RtpCaptured(0, at_s, bytes(12))


def write(folder: Path, number: int, *records: bytes, recording_id: str = "rc_test") -> None:
    salt = number * 1000
    encoded = b"".join(records)
    (folder / fmt.capture_name(number)).write_bytes(fmt.encode_header(recording_id, salt) + encoded)


def capture(folder: Path, number: int, times: list[float], *, ended: bool = True) -> None:
    salt = number * 1000
    records = [fmt.encode_track(TRACK, salt), *(fmt.encode_rtp(packet(at_s), salt) for at_s in times)]
    write(folder, number, *records, *([fmt.encode_end(fmt.CaptureEnded(times[-1], 1), salt)] if ended else []))


def times_of(captures: Captures) -> list[tuple[int, float]]:
    return [(index, record.at_s) for index, record in captures.records() if isinstance(record, fmt.RtpCaptured)]


def test_captures_are_joined_by_their_times(tmp_path: Path) -> None:
    capture(tmp_path, 1, [1.0, 2.0, 5.0], ended=False)
    capture(tmp_path, 2, [4.0, 6.0])  # the first process was not quite dead yet
    captures = Captures(tmp_path)
    assert times_of(captures) == [(0, 1.0), (0, 2.0), (1, 4.0), (0, 5.0), (1, 6.0)]
    assert [(part.file, part.ending, part.packets, part.last_at_s) for part in captures.parts] == [
        ("capture.vvc", Ending.CUT, 3, 5.0),
        ("capture-2.vvc", Ending.CLEAN, 2, 6.0),
    ]
    assert ending_of(captures.parts) is Ending.CLEAN


def test_a_record_dated_back_stays_behind_what_was_written_before_it(tmp_path: Path) -> None:
    """The wall clock was set back in the middle: within a capture the order of writing is the truth."""
    capture(tmp_path, 1, [10.0, 3.0, 11.0])
    capture(tmp_path, 2, [12.0])
    assert times_of(Captures(tmp_path)) == [(0, 10.0), (0, 3.0), (0, 11.0), (1, 12.0)]


def test_the_same_track_number_in_two_captures_is_two_tracks(tmp_path: Path) -> None:
    capture(tmp_path, 1, [1.0])
    capture(tmp_path, 2, [2.0])
    tracks = {record.track for _, record in Captures(tmp_path).records() if isinstance(record, fmt.TrackOpened)}
    packets = {record.track for _, record in Captures(tmp_path).records() if isinstance(record, fmt.RtpCaptured)}
    assert len(tracks) == 2
    assert tracks == packets


def test_a_capture_that_cannot_be_read_does_not_hide_the_others(tmp_path: Path) -> None:
    capture(tmp_path, 1, [1.0])
    (tmp_path / fmt.capture_name(2)).write_bytes(b"")  # the machine went down before its header was on disk
    write(tmp_path, 3, recording_id="rc_other")
    capture(tmp_path, 4, [4.0])
    (tmp_path / fmt.capture_name(5)).symlink_to(tmp_path / fmt.FILE_NAME)
    captures = Captures(tmp_path)
    assert times_of(captures) == [(0, 1.0), (1, 4.0)]
    assert [part.file for part in captures.parts] == ["capture.vvc", "capture-4.vvc"]


def test_a_folder_without_a_readable_capture_is_damaged(tmp_path: Path) -> None:
    for content in (None, b"", b"something else"):
        if content is not None:
            (tmp_path / fmt.FILE_NAME).write_bytes(content)
        with pytest.raises(fmt.CaptureDamaged):
            Captures(tmp_path)
    assert [path.name for path in capture_files(tmp_path)] == [fmt.FILE_NAME]
