"""A recording service of its own for every test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.recording_rig import Node


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Node]:
    node = Node(tmp_path)
    yield node
    await node.service.aclose()
