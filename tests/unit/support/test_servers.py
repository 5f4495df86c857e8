"""Real servers that do not come up in time are not left to run beside the tests that follow."""

from pathlib import Path

import pytest

from tests.support import servers
from tests.support.product import children
from tests.support.servers import RedisServer


def test_a_server_that_is_not_ready_in_time_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "_START_S", 0.1)
    monkeypatch.setattr(RedisServer, "_answers", lambda self: False)
    before = children()
    with pytest.raises(RuntimeError, match="did not start"):
        RedisServer(tmp_path).start()
    assert children() == before
