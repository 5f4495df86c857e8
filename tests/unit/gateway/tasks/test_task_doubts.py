"""Both sides compared: what the ACD has lost, refuses or goes on with."""

import asyncio

import pytest

from gateway.acd.port import CutCause, Phase
from gateway.acd.tasks.ports import Answer, Call, CallFailed
from gateway.base.errors import PortFailure
from tests.support.clock import at_rest
from tests.support.task_rig import TaskRig, in_call


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


async def test_who_looks_at_many_and_gets_no_answer_to_one_asks_for_no_other(
    rig: TaskRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Questions that nobody waits for went on behind everybody's back, also when the gateway had closed."""
    refs = [await rig.offer(f"ct_0000000{number}") for number in range(1, 6)]
    answer = rig.caller.call
    rig.caller.answers.append(CallFailed("timeout"))

    async def call(asked: Call) -> Answer:
        if len(rig.caller.calls) > len(refs):  # the first look fails, the others wait
            await asyncio.Event().wait()
        return await answer(asked)

    monkeypatch.setattr(rig.caller, "call", call)
    before = asyncio.all_tasks()
    with pytest.raises(PortFailure):
        await rig.acd.contacts(refs)
    assert asyncio.all_tasks() == before


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
