"""One fault after the other, in turn. Each returns when it is undone; what it did is in the log before it does it."""

import asyncio
import os
import random
import signal
import time
from collections.abc import Awaitable, Callable

from tests.bench.soak.record import Call, Fault, Log, Side
from tests.bench.soak.stage import Stage

CUT_S = (5.0, 25.0)
DISK_FULL_S = 20.0
REDIS_STOPPED_S = 10.0
REDIS_GONE_S = 2.0
WATCHED_S = 10.0
"""After a worker was killed the calls of the others are watched for so long."""


class Faults:
    """Chooses whom it hits by chance with a seed."""

    def __init__(self, stage: Stage, log: Log, chance: random.Random) -> None:
        self._stage = stage
        self._log = log
        self._chance = chance
        self.kinds: tuple[tuple[str, Callable[[], Awaitable[None]]], ...] = (
            ("worker_killed", self._kill_worker),
            ("cut", self._cut),
            ("reload", self._reload),
            ("disk_full", self._fill_disk),
            ("redis_stopped", self._stop_redis),
            ("redis_killed", self._kill_redis),
        )

    async def strike(self, turn: int) -> None:
        """The fault whose turn it is."""
        await self.kinds[turn % len(self.kinds)][1]()

    def _begin(self, kind: str, detail: str = "") -> Fault:
        fault = Fault(kind, time.monotonic(), detail=detail)
        self._log.faults.append(fault)
        return fault

    def _talking(self) -> list[Call]:
        return [call for call in self._log.calls if call.state == "active" and len(call.sides) == 2]

    def _somebody(self) -> tuple[Call, Side] | None:
        calls = self._talking()
        if not calls:
            return None
        call = self._chance.choice(calls)
        return call, self._chance.choice(list(call.sides.values()))

    async def _kill_worker(self) -> None:
        workers = self._stage.workers()
        if not workers:
            return
        pid = self._chance.choice(sorted(workers))
        hit = [call for call in self._talking() if any(s.robot.way.port in workers[pid] for s in call.sides.values())]
        spared = [call for call in self._talking() if call.clean and call not in hit]
        self._log.watched += len(spared)
        before = {id(call): _lost(call) for call in spared}
        fault = self._begin("worker_killed", f"{len(hit)} calls on it, {len(spared)} watched beside it")
        for call in hit:
            call.faults.append(fault)
        os.kill(pid, signal.SIGKILL)
        fault.until_s = time.monotonic()
        await asyncio.sleep(WATCHED_S)
        for call in spared:
            if len(call.sides) == 2 and not call.faults and (lost := _lost(call) - before[id(call)]):
                self._log.violate("others lose nothing through a killed worker", f"{call.contact_id}: {lost} packets")

    async def _cut(self) -> None:
        found = self._somebody()
        if found is None:
            return
        call, side = found
        for_s = self._chance.uniform(*CUT_S)
        fault = self._begin("cut", f"{side.name} of {call.contact_id} for {for_s:.0f} s")
        call.faults.append(fault)
        side.robot.cut()
        await asyncio.sleep(for_s)
        side.robot.mend()
        fault.until_s = time.monotonic()

    async def _reload(self) -> None:
        found = self._somebody()
        if found is None:
            return
        call, side = found
        fault = self._begin("reload", f"{side.name} of {call.contact_id}")
        call.faults.append(fault)
        await side.robot.reload()
        fault.until_s = time.monotonic()

    async def _fill_disk(self) -> None:
        if not self._stage.own_disk:
            return
        fault = self._begin("disk_full")
        await asyncio.to_thread(self._stage.fill_disk)
        await asyncio.sleep(DISK_FULL_S)
        await asyncio.to_thread(self._stage.empty_disk)
        fault.until_s = time.monotonic()

    async def _stop_redis(self) -> None:
        fault = self._begin("redis_stopped")
        self._stage.redis.pause()
        await asyncio.sleep(REDIS_STOPPED_S)
        self._stage.redis.resume()
        fault.until_s = time.monotonic()

    async def _kill_redis(self) -> None:
        fault = self._begin("redis_killed")
        await asyncio.to_thread(self._stage.redis.kill)
        await asyncio.sleep(REDIS_GONE_S)
        await asyncio.to_thread(self._stage.redis.start)
        fault.until_s = time.monotonic()


def _lost(call: Call) -> int:
    return sum(side.robot.leg.counts().lost for side in call.sides.values())
