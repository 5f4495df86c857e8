"""What the vault keeps in the records, as values, and the protocol of who keeps it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from gateway.base.ids import ContactId, RecordingId
from gateway.recordings.port import RecordingRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class DataKey:
    """A recording's data key, wrapped by the master key of that id. Without the row the recording is gone."""

    recording_id: RecordingId
    master_key: str
    wrapped: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedFile:
    """One file of a recording. `stored`: it is in the store, checked; before that it is in the spool of its node."""

    recording_id: RecordingId
    name: str
    media_type: str
    plain_bytes: int
    plain_sha256: str
    sealed_bytes: int
    sealed_sha256: str
    stored: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainLink:
    """A signed manifest. `seq` counts from 1 without gaps; `body` is the exact text that was signed."""

    seq: int
    recording_id: RecordingId
    body: str
    signature: str  # base64 of 64 bytes
    digest: str  # SHA-256 of body and signature: what the next one names as `previous`


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Somebody forbids that a recording is erased, until they or another lift it."""

    hold_id: str
    recording_id: RecordingId
    placed_by: str
    placed_at: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What was erased, signed. `body` as in ChainLink."""

    receipt_id: str
    at: datetime
    body: str
    signature: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingFilter:
    """Which recordings to list, newest first; `before` is the last id of the page before."""

    limit: int = 50
    before: RecordingId | None = None
    queue: str | None = None
    state: str | None = None
    contact_id: ContactId | None = None
    agent_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    incomplete: bool = False
    """Only those that lack something, were cut off, or failed."""


class VaultRecords(Protocol):
    """Every method may raise PortFailure `records_unavailable`."""

    async def key(self, recording_id: RecordingId) -> DataKey | None: ...

    async def add_key(self, key: DataKey) -> DataKey:
        """The key that is kept: this one, or the one that was there before."""
        ...

    async def replace_key(self, key: DataKey) -> None: ...

    async def keys_not_under(self, master_key: str, limit: int) -> Sequence[DataKey]: ...

    async def destroy_key(self, recording_id: RecordingId) -> bool:
        """Delete the row. Whether there was one."""
        ...

    async def files(self, recording_id: RecordingId) -> Sequence[SealedFile]: ...

    async def save_file(self, file: SealedFile) -> None: ...

    async def forget_files(self, recording_id: RecordingId) -> None: ...

    async def to_take(self, limit: int) -> Sequence[RecordingRecord]:
        """Sealed recordings that have no manifest yet, oldest first."""
        ...

    async def last_link(self) -> ChainLink | None: ...

    async def add_link(self, link: ChainLink) -> bool:
        """Append. False: another node was first; build it anew on the last one."""
        ...

    async def link_of(self, recording_id: RecordingId) -> ChainLink | None:
        """The newest of that recording."""
        ...

    async def links(self, after_seq: int, limit: int) -> Sequence[ChainLink]: ...

    async def hold(self, hold: Hold) -> None: ...

    async def lift(self, hold_id: str, by: str, at: datetime) -> bool:
        """Whether it was in force."""
        ...

    async def holds(self, recording_id: RecordingId) -> Sequence[Hold]:
        """Those in force."""
        ...

    async def page(self, wanted: RecordingFilter) -> Sequence[RecordingRecord]: ...

    async def of_contact(self, contact_id: ContactId) -> Sequence[RecordingRecord]: ...

    async def of_person(self, visitor_hash: str) -> Sequence[RecordingRecord]:
        """Of every contact of that browser."""
        ...

    async def due(
        self, cutoffs: Mapping[str, datetime | None], general: datetime | None, limit: int
    ) -> Sequence[RecordingRecord]:
        """Ended before the cutoff of their queue (`general` where the queue has none) and not held; oldest first."""
        ...

    async def left_over(self, limit: int) -> Sequence[RecordingId]:
        """Recordings that are over for good, of which a key or files are still known."""
        ...

    async def add_receipt(self, receipt: Receipt) -> None: ...
