"""Whatever happens to a call, in whatever order: one end, bounded attempts, and nothing left dialled."""

import contextlib

from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gateway.acd.events import (
    AcdEventBody,
    Connected,
    Ended,
    ExitReason,
    Party,
    Queued,
    QueueExit,
    TransferMode,
    Unrecognised,
    WrapUpStarted,
)
from gateway.acd.sip.hands import ATTEMPTS_LIMIT
from gateway.base.errors import StateConflict
from gateway.base.ids import AgentId, LegId
from tests.support.sip_call_rig import ENDS, TO_QUEUE, Rig


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
