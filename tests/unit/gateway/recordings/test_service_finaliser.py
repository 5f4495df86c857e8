"""After the call: a finaliser that fails, hangs, tells how far it is, finds something missing or no room."""

import asyncio
from pathlib import Path

import pytest

from gateway.recordings.incomplete import what_is_missing
from gateway.recordings.jobs import FIRST_RETRY_S, LONGEST_RETRY_S, MAX_ATTEMPTS, JobState
from gateway.recordings.states import RecordingState
from tests.support.recording_rig import CONTACT, Node


@pytest.mark.parametrize(
    ("plan", "code", "attempts"),
    [
        ({"exit": 1}, "no_media", 1),
        ({"exit": 2}, "capture_unreadable", MAX_ATTEMPTS),
        ({"exit": 4}, "finalise_memory", MAX_ATTEMPTS),
        ({"exit": 9}, "finalise_failed", MAX_ATTEMPTS),
        ({"garbage": True}, "finalise_failed", MAX_ATTEMPTS),
    ],
)
async def test_a_finaliser_that_fails_is_tried_again_and_then_given_up_with_a_reason(
    node: Node, plan: dict[str, object], code: str, attempts: int
) -> None:
    node.media.plan = plan
    await node.talking()
    await node.service.stop(CONTACT, "over")
    await node.service.idle()
    for attempt in range(2, attempts + 1):
        assert node.row.state is RecordingState.ENDING
        (job,) = node.service.jobs.all()
        assert (job.state, job.attempts, job.code) == (JobState.RETRYING, attempt - 1, code)
        node.clock.advance(LONGEST_RETRY_S)
        await asyncio.sleep(0)
        await node.service.idle()
    assert (node.row.state, node.row.failure) == (RecordingState.FAILED, code)
    assert node.alarms == [code] * attempts
    assert node.service.jobs.all() == ()
    assert node.service.jobs.finished == {code: attempts}


async def test_a_finaliser_that_fails_once_makes_its_recording_at_the_second_try(node: Node) -> None:
    node.media.plan = {"exit": 9}
    await node.talking()
    await node.service.stop(CONTACT, "over")
    await node.service.idle()
    (node.store.folder(node.row.recording_id) / "plan.json").unlink()
    node.clock.advance(FIRST_RETRY_S)
    await asyncio.sleep(0)
    await node.service.idle()
    assert node.row.state is RecordingState.COMPLETE
    assert node.service.jobs.finished == {"finalise_failed": 1, "ok": 1}


async def test_a_finaliser_that_hangs_is_killed(tmp_path: Path) -> None:
    node = Node(tmp_path)
    await node.service.aclose()
    node.service = node.make(timeout_s=0.5)
    node.media.plan = {"hang": True}
    await node.talking()
    await node.service.stop(CONTACT, "over")
    async with asyncio.timeout(10):
        await node.service.idle()
    (job,) = node.service.jobs.all()
    assert job.code == "finalise_timeout"
    await node.service.aclose()


async def test_how_far_a_finaliser_is_can_be_seen(node: Node) -> None:
    node.media.plan = {"progress": ["progress 0\nprogress 17\n", "progr", "ess 42\nprogress x\n"], "hang": True}
    await node.talking()
    await node.service.stop(CONTACT, "over")
    await node.reaches(lambda: [job.progress for job in node.service.jobs.all()] == [0.42])
    (job,) = node.service.jobs.all()
    assert (job.recording_id, job.contact_id, job.state) == (node.row.recording_id, CONTACT, JobState.RUNNING)
    assert node.service.jobs.counts()[JobState.RUNNING] == 1


async def test_a_recording_that_lacks_something_is_an_alarm_that_says_what(node: Node) -> None:
    node.media.plan = {
        "tracks": [
            {"role": "customer", "kind": "audio", "incomplete": False, "missing_s": 0.4, "missing": []},
            {
                "role": "agent",
                "kind": "video",
                "incomplete": True,
                "missing_s": 75.04,
                "missing": [[3.0, 4.0, "network"], [59.6, 133.64, "media_process"]],
            },
        ]
    }
    await node.talking()
    await node.service.stop(CONTACT, "over")
    await node.service.idle()
    assert node.row.state is RecordingState.COMPLETE
    assert node.alarms == ["recording_incomplete"]
    assert what_is_missing(node.row.tracks) == (
        "agent video lacks 75.0 s, most of it from 1:00 to 2:14 (media_process)"
    )


@pytest.mark.parametrize(("code", "exit_code"), [("disk_full", 3), ("disk_error", 5)])
async def test_results_that_cannot_be_written_are_tried_again_at_the_next_start(
    node: Node, code: str, exit_code: int
) -> None:
    node.media.plan = {"exit": exit_code}
    await node.talking()
    await node.service.stop(CONTACT, "over")
    await node.service.idle()
    assert node.row.state is RecordingState.ENDING
    assert node.alarms == [code]
    (node.store.folder(node.row.recording_id) / "plan.json").unlink()
    assert await node.service.recover() == 1
    await node.service.idle()
    assert node.row.state is RecordingState.COMPLETE


@pytest.mark.parametrize(("code", "exit_code"), [("disk_full", 3), ("disk_error", 5)])
async def test_results_that_cannot_be_written_are_tried_again_until_they_can(
    node: Node, code: str, exit_code: int
) -> None:
    """A disk that was full has room again some day: nobody should have to restart the gateway for that."""
    node.media.plan = {"exit": exit_code}
    await node.talking()
    await node.service.stop(CONTACT, "over")
    await node.service.idle()  # the next try is no job yet: a drain does not wait for it
    for _ in range(MAX_ATTEMPTS + 1):
        node.clock.advance(LONGEST_RETRY_S)
        await asyncio.sleep(0)
        await node.service.idle()
        assert node.row.state is RecordingState.ENDING
    (node.store.folder(node.row.recording_id) / "plan.json").unlink()
    node.clock.advance(LONGEST_RETRY_S)
    await asyncio.sleep(0)
    await node.service.idle()
    assert node.row.state is RecordingState.COMPLETE
    assert node.alarms == [code] * (MAX_ATTEMPTS + 2)
