"""The CTI feed of an ACD in call mode, built from its settings; and whom an ACD means by its names of agents.

Reads secrets and certificates; decides nothing.
"""

import random
import ssl
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from pydantic import SecretStr

from gateway.accounts.model import Account
from gateway.acd.cti.agents import AgentNames
from gateway.acd.cti.ami.connection import AmiLogin
from gateway.acd.cti.ami.dialect import AmiDialect
from gateway.acd.cti.connection import Address
from gateway.acd.cti.esl.dialect import EslDialect
from gateway.acd.cti.ledger import Ledger
from gateway.acd.cti.reader import CtiFigures, CtiReader, Pace
from gateway.acd.sip.feed import CtiFeed
from gateway.base.clock import Clock
from gateway.base.errors import SetupError
from gateway.base.ids import AgentId, new_offer_id
from gateway.config.cti import AmiSettings, EslSettings, FeedSettings


class RunningFeed(CtiFeed, Protocol):
    """A feed with figures for `/metrics`."""

    def figures(self) -> CtiFigures: ...


def feed_for(
    name: str,
    settings: AmiSettings | EslSettings,
    *,
    queues: Sequence[str],
    accounts: Callable[[], Awaitable[Sequence[Account]]],
    clock: Clock,
    on_alarm: Callable[[str, str], None],
) -> RunningFeed:
    """Not yet started. `queues`: ours that the ACD `name` serves. SetupError when a file can't be read."""
    address = Address(
        host=settings.host,
        port=settings.port,
        tls=_tls(name, settings),
        connect_s=settings.connect_timeout.total_seconds(),
        answer_s=settings.answer_timeout.total_seconds(),
    )
    pace = Pace(
        ping_s=settings.ping_interval.total_seconds(),
        resync_s=settings.resync_interval.total_seconds(),
        refused_s=settings.refused_pause.total_seconds(),
        events_per_s=settings.events_per_second,
        event_burst=5.0 * settings.events_per_second,
    )
    theirs = {queue: settings.queues.get(queue, queue) for queue in queues}
    ledger = Ledger(name, AgentNames(), new_offer_id, {their: ours for ours, their in theirs.items()})

    async def directory() -> Mapping[str, AgentId]:
        return agents_by_name(settings, await accounts())

    # The reader's type follows its dialect, so the two calls can't be one.
    if isinstance(settings, AmiSettings):
        secret = _secret(name, settings.secret, settings.secret_file)
        asterisk = AmiDialect(
            address=address,
            login=AmiLogin(user=settings.user, secret=secret, challenge=settings.login == "challenge"),
            ledger=ledger,
            clock=clock,
            variable=settings.variable,
            wrap_up_reasons=settings.wrap_up_reasons,
            queue_log=settings.queue_log,
        )
        return CtiReader(name, asterisk, clock, pace, random=random.random, on_alarm=on_alarm, directory=directory)
    freeswitch = EslDialect(
        address=address,
        password=_secret(name, settings.password, settings.password_file),
        ledger=ledger,
        clock=clock,
        header=settings.header,
        queues=tuple(theirs.values()),
        withdraw_to=settings.withdraw_to,
    )
    return CtiReader(name, freeswitch, clock, pace, random=random.random, on_alarm=on_alarm, directory=directory)


def agents_by_name(settings: FeedSettings, accounts: Iterable[Account]) -> Mapping[str, AgentId]:
    """Whose each of the ACD's names is: as written in the settings, else by the pattern."""
    found: dict[str, AgentId] = {}
    for account in accounts:
        theirs = settings.agents.get(account.name) or settings.agent_pattern.replace("{name}", account.name)
        if theirs and account.agent_id is not None and not account.canary:
            found[theirs] = account.agent_id
    return found


def _tls(name: str, settings: FeedSettings) -> ssl.SSLContext | None:
    if not settings.tls:
        return None
    try:
        return ssl.create_default_context(cafile=settings.tls_ca_file)
    except (OSError, ssl.SSLError) as error:
        raise SetupError("acd_feed_tls", f"acds: {name}: {settings.tls_ca_file} can't be read: {error}.") from error


def _secret(name: str, secret: SecretStr, file: Path | None) -> str:
    if file is None:
        return secret.get_secret_value()
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SetupError("acd_feed_secret", f"acds: {name}: {file} can't be read: {error}.") from error
