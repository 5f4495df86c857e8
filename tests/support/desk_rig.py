"""A whole desk on fakes: clock, media, queues, journal, recording. Customers and agents are a few lines each."""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from gateway.acd.builtin.acd import BuiltinAcd
from gateway.acd.port import AcdPort
from gateway.agents.roster import AgentRoster
from gateway.base.errors import GatewayError
from gateway.base.ids import AgentId, ContactId
from gateway.config import ContactSettings, QueueSettings, SiteSettings
from gateway.contacts.desk import ContactDesk
from gateway.contacts.journal import ContactSummary, JournalEvent
from gateway.contacts.ports import Admission, RecordingOrder, RecordingView
from gateway.links.places import Places
from gateway.menu.checker import check_menu
from gateway.menu.library import MenuLibrary
from gateway.parties import (
    AcceptOffer,
    AgentCard,
    AgentChanged,
    AgentParty,
    AgentRequest,
    BoardParty,
    ChatLine,
    ChooseOption,
    ContactAssigned,
    ContactChanged,
    CustomerHistory,
    CustomerParty,
    CustomerRequest,
    Entry,
    LegAnswered,
    MenuShown,
    Notice,
    OfferEnded,
    OfferLeg,
    OfferMade,
    Party,
    QueuePlace,
    RejectOffer,
    SetReady,
    SubmitWrapUp,
    WrapUpStarted,
)
from gateway.quality.side import Observed
from tests.support.clock import FakeClock, at_rest
from tests.support.fake_media import FakeLeg, FakeMedia
from tests.support.memory_links import MemoryLinks
from tests.support.memory_queues import MemoryQueues

QUEUES = (
    QueueSettings(id="sales", name="Sales"),
    QueueSettings(id="support", name="Support"),
    QueueSettings(id="canary", name="Canary"),
)
SITES = (SiteSettings(id="shop", name="Shop"), SiteSettings(id="direct", name="Direct", menu="direct"))

MENU = """
languages: [en, fr]
start: welcome
nodes:
  welcome:
    kind: choices
    text: {en: Welcome, fr: Bienvenue}
    prompt: welcome
    options:
      1: {label: {en: Sales, fr: Ventes}, go: sales}
      2: {label: {en: Support, fr: Assistance}, go: support}
      3: {label: {en: Hours, fr: Horaires}, go: hours}
      4: {label: {en: Address, fr: Adresse}, go: address}
      5: {label: {en: More, fr: Plus}, go: more}
  more:
    kind: choices
    text: {en: More, fr: Plus}
    options:
      1: {label: {en: Sales, fr: Ventes}, go: sales}
  sales: {kind: queue, queue: sales}
  support: {kind: queue, queue: support, priority: 5}
  hours: {kind: answer_and_end, text: {en: Nine to five, fr: De neuf à cinq}}
  address: {kind: answer_and_end, prompt: answer, text: {en: Here, fr: Ici}}
"""
DIRECT = """
languages: [en]
start: sales
nodes:
  sales: {kind: queue, queue: sales}
"""


def menu_library() -> MenuLibrary:
    known = [queue.id for queue in QUEUES]
    return MenuLibrary({"main": check_menu(MENU, known), "direct": check_menu(DIRECT, known)})


N = TypeVar("N")


class MemoryJournal:
    """Journal and contacts list. Refuses what a database would refuse: a `(contact_id, seq)` twice."""

    def __init__(self) -> None:
        self.events: dict[ContactId, list[JournalEvent]] = {}
        self.rows: dict[ContactId, ContactSummary] = {}
        self.full = False

    def append(self, event: JournalEvent) -> None:
        events = self.events.setdefault(event.contact_id, [])
        assert event.seq == len(events) + 1, "the journal has a hole or a double"
        events.append(event)

    async def read(self, contact_id: ContactId) -> list[JournalEvent]:
        return list(self.events.get(contact_id, []))

    def save(self, summary: ContactSummary) -> None:
        known = self.rows.get(summary.contact_id)
        if known is None or summary.version > known.version:
            self.rows[summary.contact_id] = summary

    async def open_contacts(self) -> list[ContactId]:
        return [row.contact_id for row in self.rows.values() if row.state != "closed"]

    def names(self, contact_id: ContactId) -> list[str]:
        return [event.name for event in self.events[contact_id]]

    def states(self, contact_id: ContactId) -> list[str]:
        return [state for state, _ in itertools.groupby(event.state for event in self.events[contact_id])]


@dataclass(frozen=True)
class Shown:
    """A `RecordingView`."""

    contact_id: ContactId
    state: str
    notice_version: str = ""
    code: str | None = None
    by: str = "policy"
    may: tuple[str, ...] = ()


class FakeRecording:
    """Remembers what it was told, in order; `fail_next` makes the next command fail."""

    def __init__(self) -> None:
        self.told: list[tuple[object, ...]] = []
        self.fail_next: Exception | None = None
        self.listener: Callable[[RecordingView], None] = lambda _: None

    def _note(self, *what: object) -> None:
        self.told.append(what)
        if self.fail_next is not None:
            error, self.fail_next = self.fail_next, None
            raise error

    async def begin(self, order: RecordingOrder) -> None:
        self._note("begin", order)

    async def attach(self, contact_id: ContactId, leg_id: str, role: str) -> None:
        self._note("attach", contact_id, leg_id, role)

    async def mark(self, contact_id: ContactId, mark: str, detail: str = "") -> None:
        self._note("mark", contact_id, mark)

    async def shown(self, contact_id: ContactId, role: str, kinds: Mapping[str, bool]) -> None:
        self._note("shown", contact_id, role, dict(kinds))

    async def consent(self, contact_id: ContactId, given: bool, notice_version: str, language: str = "") -> None:
        self._note("consent", contact_id, given, notice_version, language)

    async def ask(self, contact_id: ContactId, action: str, *, by: str) -> None:
        self._note("ask", contact_id, action, by)

    async def stop(self, contact_id: ContactId, reason: str) -> None:
        self._note("stop", contact_id, reason)

    def on_change(self, listener: Callable[[RecordingView], None]) -> None:
        self.listener = listener

    def words(self) -> list[str]:
        return [str(what[2]) if what[0] == "mark" else str(what[0]) for what in self.told]


class FakeRollout:
    def __init__(self) -> None:
        self.code: str | None = None
        self.barred: set[AgentId] = set()

    def admit(self, site: str, visitor_key: str) -> Admission:
        return Admission(admitted=self.code is None, code=self.code)

    def agent_allowed(self, agent_id: AgentId, site: str) -> bool:
        return agent_id not in self.barred


class FakeCustomers:
    """A `CustomersPort` that knows what the test tells it."""

    def __init__(self) -> None:
        self.came: dict[ContactId, Entry] = {}
        self.gone: list[ContactId] = []
        self.listener: Callable[[ContactId, CustomerHistory], None] | None = None

    def arrived(self, contact_id: ContactId, entry: Entry) -> None:
        self.came[contact_id] = entry

    def ended(self, contact_id: ContactId) -> None:
        self.gone.append(contact_id)

    def on_known(self, listener: Callable[[ContactId, CustomerHistory], None]) -> None:
        self.listener = listener

    def know(self, contact_id: ContactId, history: CustomerHistory) -> None:
        assert self.listener is not None, "the desk does not listen"
        self.listener(contact_id, history)


class SeenQuality:
    """A `QualityPort` that keeps what it was shown."""

    def __init__(self) -> None:
        self.periods: list[tuple[str, Observed]] = []

    def observe(self, side: str, seen: Observed) -> None:
        self.periods.append((side, seen))


class MemoryChat:
    """A `ChatPort` that keeps what it is given."""

    def __init__(self) -> None:
        self.lines: dict[ContactId, list[ChatLine]] = {}
        self.full = False

    def append(self, contact_id: ContactId, line: ChatLine) -> None:
        self.lines.setdefault(contact_id, []).append(line)

    async def read(self, contact_id: ContactId) -> list[ChatLine]:
        return list(self.lines.get(contact_id, []))


class Notices:
    """Everything people were told, by party."""

    def __init__(self) -> None:
        self.told: dict[Party, list[Notice]] = {}

    def tell(self, party: Party, notice: Notice) -> None:
        self.told.setdefault(party, []).append(notice)

    def to(self, party: Party) -> list[Notice]:
        return self.told.get(party, [])

    def board(self) -> list[Notice]:
        return self.to(BoardParty())


@dataclass
class DeskRig:
    """The desk and everything around it. `await rig.rest()` after anything that should be followed by something."""

    settings: ContactSettings = field(default_factory=ContactSettings)
    clock: FakeClock = field(default_factory=FakeClock)
    queues: MemoryQueues = field(default_factory=MemoryQueues)
    journal: MemoryJournal = field(default_factory=MemoryJournal)
    notices: Notices = field(default_factory=Notices)
    foreign: AcdPort | None = None  # in place of our own ACD
    media: FakeMedia = field(default_factory=FakeMedia)
    lines: tuple[QueueSettings, ...] = QUEUES
    links: MemoryLinks | None = None  # with them, places are kept
    node: str = "n1"

    def __post_init__(self) -> None:
        self.recording = FakeRecording()
        self.rollout = FakeRollout()
        self.seen = SeenQuality()
        self.customers = FakeCustomers()
        self.chat = MemoryChat()
        self.lag_s = 0.0
        self.roster = AgentRoster(self.clock, self.settings.presence_grace)
        self.acd = BuiltinAcd(
            store=self.queues,
            clock=self.clock,
            node=self.node,
            agent_allowed=self.rollout.agent_allowed,
            queues=self.lines,
        )
        self.places = (
            None
            if self.links is None
            else Places(
                acd=self.acd.callbacks,
                store=self.links,
                clock=self.clock,
                node=self.node,
                names={queue.id: queue.name for queue in self.lines},
                address=lambda site, token: f"https://video.example/widget/?site={site}#link={token}",
                reminds=True,
                alarm=lambda code, detail: self.desk.alarm(code, detail),
            )
        )
        if self.places is not None:
            self.acd.on_callback(self.places.heard)
        self.desk = ContactDesk(
            clock=self.clock,
            node=self.node,
            settings=self.settings,
            sites=SITES,
            queues=self.lines,
            media=self.media,
            acd=self.foreign or self.acd,
            recording=self.recording,
            rollout=self.rollout,
            journal=self.journal,
            history=self.journal,
            notices=self.notices,
            menus=menu_library(),
            roster=self.roster,
            quality=self.seen,
            lag_s=lambda: self.lag_s,
            customers=self.customers,
            places=self.places,
            chat=self.chat,
            unlisted={"canary"},
            robots={"canary"},
        )

    async def start(self) -> None:
        await self.acd.start()
        if self.places is not None:
            await self.places.start()
        await self.desk.start()
        await self.rest()

    async def stop(self) -> None:
        await self.desk.aclose()
        if self.places is not None:
            await self.places.aclose()
        await self.acd.aclose()
        await self.media.aclose()

    async def rest(self) -> None:
        await at_rest()

    async def run(self, seconds: float) -> None:
        await self.clock.run(seconds)

    async def customer(self, *, site: str = "direct", connected: bool = True, **entry: object) -> "Customer":
        """A customer who has pressed the button; `direct` leads straight to the queue `sales`."""
        values: dict[str, object] = {"site": site, "visitor_key": "v1", "language": "en", "display_name": "Maria"}
        contact_id = await self.desk.open_contact(Entry(**(values | entry)))  # type: ignore[arg-type]
        customer = Customer(self, contact_id)
        await self.rest()
        if connected:
            await customer.connect()
        return customer

    async def agent(self, name: str = "anna", *, ready: bool = True, queues: tuple[str, ...] = ("sales",)) -> "Agent":
        agent = Agent(self, AgentCard(agent_id=AgentId(f"ag_{name:0<8}"), display_name=name.title(), queues=queues))
        await agent.come()
        if ready:
            await agent.ask(SetReady())
        return agent


class Person:
    """Somebody at the desk: what they were told, and their browser's leg."""

    def __init__(self, rig: DeskRig, party: Party) -> None:
        self.rig = rig
        self.party = party
        self.generation = 0

    async def ask(self, request: CustomerRequest | AgentRequest) -> None:
        raise NotImplementedError

    async def try_to(self, request: CustomerRequest | AgentRequest) -> str | None:
        """The code of the refusal, or None."""
        try:
            await self.ask(request)
        except GatewayError as refusal:
            return refusal.code
        return None

    @property
    def told(self) -> list[Notice]:
        return self.rig.notices.to(self.party)

    def all(self, kind: type[N]) -> list[N]:
        return [notice for notice in self.told if isinstance(notice, kind)]

    def last(self, kind: type[N]) -> N:
        return self.all(kind)[-1]

    @property
    def state(self) -> str:
        return self.last(ContactChanged).state

    async def offer_leg(self, sdp: str | None = None) -> None:
        self.generation += 1
        await self.ask(OfferLeg(generation=self.generation, sdp=sdp or self._sdp(self.generation)))

    def _sdp(self, generation: int) -> str:
        return f"{self.party} {generation}"

    @property
    def leg(self) -> FakeLeg:
        """The engine's leg of the newest generation."""
        return next(leg for leg in self.rig.media.legs.values() if leg.sdp == self._sdp(self.generation))

    @property
    def leg_ids(self) -> list[str]:
        return [leg.leg_id for leg in self.rig.media.legs.values() if leg.sdp.startswith(str(self.party))]

    async def connect(self) -> None:
        """A browser connection of the next generation, up to packets."""
        await self.offer_leg()
        assert self.last(LegAnswered).generation == self.generation
        self.rig.media.connect(self.leg.leg_id)
        await self.rig.rest()


class Customer(Person):
    def __init__(self, rig: DeskRig, contact_id: ContactId) -> None:
        super().__init__(rig, CustomerParty(contact_id=contact_id))
        self.contact_id = contact_id

    async def ask(self, request: CustomerRequest | AgentRequest) -> None:
        await self.rig.desk.customer_request(self.contact_id, request)  # type: ignore[arg-type]
        await self.rig.rest()

    async def choose(self, key: str) -> None:
        await self.ask(ChooseOption(node_id=self.last(MenuShown).node_id, key=key))

    async def present(self, present: bool, *, page_gone: bool = False) -> None:
        await self.rig.desk.customer_present(self.contact_id, present, page_gone=page_gone)
        await self.rig.rest()

    @property
    def place(self) -> int:
        return self.last(QueuePlace).place

    @property
    def events(self) -> list[JournalEvent]:
        return self.rig.journal.events[self.contact_id]

    @property
    def row(self) -> ContactSummary:
        return self.rig.journal.rows[self.contact_id]


class Agent(Person):
    def __init__(self, rig: DeskRig, card: AgentCard) -> None:
        super().__init__(rig, AgentParty(agent_id=card.agent_id))
        self.card = card
        self.agent_id = card.agent_id

    async def ask(self, request: CustomerRequest | AgentRequest) -> None:
        await self.rig.desk.agent_request(self.agent_id, request)  # type: ignore[arg-type]
        await self.rig.rest()

    async def come(self, *, page_gone: bool = False) -> None:
        await self.rig.desk.agent_present(self.card, True, page_gone=page_gone)
        await self.rig.rest()

    async def go(self, *, page_gone: bool = False) -> None:
        await self.rig.desk.agent_present(self.card, False, page_gone=page_gone)
        await self.rig.rest()

    @property
    def now(self) -> AgentChanged:
        return self.last(AgentChanged)

    @property
    def ringing(self) -> OfferMade | None:
        """The offer that rings now."""
        offers = self.all(OfferMade)
        ended = {notice.offer_id for notice in self.all(OfferEnded)}
        return offers[-1] if offers and offers[-1].offer_id not in ended else None

    async def accept(self) -> None:
        ringing = self.ringing
        assert ringing is not None, "nothing rings"
        self.generation = 0
        await self.ask(AcceptOffer(offer_id=ringing.offer_id))

    async def reject(self) -> None:
        ringing = self.ringing
        assert ringing is not None, "nothing rings"
        await self.ask(RejectOffer(offer_id=ringing.offer_id))

    async def answer(self) -> None:
        """Accept and connect."""
        await self.accept()
        assert self.last(ContactAssigned)
        await self.connect()

    async def wrap_up(self, disposition: str = "resolved", notes: str = "") -> None:
        assert self.last(WrapUpStarted)
        await self.ask(SubmitWrapUp(disposition=disposition, notes=notes))
