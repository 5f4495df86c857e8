"""A whole signaling node on loopback over fakes."""

import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from gateway.acd.passes import PanelPasses
from gateway.base.clock import Clock, SystemClock
from gateway.config import HttpSettings, LimitSettings, Settings, SiteSettings, TokenSettings
from gateway.parties import Entry
from gateway.wiring.panels import PanelsForSignaling
from signaling.app import build_app
from signaling.ports import TaskAcds
from signaling.runner import listen, port_of, start
from signaling.services import Services
from signaling.sessions import Sessions
from signaling.socket import SocketTimes
from signaling.turn import NO_TURN, Turn
from tests.support import identity_tokens
from tests.support.fake_accounts import FakeAccounts, FakeAdmission, FakeEntryTokens, FakeLimiter, FakeLinks
from tests.support.fake_desk import FakeDesk
from tests.support.fake_history import FakeCustomers, FakeHistory, FakeRecordings
from tests.support.fake_operations import FakeDisagreements, FakeHealth, FakePilots, FakeTaskAcds

API_TOKEN = "a-token-of-the-crm"

PAGES = {
    "/": "pages/shop/index.html",
    "/agent/": "pages/agent/index.html",
    "/agent/embed/": "pages/embed/index.html",
    "/widget/": "pages/widget/index.html",
    "/widget.js": "pages/widget/widget.js",
}


@dataclass
class Node:
    """A running node and everything a test may want to turn."""

    url: str
    services: Services
    runner: web.AppRunner
    desk: FakeDesk
    sessions: Sessions
    accounts: FakeAccounts
    entry_tokens: FakeEntryTokens
    admission: FakeAdmission
    limiter: FakeLimiter
    history: FakeHistory
    recordings: FakeRecordings
    pilots: FakePilots
    links: FakeLinks
    customers: FakeCustomers
    task_acds: "FakeTaskAcds"
    passes: PanelPasses
    audited: list[tuple[str, str, str, Mapping[str, object]]]
    health: FakeHealth
    disagreements: FakeDisagreements

    async def entry_token(self) -> str:
        return await self.entry_tokens.issue(Entry(site="shop", visitor_key="visitor-1", language="en"))

    def signed_in(self, name: str) -> str:
        """A session cookie of this person."""
        return self.accounts._sign(self.accounts.people[name]).token


def write_pages(folder: Path) -> Path:
    """A small web folder."""
    for file, text in {
        "pages/shop/index.html": "<!doctype html><title>Shop</title>",
        "pages/agent/index.html": "<!doctype html><title>Agent</title>",
        "pages/embed/index.html": "<!doctype html><title>Call</title>",
        "pages/widget/index.html": "<!doctype html><title>Widget</title>",
        "pages/widget/widget.js": "customElements;",
        "static/lib/session.js": "export {};",
        "static/lib/.hidden.js": "no",
        "static/notes.md": "no",
        "secret.js": "no",
    }.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(text)
    (folder / "static/linked.js").symlink_to(folder / "secret.js")
    return folder


@asynccontextmanager
async def node(
    folder: Path,
    *,
    clock: Clock | None = None,
    http: Mapping[str, object] | None = None,
    limits: Mapping[str, object] | None = None,
    demo_shop: bool = True,
    grace_s: float = 60.0,
    times: SocketTimes | None = None,
    turn: Turn = NO_TURN,
    task_acds: TaskAcds | None = None,
    acds: Sequence[Mapping[str, object]] = (),
) -> AsyncIterator[Node]:
    """A node on a port of the system's choice, closed at the end."""
    clock = clock or SystemClock()
    settings = Settings(
        data_dir=folder,
        acds=acds,  # type: ignore[arg-type]
        http=HttpSettings.model_validate({"port": 0, **(http or {})}),
        limits=LimitSettings.model_validate(limits or {}),
        sites=(
            SiteSettings(
                id="shop",
                name="The Shop",
                origins=("https://shop.example",),
                identity_secret=SecretStr(identity_tokens.SECRET),
            ),
            SiteSettings(id="plain", name="No identities here"),
        ),
        api_tokens=(
            TokenSettings(
                name="crm",
                sha256=hashlib.sha256(API_TOKEN.encode()).hexdigest(),
                scopes=("recording.control", "links.create"),
            ),
        ),
    )
    sessions = Sessions(clock, grace_s=grace_s, outbox_limit=settings.limits.outbox_messages, limit=1000)
    desk, accounts, tokens = FakeDesk(), FakeAccounts(), FakeEntryTokens()
    admission, limiter, history = FakeAdmission(), FakeLimiter(), FakeHistory()
    recordings, pilots, health = FakeRecordings(), FakePilots(), FakeHealth()
    disagreements = FakeDisagreements()
    customers = FakeCustomers()
    links = FakeLinks()
    fake_task_acds = FakeTaskAcds()
    passes = PanelPasses(clock)
    audited: list[tuple[str, str, str, Mapping[str, object]]] = []

    async def audit(actor: str, action: str, subject: str, data: Mapping[str, object]) -> None:
        audited.append((actor, action, subject, data))

    services = Services(
        settings=settings,
        clock=clock,
        desk=desk,
        sessions=sessions,
        accounts=accounts,
        entry_tokens=tokens,
        admission=admission,
        limiter=limiter,
        history=history,
        recordings=recordings,
        pilots=pilots,
        links=links,
        customers=customers,
        task_acds=task_acds or fake_task_acds,
        panel_claims=PanelsForSignaling(passes, accounts.agents, desk.contact_of, audit),
        health=health,
        disagreements=disagreements,
        registry=CollectorRegistry(),
        web_root=write_pages(folder / "web"),
        pages=PAGES,
        demo_shop=demo_shop,
        times=times or SocketTimes(),
        turn=turn,
    )
    listening = listen("127.0.0.1", 0)
    port = port_of(listening)
    runner = await start(build_app(services, port=port), listening, shutdown_s=1.0)
    try:
        yield Node(
            url=f"http://127.0.0.1:{port}",
            services=services,
            runner=runner,
            desk=desk,
            sessions=sessions,
            accounts=accounts,
            entry_tokens=tokens,
            admission=admission,
            limiter=limiter,
            history=history,
            recordings=recordings,
            pilots=pilots,
            links=links,
            customers=customers,
            task_acds=fake_task_acds,
            passes=passes,
            audited=audited,
            health=health,
            disagreements=disagreements,
        )
    finally:
        await runner.cleanup()
