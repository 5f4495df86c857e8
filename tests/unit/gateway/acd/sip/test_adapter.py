"""The adapter over a media engine without packets: contacts, their legs, their events, and an end to all of them."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.acd.events import (
    AcdAgentState,
    AcdEvent,
    AcdEventBody,
    AcdRef,
    AgentEvent,
    AgentName,
    Connected,
    Ended,
    ExitReason,
    Offered,
    Party,
    Queued,
    QueueExit,
    TargetKind,
    TransferMode,
    Transferred,
    TransferTarget,
    VoiceUp,
    WrapUpDone,
)
from gateway.acd.port import AcdMode, AgentPosition, ContactOffer, ContactSnapshot, CutCause, Phase, Resyncs
from gateway.acd.sip import adapter
from gateway.acd.sip.adapter import WAITING_LIMIT, SipAcd
from gateway.acd.sip.feed import FeedAbilities, FeedEvent, FeedListener, FeedSnapshot
from gateway.acd.sip.register import KEPT_S
from gateway.base.errors import PortFailure, SetupError, StateConflict
from gateway.base.ids import AgentId, ContactId
from gateway.config.acd_sip import SipAcdSettings
from media.port import EVENT, CloseLeg, DialVoice, HoldVoice, ProbeTrunk, TrunkAnswer
from tests.support.clock import FakeClock, at_rest
from tests.support.fake_media import FakeMedia

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
DOWN = TrunkAnswer(reachable=False, status=0, round_trip_s=None)


def settings(**fields: object) -> SipAcdSettings:
    return SipAcdSettings.model_validate(
        {
            "name": "pbx",
            "trunks": [
                {"name": "a", "domain": "a.example", "caller": "gateway", "capacity": 2},
                {"name": "b", "domain": "b.example", "priority": 2, "capacity": 2},
            ],
            "numbers": {"support": "7001", "sales": "7002"},
            "allow": "7xxx",
            **fields,
        }
    )


def offer(number: int = 1, **fields: object) -> ContactOffer:
    values: dict[str, object] = {
        "contact_id": ContactId(f"ct_{number:08}"),
        "site": "shop",
        "queue": "support",
        "language": "en",
        "priority": 0,
        "queued_at": NOW + timedelta(seconds=number),
        "correlation": f"{number:08}",
        **fields,
    }
    return ContactOffer(**values)  # type: ignore[arg-type]


class Feed:
    """A CTI connection that a test speaks through."""

    def __init__(self, **abilities: bool) -> None:
        self.connected = True
        self.priorities: list[tuple[str, int]] = []
        self.positions: list[AgentPosition] = []
        self.believed: list[FeedSnapshot] = []
        self.listener: FeedListener
        self.may_close = asyncio.Event()
        self.may_close.set()
        self._abilities = FeedAbilities(**abilities)

    def abilities(self) -> FeedAbilities:
        return self._abilities

    def listen(self, listener: FeedListener) -> None:
        self.listener = listener

    async def start(self) -> None: ...

    async def aclose(self) -> None:
        await self.may_close.wait()
        self.connected = False

    async def withdraw(self, correlation: str) -> None: ...

    async def set_priority(self, correlation: str, priority: int) -> None:
        self.priorities.append((correlation, priority))

    async def set_agent_state(self, position: AgentPosition) -> None:
        self.positions.append(position)

    async def snapshot(self, correlations: Sequence[str]) -> Sequence[FeedSnapshot]:
        return [one for one in self.believed if one.correlation in correlations]

    def say(self, body: object, correlation: str = "00000001", event_id: str = "") -> None:
        self.listener.of_call(
            FeedEvent(
                event_id=event_id or f"fe_{len(self.priorities)}_{id(body)}",
                correlation=correlation,
                body=body,  # type: ignore[arg-type]
                occurred_at=NOW - timedelta(days=365),
                raw={"Event": "x" * 5000},
            )
        )


class Rig:
    def __init__(self, acd: SipAcd, media: FakeMedia, clock: FakeClock, feed: Feed | None) -> None:
        self.acd, self.media, self.clock = acd, media, clock
        self.feed = feed
        self.events: list[AcdEvent] = []
        self.alarms: list[str] = []
        acd.on_event(self.events.append)

    @property
    def told(self) -> list[AcdEventBody]:
        return [event.body for event in self.events]

    @property
    def dials(self) -> list[DialVoice]:
        return [command for command in self.media.commands if isinstance(command, DialVoice)]

    @property
    def leg(self) -> str:
        return self.dials[-1].leg_id

    async def talking(self, number: int = 1) -> AcdRef:
        ref = await self.acd.offer(offer(number))
        await at_rest()
        self.media.ring(self.leg)
        self.media.answer(self.leg)
        await self.acd.claimed(ref, AgentId("ag_00000001"))
        await self.clock.run(10)
        return ref


class Makers:
    """Adapters that are closed at the end of the test."""

    def __init__(self) -> None:
        self.rigs: list[Rig] = []

    async def __call__(
        self, *, feed: Feed | None = None, queues: Sequence[str] = ("support",), **fields: object
    ) -> Rig:
        media, clock = FakeMedia(), FakeClock()
        alarms: list[str] = []
        acd = SipAcd(
            settings(**fields),
            media=media,
            clock=clock,
            queues=("support",),
            on_alarm=lambda code, _: alarms.append(code),
            feed=feed,
        )
        rig = Rig(acd, media, clock, feed)
        rig.alarms = alarms
        self.rigs.append(rig)
        await acd.start()
        await at_rest()
        return rig


@pytest.fixture
async def make() -> AsyncIterator[Makers]:
    makers = Makers()
    yield makers
    for rig in makers.rigs:
        rig.media.gate = None
        await rig.acd.aclose()
        assert not rig.media.legs


async def test_an_offer_is_one_invite_to_the_number_of_its_queue(make: Makers) -> None:
    rig = await make()
    ref = await rig.acd.offer(offer())
    assert await rig.acd.offer(offer()) == ref
    await at_rest()
    assert len(rig.dials) == 1
    dial = rig.dials[0]
    assert dial.to_uri == "sip:7001@a.example"
    assert dial.call_id == "ct_00000001"
    assert dial.trunk.from_uri == "sip:gateway@a.example"
    assert dict(dial.headers)["User-to-User"] == "3030303030303031;encoding=hex"
    assert rig.told == [Offered()]


async def test_events_have_their_envelope(make: Makers) -> None:
    rig = await make()
    await rig.talking()
    rig.media.refuse_call(rig.leg, 0, "normal clearing")
    assert [event.seq for event in rig.events] == [1, 2, 3, 4]
    assert len({event.event_id for event in rig.events}) == 4
    assert {(event.contact_id, event.source, event.queue, event.attempt) for event in rig.events} == {
        ("ct_00000001", "pbx", "support", 0)
    }
    assert rig.events[-1].body == Ended(by=Party.ACD)
    assert rig.events[-1].raw == {"sip_status": "0", "detail": "normal clearing", "trunk": "a"}


async def test_a_customer_who_leaves_while_it_rings_is_hung_up_and_forgotten(make: Makers) -> None:
    rig = await make()
    ref = await rig.acd.offer(offer())
    await at_rest()
    rig.media.ring(rig.leg)
    await rig.acd.cancel(ref, "abandoned")
    await at_rest()
    assert not rig.media.legs
    assert rig.told == [Offered()]
    assert [one.phase for one in await rig.acd.contacts([ref])] == [Phase.GONE]
    assert rig.acd.figures().trunks[0].calls == 0


async def test_a_customer_who_leaves_before_the_engine_has_dialled_is_hung_up_all_the_same(make: Makers) -> None:
    rig = await make()

    rig.media.gate = asyncio.Event()
    ref = await rig.acd.offer(offer())
    await at_rest()
    await rig.acd.cancel(ref, "abandoned")
    rig.media.gate.set()
    await at_rest()
    kinds = [type(command) for command in rig.media.commands if isinstance(command, DialVoice | CloseLeg)]
    assert kinds == [DialVoice, CloseLeg]
    assert not rig.media.legs


async def test_a_trunk_that_refuses_leads_to_the_next(make: Makers) -> None:
    rig = await make()
    rig.media.voice_refusals["a"] = "voice_unreachable"
    await rig.acd.offer(offer())
    await at_rest()
    assert [dial.trunk.name for dial in rig.dials] == ["a", "b"]
    rig.media.refuse_call(rig.leg, 486, "Busy")
    assert rig.told == [Offered(), QueueExit(reason=ExitReason.FULL)]
    assert dict(rig.acd.figures().counts.outcomes) == {("b", 486): 1}


async def test_an_engine_that_answers_nothing_is_not_left_with_a_call(make: Makers) -> None:
    rig = await make()
    rig.media.fail_next = TimeoutError()
    await rig.acd.offer(offer())
    await at_rest()
    first = rig.dials[0].leg_id
    assert CloseLeg(leg_id=first) in rig.media.commands
    assert [dial.trunk.name for dial in rig.dials] == ["a", "b"]


async def test_full_trunks_are_waited_for_in_the_order_of_the_queue(make: Makers) -> None:
    rig = await make()
    refs = [await rig.acd.offer(offer(number)) for number in (1, 2, 3, 4)]
    await at_rest()
    for leg in rig.media.legs:
        rig.media.ring(leg)
    late = await rig.acd.offer(offer(6))
    early = await rig.acd.offer(offer(5))
    await rig.clock.run(3)
    assert len(rig.dials) == 4
    assert rig.acd.figures().waiting == 2
    await rig.acd.cancel(refs[0], "abandoned")
    await rig.clock.run(0.1)
    assert rig.dials[-1].call_id == early
    rig.media.ring(rig.leg)
    await rig.clock.run(60)
    assert [event.body for event in rig.events if event.acd_ref == late] == [QueueExit(reason=ExitReason.FULL)]


async def test_check_refuses_when_no_trunk_answers_and_takes_contacts_again_later(make: Makers) -> None:
    rig = await make()
    await rig.acd.check()
    rig.media.trunks |= {"a": DOWN, "b": DOWN}
    await rig.clock.run(40)
    with pytest.raises(PortFailure, match="acd_unavailable"):
        await rig.acd.check()
    assert rig.alarms == ["acd_trunk_lost", "acd_trunk_lost"]
    await rig.acd.offer(offer())
    rig.media.trunks.clear()
    await rig.clock.run(10)
    await rig.acd.check()
    assert len(rig.dials) == 1  # the one that waited


async def test_a_trunk_is_asked_where_its_calls_go_and_not_at_our_own_domain(make: Makers) -> None:
    rig = await make(
        trunks=[
            {"name": "a", "domain": "pbx.example:5070", "caller_domain": "gateway.example"},
            {"name": "b", "domain": "pbx.example", "proxy": "sbc.example"},
            {"name": "c", "domain": "pbx.example", "probe_interval": 0},
        ]
    )
    asked = {
        command.trunk.name: command.trunk.outbound_proxy
        for command in rig.media.commands
        if isinstance(command, ProbeTrunk)
    }
    assert asked == {"a": "pbx.example:5070", "b": "sbc.example"}


async def test_check_refuses_when_too_many_wait_already(make: Makers) -> None:
    rig = await make()
    for number in range(4 + WAITING_LIMIT - 1):
        await rig.acd.offer(offer(number + 1))
    await rig.acd.check()
    await rig.acd.offer(offer(WAITING_LIMIT + 4))
    with pytest.raises(PortFailure, match="acd_full"):
        await rig.acd.check()


async def test_snapshots_say_what_a_call_is(make: Makers) -> None:
    rig = await make()
    ref = await rig.acd.offer(offer())
    await at_rest()
    rig.media.answer(rig.leg)
    assert (await rig.acd.snapshot("support")).waiting == ("ct_00000001",)
    await rig.acd.claimed(ref, AgentId("ag_00000001"))
    assert (await rig.acd.snapshot("support")).waiting == ()
    assert [one.phase for one in await rig.acd.contacts([ref, AcdRef("ct_00000009")])] == [Phase.CONNECTED, Phase.GONE]


async def test_hold_goes_to_the_call(make: Makers) -> None:
    rig = await make()
    ref = await rig.talking()
    await rig.acd.hold(ref)
    await rig.acd.resume(ref)
    await at_rest()
    holds = [command for command in rig.media.commands if isinstance(command, HoldVoice)]
    assert [command.on for command in holds] == [True, False]


async def test_a_transfer_switches_to_the_targets_call(make: Makers) -> None:
    rig = await make()
    ref = await rig.talking()
    await rig.acd.transfer(ref, TransferMode.BLIND, TransferTarget(kind=TargetKind.QUEUE, value="sales"))
    await at_rest()
    assert rig.dials[-1].to_uri == "sip:7002@a.example"
    rig.media.answer(rig.leg)
    await at_rest()
    assert rig.told[-2:] == [Transferred(queue="sales"), VoiceUp(leg_id=rig.leg, answered=True)]  # type: ignore[arg-type]
    assert list(rig.media.legs) == [rig.leg]


@pytest.mark.parametrize(
    ("mode", "target", "code"),
    [
        (TransferMode.BLIND, TransferTarget(kind=TargetKind.NUMBER, value="0900123456"), "number_not_allowed"),
        (TransferMode.BLIND, TransferTarget(kind=TargetKind.AGENT, value="ag_00000009"), "number_not_allowed"),
        (TransferMode.BLIND, TransferTarget(kind=TargetKind.QUEUE, value="returns"), "transfer_unsupported"),
        (TransferMode.CONSULT, TransferTarget(kind=TargetKind.QUEUE, value="sales"), "transfer_unsupported"),
    ],
)
async def test_a_transfer_that_is_not_possible_changes_nothing(
    make: Makers, mode: TransferMode, target: TransferTarget, code: str
) -> None:
    rig = await make()
    ref = await rig.talking()
    with pytest.raises(StateConflict, match=code):
        await rig.acd.transfer(ref, mode, target)
    assert len(rig.dials) == 1


async def test_an_agent_is_called_by_what_the_acd_calls_them(make: Makers) -> None:
    rig = await make()
    ref = await rig.talking()
    agent = AgentId("ag_00000002")
    await rig.acd.set_agent_state(
        AgentPosition(agent_id=agent, queues=(), state="ready", reason=None, ready_since=None, ref="7044")
    )
    await rig.acd.transfer(ref, TransferMode.BLIND, TransferTarget(kind=TargetKind.AGENT, value=agent))
    await at_rest()
    assert rig.dials[-1].to_uri == "sip:7044@a.example"


async def test_a_feed_tells_who_has_the_call(make: Makers) -> None:
    feed = Feed(gives_position=True, wraps_up=True, prioritises=True, takes_agent_state=True)
    rig = await make(feed=feed)
    ref = await rig.acd.offer(offer(priority=5))
    await at_rest()
    rig.media.answer(rig.leg)
    feed.say(Queued(place=4))
    feed.say(Queued(place=3))
    feed.say(Connected(agent=AgentName(ref="PJSIP/1001")), event_id="fe_1")
    feed.say(Connected(agent=AgentName(ref="PJSIP/1001")), event_id="fe_1")  # read again after a cut
    await at_rest()
    assert rig.told[-3:] == [Queued(place=4), Queued(place=3), Connected(agent=AgentName(ref="PJSIP/1001"))]
    last = rig.events[-1]
    assert (last.source, last.event_id) == ("pbx.cti", "fe_1")
    assert last.occurred_at < last.received_at - timedelta(days=300)  # its clock is its own
    assert sum(len(name) + len(value) for name, value in last.raw.items()) <= 4096
    assert feed.priorities == [("00000001", 5)]
    feed.believed = [FeedSnapshot(correlation="00000001", phase=Phase.HELD, agent=AgentName(ref="PJSIP/1001"))]
    assert list(await rig.acd.contacts([ref])) == [
        ContactSnapshot(
            contact_id=ContactId("ct_00000001"), acd_ref=ref, phase=Phase.HELD, agent=AgentName(ref="PJSIP/1001")
        )
    ]


async def test_an_event_of_a_call_that_is_not_ours_is_counted_and_dropped(make: Makers) -> None:
    feed = Feed()
    rig = await make(feed=feed)
    feed.say(Connected(), correlation="ZZZZZZZZ")
    assert rig.told == []
    assert rig.acd.figures().counts.unknown_events == 1


async def test_wrap_up_of_the_feed_is_told_until_the_contact_is_closed(make: Makers) -> None:
    feed = Feed(wraps_up=True)
    rig = await make(feed=feed)
    ref = await rig.talking()
    await rig.acd.end(ref, "customer_left")
    await at_rest()
    feed.say(WrapUpDone(disposition="sale"))
    assert rig.told[-1] == WrapUpDone(disposition="sale")
    await rig.acd.complete_wrap_up(ref, None)
    feed.say(WrapUpDone(disposition="again"), event_id="fe_9")
    assert rig.told[-1] == WrapUpDone(disposition="sale")
    assert rig.acd.figures().counts.unknown_events == 1


async def test_a_contact_that_nobody_closes_is_forgotten_in_the_end(make: Makers) -> None:
    feed = Feed()
    rig = await make(feed=feed)
    await rig.talking()
    rig.media.refuse_call(rig.leg, 0)
    await rig.clock.run(KEPT_S + 1)
    feed.say(Connected())
    assert rig.acd.figures().counts.unknown_events == 1


async def test_a_feed_that_was_cut_asks_for_reconciling(make: Makers) -> None:
    feed = Feed(takes_agent_state=True, tells_agent_state=True)
    rig = await make(feed=feed)
    causes: list[CutCause] = []
    agents: list[AgentEvent] = []
    assert isinstance(rig.acd, Resyncs)
    rig.acd.on_resync(causes.append)
    rig.acd.on_agent_event(agents.append)
    feed.listener.resumed()
    assert causes == []  # the first time there is nothing to reconcile
    feed.listener.cut()
    feed.listener.resumed()
    told = AgentEvent(
        event_id="fe_1",
        agent=AgentName(ref="PJSIP/1001"),
        state=AcdAgentState.NOT_READY,
        reason="lunch",
        occurred_at=NOW,
        received_at=NOW,
        source="pbx",
    )
    feed.listener.of_agent(told)
    assert causes == [CutCause.UNKNOWN]
    assert agents == [told]
    assert rig.acd.capabilities().takes_agent_state


async def test_without_a_feed_only_the_panel_says_who_has_the_call(make: Makers) -> None:
    rig = await make()
    able = rig.acd.capabilities("support")
    assert able.mode is AcdMode.CALL
    assert not able.tells_agent
    assert able.takes_agent_state  # or nobody would say what the ACD calls an agent that a transfer goes to
    assert able.transfers == {TransferMode.BLIND}
    assert (await make(transfer="refer")).acd.capabilities().transfers == set(TransferMode)


async def test_closing_hangs_up_everything(make: Makers) -> None:
    rig = await make()
    for number in (1, 2, 3):
        await rig.acd.offer(offer(number))
    await at_rest()
    rig.media.answer(rig.leg)
    told = len(rig.told)
    await rig.acd.aclose()
    assert not rig.media.legs
    assert len(rig.told) == told
    await rig.acd.aclose()


@pytest.mark.parametrize("while_closing", ["calls", "feed"])
async def test_a_closing_that_is_cut_short_is_done_by_the_next(
    make: Makers, monkeypatch: pytest.MonkeyPatch, while_closing: str
) -> None:
    monkeypatch.setattr(adapter, "HANG_UP_S", 600.0)  # it waits for the call, however slow this machine
    feed = Feed()
    rig = await make(feed=feed)
    await rig.acd.offer(offer())
    await at_rest()
    if while_closing == "calls":
        rig.media.gate = asyncio.Event()
    else:
        feed.may_close.clear()
    closing = asyncio.create_task(rig.acd.aclose())
    await at_rest()
    assert bool(rig.media.legs) == (while_closing == "calls")
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    assert feed.connected
    feed.may_close.set()
    if rig.media.gate is not None:
        rig.media.gate.set()
    await rig.acd.aclose()
    assert not feed.connected
    assert not rig.media.legs
    assert not rig.media.events.listeners(EVENT)
    await at_rest()
    assert not rig.clock.sleepers, "nothing of it goes on"


async def test_a_contact_comes_again_after_its_queue_let_it_go(make: Makers) -> None:
    rig = await make()
    await rig.acd.offer(offer())
    await at_rest()
    rig.media.refuse_call(rig.leg, 480)
    await rig.acd.offer(offer(queue="sales"))
    await at_rest()
    assert [dial.to_uri for dial in rig.dials] == ["sip:7001@a.example", "sip:7002@a.example"]
    assert rig.told == [Offered(), QueueExit(reason=ExitReason.EMPTY), Offered()]


async def test_a_queue_without_a_number_refuses_its_contacts_with_an_alarm(make: Makers) -> None:
    rig = await make()
    await rig.acd.offer(offer(queue="returns"))
    assert rig.told == [QueueExit(reason=ExitReason.REFUSED)]
    assert rig.alarms == ["acd_number_missing"]


async def test_a_menu_may_choose_the_number_where_the_list_allows_it(make: Makers) -> None:
    rig = await make(number_attribute="branch")
    await rig.acd.offer(offer(1, attributes={"branch": "7123"}))
    await rig.acd.offer(offer(2, attributes={"branch": "0900123456"}))
    await at_rest()
    assert [dial.to_uri for dial in rig.dials] == ["sip:7123@a.example", "sip:7001@a.example"]


def plain(**fields: object) -> SipAcd:
    return SipAcd(
        settings(**fields),
        media=FakeMedia(),
        clock=FakeClock(),
        queues=("support",),
        on_alarm=lambda code, detail: None,
    )


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"numbers": {"sales": "7002"}}, "acd_number_missing"),
        ({"allow": "7**"}, "acd_number_pattern"),
        ({"headers": {"Via": "x"}}, "acd_header"),
        ({"user_to_user": "{{"}, "acd_template"),
        ({"trunks": [{"name": "a", "domain": "x"}, {"name": "a", "domain": "y"}]}, "acd_trunk_twice"),
    ],
)
def test_settings_that_can_not_work_are_refused_at_the_start(fields: dict[str, object], code: str) -> None:
    with pytest.raises(SetupError, match=code):
        plain(**fields)


@pytest.mark.parametrize("content", [None, "", "\n", "p" * 300])
async def test_a_password_file_that_holds_none_is_refused(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "password"
    if content is not None:
        file.write_text(content, encoding="utf-8")
    acd = plain(trunks=[{"name": "a", "domain": "x", "password_file": str(file)}])
    with pytest.raises(SetupError, match="acd_password"):
        await acd.start()


async def test_the_password_of_a_file_is_the_trunks(tmp_path: Path, make: Makers) -> None:
    file = tmp_path / "password"
    file.write_text("secret\n", encoding="utf-8")
    rig = await make(trunks=[{"name": "a", "domain": "x", "user": "u", "password_file": str(file)}])
    await rig.acd.offer(offer())
    await at_rest()
    assert (rig.dials[0].trunk.user, rig.dials[0].trunk.password) == ("u", "secret")
    assert "secret" not in repr(rig.dials[0])
