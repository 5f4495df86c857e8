"""One contact's way: trunk after trunk, one queue call, one end, and nothing left dialled."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count

import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gateway.acd.events import (
    Abandoned,
    AcdEventBody,
    AgentName,
    Connected,
    Ended,
    ExitReason,
    Held,
    Offered,
    Party,
    Queued,
    QueueExit,
    Resumed,
    TargetKind,
    TransferFailed,
    TransferMode,
    Transferred,
    TransferTarget,
    Unrecognised,
    VoiceUp,
    WrapUpStarted,
)
from gateway.acd.port import Phase
from gateway.acd.sip.call import QueueCall
from gateway.acd.sip.hands import AT_ONCE_S, ATTEMPTS_LIMIT, CLOSE_LIMIT_S, Limits
from gateway.acd.sip.states import SipCall
from gateway.acd.sip.trunks import Trunks
from gateway.base.errors import StateConflict
from gateway.base.ids import AgentId, LegId
from gateway.config.acd_sip import SipTrunkSettings

TO_QUEUE = TransferTarget(kind=TargetKind.QUEUE, value="sales")
ENDS = (QueueExit, Ended, Abandoned)


@dataclass
class Recorded:
    """Hands that write down what they are asked."""

    dialled: list[SipCall] = field(default_factory=list)
    closed: list[LegId] = field(default_factory=list)
    holds: list[tuple[LegId, bool]] = field(default_factory=list)
    referred: list[tuple[LegId, str, LegId | None]] = field(default_factory=list)
    told: list[AcdEventBody] = field(default_factory=list)
    synthesized: list[AcdEventBody] = field(default_factory=list)
    raws: list[dict[str, str]] = field(default_factory=list)
    outcomes: list[tuple[str, int]] = field(default_factory=list)

    def dial(self, call: SipCall) -> None:
        self.dialled.append(call)

    def close(self, leg_id: LegId) -> None:
        self.closed.append(leg_id)

    def hold(self, leg_id: LegId, on: bool) -> None:
        self.holds.append((leg_id, on))

    def refer(self, call: SipCall, number: str, replaces: LegId | None) -> None:
        self.referred.append((call.leg_id, number, replaces))

    def emit(self, body: AcdEventBody, *, synthesized: bool, raw: Mapping[str, str]) -> None:
        self.told.append(body)
        self.raws.append(dict(raw))
        if synthesized:
            self.synthesized.append(body)

    def outcome(self, trunk: str, status: int) -> None:
        self.outcomes.append((trunk, status))


class Rig:
    """A queue call with two trunks (`a` before `b`), a clock that the test moves, and the other side."""

    def __init__(self, *, capacity: int = 5, **limits: object) -> None:
        self.now = 0.0
        self.hands = Recorded()
        self.trunks = Trunks(
            [
                SipTrunkSettings(name="a", domain="a.example", capacity=capacity),
                SipTrunkSettings(name="b", domain="b.example", capacity=capacity, priority=2),
            ]
        )
        numbers = count(1)
        values: dict[str, object] = {"progress_s": 15.0, "answer_s": 180.0, "trunk_wait_s": 60.0, "transfer_s": 30.0}
        self.call = QueueCall(
            number="7001",
            trunks=self.trunks,
            hands=self.hands,
            limits=Limits(**{**values, **limits}),  # type: ignore[arg-type]
            new_leg_id=lambda: LegId(f"lg_{next(numbers):08}"),
            redirected=lambda contact: "7002" if "7002" in contact else None,
        )

    @property
    def told(self) -> list[AcdEventBody]:
        return self.hands.told

    @property
    def leg(self) -> LegId:
        """Of the last INVITE."""
        return self.hands.dialled[-1].leg_id

    def go(self, seconds: float) -> None:
        """Time passes; deadlines on the way are kept."""
        end = self.now + seconds
        while (due := self.call.next_deadline()) is not None and due <= end:
            self.now = max(self.now, due)
            self.call.on_timer(self.now)
        self.now = end

    def ring(self, status: int = 180, *, early: bool = False) -> None:
        self.call.progressed(self.leg, status, early, self.now)

    def answer(self) -> None:
        self.call.answered(self.leg, self.now)

    def refuse(self, status: int, detail: str = "", leg: LegId | None = None) -> None:
        self.call.closed(leg or self.leg, "voice_ended", status, detail, self.now)

    def bye(self, leg: LegId | None = None) -> None:
        self.refuse(0, "", leg)

    def gone(self, reason: str = "closed") -> None:
        """Every leg we hung up is gone."""
        for leg in list(self.hands.closed):
            self.call.closed(leg, reason, 0, "", self.now)

    def start(self) -> "Rig":
        self.call.start(self.now)
        self.call.dialled(self.leg)
        return self

    def talking(self) -> "Rig":
        self.start()
        self.ring()
        self.answer()
        self.call.claimed(AgentId("ag_00000001"))
        self.go(10)
        return self

    def busy(self) -> int:
        return sum(trunk.calls for trunk in self.trunks.health(self.now))


# ---------------------------------------------------------------- the call to the queue


def test_the_ordinary_call_is_told_in_the_order_it_happens() -> None:
    rig = Rig().start()
    rig.ring(180)
    rig.ring(183, early=True)
    rig.answer()
    leg = rig.leg
    assert rig.told == [
        Offered(),
        VoiceUp(leg_id=leg, answered=False),
        VoiceUp(leg_id=leg, answered=True),
        Queued(place=None),
    ]
    assert rig.hands.synthesized == [Queued(place=None)]


def test_an_answer_is_not_an_agent() -> None:
    """200 OK is a queue or an announcement as well."""
    rig = Rig().start()
    rig.answer()
    assert rig.call.phase() is Phase.QUEUED
    assert not any(isinstance(body, Connected) for body in rig.told)
    rig.call.claimed(AgentId("ag_00000001"))
    assert rig.call.phase() is Phase.CONNECTED
    assert not any(isinstance(body, Connected) for body in rig.told)  # a command is not told back as an event


def test_an_acd_that_answers_and_never_connects_keeps_its_call() -> None:
    rig = Rig().start()
    rig.answer()
    rig.go(3600)
    assert rig.call.leg_ids == (rig.leg,)
    assert not rig.call.over


def test_182_is_a_place_in_a_queue_that_is_not_made_up() -> None:
    rig = Rig().start()
    rig.ring(182)
    rig.answer()
    assert rig.told.count(Queued(place=None)) == 1
    assert rig.hands.synthesized == []


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (480, ExitReason.EMPTY),
        (486, ExitReason.FULL),
        (404, ExitReason.REFUSED),
        (487, ExitReason.WITHDRAWN),
        (603, ExitReason.REFUSED),
    ],
)
def test_the_queues_own_refusal_is_the_end(status: int, reason: ExitReason) -> None:
    rig = Rig().start()
    rig.refuse(status, "Nobody")
    assert rig.told[-1] == QueueExit(reason=reason)
    assert rig.hands.raws[-1] == {"sip_status": str(status), "detail": "Nobody", "trunk": "a"}
    assert len(rig.hands.dialled) == 1
    assert rig.call.done
    assert rig.busy() == 0


@pytest.mark.parametrize("status", [503, 500, 502, 504, 408, 407, 403, 0])
def test_a_trunk_that_fails_leads_to_the_next_one(status: int) -> None:
    rig = Rig().start()
    rig.refuse(status)
    assert [call.trunk for call in rig.hands.dialled] == ["a", "b"]
    rig.answer()
    assert rig.told[-2] == VoiceUp(leg_id=rig.leg, answered=True)
    assert rig.told.count(Offered()) == 1


def test_when_all_trunks_have_failed_the_last_word_counts() -> None:
    rig = Rig().start()
    rig.refuse(500)
    rig.refuse(503)
    assert rig.told[-1] == QueueExit(reason=ExitReason.FULL)
    assert rig.call.done


def test_a_trunk_that_says_nothing_is_left_for_the_next() -> None:
    rig = Rig().start()
    rig.go(15)
    assert [call.trunk for call in rig.hands.dialled] == ["a", "b"]
    assert rig.hands.closed == [rig.hands.dialled[0].leg_id]
    rig.call.answered(rig.hands.dialled[0].leg_id, rig.now)  # it answers after all: hung up again, told to nobody
    assert rig.hands.closed == [rig.hands.dialled[0].leg_id] * 2
    assert not any(isinstance(body, VoiceUp) for body in rig.told)


def test_a_queue_that_rings_for_ever_is_given_up() -> None:
    rig = Rig().start()
    rig.ring()
    rig.go(179)
    assert not rig.call.over
    rig.go(1)
    assert rig.told[-1] == QueueExit(reason=ExitReason.TIMEOUT)
    assert rig.hands.closed == [rig.leg]
    rig.gone()
    assert rig.call.done


def test_provisional_answers_without_end_do_not_move_the_limit() -> None:
    rig = Rig().start()
    for _ in range(200):
        rig.ring(183)
        rig.go(1)
    assert rig.told[-1] == QueueExit(reason=ExitReason.TIMEOUT)


def test_a_redirection_is_followed_once_and_only_to_an_allowed_number() -> None:
    rig = Rig().start()
    rig.refuse(302, "<sip:7002@elsewhere>")
    assert [(call.trunk, call.number) for call in rig.hands.dialled] == [("a", "7001"), ("a", "7002")]
    rig.refuse(302, "<sip:7002@elsewhere>")
    assert rig.told[-1] == QueueExit(reason=ExitReason.REFUSED)
    other = Rig().start()
    other.refuse(302, "<sip:0900123@elsewhere>")
    assert len(other.hands.dialled) == 1
    assert other.told[-1] == QueueExit(reason=ExitReason.REFUSED)


def test_an_acd_that_hangs_up_at_once_has_served_nobody() -> None:
    rig = Rig().start()
    rig.answer()
    rig.go(AT_ONCE_S / 2)
    rig.bye()
    assert rig.told[-1] == QueueExit(reason=ExitReason.FAILED)
    assert rig.call.done


def test_a_call_that_was_served_ends_however_short_it_was() -> None:
    rig = Rig().start()
    rig.answer()
    rig.call.claimed(AgentId("ag_00000001"))
    rig.bye()
    assert rig.told[-1] == Ended(by=Party.ACD)


def test_a_call_that_was_sent_on_by_refer_at_once_was_served() -> None:
    rig = Rig().start()
    rig.answer()
    rig.call.claimed(AgentId("ag_00000001"))
    rig.call.transfer(TransferMode.BLIND, TO_QUEUE, "7005", rig.now, by_refer=True)
    rig.call.referred(rig.leg, 200, True, rig.now)
    rig.bye()
    assert rig.told[-1] == Ended(by=Party.ACD, reason="transfer")


def test_a_full_acd_is_waited_for_and_then_full() -> None:
    rig = Rig(capacity=1)
    rig.trunks.take(0)
    rig.trunks.take(0)
    rig.call.start(0)
    assert rig.call.waits_for_trunk
    rig.trunks.free("b")
    rig.call.trunk_is_free(0)
    assert [call.trunk for call in rig.hands.dialled] == ["b"]
    other = Rig(capacity=1)
    other.trunks.take(0)
    other.trunks.take(0)
    other.call.start(0)
    other.go(60)
    assert other.told == [QueueExit(reason=ExitReason.FULL)]


def test_when_no_trunk_is_there_the_exit_says_failed() -> None:
    rig = Rig()
    for name in ("a", "b"):
        for _ in range(2):
            rig.trunks.probed(name, reachable=False, status=0)
    rig.call.start(0)
    rig.go(60)
    assert rig.told == [QueueExit(reason=ExitReason.FAILED)]


def test_a_lost_media_process_is_no_fault_of_the_trunk() -> None:
    rig = Rig().start()
    rig.call.closed(rig.leg, "worker_lost", 0, "", rig.now)
    assert [call.trunk for call in rig.hands.dialled] == ["a", "a"]
    rig.answer()
    rig.go(5)
    rig.call.closed(rig.leg, "worker_lost", 0, "", rig.now)
    assert rig.told[-1] == Ended(by=Party.GATEWAY, reason="worker_lost")


def test_attempts_are_counted() -> None:
    rig = Rig().start()
    for _ in range(ATTEMPTS_LIMIT + 5):
        if not rig.call.over:
            rig.call.closed(rig.leg, "worker_lost", 0, "", rig.now)
    assert len(rig.hands.dialled) == ATTEMPTS_LIMIT
    assert rig.told[-1] == QueueExit(reason=ExitReason.FAILED)


def test_a_queue_without_a_number_is_refused() -> None:
    rig = Rig()
    rig.call.number = ""
    rig.call.start(0)
    assert rig.told == [QueueExit(reason=ExitReason.REFUSED)]
    assert rig.call.done


# ---------------------------------------------------------------- races


def test_the_customer_leaves_while_it_rings_and_the_answer_crosses() -> None:
    rig = Rig().start()
    rig.ring()
    rig.call.leave(rig.now)
    told = list(rig.told)
    rig.answer()
    assert rig.hands.closed == [rig.leg, rig.leg]
    rig.gone()
    assert rig.call.done
    assert rig.told == told  # a command is not told back
    assert rig.busy() == 0


def test_two_byes_that_cross_are_one_end() -> None:
    rig = Rig().talking()
    rig.bye()
    rig.call.leave(rig.now)
    rig.bye()
    assert sum(isinstance(body, ENDS) for body in rig.told) == 1
    assert rig.busy() == 0


def test_leaving_twice_hangs_up_once() -> None:
    rig = Rig().talking()
    rig.call.leave(rig.now)
    rig.call.leave(rig.now)
    assert rig.hands.closed == [rig.leg]


def test_a_leg_that_never_says_it_is_gone_is_taken_for_gone() -> None:
    rig = Rig().talking()
    rig.call.leave(rig.now)
    rig.go(CLOSE_LIMIT_S)
    assert rig.call.done
    assert rig.busy() == 0


def test_the_engine_may_speak_of_a_call_before_it_answers_the_command() -> None:
    rig = Rig()
    rig.call.start(0)
    rig.answer()
    rig.call.dialled(rig.leg)
    assert rig.told[:2] == [Offered(), VoiceUp(leg_id=rig.leg, answered=True)]
    assert rig.told.count(Offered()) == 1


def test_an_invite_that_could_not_be_sent_leads_on() -> None:
    rig = Rig()
    rig.call.start(0)
    rig.call.not_dialled(rig.leg, "voice_unreachable", 0, trunk_is_sick=True)
    rig.call.not_dialled(rig.leg, "voice_unavailable", 0, trunk_is_sick=False)
    assert rig.told == [QueueExit(reason=ExitReason.FAILED)]
    assert rig.busy() == 0


# ---------------------------------------------------------------- hold, identity, feed


def test_hold_is_told_from_either_side() -> None:
    rig = Rig().talking()
    rig.call.held(rig.leg, True)
    assert rig.call.phase() is Phase.HELD
    rig.call.held(rig.leg, True)
    rig.call.held(rig.leg, False)
    assert rig.told[-2:] == [Held(by=Party.AGENT), Resumed(by=Party.AGENT)]
    rig.call.hold(True)
    assert rig.hands.holds == [(rig.leg, True)]


def test_hold_before_the_answer_is_not_sent() -> None:
    rig = Rig().start()
    rig.call.hold(True)
    assert rig.hands.holds == []


def test_a_feed_that_tells_holds_is_the_only_one_to_do_so() -> None:
    rig = Rig(told_holds=True).talking()
    rig.call.held(rig.leg, True)
    assert not any(isinstance(body, Held) for body in rig.told)


def test_a_new_identity_is_an_agent_only_where_the_operator_says_so() -> None:
    plain, meant = Rig().talking(), Rig(identity_is_agent=True).talking()
    for rig in (plain, meant):
        rig.call.identified(rig.leg, "1001", {"uri": "sip:1001@pbx"})
        rig.call.identified(rig.leg, "1002", {"uri": "sip:1002@pbx"})
    assert plain.told[-2:] == [Unrecognised(name="identity"), Unrecognised(name="identity")]
    assert meant.told[-2:] == [Connected(agent=AgentName(ref="1001")), Transferred(agent=AgentName(ref="1002"))]


def test_the_feeds_end_is_the_reason_and_the_hang_up_the_moment() -> None:
    """An ACD may go on with a survey when its agent has left."""
    rig = Rig(told_places=True).talking()
    end = Ended(by=Party.AGENT, reason="agent")
    rig.call.fed(end, synthesized=False, raw={})
    assert not rig.call.over
    rig.go(30)
    rig.bye()
    assert [body for body in rig.told if isinstance(body, ENDS)] == [end]
    assert rig.call.done


def test_a_call_that_goes_back_to_a_queue_forgets_the_earlier_end() -> None:
    rig = Rig().talking()
    rig.call.fed(QueueExit(reason=ExitReason.TIMEOUT), synthesized=False, raw={})
    rig.call.fed(Queued(place=3), synthesized=False, raw={})
    rig.bye()
    assert rig.told[-1] == Ended(by=Party.ACD)


def test_wrap_up_is_told_after_the_end_and_nothing_else_is() -> None:
    rig = Rig().talking()
    rig.bye()
    rig.call.fed(WrapUpStarted(), synthesized=False, raw={})
    rig.call.fed(Connected(), synthesized=False, raw={})
    assert rig.told[-2:] == [Ended(by=Party.ACD), WrapUpStarted()]


# ---------------------------------------------------------------- transfers


def test_a_transfer_is_a_new_call_and_the_old_one_stays_until_it_is_answered() -> None:
    rig = Rig().talking()
    before = rig.leg
    rig.call.transfer(TransferMode.BLIND, TO_QUEUE, "7005", rig.now, by_refer=False)
    after = rig.leg
    assert rig.hands.dialled[-1].number == "7005"
    assert rig.hands.closed == []
    rig.ring()
    rig.answer()
    assert rig.hands.closed == [before]
    assert rig.told[-2:] == [Transferred(queue="sales"), VoiceUp(leg_id=after, answered=True)]
    assert rig.call.phase() is Phase.QUEUED  # somebody else has to claim it now
    rig.gone()
    assert rig.call.leg_ids == (after,)
    assert not rig.call.over


@pytest.mark.parametrize(
    ("status", "reason"), [(486, "busy"), (480, "no_answer"), (404, "unreachable"), (603, "refused")]
)
def test_a_target_that_does_not_take_it_leaves_the_call_as_it_was(status: int, reason: str) -> None:
    rig = Rig().talking()
    before = rig.leg
    rig.call.transfer(TransferMode.BLIND, TO_QUEUE, "7005", rig.now, by_refer=False)
    rig.refuse(status)
    assert rig.told[-1] == TransferFailed(reason=reason)
    assert rig.call.leg_ids == (before,)
    assert rig.call.phase() is Phase.CONNECTED


def test_a_target_that_never_answers_is_given_up() -> None:
    rig = Rig().talking()
    rig.call.transfer(TransferMode.BLIND, TO_QUEUE, "7005", rig.now, by_refer=False)
    target = rig.leg
    rig.ring()
    rig.go(30)
    assert rig.told[-1] == TransferFailed(reason="timeout")
    assert rig.hands.closed == [target]


def test_the_agent_may_leave_before_the_target_answers() -> None:
    rig = Rig().talking()
    before = rig.leg
    rig.call.transfer(TransferMode.BLIND, TO_QUEUE, "7005", rig.now, by_refer=False)
    rig.bye(before)
    assert not rig.call.over
    rig.answer()
    assert rig.told[-1] == VoiceUp(leg_id=rig.leg, answered=True)
    other = Rig().talking()
    before = other.leg
    other.call.transfer(TransferMode.BLIND, TO_QUEUE, "7005", other.now, by_refer=False)
    other.bye(before)
    other.refuse(486)
    assert other.told[-2:] == [TransferFailed(reason="busy"), Ended(by=Party.ACD)]
    assert other.call.done


def test_a_refer_that_was_carried_out_ends_as_a_transfer() -> None:
    rig = Rig().talking()
    rig.call.transfer(TransferMode.BLIND, TO_QUEUE, "7005", rig.now, by_refer=True)
    assert rig.hands.referred == [(rig.leg, "7005", None)]
    rig.call.referred(rig.leg, 100, False, rig.now)
    rig.call.referred(rig.leg, 200, True, rig.now)
    rig.bye()
    assert rig.told[-2:] == [Transferred(queue="sales"), Ended(by=Party.ACD, reason="transfer")]
    assert rig.call.done


@pytest.mark.parametrize("how", ["told", "refused"])
def test_a_refer_that_is_refused_becomes_a_new_call(how: str) -> None:
    rig = Rig().talking()
    before = rig.leg
    rig.call.transfer(TransferMode.BLIND, TO_QUEUE, "7005", rig.now, by_refer=True)
    if how == "told":
        rig.call.referred(before, 603, True, rig.now)
    else:
        rig.call.refer_refused(before, rig.now)
    assert rig.leg != before
    assert rig.hands.dialled[-1].number == "7005"
    rig.answer()
    assert rig.told[-2] == Transferred(queue="sales")


def test_an_attended_transfer_asks_the_other_side_to_replace_the_second_call() -> None:
    rig = Rig().talking()
    first = rig.leg
    rig.call.transfer(TransferMode.CONSULT, TO_QUEUE, "7005", rig.now, by_refer=True)
    second = rig.leg
    assert rig.hands.referred == []
    rig.answer()
    assert rig.hands.referred == [(first, "7005", second)]
    rig.call.referred(first, 200, True, rig.now)
    rig.bye(first)
    assert rig.told[-2:] == [Transferred(queue="sales"), Ended(by=Party.ACD, reason="transfer")]
    assert rig.hands.closed == [second]  # nothing stays dialled
    rig.gone()
    assert rig.call.done


def test_an_attended_transfer_that_is_refused_keeps_the_second_call() -> None:
    rig = Rig().talking()
    first = rig.leg
    rig.call.transfer(TransferMode.CONSULT, TO_QUEUE, "7005", rig.now, by_refer=True)
    rig.answer()
    second = rig.leg
    rig.call.referred(first, 603, True, rig.now)
    assert rig.hands.closed == [first]
    assert rig.told[-2:] == [Transferred(queue="sales"), VoiceUp(leg_id=second, answered=True)]


def test_a_transfer_needs_an_answered_call_and_one_is_made_at_a_time() -> None:
    rig = Rig().start()
    with pytest.raises(StateConflict, match="transfer_refused"):
        rig.call.transfer(TransferMode.BLIND, TO_QUEUE, "7005", rig.now, by_refer=False)
    rig.answer()
    rig.call.transfer(TransferMode.BLIND, TO_QUEUE, "7005", rig.now, by_refer=False)
    with pytest.raises(StateConflict, match="transfer_refused"):
        rig.call.transfer(TransferMode.BLIND, TO_QUEUE, "7005", rig.now, by_refer=False)
    assert len(rig.hands.dialled) == 2


# ---------------------------------------------------------------- anything, in any order


class AnyOrder(RuleBasedStateMachine):
    """Whatever the other side, the engine, the contact and the clock do, in whatever order."""

    @initialize(refer=st.booleans())
    def begin(self, refer: bool) -> None:
        self.rig = Rig(capacity=2)
        self.refer = refer
        self.gone: set[LegId] = set()
        self.rig.call.start(0)

    def some_leg(self, which: int) -> LegId:
        legs = [call.leg_id for call in self.rig.hands.dialled]
        return legs[which % len(legs)]

    def end(self, leg: LegId, reason: str, status: int) -> None:
        if leg not in self.gone:  # the port: exactly one LegClosed
            self.gone.add(leg)
            self.rig.call.closed(leg, reason, status, "<sip:7002@x>", self.rig.now)

    @precondition(lambda self: self.rig.hands.dialled)
    @rule(which=st.integers(0, 9), status=st.sampled_from([180, 182, 183]), early=st.booleans())
    def progress(self, which: int, status: int, early: bool) -> None:
        leg = self.some_leg(which)
        if leg not in self.gone:
            self.rig.call.progressed(leg, status, early, self.rig.now)

    @precondition(lambda self: self.rig.hands.dialled)
    @rule(which=st.integers(0, 9))
    def answer(self, which: int) -> None:
        leg = self.some_leg(which)
        if leg not in self.gone:
            self.rig.call.answered(leg, self.rig.now)

    @precondition(lambda self: self.rig.hands.dialled)
    @rule(which=st.integers(0, 9), status=st.sampled_from([0, 302, 404, 408, 480, 486, 487, 500, 503, 603]))
    def closed(self, which: int, status: int) -> None:
        self.end(self.some_leg(which), "voice_ended", status)

    @precondition(lambda self: self.rig.hands.dialled)
    @rule(which=st.integers(0, 9), reason=st.sampled_from(["worker_lost", "engine_stopped", "limit_packets"]))
    def lost(self, which: int, reason: str) -> None:
        self.end(self.some_leg(which), reason, 0)

    @rule()
    def engine_closes(self) -> None:
        for leg in self.rig.hands.closed:
            self.end(leg, "closed", 0)

    @precondition(lambda self: self.rig.hands.dialled)
    @rule(which=st.integers(0, 9), on=st.booleans())
    def hold(self, which: int, on: bool) -> None:
        self.rig.call.held(self.some_leg(which), on)
        self.rig.call.hold(on)

    @rule(mode=st.sampled_from(TransferMode))
    def transfer(self, mode: TransferMode) -> None:
        with contextlib.suppress(StateConflict):
            self.rig.call.transfer(mode, TO_QUEUE, "7005", self.rig.now, by_refer=self.refer)

    @precondition(lambda self: self.rig.hands.dialled)
    @rule(which=st.integers(0, 9), status=st.sampled_from([100, 200, 486, 603, 408]))
    def referred(self, which: int, status: int) -> None:
        self.rig.call.referred(self.some_leg(which), status, status >= 200, self.rig.now)

    @rule(body=st.sampled_from([Connected(), Queued(place=1), Ended(by=Party.AGENT), QueueExit(reason=ExitReason.KEY)]))
    def feed(self, body: AcdEventBody) -> None:
        self.rig.call.fed(body, synthesized=False, raw={})  # type: ignore[arg-type]

    @rule()
    def claim(self) -> None:
        self.rig.call.claimed(AgentId("ag_00000001"))

    @rule(seconds=st.sampled_from([0.1, 5, 20, 100]))
    def time_passes(self, seconds: float) -> None:
        self.rig.go(seconds)

    @rule()
    def leave(self) -> None:
        self.rig.call.leave(self.rig.now)

    @invariant()
    def one_end_at_most_and_nothing_after_it(self) -> None:
        ends = [index for index, body in enumerate(self.rig.told) if isinstance(body, ENDS)]
        assert len(ends) <= 1
        if ends:
            assert all(isinstance(body, Unrecognised | WrapUpStarted) for body in self.rig.told[ends[0] + 1 :])

    @invariant()
    def lines_taken_are_calls_that_are_there(self) -> None:
        assert self.rig.busy() == len(self.rig.call.leg_ids)

    @invariant()
    def attempts_are_bounded(self) -> None:
        transfers = sum(call.number == "7005" for call in self.rig.hands.dialled)
        assert len(self.rig.hands.dialled) - transfers <= ATTEMPTS_LIMIT

    def teardown(self) -> None:
        """Left to itself, everything ends: nothing stays dialled that was not hung up or gone."""
        if not hasattr(self, "rig"):
            return
        self.rig.call.leave(self.rig.now)
        left = {call.leg_id for call in self.rig.hands.dialled} - self.gone
        assert left <= set(self.rig.hands.closed)
        self.rig.go(60)
        assert self.rig.call.done
        assert self.rig.call.next_deadline() is None
        assert self.rig.busy() == 0


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = hypothesis_settings(max_examples=60, stateful_step_count=30)
