"""What a process that ended leaves, and what the next one makes of it: nothing is made twice, nothing stays open."""

import asyncio

import pytest

from gateway.acd.port import Phase
from gateway.acd.tasks.document import load_mapping
from gateway.acd.tasks.ports import Answer, Call, CallFailed, TaskRow
from gateway.base.ids import ContactId
from tests.support.clock import at_rest
from tests.support.memory_letters import MemoryLetters
from tests.support.task_rig import TaskRig, in_call


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


@pytest.mark.parametrize("steps", range(8))
async def test_a_stop_in_the_middle_of_writing_leaves_nothing_unwritten(steps: int) -> None:
    async with TaskRig() as rig:
        ref = await rig.offer(attributes={"basket": "1"})
        await rig.acd.update_attributes(ref, {"basket": "2"})
        for _ in range(steps):  # of the event loop: before, in and after the writing
            await asyncio.sleep(0)
    assert rig.store.open["acd", ContactId(ref)].task["attributes"] == {"basket": "2"}


async def test_a_closing_that_is_cut_short_is_done_by_the_next(rig: TaskRig, monkeypatch: pytest.MonkeyPatch) -> None:
    async def for_ever(_: object) -> None:
        await asyncio.get_running_loop().create_future()

    with monkeypatch.context() as patch:
        patch.setattr(rig.store, "put_task", for_ever)
        ref = await rig.offer()
        closing = asyncio.create_task(rig.acd.aclose())
        await at_rest()
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing
    assert not rig.caller.closed
    await rig.acd.aclose()
    assert rig.caller.closed
    assert ("acd", ContactId(ref)) in rig.store.open
