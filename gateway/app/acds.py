"""Every ACD of a node: our own, the operator's, the one outside that sends links; and the router before them."""

from collections.abc import Mapping
from dataclasses import dataclass

from prometheus_client import CollectorRegistry

from gateway.accounts.service import AccountService
from gateway.acd import outside
from gateway.acd.builtin.acd import BuiltinAcd
from gateway.acd.passes import PanelPasses
from gateway.acd.reconciler import Reconciler
from gateway.acd.router import AcdRouter
from gateway.acd.tasks.ports import LetterStore
from gateway.app.alarms import Alarms
from gateway.app.stores import Stores
from gateway.base.clock import Clock
from gateway.builtin import CANARY
from gateway.config import Settings
from gateway.config.acd import OWN
from gateway.engines import Engine
from gateway.live.queues import LiveQueueStore
from gateway.metrics.acd import AcdGauges
from gateway.metrics.feeds import FeedGauges
from gateway.metrics.queues import QueueGauges
from gateway.metrics.sip import SipGauges
from gateway.metrics.tasks import TaskGauges
from gateway.records.task_letters import SqlLetters
from gateway.rollout.service import RolloutService
from gateway.wiring.acds import AcdRooms, RunningAcd, adapter_for


@dataclass(frozen=True, slots=True, kw_only=True)
class Acds:
    """Built, not yet started."""

    own: BuiltinAcd
    foreign: Mapping[str, RunningAcd]  # by the name of its entry in the settings
    router: AcdRouter
    reconciler: Reconciler
    letters: LetterStore
    passes: PanelPasses


def build_acds(
    settings: Settings,
    clock: Clock,
    stores: Stores,
    registry: CollectorRegistry,
    *,
    engine: Engine,
    accounts: AccountService,
    rollout: RolloutService,
    node_name: str,
    url: str,
    alarms: Alarms,
) -> Acds:
    """SetupError when the settings of one can't work."""
    own = BuiltinAcd(
        store=LiveQueueStore(stores.live),
        clock=clock,
        node=node_name,
        agent_allowed=rollout.agent_allowed,
        queues=settings.queues,
        capacity=settings.capacity,
        figures=QueueGauges(registry),
        shared=not stores.live.embedded,
    )
    rollout.on_change(lambda _group: own.reconsider())
    rooms = AcdRooms(
        settings=settings,
        clock=clock,
        node=node_name,
        media=engine,
        letters=SqlLetters(stores.database),
        passes=PanelPasses(clock),
        public_url=url,
        on_alarm=alarms.tell,
        agents=accounts.agents,
    )
    foreign = {entry.name: adapter_for(entry, rooms) for entry in settings.acds}
    router = AcdRouter(
        {OWN: own, outside.NAME: outside.OutsideAcd(clock), **foreign},
        {queue.id: queue.acd for queue in settings.queues if queue.id != CANARY},
        default=OWN,
        clock=clock,
        on_alarm=alarms.tell,
    )
    FeedGauges(registry, rooms.feed_figures)
    SipGauges(registry, rooms.sip_figures)
    TaskGauges(registry, rooms.task_figures)
    return Acds(
        own=own,
        foreign=foreign,
        router=router,
        reconciler=Reconciler(router, clock, on_found=AcdGauges(registry).found, on_alarm=alarms.tell),
        letters=rooms.letters,
        passes=rooms.passes,
    )
