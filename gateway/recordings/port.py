"""What the recording service needs of others, and what it tells them: values and small protocols."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from gateway.base.ids import AgentId, ContactId, LegId, RecordingId
from gateway.recordings.states import RecordingState


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingRecord:
    """The row of one recording. `tracks`, `views` and `marks` are JSON values as the finaliser's manifest has them.

    `consent` is how it came to be allowed: `notice` (shown, not asked), `given`, `refused`, `withdrawn`, or empty while
    open. `consent_at` and `consent_language` say when, and in which language the text was read.
    """

    recording_id: RecordingId
    contact_id: ContactId
    state: RecordingState
    consent: str
    notice_version: str
    requested_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    failure: str = ""
    truncated: bool = False
    truncated_reason: str = ""
    file: str = ""
    container: str = ""
    sha256: str = ""
    size_bytes: int = 0
    duration_s: float = 0.0
    completeness: float | None = None
    tracks: Sequence[Mapping[str, Any]] = ()
    views: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    marks: Sequence[Mapping[str, Any]] = ()
    queue: str = ""
    agent_id: str = ""
    policy: str = ""
    consent_at: datetime | None = None
    consent_language: str = ""


class RecordingRecords(Protocol):
    """Where rows are kept. Every method may raise GatewayError (`PortFailure`) when the store is away."""

    async def save(self, record: RecordingRecord) -> None:
        """Insert or replace the row of `record.recording_id`."""
        ...

    async def get(self, recording_id: RecordingId) -> RecordingRecord | None: ...

    async def by_contact(self, contact_id: ContactId) -> RecordingRecord | None: ...

    async def unfinished(self) -> Sequence[RecordingRecord]:
        """Rows whose state is in `states.UNFINISHED`."""
        ...


class BridgeOrder(Protocol):
    """A bridge has begun (`gateway.contacts.ports.RecordingOrder` has this shape)."""

    @property
    def contact_id(self) -> ContactId: ...

    @property
    def agent_id(self) -> AgentId: ...

    @property
    def customer_leg(self) -> LegId: ...

    @property
    def agent_leg(self) -> LegId: ...

    @property
    def telephone_leg(self) -> LegId | None:
        """The call that carries the agent's voice; None: it is the agent's leg that does."""
        ...

    @property
    def notice_version(self) -> str:
        """Of the notice the customer saw; empty when none was shown."""
        ...

    @property
    def consent(self) -> bool | None:
        """The customer's answer so far; None: not asked yet."""
        ...

    @property
    def consent_at(self) -> datetime | None:
        """When they answered, or were shown the notice."""
        ...

    @property
    def language(self) -> str:
        """In which language."""
        ...

    @property
    def queue(self) -> str: ...

    @property
    def payment_open(self) -> bool:
        """The customer's page has a payment field open: nothing is written until it is closed."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingView:
    """What both sides are shown: `off`, `awaiting_consent`, `on`, `paused`, `failed`, `done`. `code`: why it failed,
    or why there is a gap in one that goes on (`worker_lost`).

    `by`: who made it so (`policy`, `customer`, `agent`, `page`, `rest:NAME`, …). `may`: what the agent may ask for now.
    """

    contact_id: ContactId
    state: str
    notice_version: str = ""
    code: str | None = None
    by: str = ""
    may: tuple[str, ...] = ()


class AuditPort(Protocol):
    async def __call__(self, actor: str, action: str, subject: str, data: Mapping[str, Any]) -> None:
        """Write down who did what to which recording. PortFailure: it was not written."""
        ...


class ArchivePort(Protocol):
    """Where a sealed recording goes (`gateway.vault`)."""

    @property
    def full(self) -> bool:
        """So much waits on this disk already that no recording should be begun."""
        ...

    def take(self, record: RecordingRecord) -> None:
        """The finaliser is done: its files are the archive's from here on. Returns at once, and never fails."""
        ...

    async def discard(self, recording_id: RecordingId) -> None:
        """Nothing of it may be kept, wherever it is by now. PortFailure: some of it is still there."""
        ...


class AlarmPort(Protocol):
    def __call__(self, code: str, recording_id: RecordingId, contact_id: ContactId, detail: str) -> None:
        """Something went wrong that a supervisor should know. Called on the loop; must not raise."""
        ...
