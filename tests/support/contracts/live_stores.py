"""What sessions, tokens and rates do on every live state. A subclass gives the fixture `live`."""

import asyncio
from datetime import timedelta

import pytest

from gateway.base.errors import BadInput
from gateway.base.ids import AccountId
from gateway.live.rates import Rate, RateLimiter
from gateway.live.sessions import MAX_PER_ACCOUNT, SessionStore, session_key
from gateway.live.store import Live
from gateway.live.tokens import TokenStore
from tests.support.clock import FakeClock

ANNA, BEN = AccountId("ac_anna0000"), AccountId("ac_ben00000")
DAY, HALF_HOUR = timedelta(days=1), timedelta(minutes=30)
TEN_MINUTES = timedelta(minutes=10)


async def stored_text(live: Live) -> str:
    """Everything the live state holds, as one text."""
    parts = []
    async for key in live.client.scan_iter("*"):
        kind = await live.client.type(key)
        if kind == "hash":
            value = str(await live.client.hgetall(key))
        elif kind == "zset":
            value = str(await live.client.zrange(key, 0, -1))
        else:
            value = str(await live.client.get(key))
        parts.append(f"{key} {value}")
    return "\n".join(parts)


async def without_ttl(live: Live) -> list[str]:
    return [key async for key in live.client.scan_iter("*") if await live.client.pttl(key) < 0]


class SessionContract:
    @pytest.fixture
    def clock(self) -> FakeClock:
        return FakeClock()

    @pytest.fixture
    def sessions(self, live: Live, clock: FakeClock) -> SessionStore:
        return SessionStore(live, clock)

    async def test_a_session_is_found_by_its_id_with_its_data(self, sessions: SessionStore, clock: FakeClock):
        session_id = await sessions.create(ANNA, absolute=DAY, idle=HALF_HOUR, data={"seat": "7"})
        found = await sessions.check(session_id)
        assert found is not None
        assert (found.account_id, found.data, found.created_at, found.expires_at) == (
            ANNA, {"seat": "7"}, clock.now(), clock.now() + DAY,
        )  # fmt: skip

    async def test_an_unknown_id_finds_nothing(self, sessions: SessionStore):
        for session_id in ("", "x", "a:b", "\x00", "é\ud800", "x" * 5000):
            assert await sessions.check(session_id) is None

    async def test_the_id_is_256_bits_and_only_its_digest_is_stored(self, sessions: SessionStore, live: Live):
        session_id = await sessions.create(ANNA, absolute=DAY, idle=HALF_HOUR)
        assert len(session_id) >= 43
        text = await stored_text(live)
        assert session_id not in text
        assert session_key(session_id) in text

    async def test_the_digest_does_not_sign_in(self, sessions: SessionStore):
        session_id = await sessions.create(ANNA, absolute=DAY, idle=HALF_HOUR)
        assert await sessions.check(session_key(session_id)) is None

    async def test_idleness_ends_a_session_and_activity_keeps_it(self, sessions: SessionStore, clock: FakeClock):
        session_id = await sessions.create(ANNA, absolute=DAY, idle=HALF_HOUR)
        clock.advance(29 * 60)
        assert await sessions.check(session_id) is not None
        clock.advance(29 * 60)
        assert await sessions.check(session_id, touch=False) is not None
        clock.advance(60)
        assert await sessions.check(session_id) is None
        assert await sessions.check(session_id) is None

    async def test_activity_does_not_outlive_the_absolute_age(self, sessions: SessionStore, clock: FakeClock):
        session_id = await sessions.create(ANNA, absolute=timedelta(hours=1), idle=HALF_HOUR)
        for _ in range(3):
            clock.advance(19 * 60)
            assert await sessions.check(session_id) is not None
        clock.advance(3 * 60)
        assert await sessions.check(session_id) is None

    async def test_a_session_that_is_held_does_not_run_out_and_can_be_revoked(
        self, sessions: SessionStore, clock: FakeClock
    ):
        hour, minute = timedelta(hours=1), timedelta(minutes=1)
        session_id = await sessions.create(ANNA, absolute=hour, idle=HALF_HOUR)
        clock.advance(13 * 3600)  # over it was long ago, by age and by idleness
        held = await sessions.check(session_id, hold=minute)
        assert held is not None
        assert held.expires_at == clock.now() + minute
        clock.advance(59)
        assert await sessions.check(session_id) is not None
        await sessions.create(ANNA, absolute=hour, idle=HALF_HOUR)  # forgets those of the account that are over
        assert await sessions.revoke_all(ANNA) == 2
        assert await sessions.check(session_id, hold=minute) is None

    async def test_a_session_that_was_held_is_over_when_nobody_holds_it(self, sessions: SessionStore, clock: FakeClock):
        session_id = await sessions.create(ANNA, absolute=timedelta(hours=1), idle=HALF_HOUR)
        clock.advance(3590)
        assert await sessions.check(session_id, hold=timedelta(minutes=1)) is not None
        clock.advance(60)
        assert await sessions.check(session_id) is None

    async def test_a_hold_shortens_nothing(self, sessions: SessionStore, clock: FakeClock):
        session_id = await sessions.create(ANNA, absolute=DAY, idle=HALF_HOUR)
        held = await sessions.check(session_id, hold=timedelta(minutes=1))
        assert held is not None
        assert held.expires_at == held.created_at + DAY

    async def test_a_revoked_session_is_over_for_its_key_too(self, sessions: SessionStore):
        session_id = await sessions.create(ANNA, absolute=DAY, idle=HALF_HOUR)
        assert await sessions.check_key(session_key(session_id)) is not None
        assert await sessions.revoke(session_id)
        assert await sessions.check(session_id) is None
        assert await sessions.check_key(session_key(session_id)) is None
        assert not await sessions.revoke(session_id)

    async def test_revoking_all_ends_those_of_one_account_only(self, sessions: SessionStore):
        annas = [await sessions.create(ANNA, absolute=DAY, idle=HALF_HOUR) for _ in range(3)]
        bens = await sessions.create(BEN, absolute=DAY, idle=HALF_HOUR)
        await sessions.revoke(annas[0])
        assert await sessions.revoke_all(ANNA) == 2
        assert [await sessions.check(session_id) for session_id in annas] == [None, None, None]
        assert await sessions.check(bens) is not None

    async def test_too_many_sessions_end_the_oldest(self, sessions: SessionStore, clock: FakeClock):
        first = await sessions.create(ANNA, absolute=DAY, idle=HALF_HOUR)
        for _ in range(MAX_PER_ACCOUNT):
            clock.advance(1)
            last = await sessions.create(ANNA, absolute=DAY, idle=HALF_HOUR)
        assert await sessions.check(first) is None
        assert await sessions.check(last) is not None

    async def test_every_key_ends_by_itself(self, sessions: SessionStore, live: Live):
        session_id = await sessions.create(ANNA, absolute=DAY, idle=HALF_HOUR)
        await sessions.check(session_id)
        assert await without_ttl(live) == []


class TokenContract:
    @pytest.fixture
    def clock(self) -> FakeClock:
        return FakeClock()

    @pytest.fixture
    def tokens(self, live: Live, clock: FakeClock) -> TokenStore:
        return TokenStore(live, clock)

    async def test_a_token_is_good_once(self, tokens: TokenStore):
        token = await tokens.create("entry", {"site": "shop", "form": {"step": "2"}}, ttl=TEN_MINUTES)
        assert await tokens.take("entry", token) == {"site": "shop", "form": {"step": "2"}}
        assert await tokens.take("entry", token) is None

    async def test_of_many_who_take_at_once_one_gets_it(self, tokens: TokenStore):
        token = await tokens.create("entry", {"site": "shop"}, ttl=TEN_MINUTES)
        taken = await asyncio.gather(*(tokens.take("entry", token) for _ in range(20)))
        assert [found for found in taken if found is not None] == [{"site": "shop"}]

    async def test_an_expired_token_is_worth_nothing(self, tokens: TokenStore, clock: FakeClock):
        token = await tokens.create("entry", {}, ttl=TEN_MINUTES)
        clock.advance(600)
        assert await tokens.take("entry", token) is None

    async def test_a_token_of_another_kind_opens_nothing_and_stays_good(self, tokens: TokenStore):
        token = await tokens.create("entry", {"site": "shop"}, ttl=TEN_MINUTES)
        assert await tokens.take("link", token) is None
        assert await tokens.take("entry", token) is not None

    @pytest.mark.parametrize("token", ["", "x", "a:b*?", "\x00", "\ud800", "x" * 5000])
    async def test_a_wrong_token_is_worth_nothing(self, tokens: TokenStore, token: str):
        assert await tokens.take("entry", token) is None

    async def test_the_token_itself_is_not_stored_and_ends_by_itself(self, tokens: TokenStore, live: Live):
        token = await tokens.create("entry", {}, ttl=TEN_MINUTES)
        assert token not in await stored_text(live)
        assert await without_ttl(live) == []

    async def test_a_payload_over_the_limit_is_refused(self, tokens: TokenStore):
        with pytest.raises(BadInput, match="token_payload_too_large"):
            await tokens.create("entry", {"form": "x" * 40_000}, ttl=TEN_MINUTES)


class RateContract:
    @pytest.fixture
    def clock(self) -> FakeClock:
        return FakeClock()

    @pytest.fixture
    def limiter(self, live: Live, clock: FakeClock) -> RateLimiter:
        return RateLimiter(live, clock)

    rate = Rate(3, timedelta(minutes=1))

    async def test_as_many_as_allowed_then_none_then_one_by_one(self, limiter: RateLimiter, clock: FakeClock):
        for _ in range(3):
            assert (await limiter.spend("entry", "10.0.0.1", self.rate)).allowed
        refused = await limiter.spend("entry", "10.0.0.1", self.rate)
        assert not refused.allowed
        assert refused.retry_after_s == pytest.approx(20, abs=0.1)
        clock.advance(20.1)
        assert (await limiter.spend("entry", "10.0.0.1", self.rate)).allowed
        assert not (await limiter.spend("entry", "10.0.0.1", self.rate)).allowed

    async def test_a_refused_one_is_not_counted(self, limiter: RateLimiter, clock: FakeClock):
        for _ in range(20):
            await limiter.spend("entry", "10.0.0.1", self.rate)
        clock.advance(20.1)
        assert (await limiter.spend("entry", "10.0.0.1", self.rate)).allowed

    async def test_others_and_other_things_have_buckets_of_their_own(self, limiter: RateLimiter):
        for _ in range(3):
            await limiter.spend("entry", "10.0.0.1", self.rate)
        assert (await limiter.spend("entry", "10.0.0.2", self.rate)).allowed
        assert (await limiter.spend("sign_in", "10.0.0.1", self.rate)).allowed

    async def test_looking_counts_nothing_and_giving_back_undoes(self, limiter: RateLimiter):
        for _ in range(3):
            assert (await limiter.look("entry", "a", self.rate)).allowed
            assert (await limiter.spend("entry", "a", self.rate)).allowed
        assert not (await limiter.look("entry", "a", self.rate)).allowed
        await limiter.give_back("entry", "a", self.rate)
        assert (await limiter.spend("entry", "a", self.rate)).allowed
        assert not (await limiter.spend("entry", "a", self.rate)).allowed

    async def test_giving_back_never_makes_more_than_full(self, limiter: RateLimiter):
        await limiter.give_back("entry", "a", self.rate)
        for _ in range(3):
            assert (await limiter.spend("entry", "a", self.rate)).allowed
        assert not (await limiter.spend("entry", "a", self.rate)).allowed

    async def test_a_clock_that_goes_back_gives_nothing_away(self, limiter: RateLimiter, clock: FakeClock):
        for _ in range(3):
            await limiter.spend("entry", "a", self.rate)
        clock.advance(-3600)
        assert not (await limiter.spend("entry", "a", self.rate)).allowed

    async def test_who_is_limited_is_not_stored_and_the_bucket_ends_by_itself(self, limiter: RateLimiter, live: Live):
        await limiter.spend("entry", "203.0.113.77", self.rate)
        assert "203.0.113.77" not in await stored_text(live)
        assert await without_ttl(live) == []
