"""Sessions, tokens and rates on a real redis-server, and what happens when it hangs or dies."""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import uuid4

import pytest
from pydantic import SecretStr

from gateway.acd.builtin.ports import Ticket
from gateway.base.clock import SystemClock
from gateway.base.errors import PortFailure
from gateway.base.ids import AccountId, ContactId
from gateway.config import LiveSettings
from gateway.live.queues import LiveQueueStore
from gateway.live.rates import Rate, RateLimiter
from gateway.live.sessions import SessionStore
from gateway.live.store import Live, open_live
from gateway.live.tokens import TokenStore
from tests.support.contracts.live_stores import RateContract, SessionContract, TokenContract
from tests.support.servers import RedisServer

TIME_OUT_S = 4.0
BOUND_S = 1.9 * TIME_OUT_S  # the time-out, and what a busy machine adds; two time-outs in a row would be over it


def open_on(server: RedisServer) -> Live:
    prefix = f"t{uuid4().hex[:12]}"
    return open_live(LiveSettings(url=SecretStr(server.url), prefix=prefix, timeout=timedelta(seconds=TIME_OUT_S)))


@pytest.fixture
async def live(redis_server: RedisServer) -> AsyncIterator[Live]:
    opened = open_on(redis_server)
    await opened.client.flushall()  # the contracts look at everything that is stored
    yield opened
    await opened.aclose()


class TestRedisSessions(SessionContract):
    pass


class TestRedisTokens(TokenContract):
    pass


class TestRedisRates(RateContract):
    pass


async def test_a_server_that_hangs_costs_every_caller_at_most_the_time_out(own_redis_server: RedisServer):
    """A stopped server keeps its sockets open; with the library's defaults one GET took more than 20 s."""
    live = open_on(own_redis_server)
    clock = SystemClock()
    sessions, tokens, queues = SessionStore(live, clock), TokenStore(live, clock), LiveQueueStore(live)
    session_id = await sessions.create(AccountId("ac_anna0000"), absolute=timedelta(days=1), idle=timedelta(hours=1))
    own_redis_server.pause()
    try:
        start = time.monotonic()
        calls = [
            *(sessions.check(session_id) for _ in range(60)),  # more than there are connections
            tokens.take("entry", "x"),
            queues.news(0),
            queues.put_ticket(Ticket(contact_id=ContactId("ct_one00000"), queue="sales", score=1.0, node="n1")),
        ]
        answers = await asyncio.gather(*calls, return_exceptions=True)
        elapsed_s = time.monotonic() - start
        assert {type(answer) for answer in answers} == {PortFailure}
        assert elapsed_s < BOUND_S
        start = time.monotonic()
        limiter = RateLimiter(live, clock)
        rate = Rate(2, timedelta(minutes=1))
        assert [(await limiter.spend("entry", "a", rate)).allowed for _ in range(3)] == [True, True, False]
        assert time.monotonic() - start < BOUND_S, "only the first one waits"
    finally:
        own_redis_server.resume()
    assert await sessions.check(session_id) is not None
    start = time.monotonic()
    await live.aclose()
    assert time.monotonic() - start < BOUND_S


async def test_after_a_kill_and_a_restart_the_same_connection_serves_again(own_redis_server: RedisServer):
    live = open_on(own_redis_server)
    queues = LiveQueueStore(live)
    ticket = Ticket(contact_id=ContactId("ct_one00000"), queue="sales", score=1.0, node="n1")
    await asyncio.gather(*(queues.put_ticket(ticket) for _ in range(10)))
    await asyncio.to_thread(own_redis_server.kill)
    start = time.monotonic()
    with pytest.raises(PortFailure, match="live_unavailable"):
        await queues.news(0)
    assert time.monotonic() - start < BOUND_S
    await asyncio.to_thread(own_redis_server.start)
    assert list((await queues.news(0)).tickets) == [], "it forgot, and invents nothing"
    await asyncio.gather(*(queues.put_ticket(ticket) for _ in range(10)))
    assert [row.ticket for row in (await queues.news(0)).tickets] == [ticket]
    await live.aclose()


async def test_a_caller_cancelled_in_mid_command_never_leaves_its_answer_to_the_next(redis_server: RedisServer):
    """redis-py once gave a cancelled caller's answer to the next one on the same connection (CVE-2023-28858)."""
    live = open_on(redis_server)
    for number in range(50):
        await live.ask(live.client.set(live.key("n", str(number)), str(number)))
    chance = random.Random(7)
    wrong = []

    async def read(number: int) -> None:
        found = await live.ask(live.client.get(live.key("n", str(number))))
        if found != str(number):
            wrong.append((number, found))

    cancelled = 0
    for _ in range(300):
        tasks = [asyncio.ensure_future(read(chance.randrange(50))) for _ in range(5)]
        for _ in range(chance.randrange(12)):
            await asyncio.sleep(0)
        for task in tasks:
            if chance.random() < 0.5:
                cancelled += task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    assert wrong == []
    assert cancelled > 200
    await live.aclose()
