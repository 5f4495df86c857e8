"""More than one at once."""

import asyncio

from gateway.acd.events import Reserved
from gateway.acd.kit.log import Missed
from gateway.acd.kit.room import Call, Room
from gateway.acd.kit.scenario import rings, scenario, we_answer
from gateway.acd.kit.stand import Hand

CROWD = 50


@scenario(when=(rings,))
async def one_agent_two_contacts(room: Room) -> None:
    """One agent is never rung for two contacts at once; the second one comes when the first is over."""
    first, second = await room.enter(), await room.enter()
    await room.ready(room.anna)
    await first.connect()
    await room.quiet()
    if second.rung() is not None:
        raise Missed("an agent in a call was rung for another contact")
    await first.end()
    await first.wrap_up()
    await room.ready(room.anna)
    await second.connect()


@scenario(when=(rings,))
async def two_agents_two_contacts(room: Room) -> None:
    """Two contacts ring at two agents, each at one of them."""
    first, second = await room.enter(), await room.enter()
    await room.ready(room.anna, room.ben)
    one, two = await first.rings(), await second.rings()
    if one.agent_id is not None and one.agent_id == two.agent_id:
        raise Missed("both contacts ring at the same agent")


@scenario(when=(we_answer,))
async def first_come_first_served(room: Room) -> None:
    """Of equal contacts the one that came first rings first."""
    calls = [await room.enter() for _ in range(3)]
    await room.ready(room.anna)
    order: list[Call] = []
    for _ in calls:
        call = await room.until(
            lambda: next((each for each in calls if each not in order and each.rung()), None), "the next offer"
        )
        order.append(call)
        await call.connect()
        await call.end()
        await call.wrap_up()
        await room.ready(room.anna)
    if order != calls:
        raise Missed("the contacts were not served in the order they came")


@scenario(hand=Hand.SIMULATOR)
async def fifty_leave(room: Room) -> None:
    """Fifty contacts wait and leave: each is closed once."""
    calls = [await room.enter() for _ in range(CROWD)]
    await asyncio.gather(*(call.cancel() for call in calls))
    await asyncio.gather(*(call.gone() for call in calls))


@scenario(when=(we_answer,), hand=Hand.SIMULATOR)
async def fifty_are_served(room: Room) -> None:
    """Fifty contacts and two agents: each is served once and by one of them."""
    calls = [await room.enter() for _ in range(CROWD)]
    served: set[Call] = set()
    await room.ready(room.anna, room.ben)
    while len(served) < len(calls):
        call = await room.until(
            lambda: next((each for each in calls if each not in served and each.rung()), None), "the next offer"
        )
        served.add(call)
        agent_id = (await call.rings()).agent_id
        await call.connect()
        await call.end()
        await call.wrap_up()
        await room.ready(agent_id or room.anna)
    if any(len(call.bodies(Reserved)) != 1 for call in calls):
        raise Missed("a contact was offered again though it was served")
