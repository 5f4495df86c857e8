"""Telling the CRM outside: the timeline's own outbox, emptied at the pace the CRM takes it.

At least once, and with one id, so that a repetition is harmless there. Not taken: again after a pause that doubles up
to `LAST_PAUSE_S`; declined, or not taken for `give_up`: left for a person, with an alarm. Full, over the limit: the
oldest are left for a person. Nothing here is in the way of a contact.
"""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from random import Random
from typing import Final, Protocol

from gateway.base.clock import Clock
from gateway.base.errors import GatewayError, PortFailure
from gateway.base.log import get_logger
from gateway.base.tasks import claimed
from gateway.crm.port import CrmDeclined, CrmPort, Delivery, InteractionRecords
from gateway.crm.writing import woken_or_later

_log = get_logger("crm")

BATCH: Final = 8  # told at once
EVERY_S: Final = 10.0
LEASE: Final = timedelta(minutes=2)  # a node that died while it told one: another tells it again after this
FIRST_PAUSE_S: Final = 2.0
LAST_PAUSE_S: Final = 600.0
_COUNT_EVERY_S: Final = 60.0

Alarm = Callable[[str, str], None]
"""`(code, detail)` for the board and the log."""


class OutsideCrm(CrmPort, Protocol):
    """A CRM that is left alone for a while when it fails again and again."""

    def rests_s(self) -> float:
        """Seconds until it may be asked; 0 now."""
        ...


class Telling:
    """The task that tells. `told` wakes it up."""

    def __init__(
        self,
        *,
        interactions: InteractionRecords,
        outside: OutsideCrm,
        told: asyncio.Event,
        clock: Clock,
        rng: Random,
        give_up: timedelta,
        limit: int,
        alarm: Alarm,
    ) -> None:
        self._interactions = interactions
        self._outside = outside
        self._told = told
        self._clock = clock
        self._rng = rng
        self._give_up = give_up
        self._limit = limit
        self._alarm = alarm
        self._counted_s = float("-inf")
        self._failing = False
        self._pause_s = EVERY_S  # until the first of those that were put off is due again
        self.waiting = 0  # as last counted
        self.delivered = 0
        self.given_up = 0

    async def run(self) -> None:
        """For a task of its own; runs until cancelled."""
        while True:
            self._told.clear()
            self._pause_s = EVERY_S
            try:
                await self._count()
                if await self.tell() == BATCH:
                    continue
            except PortFailure as error:
                _log.warning("crm.outbox_unreadable", code=error.code)
            rests_s = self._outside.rests_s()
            if rests_s:  # what wakes us now could not be told either
                await self._clock.sleep_until(self._clock.monotonic() + max(0.1, min(EVERY_S, rests_s)))
            else:
                await woken_or_later(self._told, self._clock, self._pause_s)

    async def tell(self) -> int:
        """Tell what is due, a batch at most; how many were tried, 0 when the records did not take what became of one:
        then the same would be due at once. PortFailure: they can't be read."""
        if self._outside.rests_s():
            return 0
        due = await self._interactions.due(self._clock.now(), 1 if self._failing else BATCH)
        async with asyncio.TaskGroup() as group:
            telling = [group.create_task(self._tell_one(delivery)) for delivery in due]
        return len(due) if all(task.result() for task in telling) else 0

    async def _tell_one(self, delivery: Delivery) -> bool:
        """Whether the records took what became of it."""
        interaction_id = delivery.interaction.interaction_id
        try:
            async with claimed(
                self._interactions.claim(delivery, self._clock.now() + LEASE),
                lambda: self._interactions.put_off(interaction_id, delivery.due_at, ""),
            ) as got_it:
                if got_it:
                    await self._tell(delivery)
        except PortFailure as error:  # of our own records: the lease ends, and it is told again under the same id
            _log.warning("crm.delivery_not_noted", interaction_id=interaction_id, code=error.code)
            return False
        return True

    async def _tell(self, delivery: Delivery) -> None:
        """Tell one that is ours, and note what became of it. PortFailure: of our own records."""
        interaction_id = delivery.interaction.interaction_id
        try:
            await self._outside.log([delivery.interaction], delivery.visit)
        except CrmDeclined as error:
            await self._left(interaction_id, error.code)
        except GatewayError as error:
            self._failing = True
            await self._put_off(delivery, error)
        else:
            self._failing = False
            self.delivered += 1
            await self._interactions.delivered(interaction_id)

    async def _put_off(self, delivery: Delivery, error: GatewayError) -> None:
        now = self._clock.now()
        if now - delivery.first_due_at >= self._give_up:
            await self._left(delivery.interaction.interaction_id, error.code)
            return
        pause_s = min(LAST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(delivery.attempts, 20))
        asked_s = error.fields.get("retry_after_s")
        if isinstance(asked_s, int | float):
            pause_s = min(LAST_PAUSE_S, max(pause_s, asked_s))
        pause_s *= self._rng.uniform(0.8, 1.2)  # those that failed together need not come back together
        self._pause_s = min(self._pause_s, pause_s)
        until = now + timedelta(seconds=pause_s)
        await self._interactions.put_off(delivery.interaction.interaction_id, until, error.code)

    async def _left(self, interaction_id: str, code: str) -> None:
        self.given_up += 1
        _log.error("crm.given_up", interaction_id=interaction_id, code=code)
        self._alarm("crm_given_up", f"The CRM did not take an interaction: {code} ({interaction_id}).")
        await self._interactions.give_up(interaction_id, code)

    async def _count(self) -> None:
        """How many wait, once a minute; those over the limit are left for a person."""
        now_s = self._clock.monotonic()
        if now_s - self._counted_s < _COUNT_EVERY_S:
            return
        self.waiting = await self._interactions.waiting()
        self._counted_s = now_s
        over = self.waiting - self._limit
        if over > 0:
            self.given_up += over
            self._alarm("crm_outbox_full", f"{over} interactions wait too long for the CRM and are left for a person.")
            await self._interactions.give_up_oldest(over, "crm_outbox_full")
            self.waiting = self._limit
