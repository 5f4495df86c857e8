"""A contact's way through a call-mode ACD: trunk after trunk until one answers, one queue call, one end.

Pure: events, commands and moments go in, orders to `Hands` come out; a contact gets exactly one of QueueExit and Ended,
or none when it left first. 200 OK is not an agent: that somebody talks is told by a CTI feed or by the panel's claim.
Which calls there are is `wire`'s to know, how one is transferred is `transfers`'.
It knows neither asyncio nor the media port.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

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
    TransferMode,
    Transferred,
    TransferTarget,
    Unrecognised,
    VoiceUp,
    WrapUpDone,
    WrapUpStarted,
)
from gateway.acd.port import Phase
from gateway.acd.sip.hands import ALL_IN_USE, AT_ONCE_S, ATTEMPTS_LIMIT, QUEUEING, WORKER_LOST, Hands, Limits, Timer
from gateway.acd.sip.outcomes import Next, exit_of, is_sick, next_of, transfer_reason
from gateway.acd.sip.states import (
    ON_HOLD,
    Answered,
    Progressed,
    PutOnHold,
    SipCall,
    SoundBegan,
    TakenBack,
)
from gateway.acd.sip.transfers import Transfers
from gateway.acd.sip.trunks import NoTrunk, Trunks
from gateway.acd.sip.wire import Wire
from gateway.base.errors import StateConflict
from gateway.base.ids import AgentId, LegId


@dataclass(slots=True, kw_only=True)
class QueueCall:
    """See above. After every call of a method look at `next_deadline` and `over`."""

    number: str
    trunks: Trunks
    hands: Hands
    limits: Limits
    new_leg_id: Callable[[], LegId]
    redirected: Callable[[str], str | None]  # the number of a Contact, when it may be called
    over: bool = False  # nothing more will be told
    agent_id: AgentId | None = None  # whose panel has claimed the contact
    _wire: Wire = field(init=False)
    _transfers: Transfers = field(init=False)
    _tried: set[str] = field(default_factory=set)
    _redirections: int = 0
    _told: set[type] = field(default_factory=set)
    _last_status: int = 0
    _identified: bool = False
    _claimed_once: bool = False
    _feed_end: AcdEventBody | None = None
    _deadlines: dict[Timer, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._wire = Wire(trunks=self.trunks, hands=self.hands, new_leg_id=self.new_leg_id, deadlines=self._deadlines)
        self._transfers = Transfers(
            wire=self._wire,
            limits=self.limits,
            tell=self._tell,
            holder=lambda: self.agent_id,
            moved=self._moved,
            silent=lambda raw, now_s: self._end(raw, now_s, by=Party.ACD),
        )

    # ------------------------------------------------------------ looking

    @property
    def attempts(self) -> int:
        return self._wire.attempts

    @property
    def waits_for_trunk(self) -> bool:
        return Timer.TRUNK in self._deadlines

    @property
    def leg_ids(self) -> tuple[LegId, ...]:
        """Of all calls that are not gone yet."""
        return tuple(call.leg_id for call in self._wire.calls())

    @property
    def done(self) -> bool:
        """Over, and nothing is dialled any more."""
        return self.over and not self.leg_ids

    def phase(self) -> Phase:
        if self.over:
            return Phase.GONE
        if self.agent_id is None and Connected not in self._told:
            return Phase.QUEUED
        return Phase.HELD if self._wire.main is not None and self._wire.main.state in ON_HOLD else Phase.CONNECTED

    def next_deadline(self) -> float | None:
        return min(self._deadlines.values(), default=None)

    # ------------------------------------------------------------ commands

    def start(self, now_s: float) -> None:
        """Dial. Without a number the queue can't be called: refused."""
        if not self.number:
            self._exit(ExitReason.REFUSED, {"detail": "no number"}, now_s)
            return
        self._deadlines[Timer.TRUNK] = now_s + self.limits.trunk_wait_s
        self._dial_next(now_s)

    def trunk_is_free(self, now_s: float) -> None:
        """There may be room now. Asked of those that wait in the order in which they came."""
        if self.waits_for_trunk:
            self._dial_next(now_s)

    def leave(self, now_s: float) -> None:
        """The contact is over for us: nothing is told any more, nothing stays dialled."""
        self.over = True
        self._transfers.over()
        self._wire.hang_up_all(now_s)

    def claimed(self, agent_id: AgentId) -> None:
        self.agent_id = agent_id
        self._claimed_once = True

    def hold(self, on: bool) -> None:
        if self._wire.main is not None and self._wire.main.up:
            self.hands.hold(self._wire.main.leg_id, on)

    def transfer(
        self, mode: TransferMode, target: TransferTarget, number: str, now_s: float, *, by_refer: bool
    ) -> None:
        """StateConflict (`transfer_refused`) when there is no call to transfer, or one is under way already."""
        if self.over:
            raise StateConflict("transfer_refused", "The call is over.")
        self._transfers.begin(mode, target, number, now_s, by_refer=by_refer)

    # ------------------------------------------------------------ what the calls do

    def dialled(self, leg_id: LegId) -> None:
        """The INVITE is on its way."""
        if self._wire.main is not None and self._wire.main.leg_id == leg_id:
            self._offered()

    def not_dialled(self, leg_id: LegId, code: str, now_s: float, *, trunk_is_sick: bool) -> None:
        """No INVITE was sent, and nothing of this leg is left."""
        call = self._wire.find(leg_id)
        if call is not None:
            self._wire.settle(call, now_s, sick=True if trunk_is_sick else None)
            self._gone(call, 0, code, now_s, ours=not trunk_is_sick)

    def progressed(self, leg_id: LegId, status: int, early: bool, now_s: float) -> None:
        call = self._wire.find(leg_id)
        if call is None or not call.happened(SoundBegan() if early else Progressed()):
            return
        self._wire.settle(call, now_s, sick=False)
        if call is not self._wire.main:
            return
        self._offered()
        if self._deadlines.pop(Timer.PROGRESS, None) is not None:
            self._deadlines[Timer.ANSWER] = call.dialled_s + self.limits.answer_s
        if early:
            self._tell(VoiceUp(leg_id=leg_id, answered=False))
        if status == QUEUEING and not self.limits.told_places:
            self._tell_once(Queued(place=None), raw={"sip_status": str(status)})

    def answered(self, leg_id: LegId, now_s: float) -> None:
        call = self._wire.find(leg_id)
        if call is None or not call.happened(Answered()):
            return
        self._wire.settle(call, now_s, sick=False)
        if not call.up:  # our CANCEL crossed the answer: once more, as BYE
            self.hands.close(leg_id)
            return
        call.answered_s = now_s
        self.hands.outcome(call.trunk, 200)
        if call is self._wire.main:
            self._deadlines.pop(Timer.PROGRESS, None)
            self._deadlines.pop(Timer.ANSWER, None)
            self._offered()
            self._tell(VoiceUp(leg_id=leg_id, answered=True))
            if not self.limits.told_places:
                self._tell_once(Queued(place=None), synthesized=True)
        elif call is self._wire.target:
            self._transfers.target_answered(call, now_s)

    def held(self, leg_id: LegId, on: bool) -> None:
        call = self._wire.find(leg_id)
        if call is None or not call.happened(PutOnHold() if on else TakenBack()):
            return
        if call is self._wire.main and not self.limits.told_holds:
            by = Party.ACD if self.agent_id is None else Party.AGENT
            self._tell(Held(by=by) if on else Resumed(by=by))

    def identified(self, leg_id: LegId, ref: str, raw: Mapping[str, str]) -> None:
        """The other side says who it is now."""
        if self._wire.main is None or self._wire.main.leg_id != leg_id:
            return
        if not self.limits.identity_is_agent or self.limits.told_agents or not ref:
            self._tell(Unrecognised(name="identity"), raw=raw)
        elif self._identified:
            self.agent_id = None
            self._tell(Transferred(agent=AgentName(ref=ref)), raw=raw)
        else:
            self._identified = True
            self._tell(Connected(agent=AgentName(ref=ref)), raw=raw)

    def referred(self, leg_id: LegId, status: int, final: bool, now_s: float) -> None:
        """How our REFER goes."""
        self._transfers.referred(leg_id, status, final, now_s)

    def refer_refused(self, leg_id: LegId, now_s: float) -> None:
        """It was never sent, or came to nothing: the new call takes its place."""
        self._transfers.refer_refused(leg_id, now_s)

    def closed(self, leg_id: LegId, reason: str, status: int, detail: str, now_s: float) -> None:
        """Nothing is left of that leg; `status` is the final answer to its INVITE when it was refused."""
        call = self._wire.find(leg_id)
        if call is not None:
            ours = reason != "voice_ended"
            refused = call.answered_s is None and not ours
            self._wire.settle(call, now_s, sick=is_sick(status) if refused else None)
            if refused:
                self.hands.outcome(call.trunk, status)
            self._gone(call, status, detail if not ours else reason, now_s, ours=ours)

    # ------------------------------------------------------------ what a feed tells

    def fed(self, body: AcdEventBody, *, synthesized: bool, raw: Mapping[str, str]) -> None:
        """The ACD's own word. Its end of the call is the better reason, but the call is over when it is hung up: an ACD
        may go on with a survey or another queue."""
        match body:
            case _ if self.over and not _after_the_call(body):
                return
            case Ended() | QueueExit() | Abandoned():
                self._feed_end = body
                self._tell(Unrecognised(name=type(body).__name__.lower()), raw=raw)
            case Queued() if not self.limits.told_places:  # a snapshot may show one; it would never be told anew
                self._feed_end = None
                self._tell(Queued(place=None), synthesized=synthesized, raw=raw)
            case Connected() | Queued():
                self._feed_end = None
                self._tell(body, synthesized=synthesized, raw=raw)
            case _:
                self._tell(body, synthesized=synthesized, raw=raw)

    # ------------------------------------------------------------ time

    def on_timer(self, now_s: float) -> None:
        for timer in [timer for timer, at_s in self._deadlines.items() if at_s <= now_s]:
            del self._deadlines[timer]
            match timer:
                case Timer.PROGRESS | Timer.ANSWER:
                    self._given_up(timer, now_s)
                case Timer.TRUNK:
                    self._no_trunk_came(now_s)
                case Timer.TRANSFER:
                    self._transfers.timed_out(now_s)
                case Timer.CLOSE:
                    self._wire.forget_leaving(now_s)

    # ------------------------------------------------------------ inside: the call to the queue

    def _dial_next(self, now_s: float) -> None:
        if self._wire.attempts >= ATTEMPTS_LIMIT:
            self._exit(ExitReason.FAILED, {"detail": "too many attempts"}, now_s)
            return
        trunk = self.trunks.take(now_s, self._tried)
        if trunk is NoTrunk.NONE_LEFT:
            self._exit(exit_of(self._last_status), {"sip_status": str(self._last_status)}, now_s)
        elif not isinstance(trunk, NoTrunk):
            self._dial(trunk, now_s)

    def _dial(self, trunk: str, now_s: float) -> None:
        self._deadlines.pop(Timer.TRUNK, None)
        self._deadlines[Timer.PROGRESS] = now_s + self.limits.progress_s
        self._wire.main = call = self._wire.new_call(trunk, self.number, now_s)
        self.hands.dial(call)

    def _given_up(self, timer: Timer, now_s: float) -> None:
        """Nobody said anything (another trunk may), or nobody answered (the queue itself does not)."""
        call = self._wire.main
        if call is None:
            return
        self._wire.hang_up(call, now_s)
        self._wire.main = None
        if timer is Timer.PROGRESS:
            self._wire.settle(call, now_s, sick=True)
            self._last_status = 408
            self.hands.outcome(call.trunk, 408)
            self._tried.add(call.trunk)
            self._try_another(now_s)
        else:
            self.hands.outcome(call.trunk, 408)
            self._exit(ExitReason.TIMEOUT, {"detail": "no answer"}, now_s)

    def _try_another(self, now_s: float) -> None:
        self._deadlines[Timer.TRUNK] = now_s + self.limits.trunk_wait_s
        self._dial_next(now_s)

    def _gone(self, call: SipCall, status: int, detail: str, now_s: float, *, ours: bool) -> None:
        answered = call.answered_s is not None
        was_main, was_target = call is self._wire.main, call is self._wire.target
        self._wire.forget(call, now_s)
        raw = {"sip_status": str(status), "detail": detail, "trunk": call.trunk}
        if was_target:
            replaced = answered and not ours and self._transfers.replacing
            if not replaced:
                self._transfers.target_gone(transfer_reason(status), raw, now_s)
        elif not was_main or self.over:
            pass  # we let it go before
        elif not answered:
            self._refused(call, status, detail, now_s, ours=ours)
        elif self._wire.target is not None:
            pass  # the agent has left already; the target decides
        elif call.answered_s is not None and now_s - call.answered_s < AT_ONCE_S and self._unserved() and not ours:
            self._exit(ExitReason.FAILED, raw | {"detail": "hung up at once"}, now_s)
        else:
            self._end(raw, now_s, by=Party.GATEWAY if ours else Party.ACD, reason=detail if ours else "")

    def _refused(self, call: SipCall, status: int, detail: str, now_s: float, *, ours: bool) -> None:
        self._deadlines.pop(Timer.PROGRESS, None)
        self._deadlines.pop(Timer.ANSWER, None)
        self._last_status = status
        if ours and detail == ALL_IN_USE:
            self._exit(ExitReason.FULL, {"detail": detail}, now_s)
            return
        following = Next.OTHER_TRUNK if ours else next_of(status)
        number = self.redirected(detail) if following is Next.REDIRECTED and not self._redirections else None
        if number is not None:
            self._redirections += 1
            self.number = number
            self._try_another(now_s)
        elif following is Next.OTHER_TRUNK:
            if detail != WORKER_LOST:
                self._tried.add(call.trunk)
            self._try_another(now_s)
        else:
            self._exit(exit_of(status), {"sip_status": str(status), "detail": detail, "trunk": call.trunk}, now_s)

    def _unserved(self) -> bool:
        return not self._claimed_once and not self._told & {Connected, Transferred} and self._feed_end is None

    def _no_trunk_came(self, now_s: float) -> None:
        if self._last_status:
            reason = exit_of(self._last_status)
        else:
            reason = ExitReason.FAILED if self.trunks.refusal(now_s) is NoTrunk.DOWN else ExitReason.FULL
        self._exit(reason, {"detail": "no trunk"}, now_s)

    def _exit(self, reason: ExitReason, raw: Mapping[str, str], now_s: float) -> None:
        self._last(QueueExit(reason=reason), raw, now_s)

    def _end(self, raw: Mapping[str, str], now_s: float, *, by: Party, reason: str = "") -> None:
        own = Ended(by=by, reason=reason or ("transfer" if self._transfers.referred_once else "normal"))
        self._last(self._feed_end or own, raw, now_s)

    def _last(self, body: AcdEventBody, raw: Mapping[str, str], now_s: float) -> None:
        if not self.over:
            self._tell(body, raw=raw)
            self.leave(now_s)

    # ------------------------------------------------------------ inside: telling

    def _moved(self, agent_id: AgentId | None) -> None:
        """By a transfer, to an agent who has claimed already; None: who has it now is to be told anew."""
        self.agent_id = agent_id
        self._identified = False
        self._told.discard(Connected)

    def _offered(self) -> None:
        self._tell_once(Offered())

    def _tell_once(
        self, body: AcdEventBody, *, synthesized: bool = False, raw: Mapping[str, str] | None = None
    ) -> None:
        if type(body) not in self._told:
            self._tell(body, synthesized=synthesized, raw=raw)

    def _tell(self, body: AcdEventBody, *, synthesized: bool = False, raw: Mapping[str, str] | None = None) -> None:
        if self.over and not _after_the_call(body):
            return
        self._told.add(type(body))
        self.hands.emit(body, synthesized=synthesized, raw=raw or {})


def _after_the_call(body: AcdEventBody) -> bool:
    """What an ACD may still say when the call is over."""
    return isinstance(body, WrapUpStarted | WrapUpDone | Unrecognised)
