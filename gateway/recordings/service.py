"""One recording per contact: whether, from when to when, and what becomes of it. It never ends or holds up a call.

The contact says what happens (`begin`, `attach`, `mark`, `consent`, `stop`); the media engine is told through its port;
the finaliser runs as a process of its own; rows go to `RecordingRecords`. Every failure becomes a view for the two
people, an alarm, or both. It knows no SQL, no packet and no container.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from typing import Any, Final

from gateway.base.clock import Clock
from gateway.base.ids import ContactId, LegId, RecordingId, new_recording_id
from gateway.base.log import get_logger
from gateway.base.tasks import Supervisor
from gateway.config import RecordingSettings
from gateway.recordings.finaliser import Finaliser
from gateway.recordings.live import Ledger, Live
from gateway.recordings.port import AlarmPort, BridgeOrder, RecordingRecord, RecordingRecords, RecordingView
from gateway.recordings.sealing import Sealer
from gateway.recordings.sending import Sending
from gateway.recordings.states import (
    RECORDING,
    WRITING,
    ConsentGiven,
    ConsentNeeded,
    ConsentRefused,
    ConsentWaived,
    FirstFrameWritten,
    LimitReached,
    PauseRequested,
    RecordingEvent,
    RecordingState,
    ResumeRequested,
    StartTimedOut,
    StopRequested,
    WriteFailed,
)
from gateway.recordings.store import RecordingStore, StoredFile
from media.port import (
    EVENT,
    MarkRecording,
    MediaEvent,
    MediaPort,
    MediaRefused,
    RecordingFailed,
    RecordingStarted,
    RecordingStopped,
    RecordLeg,
    RequestKeyFrame,
    StartRecording,
    StopRecording,
)

START_TIMEOUT_S: Final = 20.0
"""Two connected browsers send within a second; a recording without a packet after this will never have one."""

STOP_TIMEOUT_S: Final = 6.0
"""The port promises an answer within 5 s; after this what is on disk is finalised as it is."""

KEY_FRAME_EVERY_S: Final = 20.0
"""A player can seek to key frames only, and browsers send none by themselves."""

PAUSE_LIMIT_S: Final = 600.0
"""A pause that somebody forgot ends by itself, with an alarm (a pause for a lost agent does not)."""

MAX_DURATION_S: Final = 4 * 3600.0 + 600.0
"""Longer than the longest call: a recording that outlives it is ended."""

AGENT_LOST: Final = "agent_lost"
_REQUEST: Final = "request"
_ROLES: Final = ("customer", "agent")

_log = get_logger("recordings")


class RecordingService:
    """All recordings of this node. Made with `start`, ended with `aclose`; `recover` once in between."""

    def __init__(
        self,
        *,
        media: MediaPort,
        records: RecordingRecords,
        store: RecordingStore,
        finaliser: Finaliser,
        settings: RecordingSettings,
        clock: Clock,
        on_alarm: AlarmPort,
        silence_s: float = 10.0,
        max_duration_s: float = MAX_DURATION_S,
    ) -> None:
        """`silence_s` is the engine's: a leg reported silent sent its last packet that long before."""
        self._media = media
        self._records = records
        self._ledger = Ledger(records, clock, on_alarm, current_notice_version=settings.notice_version)
        self._sealer = Sealer(
            ledger=self._ledger, records=records, store=store, finaliser=finaliser, clock=clock, forget=self._forget
        )
        self._store = store
        self._settings = settings
        self._clock = clock
        self._sending = Sending(silence_s)
        self._max_duration_s = max_duration_s
        self._tasks = Supervisor("recordings")
        self._live: dict[ContactId, Live] = {}
        self._recorded: dict[ContactId, Live] = {}  # of contacts that go on though their recording is over

    # ------------------------------------------------------------ life

    def start(self) -> None:
        """Listen to the media engine."""
        self._media.events.on(EVENT, self._on_media)

    async def aclose(self) -> None:
        """Stop every recording in order; a finalising job not done is killed and done at the next start."""
        for contact_id in list(self._live):
            await self.stop(contact_id, "shutdown")
        if self._on_media in self._media.events.listeners(EVENT):
            self._media.events.remove_listener(EVENT, self._on_media)
        await self._tasks.aclose()
        await self._sealer.aclose()
        await self._ledger.flush()

    async def recover(self) -> int:
        """Take over what a dead process left: finalise its captures, abort what never began. Returns how many.

        Finalising goes on in the background; `idle` waits for it.
        """
        return await self._sealer.recover()

    async def idle(self) -> None:
        """Return when no finalising job is waiting or running."""
        await self._sealer.idle()

    def on_change(self, listener: Callable[[RecordingView], None]) -> None:
        """`listener` is called on the loop for every change of what both sides are shown. One listener."""
        self._ledger.listener = listener

    # ------------------------------------------------------------ what the contact says

    async def begin(self, order: BridgeOrder) -> None:
        """The bridge has begun: start if policy and consent allow. Called again, the same recording goes on."""
        if self._settings.consent == "off":
            self._ledger.show(order.contact_id, "off")
            return
        live = self._live.get(order.contact_id)
        if live is None and order.contact_id in self._recorded:
            return
        if live is None:
            live = self._live[order.contact_id] = Live(
                RecordingRecord(
                    recording_id=new_recording_id(),
                    contact_id=order.contact_id,
                    state=RECORDING.initial,
                    consent="",
                    notice_version=order.notice_version,
                    requested_at=self._clock.now(),
                )
            )
        async with live.lock:
            live.legs |= {"customer": order.customer_leg, "agent": order.agent_leg}
            match live.state:
                case RecordingState.REQUESTED:
                    await self._decide(live, order.consent)
                case RecordingState.AWAITING_CONSENT if order.consent is not None:
                    await self._answer(live, order.consent, order.notice_version)
                case state if state in WRITING:
                    await self._record_legs(live)
                    await self._unpause(live, AGENT_LOST)
                case _:
                    pass

    async def attach(self, contact_id: ContactId, leg_id: LegId, role: str) -> None:
        """A new generation of that side carries on the same tracks."""
        live = self._live.get(contact_id)
        if live is None or role not in _ROLES:
            return
        async with live.lock:
            live.legs[role] = leg_id
            if live.state in WRITING:
                await self._record_legs(live, role)

    async def mark(self, contact_id: ContactId, mark: str, detail: str = "") -> None:
        """A marker beside the packets. After `agent_lost` nothing is written until the next `begin`."""
        live = self._live.get(contact_id)
        if live is None:
            return
        async with live.lock:
            if live.state not in WRITING:
                return
            await self._command(live, MarkRecording(recording_id=live.recording_id, mark=mark, detail=detail))
            if mark == AGENT_LOST:
                await self._pause(live, AGENT_LOST)

    async def consent(self, contact_id: ContactId, given: bool, notice_version: str) -> None:
        """The customer's answer, at any time before the call ends. A refusal stops and discards what was written,
        also of a recording that ended before its call."""
        live = self._live.get(contact_id) or self._recorded.get(contact_id)
        if live is None:
            return
        async with live.lock:
            await self._answer(live, given, notice_version)

    async def pause(self, contact_id: ContactId, reason: str) -> None:
        """Write nothing until `resume` (card data): sound, picture and screen. Ends by itself after ten minutes."""
        live = self._live.get(contact_id)
        if live is None:
            return
        async with live.lock:
            if live.state in WRITING:
                await self._pause(live, _REQUEST, reason)

    async def resume(self, contact_id: ContactId, reason: str = "") -> None:
        live = self._live.get(contact_id)
        if live is None:
            return
        async with live.lock:
            if live.state is RecordingState.PAUSED:
                await self._unpause(live, _REQUEST, reason)

    async def shown(self, contact_id: ContactId, role: str, kinds: Mapping[str, bool]) -> None:
        """What a person shows and says now (`audio`, `video`, `screen`): what they switched off is not missed."""
        live = self._live.get(contact_id)
        leg_id = live.legs.get(role) if live is not None else None
        if live is None or leg_id is None:
            return
        async with live.lock:
            now_s = self._now_s()
            for kind, on in kinds.items():
                if not on:
                    live.expectation.rests(leg_id, kind, now_s)
                elif kind in self._sending.of(leg_id):
                    live.expectation.sends(leg_id, kind, now_s)
            await self._write_expected(live)

    async def stop(self, contact_id: ContactId, reason: str) -> None:
        """The call is over: close the capture and seal what is there, in the background."""
        self._recorded.pop(contact_id, None)
        live = self._live.get(contact_id)
        if live is None:
            return
        live.contact_over = True
        async with live.lock:
            if live.state in WRITING:
                await self._end(live, StopRequested(reason=reason))
            elif RECORDING.allows(live.state, StopRequested):
                await self._ledger.step(live, StopRequested(reason=reason))
                self._forget(live)

    async def file(self, recording_id: RecordingId, view: str) -> StoredFile | None:
        """The finished file of a view (`all`, `customer`, `agent`), or None. Raises GatewayError when rows are away."""
        record = await self._records.get(recording_id)
        if record is None:
            return None
        return await asyncio.to_thread(self._store.find, record, view)

    # ------------------------------------------------------------ consent

    async def _decide(self, live: Live, consent: bool | None) -> None:
        notice_shown = bool(live.record.notice_version)
        if consent is False:
            await self._ledger.step(live, ConsentRefused(), consent="refused")
            self._forget(live)
        elif consent or (self._settings.consent == "notice" and notice_shown):
            await self._ledger.step(live, ConsentWaived(), consent="given" if consent else "notice")
            await self._open(live)
        else:
            await self._ledger.step(live, ConsentNeeded())

    async def _answer(self, live: Live, given: bool, notice_version: str) -> None:
        if given:
            if live.state is RecordingState.AWAITING_CONSENT:
                event = ConsentGiven(notice_version=notice_version)
                await self._ledger.step(live, event, consent="given", notice_version=notice_version)
                await self._open(live)
            return
        if not RECORDING.allows(live.state, ConsentRefused):
            return
        was_writing = live.state in WRITING
        await self._ledger.step(live, ConsentRefused(), consent="refused")
        if was_writing:
            await self._close_capture(live)
        self._forget(live)
        try:
            await asyncio.to_thread(self._store.discard, live.recording_id)
        except OSError as error:
            self._ledger.alarm_of(live, "recording_discard", f"what must not be kept is still there: {error.strerror}")

    # ------------------------------------------------------------ writing

    async def _open(self, live: Live) -> None:
        """`starting`: open the capture and tap both legs. If it fails the recording is failed, the call as it was."""
        recording_id = live.recording_id
        try:
            free = await asyncio.to_thread(self._store.free_bytes)
        except OSError as error:
            await self._sealer.fail(live, "disk_error", f"the recordings' folder can't be used: {error.strerror}")
            return
        if free < self._settings.min_free_bytes:
            await self._sealer.fail(live, "disk_low", f"{free / 1e6:.0f} MB are free, too little to start a recording")
            return
        try:
            folder = str(self._store.folder(recording_id))
            call_id = live.record.contact_id
            await self._media.execute(StartRecording(recording_id=recording_id, folder=folder, call_id=call_id))
        except MediaRefused as error:
            await self._sealer.fail(live, error.code, error.detail)
            return
        how = f"{live.record.consent} {live.record.notice_version}".strip()
        await self._command(live, MarkRecording(recording_id=recording_id, mark="consent", detail=how))
        await self._record_legs(live)
        live.watch = self._tasks.spawn(self._watch(live, self._clock.monotonic()), name=f"watch:{recording_id}")

    async def _record_legs(self, live: Live, *roles: str) -> None:
        now_s = self._now_s()
        for role in roles or _ROLES:
            leg_id = live.legs.get(role)
            if leg_id is None or not await self._command(
                live, RecordLeg(recording_id=live.recording_id, leg_id=leg_id, role=role)
            ):
                continue
            live.expectation.attach(role, leg_id, now_s, self._sending.of(leg_id))
            await self._command(live, RequestKeyFrame(leg_id=leg_id))
        await self._write_expected(live)

    async def _pause(self, live: Live, who: str, reason: str = "") -> None:
        first = not live.pauses
        live.pauses.add(who)
        if not first:
            return
        live.paused_at_s = self._clock.monotonic()
        await self._command(live, MarkRecording(recording_id=live.recording_id, mark="pause", detail=reason or who))
        await self._ledger.step(live, PauseRequested(reason=reason or who))

    async def _unpause(self, live: Live, who: str, reason: str = "") -> None:
        if who not in live.pauses:
            return
        live.pauses.discard(who)
        if live.pauses:
            return
        live.paused_at_s = None
        await self._command(live, MarkRecording(recording_id=live.recording_id, mark="resume", detail=reason or who))
        await self._ledger.step(live, ResumeRequested(reason=reason or who))
        for leg_id in live.legs.values():
            await self._command(live, RequestKeyFrame(leg_id=leg_id))

    async def _watch(self, live: Live, began_s: float) -> None:
        """Deadlines of one recording: start, forgotten pause, longest duration; and a key frame now and then."""
        next_s = began_s
        while True:
            next_s += KEY_FRAME_EVERY_S
            await self._clock.sleep_until(next_s)
            async with live.lock:
                now_s = self._clock.monotonic()
                if live.state is RecordingState.STARTING and now_s - began_s >= START_TIMEOUT_S:
                    await self._close_capture(live)
                    await self._sealer.fail(live, "start_timeout", "no packet arrived to be recorded", StartTimedOut())
                if live.state not in WRITING:
                    return
                if now_s - began_s >= self._max_duration_s:
                    live.at_limit = True
                    await self._end(live, LimitReached())
                    return
                if (
                    _REQUEST in live.pauses
                    and live.paused_at_s is not None
                    and now_s - live.paused_at_s >= PAUSE_LIMIT_S
                ):
                    self._ledger.alarm_of(live, "pause_forgotten", "a pause ended by itself after ten minutes")
                    await self._unpause(live, _REQUEST, "limit")
                if live.state is RecordingState.ACTIVE:
                    for leg_id in live.legs.values():
                        await self._command(live, RequestKeyFrame(leg_id=leg_id))

    # ------------------------------------------------------------ what the media engine says

    def _on_media(self, event: MediaEvent) -> None:
        match event:
            case RecordingStopped(recording_id=recording_id):
                if (live := self._find(recording_id)) is not None:
                    live.stopped.set()
            case RecordingStarted(recording_id=recording_id):
                if (live := self._find(recording_id)) is not None:
                    self._soon(self._started(live, event), f"started:{recording_id}")
            case RecordingFailed(recording_id=recording_id):
                if (live := self._find(recording_id)) is not None:
                    self._soon(self._write_failed(live, event), f"failed:{recording_id}")
            case _:
                leg_id = self._sending.apply(event, [live.expectation for live in self._live.values()])
                for live in self._live.values():
                    if leg_id in live.legs.values():
                        self._soon(self._rewrite_expected(live), f"expected:{live.recording_id}")

    def _soon(self, work: Coroutine[Any, Any, None], name: str) -> None:
        _ = self._tasks.spawn(work, name=name)

    async def _started(self, live: Live, event: RecordingStarted) -> None:
        async with live.lock:
            if live.record.started_at is None:
                live.record = replace(live.record, started_at=self._clock.now())
            if live.state is RecordingState.STARTING:
                await self._ledger.step(live, FirstFrameWritten(at_s=event.at_s))

    async def _write_failed(self, live: Live, event: RecordingFailed) -> None:
        async with live.lock:
            if live.state not in WRITING:
                return
            self._ledger.alarm_of(live, event.code, event.detail)
            self._ledger.show(live.record.contact_id, "failed", code=event.code)
            if live.state is RecordingState.STARTING:
                await self._close_capture(live)
                await self._sealer.fail(live, event.code, event.detail, said=True)
            else:
                live.record = replace(live.record, failure=event.code)
                await self._end(live, WriteFailed(code=event.code))

    # ------------------------------------------------------------ the end

    async def _end(self, live: Live, event: RecordingEvent) -> None:
        """Close the capture, whatever it takes, and have it finalised."""
        await self._ledger.step(live, event)
        await self._close_capture(live)
        live.expectation.finish(self._now_s())
        await self._write_expected(live)
        self._sealer.soon(live)

    async def _close_capture(self, live: Live) -> None:
        try:
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await self._media.execute(StopRecording(recording_id=live.recording_id))
                await live.stopped.wait()
        except MediaRefused as error:
            _log.warning("recording.stop_refused", recording_id=live.recording_id, code=error.code)
        except TimeoutError:
            self._ledger.alarm_of(live, "stop_timeout", "the media engine did not close the capture in time")

    # ------------------------------------------------------------ helpers

    async def _command(self, live: Live, command: MarkRecording | RecordLeg | RequestKeyFrame) -> bool:
        """Tell the engine; a refusal (a leg that has just gone) is logged and harms nothing."""
        try:
            await self._media.execute(command)
        except MediaRefused as error:
            _log.info(
                "recording.command_refused",
                recording_id=live.recording_id,
                command=type(command).__name__,
                code=error.code,
            )
            return False
        return True

    async def _rewrite_expected(self, live: Live) -> None:
        async with live.lock:
            if live.state in WRITING:
                await self._write_expected(live)

    async def _write_expected(self, live: Live) -> None:
        """With the lock held, while there is a folder. Without the file the capture would be measured by itself."""
        document = live.expectation.document() | {"truncated_reason": live.record.failure}
        try:
            await asyncio.to_thread(self._store.write_expected, live.recording_id, document)
        except OSError as error:
            _log.warning("recording.expected_not_written", recording_id=live.recording_id, error=error.strerror)

    def _find(self, recording_id: str) -> Live | None:
        return next((live for live in self._live.values() if live.recording_id == recording_id), None)

    def _forget(self, live: Live) -> None:
        """Nothing more can happen to it. While its contact goes on, a second recording must not begin."""
        contact_id = live.record.contact_id
        if self._live.get(contact_id) is live:
            del self._live[contact_id]
            if not live.contact_over:
                self._recorded[contact_id] = live
        if live.watch is not None and live.watch is not asyncio.current_task():
            live.watch.cancel()

    def _now_s(self) -> float:
        """The media host's clock: `time.time()` by another name, so that tests can turn it."""
        return self._clock.now().timestamp()
