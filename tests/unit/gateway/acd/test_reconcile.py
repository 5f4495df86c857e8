"""After a cut both sides are compared, and what follows ends each contact once and loses none."""

import itertools
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from gateway.acd.events import (
    Accepted,
    AcdEvent,
    AcdRef,
    Connected,
    Ended,
    ExitReason,
    Held,
    Party,
    QueueExit,
    Rejected,
    RejectReason,
    Reserved,
    Resumed,
)
from gateway.acd.port import AcdCapabilities, AcdMode, ContactOffer, CutCause, Phase
from gateway.acd.reconcile import CALL, TASK, Action, Cause, judge
from gateway.acd.reconciler import AGAIN_AFTER_S, LOOK_AGAIN_S, RETRY_S, Disagreement, Reconciler
from gateway.acd.router import AcdRouter
from gateway.base.ids import ContactId, OfferId
from tests.support.clock import FakeClock, at_rest
from tests.support.fake_acd import NOON, FakeAcd

ONE, OFFER = ContactId("ct_one"), OfferId("of_1")
RING = Reserved(offer_id=OFFER, agent_id=None)


def capabilities(mode: AcdMode, *, holds: bool = True) -> AcdCapabilities:
    return AcdCapabilities(
        mode=mode,
        gives_position=False,
        gives_estimate=False,
        keeps_deadlines=True,
        max_attribute_bytes=None,
        holds=holds,
    )


PAIRS = list(itertools.product(Phase, Phase))


@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
def test_every_pair_of_beliefs_has_a_row(ours: Phase, theirs: Phase) -> None:
    for table in (TASK, CALL):
        verdict = table[ours, theirs]
        assert (verdict is None) is (ours is theirs or (ours, theirs) == (Phase.WRAP_UP, Phase.GONE))


@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
def test_people_who_talk_are_parted_only_where_the_acd_says_their_call_is_over(ours: Phase, theirs: Phase) -> None:
    if ours not in (Phase.CONNECTED, Phase.HELD):
        return
    task, call = TASK[ours, theirs], CALL[ours, theirs]
    assert (task is not None and task.action is Action.CLOSE) is (theirs is Phase.WRAP_UP)
    assert (call is not None and call.action is Action.CLOSE) is (theirs in (Phase.WRAP_UP, Phase.GONE))


@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
def test_what_is_over_here_is_taken_out_there(ours: Phase, theirs: Phase) -> None:
    if ours is Phase.GONE and theirs is not Phase.GONE:
        verdict = judge(ours, theirs, capabilities(AcdMode.TASK))
        assert verdict is not None
        assert (verdict.cause, verdict.action) == (Cause.KEPT, Action.WITHDRAW)


def test_a_hold_that_is_ours_is_no_disagreement() -> None:
    for holds, agrees in ((True, False), (False, True)):
        able = capabilities(AcdMode.CALL, holds=holds)
        assert (judge(Phase.HELD, Phase.CONNECTED, able) is None) is agrees
        assert (judge(Phase.CONNECTED, Phase.HELD, able) is None) is agrees


class Rig:
    """A router with one foreign ACD, and the reconciler."""

    def __init__(self, mode: AcdMode = AcdMode.TASK) -> None:
        self.clock = FakeClock()
        self.acd = FakeAcd(mode)
        self.alarms: list[str] = []
        self.found: list[Disagreement] = []
        self.events: list[AcdEvent] = []
        able = replace(self.acd.capabilities(), holds=True)
        self.acd.capabilities = lambda queue="": able  # type: ignore[method-assign]
        self.router = AcdRouter(
            {"own": FakeAcd(AcdMode.OWN), "phone": self.acd},
            {"sales": "phone"},
            default="own",
            clock=self.clock,
            on_alarm=lambda *_: None,
        )
        self.router.on_event(self.events.append)
        self.reconciler = Reconciler(
            self.router,
            self.clock,
            on_found=self.found.append,
            on_alarm=lambda code, detail: self.alarms.append(code),
        )

    async def contact(self, ours: Phase) -> AcdRef:
        """A contact that is that far here."""
        offer = ContactOffer(contact_id=ONE, site="shop", queue="sales", language="en", priority=0, queued_at=NOON)
        ref = await self.router.offer(offer)
        if ours in (Phase.RINGING, Phase.CONNECTED, Phase.HELD, Phase.WRAP_UP):
            self.acd.say(ONE, RING)
        if ours in (Phase.CONNECTED, Phase.HELD, Phase.WRAP_UP):
            await self.router.accept(ref, OFFER)
        if ours is Phase.HELD:
            await self.router.hold(ref)
        if ours is Phase.WRAP_UP:
            await self.router.end(ref, "normal")
        if ours is Phase.GONE:
            await self.router.cancel(ref, "abandoned")
        self.acd.told.clear()
        self.events.clear()
        return ref

    async def back(self, theirs: Phase, cause: CutCause = CutCause.NETWORK) -> None:
        """The ACD is back and believes that; everything that follows has happened."""
        self.acd.phases[ONE] = theirs
        self.acd.back(cause)
        await self.clock.run(LOOK_AGAIN_S + 1)

    def bodies(self) -> list[object]:
        return [event.body for event in self.events]


@pytest.fixture(params=[AcdMode.TASK, AcdMode.CALL])
async def rig(request: pytest.FixtureRequest) -> AsyncIterator[Rig]:
    rig = Rig(request.param)
    yield rig
    await rig.reconciler.aclose()
    await rig.router.aclose()


@pytest.fixture
async def task() -> AsyncIterator[Rig]:
    rig = Rig(AcdMode.TASK)
    yield rig
    await rig.reconciler.aclose()
    await rig.router.aclose()


@pytest.fixture
async def call() -> AsyncIterator[Rig]:
    rig = Rig(AcdMode.CALL)
    yield rig
    await rig.reconciler.aclose()
    await rig.router.aclose()


@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
async def test_every_pair_is_acted_on_listed_once_and_never_closes_twice(rig: Rig, ours: Phase, theirs: Phase) -> None:
    await rig.contact(ours)
    await rig.back(theirs)
    verdict = judge(ours, theirs, rig.acd.capabilities())
    assert [(each.ours, each.theirs, each.verdict, each.cut, each.failed) for each in rig.reconciler.found()] == (
        [] if verdict is None else [(ours, theirs, verdict, CutCause.NETWORK, "")]
    )
    assert rig.found == list(rig.reconciler.found())
    assert all(event.synthesized and event.raw for event in rig.events)
    closes = [body for body in rig.bodies() if isinstance(body, Ended | QueueExit)]
    assert len(closes) == (1 if verdict is not None and verdict.action is Action.CLOSE else 0)
    assert rig.alarms == []


async def test_who_agrees_is_left_alone(task: Rig) -> None:
    await task.contact(Phase.RINGING)
    await task.back(Phase.RINGING)
    assert (task.events, task.acd.told, task.found) == ([], [], [])


async def test_what_was_on_its_way_when_the_line_came_back_is_no_disagreement(task: Rig) -> None:
    await task.contact(Phase.RINGING)
    task.acd.phases[ONE] = Phase.CONNECTED
    task.acd.back(CutCause.NETWORK)
    await at_rest()
    task.acd.say(ONE, Accepted(offer_id=OFFER))
    await task.clock.run(LOOK_AGAIN_S + 1)
    assert task.found == []
    assert task.bodies() == [Accepted(offer_id=OFFER)]


async def test_a_contact_the_acd_has_forgotten_is_offered_again_with_its_place(task: Rig) -> None:
    await task.contact(Phase.QUEUED)
    await task.back(Phase.GONE, CutCause.ACD_RESTARTED)
    assert [what[0] for what in task.acd.told] == ["cancel", "offer"]
    assert task.found[0].cut is CutCause.ACD_RESTARTED


async def test_a_contact_that_rang_is_in_line_again_before_it_is_offered_again(task: Rig) -> None:
    await task.contact(Phase.RINGING)
    await task.back(Phase.GONE)
    assert task.bodies() == [Rejected(offer_id=OFFER, reason=RejectReason.WITHDRAWN)]
    assert [what[0] for what in task.acd.told] == ["cancel", "offer"]


async def test_a_customer_who_leaves_meanwhile_is_not_offered_again(task: Rig) -> None:
    ref = await task.contact(Phase.QUEUED)
    asked = task.acd.cancel

    async def and_then_they_leave(inner: AcdRef, reason: str) -> None:
        await asked(inner, reason)
        if reason == "resync":
            await task.router.cancel(ref, "abandoned")

    task.acd.cancel = and_then_they_leave  # type: ignore[method-assign]
    await task.back(Phase.GONE)
    assert [what[0] for what in task.acd.told] == ["cancel", "cancel"]


async def test_people_who_talk_are_left_talking_when_the_acd_forgot_them(task: Rig) -> None:
    await task.contact(Phase.CONNECTED)
    await task.back(Phase.GONE, CutCause.ACD_RESTARTED)
    assert (task.events, task.acd.told) == ([], [])
    assert task.found[0].verdict.cause is Cause.FORGOTTEN


async def test_a_call_whose_voice_is_gone_is_closed_with_its_reason(call: Rig) -> None:
    await call.contact(Phase.CONNECTED)
    await call.back(Phase.GONE)
    assert call.bodies() == [Ended(by=Party.ACD, reason="forgotten")]


async def test_a_waiting_call_that_is_gone_is_let_go(call: Rig) -> None:
    await call.contact(Phase.QUEUED)
    await call.back(Phase.GONE)
    assert call.bodies() == [QueueExit(reason=ExitReason.FAILED)]


async def test_an_answer_that_was_missed_is_told(task: Rig, call: Rig) -> None:
    await task.contact(Phase.RINGING)
    await task.back(Phase.CONNECTED)
    assert task.bodies() == [Accepted(offer_id=OFFER)]
    await call.contact(Phase.RINGING)
    await call.back(Phase.CONNECTED)
    assert call.bodies() == [Connected()]


@pytest.mark.parametrize(("ours", "theirs", "body"), [("held", "connected", Resumed()), ("connected", "held", Held())])
async def test_a_hold_that_was_missed_is_told(task: Rig, ours: str, theirs: str, body: object) -> None:
    await task.contact(Phase(ours))
    await task.back(Phase(theirs))
    assert task.bodies() == [body]


async def test_a_call_that_the_acd_has_in_line_again_is_taken_out_there_and_goes_on_here(task: Rig) -> None:
    await task.contact(Phase.CONNECTED)
    await task.back(Phase.QUEUED)
    assert task.acd.told == [("cancel", "at-ct_one", "resync")]
    assert task.events == []


async def test_an_action_that_fails_is_listed_with_its_cause(task: Rig) -> None:
    from gateway.base.errors import PortFailure

    async def fails(*_: object) -> None:
        raise PortFailure("acd_away", "Away.")

    await task.contact(Phase.QUEUED)
    task.acd.requeue = fails  # type: ignore[method-assign]
    await task.back(Phase.CONNECTED)
    assert [each.failed for each in task.found] == ["acd_away"]


async def test_an_acd_that_says_it_is_back_and_does_not_answer_is_asked_again_and_then_an_alarm(task: Rig) -> None:
    await task.contact(Phase.QUEUED)
    task.acd.away = True
    task.acd.back(CutCause.NETWORK)
    await task.clock.run(sum(RETRY_S) + 1)
    assert task.alarms == ["acd_not_reconciled"]
    task.acd.away = False
    await task.back(Phase.GONE)
    assert len(task.found) == 1


async def test_back_twice_at_once_acts_once(task: Rig) -> None:
    await task.contact(Phase.QUEUED)
    task.acd.phases[ONE] = Phase.CONNECTED
    for _ in range(5):
        task.acd.back(CutCause.NETWORK)
    await at_rest()
    task.acd.phases[ONE] = Phase.CONNECTED
    await task.clock.run(LOOK_AGAIN_S)
    task.acd.phases[ONE] = Phase.QUEUED
    await task.clock.run(LOOK_AGAIN_S * 3)
    assert [what[0] for what in task.acd.told] == ["requeue"]


async def test_what_is_kept_is_bounded_and_newest_first(task: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    for theirs in (Phase.GONE, Phase.QUEUED, Phase.RINGING):
        await task.contact(Phase.CONNECTED)
        await task.back(theirs)
    assert len(task.reconciler.found()) == 3
    assert [each.at for each in task.reconciler.found()] == sorted((each.at for each in task.found), reverse=True)
    assert len(task.reconciler.found(limit=2)) == 2
    assert task.reconciler._found.maxlen == 500


async def test_what_was_left_as_it_is_is_listed_once(task: Rig) -> None:
    await task.contact(Phase.CONNECTED)
    for _ in range(3):
        await task.back(Phase.GONE)
    assert len(task.found) == 1


async def test_without_a_cut_the_same_is_not_done_again_at_once(task: Rig) -> None:
    await task.contact(Phase.QUEUED)
    for _ in range(3):
        await task.back(Phase.CONNECTED, CutCause.UNKNOWN)
    assert [what[0] for what in task.acd.told] == ["requeue"]
    await task.clock.run(AGAIN_AFTER_S)
    await task.back(Phase.CONNECTED, CutCause.UNKNOWN)
    await task.back(Phase.CONNECTED, CutCause.NETWORK)
    assert [what[0] for what in task.acd.told] == ["requeue"] * 3


async def test_who_was_taken_out_there_and_talks_on_here_is_no_disagreement_afterwards(task: Rig) -> None:
    await task.contact(Phase.CONNECTED)
    await task.back(Phase.QUEUED)
    await task.back(Phase.GONE)
    assert [each.theirs for each in task.found] == [Phase.QUEUED]


async def test_an_accept_that_was_taken_back_is_in_line_again(task: Rig) -> None:
    """The reservation was lost with the ACD's memory while our agent pressed the button: they are offered again."""
    await task.contact(Phase.CONNECTED)
    task.acd.say(ONE, Rejected(offer_id=OFFER, reason=RejectReason.WITHDRAWN))
    await task.back(Phase.GONE)
    assert [what[0] for what in task.acd.told] == ["cancel", "offer"]


async def test_an_accept_that_is_taken_back_after_the_media_were_confirmed_changes_nothing(task: Rig) -> None:
    ref = await task.contact(Phase.CONNECTED)
    await task.router.confirm_media(ref, True)
    task.acd.say(ONE, Rejected(offer_id=OFFER, reason=RejectReason.WITHDRAWN))
    await task.back(Phase.GONE)
    assert task.found[0].verdict.action is Action.LEAVE


async def test_who_is_in_after_call_work_here_says_themselves_when_it_is_over(task: Rig) -> None:
    await task.contact(Phase.WRAP_UP)
    await task.back(Phase.CONNECTED)
    assert [what[0] for what in task.acd.told] == ["end"]


async def test_a_contact_is_offered_again_as_it_is_by_then(task: Rig) -> None:
    """Its customer was not to be seen yet when it was offered first."""
    ref = await task.contact(Phase.QUEUED)
    offers: list[ContactOffer] = []
    offer = task.acd.offer

    async def offered(again: ContactOffer) -> AcdRef:
        offers.append(again)
        return await offer(again)

    task.acd.offer = offered  # type: ignore[method-assign]
    await task.router.set_offerable(ref, False)
    await task.router.update_attributes(ref, {"order": "4711"})
    await task.back(Phase.GONE)
    assert [(each.offerable, each.attributes) for each in offers] == [(False, {"order": "4711"})]


async def test_an_adapter_hears_how_the_contact_stands_there_before_it_is_asked_to_act(task: Rig) -> None:
    """It judges commands by what it believes itself: a requeue of what it has in line would come to nothing."""
    seen: list[tuple[Phase, int]] = []
    task.acd.align = lambda snapshot: seen.append((snapshot.phase, len(task.acd.told)))  # type: ignore[attr-defined]
    await task.contact(Phase.QUEUED)
    await task.back(Phase.RINGING)
    assert seen == []  # left as it is
    await task.back(Phase.CONNECTED)
    assert seen == [(Phase.CONNECTED, 0)]
    assert [what[0] for what in task.acd.told] == ["requeue"]
