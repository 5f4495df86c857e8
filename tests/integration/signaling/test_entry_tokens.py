"""Entry tokens over the live state: used once, for a while, by whatever node."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from gateway.base.errors import BadInput, NotSignedIn
from gateway.config import LiveSettings
from gateway.live.store import Live, open_live
from gateway.live.tokens import TokenStore
from gateway.parties import Entry, Identity
from signaling.entry_tokens import LiveEntryTokens
from tests.support.clock import FakeClock

ENTRY = Entry(
    site="shop",
    visitor_key="visitor-key-1",
    language="fr",
    page_url="https://shop.example/",
    form={"étape": "2"},
    display_name="Ada ☎",
    notice_version="1",
    canary=True,
    identity=Identity(realm="shop", subject="ada@shop.example", name="Ada", verified=False),
)


@pytest.fixture
async def live() -> AsyncIterator[Live]:
    live = open_live(LiveSettings())
    yield live
    await live.aclose()


async def test_a_token_brings_the_whole_entry_once(live: Live) -> None:
    clock = FakeClock()
    tokens = LiveEntryTokens(TokenStore(live, clock), ttl=timedelta(minutes=10))
    elsewhere = LiveEntryTokens(TokenStore(live, clock), ttl=timedelta(minutes=10))
    token = await tokens.issue(ENTRY)
    assert await elsewhere.redeem(token) == ENTRY
    with pytest.raises(NotSignedIn) as used:
        await tokens.redeem(token)
    assert used.value.code == "entry_token_invalid"


async def test_a_token_is_good_for_its_time_only(live: Live) -> None:
    clock = FakeClock()
    tokens = LiveEntryTokens(TokenStore(live, clock), ttl=timedelta(minutes=10))
    token = await tokens.issue(ENTRY)
    clock.advance(601)
    with pytest.raises(NotSignedIn):
        await tokens.redeem(token)


async def test_a_token_of_another_kind_and_nonsense_open_nothing(live: Live) -> None:
    store = TokenStore(live, FakeClock())
    tokens = LiveEntryTokens(store, ttl=timedelta(minutes=10))
    broken = await store.create("entry", {"site": "shop"}, ttl=timedelta(minutes=10))
    other = await store.create("link", {"site": "shop"}, ttl=timedelta(minutes=10))
    for token in (broken, other, "", "x" * 43, "x" * 10_000, "\x00"):
        with pytest.raises(NotSignedIn):
            await tokens.redeem(token)


async def test_an_entry_too_large_to_keep_is_refused(live: Live) -> None:
    tokens = LiveEntryTokens(TokenStore(live, FakeClock()), ttl=timedelta(minutes=10))
    with pytest.raises(BadInput):
        await tokens.issue(Entry(site="shop", visitor_key="v", language="en", form={"a": "x" * 40_000}))
