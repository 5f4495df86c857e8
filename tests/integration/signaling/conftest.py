"""A running node for every test here, a client for it, and how a refusal is read."""

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from signaling.ports import ContactFile, RecordingFile
from tests.support.signaling_node import OURS, RECORDING, ROBOT_RECORDING, ROBOTS, Node, node


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
def filled(here: Node, tmp_path: Path) -> Node:
    """One contact of a person and one of a robot, each with a recording."""
    for contact_id, canary in ((OURS, False), (ROBOTS, True)):
        here.history.files[contact_id] = ContactFile(body={"contact_id": contact_id, "journal": ()}, canary=canary)
    file = tmp_path / "rc.webm"
    file.write_bytes(bytes(range(256)) * 4)
    for recording_id, canary in ((RECORDING, False), (ROBOT_RECORDING, True)):
        here.recordings.files[recording_id] = RecordingFile(
            path=file, media_type="video/webm", file_name="rc.webm", canary=canary
        )
    return here
