"""What a customer's answer does to a recording: begin it, never begin it, or end it and take back what was written."""

from gateway.base.errors import GatewayError
from gateway.base.tasks import in_thread
from gateway.config import RecordingSettings
from gateway.recordings.calls import Answer
from gateway.recordings.capturing import Capturing
from gateway.recordings.live import Ledger, Live
from gateway.recordings.policy import Decision
from gateway.recordings.port import ArchivePort
from gateway.recordings.sealing import Sealer
from gateway.recordings.states import (
    RECORDING,
    WRITING,
    ConsentGiven,
    ConsentNeeded,
    ConsentRefused,
    ConsentWaived,
    RecordingState,
    StopRequested,
)
from gateway.recordings.store import RecordingStore


class Consents:
    """Every method is called with the recording's lock held."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        capturing: Capturing,
        sealer: Sealer,
        store: RecordingStore,
        archive: ArchivePort,
        settings: RecordingSettings,
    ) -> None:
        self._ledger = ledger
        self._capturing = capturing
        self._sealer = sealer
        self._store = store
        self._archive = archive
        self._keep = settings.withdrawn == "keep"

    async def decide(self, live: Live, decision: Decision, answer: Answer | None) -> bool:
        """Take a fresh recording to its first state. True: it may be written now."""
        said = {} if answer is None else _said(answer)
        if decision is Decision.REFUSED:
            await self._ledger.step(live, ConsentRefused(), **(said | {"consent": "refused"}))
        elif decision is Decision.ASK:
            await self._ledger.step(live, ConsentNeeded(), consent_at=None)
        else:
            await self._ledger.step(live, ConsentWaived(), **(said | {"consent": "given" if answer else "notice"}))
            return True
        return False

    async def given(self, live: Live, answer: Answer) -> bool:
        """The customer agrees. True: it was waited for, and may be written now."""
        if live.state is not RecordingState.AWAITING_CONSENT:
            return False
        live.by = "customer"
        await self._ledger.step(live, ConsentGiven(notice_version=answer.notice_version), **_said(answer))
        return True

    async def withdrawn(self, live: Live, answer: Answer) -> bool:
        """The customer says no, perhaps after a yes: nothing more is written from here on. True: nothing is left of it.

        The engine is told first; the rows come after it, so that a store that is away delays nothing.
        """
        if not RECORDING.allows(live.state, ConsentRefused):
            return False
        never_written = live.state in (RecordingState.REQUESTED, RecordingState.AWAITING_CONSENT)
        if self._keep and not never_written:
            if live.state in WRITING:
                await self._capturing.close(live)
                await self._ledger.step(
                    live, StopRequested(reason="consent_withdrawn"), **(_said(answer) | {"consent": "withdrawn"})
                )
                await self._capturing.finish_expectation(live)
                self._sealer.soon(live)
            return False
        if live.state in WRITING:
            await self._capturing.close(live)
        was_archived = live.state in (RecordingState.COMPLETE, RecordingState.LIMIT_REACHED)
        consent = "refused" if never_written else "withdrawn"
        await self._ledger.step(live, ConsentRefused(), **(_said(answer) | {"consent": consent}))
        try:
            if was_archived:
                await self._archive.discard(live.recording_id)
            await in_thread(self._store.discard, live.recording_id)
        except (OSError, GatewayError) as error:
            why = error.code if isinstance(error, GatewayError) else error.strerror
            self._ledger.alarm_of(live, "recording_discard", f"what must not be kept is still there: {why}")
        return True


def _said(answer: Answer) -> dict[str, object]:
    return {
        "consent": "given" if answer.given else "refused",
        "consent_at": answer.at,
        "consent_language": answer.language,
        "notice_version": answer.notice_version,
    }
