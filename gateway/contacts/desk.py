"""The desk: where signaling, packets, the ACD and the agents meet the contacts of this node.

It admits, and finds the contact a word is for; the agents' half of it is `agentdesk`. It knows no rule of a contact's
life: that is `conduct`.
"""

import asyncio
from collections.abc import Callable, Sequence, Set
from typing import Final

from gateway.acd.events import AcdEvent
from gateway.acd.port import AcdPort
from gateway.agents.roster import AgentRoster
from gateway.base.clock import Clock
from gateway.base.deadlines import Deadlines
from gateway.base.errors import CapacityExceeded, GatewayError, PortFailure, Refused, StateConflict
from gateway.base.ids import AgentId, ContactId, LegId, new_contact_id
from gateway.base.log import get_logger
from gateway.base.tasks import Supervisor
from gateway.config import ContactSettings, QueueSettings, SiteSettings
from gateway.contacts import messages
from gateway.contacts.actor import ContactActor
from gateway.contacts.agentdesk import AgentDesk
from gateway.contacts.board import Board
from gateway.contacts.chat import ChatPort
from gateway.contacts.claims import Claims
from gateway.contacts.effects import Neighbours
from gateway.contacts.events import EndReason
from gateway.contacts.journal import ContactHistoryPort, JournalPort
from gateway.contacts.leftopen import close_left_open, is_of
from gateway.contacts.legs import LegState
from gateway.contacts.model import Contact, Role, Side
from gateway.contacts.ports import (
    CustomersPort,
    MenuPort,
    PlacesPort,
    QualityPort,
    RecordingPort,
    RecordingView,
    RolloutPort,
)
from gateway.contacts.positions import Positions
from gateway.contacts.states import ContactState
from gateway.contacts.views import Views
from gateway.parties import (
    AgentCard,
    AgentNotice,
    AgentRequest,
    BoardShown,
    CustomerHistory,
    CustomerNotice,
    CustomerRequest,
    Entry,
    NoticePort,
    TransferTargets,
)
from media.port import (
    EVENT,
    ClipEnded,
    LegClosed,
    LegConnected,
    LegFirstMedia,
    LegHeard,
    LegQuality,
    LegSilent,
    LegVideoPaused,
    LegVideoResumed,
    LegVideoUnmatched,
    MediaEvent,
    MediaPort,
)

_log = get_logger("desk")

CLOSE_GRACE_S: Final = 8.0
"""Real seconds `aclose` waits for contacts to end in order: the media engine's bound and a little."""


class ContactDesk:
    """The `Desk` of `gateway.parties` over its ports. One per node."""

    def __init__(
        self,
        *,
        clock: Clock,
        node: str,
        settings: ContactSettings,
        sites: Sequence[SiteSettings],
        queues: Sequence[QueueSettings],
        media: MediaPort,
        acd: AcdPort,
        recording: RecordingPort,
        rollout: RolloutPort,
        journal: JournalPort,
        history: ContactHistoryPort,
        notices: NoticePort,
        menus: MenuPort,
        roster: AgentRoster,
        quality: QualityPort,
        lag_s: Callable[[], float],
        customers: CustomersPort | None = None,
        places: PlacesPort | None = None,
        chat: ChatPort | None = None,
        unlisted: Set[str] = frozenset(),
        robots: Set[str] = frozenset(),
    ) -> None:
        self._clock = clock
        self._node = node
        self._settings = settings
        self._rollout = rollout
        self._journal = journal
        self._history = history
        self._media = media
        self._acd = acd
        self._sites = {site.id: site for site in sites}
        self._supervisor = Supervisor("desk")
        self._deadlines = Deadlines(clock, self._supervisor)
        self._actors: dict[ContactId, ContactActor] = {}
        self._legs: dict[LegId, ContactId] = {}
        self._draining = False
        self._tidy = asyncio.Event()
        claims = Claims(clock, settings.claim_attempts)
        self._positions = Positions(acd, self._supervisor, self.alarm, self._tidy.set)
        self._agents = AgentDesk(
            roster=roster,
            actors=self._actors,
            acd=acd,
            notices=notices,
            queues=queues,
            unlisted=unlisted,
            claims=claims,
            positions=self._positions,
            deadlines=self._deadlines,
            alarm=self.alarm,
            board_changed=lambda: self._board.changed(),
        )
        views = Views(settings, tuple(queues), places, unlisted)
        self._board = Board(
            clock=clock,
            deadlines=self._deadlines,
            notices=notices,
            views=views,
            queues=tuple(queues),
            robots=robots,
            contacts=lambda: [actor.contact for actor in self._actors.values()],
            seats=self._agents.seats,
            draining=lambda: self._draining,
            kept_in=places.kept_in if places is not None else lambda _: 0,
        )
        self._neighbours = Neighbours(
            clock=clock,
            node=node,
            settings=settings,
            sites=self._sites,
            media=media,
            acd=acd,
            recording=recording,
            journal=journal,
            history=history,
            notices=notices,
            agents=roster,
            quality=quality,
            lag_s=lag_s,
            menus=menus,
            views=views,
            deadlines=self._deadlines,
            supervisor=self._supervisor,
            alarm=lambda code, detail, contact: self.alarm(code, detail, contact.contact_id if contact else None),
            board_changed=self._board.changed,
            claim_leg=self._legs.__setitem__,
            release_leg=self._release_leg,
            issue_claim=claims.issue,
            end_claim=claims.end,
            ring_at=self._agents.ring_at,
            rings_no_more=self._agents.rings_no_more,
            customers=customers,
            places=places,
            chat=chat,
        )
        self._recording = recording
        self._customers = customers

    # ------------------------------------------------------------ life

    async def start(self) -> None:
        """Close what a crash left open, then listen. PortFailure when the records are away."""
        await close_left_open(self._history, self._journal, self._clock, node=self._node, settings=self._settings)
        self._media.events.on(EVENT, self._from_media)
        self._acd.on_event(self._from_acd)
        self._agents.start()
        self._recording.on_change(self._from_recording)
        if self._customers is not None:
            self._customers.on_known(self._from_crm)
        self._board.start()

    def drain(self) -> None:
        self._draining = True
        self._board.changed()

    async def aclose(self) -> None:
        """End every contact in order, then stop. Idempotent; ends within `CLOSE_GRACE_S`."""
        self._draining = True
        for actor in list(self._actors.values()):
            actor.post(messages.End(reason=EndReason.GATEWAY_STOPPED))
        try:
            async with asyncio.timeout(CLOSE_GRACE_S):
                while self._actors or not self._positions.told:
                    self._tidy.clear()
                    await self._tidy.wait()
        except TimeoutError:
            _log.error("desk.close_timed_out", contacts=len(self._actors))
        self._board.stop()
        if self._from_media in self._media.events.listeners(EVENT):
            self._media.events.remove_listener(EVENT, self._from_media)
        await self._supervisor.aclose()

    # ------------------------------------------------------------ customers

    async def open_contact(self, entry: Entry) -> ContactId:
        """Admit and start a contact.

        Refused (`draining`, `no_such_site`, or the pilot's code), CapacityExceeded (`full`), PortFailure
        (`journal_full`, or the ACD's).
        """
        self.admit(entry)
        await self._acd.check()
        self.admit(entry)  # others came in while the ACD answered
        now = self._clock.monotonic()
        contact = Contact(
            contact_id=new_contact_id(),
            entry=entry,
            state=ContactState.INITIATED,
            started_at=self._clock.now(),
            started_s=now,
            state_since_s=now,
            customer=Side(role=Role.CUSTOMER, leg=LegState.NEW, setup_since_s=now),
        )
        actor = ContactActor(contact, self._neighbours, self._ended)
        self._actors[contact.contact_id] = actor
        _ = self._supervisor.spawn(actor.run(), name=f"contact:{contact.contact_id}")
        try:
            await actor.ask(messages.Start())
        except GatewayError:
            actor.post(messages.End(reason=EndReason.FAILED))
            raise
        return contact.contact_id

    def admit(self, entry: Entry, *, invited: bool = False) -> None:
        """Whether a contact would be taken now; nothing is kept. Raises as `open_contact`.

        Who was invited by an agent is in no share of visitors: they are talking already.
        """
        if self._draining:
            raise Refused("draining", "This gateway takes no new calls just now.")
        if entry.site not in self._sites:
            raise Refused("no_such_site", "This site is not known here.")
        if not (entry.canary or invited or entry.invitation is not None):
            admission = self._rollout.admit(entry.site, entry.visitor_key)
            if not admission.admitted:
                raise Refused(admission.code or "not_in_pilot", "Video is not offered to this visitor now.")
        if len(self._actors) >= self._settings.max_contacts:
            raise CapacityExceeded("full", "All places are taken: try again soon.", retry_after_s=30)
        if self._journal.full:
            raise PortFailure("journal_full", "New calls can't be written down just now.", retry_after_s=30)

    async def customer_request(self, contact_id: ContactId, request: CustomerRequest) -> None:
        await self._actor(contact_id).ask(messages.CustomerAsked(request=request))

    async def customer_present(self, contact_id: ContactId, present: bool, *, page_gone: bool = False) -> None:
        actor = self._actors.get(contact_id)
        if actor is not None:
            actor.post(messages.CustomerPresence(present=present, page_gone=page_gone))

    async def customer_view(self, contact_id: ContactId) -> Sequence[CustomerNotice]:
        return await self._actor(contact_id).ask(messages.CustomerViewAsked()) or ()  # type: ignore[return-value]

    async def owns(self, contact_id: ContactId) -> bool:
        """Whether the contact is, or was, this node's; one that nobody knows is. PortFailure."""
        return is_of(self._node, await self._journal.read(contact_id))

    def _actor(self, contact_id: ContactId) -> ContactActor:
        try:
            return self._actors[contact_id]
        except KeyError:
            raise StateConflict("contact_closed", "This call is over.") from None

    # ------------------------------------------------------------ agents

    async def agent_present(self, card: AgentCard, present: bool, *, page_gone: bool = False) -> None:
        await self._agents.present(card, present, page_gone=page_gone)

    async def agent_request(self, agent_id: AgentId, request: AgentRequest) -> None:
        await self._agents.request(agent_id, request)

    def transfer_targets(self, agent_id: AgentId) -> TransferTargets:
        return self._agents.transfer_targets(agent_id)

    async def agent_view(self, agent_id: AgentId) -> Sequence[AgentNotice]:
        return await self._agents.view(agent_id)

    async def agent_logged_off(self, agent_id: AgentId) -> None:
        await self._agents.logged_off(agent_id)

    def is_on_contact(self, agent_id: AgentId) -> bool:
        return self._agents.contact_of(agent_id) is not None

    def contact_of(self, agent_id: AgentId) -> ContactId | None:
        return self._agents.contact_of(agent_id)

    async def caught_up(self, contact_id: ContactId) -> None:
        """Return when the contact has taken in all that was told of it until now. StateConflict when it has ended."""
        actor = self._actors.get(contact_id)
        if actor is not None:
            await actor.ask(messages.Tidied())

    # ------------------------------------------------------------ what comes from below

    def _from_media(self, event: MediaEvent) -> None:
        match event:
            case (
                LegConnected()
                | LegFirstMedia()
                | LegSilent()
                | LegHeard()
                | LegClosed()
                | LegQuality()
                | LegVideoPaused()
                | LegVideoResumed()
                | LegVideoUnmatched()
                | ClipEnded()
            ):
                contact_id = self._legs.get(LegId(event.leg_id))
                if contact_id is not None:
                    self._actors[contact_id].post(messages.FromMedia(event=event))
            case _:
                pass  # recordings have their own listener

    def _release_leg(self, leg_id: LegId) -> None:
        self._legs.pop(leg_id, None)

    def _from_acd(self, event: AcdEvent) -> None:
        actor = self._actors.get(event.contact_id)
        if actor is not None:
            actor.post(messages.FromAcd(event=event))

    def _from_recording(self, view: RecordingView) -> None:
        actor = self._actors.get(view.contact_id)
        if actor is not None:
            actor.post(messages.FromRecording(view=view))

    def _from_crm(self, contact_id: ContactId, history: CustomerHistory) -> None:
        actor = self._actors.get(contact_id)
        if actor is not None:
            actor.post(messages.FromCrm(history=history))

    def _ended(self, contact: Contact) -> None:
        self._actors.pop(contact.contact_id, None)
        self._agents.contact_ended(contact.contact_id)
        if self._customers is not None:
            self._customers.ended(contact.contact_id)
        self._tidy.set()
        self._board.changed()

    # ------------------------------------------------------------ board

    def alarm(self, code: str, detail: str, contact_id: ContactId | None = None) -> None:
        """Show an alarm on the board and write it to the log."""
        _log.warning("alarm", code=code, detail=detail, contact_id=contact_id)
        self._board.alarm(code, detail, contact_id)

    def board(self) -> BoardShown:
        return self._board.shown()

    @property
    def live_contacts(self) -> int:
        return sum(actor.contact.state is not ContactState.CLOSED for actor in self._actors.values())

    @property
    def draining(self) -> bool:
        return self._draining
