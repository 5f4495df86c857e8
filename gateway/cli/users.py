"""`visavis user`: accounts in the records, whether or not the gateway runs just now."""

import asyncio
import getpass
import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TypeVar

import typer

from gateway.accounts.model import Account
from gateway.accounts.passwords import Passwords
from gateway.accounts.service import AccountService
from gateway.base.clock import SystemClock
from gateway.base.errors import BadInput, SetupError
from gateway.base.ids import AgentId
from gateway.cli.settings import load_settings
from gateway.config import LiveSettings, Settings
from gateway.live.rates import RateLimiter
from gateway.live.sessions import SessionStore
from gateway.live.store import open_live
from gateway.process import reason_of
from gateway.records.accounts import SqlAccounts
from gateway.records.database import open_database

T = TypeVar("T")


def add_account(
    name: str,
    roles: Sequence[str],
    display_name: str,
    queues: Sequence[str],
    skills: Sequence[str],
    languages: Sequence[str],
    *,
    as_link: bool,
    config: Path | None,
) -> None:
    """Add the account and print what was made. BadInput or StateConflict in the account's own words."""
    settings = load_settings(os.environ, config)
    _check_queues(settings, queues)
    levels = _levels(skills)
    password = None if as_link else _ask_password()

    async def add(service: AccountService) -> str:
        account = await service.add_user(
            name=name,
            display_name=display_name,
            roles=list(roles),
            queues=list(queues),
            password=password,
            skills=levels,
            languages=languages,
        )
        return await service.create_link(account.account_id) if password is None else ""

    link = asyncio.run(_with_accounts(settings, add))
    typer.echo(f"{name} was added ({', '.join(roles)}).")
    if password is None:
        base = settings.http.public_url.rstrip("/") or f"http://{settings.http.host}:{settings.http.port}"
        typer.echo(f"One-time link, good for an hour: {base}/sign-in/#{link}")


def change_agent(
    name: str,
    queues: Sequence[str] | None,
    skills: Sequence[str] | None,
    languages: Sequence[str] | None,
    *,
    config: Path | None,
) -> None:
    """Change what an agent serves and can, and print it; None stays as it was. Raises as `add_account`, NotFound."""
    settings = load_settings(os.environ, config)
    _check_queues(settings, queues or ())
    levels = None if skills is None else _levels(skills)

    async def change(service: AccountService) -> Account:
        agent_id = (await service.agent_named(name)).agent_id
        return await service.change_agent(
            AgentId(agent_id or ""),
            queues=None if queues is None else list(queues),
            skills=levels,
            languages=languages,
        )

    account = asyncio.run(_with_accounts(settings, change))
    skilled = ", ".join(f"{skill}={level}" for skill, level in sorted(account.skills.items()))
    typer.echo(
        f"{account.name}: queues {', '.join(account.queues) or 'none'}; skills {skilled or 'none'}; "
        f"languages {', '.join(account.languages) or 'any'}."
    )


def _check_queues(settings: Settings, queues: Sequence[str]) -> None:
    known = {queue.id for queue in settings.queues}
    for queue in queues:
        if queue not in known:
            raise SetupError(
                "unknown_queue", f"There is no queue {queue}; there are: {', '.join(sorted(known)) or 'none'}."
            )


def _levels(skills: Sequence[str]) -> dict[str, int]:
    """`french=7`, or `french` for level 1. BadInput for a level that is no number."""
    levels: dict[str, int] = {}
    for skill in skills:
        name, _, level = skill.partition("=")
        if level and not level.isdecimal():
            raise BadInput("account_skill", f"{skill} is no skill with its level; write it as french=7.")
        levels[name] = int(level or 1)
    return levels


def _ask_password() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    password = getpass.getpass("Password: ")
    if getpass.getpass("Again: ") != password:
        raise SetupError("password_differs", "The two passwords differ; nothing was added.")
    return password


async def _with_accounts(settings: Settings, what: Callable[[AccountService], Awaitable[T]]) -> T:
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise SetupError(
            "data_dir", f"The data folder {settings.data_dir} can't be used: {reason_of(error)}."
        ) from error
    clock = SystemClock()
    live = open_live(LiveSettings())  # sign-ins are not touched: nothing here needs the gateway's live state
    database = await open_database(settings.records, settings.data_dir)
    try:
        return await what(
            AccountService(
                store=SqlAccounts(database),
                sessions=SessionStore(live, clock),
                limiter=RateLimiter(live, clock),
                passwords=Passwords(),
                clock=clock,
                session_settings=settings.sessions,
                limits=settings.limits,
            )
        )
    finally:
        await database.aclose()
        await live.aclose()
