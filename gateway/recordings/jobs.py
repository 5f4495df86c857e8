"""The queue of finalising jobs, as data: who waits, who runs and how far it is, who is tried again and when.

Pure: it decides and remembers, others run. Everything in it is in the rows as well (`ending`), so that the next start
finds the jobs that a dead process had.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from gateway.base.ids import ContactId, RecordingId
from gateway.recordings.finaliser import Finalised


class JobState(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    RETRYING = "retrying"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One recording that is being finished. `progress` is 0…1 of the attempt that runs; `attempts` are those begun."""

    recording_id: RecordingId
    contact_id: ContactId
    state: JobState
    since: datetime
    attempts: int = 0
    progress: float = 0.0
    code: str = ""
    """Why the attempt before this one failed; empty at the first."""


FIRST_RETRY_S: Final = 10.0
LONGEST_RETRY_S: Final = 600.0
MAX_ATTEMPTS: Final = 4
"""Of a job that crashes, takes too long or too much memory: after these it is `failed`, and its captures stay."""

_AGAIN: Final = frozenset({"finalise_failed", "finalise_timeout", "finalise_memory", "capture_unreadable"})

_WAITED_FOR: Final = frozenset({"disk_full", "disk_error"})
"""Somebody mends it, and should not have to restart the gateway then."""


class Jobs:
    """Every job that is not over. Bounded by the recordings there are."""

    def __init__(self) -> None:
        self._jobs: dict[RecordingId, Job] = {}
        self.finished: Counter[str] = Counter()
        """Attempts that ended, by code; `ok` for those that made a recording."""

    def add(self, recording_id: RecordingId, contact_id: ContactId, now: datetime) -> None:
        """It waits for its turn, for the first time or again."""
        known = self._jobs.get(recording_id)
        if known is None:
            self._jobs[recording_id] = Job(
                recording_id=recording_id, contact_id=contact_id, state=JobState.WAITING, since=now
            )
        else:
            self._jobs[recording_id] = replace(known, state=JobState.WAITING, progress=0.0)

    def progress(self, recording_id: RecordingId, share: float) -> None:
        """Its attempt has come this far; the first word of it is that it runs."""
        job = self._jobs.get(recording_id)
        if job is None:
            return
        if job.state is not JobState.RUNNING:
            job = replace(job, state=JobState.RUNNING, attempts=job.attempts + 1)
        self._jobs[recording_id] = replace(job, progress=min(max(share, 0.0), 1.0))

    def ended(self, recording_id: RecordingId, result: Finalised) -> float | None:
        """An attempt ended: seconds until the next one, or None when the job is over, for better or worse.

        A disk is waited for as long as it takes; everything else that may pass is tried `MAX_ATTEMPTS` times.
        """
        self.finished[result.code or "ok"] += 1
        job = self._jobs.get(recording_id)
        if job is None:
            return None
        again = result.code in _WAITED_FOR or (result.code in _AGAIN and job.attempts < MAX_ATTEMPTS)
        if not again:
            del self._jobs[recording_id]
            return None
        self._jobs[recording_id] = replace(job, state=JobState.RETRYING, progress=0.0, code=result.code)
        return float(min(FIRST_RETRY_S * 4.0 ** (min(job.attempts, 10) - 1), LONGEST_RETRY_S))

    def forget(self, recording_id: RecordingId) -> None:
        """It is not wanted any more."""
        self._jobs.pop(recording_id, None)

    def get(self, recording_id: RecordingId) -> Job | None:
        return self._jobs.get(recording_id)

    def all(self) -> Sequence[Job]:
        """In the order in which they came."""
        return tuple(self._jobs.values())

    def counts(self) -> Mapping[JobState, int]:
        found = Counter(job.state for job in self._jobs.values())
        return {state: found[state] for state in JobState}

    def progress_now(self) -> float:
        """Mean share of the running jobs."""
        shares = [job.progress for job in self._jobs.values() if job.state is JobState.RUNNING]
        return sum(shares) / len(shares) if shares else 0.0
