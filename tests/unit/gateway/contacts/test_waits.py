"""Every state that waits has a deadline, and the deadline ends the wait."""

import pytest

from gateway.contacts.states import ContactState
from gateway.parties import HoldContact
from tests.support.desk_rig import Customer, DeskRig

FOREVER_S = 4.5 * 3600.0  # longer than the longest call


async def in_state(rig: DeskRig, state: ContactState) -> Customer:
    """A contact that waits in `state`, with nobody who does anything from now on."""
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
    if state is ContactState.HELD:
        await anna.ask(HoldContact())
    if state is ContactState.WRAP_UP:
        await rig.run(rig.settings.max_duration.total_seconds())
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


async def test_a_contact_of_an_engine_that_never_says_closed_ends_all_the_same(rig: DeskRig) -> None:
    rig.media.mute_closings = True
    customer = await rig.customer()
    await customer.present(False)
    await rig.run(rig.settings.customer_grace.total_seconds())
    assert customer.events[-1].name == "closed"
    assert len(rig.desk._actors) == 1
    await rig.run(7)
    assert len(rig.desk._actors) == 0
