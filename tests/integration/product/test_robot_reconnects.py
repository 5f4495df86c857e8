"""Robots that come back as browsers do, through the whole product: the same session, the same contact, media again."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from signaling.messages import (
    AcceptOffer,
    AgentState,
    Assigned,
    ContactState,
    HangUp,
    MenuChoice,
    MenuNode,
    Offer,
    QueuePosition,
    SetReady,
    WrapUpStarted,
)
from tests.support.impairment import Impairment
from tests.support.product import Product, contact_when, until
from tests.support.robots import MediaNetwork, Robot

BACK_S = 30.0


@pytest.fixture
async def product(tmp_path: Path) -> AsyncIterator[Product]:
    product = await Product.start(tmp_path)
    yield product
    await product.kill()


@pytest.fixture
async def call(product: Product) -> AsyncIterator[tuple[Robot, Robot]]:
    """(customer, agent), talking."""
    async with AsyncExitStack() as stack, asyncio.timeout(30):
        network = MediaNetwork()
        stack.callback(network.close)
        customer = await Robot.open(product.url, product.token, network, "customer", Impairment())
        stack.push_async_callback(customer.leave)
        agent = await Robot.open(product.url, product.token, network, "agent", Impairment())
        stack.push_async_callback(agent.leave)
        await agent.sit_down(0)
        await agent.talk.send(SetReady())
        await agent.talk.wait_for(AgentState, lambda state: state.state == "ready")
        await customer.enter()
        node = await customer.talk.wait_for(MenuNode, lambda node: bool(node.options))
        await customer.talk.send(MenuChoice(node_id=node.node_id, key=node.options[0].key))
        await customer.talk.wait_for(QueuePosition)
        await customer.join().connected.wait()
        offer = await agent.talk.wait_for(Offer)
        await agent.talk.send(AcceptOffer(offer_id=offer.offer_id))
        await agent.talk.wait_for(Assigned)
        await agent.join().connected.wait()
        await customer.talk.wait_for(ContactState, lambda state: state.state == "active")
        await both_hear(customer, agent)
        yield customer, agent
        await customer.talk.send(HangUp())
        await agent.talk.wait_for(WrapUpStarted)
        await agent.part()
        await contact_when(product, customer.contact_id, state="wrap_up")


async def both_hear(customer: Robot, agent: Robot) -> None:
    for robot in (customer, agent):
        await robot.leg.heard_since(robot.leg.counts(), BACK_S)


async def happens(condition: Callable[[], bool]) -> None:
    async def held() -> bool:
        return condition()

    await until(held, BACK_S)


async def test_a_robot_goes_on_after_a_lost_socket_and_after_a_reload(
    product: Product, call: tuple[Robot, Robot]
) -> None:
    customer, agent = call
    session, generation = customer.talk.session_id, customer.leg.generation
    customer.relay.reset()
    await happens(lambda: customer.talk.losses == 1)
    await customer.talk.ready()
    assert customer.talk.session_id == session
    assert customer.leg.generation == generation  # media did not notice
    await both_hear(customer, agent)
    await customer.reload()
    await happens(lambda: customer.leg.generation > generation)
    await both_hear(customer, agent)
    assert customer.talk.session_id == session
    assert await contact_when(product, customer.contact_id, state="active")


async def test_a_robot_whose_network_was_cut_is_heard_again_when_it_is_back(call: tuple[Robot, Robot]) -> None:
    customer, agent = call
    generation = agent.leg.generation
    agent.cut()
    await happens(lambda: agent.leg.generation > generation)  # its patience with silence is over
    heard = customer.leg.counts()
    await asyncio.sleep(0.3)
    assert customer.leg.counts().since(heard).audio_packets == 0
    agent.mend()
    await both_hear(customer, agent)
