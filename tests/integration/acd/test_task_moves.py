"""A contact that goes from one agent to the next, by the ACD's hand or by ours: a real gateway, and people on it."""

from pathlib import Path

from signaling.messages import (
    AcceptOffer,
    AgentState,
    Assigned,
    CompleteTransfer,
    ContactState,
    HangUp,
    Offer,
    Transfer,
    WrapUp,
    WrapUpStarted,
)
from tests.support.product import until
from tests.support.task_center import STEP_S, Center


async def test_who_gets_it_from_a_colleague_at_the_acd_opens_it_with_a_claim_and_it_ends_once(tmp_path: Path) -> None:
    async with Center.running(tmp_path, "https://desk.example") as center:
        router = center.router
        alex, sam = await center.agent_at_desktop("Alex"), await center.agent_at_desktop("Sam")
        customer = await center.customer(1)
        router.available(alex.agent_id)
        first = await alex.opens(await alex.takes(customer))
        await customer.sees_agent()

        router.transfer(customer.contact_id, sam.agent_id)
        claim = await sam.takes(customer)
        await router.said()
        assert await customer.state() == "active", "until the claim is opened it is the first agent's"
        second = await sam.opens(claim)
        await first.wait_for(AgentState, lambda state: state.state != "busy")
        await customer.sees_agent()
        journal = (await center.contact(customer.contact_id))["journal"]
        bridged = [event["data"]["agent_id"] for event in journal if event["name"] == "bridged"]
        assert bridged == [alex.agent_id, sam.agent_id]

        await second.send(HangUp())
        await second.wait_for(WrapUpStarted)
        await second.send(WrapUp(disposition="resolved"))
        assert await customer.closed_once() == "completed"
        await center.closes(["completed"])
        assert router.booked == {}


async def test_a_colleague_who_was_asked_and_took_over_is_the_one_who_is_booked(tmp_path: Path) -> None:
    async with Center.running(tmp_path) as center:
        router = center.router
        alex, sam = await center.agent("Alex"), await center.agent("Sam")
        customer = await center.customer(1)
        await alex.accepts(await alex.rings(customer))
        await alex.talks_to(customer)
        await until(lambda: _is_booked(center, alex.agent_id), STEP_S)

        await alex.talk.send(Transfer(kind="agent", target=sam.agent_id, consult=True))
        offer = await sam.talk.wait_for(Offer)
        await sam.talk.send(AcceptOffer(offer_id=offer.offer_id))
        await sam.talk.wait_for(Assigned)
        await sam.talks()
        await alex.talk.wait_for(ContactState, lambda state: state.state == "consulting")
        await alex.talk.send(CompleteTransfer())
        await customer.sees_agent()
        await until(lambda: _is_booked(center, sam.agent_id), STEP_S)

        other = await center.customer(2)
        await alex.accepts(await alex.rings(other))
        await customer.talk.send(HangUp())
        await sam.wraps_up()
        assert await customer.closed_once() == "completed"
        await until(lambda: _is_booked(center, alex.agent_id), STEP_S)
        assert [task.closes for task in router.of(customer.contact_id)] == [["completed"], ["completed"]]


async def _is_booked(center: Center, *agent_ids: str) -> bool:
    return sorted(center.router.booked) == sorted(agent_ids)
