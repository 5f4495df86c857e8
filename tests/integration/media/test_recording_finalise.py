"""From captured packets to a file that plays: real encodes, every kind of trouble, and the result decoded again."""

from pathlib import Path

from media.recording.finalise import finalise
from tests.support import captures
from tests.support.captures import decode, side, write_capture


def by_name(path: Path) -> dict[str, captures.Decoded]:
    return {track.name: track for track in decode(path)}


def test_a_call_becomes_four_named_tracks_in_order(tmp_path: Path) -> None:
    events = [*side("customer", 6.0), *side("agent", 6.0)]
    write_capture(tmp_path, events)
    result = finalise(tmp_path)
    assert result["file"] == "recording.webm"
    tracks = decode(tmp_path / "recording.webm")
    assert [track.name for track in tracks] == ["customer audio", "customer video", "agent audio", "agent video"]
    assert [len(track.frames) for track in tracks if "video" in track.name] == [90, 90]
    assert result["completeness"] >= 0.999
    assert not result["truncated"]
