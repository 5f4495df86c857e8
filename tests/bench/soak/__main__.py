"""The soak: `make soak`, or `python -m tests.bench.soak`; `plan.py` lists the variables it takes.

Exit 0 when every promise was kept. The folder with the product's logs is named at the end, and kept when one was not.
"""

import asyncio
import os
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

import uvloop

from gateway.canary.footage import footage
from gateway.canary.talk import CanaryFailure
from tests.bench.machine import RR_PRIORITY, cores
from tests.bench.soak.erasing import Eraser
from tests.bench.soak.faults import Faults
from tests.bench.soak.judge import judge_contact, judge_gaps, judge_log, judge_offers
from tests.bench.soak.people import Seat, visit
from tests.bench.soak.plan import CUSTOMERS, NETWORKS, SEATS, Plan
from tests.bench.soak.record import Call, Log
from tests.bench.soak.report import judge_vitals, print_report, summary
from tests.bench.soak.stage import Stage
from tests.bench.soak.watch import Vitals, watch_calls, watch_vitals
from tests.support.impairment import Impairment
from tests.support.robots import MediaNetwork, Robot

CLOSED_S = 240.0
SEALED_S = 300.0
ASK_S = 1.0
OVER = frozenset({"complete", "failed", "aborted", "limit_reached", "expired"})
KEPT = OVER - {"aborted", "expired"}
"""Of these there is something to erase."""

SPARE_SEATS = 5
ARRIVAL_S = 0.3


class Soak:
    """One run. Everybody's tasks are in one group; what they find is in the log."""

    _eraser: Eraser  # from `run` on

    def __init__(self, plan: Plan, stage: Stage) -> None:
        self.log = Log()
        self.vitals = Vitals()
        self._plan = plan
        self._stage = stage
        self._network = MediaNetwork(seed=plan.seed)
        self._chance = random.Random(plan.seed)
        self._until_s = 0.0

    async def run(self) -> None:
        plan = self._plan
        await asyncio.to_thread(footage)
        self._eraser = await Eraser.open(self._stage.product, self.log)
        self._until_s = time.monotonic() + plan.seconds
        background = [
            asyncio.create_task(each) for each in (watch_calls(self.log), watch_vitals(self._stage, self.vitals))
        ]
        seats = [asyncio.create_task(self._staff(number)) for number in range(plan.calls + SPARE_SEATS)]
        lines = [asyncio.create_task(self._line(number)) for number in range(plan.calls)]
        try:
            await self._trouble()
            await asyncio.gather(*lines)
        finally:
            for task in (*background, *seats, *lines):
                task.cancel()
            for ended in await asyncio.gather(*background, *seats, *lines, return_exceptions=True):
                if isinstance(ended, Exception):
                    self.log.violate("the soak itself runs", repr(ended))
            self._network.close()
            await self._eraser.close()

    # ------------------------------------------------------------ people

    async def _line(self, number: int) -> None:
        """One call after the other, until the time is over; what was begun is ended as usual."""
        await asyncio.sleep(number * ARRIVAL_S)
        while time.monotonic() < self._until_s:
            name = CUSTOMERS[len(self.log.calls) % len(CUSTOMERS)]
            call = Call(len(self.log.calls) + 1, name, self._chance.uniform(*self._plan.talk_s))
            self.log.calls.append(call)
            robot = await self._browser(f"customer-{call.number}", NETWORKS[name])
            try:
                await visit(robot, call, self.log, self._until_s)
            finally:
                await robot.leave()
            if call.refused:
                await asyncio.sleep(1)
            else:
                await self._afterwards(call)

    async def _staff(self, number: int) -> None:
        """Keep a seat taken for ever: a robot whose session is over signs in again, as a person would."""
        seat = Seat(number, SEATS[number % len(SEATS)], self.log)
        while True:
            robot = await self._browser(f"agent-{number}", NETWORKS[seat.network])
            try:
                await seat.serve(robot)
            except (CanaryFailure, OSError) as error:
                self.log.refusals[f"seat: {error}"[:80]] += 1
                await asyncio.sleep(1)
            finally:
                await robot.leave()

    async def _browser(self, name: str, way: Impairment) -> Robot:
        return await Robot.open(self._stage.product.url, self._stage.product.token, self._network, name, way)

    async def _afterwards(self, call: Call) -> None:
        """Wait for the contact and its recording to be over, as the API tells it, and judge them."""
        robot = await self._browser("auditor", Impairment())
        try:
            await self._when(robot, call, CLOSED_S, lambda contact: contact.get("state") == "closed")
            if call.active_s:
                over = lambda contact: (contact.get("recording") or {}).get("state") in OVER  # noqa: E731
                await self._when(robot, call, SEALED_S, over)
        finally:
            await robot.leave()
        judge_contact(self.log, call)
        recording = call.contact.get("recording") or {}
        if recording.get("state") in KEPT:
            await self._eraser.erase(recording["recording_id"])

    async def _when(self, robot: Robot, call: Call, limit_s: float, ready) -> None:
        end_s = time.monotonic() + limit_s
        while time.monotonic() < end_s:
            try:
                call.contact = await robot.ask("GET", f"/api/v1/contacts/{call.contact_id}")
            except (CanaryFailure, OSError):
                call.contact = call.contact or {}
            if ready(call.contact):
                return
            await asyncio.sleep(ASK_S)

    # ------------------------------------------------------------ trouble

    async def _trouble(self) -> None:
        """A fault whenever one is due, each begun on time and undone in its own."""
        faults = Faults(self._stage, self.log, random.Random(self._plan.seed))
        for turn in range(int(self._plan.seconds / self._plan.fault_every_s)):
            due_s = self._until_s - self._plan.seconds + (turn + 0.7) * self._plan.fault_every_s
            await asyncio.sleep(due_s - time.monotonic())
            await faults.strike(turn)
            last = self.log.faults[-1] if self.log.faults else None
            talking = sum(call.state == "active" for call in self.log.calls)
            say(f"{turn + 1:>3}  {last.kind if last else 'nothing'}  {last.detail if last else ''}  {talking} talking")
        await asyncio.sleep(self._until_s - time.monotonic())


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


async def soak(folder: Path) -> bool:
    """One soak in that folder; whether every promise was kept."""
    plan = Plan()
    stage = Stage(folder, plan)
    try:
        if plan.precedence == "rr":
            os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(RR_PRIORITY))
        os.sched_setaffinity(0, {cores()[0]})  # inherited by the product
        await stage.start()
        os.sched_setaffinity(0, {cores()[1]})
        run = Soak(plan, stage)
        await run.run()
        left = await stage.product.metric("visavis_contacts")
        if left:
            run.log.violate("no contact stays open", f"{left:.0f} contacts in the end")
        judge_offers(run.log)
        back = judge_gaps(run.log)
        judge_vitals(run.log, run.vitals)
        errors = judge_log(run.log, stage)
        print_report(summary(plan, run.log, run.vitals, back, errors), run.log)
        return not run.log.violations
    finally:
        await stage.close()


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="soak-"))
    kept = uvloop.run(soak(folder))
    if kept:
        shutil.rmtree(folder, ignore_errors=True)
        return
    say(f"the product's logs are in {folder}")
    sys.exit(1)


if __name__ == "__main__":
    main()
