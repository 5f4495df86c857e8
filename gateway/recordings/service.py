"""One recording per contact: whether, from when to when, and what becomes of it. It never ends or holds up a call.

The contact says what happens (`begin`, `attach`, `mark`, `consent`, `stop`) and the engine what it did; what follows is
done by `Capturing` (commands to the engine), `Deadlines`, `Sealer` (the end) and `Ledger` (every transition). Every
failure becomes a view for the two people, an alarm, or both. It knows no SQL, no packet and no container.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from typing import Any

from gateway.base.clock import Clock
from gateway.base.errors import GatewayError, NotFound, StateConflict
from gateway.base.ids import ContactId, LegId, RecordingId
from gateway.base.log import get_logger
from gateway.base.tasks import Supervisor
from gateway.config import QueueSettings, RecordingSettings
from gateway.recordings.calls import BEGUN, Answer, OnCall, check, holder_of
from gateway.recordings.capturing import ROLES, WORKER_LOST, Capturing
from gateway.recordings.consents import Consents
from gateway.recordings.deadlines import MAX_DURATION_S, Deadlines
from gateway.recordings.finaliser import Finaliser
from gateway.recordings.jobs import Jobs
from gateway.recordings.live import Ledger, Live
from gateway.recordings.policy import AGENT_LOST, PAGE, Action, Decision, Policies, decide
from gateway.recordings.port import AlarmPort, ArchivePort, AuditPort, BridgeOrder, RecordingRecords, RecordingView
from gateway.recordings.sealing import IsOurs, Sealer
from gateway.recordings.states import (
    RECORDING,
    WRITING,
    FirstFrameWritten,
    RecordingState,
    StopRequested,
    WriteFailed,
)
from gateway.recordings.store import RecordingStore
from media.port import (
    EVENT,
    TELEPHONE,
    MediaEvent,
    MediaPort,
    RecordingFailed,
    RecordingStarted,
    RecordingStopped,
)

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
        archive: ArchivePort,
        settings: RecordingSettings,
        clock: Clock,
        on_alarm: AlarmPort,
        audit: AuditPort,
        queues: Sequence[QueueSettings] = (),
        silence_s: float = 6.0,
        max_duration_s: float = MAX_DURATION_S,
    ) -> None:
        """`silence_s` is the engine's: a leg reported silent sent its last packet that long before."""
        self._media = media
        self._ledger = Ledger(records, clock, on_alarm, current_notice_version=settings.notice_version)
        self._sealer = Sealer(
            ledger=self._ledger,
            records=records,
            store=store,
            finaliser=finaliser,
            archive=archive,
            clock=clock,
            forget=self._forget,
        )
        self._capturing = Capturing(
            media=media,
            ledger=self._ledger,
            sealer=self._sealer,
            store=store,
            archive=archive,
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
            pause_limit_s=settings.pause_limit.total_seconds(),
        )
        self._consents = Consents(
            ledger=self._ledger,
            capturing=self._capturing,
            sealer=self._sealer,
            store=store,
            archive=archive,
            settings=settings,
        )
        self._policies = Policies(settings, queues)
        self._audit = audit
        self._clock = clock
        self._tasks = Supervisor("recordings")
        self._calls: dict[ContactId, OnCall] = {}
        self._open: dict[RecordingId, Live] = {}  # with which something can still happen

    # ------------------------------------------------------------ life

    def start(self) -> None:
        """Listen to the media engine."""
        self._media.events.on(EVENT, self._on_media)

    async def aclose(self) -> None:
        """Stop every recording in order; a finalising job not done is killed and done at the next start."""
        for contact_id in list(self._calls):
            await self.stop(contact_id, "shutdown")
        if self._on_media in self._media.events.listeners(EVENT):
            self._media.events.remove_listener(EVENT, self._on_media)
        await self._tasks.aclose()
        await self._sealer.aclose()
        await self._ledger.aclose()

    async def recover(self, is_ours: IsOurs | None = None) -> int:
        """Take over what a dead process left: finalise its captures, abort what never began. Returns how many.

        `is_ours`: where nodes share the records, whose contact it is; None: all are this node's. What it raises comes
        through. Finalising goes on in the background; `idle` waits for it.
        """
        return await self._sealer.recover(is_ours)

    @property
    def jobs(self) -> Jobs:
        """The recordings that are being finished now."""
        return self._sealer.jobs

    async def idle(self) -> None:
        """Return when no finalising job is waiting or running."""
        await self._sealer.idle()

    def on_change(self, listener: Callable[[RecordingView], None]) -> None:
        """`listener` is called on the loop for every change of what both sides are shown. One listener."""
        self._ledger.listener = listener

    # ------------------------------------------------------------ what the contact says

    async def begin(self, order: BridgeOrder) -> None:
        """The bridge has begun: start if policy and consent allow. Called again, the same recording goes on."""
        call = self._calls.get(order.contact_id)
        if call is None:
            call = self._calls[order.contact_id] = OnCall(contact_id=order.contact_id, order=order)
        call.order = order
        call.policy = self._policies.of(order.queue)
        call.legs |= {"customer": order.customer_leg, "agent": order.agent_leg}
        if order.telephone_leg is not None:
            call.legs[TELEPHONE] = order.telephone_leg
        else:
            call.legs.pop(TELEPHONE, None)
        async with call.lock:
            if order.payment_open:
                call.pauses.setdefault(PAGE, self._clock.monotonic())
            live = call.live
            if live is None:
                call.answer = call.answer or _answer_of(order)
                await self._decide(call, requested=False)
            elif live.state is RecordingState.AWAITING_CONSENT and order.consent is not None:
                await self._answered(call, _answer_of(order))
            elif live.state in WRITING:
                await self._tap(live)
                live.by = "policy"
                await self._capturing.unpause(live, AGENT_LOST)

    async def attach(self, contact_id: ContactId, leg_id: LegId, role: str) -> None:
        """A new generation of that side, or another telephone call, carries on the same tracks."""
        call = self._calls.get(contact_id)
        if call is None or role not in ROLES:
            return
        async with call.lock:
            call.legs[role] = leg_id
            live = call.live
            if live is not None and live.state in WRITING:
                await self._tap(live, role)

    async def mark(self, contact_id: ContactId, mark: str, detail: str = "") -> None:
        """A marker beside the packets. After `agent_lost` nothing is written until the next `begin`."""
        call = self._calls.get(contact_id)
        if call is None or call.live is None:
            return
        async with call.lock:
            if call.live.state not in WRITING:
                return
            await self._capturing.mark(call.live, mark, detail)
            if mark == AGENT_LOST:
                call.live.by = "gateway"
                await self._capturing.pause(call.live, AGENT_LOST)

    async def consent(self, contact_id: ContactId, given: bool, notice_version: str, language: str = "") -> None:
        """The customer's answer, at any time before the call ends. A refusal stops and discards what was written,
        also of a recording that ended before its call."""
        call = self._calls.get(contact_id)
        if call is None:
            return
        async with call.lock:
            answer = Answer(given=given, at=self._clock.now(), notice_version=notice_version, language=language)
            await self._answered(call, answer)

    async def shown(self, contact_id: ContactId, role: str, kinds: Mapping[str, bool]) -> None:
        """What a person shows and says now (`audio`, `video`, `screen`): what they switched off is not missed."""
        call = self._calls.get(contact_id)
        leg_id = call.legs.get(role) if call is not None else None
        if call is None or leg_id is None:
            return
        async with call.lock:
            await self._capturing.shown(call.live, leg_id, kinds)

    async def stop(self, contact_id: ContactId, reason: str) -> None:
        """The call is over: close the capture and seal what is there, in the background."""
        call = self._calls.pop(contact_id, None)
        live = call.live if call is not None else None
        if call is None or live is None:
            return
        for each in call.recordings:
            each.contact_over = True
        async with call.lock:
            await self._stop(live, reason)

    # ------------------------------------------------------------ what people and systems ask

    async def control(self, contact_id: ContactId, action: Action, *, by: str, reason: str = "") -> RecordingView:
        """Start, stop, pause or resume; asked twice, it is done once. `by`: `agent:ID`, `page`, `rest:NAME`.

        What protects the customer (stop, pause) is done and then written into the audit; what writes to the disk is
        written there first. A pause ends when all who asked for it have let go. Raises NotFound (`no_such_call`),
        StateConflict (as `calls.check`), PortFailure.
        """
        call = self._calls.get(contact_id)
        if call is None:
            raise NotFound("no_such_call", "This call is not being talked in just now.")
        async with call.lock:
            check(call, action, holder_of(by))
            protects = action in (Action.STOP, Action.PAUSE)
            if not protects:
                await self._note(call, action, by, reason)
            await self._carry_out(call, action, by, reason)
            if protects:
                try:
                    await self._note(call, action, by, reason)
                except GatewayError as error:
                    detail = f"{action} by {by} was done but not written into the audit: {error.code}"
                    self._ledger.alarm("audit_not_written", call.recording_id, contact_id, detail)
        return call.view

    async def ask(self, contact_id: ContactId, action: str, *, by: str) -> None:
        """`control` for a contact that has checked it already: what has become impossible meanwhile is let go."""
        try:
            await self.control(contact_id, Action(action), by=by)
        except (StateConflict, NotFound) as error:
            _log.info("recording.too_late", contact_id=contact_id, action=action, by=by, code=error.code)

    async def _note(self, call: OnCall, action: Action, by: str, reason: str) -> None:
        data = {"contact_id": call.contact_id, "reason": reason, "policy": call.policy.value}
        await self._audit(by, f"recording_{action}", call.recording_id or call.contact_id, data)

    async def _carry_out(self, call: OnCall, action: Action, by: str, reason: str) -> None:
        live, who = call.live, holder_of(by)
        if live is not None:
            live.by = by
        match action:
            case Action.START:
                if live is None or live.state not in BEGUN:
                    await self._decide(call, requested=True, by=by)
            case Action.STOP if live is not None:
                await self._stop(live, reason or by)
            case Action.PAUSE if live is not None and live.state in WRITING:
                await self._capturing.pause(live, who, reason)
            case Action.PAUSE:
                call.pauses.setdefault(who, self._clock.monotonic())
            case Action.RESUME if live is not None:
                await self._capturing.unpause(live, who, reason)
            case Action.RESUME:
                call.pauses.pop(who, None)
            case _:
                pass

    def view(self, contact_id: ContactId) -> RecordingView:
        """What both sides see of it now. NotFound (`no_such_call`)."""
        call = self._calls.get(contact_id)
        if call is None:
            raise NotFound("no_such_call", "This call is not being talked in just now.")
        return call.view

    # ------------------------------------------------------------ beginnings and ends

    async def _decide(self, call: OnCall, *, requested: bool, by: str = "policy") -> None:
        if call.live is not None and not requested:
            return
        decision = decide(
            call.policy,
            notice_shown=bool(call.order.notice_version),
            consent=None if call.answer is None else call.answer.given,
            requested=requested,
        )
        if decision is Decision.NOTHING:
            self._ledger.show(call.view)
            return
        live = call.new_recording(self._clock.now(), by)
        self._open[live.recording_id] = live
        if await self._consents.decide(live, decision, call.answer):
            await self._write(live)
        elif live.state is RecordingState.ABORTED:
            self._forget(live)

    async def _answered(self, call: OnCall, answer: Answer | None) -> None:
        if answer is None:
            return
        call.answer = answer
        if answer.given:
            if call.live is not None and await self._consents.given(call.live, answer):
                await self._write(call.live)
            return
        for live in call.recordings:
            live.by = "customer"
            if await self._consents.withdrawn(live, answer):
                self._forget(live)

    async def _write(self, live: Live) -> None:
        if await self._capturing.open(live):
            began_s = self._clock.monotonic()
            live.watch = self._tasks.spawn(self._deadlines.watch(live, began_s), name=f"watch:{live.recording_id}")

    async def _stop(self, live: Live, reason: str) -> None:
        if live.state in WRITING:
            await self._capturing.end(live, StopRequested(reason=reason))
        elif RECORDING.allows(live.state, StopRequested):
            await self._ledger.step(live, StopRequested(reason=reason))
            self._forget(live)

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
                leg_id = self._capturing.hear(event, self._open.values())
                for live in self._open.values():
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
            if event.code == WORKER_LOST:
                await self._go_on(live)
            else:
                await self._give_up(live, event.code, event.detail)

    async def _tap(self, live: Live, *roles: str) -> None:
        if not live.adrift:
            await self._capturing.tap(live, *roles)
        elif not await self._go_on(live):  # a leg is back, so the engine is: it will not get better
            await self._give_up(live, WORKER_LOST, "no media process took the recording over")

    async def _go_on(self, live: Live) -> bool:
        """In the next capture. What people see stays; the journal says that there is a gap. False: not yet."""
        if not await self._capturing.open_next(live):
            return False
        live.by = "gateway"
        self._ledger.show_live(live, "paused" if live.pauses else "on", code=WORKER_LOST)
        return True

    async def _give_up(self, live: Live, code: str, detail: str) -> None:
        """Nothing more can be written. What there is will be played; without anything the recording is failed."""
        self._ledger.alarm_of(live, code, detail)
        live.by = "gateway"
        self._ledger.show_live(live, "failed", code=code)
        if live.state is RecordingState.STARTING:
            await self._capturing.close(live)
            await self._sealer.fail(live, code, detail, said=True)
        else:
            live.record = replace(live.record, failure=code)
            await self._capturing.end(live, WriteFailed(code=code))

    # ------------------------------------------------------------ helpers

    async def _rewrite_expected(self, live: Live) -> None:
        async with live.lock:
            if live.state in WRITING:
                await self._capturing.write_expected(live)

    def _find(self, recording_id: str) -> Live | None:
        return self._open.get(RecordingId(recording_id))

    def _forget(self, live: Live) -> None:
        """Nothing more can happen to it."""
        self._open.pop(live.recording_id, None)
        if live.watch is not None and live.watch is not asyncio.current_task():
            live.watch.cancel()


def _answer_of(order: BridgeOrder) -> Answer | None:
    if order.consent is None:
        return None
    return Answer(
        given=order.consent, at=order.consent_at, notice_version=order.notice_version, language=order.language
    )
