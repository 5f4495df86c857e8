"""Limits that stand in one another: who waits for an end waits longer than the end may take."""

from media import calls, engine
from media.voice import stack
from media.workers import supervise, worker


def test_a_process_has_time_to_end_in_order() -> None:
    """Killed while it closed, it left recordings without their last moments."""
    assert supervise.STOP_S > engine.CLOSE_S + worker.LAST_REPLIES_S
    assert engine.CLOSE_S > calls.CLOSE_S > stack.CLOSE_S
