"""`signaling.ports.Recordings` over the recording service and the vault: renames, joins, and turns values into JSON.

Decides nothing but which file a view is; rights are signaling's, everything else the rooms'.
"""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final

from gateway.accounts.service import AccountService
from gateway.base.errors import BadInput, NotFound, PortFailure
from gateway.base.ids import ContactId, RecordingId, looks_like_id
from gateway.recordings.incomplete import what_is_missing
from gateway.recordings.jobs import Job
from gateway.recordings.policy import Action
from gateway.recordings.port import AuditPort, RecordingRecord, RecordingView
from gateway.recordings.service import RecordingService
from gateway.records.journal import SqlJournal
from gateway.vault.composing import Composer, Composing
from gateway.vault.content import Content
from gateway.vault.port import ChainLink, Hold, RecordingFilter
from gateway.vault.sealed import SealBroken
from gateway.vault.service import Vault
from gateway.wiring.times import iso
from signaling import ports

_ADDED: Final = frozenset({"together", "poster"})
"""Views that are files of that name, made when somebody asked for them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Watched:
    """`signaling.ports.RecordingContent`."""

    content: Content
    canary: bool

    @property
    def media_type(self) -> str:
        return self.content.media_type

    @property
    def file_name(self) -> str:
        return self.content.file_name

    @property
    def etag(self) -> str:
        return self.content.etag

    @property
    def size_bytes(self) -> int:
        return self.content.size_bytes

    async def read(self, start: int, end: int) -> AsyncIterator[bytes]:
        try:
            async for piece in self.content.read(start, end):
                yield piece
        except (SealBroken, OSError) as error:
            raise _damaged() from error


class RecordingsForSignaling:
    """Over the recording service, the vault and the contacts."""

    def __init__(
        self,
        service: RecordingService,
        vault: Vault,
        contacts: SqlJournal,
        audit: AuditPort,
        composer: Composer,
        accounts: AccountService,
    ) -> None:
        self._service = service
        self._vault = vault
        self._composer = composer
        self._accounts = accounts
        self._contacts = contacts
        self._audit = audit

    # ------------------------------------------------------------ reading

    async def media(self, recording_id: str, view: str) -> ports.RecordingContent | None:
        record = await self._record(recording_id)
        if record is None:
            return None
        name = await self._name_of(record, view)
        if not name:
            return None
        try:
            content = await self._vault.open(record.recording_id, name)
        except (SealBroken, OSError) as error:
            raise _damaged() from error
        if content is None:
            return None
        summary = await self._contacts.contact(record.contact_id)
        return _Watched(content=content, canary=summary is not None and summary.canary)

    async def _name_of(self, record: RecordingRecord, view: str) -> str:
        if view == "all":
            return record.file
        if view in _ADDED:
            names = await self._vault.names(record.recording_id)
            return next((name for name in names if PurePath(name).stem == view), "")
        return str(record.views.get(view, {}).get("file", ""))

    async def opened(self, recording_id: str, *, by: str, view: str, address: str, download: bool) -> None:
        action = "recording_downloaded" if download else "recording_opened"
        await self._audit(by, action, recording_id, {"view": view, "address": address})

    async def page(self, wanted: ports.RecordingsFilter) -> ports.RecordingsPage:
        if wanted.before is not None and not looks_like_id(wanted.before, "rc"):
            raise BadInput("bad_cursor", "before is not the next_before of a page.")
        found = await self._vault.records.page(
            RecordingFilter(
                limit=wanted.limit + 1,
                before=None if wanted.before is None else RecordingId(wanted.before),
                queue=wanted.queue,
                state=wanted.state,
                agent_id=wanted.agent_id,
                contact_id=None if wanted.contact_id is None else ContactId(wanted.contact_id),
                since=wanted.since,
                until=wanted.until,
                incomplete=wanted.incomplete,
            )
        )
        shown = found[: wanted.limit]
        return ports.RecordingsPage(
            recordings=[self._row(record) for record in shown],
            next_before=shown[-1].recording_id if len(found) > wanted.limit else None,
        )

    async def one(self, recording_id: str) -> Mapping[str, object] | None:
        record = await self._record(recording_id)
        if record is None:
            return None
        link = await self._vault.records.link_of(record.recording_id)
        return self._row(record) | {
            "tracks": [dict(track) for track in record.tracks],
            "marks": [dict(mark) for mark in record.marks],
            "files": await self._vault.names(record.recording_id),
            "holds": [_hold(hold) for hold in await self._vault.records.holds(record.recording_id)],
            "proof": None if link is None else proof_of(link),
        }

    def _row(self, record: RecordingRecord) -> dict[str, object]:
        job = self._service.jobs.get(record.recording_id)
        return row_of(record) | {"job": None if job is None else _job(job)}

    # ------------------------------------------------------------ one picture of it

    async def compose(self, recording_id: str, *, by: str) -> Mapping[str, object]:
        record = await self._record(recording_id)
        if record is None:
            raise NotFound("not_found", "There is nothing here.")
        summary = await self._contacts.contact(record.contact_id)
        labels = {"customer": summary.display_name if summary is not None else "", "agent": ""}
        for account in await self._accounts.agents():
            if account.agent_id == record.agent_id and record.agent_id:
                labels["agent"] = account.display_name
        composing = await self._composer.ask(record.recording_id, labels)
        await self._audit(by, "recording_composed", recording_id, {"state": composing.state})
        return _composing(composing)

    async def composing(self, recording_id: str) -> Mapping[str, object] | None:
        if not looks_like_id(recording_id, "rc"):
            return None
        found = await self._composer.state(RecordingId(recording_id))
        return None if found is None else _composing(found)

    async def stop_composing(self, recording_id: str) -> bool:
        return looks_like_id(recording_id, "rc") and self._composer.cancel(RecordingId(recording_id))

    async def _record(self, recording_id: str) -> RecordingRecord | None:
        if not looks_like_id(recording_id, "rc"):
            return None
        return await self._vault.rows.get(RecordingId(recording_id))

    # ------------------------------------------------------------ holds and erasure

    async def hold(self, recording_id: str, *, by: str, reason: str) -> Mapping[str, object]:
        return _hold(await self._vault.erasing.hold(RecordingId(recording_id), by=by, reason=reason))

    async def lift(self, hold_id: str, *, by: str, reason: str) -> None:
        await self._vault.erasing.lift(hold_id, by=by, reason=reason)

    async def erase(self, subject: str, *, by: str, reason: str) -> Mapping[str, object]:
        records = await recordings_of(self._vault, subject)
        if not records:
            raise NotFound("not_found", "There is nothing here.")
        receipt = await self._vault.erasing.erase(records, subject=subject, by=by, reason=reason)
        return {"receipt": json.loads(receipt.body), "signature": receipt.signature}

    # ------------------------------------------------------------ the call

    async def control(self, contact_id: str, state: str | None, *, by: str, reason: str) -> Mapping[str, object]:
        contact = ContactId(contact_id)
        view = self._service.view(contact)
        for action in {"on": (Action.START, Action.RESUME), "paused": (Action.PAUSE,), "off": (Action.STOP,)}.get(
            state or "", ()
        ):
            view = await self._service.control(contact, action, by=by, reason=reason)
        return _view(view)


async def recordings_of(vault: Vault, subject: str) -> Sequence[RecordingRecord]:
    """Of a recording's id, a contact's id, or else a visitor's hash. None is no error."""
    if looks_like_id(subject, "rc"):
        record = await vault.rows.get(RecordingId(subject))
        return [] if record is None else [record]
    if looks_like_id(subject, "ct"):
        return await vault.records.of_contact(ContactId(subject))
    return await vault.records.of_person(subject)


def row_of(record: RecordingRecord) -> dict[str, object]:
    """A recording in a list."""
    return {
        "recording_id": record.recording_id,
        "contact_id": record.contact_id,
        "agent_id": record.agent_id or None,
        "queue": record.queue or None,
        "policy": record.policy or None,
        "state": record.state.value,
        "consent": record.consent,
        "consent_at": iso(record.consent_at),
        "consent_language": record.consent_language or None,
        "notice_version": record.notice_version,
        "requested_at": iso(record.requested_at),
        "started_at": iso(record.started_at),
        "ended_at": iso(record.ended_at),
        "duration_s": record.duration_s,
        "size_bytes": record.size_bytes,
        "completeness": record.completeness,
        "truncated": record.truncated_reason if record.truncated else None,
        "missing": what_is_missing(record.tracks),
        "failure": record.failure or None,
        "views": sorted(record.views),
    }


def _job(job: Job) -> dict[str, object]:
    return {
        "state": job.state.value,
        "percent": round(job.progress * 100),
        "attempts": job.attempts,
        "code": job.code or None,
        "since": iso(job.since),
    }


def _composing(composing: Composing) -> dict[str, object]:
    return {
        "recording_id": composing.recording_id,
        "state": composing.state,
        "percent": round(composing.progress * 100),
        "code": composing.code or None,
    }


def proof_of(link: ChainLink) -> dict[str, object]:
    """A signed manifest."""
    return {"manifest": json.loads(link.body), "signature": link.signature, "digest": link.digest}


def _hold(hold: Hold) -> dict[str, object]:
    return {
        "hold_id": hold.hold_id,
        "recording_id": hold.recording_id,
        "placed_by": hold.placed_by,
        "placed_at": iso(hold.placed_at),
        "reason": hold.reason,
    }


def _view(view: RecordingView) -> dict[str, object]:
    return {"contact_id": view.contact_id, "state": view.state, "by": view.by}


def _damaged() -> PortFailure:
    return PortFailure("recording_damaged", "The recording is damaged and can't be played.")
