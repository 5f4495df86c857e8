"""What the gateway believes of contacts at an ACD follows what is said and asked."""

import pytest

from gateway.acd.events import (
    Abandoned,
    Accepted,
    AcdEventBody,
    AcdRef,
    AgentName,
    Connected,
    Ended,
    ExitReason,
    Held,
    NoAnswer,
    Offered,
    Party,
    Queued,
    QueueExit,
    Rejected,
    RejectReason,
    Reserved,
    Resumed,
    Transferred,
    WrapUpDone,
)
from gateway.acd.ledger import Belief, Ledger
from gateway.acd.port import Phase
from gateway.base.ids import ContactId, OfferId

ONE, TWO = OfferId("of_1"), OfferId("of_2")
RING = Reserved(offer_id=ONE, agent_id=None)
BUSY = RejectReason.BUSY
BEN = AgentName(ref="WK2")

Step = AcdEventBody | tuple[str, OfferId | None]


def after(*steps: Step) -> Phase:
    belief = Belief(ContactId("ct_one"), "phone")
    for step in steps:
        if isinstance(step, tuple):
            belief.asked(*step)
        else:
            belief.said(step)
    assert (belief.offer_id is not None) is (belief.phase is Phase.RINGING)
    return belief.phase


@pytest.mark.parametrize(
    ("steps", "phase"),
    [
        ((Offered(), Queued(place=1)), Phase.QUEUED),
        ((RING,), Phase.RINGING),
        ((RING, Queued(place=1)), Phase.QUEUED),
        ((RING, Rejected(offer_id=ONE, reason=BUSY)), Phase.QUEUED),
        ((RING, Rejected(offer_id=TWO, reason=BUSY)), Phase.RINGING),
        ((RING, NoAnswer(offer_id=ONE)), Phase.QUEUED),
        ((RING, ("decline", ONE)), Phase.QUEUED),
        ((RING, ("decline", TWO)), Phase.RINGING),
        ((RING, ("accept", ONE)), Phase.CONNECTED),
        ((RING, ("accept", TWO)), Phase.RINGING),
        ((RING, Accepted(offer_id=ONE)), Phase.CONNECTED),
        ((Connected(), Transferred(queue="service")), Phase.QUEUED),
        ((Queued(place=1), Transferred(queue="service")), Phase.QUEUED),
        ((Connected(), Transferred(agent=BEN)), Phase.CONNECTED),
        ((Connected(), Transferred(agent=BEN), RING), Phase.RINGING),
        ((Connected(), Transferred(agent=BEN), RING, Accepted(offer_id=ONE)), Phase.CONNECTED),
        ((Connected(), Transferred(agent=BEN), Connected(), RING), Phase.CONNECTED),
        ((RING, Accepted(offer_id=TWO)), Phase.RINGING),
        ((RING, ("accept", ONE), ("media_failed", None)), Phase.QUEUED),
        ((Connected(),), Phase.CONNECTED),
        ((("claimed", None),), Phase.CONNECTED),
        ((Connected(), RING), Phase.CONNECTED),
        ((Connected(), Held()), Phase.HELD),
        ((Connected(), ("hold", None)), Phase.HELD),
        ((Connected(), Held(), Resumed()), Phase.CONNECTED),
        ((Connected(), ("hold", None), ("resume", None)), Phase.CONNECTED),
        ((Held(),), Phase.QUEUED),
        ((Connected(), ("requeue", None)), Phase.QUEUED),
        ((Connected(), Ended(by=Party.AGENT)), Phase.WRAP_UP),
        ((Connected(), ("end", None)), Phase.WRAP_UP),
        ((Connected(), ("end", None), WrapUpDone()), Phase.GONE),
        ((Connected(), ("end", None), ("complete_wrap_up", None)), Phase.GONE),
        ((QueueExit(reason=ExitReason.FULL),), Phase.GONE),
        ((Abandoned(),), Phase.GONE),
        ((("cancel", None),), Phase.GONE),
        ((("cancel", None), RING, Connected(), Ended(by=Party.ACD), ("end", None), ("requeue", None)), Phase.GONE),
    ],
)
def test_the_phase_follows_what_is_said_and_asked(steps: tuple[Step, ...], phase: Phase) -> None:
    assert after(*steps) is phase


def test_a_contact_is_found_by_its_ref_and_no_more_when_it_has_moved_on() -> None:
    ledger = Ledger()
    belief = ledger.keep(ContactId("ct_one"), "phone")
    ledger.took(belief, AcdRef("r1"))
    assert ledger.of_ref("phone", AcdRef("r1")) is belief
    assert ledger.of_ref("other", AcdRef("r1")) is None
    ledger.keep(ContactId("ct_one"), "other")
    assert ledger.of_ref("phone", AcdRef("r1")) is None
    assert [each.contact_id for each in ledger.held_by("other")] == ["ct_one"]
    assert list(ledger.held_by("phone")) == []


def test_what_is_remembered_is_bounded() -> None:
    ledger = Ledger(limit=3)
    for number in range(5):
        ledger.took(ledger.keep(ContactId(f"ct_{number}"), "phone"), AcdRef(f"r{number}"))
    assert [each.contact_id for each in ledger.held_by("phone")] == ["ct_2", "ct_3", "ct_4"]
    assert ledger.of_ref("phone", AcdRef("r0")) is None
    assert len(ledger._by_ref) == 3
