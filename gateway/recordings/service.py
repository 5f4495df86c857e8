"""One recording per contact: whether, from when to when, and what becomes of it. It never ends or holds up a call.

The contact says what happens (`begin`, `attach`, `mark`, `consent`, `stop`) and the engine what it did; what follows is
done by `Capturing` (commands to the engine), `Deadlines`, `Sealer` (the end) and `Ledger` (every transition). Every
failure becomes a view for the two people, an alarm, or both. It knows no SQL, no packet and no container.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from typing import Any, Final

from gateway.base.clock import Clock
from gateway.base.ids import ContactId, LegId, RecordingId, new_recording_id
from gateway.base.tasks import Supervisor
from gateway.config import RecordingSettings
from gateway.recordings.capturing import ROLES, Capturing
from gateway.recordings.deadlines import MAX_DURATION_S, REQUEST, Deadlines
from gateway.recordings.finaliser import Finaliser
from gateway.recordings.live import Ledger, Live
from gateway.recordings.port import AlarmPort, BridgeOrder, RecordingRecord, RecordingRecords, RecordingView
from gateway.recordings.sealing import Sealer
from gateway.recordings.states import (
    RECORDING,
    WRITING,
    ConsentGiven,
    ConsentNeeded,
    ConsentRefused,
    ConsentWaived,
    FirstFrameWritten,
    RecordingState,
    StopRequested,
    WriteFailed,
)
from gateway.recordings.store import RecordingStore, StoredFile
from media.port import (
    EVENT,
    MediaEvent,
    MediaPort,
    RecordingFailed,
    RecordingStarted,
    RecordingStopped,
)

AGENT_LOST: Final = "agent_lost"


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
        self._capturing = Capturing(
            media=media,
            ledger=self._ledger,
            sealer=self._sealer,
            store=store,
            settings=settings,
            clock=clock,
            silence_s=silence_s,
        )
        self._deadlines = Deadlines(
            capturing=self._capturing,
            ledger=self._ledger,
            sealer=self._sealer,
            clock=clock,
            max_duration_s=max_duration_s,
        )
        self._store = store
        self._settings = settings
        self._clock = clock
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
                    await self._capturing.tap(live)
                    await self._capturing.unpause(live, AGENT_LOST)
                case _:
                    pass

    async def attach(self, contact_id: ContactId, leg_id: LegId, role: str) -> None:
        """A new generation of that side carries on the same tracks."""
        live = self._live.get(contact_id)
        if live is None or role not in ROLES:
            return
        async with live.lock:
            live.legs[role] = leg_id
            if live.state in WRITING:
                await self._capturing.tap(live, role)

    async def mark(self, contact_id: ContactId, mark: str, detail: str = "") -> None:
        """A marker beside the packets. After `agent_lost` nothing is written until the next `begin`."""
        live = self._live.get(contact_id)
        if live is None:
            return
        async with live.lock:
            if live.state not in WRITING:
                return
            await self._capturing.mark(live, mark, detail)
            if mark == AGENT_LOST:
                await self._capturing.pause(live, AGENT_LOST)

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
                await self._capturing.pause(live, REQUEST, reason)

    async def resume(self, contact_id: ContactId, reason: str = "") -> None:
        live = self._live.get(contact_id)
        if live is None:
            return
        async with live.lock:
            if live.state is RecordingState.PAUSED:
                await self._capturing.unpause(live, REQUEST, reason)

    async def shown(self, contact_id: ContactId, role: str, kinds: Mapping[str, bool]) -> None:
        """What a person shows and says now (`audio`, `video`, `screen`): what they switched off is not missed."""
        live = self._live.get(contact_id)
        leg_id = live.legs.get(role) if live is not None else None
        if live is None or leg_id is None:
            return
        async with live.lock:
            await self._capturing.shown(live, leg_id, kinds)

    async def stop(self, contact_id: ContactId, reason: str) -> None:
        """The call is over: close the capture and seal what is there, in the background."""
        self._recorded.pop(contact_id, None)
        live = self._live.get(contact_id)
        if live is None:
            return
        live.contact_over = True
        async with live.lock:
            if live.state in WRITING:
                await self._capturing.end(live, StopRequested(reason=reason))
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
            await self._capturing.close(live)
        self._forget(live)
        try:
            await asyncio.to_thread(self._store.discard, live.recording_id)
        except OSError as error:
            self._ledger.alarm_of(live, "recording_discard", f"what must not be kept is still there: {error.strerror}")

    async def _open(self, live: Live) -> None:
        if await self._capturing.open(live):
            began_s = self._clock.monotonic()
            live.watch = self._tasks.spawn(self._deadlines.watch(live, began_s), name=f"watch:{live.recording_id}")

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
                leg_id = self._capturing.hear(event, self._live.values())
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
                await self._capturing.close(live)
                await self._sealer.fail(live, event.code, event.detail, said=True)
            else:
                live.record = replace(live.record, failure=event.code)
                await self._capturing.end(live, WriteFailed(code=event.code))

    # ------------------------------------------------------------ helpers

    async def _rewrite_expected(self, live: Live) -> None:
        async with live.lock:
            if live.state in WRITING:
                await self._capturing.write_expected(live)

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
