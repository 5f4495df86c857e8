"""The rules of the kit have teeth: a log that breaks one is told by the name of that rule."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from gateway.acd.events import (
    RAW_LIMIT_BYTES,
    Accepted,
    AcdEvent,
    AcdEventBody,
    AcdRef,
    Connected,
    Ended,
    ExitReason,
    NoAnswer,
    Party,
    Queued,
    QueueExit,
    Rejected,
    RejectReason,
    Reserved,
    Unrecognised,
    WrapUpDone,
    WrapUpStarted,
)
from gateway.acd.kit.invariants import flaws
from gateway.acd.kit.log import Asked, Entry, Said
from gateway.acd.port import AcdCapabilities, AcdMode
from gateway.base.ids import ContactId, OfferId
from tests.support.fake_acd import NOON

ONE, ANNAS, BENS = ContactId("ct_one"), OfferId("of_anna"), OfferId("of_ben")
PLAIN = AcdCapabilities(
    mode=AcdMode.TASK, gives_position=False, gives_estimate=False, keeps_deadlines=True, max_attribute_bytes=None
)
ENDED = Ended(by=Party.AGENT)
EXIT = QueueExit(reason=ExitReason.TIMEOUT)


def reserved(offer_id: OfferId = ANNAS) -> Reserved:
    return Reserved(offer_id=offer_id, agent_id=None)


def asked(command: str, offer_id: OfferId | None = None) -> list[Entry]:
    given = Asked(0.0, command, ONE, "", offer_id)
    return [given, replace(given, returned=True)]


def log(*steps: AcdEventBody | list[Entry]) -> list[Entry]:
    """A log that begins with an offer; events get the numbers, ids and attempts they must have."""
    entries: list[Entry] = [*asked("offer")]
    seq, rung = 0, 0
    for step in steps:
        if isinstance(step, list):
            entries += step
            continue
        seq += 1
        rung += isinstance(step, Reserved)
        event = AcdEvent(
            event_id=f"ev_{seq}",
            contact_id=ONE,
            acd_ref=AcdRef("r1"),
            seq=seq,
            occurred_at=NOON,
            received_at=NOON,
            source="test",
            body=step,
            queue="sales",
            attempt=rung,
        )
        entries.append(Said(float(seq), 1, event))
    return entries


def rules(entries: list[Entry], said: Mapping[str, int] | None = None, can: AcdCapabilities = PLAIN) -> list[str]:
    return sorted({flaw.rule for flaw in flaws(entries, can, lambda _: said)})


GOOD = [
    log(Queued(place=None), reserved(), asked("accept", ANNAS), ENDED, asked("complete_wrap_up")),
    log(reserved(), Rejected(offer_id=ANNAS, reason=RejectReason.BUSY), reserved(BENS), NoAnswer(offer_id=BENS)),
    log(
        reserved(), Accepted(offer_id=ANNAS), Connected(), ENDED, WrapUpStarted(), WrapUpDone(), Unrecognised(name="x")
    ),
    log(reserved(), asked("decline", ANNAS), reserved(BENS), asked("cancel"), Unrecognised(name="late")),
    log(EXIT, asked("offer"), Queued(place=None)),
    log(reserved(), asked("accept", ANNAS), Rejected(offer_id=ANNAS, reason=RejectReason.WITHDRAWN)),
]


@pytest.mark.parametrize("entries", GOOD)
def test_what_an_adapter_may_say_breaks_no_rule(entries: list[Entry]) -> None:
    assert rules(entries) == []


@pytest.mark.parametrize(
    ("entries", "rule"),
    [
        (log(ENDED, ENDED), "one_close"),
        (log(ENDED, EXIT), "one_close"),
        (log(reserved(), asked("cancel"), Connected()), "one_close"),
        (log(reserved(), Connected(), asked("end"), ENDED), "one_close"),
        (log(reserved(), reserved(BENS)), "one_offer"),
        (log(reserved(), Rejected(offer_id=ANNAS, reason=RejectReason.BUSY), reserved()), "offer_ids"),
        (log(reserved(), NoAnswer(offer_id=BENS)), "offer_ids"),
        (log(Accepted(offer_id=ANNAS)), "offer_ids"),
        (
            log(reserved(), asked("accept", ANNAS), NoAnswer(offer_id=ANNAS), NoAnswer(offer_id=ANNAS)),
            "offer_ids",
        ),
        (log(Queued(place=3)), "places"),
        (log(Queued(place=None, estimate_s=9.0)), "places"),
    ],
)
def test_what_an_adapter_must_not_say_breaks_the_rule(entries: list[Entry], rule: str) -> None:
    assert rules(entries) == [rule]


def changed(entries: list[Entry], index: int, **fields: object) -> list[Entry]:
    """The same log with other fields in the envelope of one event."""
    spot = [position for position, entry in enumerate(entries) if isinstance(entry, Said)][index]
    entry = entries[spot]
    assert isinstance(entry, Said)
    return [
        *entries[:spot],
        replace(entry, event=replace(entry.event, **fields)),  # type: ignore[arg-type]
        *entries[spot + 1 :],
    ]


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"seq": 7}, "numbers"),
        ({"seq": 1}, "numbers"),
        ({"event_id": "ev_1"}, "ids"),
        ({"event_id": ""}, "ids"),
        ({"received_at": NOON - timedelta(seconds=1)}, "times"),
        ({"occurred_at": datetime(2026, 1, 1)}, "times"),  # noqa: DTZ001 - without a zone is what is wrong
        ({"acd_ref": AcdRef("r2")}, "refs"),
        ({"source": ""}, "sources"),
        ({"raw": {"a": "x" * RAW_LIMIT_BYTES}}, "raw"),
        ({"attempt": 0}, "attempts"),
    ],
)
def test_an_envelope_that_is_wrong_breaks_the_rule(fields: dict[str, object], rule: str) -> None:
    assert rules(changed(log(Queued(place=None), reserved()), 1, **fields)) == [rule]


def test_an_event_of_a_contact_that_was_never_offered_breaks_the_rule() -> None:
    assert rules([entry for entry in log(Queued(place=None)) if isinstance(entry, Said)]) == ["strangers"]


def test_what_the_acd_did_not_say_must_be_marked() -> None:
    entries = log(Queued(place=None), reserved())
    assert rules(entries, {"Queued": 1}) == ["marks"]
    assert rules(changed(entries, 1, synthesized=True), {"Queued": 1}) == []
    assert rules(log(Unrecognised(name="x")), {}) == []


def test_numbers_may_begin_anew_with_another_adapter_but_not_go_back() -> None:
    entries = log(Queued(place=None), Queued(place=None), Queued(place=None))
    second = [replace(entry, life=2) if isinstance(entry, Said) else entry for entry in entries]
    assert rules(changed(second, 0, seq=1)) == []
    assert rules(changed(second, 2, seq=1)) == ["numbers"]
