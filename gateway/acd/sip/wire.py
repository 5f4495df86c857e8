"""The calls of one contact, and their trunks: the one that counts, one to a transfer's target, those that are hung up.

Every call is dialled here and leaves through `forget`, once, and its trunk with it. Why, it does not know.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from gateway.acd.sip.hands import CLOSE_LIMIT_S, Hands, Timer
from gateway.acd.sip.states import CloseAsked, Gone, SipCall
from gateway.acd.sip.trunks import Trunks
from gateway.base.ids import LegId


@dataclass(slots=True, kw_only=True)
class Wire:
    """`deadlines` is the contact's; the one for calls that never say that they are gone is kept here."""

    trunks: Trunks
    hands: Hands
    new_leg_id: Callable[[], LegId]
    deadlines: dict[Timer, float]
    main: SipCall | None = None
    target: SipCall | None = None
    leaving: list[SipCall] = field(default_factory=list)
    attempts: int = 0  # INVITEs so far

    def calls(self) -> list[SipCall]:
        """Those that are not gone yet."""
        return [call for call in (self.main, self.target, *self.leaving) if call is not None]

    def find(self, leg_id: LegId) -> SipCall | None:
        return next((call for call in self.calls() if call.leg_id == leg_id), None)

    def new_call(self, trunk: str, number: str, now_s: float) -> SipCall:
        """Not dialled yet: it must have its place before anything comes of it."""
        self.attempts += 1
        return SipCall(leg_id=self.new_leg_id(), trunk=trunk, number=number, dialled_s=now_s)

    def let_target_go(self) -> None:
        """The other side ends it, or `hang_up_all` does."""
        target, self.target = self.target, None
        if target is not None:
            self.leaving.append(target)

    def hang_up(self, call: SipCall, now_s: float) -> None:
        if call.happened(CloseAsked()):
            self.hands.close(call.leg_id)
        if call not in self.leaving:
            self.leaving.append(call)
        self.deadlines[Timer.CLOSE] = now_s + CLOSE_LIMIT_S

    def hang_up_all(self, now_s: float) -> None:
        """Nothing else is waited for any more."""
        main, self.main = self.main, None
        for call in [*([main] if main is not None else []), *self.leaving]:
            self.hang_up(call, now_s)
        self.deadlines.clear()
        if self.leaving:
            self.deadlines[Timer.CLOSE] = now_s + CLOSE_LIMIT_S

    def forget_leaving(self, now_s: float) -> None:
        """They have had their time."""
        for call in list(self.leaving):
            self.forget(call, now_s)

    def forget(self, call: SipCall, now_s: float) -> None:
        """Nothing is left of it."""
        if call.happened(Gone()):
            self.settle(call, now_s, sick=None)
            self.trunks.free(call.trunk)
        if call is self.main:
            self.main = None
        if call is self.target:
            self.target = None
        self.leaving = [one for one in self.leaving if one is not call]
        if not self.leaving:
            self.deadlines.pop(Timer.CLOSE, None)

    def settle(self, call: SipCall, now_s: float, *, sick: bool | None) -> None:
        """What its trunk did, said once; None: nothing can be said of it."""
        if not call.settled:
            call.settled = True
            self.trunks.settle(call.trunk, now_s, sick=sick)
