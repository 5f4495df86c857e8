"""A reminder is told at least once, under one id, and given up after a while."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from gateway.base.errors import PortFailure
from gateway.base.tasks import cancel_and_wait
from gateway.links.model import Link
from gateway.links.reminding import LEASE, MOST_ATTEMPTS, ReminderDeclined, Reminding, reminder_id
from tests.support.clock import FakeClock, at_rest
from tests.support.contracts.link_store import LINK


class OneLink:
    def __init__(self, link: Link) -> None:
        self.link = link
        self.fails = False

    async def reminders_due(self, now: datetime, limit: int) -> Sequence[Link]:
        due = self.link.remind_at is not None and self.link.remind_at <= now < self.link.closes_at
        return [self.link] if due else []

    async def put_reminder_off(self, link: Link, until: datetime | None, *, attempts: int) -> bool:
        if self.fails:
            raise PortFailure("records_unavailable", "gone")
        if link != self.link:
            return False
        self.link = replace(link, remind_at=until, reminders=attempts)
        return True


class Receiver:
    """Takes what comes once `failures` are used up."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.failures: list[PortFailure | ReminderDeclined] = []
        self.hangs: asyncio.Event | None = None

    async def remind(self, link: Link) -> None:
        self.ids.append(reminder_id(link))
        if self.hangs is not None:
            await self.hangs.wait()
        if self.failures:
            raise self.failures.pop()


AWAY = PortFailure("reminder_unreachable", "away")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def store(clock: FakeClock) -> OneLink:
    now = clock.now()
    times = {"made_at": now, "opens_at": now + timedelta(minutes=20), "closes_at": now + timedelta(hours=2)}
    return OneLink(replace(LINK, remind_at=now + timedelta(minutes=10), **times))


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
def alarms() -> list[str]:
    return []


@pytest.fixture
def reminding(store: OneLink, receiver: Receiver, clock: FakeClock, alarms: list[str]) -> Reminding:
    return Reminding(store=store, port=receiver, clock=clock, alarm=lambda code, _: alarms.append(code))


async def test_it_is_told_when_it_is_due_and_once(
    reminding: Reminding, store: OneLink, receiver: Receiver, clock: FakeClock
) -> None:
    assert await reminding.remind() == 0
    clock.advance(600)
    assert await reminding.remind() == 1
    assert await reminding.remind() == 0
    assert receiver.ids == ["rm_first0000"]
    assert store.link.remind_at is None


async def test_what_was_not_taken_is_told_again_under_the_same_id(
    reminding: Reminding, receiver: Receiver, clock: FakeClock, alarms: list[str]
) -> None:
    receiver.failures = [AWAY, AWAY]
    clock.advance(600)
    for told in (1, 0):
        assert await reminding.remind() == told
    clock.advance(15)
    assert await reminding.remind() == 1
    clock.advance(29)
    assert await reminding.remind() == 0
    clock.advance(1)
    assert await reminding.remind() == 1
    assert receiver.ids == ["rm_first0000"] * 3
    assert alarms == []


async def test_after_so_many_attempts_it_is_left_with_an_alarm(
    reminding: Reminding, store: OneLink, receiver: Receiver, clock: FakeClock, alarms: list[str]
) -> None:
    receiver.failures = [AWAY] * 50
    clock.advance(600)
    for _ in range(2 * MOST_ATTEMPTS):
        await reminding.remind()
        clock.advance(300)
    assert (len(receiver.ids), store.link.remind_at, alarms) == (MOST_ATTEMPTS, None, ["link_reminder_given_up"])


async def test_what_is_declined_is_not_told_again(
    reminding: Reminding, store: OneLink, receiver: Receiver, clock: FakeClock, alarms: list[str]
) -> None:
    receiver.failures = [ReminderDeclined("reminder_declined", "no")]
    clock.advance(600)
    await reminding.remind()
    assert (store.link.remind_at, alarms) == (None, ["link_reminder_given_up"])


async def test_nothing_is_told_that_another_node_tells_and_a_lost_note_tells_it_again(
    reminding: Reminding, store: OneLink, receiver: Receiver, clock: FakeClock
) -> None:
    clock.advance(600)
    seen = store.link
    store.link = replace(seen, remind_at=clock.now() + LEASE, reminders=1)  # another node has it
    await reminding._one(seen)
    assert receiver.ids == []
    clock.advance(LEASE.total_seconds())  # and died
    assert await reminding.remind() == 1
    assert receiver.ids == ["rm_first0000"]


async def test_a_node_that_stops_while_it_tells_one_hands_it_back(
    reminding: Reminding, store: OneLink, receiver: Receiver, clock: FakeClock
) -> None:
    clock.advance(600)
    receiver.hangs = asyncio.Event()
    stopping = asyncio.ensure_future(reminding.remind())
    await at_rest()
    assert receiver.ids == ["rm_first0000"]
    await cancel_and_wait(stopping)
    receiver.hangs = None
    assert store.link.reminders == 0, "it was not tried"
    assert await reminding.remind() == 1
    assert receiver.ids == ["rm_first0000"] * 2
    assert store.link.remind_at is None


class FullDisk:
    """It can be read, and nothing can be written."""

    def __init__(self) -> None:
        self.read = 0

    async def reminders_due(self, now: datetime, limit: int) -> Sequence[Link]:
        self.read += 1
        return [LINK] * limit

    async def put_reminder_off(self, link: Link, until: datetime | None, *, attempts: int) -> bool:
        raise PortFailure("records_unavailable", "full")


async def test_records_that_take_nothing_are_asked_again_after_a_pause(receiver: Receiver, clock: FakeClock) -> None:
    store = FullDisk()
    task = asyncio.create_task(
        Reminding(store=store, port=receiver, clock=clock, alarm=lambda code, detail: None).run()
    )
    await at_rest()
    assert store.read == 1
    await clock.run(15)
    assert store.read == 2
    await cancel_and_wait(task)
    assert receiver.ids == []
