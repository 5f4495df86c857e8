"""A running node for every test here, a client for it, and how a refusal is read."""

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from signaling.ports import ContactFile
from tests.support.fake_history import OURS, RECORDING, ROBOT_RECORDING, ROBOTS, Film
from tests.support.signaling_node import Node, node


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Node]:
    async with node(tmp_path) as running:
        yield running


@pytest.fixture
async def http(here: Node) -> AsyncIterator[aiohttp.ClientSession]:
    """A client that keeps no cookies: each request says who it is."""
    async with aiohttp.ClientSession(base_url=here.url, cookie_jar=aiohttp.DummyCookieJar()) as session:
        yield session


@pytest.fixture
def filled(here: Node) -> Node:
    """One contact of a person and one of a robot, each with a recording."""
    for contact_id, canary in ((OURS, False), (ROBOTS, True)):
        here.history.files[contact_id] = ContactFile(body={"contact_id": contact_id, "journal": ()}, canary=canary)
    for recording_id, canary in ((RECORDING, False), (ROBOT_RECORDING, True)):
        here.recordings.files[recording_id] = Film(bytes(range(256)) * 4, canary=canary)
    return here
