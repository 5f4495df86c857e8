"""A desk on fakes, started and stopped around a test."""

import logging
from collections.abc import AsyncIterator

import pytest
import structlog

from tests.support.desk_rig import DeskRig


@pytest.fixture(autouse=True)
def quiet_log() -> None:
    """A stateful run would write a line for every transition."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))


@pytest.fixture
async def rig() -> AsyncIterator[DeskRig]:
    rig = DeskRig()
    await rig.start()
    yield rig
    await rig.stop()
