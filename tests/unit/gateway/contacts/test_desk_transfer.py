"""Blind transfers by our own means: the same contact, a new segment, and whoever gave it away is free."""

import pytest

from gateway.acd.events import AgentName, TargetKind, TransferFailed, TransferMode, Transferred, TransferTarget
from gateway.acd.port import AcdCapabilities, AcdMode
from gateway.base.errors import StateConflict
from gateway.base.ids import AgentId
from gateway.contacts.fold import segments
from gateway.parties import ContactAssigned, ContactChanged, HoldContact, OfferMade, QueuePlace, TransferContact
from tests.support.desk_rig import Agent, Customer, DeskRig
from tests.support.foreign_acd import TASK, ForeignAcd


async def in_call(rig: DeskRig) -> tuple[Customer, Agent]:
    anna = await rig.agent()
    customer = await rig.customer()
    await anna.answer()
    return customer, anna


async def test_a_contact_sent_to_a_queue_is_offered_there(rig: DeskRig) -> None:
    customer, anna = await in_call(rig)
    ben = await rig.agent("ben", queues=("support",))
    await rig.run(30)
    await anna.ask(TransferContact(kind="queue", target="support"))
    assert anna.now.state == "ready"
    assert anna.last(ContactChanged).state == "queued"
    assert ben.last(OfferMade).queue == "support"
    assert customer.leg_ids[-1] in rig.media.legs, "the customer's connection stays"
    await ben.answer()
    assert customer.state == "active"
    await rig.run(10)
    parts = segments(customer.events)
    assert [(part.agent_id, part.queue) for part in parts] == [(anna.agent_id, "sales"), (ben.agent_id, "support")]
    assert parts[0].talk_s == pytest.approx(30)
    assert customer.row.queue == "support"
    assert customer.row.agent_id == ben.agent_id


async def test_the_customer_waits_with_music_and_is_in_line_of_the_new_queue(rig: DeskRig) -> None:
    customer, anna = await in_call(rig)
    await anna.ask(TransferContact(kind="queue", target="support"))
    assert customer.state == "queued"
    assert customer.last(QueuePlace).queue_name == "Support"
    assert rig.recording.words()[-1] == "agent_lost", "nothing is written until the next agent"


async def test_who_was_sent_on_has_waited_since_then(rig: DeskRig) -> None:
    customer, anna = await in_call(rig)
    await rig.run(600)
    await anna.ask(TransferContact(kind="queue", target="support"))
    await rig.run(5)
    assert customer.last(QueuePlace).waited_s == 0.0, "told when they came into that line"
    board = rig.desk.board()
    assert next(queue for queue in board.queues if queue.queue == "support").longest_wait_s == 5.0
    ben = await rig.agent("ben", queues=("support",))
    assert ben.last(OfferMade).waited_s == 5.0


async def test_a_contact_on_hold_can_be_sent_on(rig: DeskRig) -> None:
    customer, anna = await in_call(rig)
    await anna.ask(HoldContact())
    await anna.ask(TransferContact(kind="queue", target="support"))
    assert customer.state == "queued"


async def test_a_contact_sent_to_an_agent_asks_for_that_agent() -> None:
    foreign = ForeignAcd()
    rig = DeskRig(foreign=foreign)
    await rig.start()
    anna, ben = await rig.agent(), await rig.agent("ben")
    customer = await task_call(rig, foreign, anna)
    await anna.ask(TransferContact(kind="agent", target=ben.agent_id))
    assert customer.state == "queued"
    assert foreign.words()[-3:] == ["end", "complete_wrap_up", "offer"]
    assert foreign.offers[customer.contact_id].preferred_agent == ben.agent_id
    assert foreign.offers[customer.contact_id].queue == "sales"
    await rig.stop()


async def task_call(rig: DeskRig, foreign: ForeignAcd, agent: Agent) -> Customer:
    customer = await rig.customer()
    await foreign.ring(customer.contact_id, agent.agent_id)
    await rig.rest()
    await agent.answer()
    return customer


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (TransferContact(kind="queue", target="nowhere"), "transfer_target_unknown"),
        (TransferContact(kind="agent", target="ag_nobody00"), "transfer_target_unknown"),
        (TransferContact(kind="agent", target="ag_anna0000"), "transfer_target_unknown"),
        (TransferContact(kind="agent", target="ag_ben00000"), "agent_not_ready"),
        (TransferContact(kind="number", target="+4930123456"), "transfer_unsupported"),
    ],
)
async def test_a_transfer_that_leads_nowhere_changes_nothing(
    rig: DeskRig, request_: TransferContact, code: str
) -> None:
    customer, anna = await in_call(rig)
    await rig.agent("ben", ready=False)
    assert await anna.try_to(request_) == code
    assert customer.state == "active"


async def test_a_contact_can_be_sent_on_only_from_a_call(rig: DeskRig) -> None:
    anna = await rig.agent()
    customer = await rig.customer()
    await anna.accept()
    assert await anna.try_to(TransferContact(kind="queue", target="support")) == "transfer_not_now"
    assert customer.state == "bridging"


async def test_a_queue_that_is_reached_by_phone_takes_no_video_call() -> None:
    foreign = ForeignAcd()
    rig = DeskRig(foreign=foreign)
    await rig.start()
    anna = await rig.agent()
    customer = await task_call(rig, foreign, anna)
    foreign.of_queue["support"] = AcdCapabilities(
        mode=AcdMode.CALL, gives_position=False, gives_estimate=False, keeps_deadlines=True, max_attribute_bytes=None
    )
    assert await anna.try_to(TransferContact(kind="queue", target="support")) == "transfer_unsupported"
    assert customer.state == "active"
    await rig.stop()


async def test_an_acd_that_transfers_by_itself_is_asked_and_says_when_it_has() -> None:
    foreign = ForeignAcd(TASK_TRANSFERS)
    rig = DeskRig(foreign=foreign)
    await rig.start()
    anna, ben = await rig.agent(), await rig.agent("ben")
    customer = await task_call(rig, foreign, anna)
    await anna.ask(TransferContact(kind="queue", target="support"))
    assert customer.state == "transferring"
    assert foreign.asked[-1] == (
        "transfer",
        TransferMode.BLIND,
        TransferTarget(kind=TargetKind.QUEUE, value="support"),
    )
    assert anna.now.state == "busy"
    foreign.say(customer.contact_id, Transferred(queue="support", agent=AgentName(ref="WK2")))
    await rig.rest()
    assert customer.state == "queued"
    assert foreign.words().count("offer") == 1, "it has the contact"
    await foreign.ring(customer.contact_id, ben.agent_id)
    await rig.rest()
    await ben.answer()
    assert ben.last(ContactAssigned).queue_name == "Support"
    assert customer.state == "active"
    await rig.stop()


@pytest.mark.parametrize("told_by_acd", [True, False])
@pytest.mark.parametrize("on_hold", [True, False])
async def test_a_transfer_that_fails_takes_the_customer_off_hold_at_the_acd_too(
    *, on_hold: bool, told_by_acd: bool
) -> None:
    foreign = ForeignAcd(TASK_TRANSFERS)
    rig = DeskRig(foreign=foreign)
    await rig.start()
    anna = await rig.agent()
    customer = await task_call(rig, foreign, anna)
    if on_hold:
        await anna.ask(HoldContact())
    await anna.ask(TransferContact(kind="queue", target="support"))
    if told_by_acd:
        foreign.say(customer.contact_id, TransferFailed(reason="busy"))
        await rig.rest()
    else:
        await rig.run(rig.settings.transfer_timeout.total_seconds() + 1)
    assert customer.state == "active"
    assert foreign.words().count("resume") == on_hold
    await rig.stop()


async def test_what_the_acd_cannot_transfer_is_transferred_by_our_own_means() -> None:
    foreign = ForeignAcd(TASK_TRANSFERS)
    rig = DeskRig(foreign=foreign)
    await rig.start()
    anna = await rig.agent()
    customer = await task_call(rig, foreign, anna)
    foreign.fail_next = StateConflict("transfer_unsupported", "That queue is another ACD's.")
    await anna.ask(TransferContact(kind="queue", target="support"))
    assert customer.state == "queued"
    assert foreign.words()[-4:] == ["transfer", "end", "complete_wrap_up", "offer"]
    assert foreign.offers[customer.contact_id].queue == "support"
    assert anna.now.state == "ready"
    await rig.stop()


async def test_those_who_can_be_given_a_contact_are_told_without_oneself(rig: DeskRig) -> None:
    anna = await rig.agent()
    await rig.agent("cleo", ready=False)
    await rig.agent("ben")
    gone = await rig.agent("dora")
    await gone.go()
    found = rig.desk.transfer_targets(anna.agent_id)
    assert [(each.display_name, each.ready) for each in found.agents] == [("Ben", True), ("Cleo", False)]
    assert ("support", "Support") in found.queues
    assert AgentId("ag_dora0000") not in [each.agent_id for each in found.agents]


async def test_nobody_is_sent_to_the_queue_of_robots_nor_shown_them(rig: DeskRig) -> None:
    customer, anna = await in_call(rig)
    await rig.agent("robot", queues=("canary",))
    await rig.agent("ben", queues=("canary", "sales"))
    found = rig.desk.transfer_targets(anna.agent_id)
    assert [queue for queue, _ in found.queues] == ["sales", "support"]
    assert [each.display_name for each in found.agents] == ["Ben"]
    assert await anna.try_to(TransferContact(kind="queue", target="canary")) == "transfer_target_unknown"
    assert customer.state == "active"


TASK_TRANSFERS = AcdCapabilities(
    mode=AcdMode.TASK,
    gives_position=TASK.gives_position,
    gives_estimate=TASK.gives_estimate,
    keeps_deadlines=True,
    max_attribute_bytes=None,
    transfers=frozenset({TransferMode.BLIND}),
)
