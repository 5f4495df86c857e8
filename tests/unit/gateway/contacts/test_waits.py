"""Every state that waits has a deadline, and the deadline ends the wait."""

from collections.abc import AsyncIterator

import pytest

from gateway.acd.events import Connected
from gateway.contacts.states import CONSULTS, ContactState
from gateway.parties import ClaimContact, HoldContact, TransferContact
from tests.support.desk_rig import Customer, DeskRig
from tests.support.foreign_acd import CALL, ForeignAcd

FOREVER_S = 4.5 * 3600.0  # longer than the longest call


@pytest.fixture
async def rig(state: ContactState) -> AsyncIterator[DeskRig]:
    """With the ACD that leads to `state`."""
    at_acd = state in (ContactState.VOICE, ContactState.TRANSFERRING)
    rig = DeskRig(foreign=ForeignAcd(CALL) if at_acd else None)
    await rig.start()
    yield rig
    await rig.stop()


async def in_state(rig: DeskRig, state: ContactState) -> Customer:
    """A contact that waits in `state`, with nobody who does anything from now on."""
    if isinstance(rig.foreign, ForeignAcd):
        return await at_acd(rig, rig.foreign, state)
    match state:
        case ContactState.IN_MENU:
            return await rig.customer(site="shop")
        case ContactState.QUEUED:
            return await rig.customer()
    anna = await rig.agent()
    customer = await rig.customer()
    if state is ContactState.OFFERED:
        return customer
    await anna.accept()
    if state is ContactState.BRIDGING:
        return customer
    await anna.connect()
    if state in CONSULTS:
        ben = await rig.agent("ben")
        await anna.ask(TransferContact(kind="agent", target=ben.agent_id, consult=True))
        if state is ContactState.CONSULTING:
            await ben.answer()
    if state is ContactState.HELD:
        await anna.ask(HoldContact())
    if state is ContactState.WRAP_UP:
        await rig.run(rig.settings.max_duration.total_seconds())
    return customer


async def at_acd(rig: DeskRig, foreign: ForeignAcd, state: ContactState) -> Customer:
    anna = await rig.agent()
    customer = await rig.customer()
    if state is ContactState.VOICE:
        foreign.say(customer.contact_id, Connected())
        await rig.rest()
        return customer
    await anna.ask(ClaimContact(correlation=foreign.offers[customer.contact_id].correlation))
    await anna.connect()
    await anna.ask(TransferContact(kind="number", target="100"))
    return customer


WAITING_STATES = [state for state in ContactState if state not in (ContactState.INITIATED, ContactState.CLOSED)]


@pytest.mark.parametrize("state", WAITING_STATES)
async def test_a_contact_left_alone_closes_by_its_deadlines(rig: DeskRig, state: ContactState) -> None:
    customer = await in_state(rig, state)
    assert customer.events[-1].state == state
    await rig.run(FOREVER_S)
    assert customer.events[-1].name == "closed"
    assert rig.desk.live_contacts == 0
    assert rig.media.legs == {}
    assert rig.queues.tickets == {}


@pytest.mark.parametrize("state", WAITING_STATES)
async def test_a_contact_whose_customer_vanished_closes_within_a_grace_and_after_call_work(
    rig: DeskRig, state: ContactState
) -> None:
    customer = await in_state(rig, state)
    await customer.present(False)
    await rig.run(rig.settings.customer_grace.total_seconds() + rig.settings.wrap_up.total_seconds())
    assert customer.events[-1].name == "closed"


@pytest.mark.parametrize("state", [ContactState.QUEUED])
async def test_a_contact_of_an_engine_that_never_says_closed_ends_all_the_same(rig: DeskRig) -> None:
    rig.media.mute_closings = True
    customer = await rig.customer()
    await customer.present(False)
    await rig.run(rig.settings.customer_grace.total_seconds())
    assert customer.events[-1].name == "closed"
    assert len(rig.desk._actors) == 1
    await rig.run(7)
    assert len(rig.desk._actors) == 0
