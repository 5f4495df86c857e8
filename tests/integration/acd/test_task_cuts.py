"""Task mode after a cut, with a real gateway and people on it: who ends how, each once, and what is listed.

The ACD is a small TaskRouter; it restarts without a word, the gateway is killed, or nothing gets through either way
while both go on.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from signaling.messages import HangUp
from tests.support.product import until
from tests.support.task_center import STEP_S, Center


@pytest.fixture
async def center(tmp_path: Path) -> AsyncIterator[Center]:
    async with Center.running(tmp_path) as running:
        yield running


async def test_an_acd_that_lost_everything_gets_back_who_waits_and_parts_nobody(center: Center) -> None:
    """It was never away: that it knows none of them is seen when some of them are looked at."""
    router = center.router
    alex, sam = await center.agent("Alex"), await center.agent("Sam")
    accepted = await center.customer(1)
    await alex.accepts(await alex.rings(accepted))
    ringing = await center.customer(2)
    await sam.rings(ringing)
    queued = await center.customer(3)
    await until(lambda: _is(router.standing(accepted.contact_id)[0].status, "assigned"), STEP_S)
    await until(lambda: _is(any(method == "GET" for method, *_ in router.requests), True), STEP_S)
    router.forget()
    await center.listed(
        (accepted.contact_id, "connected", "gone", "unknown", "forgotten", "left"),
        (ringing.contact_id, "ringing", "gone", "unknown", "forgotten", "offered_again"),
        (queued.contact_id, "queued", "gone", "unknown", "forgotten", "offered_again"),
    )
    await alex.talks_to(accepted)
    for customer in (ringing, queued):
        await until(lambda one=customer: center._has_task(one.contact_id), STEP_S)
    offer = await sam.rings(ringing, queued)  # whose new task came first is as it happens
    served, waiting = (ringing, queued) if offer.contact_id == ringing.contact_id else (queued, ringing)
    await sam.accepts(offer)
    await sam.talks_to(served)
    for customer, agent in ((accepted, alex), (served, sam)):
        await customer.talk.send(HangUp())
        await agent.wraps_up()
        assert await customer.closed_once() == "completed"
    await waiting.talk.send(HangUp())
    assert await waiting.closed_once() == "abandoned_in_queue"
    assert [task.contact_id for task in router.tasks.values()].count(served.contact_id) == 1
    await center.closes(
        *(["completed" if one.contact_id == served.contact_id else "canceled"] for one in router.tasks.values())
    )


async def test_a_killed_gateway_ends_at_the_acd_what_it_had_there_once(center: Center) -> None:
    router = center.router
    alex = await center.agent("Alex")
    talking = await center.customer(1)
    await alex.accepts(await alex.rings(talking))
    await alex.talks_to(talking)
    queued = await center.customer(2)
    await until(lambda: _is(router.standing(talking.contact_id)[0].status, "assigned"), STEP_S)
    known = [customer for customer in (talking, queued) if await center.is_on_disk(customer)]
    await center.product.kill()
    await center.start()
    await center.listed(
        (talking.contact_id, "gone", "connected", "gateway_restarted", "kept", "withdrawn"),
        (queued.contact_id, "gone", "queued", "gateway_restarted", "kept", "withdrawn"),
    )
    for customer in known:  # what is younger than a batch of the records may be lost, but not at the ACD
        assert await customer.closed_once() == "gateway_restart"
    await center.closes(["completed"], ["canceled"])
    assert {task.reason for task in router.tasks.values()} == {"gateway_restart"}


async def test_after_a_split_in_which_both_sides_went_on_each_contact_ends_once(center: Center) -> None:
    router = center.router
    alex, sam = await center.agent("Alex"), await center.agent("Sam")
    cancelled_there = await center.customer(1)
    await alex.accepts(await alex.rings(cancelled_there))
    await alex.talks_to(cancelled_there)
    abandoned_here = await center.customer(2)
    await sam.rings(abandoned_here)
    missed = await center.customer(3)
    await until(lambda: _is(router.standing(cancelled_there.contact_id)[0].status, "assigned"), STEP_S)
    router.away = router.silent = True
    router.withdraw(cancelled_there.contact_id)
    router.answer(abandoned_here.contact_id, "accepted")
    router.available("somebody else")
    router.answer(missed.contact_id, "accepted")
    await abandoned_here.talk.send(HangUp())
    assert await abandoned_here.closed_once() == "abandoned_while_alerting"
    await until(lambda: _is_away(center), STEP_S)
    router.away = router.silent = False
    await center.listed(
        (cancelled_there.contact_id, "connected", "gone", "network", "forgotten", "left"),
        (missed.contact_id, "queued", "connected", "network", "answer_missed", "requeued"),
    )
    await until(lambda: _is(len(router.of(missed.contact_id)), 2), STEP_S)
    assert [task.closes for task in router.of(abandoned_here.contact_id)] == [["completed"]]
    assert await cancelled_there.state() == "active"
    await sam.accepts(await sam.rings(missed))
    await sam.talks_to(missed)
    for customer, agent in ((cancelled_there, alex), (missed, sam)):
        await customer.talk.send(HangUp())
        await agent.wraps_up()
        assert await customer.closed_once() == "completed"
    await until(lambda: _is(all(len(task.closes) == 1 for task in router.tasks.values()), True), STEP_S)
    assert [task.closes for task in router.of(missed.contact_id)] == [["completed"], ["completed"]]


async def _is(found: object, wanted: object) -> bool:
    return found == wanted


async def _is_away(center: Center) -> bool:
    return "acd.breaker" in center.product.errors() + center.product.output()
