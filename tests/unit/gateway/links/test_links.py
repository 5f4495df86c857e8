"""A link lets in who has it and its PIN, while it is good, and nobody else."""

from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.acd.outside import QUEUE
from gateway.base.errors import CapacityExceeded, GatewayError, StateConflict
from gateway.base.ids import AgentId
from gateway.links.model import MOST_OF_AGENT, MOST_OPENINGS, MOST_WRONG_PINS, Plan
from gateway.links.service import Links
from gateway.parties import Invitation
from tests.support.clock import FakeClock
from tests.support.memory_links import MemoryLinks

ANNA = AgentId("ag_anna0000")
LASTS = timedelta(minutes=15)


@pytest.fixture
def store() -> MemoryLinks:
    return MemoryLinks()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def links(store: MemoryLinks, clock: FakeClock) -> Links:
    return Links(store, clock, LASTS)


async def come_in(links: Links, token: str, pin: str) -> Invitation:
    invitation = await links.invitation(token, pin)
    await links.count_opening(token)
    return invitation


async def refused(links: Links, token: str, pin: str = "") -> str:
    with pytest.raises(GatewayError) as caught:
        await come_in(links, token, pin)
    return caught.value.code


async def test_a_link_leads_to_the_agent_who_made_it(links: Links) -> None:
    made = await links.make(ANNA, "Anna", "shop", with_pin=False)
    seen = await links.look(made.token.upper())
    assert (seen.agent_name, seen.site, made.pin) == ("Anna", "shop", "")
    invitation = await come_in(links, made.token.replace("-", ""), "")
    assert (invitation.agent_id, invitation.site, invitation.queue) == (ANNA, "shop", QUEUE)


async def test_neither_token_nor_pin_is_kept(links: Links, store: MemoryLinks) -> None:
    made = await links.make(ANNA, "Anna", "shop", with_pin=True)
    kept = repr(store.links)
    assert made.token not in kept
    assert made.token.replace("-", "") not in kept
    assert made.pin not in kept


async def test_the_pin_is_needed_and_few_wrong_ones_end_the_link(links: Links) -> None:
    made = await links.make(ANNA, "Anna", "shop", with_pin=True)
    wrong = "000000" if made.pin != "000000" else "111111"
    assert (await come_in(links, made.token, f" {made.pin} ")).agent_id == ANNA
    assert [await refused(links, made.token, wrong) for _ in range(MOST_WRONG_PINS)] == ["pin_wrong"] * MOST_WRONG_PINS
    assert await refused(links, made.token, made.pin) == "link_over"


async def test_it_ends_with_its_time_its_openings_or_who_made_it(links: Links, clock: FakeClock) -> None:
    made = await links.make(ANNA, "Anna", "shop", with_pin=False)
    for _ in range(MOST_OPENINGS):
        await come_in(links, made.token, "")
    assert await refused(links, made.token) == "link_over"
    with pytest.raises(StateConflict, match="link_over"):  # asked for before it was over
        await links.count_opening(made.token)
    taken_back = await links.make(ANNA, "Anna", "shop", with_pin=False)
    with pytest.raises(GatewayError, match="link_unknown"):
        await links.revoke("ag_ben00000", taken_back.link.link_id)
    await links.revoke(ANNA, taken_back.link.link_id)
    assert await refused(links, taken_back.token) == "link_over"
    late = await links.make(ANNA, "Anna", "shop", with_pin=False)
    assert [link.link_id for link in await links.of_agent(ANNA)] == [late.link.link_id]
    clock.advance(LASTS.total_seconds())
    assert await refused(links, late.token) == "link_over"
    assert await links.of_agent(ANNA) == []


@pytest.mark.parametrize(
    "text", ["", "x", "abcd-abcd-abcd-abc", "l" * 16, "é" * 16, "../../../../../..", "a" * 5000, "\x00"]
)
async def test_what_is_no_token_opens_nothing(links: Links, text: str) -> None:
    assert await refused(links, text) == "link_unknown"


async def test_an_agent_has_so_many_good_links_and_no_more(links: Links, clock: FakeClock) -> None:
    for _ in range(MOST_OF_AGENT):
        await links.make(ANNA, "Anna", "shop", with_pin=False)
    with pytest.raises(CapacityExceeded, match="links_full"):
        await links.make(ANNA, "Anna", "shop", with_pin=False)
    clock.advance(LASTS.total_seconds() + 1)
    await links.make(ANNA, "Anna", "shop", with_pin=False)


def plan(clock: FakeClock, *, in_: timedelta = timedelta(hours=2), length: timedelta = timedelta(minutes=30)) -> Plan:
    opens_at = clock.now() + in_
    return Plan(
        made_by="token:booking",
        site="shop",
        agent_id=None,
        agent_name="",
        queue="sales",
        opens_at=opens_at,
        closes_at=opens_at + length,
        with_pin=False,
    )


async def test_a_link_for_a_time_opens_neither_before_nor_after_it(links: Links, clock: FakeClock) -> None:
    made = await links.schedule(plan(clock))
    assert (await links.look(made.token)).is_early(clock.now())
    clock.advance(2 * 3600 - 1)
    assert await refused(links, made.token) == "link_early"
    clock.advance(1)
    invitation = await come_in(links, made.token, "")
    assert (invitation.agent_id, invitation.queue) == (None, "sales")
    clock.advance(1800)
    assert await refused(links, made.token) == "link_over"


async def test_who_comes_too_early_uses_nothing_up(links: Links, clock: FakeClock) -> None:
    made = await links.schedule(plan(clock))
    for _ in range(MOST_OPENINGS + 1):
        assert await refused(links, made.token) == "link_early"
    clock.advance(2 * 3600)
    assert (await come_in(links, made.token, "")).queue == "sales"


@pytest.mark.parametrize(
    ("in_", "length"),
    [
        (timedelta(hours=1), timedelta(minutes=4)),
        (timedelta(hours=1), timedelta(days=1, seconds=1)),
        (timedelta(hours=1), -timedelta(minutes=10)),
        (-timedelta(hours=1), timedelta(hours=1)),
        (timedelta(days=366, seconds=1), timedelta(hours=1)),
    ],
)
async def test_a_time_that_makes_no_sense_is_refused(
    links: Links, clock: FakeClock, in_: timedelta, length: timedelta
) -> None:
    with pytest.raises(GatewayError, match="link_time"):
        await links.schedule(plan(clock, in_=in_, length=length))


async def test_another_system_may_have_more_links_than_an_agent(links: Links, clock: FakeClock) -> None:
    for _ in range(MOST_OF_AGENT + 1):
        await links.schedule(plan(clock))
    of_an_agent = replace(plan(clock), made_by=ANNA, agent_id=ANNA)
    for _ in range(MOST_OF_AGENT):
        await links.schedule(of_an_agent)
    with pytest.raises(CapacityExceeded, match="links_full"):
        await links.schedule(of_an_agent)


async def test_a_reminder_is_due_before_a_link_for_a_time_and_never_of_one_for_now(
    store: MemoryLinks, clock: FakeClock
) -> None:
    reminded = Links(store, clock, LASTS, reminded_before=timedelta(minutes=10))
    made = await reminded.schedule(plan(clock))
    assert made.link.remind_at == made.link.opens_at - timedelta(minutes=10)
    assert (await reminded.make(ANNA, "Anna", "shop", with_pin=False)).link.remind_at is None
    assert (await Links(store, clock, LASTS).schedule(plan(clock))).link.remind_at is None
