"""The stand before a real ACD: whatever cuts a scenario short, no adapter goes on talking to it."""

import asyncio
from collections.abc import Callable
from typing import cast

import pytest

from gateway.acd.kit.hands import NoHands
from gateway.acd.kit.stand import Act
from gateway.acd.kit.stands.real import Adapter, Bench, RealStand, trial
from gateway.acd.port import AcdCapabilities, AcdMode, AcdPort
from gateway.base.clock import SystemClock
from gateway.base.errors import SetupError
from tests.support.fake_acd import FakeAcd
from tests.support.servers import until


class SlowAdapter:
    """It takes a few steps of the loop to end."""

    def __init__(self) -> None:
        self.open = True

    def capabilities(self, queue: str) -> AcdCapabilities:
        return AcdCapabilities(
            mode=AcdMode.CALL,
            gives_position=False,
            gives_estimate=False,
            keeps_deadlines=True,
            max_attribute_bytes=None,
            takes_agent_state=False,
        )

    async def aclose(self) -> None:
        for _ in range(3):
            await asyncio.sleep(0)
        self.open = False


@pytest.mark.parametrize("turns", range(1, 7))
async def test_a_restart_that_is_cut_short_leaves_no_adapter(turns: int) -> None:
    built: list[SlowAdapter] = []

    async def open_(meet: Callable[[AcdPort], None]) -> Adapter:
        await asyncio.sleep(0)
        built.append(SlowAdapter())
        return cast("Adapter", built[-1])

    bench = Bench(adapter="sip", queue="kit", agents=(), open_=open_, may_restart=True, why_silent=lambda: None)
    stand = RealStand(bench, NoHands(), wait_s=1.0, patience_s=1.0)
    await stand.start(lambda port: None)
    restarting = asyncio.create_task(stand.do(Act.RESTART_GATEWAY))
    for _ in range(turns):
        await asyncio.sleep(0)
    restarting.cancel()
    await asyncio.gather(restarting, return_exceptions=True)
    await stand.aclose()
    assert [each.open for each in built] == [False] * len(built)


class SilentAcd(FakeAcd):
    """One of a real kind: it has an end."""

    async def aclose(self) -> None:
        """Nothing runs."""


@pytest.mark.parametrize("interrupted", [False, True])
async def test_a_trial_that_fails_leaves_no_contact_at_the_acd(interrupted: bool) -> None:
    """It took the contact, and said nothing of it."""
    acd = SilentAcd(AcdMode.TASK)

    async def open_(meet: Callable[[AcdPort], None]) -> Adapter:
        meet(acd)
        return cast("Adapter", acd)

    bench = Bench(adapter="tasks", queue="kit", agents=(), open_=open_, may_restart=False, why_silent=lambda: None)
    stand = RealStand(bench, NoHands(), wait_s=30.0 if interrupted else 0.05, patience_s=1.0)
    trying = asyncio.create_task(trial(stand, SystemClock()))
    if interrupted:
        await until(lambda: any(what[0] == "offer" for what in acd.told), what="it was offered")
        trying.cancel()
    with pytest.raises(asyncio.CancelledError if interrupted else SetupError):
        await trying
    assert [what[0] for what in acd.told if what[0] in ("offer", "cancel")] == ["offer", "cancel"]
