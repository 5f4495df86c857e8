"""What an ACD tells: repeated, out of order, missing, unknown, forged; and what came of it, counted."""

from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from gateway.acd.tasks.figures import Durations, EventResult
from gateway.acd.tasks.ports import Answer, CallFailed
from gateway.base.errors import BadInput, NotSignedIn
from gateway.metrics.tasks import TaskGauges
from tests.support.clock import at_rest
from tests.support.task_rig import TaskRig, reserved


async def test_a_repeated_event_comes_to_nothing(rig: TaskRig) -> None:
    await rig.offer()
    await rig.tell("reserved", reservation="r1", event_id="same")
    await rig.tell("reserved", reservation="r1", event_id="same")
    assert rig.told == ["Reserved"]


async def test_numbered_events_are_told_in_their_order(rig: TaskRig) -> None:
    await rig.offer()
    await rig.tell("accepted", reservation="r1", seq=3)
    await rig.tell("reserved", reservation="r1", seq=2)
    assert rig.told == []
    await rig.tell("queued", place=1, seq=1)
    assert rig.told == ["Queued", "Reserved", "Accepted"]


async def test_a_missing_event_is_waited_for_and_then_done_without(rig: TaskRig) -> None:
    await rig.offer()
    await rig.tell("accepted", reservation="r1", agent="WK1", seq=2)
    assert rig.told == []
    await rig.clock.run(2)
    assert rig.told == ["Reserved*", "Accepted"]
    await rig.tell("reserved", reservation="r1", seq=1)
    assert rig.told[2:] == ["Unrecognised"]
    assert rig.events[-1].body.name == "late: reserved"  # type: ignore[union-attr]


async def test_the_clock_of_the_other_side_is_kept_and_never_used(rig: TaskRig) -> None:
    await rig.offer()
    await rig.tell("queued", place=1, occurred_at="1999-12-31T23:59:59Z")
    event = rig.events[0]
    assert event.occurred_at.year == 1999
    assert event.received_at == rig.clock.now()


async def test_what_no_rule_knows_is_kept_with_its_name_and_raw_form(rig: TaskRig) -> None:
    await rig.offer()
    await rig.tell("coffee_break", agent="WK1", novelty={"a": [1]})
    event = rig.events[0]
    assert rig.told == ["Unrecognised"]
    assert event.body.name == "coffee_break"  # type: ignore[union-attr]
    assert event.raw["novelty"] == '{"a": [1]}'


async def test_an_event_of_a_contact_nobody_knows_is_counted_and_harmless(rig: TaskRig) -> None:
    await rig.tell("reserved", contact_id="ct_elsewhere", reservation="r1")
    assert rig.told == []
    assert rig.acd.unknown == 1


@pytest.mark.parametrize(
    "forged",
    [
        {"secret": "another secret of 16 bytes"},
        {"headers": {}},
        {"headers": {"Visavis-Signature": "v1=00", "Visavis-Timestamp": "1"}},
    ],
)
async def test_a_forged_webhook_is_refused_before_it_is_read(rig: TaskRig, forged: dict[str, Any]) -> None:
    with pytest.raises(NotSignedIn):
        rig.receive(b"{ no json at all", **forged)


@pytest.mark.parametrize(
    "body",
    [
        b"{ no json",
        b"[" * 100 + b"]" * 100,
        b'{"event": 1}',
        b'{"event_id": "e", "event": "x", "contact_id": "ct_1", "seq": "-1"}',
        b"\xff",
    ],
)
async def test_a_signed_body_that_can_not_be_read_is_bad_input(rig: TaskRig, body: bytes) -> None:
    with pytest.raises(BadInput):
        rig.receive(body)


async def test_what_came_of_letters_and_events_is_counted(rig: TaskRig) -> None:
    rig.caller.answers += [CallFailed("timeout"), Answer(status=200, body=b"{}")]
    ref = await rig.offer()
    await rig.clock.run(5)
    await rig.tell("reserved", reservation="r1", event_id="same", seq=2)
    await rig.tell("reserved", reservation="r1", event_id="same", seq=2)
    await rig.clock.run(5)
    for event in ({"event": "offered", "seq": 1}, {"event": "danced"}, {"event": "queued", "contact_id": "ct_9"}):
        await rig.tell(**event)  # type: ignore[arg-type]
    await rig.tell("agent_state", contact_id="", agent="WK1", state="ready")
    with pytest.raises(BadInput):
        rig.receive(b"[")
    with pytest.raises(NotSignedIn):
        rig.receive({"event_id": "x"}, secret="another secret of the two")
    rig.caller.answers.append(Answer(status=409, body=b""))
    await rig.acd.accept(ref, reserved(rig).offer_id)
    await at_rest()
    figures = rig.acd.figures()
    assert (figures.tasks, figures.waiting, figures.sent, figures.failed, figures.dead) == (1, 0, 1, 1, 1)
    assert figures.is_open is False
    assert dict(figures.events) == {
        EventResult.TAKEN: 2,
        EventResult.REPEATED: 1,
        EventResult.LATE: 1,
        EventResult.UNKNOWN_EVENT: 1,
        EventResult.UNKNOWN_CONTACT: 1,
        EventResult.UNREADABLE: 1,
        EventResult.NOT_SIGNED: 1,
    }
    registry = CollectorRegistry()
    TaskGauges(registry, {"acd": rig.acd.figures})
    assert registry.get_sample_value("visavis_task_letters_total", {"acd": "acd", "result": "dead"}) == 1
    assert registry.get_sample_value("visavis_task_events_total", {"acd": "acd", "result": "late"}) == 1
    assert registry.get_sample_value("visavis_task_call_seconds_count", {"acd": "acd"}) == 3


def test_a_histogram_counts_what_was_no_longer_than_each_bound() -> None:
    calls = Durations()
    for seconds in (0.05, 0.3, 60.0):
        calls.add(seconds)
    assert [count for _, count in calls.buckets()] == [1, 1, 1, 2, 2, 2, 2, 2, 3]
