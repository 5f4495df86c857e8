"""Task mode as a whole over a fake ACD: two-phase accept, echoes, what is missing, what a restart leaves."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from gateway.acd.events import (
    Accepted,
    AcdAgentState,
    AcdRef,
    ExitReason,
    Queued,
    QueueExit,
    Rejected,
    Reserved,
    TargetKind,
    TransferMode,
    TransferTarget,
)
from gateway.acd.passes import PanelSeat
from gateway.acd.port import AgentPosition, CutCause, DeclineReason, Phase
from gateway.acd.tasks.document import load_mapping
from gateway.acd.tasks.figures import Durations, EventResult
from gateway.acd.tasks.ports import Answer, Call, CallFailed, TaskRow
from gateway.base.errors import BadInput, NotSignedIn, PortFailure, StateConflict
from gateway.base.ids import AgentId, ContactId
from gateway.metrics.tasks import TaskGauges
from tests.support.clock import at_rest
from tests.support.memory_letters import MemoryLetters
from tests.support.task_rig import TaskRig


@pytest.fixture
async def rig() -> AsyncIterator[TaskRig]:
    async with TaskRig() as made:
        yield made


def reserved(rig: TaskRig) -> Reserved:
    body = next(event.body for event in reversed(rig.events) if isinstance(event.body, Reserved))
    assert isinstance(body, Reserved)
    return body


def position(agent_id: str = "ag_1", ref: str = "WK1", state: str = "ready") -> AgentPosition:
    return AgentPosition(
        agent_id=AgentId(agent_id), queues=("sales",), state=state, reason=None, ready_since=None, ref=ref
    )


async def in_call(rig: TaskRig) -> AcdRef:
    """A contact that an agent took in our panel, with both sides connected."""
    await rig.acd.set_agent_state(position())
    ref = await rig.offer()
    await rig.tell("reserved", reservation="r1", agent="WK1")
    await rig.acd.accept(ref, reserved(rig).offer_id)
    await rig.acd.confirm_media(ref, True)
    await at_rest()
    return ref


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


async def test_a_repeated_event_comes_to_nothing(rig: TaskRig) -> None:
    await rig.offer()
    await rig.tell("reserved", reservation="r1", event_id="same")
    await rig.tell("reserved", reservation="r1", event_id="same")
    assert rig.told == ["Reserved"]


async def test_numbered_events_are_told_in_their_order(rig: TaskRig) -> None:
    await rig.offer()
    await rig.tell("accepted", reservation="r1", seq=3)
    await rig.tell("reserved", reservation="r1", seq=2)
    assert rig.told == []
    await rig.tell("queued", place=1, seq=1)
    assert rig.told == ["Queued", "Reserved", "Accepted"]


async def test_a_missing_event_is_waited_for_and_then_done_without(rig: TaskRig) -> None:
    await rig.offer()
    await rig.tell("accepted", reservation="r1", agent="WK1", seq=2)
    assert rig.told == []
    await rig.clock.run(2)
    assert rig.told == ["Reserved*", "Accepted"]
    await rig.tell("reserved", reservation="r1", seq=1)
    assert rig.told[2:] == ["Unrecognised"]
    assert rig.events[-1].body.name == "late: reserved"  # type: ignore[union-attr]


async def test_the_clock_of_the_other_side_is_kept_and_never_used(rig: TaskRig) -> None:
    await rig.offer()
    await rig.tell("queued", place=1, occurred_at="1999-12-31T23:59:59Z")
    event = rig.events[0]
    assert event.occurred_at.year == 1999
    assert event.received_at == rig.clock.now()


async def test_what_no_rule_knows_is_kept_with_its_name_and_raw_form(rig: TaskRig) -> None:
    await rig.offer()
    await rig.tell("coffee_break", agent="WK1", novelty={"a": [1]})
    event = rig.events[0]
    assert rig.told == ["Unrecognised"]
    assert event.body.name == "coffee_break"  # type: ignore[union-attr]
    assert event.raw["novelty"] == '{"a": [1]}'


async def test_an_event_of_a_contact_nobody_knows_is_counted_and_harmless(rig: TaskRig) -> None:
    await rig.tell("reserved", contact_id="ct_elsewhere", reservation="r1")
    assert rig.told == []
    assert rig.acd.unknown == 1


@pytest.mark.parametrize(
    "forged",
    [
        {"secret": "another secret of 16 bytes"},
        {"headers": {}},
        {"headers": {"Visavis-Signature": "v1=00", "Visavis-Timestamp": "1"}},
    ],
)
async def test_a_forged_webhook_is_refused_before_it_is_read(rig: TaskRig, forged: dict[str, Any]) -> None:
    with pytest.raises(NotSignedIn):
        rig.receive(b"{ no json at all", **forged)


@pytest.mark.parametrize(
    "body",
    [
        b"{ no json",
        b"[" * 100 + b"]" * 100,
        b'{"event": 1}',
        b'{"event_id": "e", "event": "x", "contact_id": "ct_1", "seq": "-1"}',
        b"\xff",
    ],
)
async def test_a_signed_body_that_can_not_be_read_is_bad_input(rig: TaskRig, body: bytes) -> None:
    with pytest.raises(BadInput):
        rig.receive(body)


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


async def test_a_snapshot_asks_the_acd_what_it_believes(rig: TaskRig) -> None:
    ref = await in_call(rig)
    rig.caller.answers.append(Answer(status=200, body=b'{"phase": "held"}'))
    (seen,) = await rig.acd.contacts([ref])
    assert seen.phase is Phase.HELD
    rig.caller.answers.append(Answer(status=404, body=b""))
    (seen,) = await rig.acd.contacts([ref])
    assert seen.phase is Phase.GONE
    rig.caller.answers.append(CallFailed("timeout"))
    with pytest.raises(PortFailure):
        await rig.acd.contacts([ref])


async def test_what_was_not_delivered_is_delivered_by_the_next_process() -> None:
    async with TaskRig() as rig:
        ref = await in_call(rig)
        rig.caller.usual = CallFailed("unreachable")
        await rig.acd.end(ref, "agent_released")
        await rig.acd.complete_wrap_up(ref, "sale")
        await at_rest()
        key = rig.caller.calls[-1].idempotency_key
    async with TaskRig(store=rig.store, clock=rig.clock) as after:
        await after.clock.run(5)
        assert after.caller.commands == ["ended", "wrapped_up"]
        assert after.caller.calls[0].idempotency_key == key
        assert after.caller.bodies[-1]["disposition"] == "sale"
    assert rig.store.rows == {}
    assert rig.store.open == {}


async def test_tasks_that_a_crash_left_open_are_ended_once() -> None:
    """The contacts died with the process: at the ACD the one in line is cancelled, the one in a call ended."""
    async with TaskRig() as rig:
        await in_call(rig)
        await rig.offer("ct_00000002")
    async with TaskRig(store=rig.store, clock=rig.clock) as after:
        await after.clock.run(5)
        told = {(body["contact_id"], body["command"]) for body in after.caller.bodies}
        assert told == {("ct_00000001", "ended"), ("ct_00000001", "wrapped_up"), ("ct_00000002", "cancel")}
        assert len(after.caller.calls) == 3
    async with TaskRig(store=rig.store, clock=rig.clock) as once_more:
        await once_more.clock.run(5)
        assert once_more.caller.calls == []


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


async def test_a_task_that_the_acd_has_lost_is_noticed_though_it_never_was_away(rig: TaskRig) -> None:
    doubts: list[CutCause] = []
    rig.acd.on_resync(doubts.append)
    await rig.offer()
    rig.caller.usual = Answer(status=200, body=b'{"phase": "queued"}')
    await rig.clock.run(65)
    assert rig.caller.commands[-2:] == ["look", "look"]
    assert doubts == []
    rig.caller.usual = Answer(status=404, body=b"")
    await rig.clock.run(95)
    assert doubts == [CutCause.UNKNOWN]  # what was told once is not told at every look


async def test_an_acd_that_never_said_how_far_a_task_is_has_lost_nothing(rig: TaskRig) -> None:
    """A bridge without `look` says that there is no such thing: nobody is offered twice for that."""
    doubts: list[CutCause] = []
    rig.acd.on_resync(doubts.append)
    ref = await rig.offer()
    rig.caller.usual = Answer(status=404, body=b"")
    await rig.clock.run(95)
    rig.caller.usual = Answer(status=400, body=b"")
    (seen,) = await rig.acd.contacts([ref])
    assert (seen.phase, doubts) == (Phase.QUEUED, [])


async def test_an_acd_that_says_it_restarted_is_compared_once(rig: TaskRig) -> None:
    doubts: list[CutCause] = []
    rig.acd.on_resync(doubts.append)
    for _ in range(2):
        await rig.tell("restarted", contact_id="", event_id="boot-1")
    assert doubts == [CutCause.ACD_RESTARTED]


async def test_a_refused_command_is_looked_into_but_not_without_end(rig: TaskRig) -> None:
    doubts: list[CutCause] = []
    rig.acd.on_resync(doubts.append)
    ref = await in_call(rig)
    rig.caller.usual = Answer(status=409, body=b"")
    for _ in range(3):
        await rig.acd.hold(ref)
        await at_rest()
        await rig.acd.resume(ref)
        await at_rest()
    assert doubts == [CutCause.UNKNOWN]


async def test_who_was_asked_of_while_their_letters_were_on_their_way_is_asked_of_afterwards(rig: TaskRig) -> None:
    doubts: list[CutCause] = []
    rig.acd.on_resync(doubts.append)
    ref = await in_call(rig)
    rig.caller.answers.append(CallFailed("timeout"))
    await rig.acd.hold(ref)
    await at_rest()
    (seen,) = await rig.acd.contacts([ref])
    assert (seen.phase, doubts) == (Phase.HELD, [])
    await rig.clock.run(5)
    assert doubts == [CutCause.UNKNOWN]


async def test_a_task_that_is_over_here_and_not_there_is_ended_there(rig: TaskRig) -> None:
    """The agent accepted at the ACD while the customer left: the cancel came too late."""
    ref = await rig.offer()
    rig.caller.answers.append(Answer(status=409, body=b""))
    await rig.acd.cancel(ref, "abandoned_in_queue")
    await at_rest()
    rig.caller.answers.append(Answer(status=200, body=b'{"phase": "connected"}'))
    (seen,) = await rig.acd.contacts([ref])
    assert seen.phase is Phase.CONNECTED
    rig.acd.align(seen)
    await rig.acd.end(ref, "resync")
    await rig.acd.complete_wrap_up(ref, None)
    await at_rest()
    assert rig.caller.commands[-2:] == ["ended", "wrapped_up"]


async def test_a_task_is_written_down_before_it_is_made_and_named_before_its_letter_goes(rig: TaskRig) -> None:
    """Wherever the process is killed, the next one knows what to end."""
    seen: list[tuple[bool, str]] = []
    call, drop = rig.caller.call, rig.store.drop_letter

    async def calling(asked: Call) -> Answer:
        seen.append((("acd", "ct_00000001") in rig.store.open, ""))
        await call(asked)
        return Answer(status=200, body=b'{"ref": "T1"}')

    async def dropping(letter_id: str) -> None:
        seen.append((True, rig.store.open["acd", ContactId("ct_00000001")].ref))
        await drop(letter_id)

    rig.caller.call = calling  # type: ignore[method-assign]
    rig.store.drop_letter = dropping  # type: ignore[method-assign]
    await rig.offer()
    assert seen == [(True, ""), (True, "T1")]


async def test_what_an_earlier_process_left_is_told() -> None:
    async with TaskRig() as rig:
        await in_call(rig)
        await rig.offer("ct_00000002")
    after = TaskRig(store=rig.store, clock=rig.clock)
    left: list[tuple[str, Phase, str]] = []
    after.acd.on_left_over(lambda seen, queue: left.append((seen.contact_id, seen.phase, queue)))
    async with after:
        await after.clock.run(1)
    assert sorted(left) == [("ct_00000001", Phase.CONNECTED, "sales"), ("ct_00000002", Phase.QUEUED, "sales")]


class FakePanels:
    """Claims that can be told apart by what they are for."""

    def claim(self, seat: PanelSeat, lasts_s: float) -> Mapping[str, object]:
        return {"url": f"https://video.test/#claim={seat.offer_id}", "token": seat.agent_id, "expires_s": int(lasts_s)}


async def test_who_accepts_at_the_desktop_gets_what_it_opens_our_panel_with() -> None:
    async with TaskRig(panels=FakePanels(), agents={"WK1": "ag_00000001"}) as rig:
        await rig.offer()
        await rig.tell("reserved", reservation="r1", agent="WK1")
        assert "panel" not in rig.caller.commands
        await rig.tell("accepted", reservation="r1", agent="WK1")
        sent = rig.caller.bodies[-1]
        assert (sent["command"], sent["agent"], sent["reservation"]) == ("panel", "WK1", "r1")
        offer_id = next(event.body.offer_id for event in rig.events if isinstance(event.body, Accepted))
        url = f"https://video.test/#claim={offer_id}"
        assert sent["claim"] == {"url": url, "token": "ag_00000001", "expires_s": 60}
        assert "claim=" not in str(rig.store.rows) + str(rig.store.open), "it is never in the records"


@pytest.mark.parametrize("since", [{"event": "transferred", "queue": "service"}, {"event": "ended"}])
async def test_a_claim_that_comes_too_late_to_be_sent_is_none(since: dict[str, str]) -> None:
    """The ACD was away; by then the task is in line again, or over."""
    async with TaskRig(panels=FakePanels(), agents={"WK1": "ag_00000001"}) as rig:
        await rig.offer()
        await rig.tell("reserved", reservation="r1", agent="WK1")
        rig.caller.usual = Answer(status=503, body=b"")
        await rig.tell("accepted", reservation="r1", agent="WK1")
        await rig.tell(**since)
        rig.caller.usual = Answer(status=200, body=b"{}")
        await rig.clock.run(2)
        assert [body["claim"]["url"] for body in rig.caller.bodies if body["command"] == "panel"][-1] == ""


async def test_without_a_desktop_no_claim_is_made(rig: TaskRig) -> None:
    await rig.offer()
    await rig.tell("accepted", reservation="r1", agent="WK1")
    assert "panel" not in rig.caller.commands
    assert not rig.acd.capabilities().opens_panels


async def test_a_creation_that_a_kill_cut_off_is_looked_for_before_it_is_made_again() -> None:
    """Where the ACD knows no idempotency key, a second request would be a second task that nobody ever closes."""
    mapping = load_mapping("taskrouter", {"workspace": "WS", "workflow": "WW"})
    rig = TaskRig(mapping=mapping, variables={"workspace": "WS", "workflow": "WW"})
    killed = MemoryLetters()
    call = rig.caller.call

    async def calling(asked: Call) -> Answer:
        killed.rows, killed.open = dict(rig.store.rows), dict(rig.store.open)
        return await call(asked)

    rig.caller.call = calling  # type: ignore[method-assign]
    async with rig:
        await rig.offer()
    assert [asked.method for asked in rig.caller.calls] == ["POST"]
    after = TaskRig(mapping=mapping, store=killed, clock=rig.clock, variables={"workspace": "WS", "workflow": "WW"})
    after.caller.answers.append(Answer(status=200, body=b'{"tasks": [{"sid": "WT1"}]}'))
    async with after:
        await after.clock.run(1)
    asked = [(each.method, each.path.partition("?")[0].rpartition("/")[2]) for each in after.caller.calls]
    assert asked == [("GET", "Tasks"), ("POST", "WT1"), ("POST", "WT1")]


async def test_what_came_of_letters_and_events_is_counted(rig: TaskRig) -> None:
    rig.caller.answers += [CallFailed("timeout"), Answer(status=200, body=b"{}")]
    ref = await rig.offer()
    await rig.clock.run(5)
    await rig.tell("reserved", reservation="r1", event_id="same", seq=2)
    await rig.tell("reserved", reservation="r1", event_id="same", seq=2)
    await rig.clock.run(5)
    for event in ({"event": "offered", "seq": 1}, {"event": "danced"}, {"event": "queued", "contact_id": "ct_9"}):
        await rig.tell(**event)  # type: ignore[arg-type]
    await rig.tell("agent_state", contact_id="", agent="WK1", state="ready")
    with pytest.raises(BadInput):
        rig.receive(b"[")
    with pytest.raises(NotSignedIn):
        rig.receive({"event_id": "x"}, secret="another secret of the two")
    rig.caller.answers.append(Answer(status=409, body=b""))
    await rig.acd.accept(ref, reserved(rig).offer_id)
    await at_rest()
    figures = rig.acd.figures()
    assert (figures.tasks, figures.waiting, figures.sent, figures.failed, figures.dead) == (1, 0, 1, 1, 1)
    assert figures.is_open is False
    assert dict(figures.events) == {
        EventResult.TAKEN: 2,
        EventResult.REPEATED: 1,
        EventResult.LATE: 1,
        EventResult.UNKNOWN_EVENT: 1,
        EventResult.UNKNOWN_CONTACT: 1,
        EventResult.UNREADABLE: 1,
        EventResult.NOT_SIGNED: 1,
    }
    registry = CollectorRegistry()
    TaskGauges(registry, {"acd": rig.acd.figures})
    assert registry.get_sample_value("visavis_task_letters_total", {"acd": "acd", "result": "dead"}) == 1
    assert registry.get_sample_value("visavis_task_events_total", {"acd": "acd", "result": "late"}) == 1
    assert registry.get_sample_value("visavis_task_call_seconds_count", {"acd": "acd"}) == 3


def test_a_histogram_counts_what_was_no_longer_than_each_bound() -> None:
    calls = Durations()
    for seconds in (0.05, 0.3, 60.0):
        calls.add(seconds)
    assert [count for _, count in calls.buckets()] == [1, 1, 1, 2, 2, 2, 2, 2, 3]


async def test_nothing_is_made_at_the_acd_before_it_is_written_down(rig: TaskRig) -> None:
    """However slow the records are: a process that is killed now leaves nothing there that the next does not know."""
    slow, put = asyncio.Event(), rig.store.put_task

    async def putting(row: TaskRow) -> None:
        await slow.wait()
        await put(row)

    rig.store.put_task = putting  # type: ignore[method-assign]
    await rig.offer()
    assert rig.caller.calls == []
    slow.set()
    await at_rest()
    assert rig.caller.commands == ["create"]
