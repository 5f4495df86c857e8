"""One call as the ACD tells it: signs in, canonical events out, in an order that makes sense whatever was lost.

A sign that was told before, or comes too late, changes nothing. What must have happened between two signs and was not
told (an answer without ringing) is made up and marked. Neither an exit from a queue nor the end of a talk is the end of
the call: a dialplan may send it on to the next queue, and then it is in line again. Pure; knows no protocol.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from gateway.acd.cti import signs
from gateway.acd.events import (
    Abandoned,
    AgentName,
    Connected,
    Ended,
    ExitReason,
    Held,
    NoAnswer,
    Party,
    Queued,
    QueueExit,
    Rejected,
    RejectReason,
    Reserved,
    Resumed,
    TransferFailed,
    TransferMode,
    Transferred,
    Transferring,
    Unrecognised,
    WrapUpDone,
    WrapUpStarted,
)
from gateway.acd.port import Phase
from gateway.acd.sip.feed import FeedBody
from gateway.base.ids import OfferId

MAX_RINGING: Final = 100
"""Agents whose phones ring at once for one call (ring-all); further ones are not waited for."""


class CallState(StrEnum):
    SEEN = "seen"  # known by its id, in no queue
    QUEUED = "queued"
    RINGING = "ringing"
    CONNECTED = "connected"
    HELD = "held"
    MOVING = "moving"  # an agent transfers it
    ENDED = "ended"


PHASES: Final = {
    CallState.SEEN: Phase.QUEUED,
    CallState.QUEUED: Phase.QUEUED,
    CallState.RINGING: Phase.RINGING,
    CallState.CONNECTED: Phase.CONNECTED,
    CallState.HELD: Phase.HELD,
    CallState.MOVING: Phase.CONNECTED,
    CallState.ENDED: Phase.GONE,
}

_IN_LINE: Final = (CallState.QUEUED, CallState.RINGING)
_TALKING: Final = (CallState.CONNECTED, CallState.HELD)


@dataclass(frozen=True, slots=True)
class Told:
    """A canonical event to be passed on. `synthesized`: it was not told, it must have been."""

    body: FeedBody
    synthesized: bool = False


@dataclass(slots=True)
class Call:
    """What was told of one call. `take` is the only way to change it."""

    correlation: str
    new_offer_id: Callable[[], OfferId]
    state: CallState = CallState.SEEN
    queue: str = ""
    place: int | None = None
    agent: AgentName | None = None  # who talks, or talked last
    left: bool = False  # out of the queue; what follows is not told yet
    exit: ExitReason | None = None
    wrapping: bool = False
    wrapped: bool = False
    leg: str = ""  # the ACD's name of the customer's channel
    channel: str = ""  # what commands call it
    withdrawn: bool = False  # by us
    ending: Party | None = None  # who was heard to hang up
    over: bool = False  # hung up: nothing brings it back
    strange: int = 0  # unrecognised events
    touched: bool = False  # heard of since the snapshot that is being read was asked for
    heard: int = 0  # the ledger's round in which it was heard of last
    _offer_id: OfferId | None = None
    _ringing: list[AgentName] = field(default_factory=list)  # the first is the one that was offered
    _last_rung: str = ""

    @property
    def phase(self) -> Phase:
        return Phase.WRAP_UP if self.wrapping else PHASES[self.state]

    def take(self, sign: signs.Sign) -> list[Told]:
        """What follows from `sign`."""
        told: list[Told] = []
        match sign:
            case signs.Joined():
                self._joined(sign, told)
            case signs.Rang():
                self._rang(sign, told)
            case signs.RingEnded():
                self._ring_ended(sign, told)
            case signs.Answered():
                self._answered(sign, told)
            case signs.PutOnHold() if self.state is CallState.CONNECTED:
                self.state = CallState.HELD
                told.append(Told(Held(by=sign.by)))
            case signs.TakenBack() if self.state is CallState.HELD:
                self.state = CallState.CONNECTED
                told.append(Told(Resumed(by=sign.by)))
            case signs.Moving() if self.state in _TALKING:
                self.state = CallState.MOVING
                told.append(Told(Transferring(mode=sign.mode, target=sign.target)))
            case signs.Moved() if self.state in (*_TALKING, CallState.MOVING):
                self._moved(sign.agent, told)
            case signs.MoveFailed() if self.state is CallState.MOVING:
                self.state = CallState.CONNECTED
                told.append(Told(TransferFailed(reason=sign.reason)))
            case signs.GaveUp() if self.state in (CallState.SEEN, *_IN_LINE) and self.exit is None:
                self.over = True
                self._end(Told(Abandoned(waited_s=sign.waited_s)), told)
            case signs.Left() if self.state in (CallState.SEEN, *_IN_LINE):
                self._left(sign, told)
            case signs.TalkEnded():
                self._talk_ended(sign, told)
            case signs.HungUp():
                self._hung_up(sign, told)
            case signs.WrapUpBegan() if self._may_wrap_up():
                self.wrapping = True
                told.append(Told(WrapUpStarted()))
            case signs.WrapUpOver() if self.wrapping:
                self.wrapping, self.wrapped = False, True
                told.append(Told(WrapUpDone(disposition=sign.disposition)))
            case signs.Strange():
                told.append(Told(Unrecognised(name=sign.name)))
            case _:
                pass  # told before, or too late
        return told

    def _may_wrap_up(self) -> bool:
        return self.state is CallState.ENDED and self.agent is not None and not self.wrapping and not self.wrapped

    # ---------------------------------------------------------------- in line

    def _joined(self, sign: signs.Joined, told: list[Told]) -> None:
        if self.state is CallState.ENDED and (self.over or sign.queue == self.queue):
            return
        if self.state in _TALKING and sign.queue == self.queue:
            return  # repeated; a transfer into the same queue is told as one before
        if self.state is CallState.ENDED:
            self.wrapping, self.wrapped = False, False  # whose after-call work it was is of an earlier segment
        if self.state in (*_TALKING, CallState.MOVING):
            told.append(Told(Transferred(queue=sign.queue)))
            self.state = CallState.SEEN
        elif self.state is CallState.RINGING and (sign.queue != self.queue or self.left):
            self._withdraw_offer(told)
        if self.state is not CallState.RINGING:
            again = self.state is CallState.QUEUED and not self.left
            known = again and sign.queue == self.queue and sign.place in (None, self.place)
            self.state, self.queue = CallState.QUEUED, sign.queue
            if not known:
                self.place = sign.place
                told.append(Told(Queued(place=sign.place)))
        self.left, self.exit = False, None

    def _left(self, sign: signs.Left, told: list[Told]) -> None:
        self.left = True
        self.place = None
        if sign.why is not None and self.exit is None:
            if self.state is CallState.RINGING:
                self._withdraw_offer(told)
            self.state, self.exit = CallState.SEEN, sign.why
            told.append(Told(QueueExit(reason=sign.why)))

    # ---------------------------------------------------------------- ringing

    def _rang(self, sign: signs.Rang, told: list[Told]) -> None:
        if self.state is CallState.RINGING:
            if all(agent.ref != sign.agent.ref for agent in self._ringing) and len(self._ringing) < MAX_RINGING:
                self._ringing.append(sign.agent)
            return
        if self.state in (*_TALKING, CallState.ENDED):
            return
        self._must_be_queued(sign.queue, told)
        self._ringing = [sign.agent]
        self._offer(told)

    def _offer(self, told: list[Told], *, synthesized: bool = False) -> None:
        agent = self._ringing[0]
        self.state = CallState.RINGING
        self._offer_id = self.new_offer_id()
        told.append(
            Told(Reserved(offer_id=self._offer_id, agent_id=agent.agent_id, agent=agent), synthesized=synthesized)
        )

    def _ring_ended(self, sign: signs.RingEnded, told: list[Told]) -> None:
        if self.state is CallState.QUEUED and sign.agent.ref != self._last_rung:
            self._ringing = [sign.agent]
            self._offer(told, synthesized=True)
        if self.state is not CallState.RINGING or self._offer_id is None:
            return
        offered = self._ringing[0].ref == sign.agent.ref
        self._ringing = [agent for agent in self._ringing if agent.ref != sign.agent.ref]
        if not offered:
            return
        self._last_rung = sign.agent.ref
        if sign.why is None:
            told.append(Told(NoAnswer(offer_id=self._offer_id)))
        else:
            told.append(Told(Rejected(offer_id=self._offer_id, reason=sign.why)))
        self.state, self._offer_id = CallState.QUEUED, None
        if self._ringing:
            self._offer(told)

    def _withdraw_offer(self, told: list[Told]) -> None:
        if self._offer_id is not None:
            told.append(Told(Rejected(offer_id=self._offer_id, reason=RejectReason.WITHDRAWN), synthesized=True))
        self.state, self._offer_id, self._ringing = CallState.QUEUED, None, []

    def _must_be_queued(self, queue: str, told: list[Told]) -> None:
        """It rings, so it is in line, whether or not that was told."""
        if self.state is CallState.MOVING:
            told.append(Told(Transferred(queue=queue or None), synthesized=True))
        if self.state is not CallState.QUEUED:
            self.state, self.place = CallState.QUEUED, None
            told.append(Told(Queued(place=None), synthesized=True))
        self.queue = queue or self.queue
        self.left, self.exit, self._last_rung = False, None, ""

    # ---------------------------------------------------------------- talking

    def _answered(self, sign: signs.Answered, told: list[Told]) -> None:
        if self.state is CallState.ENDED:
            return
        if self.state in (*_TALKING, CallState.MOVING):
            self._moved(sign.agent, told)
            return
        if self.state is CallState.RINGING and self._ringing[0].ref != sign.agent.ref:
            self._withdraw_offer(told)
        if self.state is not CallState.RINGING:
            self._must_be_queued(sign.queue, told)
            self._ringing = [sign.agent]
            self._offer(told, synthesized=True)
        self._talk(sign.agent)
        told.append(Told(Connected(agent=sign.agent)))

    def _talk(self, agent: AgentName | None) -> None:
        self.state, self.agent, self.place = CallState.CONNECTED, agent, None
        self.left, self.exit = False, None
        self._offer_id, self._ringing, self._last_rung = None, [], ""

    def _moved(self, agent: AgentName | None, told: list[Told]) -> None:
        if self.state is not CallState.MOVING and agent == self.agent:
            return
        self._talk(agent)
        told.append(Told(Transferred(agent=agent)))

    def _talk_ended(self, sign: signs.TalkEnded, told: list[Told]) -> None:
        if self.state in (CallState.MOVING, CallState.ENDED):
            return  # the part of the one who transferred it; or told before
        if self.state in _TALKING and sign.agent is not None and sign.agent != self.agent:
            return  # the part of one who had it before
        if sign.reason == "transfer" and self.state in _TALKING:
            self.state = CallState.MOVING
            told.append(Told(Transferring(mode=TransferMode.BLIND)))
            return
        if self.state not in _TALKING:
            agent = sign.agent or (self._ringing[0] if self._ringing else None)
            if agent is None:
                return  # with nobody known: how it ended, the end of the call will say
            self._answered(signs.Answered(agent), told)
            told[-1] = Told(told[-1].body, synthesized=True)
        self._end(Told(Ended(by=sign.by, reason=sign.reason)), told)

    # ---------------------------------------------------------------- over

    def _hung_up(self, sign: signs.HungUp, told: list[Told]) -> None:
        self.over = True
        if self.state is CallState.ENDED:
            return
        if self.state in _IN_LINE and self.left:
            self._end(Told(QueueExit(reason=ExitReason.FAILED), synthesized=True), told)
        elif self.state in _IN_LINE:
            self._end(Told(Abandoned(), synthesized=True), told)
        elif self.state is CallState.SEEN:
            self.state = CallState.ENDED  # never in a queue, or its exit is told
        else:
            self._end(Told(Ended(by=sign.by, reason=sign.reason)), told)

    def _end(self, last: Told, told: list[Told]) -> None:
        self.state, self.place, self.left = CallState.ENDED, None, False
        self._offer_id, self._ringing = None, []
        told.append(last)

    # ---------------------------------------------------------------- after a cut

    def show(self, shown: "Shown | None") -> list[Told]:
        """What must have happened unseen, given how the ACD shows the call now; None: it does not. All is marked."""
        told: list[Told] = []
        if shown is None:
            self.over = True
            if self.state in _IN_LINE:
                self._end(Told(QueueExit(reason=ExitReason.FAILED)), told)
            else:
                self._hung_up(signs.HungUp(by=Party.UNKNOWN, reason="lost"), told)
        elif shown.agent is not None:
            self._answered(signs.Answered(shown.agent, shown.queue), told)
        else:
            if self.state in _TALKING:
                self.state = CallState.MOVING
            elif self.state is CallState.RINGING and not shown.ringing:
                self._withdraw_offer(told)
            self._joined(signs.Joined(shown.queue, shown.place), told)
        return [Told(each.body, synthesized=True) for each in told]


@dataclass(frozen=True, slots=True)
class Shown:
    """A call in a snapshot: waiting in `queue`, or with `agent`. `ringing`: it may be; the snapshot does not tell."""

    queue: str
    place: int | None = None
    agent: AgentName | None = None
    ringing: bool = True
