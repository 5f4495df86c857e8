"""Lines go to the stream there is, not to the one there was when logging was set up."""

import io
import sys

import pytest

from gateway.base import log


def test_a_stream_that_was_closed_since_is_not_written_to(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = io.StringIO(), io.StringIO()
    monkeypatch.setattr(sys, "stderr", first)
    log.configure(json_lines=True)
    log.get_logger("here").info("one")
    first_line = first.getvalue()
    first.close()
    monkeypatch.setattr(sys, "stderr", second)
    log.get_logger("here").info("two")
    assert '"one"' in first_line
    assert '"two"' in second.getvalue()
