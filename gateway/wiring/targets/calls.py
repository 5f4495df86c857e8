"""A target in call mode: the queue is called by SIP, and its events come from a feed where there is one."""

import asyncio
import ipaddress
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, Final

from gateway.accounts.model import Account, Role
from gateway.acd.kit.stands.real import ANNA, BEN, Adapter, Bench
from gateway.acd.kit.target import CALL_SECRET, CALL_USER, SECRET
from gateway.acd.port import AcdPort
from gateway.acd.sip.adapter import SipAcd
from gateway.base.clock import Clock
from gateway.base.errors import SetupError
from gateway.base.ids import AccountId
from gateway.config.acd_sip import SipAcdSettings
from gateway.config.cti import AmiSettings, EslSettings
from gateway.wiring.feeds import RunningFeed, feed_for
from gateway.wiring.targets.aim import REACH_S, Aim, checked, entry_of, given_in, reach
from media.engine import EngineSettings, InProcessEngine
from media.player.library import ClipLibrary
from media.voice.settings import VoiceSettings

QUEUE: Final = "kit"  # what the queue is called on our side where its own name is not sent along
PROGRESS: Final = timedelta(seconds=8)
"""A test queue that has said nothing to an INVITE by then says nothing."""

_NAMES: Final = ("kit-1", "kit-2")


@asynccontextmanager
async def call_bench(aim: Aim, clock: Clock) -> AsyncIterator[Bench]:
    """The bench of an aim in call mode. SetupError as `open_bench`."""
    entry = entry_of(aim, SipAcdSettings)
    settings = _sip_settings(aim, entry)
    if aim.target.adapter != "sip":
        await reach(aim.target)
    engine = await _engine(settings)
    feeds: list[RunningFeed] = []

    async def open_(meet: Callable[[AcdPort], None]) -> Adapter:
        feeds.clear()
        feed = _feed(settings.feed, clock) if settings.feed is not None else None
        acd = SipAcd(
            settings, media=engine, clock=clock, queues=[QUEUE], on_alarm=lambda _code, _detail: None, feed=feed
        )
        meet(acd)
        try:
            await acd.start()
            if feed is not None:
                feeds.append(feed)
                await _connected(feed, clock)
        except BaseException:  # cancelled too: nobody else knows of it yet
            await acd.aclose()
            raise
        return acd

    try:
        yield Bench(
            adapter=aim.target.adapter,
            queue=QUEUE,
            agents=aim.agents,
            open_=open_,
            may_restart=True,
            why_silent=lambda: None,
        )
    finally:
        await engine.aclose()


def _sip_settings(aim: Aim, entry: SipAcdSettings | None) -> SipAcdSettings:
    """As in the entry but for the address, the one queue, the one way there, and that nothing is asked for long."""
    call = aim.target if aim.target.adapter == "sip" else aim.call
    if call is None:
        raise SetupError(
            "kit_target_call",
            f"The adapter {aim.target.adapter} needs the queue's number: --call sip:NUMBER@HOST:PORT.",
        )
    secret = SECRET if aim.target.adapter == "sip" else CALL_SECRET
    way: dict[str, Any] = {"name": "kit", "domain": call.domain, "transport": call.transport, "probe_interval": 0}
    if aim.environ.get(CALL_USER):
        way |= {"user": aim.environ[CALL_USER], "caller": aim.environ[CALL_USER]}
    if aim.environ.get(secret):
        way |= {"password": aim.environ[secret], "password_file": None}
    known = given_in(entry.trunks[0]) if entry is not None else {"capacity": 10}
    given = given_in(entry) if entry is not None else {}
    given |= {
        "name": "kit",
        "trunks": [known | way],
        "numbers": {QUEUE: call.user},
        "progress_timeout": PROGRESS,
        "feed": _feed_settings(aim, entry),
    }
    return checked(SipAcdSettings, given)


def _feed_settings(aim: Aim, entry: SipAcdSettings | None) -> dict[str, Any] | None:
    target = aim.target
    if target.adapter == "sip":
        return None
    if not aim.queue:
        raise SetupError(
            "kit_target_queue", f"The adapter {target.adapter} needs the queue's name there: --queue NAME."
        )
    feed = entry.feed if entry is not None else None
    if feed is not None and feed.kind != target.adapter:
        raise SetupError("kit_acd_kind", f"The feed of that acds entry is of kind {feed.kind}, not {target.adapter}.")
    given: dict[str, Any] = given_in(feed) if feed is not None else {}
    word = "secret" if target.adapter == "ami" else "password"
    secret = aim.environ.get(SECRET, "")
    if secret:
        given |= {word: secret, f"{word}_file": None}
    elif feed is None:
        raise SetupError("kit_secret", f"The secret of {target.host} is missing: set {SECRET}, or name an --acd.")
    if target.user:
        given["user"] = target.user
    given |= {
        "kind": target.adapter,
        "host": target.host,
        "port": target.port,
        "tls": target.tls,
        "queues": {QUEUE: aim.queue},
        "agents": dict(zip(_NAMES, aim.agents, strict=False)),
        "agent_pattern": "",
    }
    return given


def _feed(feed: AmiSettings | EslSettings, clock: Clock) -> RunningFeed:
    async def accounts() -> Sequence[Account]:
        return [
            Account(
                account_id=AccountId(f"ac_{name}"),
                name=name,
                display_name=name,
                roles=frozenset({Role.AGENT}),
                agent_id=agent_id,
            )
            for name, agent_id in zip(_NAMES, (ANNA, BEN), strict=True)
        ]

    return feed_for("kit", feed, queues=[QUEUE], accounts=accounts, clock=clock, on_alarm=lambda _code, _detail: None)


async def _connected(feed: RunningFeed, clock: Clock) -> None:
    """Logged in, and told the whole state: before, it does not know whom the ACD's names mean."""
    deadline_s = clock.monotonic() + 2 * REACH_S
    while not (feed.connected and feed.figures().resyncs):
        if feed.figures().refused_logins:
            raise SetupError("kit_login", f"The target refused our login. See {SECRET}.")
        if clock.monotonic() >= deadline_s:
            raise SetupError(
                "kit_unreachable", "The target answers, and is no such ACD: it does not speak that protocol."
            )
        await asyncio.sleep(0.02)  # a feed has no event for it


async def _engine(settings: SipAcdSettings) -> InProcessEngine:
    """An engine for telephone calls only, bound where the target is reached from."""
    host = (settings.trunks[0].proxy or settings.trunks[0].domain).rpartition("@")[2]
    voice = VoiceSettings(interface="127.0.0.1" if await _is_here(_host_of(host)) else "")
    try:
        return await InProcessEngine.start(EngineSettings(host="127.0.0.1", voice=voice), clips=ClipLibrary())
    except OSError as error:
        raise SetupError("media_port", f"Can't open a UDP port: {error.strerror}.") from error


def _host_of(domain: str) -> str:
    if domain.startswith("["):
        return domain[1:].partition("]")[0]
    return domain.partition(":")[0]


async def _is_here(host: str) -> bool:
    """Whether that name leads to this machine's loopback: SIP from elsewhere does not."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_DGRAM)
    except OSError:
        raise SetupError("kit_unreachable", f"The name {host} leads nowhere.") from None
    return all(ipaddress.ip_address(address[4][0]).is_loopback for address in found)
