"""The deadlines of a recording that is being written: nothing arrives, a pause is forgotten, it grows too long.

One task per recording, which also asks for a key frame now and then. It knows the clock, and no consent or policy.
"""

from typing import Final

from gateway.base.clock import Clock
from gateway.recordings.capturing import Capturing
from gateway.recordings.live import Ledger, Live
from gateway.recordings.policy import AGENT_LOST
from gateway.recordings.sealing import Sealer
from gateway.recordings.states import WRITING, LimitReached, RecordingState, StartTimedOut

START_TIMEOUT_S: Final = 20.0
"""Two connected browsers send within a second; a recording without a packet after this will never have one."""

KEY_FRAME_EVERY_S: Final = 20.0
"""A player can seek to key frames only, and browsers send none by themselves."""

MAX_DURATION_S: Final = 4 * 3600.0 + 600.0
"""Longer than the longest call: a recording that outlives it is ended."""


class Deadlines:
    """`watch` is run by the service as a task of its own, and cancelled when the recording is over."""

    def __init__(
        self,
        *,
        capturing: Capturing,
        ledger: Ledger,
        sealer: Sealer,
        clock: Clock,
        max_duration_s: float,
        pause_limit_s: float,
    ) -> None:
        self._capturing = capturing
        self._ledger = ledger
        self._sealer = sealer
        self._clock = clock
        self._max_duration_s = max_duration_s
        self._pause_limit_s = pause_limit_s

    async def watch(self, live: Live, began_s: float) -> None:
        """Return when the recording is no longer written. `began_s`: monotonic."""
        next_s = began_s
        while True:
            next_s += KEY_FRAME_EVERY_S
            await self._clock.sleep_until(next_s)
            async with live.lock:
                now_s = self._clock.monotonic()
                if live.state is RecordingState.STARTING and now_s - began_s >= START_TIMEOUT_S:
                    await self._capturing.close(live)
                    await self._sealer.fail(live, "start_timeout", "no packet arrived to be recorded", StartTimedOut())
                if live.state not in WRITING:
                    return
                if now_s - began_s >= self._max_duration_s:
                    live.at_limit = True
                    await self._capturing.end(live, LimitReached())
                    return
                await self._end_forgotten_pauses(live, now_s)
                if live.state is RecordingState.ACTIVE:
                    await self._capturing.ask_key_frames(live)

    async def _end_forgotten_pauses(self, live: Live, now_s: float) -> None:
        """A pause for a lost agent is not forgotten: it ends with the next one."""
        for who, since_s in list(live.pauses.items()):
            if who != AGENT_LOST and now_s - since_s >= self._pause_limit_s:
                self._ledger.alarm_of(live, "pause_forgotten", f"the pause of {who} was ended by its time limit")
                live.by = "limit"
                await self._capturing.unpause(live, who, "limit")
