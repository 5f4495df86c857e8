"""A call center of the tests that does not get as far as its first agent leaves no gateway behind."""

from pathlib import Path
from typing import Any

import pytest

from tests.support import task_center
from tests.support.task_center import Center


class FakeProduct:
    """It runs, and nobody can sign in."""

    url = "http://127.0.0.1:9"
    killed = 0  # of all that were started

    @classmethod
    async def start(cls, *_: Any, **__: Any) -> "FakeProduct":
        return cls()

    def output(self) -> str:
        return "no link"

    async def kill(self) -> None:
        FakeProduct.killed += 1


async def test_a_gateway_that_nobody_can_sign_in_to_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task_center, "Product", FakeProduct)
    monkeypatch.setattr(FakeProduct, "killed", 0)
    with pytest.raises(KeyError):
        async with Center.running(tmp_path):
            pytest.fail("there is no link for the admin")
    assert FakeProduct.killed == 1
