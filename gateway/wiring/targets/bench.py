"""The bench of an aim: call mode or task mode, by its adapter."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from gateway.acd.kit.stands.real import Bench
from gateway.base.clock import Clock
from gateway.wiring.targets.aim import Aim
from gateway.wiring.targets.calls import call_bench
from gateway.wiring.targets.tasks import task_bench


@asynccontextmanager
async def open_bench(aim: Aim, clock: Clock, tell: Callable[[str], None]) -> AsyncIterator[Bench]:
    """The bench of that aim. `tell`: a line for people, such as where webhooks are to be sent.

    SetupError: `kit_target_queue`, `kit_target_call`, `kit_acd_kind`, `kit_secret`, `kit_settings`, `kit_listen`,
    `kit_unreachable`.
    """
    if aim.target.adapter == "tasks":
        async with task_bench(aim, clock, tell) as bench:
            yield bench
    else:
        async with call_bench(aim, clock) as bench:
            yield bench
