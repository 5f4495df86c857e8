"""An adapter of task mode of its own for every test."""

from collections.abc import AsyncIterator

import pytest

from tests.support.task_rig import TaskRig


@pytest.fixture
async def rig() -> AsyncIterator[TaskRig]:
    async with TaskRig() as made:
        yield made
