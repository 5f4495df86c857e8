"""The rooms of a node: stores, then services, then the desk over them all; and the order in which they start."""

import asyncio
import random
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry

from gateway import runtime
from gateway.accounts.passwords import Passwords
from gateway.accounts.service import AccountService, token_digest
from gateway.agents.roster import AgentRoster
from gateway.app.acds import Acds, build_acds
from gateway.app.alarms import Alarms
from gateway.app.kept import customer_keys, node_name, secret
from gateway.app.node import Node, Opening, public_url
from gateway.app.recording import Recording, build_recording
from gateway.app.stores import Stores, open_stores
from gateway.base.clock import Clock
from gateway.base.errors import PortFailure, SetupError
from gateway.base.tasks import Supervisor
from gateway.base.upkeep import trim_memory, watch_lag
from gateway.builtin import ROBOTS, UNLISTED, load_all_menus
from gateway.config import Settings
from gateway.contacts.desk import ContactDesk
from gateway.crm.service import CrmService
from gateway.engines import Engine, is_up, media_lag, not_up, processes_of
from gateway.links.places import Places
from gateway.links.reminding import Reminding
from gateway.links.webhook import ReminderWebhook
from gateway.live.rates import RateLimiter
from gateway.live.sessions import SessionStore
from gateway.metrics.crm import CrmGauges
from gateway.metrics.journal import JournalFigures
from gateway.metrics.process import ProcessGauges
from gateway.metrics.quality import QualityGauges
from gateway.metrics.workers import WorkerGauges
from gateway.records.accounts import SqlAccounts
from gateway.records.customers import SqlCustomers
from gateway.records.interactions import SqlInteractions
from gateway.records.links import SqlLinks
from gateway.records.pilots import SqlPilots
from gateway.rollout.service import RolloutService
from gateway.wiring.crm import webhook_secret
from gateway.wiring.health import NodeHealth
from gateway.wiring.links import address_of
from media.player.library import ClipLibrary
from media.workers.pool import WorkerPool
from signaling.sessions import Sessions

_STORE_S: Final = 10.0  # recordings have this long to be brought to the store; the next start goes on with the rest


@dataclass(frozen=True, slots=True, kw_only=True)
class Rooms:
    """Everything of a node but its doors."""

    settings: Settings
    clock: Clock
    node: Node
    stores: Stores
    acds: Acds
    recording: Recording
    crm: CrmService
    links: SqlLinks
    places: Places
    sessions: Sessions
    desk: ContactDesk
    health: NodeHealth
    gauges: ProcessGauges
    registry: CollectorRegistry


async def build(
    settings: Settings,
    clock: Clock,
    stack: AsyncExitStack,
    *,
    data_dir: Path,
    engine: Engine,
    clips: ClipLibrary,
    port: int,
    opening: Opening | None,
) -> Rooms:
    """Not yet started but for the stores, which have an end each on the stack. SetupError for what can't be built."""
    stores = await open_stores(settings, clock, stack, data_dir)
    node = await _people(settings, clock, stack, stores, data_dir=data_dir, port=port, opening=opening)
    menus = await asyncio.to_thread(load_all_menus, settings, data_dir, clips.names)
    name = await asyncio.to_thread(node_name, data_dir)
    registry = CollectorRegistry()
    alarms = Alarms()
    acds = build_acds(
        settings,
        clock,
        stores,
        registry,
        engine=engine,
        accounts=node.accounts,
        rollout=node.rollout,
        node_name=name,
        url=node.url,
        alarms=alarms,
    )
    sessions = Sessions(
        clock,
        grace_s=max(settings.contacts.customer_grace, settings.contacts.agent_grace).total_seconds(),
        outbox_limit=settings.limits.outbox_messages,
        limit=settings.http.max_connections,
    )
    recording = await build_recording(
        settings, clock, stores, registry, engine=engine, data_dir=data_dir, alarms=alarms
    )
    crm = CrmService(
        settings=settings.crm,
        customers=SqlCustomers(stores.database, {queue.id: queue.name for queue in settings.queues}),
        interactions=SqlInteractions(stores.database),
        journal=stores.journal,
        keys=await asyncio.to_thread(customer_keys, settings, data_dir),
        webhook_secret=await asyncio.to_thread(webhook_secret, settings.crm.webhook),
        clock=clock,
        rng=random.Random(),
        alarm=alarms.tell,
        chat=stores.chat,
    )
    stack.push_async_callback(crm.aclose)
    CrmGauges(registry, crm)
    links = SqlLinks(stores.database)
    places = Places(
        acd=acds.own.callbacks,
        store=links,
        clock=clock,
        node=name,
        names={queue.id: queue.name for queue in settings.queues},
        address=partial(address_of, node.url),
        reminds=bool(settings.links.reminder.url),
        alarm=alarms.tell,
    )
    acds.own.on_callback(places.heard)
    gauges = ProcessGauges(registry, asyncio.get_running_loop(), lambda: desk.live_contacts, engine.counters)
    WorkerGauges(registry, lambda: processes_of(engine))
    desk: ContactDesk = ContactDesk(
        clock=clock,
        node=name,
        settings=settings.contacts,
        sites=settings.sites,
        queues=settings.queues,
        media=engine,
        acd=acds.router,
        recording=recording.service,
        rollout=node.rollout,
        journal=JournalFigures(stores.journal, registry),
        history=stores.journal,
        notices=sessions,
        menus=menus,
        roster=AgentRoster(clock, settings.contacts.presence_grace),
        quality=QualityGauges(registry),
        lag_s=media_lag(engine, lambda: gauges.recent_lag_s),
        customers=crm,
        places=places,
        chat=stores.chat,
        unlisted=UNLISTED,
        robots=ROBOTS,
    )
    alarms.desk = desk
    if isinstance(engine, WorkerPool):
        engine.on_alarm = desk.alarm
    health = NodeHealth()
    health.draining = lambda: desk.draining
    health.lag_s = lambda: gauges.lag_s
    health.degraded = lambda: not_up(engine)
    health.media_up = lambda: is_up(engine)
    health.stores = {"live_store": stores.live.check, "records": stores.database.check}
    return Rooms(
        settings=settings,
        clock=clock,
        node=node,
        stores=stores,
        acds=acds,
        recording=recording,
        crm=crm,
        links=links,
        places=places,
        sessions=sessions,
        desk=desk,
        health=health,
        gauges=gauges,
        registry=registry,
    )


async def _people(
    settings: Settings,
    clock: Clock,
    stack: AsyncExitStack,
    stores: Stores,
    *,
    data_dir: Path,
    port: int,
    opening: Opening | None,
) -> Node:
    """Who works here, and to whom the channel is open."""
    accounts = AccountService(
        store=SqlAccounts(stores.database),
        sessions=SessionStore(stores.live, clock),
        limiter=RateLimiter(stores.live, clock),
        passwords=Passwords(),
        clock=clock,
        session_settings=settings.sessions,
        limits=settings.limits,
        canary_digest=token_digest(await asyncio.to_thread(secret, data_dir / runtime.CANARY_TOKEN_FILE)),
    )
    rollout = RolloutService(store=SqlPilots(stores.database), sites=settings.sites, clock=clock)
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
    return node


async def start(rooms: Rooms, stack: AsyncExitStack) -> None:
    """Bottom up; each pushes its own end. SetupError when a store is away."""
    clock, desk, acds, recording = rooms.clock, rooms.desk, rooms.acds, rooms.recording
    background = Supervisor("app")
    try:
        for adapter in (acds.own, *acds.foreign.values()):
            stack.push_async_callback(adapter.aclose)
            await adapter.start()
        stack.push_async_callback(rooms.places.aclose)
        await rooms.places.start()
        stack.push_async_callback(acds.router.aclose)
        stack.push_async_callback(acds.reconciler.aclose)
        recording.vault.start()
        stack.push_async_callback(recording.vault.aclose)
        stack.push_async_callback(recording.vault.intake.settled, _STORE_S)
        await recording.composer.start()
        stack.push_async_callback(recording.composer.aclose)
        recording.service.start()
        stack.push_async_callback(recording.service.aclose)
        await desk.start()
        await recording.service.recover(desk.owns)
        rooms.crm.start()
    except PortFailure as error:
        raise SetupError("store_unavailable", f"The gateway can't start: {error.detail}") from error
    reminder = rooms.settings.links.reminder
    if reminder.url:
        webhook = ReminderWebhook(
            url=reminder.url,
            secret=reminder.secret.get_secret_value(),
            timeout_s=reminder.timeout.total_seconds(),
            clock=clock,
        )
        stack.push_async_callback(webhook.aclose)
        reminding = Reminding(store=rooms.links, port=webhook, clock=clock, alarm=desk.alarm)
        _ = background.spawn(reminding.run(), name="link-reminders")
    stack.push_async_callback(background.aclose)  # before what its tasks use
    _ = background.spawn(watch_lag(clock, rooms.gauges.lag), name="loop-lag")
    _ = background.spawn(trim_memory(clock), name="trim-memory")
