"""Short ids of waiting videos: one contact each, gone with it, and guesses counted wherever they come from."""

import pytest

from gateway.base.errors import CapacityExceeded, NotFound, StateConflict
from gateway.base.ids import AgentId, ContactId
from gateway.contacts.claims import ADDRESS_FACTOR, OVER_LIMIT, Claims
from tests.support.clock import FakeClock

ANNA = AgentId("ag_anna0000")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def claims(clock: FakeClock) -> Claims:
    return Claims(clock, attempts=3)


def contact(number: int) -> ContactId:
    return ContactId(f"ct_{number:08}")


def test_an_id_leads_to_its_contact_until_that_ends(claims: Claims) -> None:
    first, second = claims.issue(contact(1)), claims.issue(contact(2))
    assert first != second
    assert claims.issue(contact(1)) == first, "one contact has one id"
    assert claims.find(ANNA, first) == contact(1)
    claims.end(contact(1))
    claims.end(contact(1))
    with pytest.raises(StateConflict, match="claim_over"):
        claims.find(ANNA, first)
    assert claims.find(ANNA, second) == contact(2)
    assert len(claims) == 1


def test_ended_ids_are_remembered_up_to_a_limit(claims: Claims) -> None:
    first = claims.issue(contact(0))
    claims.end(contact(0))
    for number in range(1, OVER_LIMIT + 1):
        claims.issue(contact(number))
        claims.end(contact(number))
    with pytest.raises(NotFound, match="claim_unknown"):
        claims.find(ANNA, first)


@pytest.mark.parametrize("text", ["", "no id", "é" * 8, "0" * 41, "00000000"])
def test_what_is_no_id_counts_as_a_guess(claims: Claims, text: str) -> None:
    for _ in range(3):
        with pytest.raises(NotFound, match="claim_unknown"):
            claims.find(ANNA, text)
    with pytest.raises(CapacityExceeded, match="claim_limited"):
        claims.find(ANNA, text)


def test_guesses_of_many_agents_at_one_address_are_counted_together(claims: Claims) -> None:
    right = claims.issue(contact(1))
    for number in range(3 * ADDRESS_FACTOR):
        with pytest.raises(NotFound):
            claims.find(AgentId(f"ag_{number:08}"), "00000000", "192.0.2.1")
    with pytest.raises(CapacityExceeded, match="claim_limited"):
        claims.find(ANNA, right, "192.0.2.1")
    assert claims.find(ANNA, right, "192.0.2.2") == contact(1)


async def test_whoever_waits_may_try_again(claims: Claims, clock: FakeClock) -> None:
    right = claims.issue(contact(1))
    for _ in range(3):
        with pytest.raises(NotFound):
            claims.find(ANNA, "00000000")
    with pytest.raises(CapacityExceeded) as refused:
        claims.find(ANNA, right)
    assert refused.value.fields["retry_after_s"] == 61
    await clock.run(60)
    assert claims.find(ANNA, right) == contact(1)
