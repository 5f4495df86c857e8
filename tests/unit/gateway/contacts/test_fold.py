"""Folds over journals written by hand: what a figure is made of, and what a broken journal does."""

from datetime import UTC, datetime, timedelta

import pytest

from gateway.base.errors import BadInput
from gateway.base.ids import AgentId, ContactId
from gateway.contacts.fold import fold_contact, intervals, segments, talk_intervals
from gateway.contacts.journal import JournalEvent, JournalSource, JournalValue

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
ANNA = {"agent_id": "ag_anna0000", "offer_id": "of_1"}


def journal(*rows: tuple[float, str, str] | tuple[float, str, str, dict[str, JournalValue]]) -> list[JournalEvent]:
    """Events from (second, name, state[, data])."""
    return [
        JournalEvent(
            contact_id=ContactId("ct_1"),
            seq=number + 1,
            name=row[1],
            at=START + timedelta(seconds=row[0]),
            mono_s=1000.0 + row[0],
            source=JournalSource.GATEWAY,
            state=row[2],
            reason="customer_lost" if row[1] == "closed" else None,
            data=row[3] if len(row) > 3 else {},
        )
        for number, row in enumerate(rows)
    ]


CALL = (
    (0.0, "initiated", "initiated", {"site": "shop", "visitor_hash": "h", "language": "fr", "canary": False}),
    (1.0, "menu_started", "in_menu"),
    (4.0, "enqueued", "queued", {"queue": "sales", "language": "en"}),
    (6.0, "offer_made", "offered", ANNA),
    (26.0, "offer_timed_out", "queued", ANNA),
    (30.0, "offer_made", "offered", ANNA),
    (31.0, "offer_accepted", "bridging", ANNA),
    (32.0, "leg_connected", "bridging", {"side": "agent"}),
    (32.0, "bridged", "active", ANNA),
    (42.0, "held", "held", ANNA),
    (47.0, "retrieved", "active", ANNA),
    (60.0, "customer_left", "wrap_up", ANNA),
    (75.0, "wrap_up_submitted", "closed", {"disposition": "sale", "notes": "two lamps"}),
    (75.0, "closed", "closed"),
)


def test_a_call_folds_to_its_row() -> None:
    row = fold_contact(journal(*CALL))
    assert (row.wait_s, row.talk_s, row.hold_s, row.wrap_up_s) == (28.0, 23.0, 5.0, 15.0)
    assert (row.queue, row.language, row.agent_id) == ("sales", "en", AgentId("ag_anna0000"))
    assert (row.state, row.end_reason, row.disposition, row.notes) == ("closed", "customer_lost", "sale", "two lamps")
    assert (row.queued_at, row.answered_at) == (START + timedelta(seconds=4), START + timedelta(seconds=32))
    assert row.version == len(CALL)


def test_half_a_journal_folds_to_what_is_known_so_far() -> None:
    row = fold_contact(journal(*CALL[:5]))
    assert (row.state, row.agent_id, row.wait_s, row.ended_at, row.end_reason) == ("queued", None, 22.0, None, None)
    assert fold_contact(journal(*CALL[:1])).wait_s is None


def test_events_without_a_change_of_state_split_nothing() -> None:
    assert [each.state.value for each in intervals(journal(*CALL))].count("bridging") == 1
    assert len(talk_intervals(journal(*CALL))) == 3


def test_a_second_agent_is_a_segment_of_their_own() -> None:
    ben: dict[str, JournalValue] = {"agent_id": "ag_ben00000", "offer_id": "of_2"}
    events = journal(
        *CALL[:11],
        (60.0, "agent_leg_lost", "queued"),
        (61.0, "offer_made", "offered", ben),
        (62.0, "offer_accepted", "bridging", ben),
        (63.0, "bridged", "active", ben),
        (70.0, "agent_released", "wrap_up", ben),
    )
    assert [(each.agent_id, each.talk_s) for each in segments(events)] == [("ag_anna0000", 23.0), ("ag_ben00000", 7.0)]
    assert fold_contact(events).wait_s == 28.0


def test_a_journal_without_its_beginning_is_refused() -> None:
    for events in ([], journal(*CALL[1:])):
        with pytest.raises(BadInput, match="journal_broken"):
            fold_contact(events)
