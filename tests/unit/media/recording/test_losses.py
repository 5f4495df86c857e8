"""What a track lacks, from when to when, and why."""

from media.recording.coverage import START_GRACE_S
from media.recording.losses import MAX_LISTED, Cause, missing


def test_each_piece_has_the_cause_that_covers_most_of_it() -> None:
    causes = [Cause(9.0, 12.0, "media_process"), Cause(11.9, 40.0, "disk_slow"), Cause(50.0, float("inf"), "disk_full")]
    found = missing([(0.0, 60.0)], [(0.0, 10.0), (12.0, 20.0), (25.0, 30.0), (30.5, 50.0)], causes)
    assert found.listed == [
        (10.0, 12.0, "media_process"),
        (20.0, 25.0, "disk_slow"),
        (30.0, 30.5, "disk_slow"),
        (50.0, 60.0, "disk_full"),
    ]
    assert found.total_s == 17.5
    assert found.incomplete


def test_without_a_cause_it_was_the_network_or_never_came() -> None:
    assert missing([(0.0, 10.0)], [(0.0, 4.0), (5.0, 10.0)], []).listed == [(4.0, 5.0, "network")]
    assert missing([(0.0, 10.0)], [], []).listed == [(0.0, 10.0, "never_came")]


def test_two_seconds_or_two_percent_are_too_much() -> None:
    whole = [(0.0, 1000.0)]
    assert not missing(whole, [(0.0, 500.0), (501.9, 1000.0)], []).incomplete
    assert missing(whole, [(0.0, 500.0), (502.1, 1000.0)], []).incomplete
    assert missing([(0.0, 10.0)], [(0.0, 5.0), (5.3, 10.0)], []).incomplete
    assert not missing([(0.0, 10.0)], [(0.0, 5.0), (5.15, 10.0)], []).incomplete


def test_only_the_longest_are_listed_and_all_are_counted() -> None:
    covered = [(float(second), second + 0.8) for second in range(200)]
    found = missing([(0.0, 199.8)], covered, [])
    assert len(found.listed) == MAX_LISTED
    assert round(found.total_s, 1) == 39.8


def test_what_is_expected_and_there_lacks_nothing() -> None:
    found = missing([(0.0, 10.0)], [(1.0, 9.8)], [])  # the grace of a beginning and an end
    assert (found.total_s, found.listed, found.incomplete) == (0.0, [], False)


def test_a_call_that_was_over_before_a_first_picture_was_due_lacks_none() -> None:
    assert missing([(0.0, START_GRACE_S)], [], []).total_s == 0.0
    assert missing([(0.0, START_GRACE_S + 0.1)], [], []).incomplete
    assert missing([(0.0, 1.0), (5.0, 9.0)], [(5.0, 9.0)], []).total_s == 0.0
    assert missing([(0.0, 1.0), (5.0, 9.0)], [(0.5, 1.0)], []).incomplete
