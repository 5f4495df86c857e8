"""Several ACDs behind one port: commands and events find their way, and one that is away harms no other."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from gateway.acd.events import (
    AcdAgentState,
    AcdEvent,
    AcdRef,
    AgentEvent,
    AgentName,
    Ended,
    Offered,
    Queued,
    TargetKind,
    TransferMode,
    TransferTarget,
    Unrecognised,
)
from gateway.acd.events import Party as By
from gateway.acd.port import AcdMode, AgentPosition, ContactOffer, CutCause, DeclineReason, Phase
from gateway.acd.router import AGENT_RETRY_S, AcdRouter, adapter_of
from gateway.base.errors import PortFailure, StateConflict
from gateway.base.ids import AgentId, ContactId, OfferId
from tests.support.clock import FakeClock, at_rest
from tests.support.fake_acd import NOON, FakeAcd

ANNA, OFFER = AgentId("ag_anna0000"), OfferId("of_1")


class Rig:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.own = FakeAcd(AcdMode.OWN)
        self.phone = FakeAcd(AcdMode.CALL)
        self.idle = FakeAcd(AcdMode.TASK, takes_agent_state=False)
        self.events: list[AcdEvent] = []
        self.alarms: list[str] = []
        self.router = AcdRouter(
            {"own": self.own, "phone": self.phone, "idle": self.idle},
            {"chat": "own", "sales": "phone"},
            default="own",
            clock=self.clock,
            on_alarm=lambda code, detail: self.alarms.append(f"{code} {detail}"),
        )
        self.router.on_event(self.events.append)

    async def offer(self, contact: str = "ct_one", queue: str = "sales") -> AcdRef:
        return await self.router.offer(
            ContactOffer(
                contact_id=ContactId(contact), site="shop", queue=queue, language="en", priority=0, queued_at=NOON
            )
        )


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    rig = Rig()
    yield rig
    await rig.router.aclose()


def position(state: str = "ready", agent_id: AgentId = ANNA) -> AgentPosition:
    return AgentPosition(agent_id=agent_id, queues=("sales",), state=state, reason=None, ready_since=NOON)


async def test_each_queue_is_served_by_the_acd_it_names_and_an_unnamed_one_by_the_default(rig: Rig) -> None:
    assert rig.router.capabilities("sales").mode is AcdMode.CALL
    assert rig.router.capabilities("chat").mode is AcdMode.OWN
    assert rig.router.capabilities("canary").mode is AcdMode.OWN
    await rig.offer(queue="sales")
    assert rig.phone.told == [("offer", "ct_one")]
    await rig.offer("ct_robot", queue="canary")
    assert rig.own.told == [("offer", "ct_robot")]


COMMANDS: list[tuple[str, Callable[[AcdRouter, AcdRef], Awaitable[None]]]] = [
    ("update_attributes", lambda router, ref: router.update_attributes(ref, {"a": "b"})),
    ("set_offerable", lambda router, ref: router.set_offerable(ref, False)),
    ("cancel", lambda router, ref: router.cancel(ref, "abandoned")),
    ("accept", lambda router, ref: router.accept(ref, OFFER)),
    ("decline", lambda router, ref: router.decline(ref, OFFER, DeclineReason.DECLINED)),
    ("claimed", lambda router, ref: router.claimed(ref, ANNA)),
    ("confirm_media", lambda router, ref: router.confirm_media(ref, True)),
    ("hold", lambda router, ref: router.hold(ref)),
    ("resume", lambda router, ref: router.resume(ref)),
    ("requeue", lambda router, ref: router.requeue(ref, "agent_lost")),
    (
        "transfer",
        lambda router, ref: router.transfer(
            ref, TransferMode.BLIND, TransferTarget(kind=TargetKind.QUEUE, value="chat")
        ),
    ),
    ("end", lambda router, ref: router.end(ref, "normal")),
    ("complete_wrap_up", lambda router, ref: router.complete_wrap_up(ref, "resolved")),
]


@pytest.mark.parametrize(("name", "command"), COMMANDS, ids=[name for name, _ in COMMANDS])
async def test_a_command_goes_to_the_acd_that_took_the_contact_with_its_own_ref(
    rig: Rig, name: str, command: Callable[[AcdRouter, AcdRef], Awaitable[None]]
) -> None:
    """By the ref alone: a router that never saw the offer (after a restart) finds it as well."""
    await command(rig.router, AcdRef("phone:at-ct_one:with:colons"))
    assert [what[:2] for what in rig.phone.told] == [(name, "at-ct_one:with:colons")]
    assert rig.own.told == []


async def test_the_ref_of_an_acd_that_was_taken_out_of_the_settings_is_a_failure_of_that_contact(rig: Rig) -> None:
    with pytest.raises(PortFailure) as failed:
        await rig.router.end(AcdRef("sold:at-ct_one"), "normal")
    assert failed.value.code == "acd_unknown"


async def test_events_carry_the_ref_that_commands_take(rig: Rig) -> None:
    ref = await rig.offer()
    rig.phone.say("ct_one", Offered())
    assert rig.events[0].acd_ref == ref
    assert adapter_of(ref) == "phone"


async def test_the_numbers_of_a_contact_go_on_when_it_moves_to_another_acd(rig: Rig) -> None:
    await rig.offer(queue="sales")
    rig.phone.say("ct_one", Offered(), seq=1)
    rig.phone.say("ct_one", Queued(place=1), seq=2)
    await rig.offer(queue="chat")
    rig.own.say("ct_one", Queued(place=4), seq=1)
    assert [event.seq for event in rig.events] == [1, 2, 3]


async def test_what_the_last_acd_still_says_of_a_contact_that_moved_on_moves_nothing(rig: Rig) -> None:
    """Otherwise the first ACD's end of a transferred call would end the call at the second."""
    await rig.offer(queue="sales")
    await rig.offer(queue="chat")
    rig.phone.say("ct_one", Ended(by=By.ACD, reason="transfer"))
    rig.own.say("ct_one", Queued(place=1))
    assert [event.body for event in rig.events] == [Unrecognised(name="Ended of phone"), Queued(place=1)]


async def test_a_contact_is_taken_while_one_acd_that_serves_a_queue_answers(rig: Rig) -> None:
    rig.phone.away = True
    await rig.router.check()
    rig.own.away = True
    with pytest.raises(PortFailure):
        await rig.router.check()


async def test_an_acd_that_serves_no_queue_is_not_asked(rig: Rig) -> None:
    await rig.router.check()
    assert (rig.own.checked, rig.phone.checked, rig.idle.checked) == (1, 1, 0)


async def test_without_queues_the_default_is_asked(rig: Rig) -> None:
    router = AcdRouter(
        {"own": rig.own, "phone": rig.phone}, {}, default="own", clock=FakeClock(), on_alarm=lambda *_: None
    )
    rig.own.away = True
    with pytest.raises(PortFailure):
        await router.check()


async def test_an_acd_that_hangs_is_taken_for_away(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    async def for_ever() -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr("gateway.acd.router.CHECK_TIMEOUT_S", 0.01)
    monkeypatch.setattr(rig.phone, "check", for_ever)
    await rig.router.check()
    rig.own.away = True
    with pytest.raises(PortFailure):
        await rig.router.check()


async def test_agents_are_told_to_every_acd_that_takes_them(rig: Rig) -> None:
    await rig.router.set_agent_state(position())
    await at_rest()
    assert [len(acd.positions) for acd in (rig.own, rig.phone, rig.idle)] == [1, 1, 0]


async def test_an_acd_that_takes_no_agent_state_now_is_an_alarm_and_holds_up_no_other(rig: Rig) -> None:
    rig.phone.away = True
    await rig.router.set_agent_state(position())
    await at_rest()
    assert len(rig.own.positions) == 1
    assert rig.alarms == ["acd_failed Agents' states can't be told to the ACD phone: fake_away."]


async def test_an_acd_that_is_back_is_told_the_newest_state_of_each_agent(rig: Rig) -> None:
    rig.phone.away = True
    for state in ("ready", "not_ready"):
        await rig.router.set_agent_state(position(state))
        await rig.clock.run(AGENT_RETRY_S)
    await rig.router.set_agent_state(position("ready", AgentId("ag_ben00000")))
    rig.phone.away = False
    await rig.clock.run(AGENT_RETRY_S)
    assert [(each.agent_id, each.state) for each in rig.phone.positions] == [
        (ANNA, "not_ready"),
        ("ag_ben00000", "ready"),
    ]
    assert len(rig.alarms) == 1


async def test_a_state_that_is_refused_for_good_is_not_told_again(rig: Rig) -> None:
    async def refuse(_: AgentPosition) -> None:
        raise StateConflict("cti_unsupported", "No such agent.")

    rig.phone.set_agent_state = refuse  # type: ignore[method-assign]
    await rig.router.set_agent_state(position())
    await rig.clock.run(AGENT_RETRY_S * 3)
    assert rig.alarms == ["acd_failed The ACD phone took no agent's state: cti_unsupported."]


async def test_a_slow_acd_is_told_the_newest_state_of_each_agent_only(rig: Rig) -> None:
    gate = asyncio.Event()
    told: list[str] = []

    async def slowly(position: AgentPosition) -> None:
        await gate.wait()
        told.append(position.state)

    rig.phone.set_agent_state = slowly  # type: ignore[method-assign]
    for state in ("ready", "not_ready", "wrap_up", "ready", "logged_off"):
        await rig.router.set_agent_state(position(state))
        await at_rest()
    gate.set()
    await at_rest()
    assert told == ["ready", "logged_off"]
    assert [each.state for each in rig.own.positions][-1] == "logged_off"


async def test_agents_events_of_every_acd_are_heard(rig: Rig) -> None:
    heard: list[AgentEvent] = []
    rig.router.on_agent_event(heard.append)
    event = AgentEvent(
        event_id="ev_1",
        agent=AgentName(ref="PJSIP/1"),
        state=AcdAgentState.READY,
        reason=None,
        occurred_at=NOON,
        received_at=NOON,
        source="fake",
    )
    rig.phone.say_of_agent(event)
    rig.idle.say_of_agent(event)
    assert heard == [event, event]


async def test_a_cut_is_told_with_the_name_of_the_acd(rig: Rig) -> None:
    cuts: list[tuple[str, CutCause]] = []
    rig.router.on_resync(lambda name, cause: cuts.append((name, cause)))
    rig.phone.back(CutCause.NETWORK)
    assert cuts == [("phone", CutCause.NETWORK)]


async def test_snapshots_of_contacts_come_from_each_acd_in_the_order_asked(rig: Rig) -> None:
    rig.phone.phases[ContactId("ct_a")] = Phase.RINGING
    rig.own.phases[ContactId("ct_b")] = Phase.HELD
    refs = [AcdRef("own:at-ct_b"), AcdRef("phone:at-ct_a"), AcdRef("sold:at-ct_c"), AcdRef("own:at-ct_d")]
    seen = await rig.router.contacts(refs)
    assert [(each.acd_ref, each.phase) for each in seen] == [
        ("own:at-ct_b", Phase.HELD),
        ("phone:at-ct_a", Phase.RINGING),
        ("own:at-ct_d", Phase.GONE),
    ]


async def test_snapshots_leave_out_an_acd_that_is_away_and_fail_when_all_are(rig: Rig) -> None:
    refs = [AcdRef("own:at-ct_b"), AcdRef("phone:at-ct_a")]
    rig.phone.away = True
    assert [each.acd_ref for each in await rig.router.contacts(refs)] == ["own:at-ct_b"]
    rig.own.away = True
    with pytest.raises(PortFailure):
        await rig.router.contacts(refs)
    assert await rig.router.contacts([]) == []
