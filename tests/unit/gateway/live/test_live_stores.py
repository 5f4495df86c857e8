"""Sessions, tokens and rates on the embedded live state."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from pydantic import SecretStr

from gateway.base.errors import PortFailure, SetupError
from gateway.config import LiveSettings
from gateway.live.rates import Rate, RateLimiter
from gateway.live.store import Live, open_live
from tests.support.clock import FakeClock
from tests.support.contracts.live_stores import RateContract, SessionContract, TokenContract


@pytest.fixture
async def live() -> AsyncIterator[Live]:
    opened = open_live(LiveSettings())
    yield opened
    await opened.aclose()


class TestEmbeddedSessions(SessionContract):
    pass


class TestEmbeddedTokens(TokenContract):
    pass


class TestEmbeddedRates(RateContract):
    pass


@pytest.mark.parametrize("url", ["", "http://x", "redis:/x", "redis://host:port", "memory:/"])
def test_an_address_of_no_live_state_is_a_plain_sentence(url):
    with pytest.raises(SetupError, match="live_bad_url"):
        open_live(LiveSettings(url=SecretStr(url)))


def test_two_embedded_live_states_share_nothing_and_keys_are_under_the_prefix():
    assert open_live(LiveSettings(prefix="shop")).key("session", "x") == "{shop}:session:x"


async def test_a_server_that_is_not_there_is_a_port_failure(tmp_path):
    live = open_live(LiveSettings(url=SecretStr(f"unix://{tmp_path}/none.sock")))
    with pytest.raises(PortFailure, match="live_unavailable"):
        await live.check()
    await live.aclose()
    await live.aclose()


async def test_without_the_live_state_a_node_limits_alone_within_bounds(tmp_path):
    clock = FakeClock()
    live = open_live(LiveSettings(url=SecretStr(f"unix://{tmp_path}/none.sock")))
    limiter = RateLimiter(live, clock, max_local=2)
    rate = Rate(2, timedelta(minutes=1))
    assert [(await limiter.spend("entry", "a", rate)).allowed for _ in range(3)] == [True, True, False]
    assert not (await limiter.look("entry", "a", rate)).allowed
    clock.advance(31)
    assert (await limiter.spend("entry", "a", rate)).allowed
    await limiter.give_back("entry", "a", rate)
    assert (await limiter.spend("entry", "a", rate)).allowed
    for who in "bc":
        await limiter.spend("entry", who, rate)
    assert (await limiter.look("entry", "a", rate)).allowed, "the bucket unused longest was forgotten"
    await live.aclose()
