"""Small adapters between rooms that must not know each other: the shapes signaling asks for, over the services.

Decides nothing: it renames, joins and turns values into the JSON of `docs/developer/rest.md`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from gateway.accounts import model as accounts_model
from gateway.accounts.service import AccountService
from gateway.base.clock import Clock
from gateway.base.errors import BadInput, GatewayError
from gateway.base.ids import AgentId, ContactId, looks_like_id
from gateway.base.log import get_logger
from gateway.contacts.desk import ContactDesk
from gateway.contacts.journal import ContactSummary, JournalEvent
from gateway.parties import ChatLine, Entry
from gateway.recordings.port import RecordingRecord
from gateway.records.chat import SqlChat
from gateway.records.journal import SqlJournal
from gateway.rollout.model import PilotChange, PilotGroup
from gateway.rollout.service import RolloutService
from signaling import ports

MAX_PAGE = 200
NAMES_S = 5.0

Audit = Callable[[str, str, str, Mapping[str, Any]], Awaitable[None]]
"""Who (`actor`) did what (`action`) to which thing (`subject`), with some `data`."""

_log = get_logger("wiring")

# ---------------------------------------------------------------- accounts


def _account(account: accounts_model.Account) -> ports.Account:
    return ports.Account(
        account_id=account.account_id,
        name=account.name,
        display_name=account.display_name,
        roles=account.roles,
        agent_id=account.agent_id,
        queues=account.queues,
        canary=account.canary,
        skills=account.skills,
        languages=account.languages,
    )


def _signed_in(signed_in: accounts_model.SignedIn) -> ports.SignedIn:
    return ports.SignedIn(token=signed_in.token, account=_account(signed_in.account))


class AccountsForSignaling:
    """`signaling.ports.Accounts` over the account service."""

    def __init__(self, service: AccountService) -> None:
        self._service = service

    async def sign_in(self, name: str, password: str, *, address: str) -> ports.SignedIn:
        return _signed_in(await self._service.sign_in(name, password, address=address))

    async def sign_in_by_link(self, link_token: str, *, address: str) -> ports.SignedIn:
        return _signed_in(await self._service.sign_in_by_link(link_token, address=address))

    async def signed_in(self, token: str, *, in_call: bool = False) -> ports.Account:
        return _account(await self._service.signed_in(token, in_call=in_call))

    async def sign_out(self, token: str) -> None:
        await self._service.sign_out(token)

    async def canary_seat(self, canary_token: str, seat: int) -> ports.SignedIn:
        return _signed_in(await self._service.canary_seat(canary_token, seat))

    async def is_canary(self, canary_token: str) -> bool:
        return await self._service.is_canary(canary_token)

    async def agents(self) -> Sequence[ports.Account]:
        return [_account(account) for account in await self._service.agents()]

    async def change_agent(
        self,
        agent_id: AgentId,
        *,
        queues: Sequence[str],
        skills: Mapping[str, int],
        languages: Sequence[str],
        by: str,
    ) -> ports.Account:
        changed = await self._service.change_agent(agent_id, queues=list(queues), skills=skills, languages=languages)
        _log.info("agent.changed", agent_id=agent_id, by=by)
        return _account(changed)


# ---------------------------------------------------------------- admission


class AdmissionForSignaling:
    """`signaling.ports.Admission`: asks the desk what it would say to a contact now."""

    def __init__(self, desk: ContactDesk) -> None:
        self._desk = desk

    async def check(self, site: str, visitor_key: str, *, canary: bool, invited: bool = False) -> None:
        self._desk.admit(Entry(site=site, visitor_key=visitor_key, language="en", canary=canary), invited=invited)


# ---------------------------------------------------------------- history


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
        "started_at": _time(summary.started_at),
        "ended_at": _time(summary.ended_at),
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
    return {"number": line.number, "by": line.by, "name": line.name, "at": _time(line.at), "text": line.text}


def _event(event: JournalEvent) -> dict[str, object]:
    return {
        "seq": event.seq,
        "at": _time(event.at),
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


def _time(value: datetime | None) -> str | None:
    return None if value is None else value.isoformat(timespec="milliseconds").replace("+00:00", "Z")


# ---------------------------------------------------------------- pilot groups


class PilotsForSignaling:
    """`signaling.ports.Pilots` over the rollout service."""

    def __init__(self, service: RolloutService) -> None:
        self._service = service

    async def groups(self) -> Sequence[Mapping[str, object]]:
        return [_group(group) for group in self._service.groups()]

    async def change(self, group_id: str, change: ports.PilotChange, *, by: str) -> Mapping[str, object]:
        wanted = PilotChange(
            enabled=change.enabled,
            share_percent=change.share_percent,
            agents=change.agents,
            version=change.version,
        )
        return _group(await self._service.change(group_id, wanted, by=by))


def _group(group: PilotGroup) -> dict[str, object]:
    return {
        "id": group.group_id,
        "name": group.name,
        "enabled": group.enabled,
        "share_percent": group.share_percent,
        "agents": list(group.agents),
        "version": group.version,
        "changed_at": _time(group.changed_at),
        "changed_by": group.changed_by,
    }


# ---------------------------------------------------------------- health


class NodeHealth:
    """`signaling.ports.Health`. Nothing latches: each answer is of now."""

    MAX_LAG_S = 1.0

    def __init__(self) -> None:
        self.started = False
        self.draining: Callable[[], bool] = lambda: False
        self.lag_s: Callable[[], float] = lambda: 0.0
        self.media_up: Callable[[], bool] = lambda: True
        self.degraded: Callable[[], Sequence[str]] = tuple
        self.stores: dict[str, Callable[[], Awaitable[Any]]] = {}  # reason → check that raises GatewayError

    async def reasons(self) -> Sequence[str]:
        """Why this node takes no contacts now; empty when it does."""
        found = [] if self.started else ["starting"]
        if self.draining():
            found.append("draining")
        if self.lag_s() > self.MAX_LAG_S:
            found.append("loop_lag")
        if not self.media_up():
            found.append("media")
        checks = await asyncio.gather(*(_fails(check) for check in self.stores.values()))
        return found + [reason for reason, failed in zip(self.stores, checks, strict=True) if failed]


async def _fails(check: Callable[[], Awaitable[Any]]) -> bool:
    try:
        await check()
    except GatewayError:
        return True
    return False
