"""`visavis user add`: an account in the records, whether or not the gateway runs just now."""

import asyncio
import getpass
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import typer

from gateway.accounts.passwords import Passwords
from gateway.accounts.service import AccountService
from gateway.base.clock import SystemClock
from gateway.base.errors import SetupError
from gateway.cli.settings import load_settings
from gateway.config import LiveSettings, Settings
from gateway.live.rates import RateLimiter
from gateway.live.sessions import SessionStore
from gateway.live.store import open_live
from gateway.process import reason_of
from gateway.records.accounts import SqlAccounts
from gateway.records.database import open_database


def add_account(
    name: str,
    roles: Sequence[str],
    display_name: str,
    queues: Sequence[str],
    *,
    as_link: bool,
    config: Path | None,
) -> None:
    """Add the account and print what was made. BadInput or StateConflict in the account's own words."""
    settings = load_settings(os.environ, config)
    known = {queue.id for queue in settings.queues}
    for queue in queues:
        if queue not in known:
            raise SetupError(
                "unknown_queue", f"There is no queue {queue}; there are: {', '.join(sorted(known)) or 'none'}."
            )
    password = None if as_link else _ask_password()
    link = asyncio.run(_add(settings, name, roles, display_name, queues, password))
    typer.echo(f"{name} was added ({', '.join(roles)}).")
    if password is None:
        base = settings.http.public_url.rstrip("/") or f"http://{settings.http.host}:{settings.http.port}"
        typer.echo(f"One-time link, good for an hour: {base}/sign-in/#{link}")


def _ask_password() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    password = getpass.getpass("Password: ")
    if getpass.getpass("Again: ") != password:
        raise SetupError("password_differs", "The two passwords differ; nothing was added.")
    return password


async def _add(
    settings: Settings,
    name: str,
    roles: Sequence[str],
    display_name: str,
    queues: Sequence[str],
    password: str | None,
) -> str:
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
        service = AccountService(
            store=SqlAccounts(database),
            sessions=SessionStore(live, clock),
            limiter=RateLimiter(live, clock),
            passwords=Passwords(),
            clock=clock,
            session_settings=settings.sessions,
            limits=settings.limits,
        )
        account = await service.add_user(
            name=name, display_name=display_name, roles=list(roles), queues=list(queues), password=password
        )
        return await service.create_link(account.account_id) if password is None else ""
    finally:
        await database.aclose()
        await live.aclose()
