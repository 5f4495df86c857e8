"""What of a journal becomes an interaction: one per agent who had the contact, one when nobody had it."""

from datetime import UTC, datetime, timedelta

import pytest

from gateway.base.errors import BadInput
from gateway.base.ids import AgentId, ContactId
from gateway.contacts.journal import JournalEvent, JournalSource, JournalValue
from gateway.crm.interactions import interactions_of
from gateway.parties import ChatLine

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
ANNA: dict[str, JournalValue] = {"agent_id": "ag_anna0000"}
BEN: dict[str, JournalValue] = {"agent_id": "ag_ben00000"}
INITIATED: dict[str, JournalValue] = {"site": "shop", "visitor_hash": "h", "language": "fr", "canary": False}
SALES: dict[str, JournalValue] = {"queue": "sales", "language": "en", "path": ["Buy", "Lamps"]}

Row = tuple[float, str, str, dict[str, JournalValue]]


def journal(*rows: Row) -> list[JournalEvent]:
    """Events from (second, name, state, data)."""
    return [
        JournalEvent(
            contact_id=ContactId("ct_1"), seq=seq, name=name, at=START + timedelta(seconds=second), mono_s=500 + second,
            source=JournalSource.GATEWAY, state=state, reason="customer_left" if name == "closed" else None, data=data,
        )
        for seq, (second, name, state, data) in enumerate(rows, 1)
    ]  # fmt: skip


WAITED: tuple[Row, ...] = ((0, "initiated", "initiated", INITIATED), (4, "enqueued", "queued", SALES))
WITH_ANNA: tuple[Row, ...] = (
    (30, "offer_accepted", "bridging", ANNA),
    (32, "bridged", "active", ANNA),
    (42, "held", "held", ANNA),
    (47, "retrieved", "active", ANNA),
)


def test_a_call_with_one_agent_is_one_interaction() -> None:
    (found,) = interactions_of(
        journal(
            *WAITED,
            *WITH_ANNA,
            (60, "customer_left", "wrap_up", ANNA),
            (75, "wrap_up_submitted", "closed", {"disposition": "sale", "notes": "two lamps"}),
            (75, "closed", "closed", {}),
        )
    )
    assert (found.interaction_id, found.segment) == ("ct_1.1", 1)
    assert (found.queue, found.agent_id, found.menu_path) == ("sales", AgentId("ag_anna0000"), ("Buy", "Lamps"))
    assert (found.wait_s, found.talk_s, found.hold_s, found.wrap_up_s) == (28, 23, 5, 15)
    assert (found.disposition, found.notes, found.end_reason) == ("sale", "two lamps", "customer_left")
    assert (found.started_at, found.ended_at) == (START + timedelta(seconds=32), START + timedelta(seconds=75))


def test_each_agent_who_had_it_is_an_interaction_with_what_they_wrote() -> None:
    first, second = interactions_of(
        journal(
            *WAITED,
            *WITH_ANNA,
            (60, "agent_leg_lost", "queued", ANNA),
            (61, "enqueued", "queued", {**SALES, "queue": "experts"}),
            (70, "offer_accepted", "bridging", BEN),
            (71, "bridged", "active", BEN),
            (91, "customer_left", "wrap_up", BEN),
            (95, "wrap_up_submitted", "closed", {"disposition": "sale", "notes": "by Ben"}),
            (95, "closed", "closed", {}),
        )
    )
    assert (first.interaction_id, first.agent_id, first.queue) == ("ct_1.1", AgentId("ag_anna0000"), "sales")
    assert (first.talk_s, first.hold_s, first.disposition, first.notes, first.end_reason) == (23, 5, None, "", None)
    assert first.ended_at == START + timedelta(seconds=60)
    assert (second.interaction_id, second.agent_id, second.queue) == ("ct_1.2", AgentId("ag_ben00000"), "experts")
    assert (second.wait_s, second.talk_s, second.notes, second.end_reason) == (None, 20, "by Ben", "customer_left")


def test_who_claims_a_call_and_who_it_is_transferred_to_are_two_interactions() -> None:
    """Call mode: the ACD has the voice; the agent's claim and its transfer are what tells whose time it is."""
    first, second = interactions_of(
        journal(
            *WAITED,
            (10, "voice_only", "voice", {}),
            (20, "claimed", "bridging", ANNA),
            (21, "bridged", "active", {}),
            (51, "transferred", "transferring", {"queue": "experts"}),
            (55, "transfer_completed", "bridging", BEN),
            (56, "bridged", "active", {}),
            (76, "customer_left", "wrap_up", {}),
            (80, "closed", "closed", {}),
        )
    )
    assert (first.agent_id, first.queue, first.talk_s, first.hold_s) == (AgentId("ag_anna0000"), "sales", 30, 4)
    assert (second.agent_id, second.queue, second.talk_s) == (AgentId("ag_ben00000"), "experts", 20)
    assert [each.interaction_id for each in (first, second)] == ["ct_1.1", "ct_1.2"]


def test_a_contact_without_an_agent_is_one_interaction_of_nobody() -> None:
    (found,) = interactions_of(journal(*WAITED, (50, "customer_left", "closed", {}), (50, "closed", "closed", {})))
    assert (found.interaction_id, found.segment, found.agent_id) == ("ct_1.0", 0, None)
    assert (found.queue, found.wait_s, found.menu_path) == ("sales", 46, ("Buy", "Lamps"))
    assert (found.started_at, found.ended_at) == (START, START + timedelta(seconds=50))


def test_one_who_never_came_to_a_queue_has_none() -> None:
    (found,) = interactions_of(journal(WAITED[0], (5, "customer_left", "closed", {}), (5, "closed", "closed", {})))
    assert (found.queue, found.wait_s, found.menu_path) == (None, None, ())


def test_a_journal_without_a_beginning_is_refused() -> None:
    with pytest.raises(BadInput, match="journal_broken"):
        interactions_of([])


def test_the_same_journal_makes_the_same_interactions() -> None:
    """So that a second node, or the same one after a crash, adds nothing."""
    events = journal(*WAITED, *WITH_ANNA, (60, "customer_left", "wrap_up", ANNA), (99, "closed", "closed", {}))
    assert interactions_of(events) == interactions_of(list(events))


def said(number: int, second: float) -> ChatLine:
    return ChatLine(number=number, by="customer", name="", at=START + timedelta(seconds=second), text=f"at {second}")


def test_each_line_goes_to_the_agent_who_had_the_contact_then() -> None:
    events = journal(
        *WAITED,
        *WITH_ANNA,
        (60, "agent_leg_lost", "queued", ANNA),
        (70, "offer_accepted", "bridging", BEN),
        (72, "bridged", "active", BEN),
        (90, "customer_left", "wrap_up", BEN),
        (95, "closed", "closed", {}),
    )
    lines = [said(1, 31), said(2, 40), said(3, 58), said(4, 80)]  # the first before there were pictures
    first, second = interactions_of(events, lines)
    assert first.chat == tuple(lines[:3])
    assert second.chat == (lines[3],)
    assert [each.chat for each in interactions_of(events)] == [(), ()]


def test_a_contact_that_no_agent_had_keeps_what_was_written_all_the_same() -> None:
    (found,) = interactions_of(journal(*WAITED, (50, "closed", "closed", {})), [said(1, 45)])
    assert found.chat == (said(1, 45),)
