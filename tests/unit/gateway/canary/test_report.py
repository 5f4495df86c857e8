"""When a robot call is called good."""

import pytest

from gateway.canary.media import Counts
from gateway.canary.report import (
    CallReport,
    CanaryReport,
    RecordingReport,
    flawed_recording,
    missing_media,
    percentile,
    print_summary,
)

SENT = Counts(sent_video_frames=150, sent_audio_packets=500)


def test_all_that_was_sent_is_enough() -> None:
    assert missing_media("agent", Counts(video_frames=150, audio_packets=500), SENT) is None


def test_what_is_on_its_way_at_the_edges_is_forgiven() -> None:
    assert missing_media("agent", Counts(video_frames=137, audio_packets=470), SENT) is None


@pytest.mark.parametrize(
    ("received", "words"),
    [
        (Counts(video_frames=136, audio_packets=500), "136 of 150 video frames"),
        (Counts(video_frames=150, audio_packets=469), "469 of 500 audio packets"),
    ],
)
def test_less_than_the_share_is_a_failure(received: Counts, words: str) -> None:
    assert words in (missing_media("agent", received, SENT) or "")


def test_a_side_that_sent_nothing_proves_nothing() -> None:
    assert missing_media("customer", Counts(), Counts()) == "no video frames were sent to the customer"


@pytest.mark.parametrize(
    ("tracks", "completeness", "good"), [(4, 0.99, True), (3, 1.0, False), (4, 0.989, False), (4, 1.0, True)]
)
def test_a_recording_needs_four_tracks_and_to_be_complete(tracks: int, completeness: float, good: bool) -> None:
    recording = RecordingReport(tracks=tracks, duration_s=10.0, completeness=completeness, sha256="")
    assert (flawed_recording(recording) is None) is good


@pytest.mark.parametrize(("tracks", "good"), [(5, True), (4, False)])
def test_where_a_telephone_speaks_its_voice_is_a_fifth_track(tracks: int, good: bool) -> None:
    recording = RecordingReport(tracks=tracks, duration_s=10.0, completeness=1.0, sha256="")
    assert (flawed_recording(recording, telephone=True) is None) is good


def test_percentiles_are_of_the_nearest_rank() -> None:
    values = [float(value) for value in range(1, 101)]
    assert (percentile(values, 0.5), percentile(values, 0.95), percentile([], 0.95)) == (50.0, 95.0, 0.0)


def test_the_summary_says_which_call_failed_and_why() -> None:
    lines: list[str] = []
    report = CanaryReport(ok=False, calls=[CallReport(contact_id="ct_1", error="menu did not happen within 20 s")])
    print_summary(report, lines.append)
    assert "ct_1: menu did not happen within 20 s" in lines
    assert lines[-1] == "0 of 1 calls went well"
