"""`signaling.ports.History` over the journal, the recordings, the chat and the names of agents."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

from gateway.accounts.service import AccountService
from gateway.base.clock import Clock
from gateway.base.errors import BadInput
from gateway.base.ids import AgentId, ContactId, looks_like_id
from gateway.contacts.journal import ContactSummary, JournalEvent
from gateway.parties import ChatLine
from gateway.recordings.port import RecordingRecord
from gateway.records.chat import SqlChat
from gateway.records.journal import SqlJournal
from gateway.wiring.times import iso
from signaling import ports

MAX_PAGE: Final = 200
NAMES_S: Final = 5.0


class HistoryForSignaling:
    """`signaling.ports.History` over the journal, the recordings and the names of agents."""

    def __init__(
        self,
        journal: SqlJournal,
        recordings_of: Callable[[Sequence[ContactId]], Awaitable[Mapping[ContactId, RecordingRecord]]],
        accounts: AccountService,
        clock: Clock,
        chat: SqlChat,
    ) -> None:
        self._journal = journal
        self._chat = chat
        self._recordings_of = recordings_of
        self._accounts = accounts
        self._clock = clock
        self._known_names: tuple[float, Mapping[AgentId, str]] = (float("-inf"), {})

    async def contacts(self, wanted: ports.ContactFilter) -> ports.ContactPage:
        before = None
        if wanted.before is not None:
            if not looks_like_id(wanted.before, "ct"):
                raise BadInput("bad_cursor", "before is not the next_before of a page.")
            before = ContactId(wanted.before)
        limit = min(wanted.limit, MAX_PAGE)
        found = await self._journal.page(limit=limit + 1, before=before, state=wanted.state)
        shown = found[:limit]
        recordings = await self._recordings_of([summary.contact_id for summary in shown])
        names = await self._names()
        return ports.ContactPage(
            contacts=[_summary(summary, recordings.get(summary.contact_id), names) for summary in shown],
            next_before=shown[-1].contact_id if len(found) > limit else None,
        )

    async def contact(self, contact_id: ContactId) -> ports.ContactFile | None:
        summary = await self._journal.contact(contact_id)
        events = await self._journal.read(contact_id)
        if summary is None:
            return None
        recording = (await self._recordings_of([contact_id])).get(contact_id)
        body = _summary(summary, recording, await self._names()) | {
            "journal": [_event(event) for event in events],
            "chat": [_line(line) for line in await self._chat.read(contact_id)],
            "recording": None if recording is None else _recording(recording),
        }
        return ports.ContactFile(body=body, canary=summary.canary)

    async def _names(self) -> Mapping[AgentId, str]:
        """What agents are called; asked again after a few seconds."""
        now = self._clock.monotonic()
        if now - self._known_names[0] > NAMES_S:
            agents = await self._accounts.agents()
            self._known_names = (now, {agent.agent_id: agent.display_name for agent in agents if agent.agent_id})
        return self._known_names[1]


def _summary(
    summary: ContactSummary, recording: RecordingRecord | None, names: Mapping[AgentId, str]
) -> dict[str, object]:
    return {
        "contact_id": summary.contact_id,
        "site": summary.site,
        "language": summary.language,
        "display_name": summary.display_name,
        "canary": summary.canary,
        "state": summary.state,
        "end_reason": summary.end_reason,
        "queue": summary.queue,
        "agent_id": summary.agent_id,
        "agent_name": None if summary.agent_id is None else names.get(summary.agent_id, summary.agent_id),
        "started_at": iso(summary.started_at),
        "ended_at": iso(summary.ended_at),
        "wait_s": summary.wait_s,
        "talk_s": summary.talk_s,
        "hold_s": summary.hold_s,
        "wrap_up_s": summary.wrap_up_s,
        "disposition": summary.disposition,
        "notes": summary.notes,
        "recording": None
        if recording is None
        else {"recording_id": recording.recording_id, "state": recording.state.value},
    }


def _line(line: ChatLine) -> dict[str, object]:
    return {"number": line.number, "by": line.by, "name": line.name, "at": iso(line.at), "text": line.text}


def _event(event: JournalEvent) -> dict[str, object]:
    return {
        "seq": event.seq,
        "at": iso(event.at),
        "name": event.name,
        "source": event.source.value,
        "state": event.state,
        "reason": event.reason,
        "data": dict(event.data),
    }


def _recording(record: RecordingRecord) -> dict[str, object]:
    return {
        "recording_id": record.recording_id,
        "state": record.state.value,
        "consent": record.consent,
        "sha256": record.sha256,
        "duration_s": record.duration_s,
        "completeness": record.completeness,
        "tracks": [dict(track) for track in record.tracks],
        "size_bytes": record.size_bytes,
        "truncated": record.truncated_reason if record.truncated else None,
        "failure": record.failure or None,
        "views": sorted(record.views),
    }
