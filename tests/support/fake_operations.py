"""What operators look after, for a signaling node: pilots, the letters of an ACD, health, disagreements."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gateway.base.errors import NotFound, NotSignedIn, StateConflict
from signaling.ports import PilotChange


@dataclass
class FakePilots:
    group: dict[str, object] = field(
        default_factory=lambda: {
            "id": "shop",
            "name": "Shop",
            "enabled": True,
            "share_percent": 50,
            "agents": [],
            "version": 3,
        }
    )

    async def groups(self) -> Sequence[Mapping[str, object]]:
        return [self.group]

    async def change(self, group_id: str, change: PilotChange, *, by: str) -> Mapping[str, object]:
        if group_id != "shop":
            raise NotFound("no_such_group", "There is no such pilot group.")
        if change.version != self.group["version"]:
            raise StateConflict("version_conflict", "Somebody changed it meanwhile.")
        self.group = {
            **self.group,
            "enabled": change.enabled,
            "share_percent": change.share_percent,
            "agents": list(change.agents),
            "version": change.version + 1,
            "changed_by": by,
        }
        return self.group


@dataclass
class FakeTaskAcds:
    """`received` has what came through: ACD, address, signature, body."""

    received: list[tuple[str, str, str, bytes]] = field(default_factory=list)
    letters: dict[str, dict[str, object]] = field(default_factory=dict)
    done: list[tuple[str, str, str]] = field(default_factory=list)

    def receive(self, acd: str, url: str, headers: Mapping[str, str], body: bytes) -> None:
        if acd != "tr":
            raise NotFound("not_found", "There is nothing here.")
        signature = headers.get("Visavis-Signature", "")
        if not signature:
            raise NotSignedIn("signature_invalid", "The signature is missing, wrong or too old.")
        self.received.append((acd, url, signature, body))

    async def dead_letters(self, limit: int) -> Sequence[Mapping[str, object]]:
        return list(self.letters.values())[:limit]

    async def retry_letter(self, letter_id: str, *, by: str) -> None:
        self._take("retry", letter_id, by)

    async def drop_letter(self, letter_id: str, *, by: str) -> None:
        self._take("drop", letter_id, by)

    def _take(self, what: str, letter_id: str, by: str) -> None:
        if self.letters.pop(letter_id, None) is None:
            raise NotFound("not_found", "There is nothing here.")
        self.done.append((what, letter_id, by))


@dataclass
class FakeHealth:
    why: list[str] = field(default_factory=list)
    not_there: list[str] = field(default_factory=list)
    error: Exception | None = None
    hang: bool = False

    async def reasons(self) -> Sequence[str]:
        if self.error is not None:
            raise self.error
        if self.hang:
            await asyncio.Event().wait()
        return self.why

    def degraded(self) -> Sequence[str]:
        return self.not_there


class FakeDisagreements:
    """`Disagreements` with what a test puts in."""

    def __init__(self) -> None:
        self.rows: list[dict[str, object]] = []

    def found(self, limit: int) -> list[dict[str, object]]:
        return self.rows[:limit]
