"""The soak's judge finds what was promised and not kept; what was kept it lets pass."""

from typing import Any

import pytest

from tests.bench.soak.judge import judge_contact, judge_gaps, judge_offers
from tests.bench.soak.record import Call, Fault, Gap, Log, OfferSeen
from tests.bench.soak.report import judge_vitals
from tests.bench.soak.watch import Vitals

RECORDING = {"state": "complete", "duration_s": 60.0, "completeness": 1.0, "truncated": None}


def contact(states: list[str], **fields: Any) -> dict[str, Any]:
    journal = [{"seq": number + 1, "state": state} for number, state in enumerate(states)]
    return {
        "state": states[-1],
        "end_reason": "completed",
        "talk_s": 60.0,
        "recording": dict(RECORDING),
        "journal": journal,
    } | fields


def call(contact: dict[str, Any], *faults: Fault) -> Call:
    made = Call(1, "good", 60.0, contact_id="ct_1", began_s=100.0, active_s=110.0, ended_s=170.0)
    made.contact, made.faults, made.agent_networks = contact, list(faults), {"good"}
    return made


def broken(log: Log) -> list[str]:
    return [each.what for each in log.violations]


WHOLE = ["initiated", "queued", "active", "wrap_up", "closed"]


def test_a_call_that_went_well_breaks_no_promise() -> None:
    log = Log()
    judge_contact(log, call(contact(WHOLE)))
    assert broken(log) == []


@pytest.mark.parametrize(
    ("found", "promise"),
    [
        (contact(WHOLE[:3]), "no contact stays open"),
        (contact([*WHOLE, "active", "closed"]), "every contact is closed exactly once"),
        (contact(WHOLE, end_reason="failed"), "calls end as people end them"),
        (contact(WHOLE, talk_s=90.0), "a recording is as long as the call"),
        (contact(WHOLE, recording=RECORDING | {"completeness": 0.5}), "a recording is complete"),
        (contact(WHOLE, recording=RECORDING | {"state": "failed"}), "every call without a disk fault is recorded"),
        (
            contact(WHOLE) | {"journal": [{"seq": 1, "state": "closed"}, {"seq": 3, "state": ""}]},
            "the journal has no holes",
        ),
    ],
)
def test_each_broken_promise_is_found(found: dict[str, Any], promise: str) -> None:
    log = Log()
    judge_contact(log, call(found))
    assert promise in broken(log)


def test_a_full_disk_excuses_a_truncated_recording_that_says_why_and_no_other() -> None:
    for reason, expected in (("disk_full", []), ("", ["a truncated recording says why"])):
        log = Log(faults=[Fault("disk_full", 120.0, 140.0)])
        recording = RECORDING | {"truncated": reason}
        judge_contact(log, call(contact(WHOLE, recording=recording)))
        assert broken(log) == expected


def test_silence_of_somebody_nothing_was_done_to_is_found() -> None:
    log = Log()
    log.calls.append(call(contact(WHOLE)))
    log.calls[0].gaps.append(Gap("agent", 120.0, 124.0))
    assert judge_gaps(log) == {}
    assert broken(log) == ["who nothing was done to hears all the time"]


def test_a_killed_worker_has_eight_seconds_and_a_cut_is_timed_from_its_end() -> None:
    killed, cut = Fault("worker_killed", 120.0, 120.0), Fault("cut", 130.0, 150.0)
    log = Log()
    log.calls.append(call(contact(WHOLE), killed, cut))
    log.calls[0].gaps += [Gap("agent", 120.0, 129.0, killed), Gap("customer", 130.0, 152.5, cut)]
    assert judge_gaps(log) == {"worker_killed": [9.0], "cut": [2.5]}
    assert broken(log) == ["who was hit is back in time"]


def test_a_silence_that_begins_after_somebody_was_heard_again_is_no_part_of_the_way_back() -> None:
    killed = Fault("worker_killed", 120.0, 120.0)
    log = Log()
    seen = call(contact(WHOLE), killed)
    seen.gaps = [
        Gap("agent", 120.0, 121.0, killed),
        Gap("agent", 135.0, 135.8, killed),
        Gap("agent", 136.0, 138.0, killed),
    ]
    log.calls.append(seen)
    assert judge_gaps(log) == {"worker_killed": [1.0]}
    assert broken(log) == ["who nothing was done to hears all the time"]


def test_two_agents_with_the_same_offer_at_the_same_time_are_found() -> None:
    log = Log(offers=[OfferSeen("ct_1", "of_1", 1, 10.0, 12.0), OfferSeen("ct_1", "of_2", 2, 12.0, 14.0)])
    judge_offers(log)
    assert broken(log) == []
    log.offers[1].from_s = 11.0
    judge_offers(log)
    assert broken(log) == ["one offer at a time"]


def test_growth_between_the_last_two_thirds_is_found() -> None:
    flat = [100.0] * 30
    log = Log()
    vitals = Vitals(
        at_s=[float(n) for n in range(30)], memory_mb=flat, descriptors=flat, tasks=[*flat[:20], *[120.0] * 10]
    )
    judge_vitals(log, vitals)
    assert [each.detail for each in log.violations] == ["tasks: 100, then 120"]
