"""The queues on the embedded live state."""

from collections.abc import AsyncIterator

import pytest

from gateway.config import LiveSettings
from gateway.live.queues import LiveQueueStore
from gateway.live.store import open_live
from tests.support.contracts.queue_store import QueueStoreContract


class TestEmbeddedQueueStore(QueueStoreContract):
    @pytest.fixture
    async def store(self) -> AsyncIterator[LiveQueueStore]:
        live = open_live(LiveSettings())
        yield LiveQueueStore(live)
        await live.aclose()
