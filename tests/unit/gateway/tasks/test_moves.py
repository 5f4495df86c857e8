"""A contact that somebody has, while the ACD speaks of another agent: its own transfer, and the booking of ours."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.acd.events import Accepted, AcdRef, Ended, Reserved
from gateway.acd.passes import PanelSeat
from gateway.acd.port import AgentPosition, ContactOffer, DeclineReason, Phase
from gateway.acd.tasks.mapping import Told
from gateway.acd.tasks.moves import answer, come, handed_over, next_one
from gateway.acd.tasks.ports import Answer
from gateway.acd.tasks.task import IN_CALL, Heard, Task
from gateway.acd.tasks.told import tell
from gateway.base.ids import AgentId, ContactId
from tests.support.clock import FakeClock, at_rest
from tests.support.task_rig import TaskRig, native

ANNA, BEN = AgentId("ag_0000anna"), AgentId("ag_00000ben")
AGENTS = {"WK1": str(ANNA), "WK2": str(BEN)}


class Panels:
    """Claims, with the seat that each opens."""

    def __init__(self) -> None:
        self.seats: list[PanelSeat] = []

    def claim(self, seat: PanelSeat, lasts_s: float) -> Mapping[str, object]:
        self.seats.append(seat)
        return {"url": f"https://video.test/#claim={seat.offer_id}", "token": seat.agent_id, "expires_s": int(lasts_s)}


def ringing(hand_over: bool = True) -> Any:
    """The native mapping of an ACD that rings at whom it is told to book."""
    return replace(native(), abilities=replace(native().abilities, hand_over_rings=hand_over))


async def talking(rig: TaskRig) -> AcdRef:
    """With Anna, who accepted at the ACD; what was told so far is put away."""
    ref = await rig.offer()
    await rig.tell("reserved", reservation="r1", agent="WK1")
    await rig.tell("accepted", reservation="r1", agent="WK1")
    await rig.acd.confirm_media(ref, True)
    await at_rest()
    rig.events.clear()
    rig.caller.calls.clear()
    return ref


async def to_ben(rig: TaskRig) -> None:
    await rig.tell("reserved", reservation="r2", agent="WK2")
    await rig.tell("accepted", reservation="r2", agent="WK2")


# ---------------------------------------------------------------- the ACD's own transfer


async def test_the_next_agents_reservation_brings_a_claim_and_the_contact_stays_until_it_is_opened() -> None:
    panels = Panels()
    async with TaskRig(panels=panels, agents=AGENTS) as rig:
        ref = await talking(rig)
        await to_ben(rig)
        assert rig.told == ["Transferring*"], "the one who has it keeps it"
        (sent,) = rig.caller.bodies
        assert (sent["command"], sent["agent"], sent["reservation"]) == ("panel", "WK2", "r2")
        assert (sent["claim"]["token"], panels.seats[-1].agent_id) == (BEN, BEN)
        assert rig.acd.panel_opens(panels.seats[-1])
        assert rig.told == ["Transferring*", "Transferred*", "Reserved*", "Accepted*"]
        reserved, accepted = rig.events[2].body, rig.events[3].body
        assert isinstance(reserved, Reserved)
        assert isinstance(accepted, Accepted)
        assert (reserved.agent_id, reserved.offer_id) == (BEN, panels.seats[-1].offer_id)
        assert accepted.offer_id == reserved.offer_id
        assert not rig.acd.panel_opens(panels.seats[-1]), "once"
        await rig.acd.confirm_media(ref, True)
        await at_rest()
        assert rig.caller.bodies[-1] == {**rig.caller.bodies[-1], "command": "media_confirmed", "agent": "WK2"}
        await rig.tell("ended", by="agent")
        await rig.tell("ended", by="agent")
        assert [event for event in rig.told if event.startswith("Ended")] == ["Ended"]


async def test_a_repeated_acceptance_brings_no_second_claim() -> None:
    async with TaskRig(panels=Panels(), agents=AGENTS) as rig:
        await talking(rig)
        await to_ben(rig)
        await rig.tell("accepted", reservation="r2", agent="WK2")
        await rig.tell("transferred", agent="WK2")
        assert rig.caller.commands == ["panel"]
        assert "Transferred" not in rig.told


async def test_a_desktop_that_opens_no_panel_has_the_contact_at_once(rig_without: TaskRig) -> None:
    rig = rig_without
    await talking(rig)
    await rig.tell("transferred", agent="WK2")
    assert rig.told == ["Transferred", "Reserved*", "Accepted*"]
    assert rig.events[1].body.agent_id == BEN  # type: ignore[union-attr]
    assert rig.events[-1].attempt == 2


async def test_an_agent_who_does_not_take_it_leaves_it_where_it_is(rig_without: TaskRig) -> None:
    rig = rig_without
    ref = await talking(rig)
    await rig.tell("reserved", reservation="r2", agent="WK2")
    await rig.tell("no_answer", reservation="r2")
    assert rig.told == ["Transferring*", "TransferFailed*"]
    await rig.acd.requeue(ref, "agent_lost")
    await at_rest()
    assert rig.caller.commands == ["requeue"]


async def test_an_agent_whom_nobody_knows_here_parts_nobody(rig_without: TaskRig) -> None:
    rig = rig_without
    ref = await talking(rig)
    await rig.tell("transferred", agent="WK9")
    assert rig.told == ["Unrecognised"]
    (seen,) = await rig.acd.contacts([ref])
    assert (seen.phase, seen.agent and seen.agent.ref) == (Phase.CONNECTED, "WK1")


async def test_who_loses_the_one_that_is_transferring_goes_on_to_the_next() -> None:
    """The desktop of the first closed its frame: the ACD has chosen already, and is not asked to choose again."""
    async with TaskRig(panels=Panels(), agents=AGENTS) as rig:
        ref = await talking(rig)
        await to_ben(rig)
        await rig.acd.requeue(ref, "agent_lost")
        await at_rest()
        assert rig.told == ["Transferring*", "Reserved*", "Accepted*"]
        assert rig.caller.commands == ["panel"]


async def test_who_loses_the_one_that_is_transferring_rings_at_the_next(rig_without: TaskRig) -> None:
    rig = rig_without
    ref = await talking(rig)
    await rig.tell("reserved", reservation="r2", agent="WK2")
    await rig.acd.requeue(ref, "agent_lost")
    assert rig.told == ["Transferring*", "Reserved*"]
    await rig.tell("accepted", reservation="r2", agent="WK2")
    assert rig.told[2:] == ["Accepted"]


async def test_a_claim_of_another_offer_moves_nothing() -> None:
    panels = Panels()
    async with TaskRig(panels=panels, agents=AGENTS) as rig:
        await talking(rig)
        first = panels.seats[-1]
        await to_ben(rig)
        assert not rig.acd.panel_opens(first)
        await rig.tell("ended")
        assert not rig.acd.panel_opens(panels.seats[-1]), "over"
        assert rig.told == ["Transferring*", "Ended"]


async def test_while_the_next_agent_rings_the_acd_is_not_doubted(rig_without: TaskRig) -> None:
    rig = rig_without
    ref = await talking(rig)
    await rig.tell("reserved", reservation="r2", agent="WK2")
    rig.caller.answers.append(Answer(status=200, body=b'{"phase": "ringing"}'))
    (seen,) = await rig.acd.contacts([ref])
    assert seen.phase is Phase.CONNECTED


async def test_an_offer_that_was_accepted_there_and_is_declined_here_goes_back_in_line(rig_without: TaskRig) -> None:
    """Nobody is here who could have it."""
    rig = rig_without
    ref = await talking(rig)
    await rig.tell("transferred", agent="WK2")
    offer_id = rig.events[-1].body.offer_id  # type: ignore[union-attr]
    await rig.acd.decline(ref, offer_id, DeclineReason.WITHDRAWN)
    await at_rest()
    assert rig.caller.commands == ["media_failed"]
    await rig.tell("reserved", reservation="r3", agent="WK1")
    assert rig.told[-1] == "Reserved"


# ---------------------------------------------------------------- booked by our hand


async def test_the_reservation_of_who_took_over_is_accepted_for_them_and_told_to_nobody() -> None:
    async with TaskRig(mapping=ringing(), agents=AGENTS) as rig:
        ref = await talking(rig)
        await rig.acd.claimed(ref, BEN)
        for event in ({"event": "queued", "place": 1}, {"event": "reserved", "reservation": "r2", "agent": "WK2"}):
            await rig.tell(**event)  # type: ignore[arg-type]
        await rig.tell("accepted", reservation="r2", agent="WK2")
        assert [(body["command"], body["agent"]) for body in rig.caller.bodies] == [
            ("handed_over", "WK2"),
            ("accept", "WK2"),
        ]
        assert rig.caller.bodies[1]["reservation"] == "r2"
        await rig.acd.end(ref, "agent_released")
        await at_rest()
        assert rig.caller.commands[-1] == "ended"
        assert rig.told == ["Unrecognised"], "the echo of our own acceptance is written down"


async def test_while_a_colleague_has_it_nobody_else_gets_it() -> None:
    async with TaskRig(mapping=ringing(), agents=AGENTS | {"WK3": "ag_00000cyn"}) as rig:
        ref = await talking(rig)
        await rig.acd.claimed(ref, BEN)
        await rig.tell("reserved", reservation="r3", agent="WK3")
        assert (rig.caller.commands[-1], rig.caller.bodies[-1]["reservation"]) == ("decline", "r3")
        assert rig.told == ["Unrecognised"]


async def test_what_ends_for_the_first_agent_is_not_the_contacts_end() -> None:
    """They complete the task at their desktop, out of habit, before the second one is booked."""
    async with TaskRig(mapping=ringing(), agents=AGENTS) as rig:
        ref = await talking(rig)
        await rig.acd.claimed(ref, BEN)
        await rig.tell("ended", by="agent")
        await rig.tell("wrap_up_done")
        (seen,) = await rig.acd.contacts([ref])
        assert (rig.told, seen.phase) == (["Unrecognised", "Unrecognised"], Phase.CONNECTED)


async def test_a_contact_that_ends_before_its_booking_is_cancelled_there() -> None:
    async with TaskRig(mapping=ringing(), agents=AGENTS) as rig:
        ref = await talking(rig)
        await rig.acd.claimed(ref, BEN)
        await rig.acd.end(ref, "agent_released")
        await rig.acd.complete_wrap_up(ref, None)
        await at_rest()
        assert rig.caller.commands == ["handed_over", "cancel", "wrapped_up"]


async def test_a_booking_that_is_refused_leaves_it_with_the_first_agent_there() -> None:
    async with TaskRig(mapping=ringing(), agents=AGENTS) as rig:
        ref = await talking(rig)
        rig.caller.answers.append(Answer(status=409, body=b""))
        await rig.acd.claimed(ref, BEN)
        await at_rest()
        await rig.acd.end(ref, "agent_released")
        await at_rest()
        assert rig.caller.commands[-1] == "ended"


async def test_a_booking_that_a_restart_interrupts_is_cancelled() -> None:
    rig = TaskRig(mapping=ringing(), agents=AGENTS)
    async with rig:
        await rig.acd.claimed(await talking(rig), BEN)
        await at_rest()
    async with TaskRig(mapping=ringing(), store=rig.store, clock=rig.clock) as after:
        await after.clock.run(1)
        assert after.caller.commands == ["cancel"]


# ---------------------------------------------------------------- whatever the ACD says

_TOLD = [each for each in Told if each not in (Told.AGENT_STATE, Told.RESTARTED, Told.IGNORED)]
_HEARD = st.tuples(st.sampled_from(_TOLD), st.sampled_from(["", "r1", "r2", "r3"]), st.sampled_from(["", *AGENTS, "?"]))
_OURS = st.sampled_from(["come", "lost", "handed"])


@given(st.lists(st.one_of(_HEARD, _OURS), max_size=14), st.booleans(), st.booleans())
def test_whatever_is_said_a_contact_is_offered_before_it_is_accepted_and_ends_once(
    steps: list[Any], by_claim: bool, to_be_booked: bool
) -> None:
    queued_at = FakeClock().now()
    task = Task(
        offer=ContactOffer(
            contact_id=ContactId("ct_1"), site="s", queue="q", language="en", priority=0, queued_at=queued_at
        )
    )
    for told in (Told.RESERVED, Told.ACCEPTED):
        tell(task, _heard(told, "r1", "WK1"))
    offered = {task.offer_id}
    ends = 0
    for step in steps:
        if step == "come":
            said = come(task)
        elif step == "lost":
            said = next_one(task)
        elif step == "handed":
            said = []
            if task.phase in IN_CALL and task.agent is not None:
                handed_over(task, task.agent, to_be_booked=to_be_booked)
        else:
            heard = _heard(*step)
            answer(task, heard)
            said = tell(task, heard, by_claim=by_claim)
        for each in said:
            if isinstance(each.body, Reserved):
                assert each.body.offer_id not in offered
                offered.add(each.body.offer_id)
            if isinstance(each.body, Accepted):
                assert each.body.offer_id in offered
            ends += isinstance(each.body, Ended)
        assert task.phase in IN_CALL or (task.coming, task.booking) == (None, None) or task.phase is Phase.WRAP_UP
    assert ends <= 1


def _heard(told: Told, reservation: str, agent: str) -> Heard:
    known = AgentId(AGENTS[agent]) if agent in AGENTS else None
    return Heard(told=told, fields={"reservation": reservation, "agent": agent}, agent_id=known, name=told.value)


@pytest.fixture
async def rig_without() -> Any:
    """Its agents have panels of their own."""
    async with TaskRig(agents=AGENTS) as made:
        for ref, agent_id in AGENTS.items():
            await made.acd.set_agent_state(
                AgentPosition(
                    agent_id=AgentId(agent_id), queues=(), state="ready", reason=None, ready_since=None, ref=ref
                )
            )
        await at_rest()
        yield made
