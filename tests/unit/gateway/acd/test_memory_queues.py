"""The store of the unit tests keeps to the contract of the real one."""

import pytest

from gateway.acd.builtin.ports import QueueStore
from tests.support.contracts.queue_store import QueueStoreContract
from tests.support.memory_queues import MemoryQueues


class TestMemoryQueues(QueueStoreContract):
    @pytest.fixture
    def store(self) -> QueueStore:
        return MemoryQueues()
