"""One recording while its contact lives, and every transition of it: table, row, view and alarm in one place."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from gateway.base.clock import Clock
from gateway.base.errors import GatewayError
from gateway.base.ids import ContactId, LegId, RecordingId
from gateway.base.log import get_logger
from gateway.base.tasks import Supervisor
from gateway.recordings.expectation import Expectation
from gateway.recordings.policy import Policy, agent_may
from gateway.recordings.port import AlarmPort, RecordingRecord, RecordingRecords, RecordingView
from gateway.recordings.states import RECORDING, RecordingEvent, RecordingState

_log = get_logger("recordings")

SEALED = frozenset({RecordingState.COMPLETE, RecordingState.LIMIT_REACHED})
_SEALED_RETRIES_S = (1.0, 2.0, 4.0, 8.0, 16.0)
_UNSAVED_LIMIT = 1000
_LAST_SAVES_S = 3.0
_PROMPT_S = 0.05
"""A store that is well takes a row within this time, and whoever asked for the change can read it at once."""

_OVER = frozenset(state for state in RecordingState if RECORDING.is_terminal(state)) | {
    RecordingState.ENDING,
    RecordingState.COMPLETE,
    RecordingState.LIMIT_REACHED,
}


@dataclass(slots=True)
class Live:
    """A recording whose contact is not over, or that is being finalised. `lock` is held by whoever changes it."""

    record: RecordingRecord
    expectation: Expectation = field(default_factory=Expectation)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    stopped: asyncio.Event = field(default_factory=asyncio.Event)  # the engine closed the capture
    legs: dict[str, LegId] = field(default_factory=dict)  # role → the leg recorded now
    pauses: dict[str, float] = field(default_factory=dict)  # who wants it paused → since when, monotonic
    policy: Policy = Policy.NOTICE
    by: str = "policy"  # who caused the last change
    was_paused: bool = False
    adrift: bool = False  # nothing writes it: its media process is gone, and no other has taken it over yet
    at_limit: bool = False
    contact_over: bool = False
    superseded: bool = False  # another recording of the same contact has begun
    recovered: bool = False  # its contact died with another process: nobody is shown anything
    watch: asyncio.Task[Any] | None = None
    saving: asyncio.Lock = field(default_factory=asyncio.Lock)  # held over each save of its row
    saved: RecordingRecord | None = None  # the row as the store last took it

    @property
    def state(self) -> RecordingState:
        return self.record.state

    @property
    def recording_id(self) -> RecordingId:
        return self.record.recording_id


class Ledger:
    """Where transitions are made. Nothing else changes a recording's state."""

    def __init__(
        self, records: RecordingRecords, clock: Clock, on_alarm: AlarmPort, *, current_notice_version: str
    ) -> None:
        self._records = records
        self._clock = clock
        self._on_alarm = on_alarm
        self._notice_version = current_notice_version
        self.listener: Callable[[RecordingView], None] = lambda view: None
        self._tasks = Supervisor("recordings.ledger")
        self._beside: dict[RecordingId, asyncio.Task[Any]] = {}
        self._unsaved: dict[RecordingId, Live] = {}  # rows the store did not take; the oldest goes when it is full

    async def step(self, live: Live, event: RecordingEvent, **changes: Any) -> None:
        """One transition: the table decides, the row is saved, both sides are shown what they should see.

        A slow store saves beside what follows: neither the first packets nor the end of a call wait for it.
        `changes` are further fields of the row. Raises StateConflict for an illegal one; nothing changed then.
        """
        before = live.record
        after = RECORDING.next(before.state, event)
        ended_at = before.ended_at or (self._clock.now() if after in _OVER else None)
        live.record = replace(before, state=after, ended_at=ended_at, **changes)
        _log.info(
            "recording.transition",
            recording_id=before.recording_id,
            contact_id=before.contact_id,
            from_state=before.state.value,
            to_state=after.value,
            event_name=type(event).__name__,
        )
        await asyncio.wait({self._saved_beside(live)}, timeout=_PROMPT_S)
        self.show_state(live)

    def _saved_beside(self, live: Live) -> asyncio.Task[None]:
        """A save that is under way takes the newest row when it is done: there is one task for a recording at most."""
        recording_id = live.recording_id
        task = self._beside.get(recording_id)
        if task is None or task.done():
            task = self._beside[recording_id] = self._tasks.spawn(self.save(live), name=f"save:{recording_id}")
            task.add_done_callback(partial(self._saved_for_now, recording_id))
        return task

    def _saved_for_now(self, recording_id: RecordingId, task: asyncio.Task[None]) -> None:
        if self._beside.get(recording_id) is task:
            del self._beside[recording_id]

    async def saved(self, live: Live) -> None:
        """Return when the row is in the store, or waits for it to be back. May take long: not with the lock."""
        await asyncio.wait({self._saved_beside(live)})

    async def save(self, live: Live) -> None:
        """Save the newest row. A store that is away is an alarm, not an end: the row waits for the next `save`.

        A sealed recording is tried again for half a minute by itself; lost, the next start would seal it anew.
        """
        while live.saved is not live.record:
            tried = live.record
            if not await self._saved(live):
                if live.record is not tried:
                    continue
                self._unsaved[live.recording_id] = live
                if len(self._unsaved) > _UNSAVED_LIMIT:
                    del self._unsaved[next(iter(self._unsaved))]
                return
            if live.saved is live.record:
                self._unsaved.pop(live.recording_id, None)
                await self.flush()  # which takes its time: there may be a newer row after it

    async def _saved(self, live: Live) -> bool:
        retries_s = _SEALED_RETRIES_S if live.state in SEALED else ()
        async with live.saving:
            error = await self._try(live)
            if error is not None:
                self.alarm_of(live, "recording_not_saved", f"the row could not be saved: {error.code}")
            for delay_s in retries_s if error is not None else ():
                await self._clock.sleep_until(self._clock.monotonic() + delay_s)
                error = await self._try(live)
                if error is None:
                    break
            return error is None

    async def _try(self, live: Live) -> GatewayError | None:
        """With `live.saving` held: two saves at once could leave the older row."""
        record = live.record
        if live.saved is record:
            return None
        try:
            await self._records.save(record)
        except GatewayError as error:
            return error
        live.saved = record
        return None

    async def flush(self) -> None:
        """Save what the store did not take before, as it is now. Gives up at the first that it does not take again."""
        for recording_id, live in list(self._unsaved.items()):
            async with live.saving:
                if await self._try(live) is not None:
                    return
            if live.saved is live.record:
                self._unsaved.pop(recording_id, None)

    async def aclose(self) -> None:
        """Wait a little for the rows that are being saved, then try once more what was not."""
        if self._beside:
            await asyncio.wait(list(self._beside.values()), timeout=_LAST_SAVES_S)
        await self._tasks.aclose()
        await self.flush()

    def show(self, view: RecordingView) -> None:
        self.listener(view)

    def show_live(self, live: Live, state: str, *, notice_version: str = "", code: str | None = None) -> None:
        may = agent_may(live.policy, live.state, live.pauses, live.record.consent)
        self.show(
            RecordingView(
                contact_id=live.record.contact_id,
                state=state,
                notice_version=notice_version,
                code=code,
                by=live.by,
                may=may,
            )
        )

    def show_state(self, live: Live) -> None:
        """Tell both sides what they should see of it now."""
        record = live.record
        if live.recovered or live.superseded:
            return
        match record.state:
            case RecordingState.AWAITING_CONSENT:
                version = record.notice_version or self._notice_version
                self.show_live(live, "awaiting_consent", notice_version=version)
            case RecordingState.ACTIVE:
                self.show_live(live, "on")
            case RecordingState.PAUSED:
                self.show_live(live, "paused")
            case RecordingState.ABORTED:
                self.show_live(live, "off")
            case RecordingState.ENDING if not live.contact_over and not live.at_limit and not record.failure:
                self.show_live(live, "off")
            case RecordingState.FAILED:
                self.show_live(live, "failed", code=record.failure)
            case RecordingState.COMPLETE | RecordingState.LIMIT_REACHED if not record.failure:
                self.show_live(live, "done")
            case _:
                pass

    def alarm_of(self, live: Live, code: str, detail: str) -> None:
        self.alarm(code, live.recording_id, live.record.contact_id, detail)

    def alarm(self, code: str, recording_id: RecordingId, contact_id: ContactId, detail: str) -> None:
        _log.warning("recording.alarm", code=code, recording_id=recording_id, contact_id=contact_id, detail=detail)
        self._on_alarm(code, recording_id, contact_id, detail)


def with_manifest(record: RecordingRecord, manifest: Mapping[str, Any]) -> RecordingRecord:
    """What the finaliser found, in the row."""
    return replace(
        record,
        file=str(manifest["file"] or ""),
        container=str(manifest["container"]),
        sha256=str(manifest["sha256"]),
        size_bytes=int(manifest["size_bytes"]),
        duration_s=float(manifest["duration_s"]),
        completeness=float(manifest["completeness"]),
        truncated=bool(manifest["truncated"]) or bool(record.failure),
        truncated_reason=str(manifest["truncated_reason"]) or record.failure,
        tracks=tuple(manifest["tracks"]),
        views=dict(manifest["views"]),
        marks=tuple(manifest["marks"]),
    )
