"""The queues on a real redis-server."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from pydantic import SecretStr

from gateway.config import LiveSettings
from gateway.live.queues import LiveQueueStore
from gateway.live.store import open_live
from tests.support.contracts.queue_store import QueueStoreContract
from tests.support.servers import RedisServer


class TestRedisQueueStore(QueueStoreContract):
    @pytest.fixture
    async def store(self, redis_server: RedisServer) -> AsyncIterator[LiveQueueStore]:
        live = open_live(LiveSettings(url=SecretStr(redis_server.url), prefix=f"t{uuid4().hex[:12]}"))
        yield LiveQueueStore(live)
        await live.aclose()
