"""A whole signaling node on loopback over fakes, and browsers to talk to it."""

import asyncio
import hashlib
import json
import secrets
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import aiohttp
from aiohttp import web
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from gateway.acd.passes import PanelPasses
from gateway.base.clock import Clock, SystemClock
from gateway.base.errors import GatewayError, NotAuthorised, NotFound, NotSignedIn, PortFailure, StateConflict
from gateway.base.ids import AccountId, AgentId, ContactId
from gateway.config import HttpSettings, LimitSettings, Settings, SiteSettings, TokenSettings
from gateway.live.rates import Decision, Rate
from gateway.parties import Entry, Invitation, KeptPlace
from gateway.wiring_tasks import PanelsForSignaling
from signaling.app import build_app
from signaling.ports import (
    Account,
    ContactFile,
    ContactFilter,
    ContactPage,
    CustomerPage,
    LinkPlan,
    PilotChange,
    RecordingsFilter,
    RecordingsPage,
    SignedIn,
    TaskAcds,
    TimelinePage,
)
from signaling.runner import listen, port_of, start
from signaling.services import Services
from signaling.sessions import Sessions
from signaling.socket import SUBPROTOCOL, SocketTimes
from signaling.turn import NO_TURN, Turn
from tests.support import identity_tokens
from tests.support.fake_desk import FakeDesk

CANARY = "canary-token-for-tests"
API_TOKEN = "a-token-of-the-crm"
OURS = ContactId("ct_00000001")  # a person's contact
ROBOTS = ContactId("ct_00000002")
CUSTOMER = "cu_00000001"
RECORDING = "rc_00000001"
ROBOT_RECORDING = "rc_00000002"
PAGES = {
    "/": "pages/shop/index.html",
    "/agent/": "pages/agent/index.html",
    "/agent/embed/": "pages/embed/index.html",
    "/widget/": "pages/widget/index.html",
    "/widget.js": "pages/widget/widget.js",
}


def account(name: str, *roles: str, canary: bool = False) -> Account:
    agent = "agent" in roles
    return Account(
        account_id=AccountId(f"ac_{name}00000000"),
        name=name,
        display_name=name.title(),
        roles=frozenset(roles),
        agent_id=AgentId(f"ag_{name}00000000") if agent else None,
        queues=("sales",) if agent else (),
        canary=canary,
    )


def own(here: "Node", cookie: str = "", **more: str) -> dict[str, str]:
    """The headers a page of ours sends."""
    headers = {"Origin": here.url, "X-Visavis": "1", **more}
    if cookie:
        headers["Cookie"] = f"visavis_session={cookie}"
    return headers


async def said(answer: aiohttp.ClientResponse) -> tuple[int, str]:
    """Status and code of a refusal."""
    body: dict[str, Any] = await answer.json(content_type="application/problem+json")
    assert set(body) == {"type", "title", "status", "code", "detail"}
    assert body["status"] == answer.status
    return answer.status, body["code"]


async def eventually(fact: Callable[[], bool], *, within_s: float = 5.0) -> None:
    """Give way until `fact` holds; TimeoutError when it does not in time."""
    async with asyncio.timeout(within_s):
        while not fact():  # noqa: ASYNC110 - what is waited for belongs to others and has no event
            await asyncio.sleep(0.002)


@dataclass
class FakeAccounts:
    """Everybody's password is their name. `signed` maps tokens to accounts."""

    people: dict[str, Account] = field(
        default_factory=lambda: {
            a.name: a
            for a in (
                account("ann", "agent"),
                account("bob", "agent"),
                account("root", "admin"),
                account("vera", "supervisor"),
            )
        }
    )
    signed: dict[str, Account] = field(default_factory=dict)
    asked_in_call: list[bool] = field(default_factory=list)
    links: dict[str, str] = field(default_factory=dict)
    fail: GatewayError | None = None

    def _sign(self, who: Account) -> SignedIn:
        token = secrets.token_urlsafe(24)
        self.signed[token] = who
        return SignedIn(token=token, account=who)

    async def sign_in(self, name: str, password: str, *, address: str) -> SignedIn:
        if name not in self.people or password != name:
            raise NotSignedIn("sign_in_failed", "Wrong name or password.")
        return self._sign(self.people[name])

    async def sign_in_by_link(self, link_token: str, *, address: str) -> SignedIn:
        name = self.links.pop(link_token, None)
        if name is None:
            raise NotSignedIn("sign_in_failed", "This link was used or is too old.")
        return self._sign(self.people[name])

    async def signed_in(self, token: str, *, in_call: bool = False) -> Account:
        self.asked_in_call.append(in_call)
        if self.fail is not None:
            raise self.fail
        if token not in self.signed:
            raise NotSignedIn("not_signed_in", "Sign in first.")
        return self.signed[token]

    async def sign_out(self, token: str) -> None:
        self.signed.pop(token, None)

    async def canary_seat(self, canary_token: str, seat: int) -> SignedIn:
        if canary_token != CANARY:
            raise NotSignedIn("canary_refused", "This is not the canary's token.")
        return self._sign(account(f"canary-{seat}", "agent", canary=True))

    async def is_canary(self, canary_token: str) -> bool:
        return canary_token == CANARY

    async def agents(self) -> Sequence[Account]:
        return [who for who in self.people.values() if who.agent_id is not None]

    async def change_agent(
        self,
        agent_id: AgentId,
        *,
        queues: Sequence[str],
        skills: Mapping[str, int],
        languages: Sequence[str],
        by: str,
    ) -> Account:
        name = next((name for name, who in self.people.items() if who.agent_id == agent_id), None)
        if name is None:
            raise NotFound("no_such_agent", "There is no such agent.")
        changed = replace(self.people[name], queues=tuple(queues), skills=dict(skills), languages=tuple(languages))
        self.people[name] = changed
        return changed


@dataclass
class FakeEntryTokens:
    entries: dict[str, Entry] = field(default_factory=dict)

    async def issue(self, entry: Entry) -> str:
        token = secrets.token_urlsafe(24)
        self.entries[token] = entry
        return token

    async def redeem(self, token: str) -> Entry:
        if token not in self.entries:
            raise NotSignedIn("entry_token_invalid", "This entry is used or too old. Start again.")
        return self.entries.pop(token)


@dataclass
class FakeLinks:
    """One link, `good`, with the PIN 123456; `made` holds what was asked for."""

    made: list[tuple[str, str, bool]] = field(default_factory=list)
    planned: list[LinkPlan] = field(default_factory=list)
    revoked: list[tuple[str, str]] = field(default_factory=list)
    opened: int = 0
    given_up: int = 0
    kept: KeptPlace | None = None

    async def make(self, agent_id: str, agent_name: str, site: str, *, with_pin: bool) -> Mapping[str, object]:
        self.made.append((agent_id, site, with_pin))
        return {"link_id": "lk_first0000", "url": "https://video.example/widget/#link=good", "pin": "123456", "qr": ""}

    async def schedule(self, plan: LinkPlan) -> Mapping[str, object]:
        self.planned.append(plan)
        return {"link_id": "lk_first0000", "url": "https://video.example/widget/#link=good", "pin": None, "qr": ""}

    async def calendar(self, link_id: str, token: str, language: str) -> bytes:
        await self.look(token)
        return f"{link_id} {language}".encode()

    async def of_agent(self, agent_id: str) -> Sequence[Mapping[str, object]]:
        return [{"link_id": "lk_first0000"}]

    async def revoke(self, made_by: str, link_id: str) -> None:
        self.revoked.append((made_by, link_id))

    async def look(self, token: str) -> Mapping[str, object]:
        if token != "good":
            raise NotFound("link_unknown", "There is no such link.")
        return {"site": "shop", "agent_name": "Ann", "needs_pin": True}

    async def place(self, token: str) -> Mapping[str, object]:
        await self.look(token)
        return {"state": "kept", "place": 2}

    async def give_up_place(self, token: str) -> None:
        await self.look(token)
        self.given_up += 1

    async def open(self, token: str, pin: str) -> Invitation:
        await self.look(token)
        if pin != "123456":
            raise NotAuthorised("pin_wrong", "The PIN is not right.")
        self.opened += 1
        return Invitation(
            link_id="lk_first0000", site="shop", agent_id=AgentId("ag_ann00000000"), queue="by-link", place=self.kept
        )


@dataclass
class FakeAdmission:
    refusal: GatewayError | None = None

    async def check(self, site: str, visitor_key: str, *, canary: bool, invited: bool = False) -> None:
        if self.refusal is not None:
            raise self.refusal


@dataclass
class FakeLimiter:
    """Allows `rate.times` for ever: time never passes."""

    spent: dict[tuple[str, str], int] = field(default_factory=dict)

    async def spend(self, what: str, who: str, rate: Rate) -> Decision:
        count = self.spent[what, who] = self.spent.get((what, who), 0) + 1
        return Decision(count <= rate.times, 7.0)


@dataclass
class FakeHistory:
    files: dict[ContactId, ContactFile] = field(default_factory=dict)

    async def contacts(self, wanted: ContactFilter) -> ContactPage:
        rows = [file.body for file in self.files.values()]
        return ContactPage(contacts=rows[: wanted.limit], next_before=None)

    async def contact(self, contact_id: ContactId) -> ContactFile | None:
        return self.files.get(contact_id)


@dataclass(frozen=True)
class Film:
    """A file of a recording, in memory. `broken_at`: reading from there on fails."""

    data: bytes
    media_type: str = "video/webm"
    file_name: str = "rc_00000001-recording.webm"
    etag: str = '"film"'
    canary: bool = False
    broken_at: int | None = None

    @property
    def size_bytes(self) -> int:
        return len(self.data)

    async def read(self, start: int, end: int) -> AsyncIterator[bytes]:
        while start < end:
            if self.broken_at is not None and start >= self.broken_at:
                raise PortFailure("recording_damaged", "The recording is damaged.")
            piece = self.data[start : min(end, start + 300)]
            yield piece
            start += len(piece)


@dataclass
class FakeRecordings:
    files: dict[str, Film] = field(default_factory=dict)
    openings: list[tuple[object, ...]] = field(default_factory=list)
    asked: list[tuple[object, ...]] = field(default_factory=list)
    audit_away: bool = False

    async def media(self, recording_id: str, view: str) -> Film | None:
        return self.files.get(recording_id)

    async def opened(self, recording_id: str, *, by: str, view: str, address: str, download: bool) -> None:
        if self.audit_away:
            raise PortFailure("records_unavailable", "The records do not answer.")
        self.openings.append((recording_id, by, view, download))

    async def page(self, wanted: RecordingsFilter) -> RecordingsPage:
        self.asked.append(("page", wanted))
        return RecordingsPage(recordings=[{"recording_id": each} for each in self.files], next_before=None)

    async def one(self, recording_id: str) -> Mapping[str, object] | None:
        return {"recording_id": recording_id} if recording_id in self.files else None

    async def compose(self, recording_id: str, *, by: str) -> Mapping[str, object]:
        if recording_id not in self.files:
            raise NotFound("not_found", "There is nothing here.")
        self.asked.append(("compose", recording_id, by))
        return {"recording_id": recording_id, "state": "waiting"}

    async def composing(self, recording_id: str) -> Mapping[str, object] | None:
        return {"recording_id": recording_id, "percent": 40} if recording_id in self.files else None

    async def stop_composing(self, recording_id: str) -> bool:
        self.asked.append(("stop_composing", recording_id))
        return recording_id in self.files

    async def hold(self, recording_id: str, *, by: str, reason: str) -> Mapping[str, object]:
        self.asked.append(("hold", recording_id, by, reason))
        return {"hold_id": "hd_00000001"}

    async def lift(self, hold_id: str, *, by: str, reason: str) -> None:
        self.asked.append(("lift", hold_id, by, reason))

    async def erase(self, subject: str, *, by: str, reason: str) -> Mapping[str, object]:
        self.asked.append(("erase", subject, by, reason))
        return {"receipt": {}, "signature": ""}

    async def control(self, contact_id: str, state: str | None, *, by: str, reason: str) -> Mapping[str, object]:
        self.asked.append(("control", contact_id, state, by))
        return {"contact_id": contact_id, "state": state or "on", "by": by}


@dataclass
class FakeCustomers:
    """One customer, `CUSTOMER`, with as many interactions as asked for."""

    asked: list[tuple[object, ...]] = field(default_factory=list)
    audit_away: bool = False

    async def page(self, key: str, *, before: str | None, limit: int) -> CustomerPage:
        self.asked.append(("page", key, before, limit))
        return CustomerPage(customers=[{"customer_id": CUSTOMER}], next_before=None)

    async def timeline(self, customer_id: str, *, before: str | None, limit: int, by: str) -> TimelinePage | None:
        if self.audit_away:
            raise PortFailure("records_unavailable", "The records do not answer.")
        self.asked.append(("timeline", customer_id, before, limit, by))
        if customer_id != CUSTOMER:
            return None
        entries = [{"interaction_id": f"{OURS}.1"}]
        return TimelinePage(customer={"customer_id": CUSTOMER}, entries=entries, next_before=None)

    async def erase(self, customer_id: str, *, by: str, reason: str) -> Mapping[str, object]:
        if customer_id != CUSTOMER:
            raise NotFound("no_such_customer", "There is no such customer.")
        self.asked.append(("erase", customer_id, by, reason))
        return {"receipt": {"subject": customer_id}, "signature": "s"}

    async def redeliver(self, *, by: str) -> int:
        self.asked.append(("redeliver", by))
        return 7


@dataclass
class FakePilots:
    group: dict[str, object] = field(
        default_factory=lambda: {
            "id": "shop",
            "name": "Shop",
            "enabled": True,
            "share_percent": 50,
            "agents": [],
            "version": 3,
        }
    )

    async def groups(self) -> Sequence[Mapping[str, object]]:
        return [self.group]

    async def change(self, group_id: str, change: PilotChange, *, by: str) -> Mapping[str, object]:
        if group_id != "shop":
            raise NotFound("no_such_group", "There is no such pilot group.")
        if change.version != self.group["version"]:
            raise StateConflict("version_conflict", "Somebody changed it meanwhile.")
        self.group = {
            **self.group,
            "enabled": change.enabled,
            "share_percent": change.share_percent,
            "agents": list(change.agents),
            "version": change.version + 1,
            "changed_by": by,
        }
        return self.group


@dataclass
class FakeTaskAcds:
    """`received` has what came through: ACD, address, signature, body."""

    received: list[tuple[str, str, str, bytes]] = field(default_factory=list)
    letters: dict[str, dict[str, object]] = field(default_factory=dict)
    done: list[tuple[str, str, str]] = field(default_factory=list)

    def receive(self, acd: str, url: str, headers: Mapping[str, str], body: bytes) -> None:
        if acd != "tr":
            raise NotFound("not_found", "There is nothing here.")
        signature = headers.get("Visavis-Signature", "")
        if not signature:
            raise NotSignedIn("signature_invalid", "The signature is missing, wrong or too old.")
        self.received.append((acd, url, signature, body))

    async def dead_letters(self, limit: int) -> Sequence[Mapping[str, object]]:
        return list(self.letters.values())[:limit]

    async def retry_letter(self, letter_id: str, *, by: str) -> None:
        self._take("retry", letter_id, by)

    async def drop_letter(self, letter_id: str, *, by: str) -> None:
        self._take("drop", letter_id, by)

    def _take(self, what: str, letter_id: str, by: str) -> None:
        if self.letters.pop(letter_id, None) is None:
            raise NotFound("not_found", "There is nothing here.")
        self.done.append((what, letter_id, by))


@dataclass
class FakeHealth:
    why: list[str] = field(default_factory=list)
    not_there: list[str] = field(default_factory=list)
    error: Exception | None = None
    hang: bool = False

    async def reasons(self) -> Sequence[str]:
        if self.error is not None:
            raise self.error
        if self.hang:
            await asyncio.Event().wait()
        return self.why

    def degraded(self) -> Sequence[str]:
        return self.not_there


class FakeDisagreements:
    """`Disagreements` with what a test puts in."""

    def __init__(self) -> None:
        self.rows: list[dict[str, object]] = []

    def found(self, limit: int) -> list[dict[str, object]]:
        return self.rows[:limit]


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


class Browser:
    """One WebSocket of a person, numbered as a page numbers. Reads with a deadline."""

    def __init__(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        self.ws = ws
        self.sent = 0
        self.seen = 0
        self.welcome: dict[str, Any] = {}

    @classmethod
    @asynccontextmanager
    async def at(cls, url: str, path: str, *, cookie: str = "", origin: str | None = None) -> AsyncIterator[Self]:
        headers = {"Origin": origin or url}
        if cookie:
            headers["Cookie"] = f"visavis_session={cookie}"
        async with (
            aiohttp.ClientSession() as http,
            http.ws_connect(f"{url}{path}", protocols=(SUBPROTOCOL,), headers=headers, autoping=True) as ws,
        ):
            yield cls(ws)

    async def send_raw(self, **message: object) -> None:
        await self.ws.send_str(json.dumps(message))

    async def send(self, kind: str, **fields: object) -> None:
        """A numbered message."""
        self.sent += 1
        await self.send_raw(type=kind, seq=self.sent, ack=self.seen, **fields)

    async def ack(self) -> None:
        await self.send_raw(type="ack", ack=self.seen)

    async def hello(self, **fields: object) -> dict[str, Any]:
        """Greet, and return the answer: a welcome that is acknowledged at once, or what was said instead."""
        await self.send_raw(type="hello", versions=[1], **fields)
        answer = await self.receive()
        if answer["type"] == "welcome":
            self.welcome = answer
            if not answer["resumed"]:
                self.sent = self.seen = 0
            await self.ack()
        return answer

    def resume(self) -> dict[str, object]:
        return {
            "session_id": self.welcome["session_id"],
            "secret": self.welcome["secret"],
            "last_seq": self.seen,
        }

    def cut(self) -> None:
        """The network is gone: no goodbye."""
        connection = self.ws._response.connection
        if connection is not None and connection.transport is not None:
            connection.transport.abort()

    async def receive(self) -> dict[str, Any]:
        """The next message of any type."""
        async with asyncio.timeout(5):
            frame = await self.ws.receive()
        if frame.type is not aiohttp.WSMsgType.TEXT:
            raise AssertionError(f"the socket ended with {self.ws.close_code} {frame.extra!r}")
        message: dict[str, Any] = json.loads(frame.data)
        self.seen = max(self.seen, message["seq"])
        return message

    async def expect(self, kind: str) -> dict[str, Any]:
        """The next message of this type; acknowledgements and others before it are passed over."""
        while (message := await self.receive())["type"] != kind:
            pass
        return message

    async def closed(self) -> tuple[int | None, str]:
        """Close code and reason, after whatever was still said."""
        async with asyncio.timeout(10):
            while True:
                frame = await self.ws.receive()
                if frame.type is aiohttp.WSMsgType.CLOSE:
                    return frame.data, str(frame.extra or "")
                if frame.type is not aiohttp.WSMsgType.TEXT:
                    return self.ws.close_code, ""
