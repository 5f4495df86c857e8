"""Connections come up over networks that lose, delay, reorder and duplicate."""

from dataclasses import replace

import pytest

from tests.support.setups import ROUGH, set_up_many


@pytest.mark.parametrize(("loss", "count", "at_least"), [(0.05, 30, 30), (0.15, 20, 18)])
async def test_set_up_succeeds_over_a_bad_network(loss: float, count: int, at_least: int) -> None:
    result = await set_up_many(count, replace(ROUGH, loss=loss), seed=11)
    assert len(result.took_s) >= at_least


async def test_set_up_survives_losses_in_bursts() -> None:
    result = await set_up_many(20, replace(ROUGH, burst_loss=0.05, burst_packets=4), seed=12)
    assert len(result.took_s) >= 19
