"""The recording's states and events, as one table. Nothing that affects what state follows is written anywhere else."""

from dataclasses import dataclass
from enum import StrEnum

from gateway.base.machine import Table


class RecordingState(StrEnum):
    REQUESTED = "requested"
    AWAITING_CONSENT = "awaiting_consent"
    STARTING = "starting"
    ACTIVE = "active"
    PAUSED = "paused"
    ENDING = "ending"
    COMPLETE = "complete"
    LIMIT_REACHED = "limit_reached"
    FAILED = "failed"
    ABORTED = "aborted"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentNeeded:
    """The policy asks for something the customer has not given yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentGiven:
    notice_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentRefused:
    """Refused before, or withdrawn while recording: what was written is discarded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentWaived:
    """The policy is satisfied without asking: the notice was shown, or the customer agreed before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstFrameWritten:
    at_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StartTimedOut:
    """Nothing reached the disk within the start time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseRequested:
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeRequested:
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StopRequested:
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitReached:
    """The longest recording allowed: it ends, the call goes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteFailed:
    """The media could not be written, or not be finalised."""

    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    sha256: str
    size_bytes: int
    duration_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedAtLimit:
    """As Sealed, of a recording that was ended by its limit."""

    sha256: str
    size_bytes: int
    duration_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionElapsed:
    """Its time is over and nobody holds it: the files go, the row stays."""


RecordingEvent = (
    ConsentNeeded
    | ConsentGiven
    | ConsentRefused
    | ConsentWaived
    | FirstFrameWritten
    | StartTimedOut
    | PauseRequested
    | ResumeRequested
    | StopRequested
    | LimitReached
    | WriteFailed
    | Sealed
    | SealedAtLimit
    | RetentionElapsed
)

_S = RecordingState

RECORDING = Table(
    "recording",
    RecordingState,
    _S.REQUESTED,
    {
        _S.REQUESTED: {
            ConsentNeeded: _S.AWAITING_CONSENT,
            ConsentWaived: _S.STARTING,
            ConsentRefused: _S.ABORTED,
            StopRequested: _S.ABORTED,
        },
        _S.AWAITING_CONSENT: {
            ConsentGiven: _S.STARTING,
            ConsentRefused: _S.ABORTED,
            StopRequested: _S.ABORTED,
        },
        _S.STARTING: {
            FirstFrameWritten: _S.ACTIVE,
            StartTimedOut: _S.FAILED,
            WriteFailed: _S.FAILED,
            PauseRequested: _S.PAUSED,
            StopRequested: _S.ENDING,
            ConsentRefused: _S.ABORTED,
        },
        _S.ACTIVE: {
            PauseRequested: _S.PAUSED,
            StopRequested: _S.ENDING,
            LimitReached: _S.ENDING,
            WriteFailed: _S.ENDING,  # what was written before is finalised, and marked truncated
            ConsentRefused: _S.ABORTED,
        },
        _S.PAUSED: {
            ResumeRequested: _S.ACTIVE,
            StopRequested: _S.ENDING,
            LimitReached: _S.ENDING,
            WriteFailed: _S.ENDING,
            ConsentRefused: _S.ABORTED,
        },
        _S.ENDING: {
            Sealed: _S.COMPLETE,
            SealedAtLimit: _S.LIMIT_REACHED,
            WriteFailed: _S.FAILED,
            ConsentRefused: _S.ABORTED,
        },
        # A recording may end before its call does (a full disk, the longest duration): consent can still be withdrawn.
        _S.COMPLETE: {RetentionElapsed: _S.EXPIRED, ConsentRefused: _S.ABORTED},
        _S.LIMIT_REACHED: {RetentionElapsed: _S.EXPIRED, ConsentRefused: _S.ABORTED},
        _S.FAILED: {RetentionElapsed: _S.EXPIRED, ConsentRefused: _S.ABORTED},
        _S.ABORTED: {},
        _S.EXPIRED: {},
    },
)

WRITING = frozenset((_S.STARTING, _S.ACTIVE, _S.PAUSED))
"""There is an open capture."""

UNFINISHED = frozenset((_S.REQUESTED, _S.AWAITING_CONSENT, _S.STARTING, _S.ACTIVE, _S.PAUSED, _S.ENDING))
"""Found at start, these belong to a process that died."""
