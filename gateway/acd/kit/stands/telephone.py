"""A media engine that has telephones and nothing else: calls are answered, refused and ended as the stand wants."""

import asyncio
from collections.abc import Callable
from typing import Final

from pyee import EventEmitter

from gateway.base.clock import Clock
from media.port import (
    EVENT,
    CloseLeg,
    Command,
    DialVoice,
    HoldVoice,
    LegClosed,
    MediaEvent,
    ProbeTrunk,
    ReferVoice,
    TrunkAnswer,
    VoiceAnswered,
    VoiceHeld,
    VoiceProgress,
    VoiceReferred,
)

SLOW_S: Final = 0.3
OK: Final = 200


class Telephone:
    """`MediaPort`. `on_dial` hears of a call that is answered, `on_hung_up` of one that we have ended."""

    def __init__(
        self, clock: Clock, on_dial: Callable[[DialVoice], None], on_hung_up: Callable[[DialVoice], None]
    ) -> None:
        self.events = EventEmitter()
        self.calls: dict[str, DialVoice] = {}  # by leg, until they are over
        self.status = OK  # what calls are answered with from now on
        self.delay_s = 0.0
        self.ends_at_once = False
        self._clock = clock
        self._on_dial = on_dial
        self._on_hung_up = on_hung_up
        self._later: set[asyncio.TimerHandle] = set()

    async def execute(self, command: Command) -> TrunkAnswer | None:
        match command:
            case DialVoice(leg_id=leg_id):
                self.calls[leg_id] = command
                self._soon(lambda: self._ring(leg_id))
            case CloseLeg(leg_id=leg_id):
                call = self.calls.pop(leg_id, None)
                self._soon(lambda: self._say(LegClosed(leg_id=leg_id, reason="closed", at_s=self._now())))
                if call is not None:
                    self._on_hung_up(call)
            case ReferVoice(leg_id=leg_id):
                answer = VoiceReferred(leg_id=leg_id, status=self.status, final=True, at_s=self._now())
                self._soon(lambda: self._say(answer))
                if self.status == OK:
                    self._soon(lambda: self.end(leg_id))
            case ProbeTrunk():
                return TrunkAnswer(reachable=True, status=OK, round_trip_s=0.0)
            case HoldVoice() | _:
                pass
        return None

    async def aclose(self) -> None:
        for handle in self._later:
            handle.cancel()
        self._later.clear()

    def end(self, leg_id: str, status: int = 0) -> None:
        """The other side hangs up, or refuses with `status`."""
        if self.calls.pop(leg_id, None) is not None:
            self._say(LegClosed(leg_id=leg_id, reason="voice_ended", at_s=self._now(), sip_status=status))

    def held(self, leg_id: str, on: bool) -> None:
        self._say(VoiceHeld(leg_id=leg_id, held=on, at_s=self._now()))

    def legs_of(self, call_id: str) -> list[str]:
        """Oldest first."""
        return [leg_id for leg_id, call in self.calls.items() if call.call_id == call_id]

    # ------------------------------------------------------------ inside

    def _ring(self, leg_id: str) -> None:
        if leg_id not in self.calls:
            return
        if self.status != OK:
            self.end(leg_id, self.status)
            return
        self._say(VoiceProgress(leg_id=leg_id, status=180, early_media=False, at_s=self._now()))
        self._soon(lambda: self._answer(leg_id))

    def _answer(self, leg_id: str) -> None:
        call = self.calls.get(leg_id)
        if call is None:
            return
        self._say(VoiceAnswered(leg_id=leg_id, codec="PCMA", at_s=self._now()))
        if self.ends_at_once:
            self.end(leg_id)
        else:
            self._on_dial(call)

    def _soon(self, act: Callable[[], None]) -> None:
        def run() -> None:
            self._later.discard(handle)
            act()

        handle = asyncio.get_running_loop().call_later(self.delay_s, run)
        self._later.add(handle)

    def _say(self, event: MediaEvent) -> None:
        self.events.emit(EVENT, event)

    def _now(self) -> float:
        return self._clock.now().timestamp()
