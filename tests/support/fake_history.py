"""What was before, for a signaling node: contacts, recordings and customers."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

from gateway.base.errors import NotFound, PortFailure
from gateway.base.ids import ContactId
from signaling.ports import (
    ContactFile,
    ContactFilter,
    ContactPage,
    CustomerPage,
    RecordingsFilter,
    RecordingsPage,
    TimelinePage,
)

OURS = ContactId("ct_00000001")  # a person's contact

ROBOTS = ContactId("ct_00000002")

CUSTOMER = "cu_00000001"

RECORDING = "rc_00000001"

ROBOT_RECORDING = "rc_00000002"


@dataclass
class FakeHistory:
    files: dict[ContactId, ContactFile] = field(default_factory=dict)

    async def contacts(self, wanted: ContactFilter) -> ContactPage:
        rows = [file.body for file in self.files.values()]
        return ContactPage(contacts=rows[: wanted.limit], next_before=None)

    async def contact(self, contact_id: ContactId) -> ContactFile | None:
        return self.files.get(contact_id)


@dataclass(frozen=True)
class Film:
    """A file of a recording, in memory. `broken_at`: reading from there on fails."""

    data: bytes
    media_type: str = "video/webm"
    file_name: str = "rc_00000001-recording.webm"
    etag: str = '"film"'
    canary: bool = False
    broken_at: int | None = None

    @property
    def size_bytes(self) -> int:
        return len(self.data)

    async def read(self, start: int, end: int) -> AsyncIterator[bytes]:
        while start < end:
            if self.broken_at is not None and start >= self.broken_at:
                raise PortFailure("recording_damaged", "The recording is damaged.")
            piece = self.data[start : min(end, start + 300)]
            yield piece
            start += len(piece)


@dataclass
class FakeRecordings:
    files: dict[str, Film] = field(default_factory=dict)
    openings: list[tuple[object, ...]] = field(default_factory=list)
    asked: list[tuple[object, ...]] = field(default_factory=list)
    audit_away: bool = False

    async def media(self, recording_id: str, view: str) -> Film | None:
        return self.files.get(recording_id)

    async def opened(self, recording_id: str, *, by: str, view: str, address: str, download: bool) -> None:
        if self.audit_away:
            raise PortFailure("records_unavailable", "The records do not answer.")
        self.openings.append((recording_id, by, view, download))

    async def page(self, wanted: RecordingsFilter) -> RecordingsPage:
        self.asked.append(("page", wanted))
        return RecordingsPage(recordings=[{"recording_id": each} for each in self.files], next_before=None)

    async def one(self, recording_id: str) -> Mapping[str, object] | None:
        return {"recording_id": recording_id} if recording_id in self.files else None

    async def compose(self, recording_id: str, *, by: str) -> Mapping[str, object]:
        if recording_id not in self.files:
            raise NotFound("not_found", "There is nothing here.")
        self.asked.append(("compose", recording_id, by))
        return {"recording_id": recording_id, "state": "waiting"}

    async def composing(self, recording_id: str) -> Mapping[str, object] | None:
        return {"recording_id": recording_id, "percent": 40} if recording_id in self.files else None

    async def stop_composing(self, recording_id: str) -> bool:
        self.asked.append(("stop_composing", recording_id))
        return recording_id in self.files

    async def hold(self, recording_id: str, *, by: str, reason: str) -> Mapping[str, object]:
        self.asked.append(("hold", recording_id, by, reason))
        return {"hold_id": "hd_00000001"}

    async def lift(self, hold_id: str, *, by: str, reason: str) -> None:
        self.asked.append(("lift", hold_id, by, reason))

    async def erase(self, subject: str, *, by: str, reason: str) -> Mapping[str, object]:
        self.asked.append(("erase", subject, by, reason))
        return {"receipt": {}, "signature": ""}

    async def control(self, contact_id: str, state: str | None, *, by: str, reason: str) -> Mapping[str, object]:
        self.asked.append(("control", contact_id, state, by))
        return {"contact_id": contact_id, "state": state or "on", "by": by}


@dataclass
class FakeCustomers:
    """One customer, `CUSTOMER`, with as many interactions as asked for."""

    asked: list[tuple[object, ...]] = field(default_factory=list)
    audit_away: bool = False

    async def page(self, key: str, *, before: str | None, limit: int) -> CustomerPage:
        self.asked.append(("page", key, before, limit))
        return CustomerPage(customers=[{"customer_id": CUSTOMER}], next_before=None)

    async def timeline(self, customer_id: str, *, before: str | None, limit: int, by: str) -> TimelinePage | None:
        if self.audit_away:
            raise PortFailure("records_unavailable", "The records do not answer.")
        self.asked.append(("timeline", customer_id, before, limit, by))
        if customer_id != CUSTOMER:
            return None
        entries = [{"interaction_id": f"{OURS}.1"}]
        return TimelinePage(customer={"customer_id": CUSTOMER}, entries=entries, next_before=None)

    async def erase(self, customer_id: str, *, by: str, reason: str) -> Mapping[str, object]:
        if customer_id != CUSTOMER:
            raise NotFound("no_such_customer", "There is no such customer.")
        self.asked.append(("erase", customer_id, by, reason))
        return {"receipt": {"subject": customer_id}, "signature": "s"}

    async def redeliver(self, *, by: str) -> int:
        self.asked.append(("redeliver", by))
        return 7
