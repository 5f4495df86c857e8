"""Claims of one contact's panel: good once, for a moment, for whom they were made."""

from dataclasses import replace

import pytest

from gateway.acd import passes as p
from gateway.acd.passes import PanelPasses, PanelSeat
from gateway.base.errors import GatewayError
from gateway.base.ids import AgentId, ContactId, OfferId
from tests.support.clock import FakeClock

SEAT = PanelSeat(
    acd="desk",
    contact_id=ContactId("ct_00000001"),
    agent_id=AgentId("ag_00000001"),
    offer_id=OfferId("of_00000001"),
)


def code_of(passes: PanelPasses, token: str) -> str:
    with pytest.raises(GatewayError) as refused:
        passes.redeem(token)
    return refused.value.code


def test_a_claim_opens_its_seat_once() -> None:
    passes = PanelPasses(FakeClock())
    token, expires_s = passes.issue(SEAT, 60)
    assert (passes.redeem(token), expires_s) == (SEAT, 60)
    assert code_of(passes, token) == "panel_claim_used"


async def test_a_claim_is_too_old_after_its_time() -> None:
    clock = FakeClock()
    passes = PanelPasses(clock)
    token, _ = passes.issue(SEAT, 60)
    await clock.run(60)
    assert code_of(passes, token) == "panel_claim_expired"


@pytest.mark.parametrize("token", ["", "A" * 43, "A" * 100_000, "\ud800", "../"])
def test_what_was_not_made_opens_nothing(token: str) -> None:
    passes = PanelPasses(FakeClock())
    passes.issue(SEAT, 60)
    assert code_of(passes, token) == "panel_claim_unknown"


async def test_asked_again_it_is_the_same_claim_until_it_is_too_old() -> None:
    """A call to the ACD whose answer was lost is repeated, and the first may have arrived."""
    clock = FakeClock()
    passes = PanelPasses(clock)
    first, _ = passes.issue(SEAT, 60)
    await clock.run(20)
    assert passes.issue(SEAT, 60) == (first, 40)
    await clock.run(40)
    second, _ = passes.issue(SEAT, 60)
    assert code_of(passes, first) == "panel_claim_unknown"
    assert passes.redeem(second) == SEAT


def test_there_are_never_more_than_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(p, "LIMIT", 2)
    passes = PanelPasses(FakeClock())
    tokens = [passes.issue(replace(SEAT, contact_id=ContactId(f"ct_{number}")), 60)[0] for number in range(3)]
    assert len(passes) == 2
    assert code_of(passes, tokens[0]) == "panel_claim_unknown"
    assert passes.redeem(tokens[2]).contact_id == "ct_2"
