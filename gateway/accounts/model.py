"""An account as the rest of the house sees it, and what may be one."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol

from gateway.base.errors import BadInput
from gateway.base.ids import AccountId, AgentId
from gateway.config.own import checked_levels

MIN_PASSWORD: Final = 8  # characters (NIST SP 800-63B §5.1.1.2)
MAX_PASSWORD: Final = 256
CANARY_QUEUE: Final = "canary"
MAX_SEATS: Final = 200  # robot agents at once

_NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")
_QUEUE = re.compile(r"[a-z0-9-]{1,40}")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[a-z]{2})?", re.IGNORECASE)
_SEAT = re.compile(r"canary-\d+")


class Role(StrEnum):
    AGENT = "agent"
    SUPERVISOR = "supervisor"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Somebody who signs in. What an agent is and can only with the role agent."""

    account_id: AccountId
    name: str
    display_name: str
    roles: frozenset[str]
    agent_id: AgentId | None = None
    queues: tuple[str, ...] = ()
    canary: bool = False  # a robot: sees canary contacts only
    skills: Mapping[str, int] = field(default_factory=dict)  # name → level, 1 … 10
    languages: tuple[str, ...] = ()  # empty: any


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """A fresh sign-in. `token` is the cookie's value: secret, told once."""

    token: str
    account: Account


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAccount:
    """An account as it is kept. Without a `password_hash` only one-time links open it."""

    account: Account
    password_hash: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenLink:
    """A one-time link that was used up."""

    account_id: AccountId
    expires_at: datetime


class AccountStore(Protocol):
    """Where accounts are kept (`gateway.records`). Every method may raise PortFailure `records_unavailable`."""

    async def add(self, stored: StoredAccount) -> None:
        """StateConflict `account_exists` when the name or the agent id is taken; nothing was changed."""
        ...

    async def by_name(self, name: str) -> StoredAccount | None: ...

    async def by_id(self, account_id: AccountId) -> StoredAccount | None: ...

    async def by_agent(self, agent_id: AgentId) -> StoredAccount | None: ...

    async def with_role(self, role: Role) -> list[Account]:
        """By display name, then name."""
        ...

    async def update(self, account: Account) -> bool:
        """Replace all but the name and the password. False: no such account. StateConflict as `add`."""
        ...

    async def set_password(self, account_id: AccountId, password_hash: str) -> None: ...

    async def add_link(self, digest: str, account_id: AccountId, expires_at: datetime) -> None:
        """Keep a one-time link."""
        ...

    async def take_link(self, digest: str, now: datetime) -> TakenLink | None:
        """Use up the link: of two who take at once, one gets it. None: unknown, used or expired.
        Links that are over are cleared away."""
        ...


def checked_name(name: str) -> str:
    """The name to sign in with, in small letters. BadInput `account_name`."""
    found = name.strip().lower()
    if not _NAME.fullmatch(found) or _SEAT.fullmatch(found):
        raise BadInput(
            "account_name",
            "A name is made of small letters, digits and . _ @ -, up to 64, and is not that of a canary seat.",
        )
    return found


def checked_password(password: str) -> str:
    """BadInput `account_password` for one that is too short or too long."""
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise BadInput("account_password", f"A password has {MIN_PASSWORD} to {MAX_PASSWORD} characters.")
    return password


def checked_display_name(display_name: str) -> str:
    """BadInput `account_display_name`."""
    found = " ".join(display_name.split())
    if not 1 <= len(found) <= 80 or not found.isprintable():
        raise BadInput("account_display_name", "A display name has 1 to 80 printable characters.")
    return found


def checked_roles(roles: list[str]) -> frozenset[str]:
    """BadInput `account_role`."""
    known = [role.value for role in Role]
    if not roles or any(role not in known for role in roles):
        raise BadInput("account_role", f"Roles are one or more of {', '.join(known)}.")
    return frozenset(roles)


def checked_queues(queues: list[str]) -> tuple[str, ...]:
    """BadInput `account_queue`. Whether the queues exist is the settings' matter."""
    if len(queues) > 50 or any(not _QUEUE.fullmatch(queue) or queue == CANARY_QUEUE for queue in queues):
        raise BadInput("account_queue", "Queues are names of small letters, digits and -, up to 50 of them.")
    return tuple(dict.fromkeys(queues))


def checked_skills(skills: Mapping[str, int]) -> dict[str, int]:
    """BadInput `account_skill`. Whether a queue asks for them is the settings' matter."""
    try:
        return checked_levels(dict(skills))
    except ValueError as error:
        raise BadInput("account_skill", f"Skills can't be taken: {error}.") from None


def checked_languages(languages: Sequence[str]) -> tuple[str, ...]:
    """In small letters. BadInput `account_language`."""
    if len(languages) > 20 or any(not _LANGUAGE.fullmatch(language) for language in languages):
        raise BadInput("account_language", "Languages are written as en or pt-br, up to 20 of them.")
    return tuple(dict.fromkeys(language.lower() for language in languages))


def seat_account(seat: int) -> Account:
    """The robot agent of a canary seat. BadInput `canary_seat` outside 0 … 199."""
    if not 0 <= seat < MAX_SEATS:
        raise BadInput("canary_seat", f"Seats are 0 to {MAX_SEATS - 1}.")
    name = f"canary-{seat:03}"
    return Account(
        account_id=AccountId(f"ac_{name}"),
        name=name,
        display_name=f"Canary {seat}",
        roles=frozenset({Role.AGENT.value}),
        agent_id=AgentId(name),
        queues=(CANARY_QUEUE,),
        canary=True,
    )
