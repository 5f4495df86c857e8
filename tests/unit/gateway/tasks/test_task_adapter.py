"""Task mode as a whole over a fake ACD: two-phase accept, echoes, refusals, contacts that come again."""

import pytest

from gateway.acd.events import (
    Accepted,
    AcdAgentState,
    ExitReason,
    Queued,
    QueueExit,
    Rejected,
    TargetKind,
    TransferMode,
    TransferTarget,
)
from gateway.acd.port import DeclineReason
from gateway.acd.tasks.ports import Answer, CallFailed
from gateway.base.errors import PortFailure, StateConflict
from gateway.base.ids import AgentId
from tests.support.clock import at_rest
from tests.support.task_rig import TaskRig, in_call, position, reserved


async def test_an_ordinary_contact_from_offer_to_wrap_up(rig: TaskRig) -> None:
    await rig.acd.set_agent_state(position())
    ref = await rig.offer(attributes={"order": "4711"})
    await rig.tell("queued", place=2, estimate_s=40)
    await rig.tell("reserved", reservation="r1", agent="WK1", deadline_s=15)
    offer = reserved(rig)
    assert (offer.agent_id, offer.deadline_s) == (AgentId("ag_1"), 15)
    await rig.acd.accept(ref, offer.offer_id)
    await rig.acd.confirm_media(ref, True)
    await rig.acd.hold(ref)
    await at_rest()
    await rig.acd.resume(ref)
    await rig.acd.end(ref, "agent_released")
    await rig.acd.complete_wrap_up(ref, "sale")
    await at_rest()
    assert rig.caller.commands == [
        "agent_state",
        "create",
        "accept",
        "media_confirmed",
        "held",
        "resumed",
        "ended",
        "wrapped_up",
    ]
    created = rig.caller.bodies[1]
    assert created["task"]["attributes"] == {"order": "4711"}
    assert created["task"]["claim_url"] == "https://video.test/agent/claim/7K3QXM2P"
    assert rig.caller.bodies[2]["reservation"] == "r1"
    assert rig.caller.bodies[-1]["disposition"] == "sale"
    assert rig.told == ["Queued", "Reserved"]
    assert rig.events[0].body == Queued(place=2, estimate_s=40.0)
    assert [event.seq for event in rig.events] == [1, 2]
    assert rig.store.rows == {}
    await rig.acd.aclose()
    assert rig.store.open == {}


async def test_an_agent_who_accepts_at_the_acd_is_told_and_our_media_confirm(rig: TaskRig) -> None:
    ref = await rig.offer()
    await rig.tell("reserved", reservation="r1", agent="WK1")
    await rig.tell("accepted", reservation="r1", agent="WK1")
    assert rig.told == ["Reserved", "Accepted"]
    await rig.acd.confirm_media(ref, True)
    await at_rest()
    assert rig.caller.commands == ["create", "media_confirmed"]


async def test_the_echo_of_our_own_accept_moves_nothing(rig: TaskRig) -> None:
    ref = await rig.offer()
    await rig.tell("reserved", reservation="r1", agent="WK1")
    await rig.acd.accept(ref, reserved(rig).offer_id)
    await rig.tell("accepted", reservation="r1", agent="WK1")
    assert rig.told == ["Reserved", "Unrecognised"]


async def test_an_accept_without_a_reservation_before_it_makes_one_up_and_marks_it(rig: TaskRig) -> None:
    await rig.offer()
    await rig.tell("accepted", reservation="r1", agent="WK1")
    assert rig.told == ["Reserved*", "Accepted"]
    assert isinstance(rig.events[-1].body, Accepted)
    assert rig.events[-1].body.offer_id == reserved(rig).offer_id


async def test_a_second_reservation_withdraws_the_first(rig: TaskRig) -> None:
    """One contact is offered to at most one agent at a time, whatever the ACD says."""
    await rig.offer()
    await rig.tell("reserved", reservation="r1", agent="WK1")
    await rig.tell("reserved", reservation="r2", agent="WK2")
    assert rig.told == ["Reserved", "Rejected*", "Reserved"]
    await rig.tell("no_answer", reservation="r1")
    assert rig.told[3:] == ["Unrecognised"]
    await rig.tell("no_answer", reservation="r2")
    assert rig.told[4:] == ["NoAnswer"]


async def test_a_declined_offer_is_told_with_its_reservation(rig: TaskRig) -> None:
    ref = await rig.offer()
    await rig.tell("reserved", reservation="r1", agent="WK1")
    await rig.acd.decline(ref, reserved(rig).offer_id, DeclineReason.NO_ANSWER)
    await rig.tell("rejected", reservation="r1")
    body = rig.caller.bodies[-1]
    assert (body["command"], body["reservation"], body["reason"]) == ("decline", "r1", "no_answer")
    assert rig.told == ["Reserved", "Unrecognised"]


async def test_a_customer_who_leaves_before_the_acd_could_be_reached_was_never_there(rig: TaskRig) -> None:
    rig.caller.usual = CallFailed("unreachable")
    ref = await rig.offer()
    await rig.acd.cancel(ref, "abandoned_in_queue")
    tried = len(rig.caller.calls)
    rig.caller.usual = Answer(status=200, body=b"{}")
    await rig.clock.run(60)
    assert len(rig.caller.calls) == tried
    assert rig.store.rows == {}


async def test_a_create_that_may_have_arrived_is_repeated_and_then_cancelled(rig: TaskRig) -> None:
    """A time-out says nothing: the task may be there. The same key makes the repetition harmless."""
    rig.caller.answers.append(CallFailed("timeout"))
    ref = await rig.offer()
    await rig.acd.cancel(ref, "abandoned_in_queue")
    await rig.clock.run(60)
    assert rig.caller.commands == ["create", "create", "cancel"]
    assert rig.caller.calls[0].idempotency_key == rig.caller.calls[1].idempotency_key


async def test_a_create_that_is_refused_lets_the_contact_go_unserved(rig: TaskRig) -> None:
    rig.caller.answers.append(Answer(status=422, body=b'{"code": 20001}'))
    await rig.offer()
    assert rig.told == ["QueueExit*"]
    assert rig.events[0].body == QueueExit(reason=ExitReason.REFUSED)
    (dead,) = await rig.store.dead(10)
    assert dead.cause == "http_422 20001"


async def test_an_accept_that_is_refused_gives_the_contact_back_to_the_line(rig: TaskRig) -> None:
    """The reservation was over at the ACD when our agent pressed the button."""
    ref = await rig.offer()
    await rig.tell("reserved", reservation="r1", agent="WK1")
    rig.caller.answers.append(Answer(status=410, body=b""))
    await rig.acd.accept(ref, reserved(rig).offer_id)
    await at_rest()
    assert rig.told == ["Reserved", "Rejected*"]
    assert isinstance(rig.events[-1].body, Rejected)
    await rig.tell("reserved", reservation="r2", agent="WK2")
    assert rig.told[2:] == ["Reserved"]


async def test_a_contact_that_must_not_be_offered_just_now_declines_by_itself(rig: TaskRig) -> None:
    ref = await rig.offer()
    await rig.acd.set_offerable(ref, False)
    await rig.tell("reserved", reservation="r1", agent="WK1")
    assert rig.told == ["Unrecognised"]
    assert rig.caller.commands == ["create", "offerable", "decline"]
    await rig.acd.set_offerable(ref, True)
    await rig.tell("reserved", reservation="r2", agent="WK1")
    assert rig.told == ["Unrecognised", "Reserved"]


async def test_the_acd_may_hold_end_and_wrap_up(rig: TaskRig) -> None:
    await in_call(rig)
    rig.events.clear()
    for event in ("held", "resumed", "ended", "wrap_up_started", "wrap_up_done"):
        await rig.tell(event, by="agent")
    assert rig.told == ["Held", "Resumed", "Ended", "WrapUpStarted", "WrapUpDone"]


async def test_an_end_that_was_not_told_is_made_up(rig: TaskRig) -> None:
    await in_call(rig)
    rig.events.clear()
    await rig.tell("wrap_up_done", disposition="sale")
    assert rig.told == ["Ended*", "WrapUpDone"]


async def test_a_lost_agent_sends_the_contact_back_to_the_line(rig: TaskRig) -> None:
    ref = await in_call(rig)
    await rig.acd.requeue(ref, "agent_lost")
    await rig.tell("reserved", reservation="r2", agent="WK2")
    assert rig.caller.commands[-1] == "requeue"
    assert rig.told[-1] == "Reserved"


async def test_a_transfer_is_asked_at_once_and_its_refusal_is_told(rig: TaskRig) -> None:
    ref = await in_call(rig)
    target = TransferTarget(kind=TargetKind.AGENT, value="ag_1")
    await rig.acd.transfer(ref, TransferMode.BLIND, target)
    assert rig.caller.bodies[-1]["target"] == {"mode": "blind", "kind": "agent", "value": "WK1"}
    rig.caller.answers.append(Answer(status=409, body=b""))
    with pytest.raises(StateConflict, match="transfer_refused"):
        await rig.acd.transfer(ref, TransferMode.BLIND, target)
    rig.caller.answers.append(CallFailed("timeout"))
    with pytest.raises(PortFailure):
        await rig.acd.transfer(ref, TransferMode.BLIND, target)
    await rig.tell("transferred", queue="service")
    assert rig.told[-1] == "Transferred"


async def test_an_agents_state_goes_both_ways_without_an_echo(rig: TaskRig) -> None:
    await rig.acd.set_agent_state(position())
    await at_rest()
    await rig.tell("agent_state", contact_id="", agent="WK1", state="not_ready", reason="lunch")
    (event,) = rig.agent_events
    assert (event.agent.agent_id, event.state, event.reason) == ("ag_1", AcdAgentState.NOT_READY, "lunch")
    await rig.acd.set_agent_state(position(state="not_ready"))
    await at_rest()
    assert rig.caller.commands == ["agent_state"]


async def test_new_contacts_are_refused_while_the_acd_is_away(rig: TaskRig) -> None:
    rig.caller.usual = CallFailed("unreachable")
    await rig.offer()
    await rig.acd.check()
    await rig.clock.run(20)
    with pytest.raises(PortFailure, match="acd_away"):
        await rig.acd.check()
    rig.caller.usual = Answer(status=200, body=b"{}")
    await rig.clock.run(70)
    await rig.acd.check()


async def test_new_contacts_are_refused_while_too_much_waits() -> None:
    async with TaskRig(outbox_limit=10) as rig:
        rig.caller.usual = CallFailed("timeout")
        for number in range(10):
            await rig.offer(f"ct_0000000{number}")
        with pytest.raises(PortFailure, match="acd_outbox_full"):
            await rig.acd.check()


async def test_a_contact_that_comes_again_while_its_end_is_still_on_its_way_becomes_a_new_task(rig: TaskRig) -> None:
    """An agent sends it on to a queue of the same ACD: what ends the former task is told first."""
    ref = await in_call(rig)
    await rig.acd.end(ref, "transfer")
    await rig.acd.complete_wrap_up(ref, None)
    await rig.offer(queue="service")
    assert rig.caller.commands[-3:] == ["ended", "wrapped_up", "create"]
    assert (rig.caller.bodies[-1]["task"]["queue"], rig.caller.bodies[-1]["task"]["round"]) == ("service", 2)
    rig.events.clear()
    await rig.tell("reserved", reservation="r2", agent="WK1", ref="ct_00000001")  # it goes by the name it had
    assert rig.told == ["Reserved"]


async def test_a_contact_that_comes_again_before_the_acd_could_be_reached_is_there_once(rig: TaskRig) -> None:
    """Cancelled and offered again while nothing gets through: the first task was never there, the second must be."""
    rig.caller.usual = CallFailed("unreachable")
    ref = await rig.offer()
    await rig.acd.cancel(ref, "resync")
    await rig.offer()
    rig.caller.usual = Answer(status=200, body=b"{}")
    tried = len(rig.caller.calls)
    await rig.clock.run(60)
    assert [body["command"] for body in rig.caller.bodies[tried:] if body["command"] != "look"] == ["create"]


async def test_an_event_of_the_former_task_of_a_contact_that_came_again_moves_nothing(rig: TaskRig) -> None:
    for name in (b"one", b"two"):
        rig.caller.answers.append(Answer(status=200, body=b'{"ref": "%s"}' % name))
        ref = await rig.offer()
        if name == b"one":
            await rig.acd.cancel(ref, "overflowed")
            await at_rest()
    await rig.tell("reserved", reservation="r1", ref="one")
    assert rig.told == []
    await rig.tell("reserved", reservation="r2", ref="two")
    assert rig.told == ["Reserved"]


async def test_who_talks_is_not_parted_when_the_accept_is_refused_late(rig: TaskRig) -> None:
    ref = await rig.offer()
    await rig.tell("reserved", reservation="r1", agent="WK1")
    rig.caller.answers += [CallFailed("timeout"), Answer(status=409, body=b"")]
    await rig.acd.accept(ref, reserved(rig).offer_id)
    await rig.acd.confirm_media(ref, True)
    await rig.clock.run(5)
    assert rig.told == ["Reserved"]
    await rig.acd.end(ref, "agent_released")
    await at_rest()
    assert rig.caller.commands[-1] == "ended"


async def test_who_took_the_customer_over_is_told_once_and_named_from_then_on(rig: TaskRig) -> None:
    await rig.acd.set_agent_state(position("ag_2", "WK2"))
    ref = await in_call(rig)
    await rig.acd.claimed(ref, AgentId("ag_2"))
    await rig.acd.claimed(ref, AgentId("ag_2"))
    await rig.acd.confirm_media(ref, True)
    await at_rest()
    (told,) = [body for body in rig.caller.bodies if body["command"] == "handed_over"]
    assert (told["from"], told["agent"], told["reservation"]) == ("WK1", "WK2", "r1")
    assert rig.caller.bodies[-1]["agent"] == "WK2"
    await rig.tell("transferred", agent="WK2")
    (seen,) = await rig.acd.contacts([ref])
    assert seen.agent is not None
    assert seen.agent.agent_id == AgentId("ag_2")
