"""What the routes share: the ports they use and what was made of the settings. Passed in, never looked up globally."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from aiohttp import web
from prometheus_client import CollectorRegistry

from gateway.base.clock import Clock
from gateway.config import Settings
from gateway.parties import Desk
from signaling.address import Network, trusted_networks
from signaling.metrics import SignalingMetrics
from signaling.open_sockets import OpenSockets
from signaling.openings import Openings
from signaling.origins import Origins
from signaling.ports import (
    Accounts,
    Admission,
    Customers,
    Disagreements,
    EntryTokens,
    Health,
    History,
    Limiter,
    Links,
    PanelClaims,
    Pilots,
    Recordings,
    TaskAcds,
)
from signaling.sessions import Sessions
from signaling.socket import SocketTimes
from signaling.turn import NO_TURN, Turn


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Everything signaling is built from. `sessions` is made before the Desk, which tells its notices through it."""

    settings: Settings
    clock: Clock
    desk: Desk
    sessions: Sessions
    accounts: Accounts
    entry_tokens: EntryTokens
    admission: Admission
    limiter: Limiter
    history: History
    recordings: Recordings
    pilots: Pilots
    customers: Customers
    task_acds: TaskAcds
    panel_claims: PanelClaims
    links: Links
    health: Health
    disagreements: Disagreements
    registry: CollectorRegistry
    web_root: Path
    pages: Mapping[str, str]  # address → file below `web_root`
    recording_notice: str = "notice"  # what a page says of recording before the queue is known: off, notice, ask
    static: str = "static"  # folder below `web_root` served at /static/
    turn: Turn = NO_TURN
    demo_shop: bool = False  # serve the page at `/`
    times: SocketTimes = field(default_factory=SocketTimes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What `build_app` derives once: ours and nobody else's."""

    services: Services
    origins: Origins
    metrics: SignalingMetrics
    sockets: OpenSockets
    openings: Openings
    proxies: tuple[Network, ...] = field(default=())


CONTEXT: Final = web.AppKey("context", Context)


def context_of(request: web.Request) -> Context:
    return request.config_dict[CONTEXT]


def make_context(services: Services, origins: Origins) -> Context:
    return Context(
        services=services,
        origins=origins,
        metrics=SignalingMetrics(services.registry),
        sockets=OpenSockets(limit=services.settings.http.max_connections),
        openings=Openings(services.clock),
        proxies=trusted_networks(services.settings.http.trusted_proxies),
    )
