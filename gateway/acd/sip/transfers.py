"""Transfers of a contact's call: by REFER, or by a new call that takes the old one's place, or by one after the other.

One at a time; it is carried out or has failed within `Limits.transfer_s`. What is told is told once.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from gateway.acd.events import (
    AcdEventBody,
    AgentName,
    TargetKind,
    TransferFailed,
    TransferMode,
    Transferred,
    TransferTarget,
    VoiceUp,
)
from gateway.acd.sip.hands import Limits, Timer
from gateway.acd.sip.outcomes import TIMED_OUT
from gateway.acd.sip.states import ReferAsked, ReferFailed, SipCall
from gateway.acd.sip.trunks import NoTrunk
from gateway.acd.sip.wire import Wire
from gateway.base.errors import StateConflict
from gateway.base.ids import AgentId, LegId


class Tell(Protocol):
    def __call__(self, body: AcdEventBody, *, raw: Mapping[str, str] | None = None) -> None: ...


@dataclass(slots=True, kw_only=True)
class _Transfer:
    mode: TransferMode
    target: TransferTarget
    number: str
    by_refer: bool
    holder: AgentId | None  # when it began


class Transfers:
    """Of one contact. `holder`: whose panel has claimed it last. `moved`: whoever had the call has it no more, but this
    one. `silent`: one failed, and no call is left."""

    def __init__(
        self,
        *,
        wire: Wire,
        limits: Limits,
        tell: Tell,
        holder: Callable[[], AgentId | None],
        moved: Callable[[AgentId | None], None],
        silent: Callable[[Mapping[str, str], float], None],
    ) -> None:
        self._wire = wire
        self._limits = limits
        self._tell = tell
        self._holder = holder
        self._moved = moved
        self._silent = silent
        self._transfer: _Transfer | None = None
        self.referred_once = False  # the end that follows is a transfer

    @property
    def under_way(self) -> bool:
        return self._transfer is not None

    @property
    def replacing(self) -> bool:
        """The other side was asked to replace the call to the target. It hangs that one up before its NOTIFY says that
        all went well (RFC 3891 §3, RFC 5589 §7.3): the NOTIFY counts, or the deadline."""
        main = self._wire.main
        return self._transfer is not None and main is not None and main.referred

    def begin(self, mode: TransferMode, target: TransferTarget, number: str, now_s: float, *, by_refer: bool) -> None:
        """StateConflict (`transfer_refused`) when there is no call to transfer, or one is under way already."""
        wire, main = self._wire, self._wire.main
        if main is None or not main.up or self._transfer is not None:
            raise StateConflict("transfer_refused", "There is no answered call that could be transferred now.")
        transfer = _Transfer(mode=mode, target=target, number=number, by_refer=by_refer, holder=self._holder())
        if by_refer and mode is TransferMode.BLIND:
            main.happened(ReferAsked())
            wire.hands.refer(main, number, None)
        else:
            self._dial_target(transfer, now_s)
        self._transfer = transfer
        wire.deadlines[Timer.TRANSFER] = now_s + self._limits.transfer_s

    def referred(self, leg_id: LegId, status: int, final: bool, now_s: float) -> None:
        """How our REFER goes."""
        main = self._wire.main
        if self._transfer is None or main is None or main.leg_id != leg_id or not final:
            return
        if 200 <= status < 300:
            self.referred_once = True
            self._transferred(self._transfer)
        else:
            self.refer_refused(leg_id, now_s)

    def refer_refused(self, leg_id: LegId, now_s: float) -> None:
        """It was never sent, or came to nothing: the new call takes its place."""
        transfer, main, target = self._transfer, self._wire.main, self._wire.target
        if transfer is None or not transfer.by_refer or main is None or main.leg_id != leg_id:
            return
        main.happened(ReferFailed())
        transfer.by_refer = False
        if target is None:
            try:
                self._dial_target(transfer, now_s)
            except StateConflict as conflict:
                self._failed("unreachable", {"detail": conflict.code})
        elif target.up:
            self.target_answered(target, now_s)

    def target_answered(self, call: SipCall, now_s: float) -> None:
        transfer, wire = self._transfer, self._wire
        if transfer is None:
            return
        if transfer.by_refer and wire.main is not None:
            wire.main.happened(ReferAsked())
            wire.hands.refer(wire.main, transfer.number, call.leg_id)
            return
        before, wire.main, wire.target = wire.main, call, None
        if before is not None:
            wire.hang_up(before, now_s)
        self._transferred(transfer)
        self._tell(VoiceUp(leg_id=call.leg_id, answered=True))

    def target_gone(self, reason: str, raw: Mapping[str, str], now_s: float) -> None:
        """Before it took the place of the other call."""
        self._failed(reason, raw)
        if self._wire.main is None:
            self._silent(raw, now_s)

    def timed_out(self, now_s: float) -> None:
        wire = self._wire
        if self._transfer is None:
            return
        if wire.target is not None:
            if wire.target.answered_s is None:
                wire.hands.outcome(wire.target.trunk, TIMED_OUT)
            wire.hang_up(wire.target, now_s)
        if wire.main is not None:
            wire.main.happened(ReferFailed())
        self._failed("timeout", {})
        if wire.main is None:
            self._silent({}, now_s)

    def over(self) -> None:
        """The contact is."""
        self._transfer = None
        self._wire.let_target_go()

    def _dial_target(self, transfer: _Transfer, now_s: float) -> None:
        wire = self._wire
        trunk = wire.trunks.take(now_s)
        if isinstance(trunk, NoTrunk):
            raise StateConflict("transfer_refused", "No trunk takes another call now.")
        wire.target = wire.new_call(trunk, transfer.number, now_s)
        wire.hands.dial(wire.target)

    def _transferred(self, transfer: _Transfer) -> None:
        target, agent = transfer.target, None
        claimed_by = self._holder()
        if claimed_by == transfer.holder:
            claimed_by = None
        self._moved(claimed_by)
        if claimed_by is not None:  # the screen pop came while the telephone rang, and the video is theirs
            agent = AgentName(ref=claimed_by, agent_id=claimed_by)
        elif target.kind is TargetKind.AGENT:
            agent = AgentName(ref=target.value, agent_id=AgentId(target.value))
        queue = target.value if target.kind is TargetKind.QUEUE else None
        self._tell(Transferred(queue=queue, agent=agent))
        self._wire.let_target_go()  # REFER with Replaces: the other side takes that call over and ends ours
        self._transfer = None
        self._wire.deadlines.pop(Timer.TRANSFER, None)

    def _failed(self, reason: str, raw: Mapping[str, str]) -> None:
        if self._transfer is not None:
            self._transfer = None
            self._wire.target = None
            self._wire.deadlines.pop(Timer.TRANSFER, None)
            self._tell(TransferFailed(reason=reason), raw=raw)
