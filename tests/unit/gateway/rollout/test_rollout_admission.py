"""Who is in the share: the same on every node, as many as said, and nobody is ever put out by widening."""

import secrets
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.base.errors import BadInput
from gateway.base.ids import AgentId
from gateway.rollout.model import PilotChange, PilotGroup, admits, checked, place_of


def group(share_percent: int, group_id: str = "first") -> PilotGroup:
    return PilotGroup(
        group_id=group_id,
        name="",
        enabled=True,
        share_percent=share_percent,
        agents=(),
        version=1,
        changed_at=datetime(2026, 3, 2, tzinfo=UTC),
        changed_by="",
    )


def test_places_never_change():
    """Pinned: other values would put visitors out of a running pilot at the next release."""
    assert [place_of("first", key) for key in ("", "a", "visitor-1", "é")] == [9788, 2093, 2942, 1742]


@given(st.text(max_size=80), st.integers(0, 100), st.integers(0, 100))
def test_widening_evicts_nobody(visitor_key, one, other):
    narrow, wide = sorted((one, other))
    assert not admits(group(narrow), visitor_key) or admits(group(wide), visitor_key)


@given(st.text(max_size=80))
def test_nobody_is_in_no_share_and_everybody_in_the_whole(visitor_key):
    assert not admits(group(0), visitor_key)
    assert admits(group(100), visitor_key)
    assert 0 <= place_of("first", visitor_key) < 10_000


@pytest.mark.parametrize("share_percent", [1, 5, 10, 50, 90])
def test_the_share_is_met_within_chance(share_percent):
    """20 000 random visitors: five standard deviations, so once in two million runs by chance."""
    visitors = 20_000
    admitted = sum(admits(group(share_percent), secrets.token_urlsafe(16)) for _ in range(visitors))
    expected = visitors * share_percent / 100
    deviation = (expected * (1 - share_percent / 100)) ** 0.5
    assert abs(admitted - expected) < 5 * deviation


def test_another_group_draws_other_visitors():
    keys = [f"visitor-{number}" for number in range(2000)]
    both = sum(admits(group(50, "first"), key) and admits(group(50, "second"), key) for key in keys)
    assert 380 < both < 620, "a quarter, as of two independent draws"


@pytest.mark.parametrize(
    ("share_percent", "agents", "code"),
    [(-1, (), "pilot_share"), (101, (), "pilot_share"), (1, ("",), "pilot_agents"), (1, ("x",) * 1001, "pilot_agents")],
)
def test_what_a_group_may_not_be(share_percent, agents, code):
    change = PilotChange(
        enabled=True, share_percent=share_percent, agents=tuple(AgentId(agent) for agent in agents), version=1
    )
    with pytest.raises(BadInput) as caught:
        checked(change)
    assert caught.value.code == code
