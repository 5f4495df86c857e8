"""Real ACDs for the conformance kit: the adapters as the gateway builds them, for the address that `--target` names.

How an ACD is called and its secrets come from an `[[acds]]` entry of the settings, or from the environment; the address
and the queue from the command line. Decides nothing of a scenario.
"""

import asyncio
import contextlib
import ipaddress
import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, TypeVar

from aiohttp import web
from pydantic import ValidationError

from gateway.accounts.model import Account, Role
from gateway.acd.kit.stands.real import ANNA, BEN, Adapter, Bench
from gateway.acd.kit.target import CALL_SECRET, CALL_USER, INCOMING_SECRET, SECRET, Target
from gateway.acd.port import AcdPort
from gateway.acd.sip.adapter import SipAcd
from gateway.acd.tasks.adapter import TaskAcd
from gateway.acd.tasks.ports import Answer, Call, Caller, CallFailed
from gateway.base.clock import Clock
from gateway.base.errors import GatewayError, SetupError
from gateway.base.ids import AccountId
from gateway.config.acd import AcdSection
from gateway.config.acd_sip import SipAcdSettings
from gateway.config.acd_tasks import TaskAcdSettings
from gateway.config.cti import AmiSettings, EslSettings
from gateway.config.values import Section
from gateway.wiring.feeds import RunningFeed, feed_for
from gateway.wiring.tasks import open_task_acd
from media.engine import EngineSettings, InProcessEngine
from media.player.library import ClipLibrary
from media.voice.settings import VoiceSettings

QUEUE: Final = "kit"  # what the queue is called on our side where its own name is not sent along
REACH_S: Final = 5.0
"""A port that answers at all has answered by then; a feed is logged in within twice that."""

PROGRESS: Final = timedelta(seconds=8)
"""A test queue that has said nothing to an INVITE by then says nothing."""

GIVE_UP: Final = timedelta(seconds=20)
"""A task that could not be told for so long is not told any more: a run has an end."""

WRONG_LOGIN: Final = (401, 403, 407)
EVENT_LIMIT_BYTES: Final = 262_144
_NAMES: Final = ("kit-1", "kit-2")

S = TypeVar("S", bound=Section)


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """What the command line says. `entry`: the `[[acds]]` entry whose secrets and ways are used."""

    target: Target
    call: Target | None = None  # where the queue is called, when the target is a feed
    queue: str = ""  # what the ACD calls it
    agents: tuple[str, ...] = ()  # what it calls two agents
    entry: AcdSection | None = None
    listen: str = "127.0.0.1:0"  # for the webhooks of an ACD in task mode
    public_url: str = ""  # as that ACD calls it; empty: as we listen
    environ: Mapping[str, str] = field(default_factory=dict)


@asynccontextmanager
async def open_bench(aim: Aim, clock: Clock, tell: Callable[[str], None]) -> AsyncIterator[Bench]:
    """The bench of that aim. `tell`: a line for people, such as where webhooks are to be sent.

    SetupError: `kit_target_queue`, `kit_target_call`, `kit_acd_kind`, `kit_secret`, `kit_settings`, `kit_listen`,
    `kit_unreachable`.
    """
    if aim.target.adapter == "tasks":
        async with _task_bench(aim, clock, tell) as bench:
            yield bench
    else:
        async with _call_bench(aim, clock) as bench:
            yield bench


# ---------------------------------------------------------------- call mode


@asynccontextmanager
async def _call_bench(aim: Aim, clock: Clock) -> AsyncIterator[Bench]:
    entry = _entry(aim, SipAcdSettings)
    settings = _sip_settings(aim, entry)
    if aim.target.adapter != "sip":
        await _reach(aim.target)
    engine = await _engine(settings)
    feeds: list[RunningFeed] = []

    async def open_(meet: Callable[[AcdPort], None]) -> Adapter:
        feeds.clear()
        feed = _feed(settings.feed, clock) if settings.feed is not None else None
        acd = SipAcd(
            settings, media=engine, clock=clock, queues=[QUEUE], on_alarm=lambda _code, _detail: None, feed=feed
        )
        meet(acd)
        await acd.start()
        if feed is not None:
            feeds.append(feed)
            try:
                await _connected(feed, clock)
            except SetupError:
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
    known = _given(entry.trunks[0]) if entry is not None else {"capacity": 10}
    given = _given(entry) if entry is not None else {}
    given |= {
        "name": "kit",
        "trunks": [known | way],
        "numbers": {QUEUE: call.user},
        "progress_timeout": PROGRESS,
        "feed": _feed_settings(aim, entry),
    }
    return _checked(SipAcdSettings, given)


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
    given: dict[str, Any] = _given(feed) if feed is not None else {}
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


# ---------------------------------------------------------------- task mode


@asynccontextmanager
async def _task_bench(aim: Aim, clock: Clock, tell: Callable[[str], None]) -> AsyncIterator[Bench]:
    entry = _entry(aim, TaskAcdSettings)
    if not aim.queue:
        raise SetupError("kit_target_queue", "The adapter tasks needs the queue's name there: --queue NAME.")
    settings = _task_settings(aim, entry)
    await _reach(aim.target)
    living: list[TaskAcd] = []
    overheard: list[_Overhearing] = []
    async with _webhooks(aim, living) as url:
        tell(f"Events are taken at {url}: let the ACD send them there.")

        async def open_(meet: Callable[[AcdPort], None]) -> Adapter:
            overheard.clear()

            def overhear(caller: Caller) -> Caller:
                overheard.append(_Overhearing(caller))
                return overheard[0]

            acd = open_task_acd(
                settings,
                store=None,
                clock=clock,
                node="kit",
                public_url=url,
                on_alarm=lambda _code, _detail: None,
                through=overhear,
            )
            meet(acd)
            living[:] = [acd]
            await acd.start()
            return acd

        yield Bench(
            adapter="tasks",
            queue=aim.queue,
            agents=aim.agents,
            open_=open_,
            may_restart=False,
            why_silent=lambda: _why_silent(overheard[0] if overheard else None, url),
        )


def _task_settings(aim: Aim, entry: TaskAcdSettings | None) -> TaskAcdSettings:
    given: dict[str, Any] = _given(entry) if entry is not None else {}
    for name, variable in (("secret", SECRET), ("incoming_secret", INCOMING_SECRET)):
        if aim.environ.get(variable):
            given |= {name: aim.environ[variable], f"{name}_file": None}
        elif entry is None:
            raise SetupError("kit_secret", f"A secret is missing: set {variable}, or name an --acd.")
    given |= {"name": "kit", "kind": "tasks", "url": aim.target.text, "give_up": GIVE_UP}
    if aim.agents:
        given["agents"] = dict(zip(aim.agents, (ANNA, BEN), strict=False))
    return _checked(TaskAcdSettings, given)


@asynccontextmanager
async def _webhooks(aim: Aim, living: Sequence[TaskAcd]) -> AsyncIterator[str]:
    """A server for the ACD's events; whatever path they come to, they are the living adapter's."""

    async def receive(request: web.Request) -> web.Response:
        body = await request.read()
        if not living:
            raise web.HTTPServiceUnavailable
        try:
            living[0].receive(public + request.raw_path, request.headers, body)
        except GatewayError as error:
            return web.json_response({"code": error.code}, status=error.http_status)
        return web.Response(status=204)

    application = web.Application(client_max_size=EVENT_LIMIT_BYTES)
    application.router.add_post("/{path:.*}", receive)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    host, _, port = aim.listen.rpartition(":")
    try:
        site = web.TCPSite(runner, host.strip("[]") or None, int(port))
        await site.start()
    except (OSError, ValueError, OverflowError) as error:
        await runner.cleanup()
        raise SetupError("kit_listen", f"Can't listen on {aim.listen}: give --listen HOST:PORT.") from error
    public = aim.public_url.rstrip("/") or f"http://{host}:{runner.addresses[0][1]}"
    try:
        yield public
    finally:
        await runner.cleanup()


class _Overhearing:
    """A `Caller` that remembers how its last call ended."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self.status = 0
        self.failure = ""

    async def call(self, call: Call) -> Answer:
        try:
            answer = await self._caller.call(call)
        except CallFailed as error:
            self.failure = error.reason
            raise
        self.status, self.failure = answer.status, ""
        return answer

    async def aclose(self) -> None:
        await self._caller.aclose()


def _why_silent(heard: _Overhearing | None, url: str) -> SetupError:
    if heard is not None and (heard.status in WRONG_LOGIN or heard.failure == "token_refused"):
        return SetupError("kit_login", f"The target refused our login: {heard.failure or heard.status}. See {SECRET}.")
    if heard is not None and heard.failure:
        return SetupError("kit_unreachable", f"The target does not answer: {heard.failure}.")
    if heard is not None and heard.status >= 400:
        return SetupError("kit_refused", f"The target took no contact: {heard.status}.")
    return SetupError("kit_silent", f"The target took a contact and sent no event of it to {url}.")


# ---------------------------------------------------------------- both


def _entry(aim: Aim, kind: type[S]) -> S | None:
    if aim.entry is None:
        return None
    if not isinstance(aim.entry, kind):
        raise SetupError("kit_acd_kind", f"That acds entry is of kind {aim.entry.kind}: the adapter is another one.")
    return aim.entry


def _given(section: Section) -> dict[str, Any]:
    """What was set in it, as it may be set again."""
    return {name: getattr(section, name) for name in section.model_fields_set}


def _checked(kind: type[S], given: Mapping[str, Any]) -> S:
    """SetupError without any value: it may be a secret."""
    try:
        return kind.model_validate(dict(given))
    except ValidationError as error:
        flaw = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in flaw["loc"])
        raise SetupError("kit_settings", f"What the target is given does not fit: {where}: {flaw['msg']}.") from None


async def _reach(target: Target) -> None:
    """SetupError (`kit_unreachable`) when nobody listens there."""
    try:
        async with asyncio.timeout(REACH_S):
            _, writer = await asyncio.open_connection(target.host, target.port)
    except (OSError, TimeoutError) as error:
        why = "no answer" if isinstance(error, TimeoutError) else (error.strerror or type(error).__name__)
        raise SetupError("kit_unreachable", f"Nobody answers at {target.host}:{target.port}: {why}.") from None
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
