"""The composition root: builds one node from its settings, starts it bottom up, drains it, ends it top down.

The only place that knows every room. It decides nothing of a contact; it decides what is passed to whom, and in which
order things begin and end.
"""

import asyncio
import contextlib
import random
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from importlib.resources import as_file
from pathlib import Path
from typing import Any, Final, Protocol

import uvloop
from prometheus_client import CollectorRegistry

import web
from gateway import runtime
from gateway.accounts.passwords import Passwords
from gateway.accounts.service import AccountService, new_token, token_digest
from gateway.acd import outside
from gateway.acd.builtin.acd import BuiltinAcd
from gateway.acd.passes import PanelPasses
from gateway.acd.reconciler import Reconciler
from gateway.acd.router import AcdRouter
from gateway.acd.tasks.adapter import TaskAcd
from gateway.agents.roster import AgentRoster
from gateway.base import log
from gateway.base.clock import Clock, SystemClock
from gateway.base.errors import PortFailure, SetupError
from gateway.base.ids import ContactId, RecordingId, new_id
from gateway.base.tasks import Supervisor
from gateway.base.upkeep import set_start_aside, trim_memory, watch_lag
from gateway.builtin import CANARY, ROBOTS, load_all_menus, with_canary
from gateway.config import Settings
from gateway.config.acd import OWN
from gateway.contacts.desk import ContactDesk
from gateway.crm.keys import KeyMaker
from gateway.crm.service import CrmService
from gateway.engines import Engine, check_voice, is_up, media_lag, not_up, ports_of, processes_of, start_engine
from gateway.links.places import Places
from gateway.links.reminding import Reminding
from gateway.links.service import Links
from gateway.links.webhook import ReminderWebhook
from gateway.live.queues import LiveQueueStore
from gateway.live.rates import RateLimiter
from gateway.live.sessions import SessionStore
from gateway.live.store import open_live
from gateway.live.tokens import TokenStore
from gateway.metrics.acd import AcdGauges
from gateway.metrics.crm import CrmGauges
from gateway.metrics.feeds import FeedGauges
from gateway.metrics.journal import JournalFigures
from gateway.metrics.process import ProcessGauges
from gateway.metrics.quality import QualityGauges
from gateway.metrics.queues import QueueGauges
from gateway.metrics.recordings import RecordingGauges
from gateway.metrics.sip import SipGauges
from gateway.metrics.tasks import TaskGauges
from gateway.metrics.workers import WorkerGauges
from gateway.process import (
    StopSignals,
    data_folder,
    reason_of,
)
from gateway.recordings.finaliser import Finaliser
from gateway.recordings.policy import told_before
from gateway.recordings.service import RecordingService
from gateway.records.accounts import SqlAccounts
from gateway.records.audit import SqlAudit
from gateway.records.chat import SqlChat
from gateway.records.customers import SqlCustomers
from gateway.records.database import open_database
from gateway.records.interactions import SqlInteractions
from gateway.records.journal import SqlJournal
from gateway.records.links import SqlLinks
from gateway.records.pilots import SqlPilots
from gateway.records.recordings import SqlRecordings
from gateway.records.task_letters import SqlLetters
from gateway.records.vault import SqlVault
from gateway.rollout.service import RolloutService
from gateway.vault.composing import Composer
from gateway.vault.service import open_vault
from gateway.wiring.accounts import AccountsForSignaling
from gateway.wiring.acds import AcdRooms, adapter_for
from gateway.wiring.admission import AdmissionForSignaling
from gateway.wiring.crm import CustomersForSignaling, webhook_secret
from gateway.wiring.disagreements import DisagreementsForSignaling
from gateway.wiring.health import NodeHealth
from gateway.wiring.history import HistoryForSignaling
from gateway.wiring.links import LinksForSignaling, address_of
from gateway.wiring.panels import PanelsForSignaling
from gateway.wiring.pilots import PilotsForSignaling
from gateway.wiring.recordings import RecordingsForSignaling
from gateway.wiring.tasks import TasksForSignaling, coming_from
from media.player.library import ClipLibrary
from media.workers.pool import WorkerPool
from signaling import runner
from signaling.app import build_app
from signaling.entry_tokens import LiveEntryTokens
from signaling.services import Services
from signaling.sessions import Sessions
from signaling.turn import turn_of

_SEAL_S: Final = 120.0  # after the last call the process waits this long for recordings to be sealed
_STORE_S: Final = 10.0  # and this long for them to be brought to the store; the next start goes on with the rest
_POLL_S: Final = 0.2

_log = log.get_logger("app")


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A node that is built and about to take contacts: what an opening (the demo) may use."""

    settings: Settings
    url: str
    accounts: AccountService
    rollout: RolloutService


class Opening(Protocol):
    """What `visavis demo` adds to `visavis serve`."""

    demo_shop: bool

    async def seed(self, node: Node) -> None:
        """Before the first contact is taken. May be run on a folder that was seeded before."""
        ...

    def announce(self, node: Node) -> None:
        """Contacts are taken from now on."""
        ...


def run(settings: Settings, opening: Opening | None = None) -> None:
    """Run a node until a signal ends it. Raises SetupError when it can't be started."""
    log.configure(json_lines=settings.log.json_lines, level=settings.log.level)
    uvloop.run(serve(with_canary(settings), opening))


async def serve(settings: Settings, opening: Opening | None = None) -> None:
    """The life of a node, from the first socket to the last."""
    signals = StopSignals()
    signals.listen()
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        stack.callback(signals.unlisten)
        listening = runner.listen(settings.http.host, settings.http.port)
        stack.callback(listening.close)
        port = runner.port_of(listening)
        data_dir = stack.enter_context(data_folder(settings.data_dir))
        clips = await asyncio.to_thread(ClipLibrary.load)
        check_voice(settings.acds)
        engine = await start_engine(settings.media, settings.voice, settings.log, clips)
        stack.push_async_callback(engine.aclose)
        node, health, desk, recordings, services = await _rooms(
            settings, clock, stack, data_dir=data_dir, engine=engine, clips=clips, port=port, opening=opening
        )
        web_runner = await runner.start(build_app(services, port=port), listening)
        stack.push_async_callback(web_runner.cleanup)
        stack.push_async_callback(desk.aclose)
        await asyncio.to_thread(_point_to, port, data_dir)
        stack.callback(runtime.forget, port)
        set_start_aside()
        health.started = True
        ports = ports_of(engine)
        _log.info("node.ready", url=node.url, media_port=ports[0], media_ports=ports, data_dir=str(data_dir))
        if opening is not None:
            opening.announce(node)
        await signals.drain.wait()
        desk.drain()
        _log.info("node.draining", contacts=desk.live_contacts)
        await _drained(settings, clock, signals, desk, recordings)
        _log.info("node.stopping", contacts=desk.live_contacts)


async def _drained(
    settings: Settings, clock: Clock, signals: StopSignals, desk: ContactDesk, recordings: RecordingService
) -> None:
    """Return when the last contact is closed and its recording sealed, the grace is over, or a second signal came."""
    deadline = clock.monotonic() + settings.http.drain_grace.total_seconds()
    while desk.live_contacts and clock.monotonic() < deadline and not signals.now.is_set():
        await _at_most(signals.now.wait(), _POLL_S)
    if not desk.live_contacts and not signals.now.is_set():
        sealed = asyncio.ensure_future(recordings.idle())
        stopped = asyncio.ensure_future(signals.now.wait())
        await asyncio.wait({sealed, stopped}, timeout=_SEAL_S, return_when=asyncio.FIRST_COMPLETED)
        for task in (sealed, stopped):
            task.cancel()
        await asyncio.gather(sealed, stopped, return_exceptions=True)


async def _at_most(waiting: Coroutine[Any, Any, Any], limit_s: float) -> None:
    """Wait for it, but no longer than this."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(limit_s):
            await waiting


def _point_to(port: int, data_dir: Path) -> None:
    try:
        runtime.point_to(port, data_dir)
    except OSError as error:  # only a convenience for `visavis canary`: it can be told where the token is
        _log.warning("node.no_pointer", reason=reason_of(error))


# ---------------------------------------------------------------- rooms


async def _rooms(
    settings: Settings,
    clock: Clock,
    stack: AsyncExitStack,
    *,
    data_dir: Path,
    engine: Engine,
    clips: ClipLibrary,
    port: int,
    opening: Opening | None,
) -> tuple[Node, NodeHealth, ContactDesk, RecordingService, Services]:
    """Stores, then services, then what signaling is built from; each pushes its own end."""
    background = Supervisor("app")
    live = open_live(settings.live)
    stack.push_async_callback(live.aclose)
    database = await open_database(settings.records, data_dir)
    stack.push_async_callback(database.aclose)
    journal = SqlJournal(database, clock, outbox_limit=settings.records.outbox_limit)
    journal.start()
    stack.push_async_callback(journal.aclose)
    chat = SqlChat(database, clock)
    chat.start()
    stack.push_async_callback(chat.aclose)

    accounts = AccountService(
        store=SqlAccounts(database),
        sessions=SessionStore(live, clock),
        limiter=RateLimiter(live, clock),
        passwords=Passwords(),
        clock=clock,
        session_settings=settings.sessions,
        limits=settings.limits,
        canary_digest=token_digest(await asyncio.to_thread(_secret, data_dir / runtime.CANARY_TOKEN_FILE)),
    )
    rollout = RolloutService(store=SqlPilots(database), sites=settings.sites, clock=clock)
    stack.push_async_callback(rollout.aclose)
    node = Node(settings=settings, url=public_url(settings, port), accounts=accounts, rollout=rollout)
    try:
        await rollout.start()
        if opening is not None:
            await opening.seed(node)
        for pilot in sorted({site.pilot for site in settings.sites if site.pilot}):
            await rollout.ensure_group(pilot, name=pilot)  # closed, until an admin opens it
    except PortFailure as error:
        raise SetupError("store_unavailable", f"The gateway can't start: {error.detail}") from error
    menus = await asyncio.to_thread(load_all_menus, settings, data_dir, clips.names)

    node_name = await asyncio.to_thread(_node_name, data_dir)
    registry = CollectorRegistry()
    own = BuiltinAcd(
        store=LiveQueueStore(live),
        clock=clock,
        node=node_name,
        agent_allowed=rollout.agent_allowed,
        queues=settings.queues,
        capacity=settings.capacity,
        figures=QueueGauges(registry),
        shared=not live.embedded,
    )
    rollout.on_change(lambda _group: own.reconsider())
    letters = SqlLetters(database)
    passes = PanelPasses(clock)
    acd_rooms = AcdRooms(
        settings=settings,
        clock=clock,
        node=node_name,
        media=engine,
        letters=letters,
        passes=passes,
        public_url=node.url,
        on_alarm=lambda *what: desk.alarm(*what),
        agents=accounts.agents,
    )
    foreign = {entry.name: adapter_for(entry, acd_rooms) for entry in settings.acds}
    task_acds = {name: each for name, each in foreign.items() if isinstance(each, TaskAcd)}
    acd = AcdRouter(
        {OWN: own, outside.NAME: outside.OutsideAcd(clock), **foreign},
        {queue.id: queue.acd for queue in settings.queues if queue.id != CANARY},
        default=OWN,
        clock=clock,
        on_alarm=acd_rooms.on_alarm,
    )
    sessions = Sessions(
        clock,
        grace_s=max(settings.contacts.customer_grace, settings.contacts.agent_grace).total_seconds(),
        outbox_limit=settings.limits.outbox_messages,
        limit=settings.http.max_connections,
    )

    def alarm(code: str, recording_id: RecordingId, contact_id: ContactId, detail: str) -> None:
        desk.alarm(code, f"{detail} ({recording_id})" if recording_id else detail, contact_id or None)

    audit = SqlAudit(database, clock)
    recording_rows = SqlRecordings(database)
    vault = await asyncio.to_thread(
        lambda: open_vault(
            settings=settings.recording,
            queues=settings.queues,
            data_dir=data_dir,
            records=SqlVault(database),
            rows=recording_rows,
            clock=clock,
            audit=audit.note,
            on_alarm=alarm,
        )
    )
    composer = Composer(vault, data_dir / "composing")
    recordings = RecordingService(
        media=engine,
        records=recording_rows,
        store=vault.spool.store,
        archive=vault,
        finaliser=Finaliser(
            jobs=settings.recording.finalisers, timeout_s=settings.recording.finalise_timeout.total_seconds()
        ),
        settings=settings.recording,
        clock=clock,
        on_alarm=alarm,
        audit=audit.note,
        queues=settings.queues,
        silence_s=settings.media.silence_timeout.total_seconds(),
    )
    crm = CrmService(
        settings=settings.crm,
        customers=SqlCustomers(database, {queue.id: queue.name for queue in settings.queues}),
        interactions=SqlInteractions(database),
        journal=journal,
        keys=await asyncio.to_thread(_customer_keys, settings, data_dir),
        webhook_secret=await asyncio.to_thread(webhook_secret, settings.crm.webhook),
        clock=clock,
        rng=random.Random(),
        alarm=lambda code, detail: desk.alarm(code, detail),
        chat=chat,
    )
    stack.push_async_callback(crm.aclose)
    gauges = ProcessGauges(registry, asyncio.get_running_loop(), lambda: desk.live_contacts, engine.counters)
    WorkerGauges(registry, lambda: processes_of(engine))
    reconciler = Reconciler(acd, clock, on_found=AcdGauges(registry).found, on_alarm=acd_rooms.on_alarm)
    RecordingGauges(registry, lambda: recordings.jobs)
    CrmGauges(registry, crm)
    FeedGauges(registry, acd_rooms.feed_figures)
    SipGauges(registry, acd_rooms.sip_figures)
    TaskGauges(registry, acd_rooms.task_figures)
    links = SqlLinks(database)
    places = Places(
        acd=own.callbacks,
        store=links,
        clock=clock,
        node=node_name,
        names={queue.id: queue.name for queue in settings.queues},
        address=partial(address_of, node.url),
        reminds=bool(settings.links.reminder.url),
        alarm=lambda code, detail: desk.alarm(code, detail),
    )
    own.on_callback(places.heard)
    desk: ContactDesk = ContactDesk(
        clock=clock,
        settings=settings.contacts,
        sites=settings.sites,
        queues=settings.queues,
        media=engine,
        acd=acd,
        recording=recordings,
        rollout=rollout,
        journal=JournalFigures(journal, registry),
        history=journal,
        notices=sessions,
        menus=menus,
        roster=AgentRoster(clock, settings.contacts.presence_grace),
        quality=QualityGauges(registry),
        lag_s=media_lag(engine, lambda: gauges.recent_lag_s),
        customers=crm,
        places=places,
        chat=chat,
    )
    health = NodeHealth()
    health.draining = lambda: desk.draining
    health.lag_s = lambda: gauges.lag_s
    health.degraded = lambda: not_up(engine)
    health.media_up = lambda: is_up(engine)
    if isinstance(engine, WorkerPool):
        engine.on_alarm = desk.alarm
    health.stores = {"live_store": live.check, "records": database.check}

    try:
        for adapter in (own, *foreign.values()):
            stack.push_async_callback(adapter.aclose)
            await adapter.start()
        stack.push_async_callback(places.aclose)
        await places.start()
        stack.push_async_callback(acd.aclose)
        stack.push_async_callback(reconciler.aclose)
        vault.start()
        stack.push_async_callback(vault.aclose)
        stack.push_async_callback(vault.intake.settled, _STORE_S)
        await composer.start()
        stack.push_async_callback(composer.aclose)
        recordings.start()
        stack.push_async_callback(recordings.aclose)
        await desk.start()
        await recordings.recover()
        crm.start()
    except PortFailure as error:
        raise SetupError("store_unavailable", f"The gateway can't start: {error.detail}") from error
    reminder = settings.links.reminder
    if reminder.url:
        webhook = ReminderWebhook(
            url=reminder.url,
            secret=reminder.secret.get_secret_value(),
            timeout_s=reminder.timeout.total_seconds(),
            clock=clock,
        )
        stack.push_async_callback(webhook.aclose)
        reminding = Reminding(store=links, port=webhook, clock=clock, alarm=desk.alarm)
        _ = background.spawn(reminding.run(), name="link-reminders")
    stack.push_async_callback(background.aclose)  # before what its tasks use
    _ = background.spawn(watch_lag(clock, gauges.lag), name="loop-lag")
    _ = background.spawn(trim_memory(clock), name="trim-memory")

    services = Services(
        settings=settings,
        clock=clock,
        desk=desk,
        sessions=sessions,
        accounts=AccountsForSignaling(accounts),
        entry_tokens=LiveEntryTokens(TokenStore(live, clock), ttl=settings.sessions.entry_token),
        admission=AdmissionForSignaling(desk),
        limiter=RateLimiter(live, clock),
        history=HistoryForSignaling(journal, recording_rows.by_contacts, accounts, clock, chat),
        recordings=RecordingsForSignaling(recordings, vault, journal, audit.note, composer, accounts),
        pilots=PilotsForSignaling(rollout),
        links=LinksForSignaling(
            Links(
                links,
                clock,
                settings.links.lasts,
                reminded_before=settings.links.reminder.before if settings.links.reminder.url else None,
            ),
            places,
            node.url,
            [site.id for site in settings.sites if site.id not in ROBOTS],
            [queue.id for queue in settings.queues if queue.id not in {*ROBOTS, outside.QUEUE}],
            clock,
        ),
        customers=CustomersForSignaling(crm, settings, vault, recording_rows.by_contacts, audit.note, clock),
        task_acds=TasksForSignaling(task_acds, letters, audit.note),
        panel_claims=PanelsForSignaling(
            passes,
            AccountsForSignaling(accounts).agents,
            desk.contact_of,
            audit.note,
            comes=coming_from(task_acds, desk.caught_up),
        ),
        health=health,
        disagreements=DisagreementsForSignaling(reconciler),
        registry=registry,
        recording_notice=told_before(
            settings.recording, [queue for queue in settings.queues if queue.id not in ROBOTS]
        ),
        turn=await asyncio.to_thread(turn_of, settings.media),
        web_root=stack.enter_context(as_file(web.folder())),
        pages=web.PAGES,
        static=web.STATIC,
        demo_shop=opening is not None and opening.demo_shop,
    )
    return node, health, desk, recordings, services


def public_url(settings: Settings, port: int) -> str:
    """What people type. Without a setting: the address we listen on, as far as this machine can say."""
    if settings.http.public_url:
        return settings.http.public_url.rstrip("/")
    host = settings.http.host
    if host in ("", "0.0.0.0", "::"):  # noqa: S104 - recognised, not bound
        host = "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _secret(path: Path) -> str:
    """The secret in that file; a new one on the first start."""
    return _kept(path, new_token)


def _customer_keys(settings: Settings, data_dir: Path) -> KeyMaker:
    """How customers are known here. Nodes with one database have one secret: then it is in the settings."""
    secret = settings.crm.key_secret.get_secret_value() or _secret(data_dir / "crm.key")
    return KeyMaker(secret, browsers=settings.crm.recognise_browsers)


def _node_name(data_dir: Path) -> str:
    """This node's name in the live state, the same after a restart: so it finds what it left behind there."""
    return _kept(data_dir / "node.id", lambda: new_id("nd"))


def _kept(path: Path, make: Callable[[], str]) -> str:
    try:
        if path.exists():
            kept = path.read_text(encoding="utf-8").strip()
            if kept:
                return kept
        made = make()
        runtime.write_private(path, made + "\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = reason_of(error) if isinstance(error, OSError) else "not text"
        raise SetupError("data_dir", f"{path} can't be read or written: {reason}.") from error
    return made
