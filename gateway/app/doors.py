"""What signaling gets of a node: each of its ports, over the rooms."""

import asyncio
from contextlib import AsyncExitStack
from importlib.resources import as_file

import web
from gateway.acd.tasks.adapter import TaskAcd
from gateway.app.rooms import Rooms
from gateway.builtin import ROBOTS, UNLISTED
from gateway.links.service import Links
from gateway.live.rates import RateLimiter
from gateway.live.tokens import TokenStore
from gateway.recordings.policy import told_before
from gateway.wiring.accounts import AccountsForSignaling
from gateway.wiring.admission import AdmissionForSignaling
from gateway.wiring.crm import CustomersForSignaling
from gateway.wiring.disagreements import DisagreementsForSignaling
from gateway.wiring.history import HistoryForSignaling
from gateway.wiring.links import LinksForSignaling
from gateway.wiring.panels import PanelsForSignaling
from gateway.wiring.pilots import PilotsForSignaling
from gateway.wiring.recordings import RecordingsForSignaling
from gateway.wiring.tasks import TasksForSignaling, coming_from
from signaling.entry_tokens import LiveEntryTokens
from signaling.services import Services
from signaling.turn import turn_of


async def services_of(rooms: Rooms, stack: AsyncExitStack, *, demo_shop: bool) -> Services:
    """The folder of the pages is held by the stack. SetupError for a TURN secret that can't be read."""
    settings, clock, desk, stores, acds = rooms.settings, rooms.clock, rooms.desk, rooms.stores, rooms.acds
    accounts, recording, audit = rooms.node.accounts, rooms.recording, rooms.recording.audit.note
    task_acds = {name: each for name, each in acds.foreign.items() if isinstance(each, TaskAcd)}
    return Services(
        settings=settings,
        clock=clock,
        desk=desk,
        sessions=rooms.sessions,
        accounts=AccountsForSignaling(accounts),
        entry_tokens=LiveEntryTokens(TokenStore(stores.live, clock), ttl=settings.sessions.entry_token),
        admission=AdmissionForSignaling(desk),
        limiter=RateLimiter(stores.live, clock),
        history=HistoryForSignaling(stores.journal, recording.rows.by_contacts, accounts, clock, stores.chat),
        recordings=RecordingsForSignaling(
            recording.service, recording.vault, stores.journal, audit, recording.composer, accounts
        ),
        pilots=PilotsForSignaling(rooms.node.rollout),
        links=LinksForSignaling(
            Links(
                rooms.links,
                clock,
                settings.links.lasts,
                reminded_before=settings.links.reminder.before if settings.links.reminder.url else None,
            ),
            rooms.places,
            rooms.node.url,
            [site.id for site in settings.sites if site.id not in ROBOTS],
            [queue.id for queue in settings.queues if queue.id not in UNLISTED],
            clock,
        ),
        customers=CustomersForSignaling(rooms.crm, settings, recording.vault, recording.rows.by_contacts, audit, clock),
        task_acds=TasksForSignaling(task_acds, acds.letters, audit),
        panel_claims=PanelsForSignaling(
            acds.passes,
            AccountsForSignaling(accounts).agents,
            desk.contact_of,
            audit,
            comes=coming_from(task_acds, desk.caught_up),
        ),
        health=rooms.health,
        disagreements=DisagreementsForSignaling(acds.reconciler),
        registry=rooms.registry,
        recording_notice=told_before(
            settings.recording, [queue for queue in settings.queues if queue.id not in ROBOTS]
        ),
        turn=await asyncio.to_thread(turn_of, settings.media),
        web_root=stack.enter_context(as_file(web.folder())),
        pages=web.PAGES,
        static=web.STATIC,
        demo_shop=demo_shop,
    )
