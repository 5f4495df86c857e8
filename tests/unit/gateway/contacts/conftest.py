"""A desk on fakes, started and stopped around a test."""

from collections.abc import AsyncIterator

import pytest

from tests.support.desk_rig import DeskRig


@pytest.fixture
async def rig() -> AsyncIterator[DeskRig]:
    rig = DeskRig()
    await rig.start()
    yield rig
    await rig.stop()
