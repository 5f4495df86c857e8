"""Which process carries what: the book of legs, recordings and calls, and the choice for a new call. Pure.

A call stays where its first leg or recording was placed for as long as any of it is there.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from types import NoneType
from typing import Final

from media.port import LegAnswer
from media.workers.process import Reply, Vitals, WorkerProcess

LEG_SHARE: Final = 0.004
"""What a leg will cost of a core, until it is measured; and what keeps two idle processes even."""


@dataclass(slots=True, eq=False)
class PlacedLeg:
    leg_id: str
    call_id: str
    process: WorkerProcess
    answer: type = LegAnswer  # what says that it is open; NoneType for a telephone call
    opening: "asyncio.Future[Reply] | None" = None
    abandoned: bool = False  # nobody waited for its answer: what it does is told to nobody

    @property
    def open(self) -> bool:
        """Its answer was given, so its end will be told."""
        return _answered(self.opening, self.answer)


@dataclass(slots=True, eq=False)
class PlacedRecording:
    recording_id: str
    call_id: str
    folder: str
    process: WorkerProcess
    starting: "asyncio.Future[Reply] | None" = None
    abandoned: bool = False

    @property
    def open(self) -> bool:
        """It was said to have begun, so its end will be told."""
        return _answered(self.starting, NoneType)


def _answered(future: "asyncio.Future[Reply] | None", kind: type) -> bool:
    if future is None or not future.done() or future.cancelled() or future.exception() is not None:
        return False
    return isinstance(future.result(), kind)


@dataclass(slots=True)
class _Call:
    process: WorkerProcess
    members: int = 0


@dataclass(frozen=True, slots=True)
class Candidate:
    """A process that could take a call: what it carries and how it does."""

    process: WorkerProcess
    vitals: Vitals
    legs: int
    calls: int


def load_of(candidate: Candidate) -> float:
    """The load of a process as a share of one core: measured, and a part for each leg it has or was promised.

    A call has two legs sooner or later, so a call with one counts as two.
    """
    return candidate.vitals.cpu_share + LEG_SHARE * max(candidate.legs, 2 * candidate.calls)


def least_loaded(candidates: Iterable[Candidate]) -> Candidate | None:
    """The one for the next call: the first of those with the least load; None when there is none."""
    return min(candidates, key=load_of, default=None)


@dataclass(slots=True)
class Book:
    """Everything that is placed."""

    legs: dict[str, PlacedLeg] = field(default_factory=dict)
    recordings: dict[str, PlacedRecording] = field(default_factory=dict)
    _calls: dict[str, _Call] = field(default_factory=dict)
    _legs_at: dict[WorkerProcess, int] = field(default_factory=dict)

    def process_of(self, call_id: str) -> WorkerProcess | None:
        """Where the call is; None for one that is nowhere, or that has no id."""
        call = self._calls.get(call_id)
        return None if call is None else call.process

    def legs_at(self, process: WorkerProcess) -> int:
        return self._legs_at.get(process, 0)

    def calls_at(self, process: WorkerProcess) -> int:
        return sum(call.process is process for call in self._calls.values())

    def empty(self, process: WorkerProcess) -> bool:
        """Whether nothing is left at the process."""
        return not self.legs_at(process) and not any(each.process is process for each in self.recordings.values())

    def add_leg(self, leg: PlacedLeg) -> None:
        self.legs[leg.leg_id] = leg
        self._legs_at[leg.process] = self.legs_at(leg.process) + 1
        self._join(leg.call_id, leg.process)

    def add_recording(self, recording: PlacedRecording) -> None:
        self.recordings[recording.recording_id] = recording
        self._join(recording.call_id, recording.process)

    def drop_leg(self, leg: PlacedLeg) -> bool:
        """Take the leg out; False when it was out already."""
        if self.legs.get(leg.leg_id) is not leg:
            return False
        del self.legs[leg.leg_id]
        left = self.legs_at(leg.process) - 1
        if left:
            self._legs_at[leg.process] = left
        else:
            del self._legs_at[leg.process]
        self._part(leg.call_id)
        return True

    def drop_recording(self, recording: PlacedRecording) -> bool:
        """As `drop_leg`."""
        if self.recordings.get(recording.recording_id) is not recording:
            return False
        del self.recordings[recording.recording_id]
        self._part(recording.call_id)
        return True

    def all_at(self, process: WorkerProcess) -> tuple[list[PlacedLeg], list[PlacedRecording]]:
        return (
            [leg for leg in self.legs.values() if leg.process is process],
            [recording for recording in self.recordings.values() if recording.process is process],
        )

    def _join(self, call_id: str, process: WorkerProcess) -> None:
        if call_id:
            self._calls.setdefault(call_id, _Call(process)).members += 1

    def _part(self, call_id: str) -> None:
        call = self._calls.get(call_id)
        if call is not None:
            call.members -= 1
            if not call.members:
                del self._calls[call_id]
