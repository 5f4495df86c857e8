"""The desk: where signaling, packets, the ACD and the agents meet the contacts of this node.

It admits, finds the contact a word is for, and keeps the roster's changes known to panel, ACD and board. It knows no
rule of a contact's life: that is `conduct`.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from gateway.acd.events import AcdAgentState, AcdEvent, AgentEvent
from gateway.acd.port import AcdPort, AgentPosition
from gateway.agents.roster import AgentRecord, AgentRoster
from gateway.agents.states import AgentState
from gateway.base.clock import Clock
from gateway.base.deadlines import Deadlines
from gateway.base.errors import CapacityExceeded, GatewayError, PortFailure, Refused, StateConflict, TooManyRequests
from gateway.base.ids import AgentId, ContactId, LegId, new_contact_id
from gateway.base.log import get_logger
from gateway.base.tasks import Supervisor
from gateway.config import ContactSettings, QueueSettings, SiteSettings
from gateway.contacts import messages
from gateway.contacts.actor import ContactActor
from gateway.contacts.board import Board, BoardSeat
from gateway.contacts.chat import ChatPort
from gateway.contacts.claims import Claims
from gateway.contacts.effects import Neighbours
from gateway.contacts.events import EndReason
from gateway.contacts.fold import CLOSED, fold_contact
from gateway.contacts.journal import ContactHistoryPort, JournalEvent, JournalPort, JournalSource
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
from gateway.contacts.states import ContactState
from gateway.contacts.views import Views
from gateway.parties import (
    AgentCard,
    AgentChanged,
    AgentNotice,
    AgentParty,
    AgentRequest,
    BoardShown,
    ClaimContact,
    CustomerHistory,
    CustomerNotice,
    CustomerRequest,
    Entry,
    NoticePort,
    SetNotReady,
    SetReady,
    TransferAgent,
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

_ROSTER_TIMER: Final = "roster"


class ContactDesk:
    """The `Desk` of `gateway.parties` over its ports. One per node."""

    def __init__(
        self,
        *,
        clock: Clock,
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
    ) -> None:
        self._clock = clock
        self._settings = settings
        self._rollout = rollout
        self._journal = journal
        self._history = history
        self._notices = notices
        self._media = media
        self._acd = acd
        self._roster = roster
        self._sites = {site.id: site for site in sites}
        self._queues = tuple(queues)
        self._supervisor = Supervisor("desk")
        self._deadlines = Deadlines(clock, self._supervisor)
        self._actors: dict[ContactId, ContactActor] = {}
        self._legs: dict[LegId, ContactId] = {}
        self._positions: dict[AgentId, AgentPosition] = {}  # not yet told to the ACD, newest per agent
        self._telling: asyncio.Task[None] | None = None
        self._rung: dict[AgentId, ContactId] = {}  # a contact rings there beside others
        self._claims = Claims(clock, settings.claim_attempts)
        self._draining = False
        self._tidy = asyncio.Event()
        views = Views(settings, tuple(queues), places)
        self._board = Board(
            clock=clock,
            deadlines=self._deadlines,
            notices=notices,
            views=views,
            queues=tuple(queues),
            contacts=lambda: [actor.contact for actor in self._actors.values()],
            seats=self._seats,
            draining=lambda: self._draining,
            kept_in=places.kept_in if places is not None else lambda _: 0,
        )
        self._neighbours = Neighbours(
            clock=clock,
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
            issue_claim=self._claims.issue,
            end_claim=self._claims.end,
            ring_at=self._ring_at,
            rings_no_more=self._rings_no_more,
            customers=customers,
            places=places,
            chat=chat,
        )
        self._recording = recording
        self._customers = customers

    # ------------------------------------------------------------ life

    async def start(self) -> None:
        """Close what a crash left open, then listen. PortFailure when the records are away."""
        await self._close_left_open()
        self._media.events.on(EVENT, self._from_media)
        self._acd.on_event(self._from_acd)
        self._acd.on_agent_event(self._agent_at_acd)
        self._recording.on_change(self._from_recording)
        if self._customers is not None:
            self._customers.on_known(self._from_crm)
        self._roster.on_change(self._agent_changed)
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
                while self._actors or self._telling is not None:
                    self._tidy.clear()
                    await self._tidy.wait()
        except TimeoutError:
            _log.error("desk.close_timed_out", contacts=len(self._actors))
        self._board.stop()
        if self._from_media in self._media.events.listeners(EVENT):
            self._media.events.remove_listener(EVENT, self._from_media)
        await self._supervisor.aclose()

    async def _close_left_open(self) -> None:
        for contact_id in await self._history.open_contacts():
            events = list(await self._journal.read(contact_id))
            if not events:
                continue
            last = events[-1]
            if last.name != CLOSED:
                closed = JournalEvent(
                    contact_id=contact_id,
                    seq=last.seq + 1,
                    name=CLOSED,
                    at=self._clock.now(),
                    mono_s=last.mono_s,  # another process's clock: what was measured ends with the last known fact
                    source=JournalSource.GATEWAY,
                    state=ContactState.CLOSED.value,
                    reason=EndReason.GATEWAY_RESTART.value,
                    data={"last_known_at": last.at.isoformat()},
                )
                self._journal.append(closed)
                events.append(closed)
            self._history.save(fold_contact(events))
            _log.warning("contact.left_open", contact_id=contact_id)

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

    def _actor(self, contact_id: ContactId) -> ContactActor:
        try:
            return self._actors[contact_id]
        except KeyError:
            raise StateConflict("contact_closed", "This call is over.") from None

    # ------------------------------------------------------------ agents

    async def agent_present(self, card: AgentCard, present: bool, *, page_gone: bool = False) -> None:
        record = self._roster.panel_came(card) if present else self._roster.panel_went(card.agent_id)
        actor = self._holder(record)
        if actor is not None:
            actor.post(messages.AgentPresence(agent_id=card.agent_id, present=present, page_gone=page_gone))

    async def agent_request(self, agent_id: AgentId, request: AgentRequest) -> None:
        match request:
            case SetReady():
                self._roster.set_ready(agent_id)
            case SetNotReady(reason=reason):
                self._roster.set_not_ready(agent_id, reason)
            case ClaimContact():
                await self._claim(agent_id, request)
            case _:
                actor = self._holder(self._roster.get(agent_id)) or self._ringer(agent_id)
                if actor is None:
                    raise StateConflict("no_contact", "You are not on a contact.")
                await actor.ask(messages.AgentAsked(agent_id=agent_id, request=request))

    async def _claim(self, agent_id: AgentId, request: ClaimContact) -> None:
        """Find the contact of a short id and ask it. NotFound (`claim_unknown`), TooManyRequests (`claim_limited`),
        StateConflict (`claim_over`, `claim_taken`, `agent_busy`)."""
        record = self._roster.get(agent_id)
        try:
            contact_id = self._claims.find(agent_id, request.correlation, request.address)
        except TooManyRequests:
            self.alarm("claims_guessed", f"An agent sends claim ids that lead nowhere: {record.card.display_name}.")
            raise
        if record.contact_id not in (None, contact_id):
            raise StateConflict("agent_busy", "End what you are on first.")
        actor = self._actors.get(contact_id)
        if actor is None:
            raise StateConflict("claim_over", "This call is over.")
        await actor.ask(messages.AgentClaims(agent_id=agent_id))

    def transfer_targets(self, agent_id: AgentId) -> TransferTargets:
        agents = [
            TransferAgent(
                agent_id=record.card.agent_id, display_name=record.card.display_name, ready=record.may_be_offered
            )
            for record in self._roster
            if record.card.agent_id != agent_id and record.absent_since_s is None and not record.card.visiting
        ]
        agents.sort(key=lambda each: (not each.ready, each.display_name, each.agent_id))
        return TransferTargets(queues=tuple((queue.id, queue.name) for queue in self._queues), agents=tuple(agents))

    async def agent_view(self, agent_id: AgentId) -> Sequence[AgentNotice]:
        record = self._roster.get(agent_id)
        notices: tuple[AgentNotice, ...] = (_changed(record),)
        actor = self._holder(record) or self._ringer(agent_id)
        if actor is not None:
            notices += await actor.ask(messages.AgentViewAsked(agent_id=agent_id)) or ()  # type: ignore[operator]
        return notices

    async def agent_logged_off(self, agent_id: AgentId) -> None:
        record = self._roster.find(agent_id)
        if record is None:
            return
        if record.state is AgentState.BUSY:
            raise StateConflict("agent_busy", "End the call first.")
        actor = self._holder(record)
        if actor is not None:
            await actor.ask(messages.AgentSignedOut(agent_id=agent_id))
        self._roster.log_off(agent_id)

    def is_on_contact(self, agent_id: AgentId) -> bool:
        return self._holder(self._roster.find(agent_id)) is not None

    def contact_of(self, agent_id: AgentId) -> ContactId | None:
        holder = self._holder(self._roster.find(agent_id))
        return holder.contact.contact_id if holder is not None else None

    async def caught_up(self, contact_id: ContactId) -> None:
        """Return when the contact has taken in all that was told of it until now. StateConflict when it has ended."""
        actor = self._actors.get(contact_id)
        if actor is not None:
            await actor.ask(messages.Tidied())

    def _holder(self, record: AgentRecord | None) -> ContactActor | None:
        """The contact that rings at the agent or is with them."""
        if record is None or record.contact_id is None:
            return None
        return self._actors.get(record.contact_id)

    def _ring_at(self, agent_id: AgentId, contact: Contact) -> bool:
        """Note that the contact rings at this agent beside others. False: they take no contacts, or one rings there."""
        record = self._roster.find(agent_id)
        if record is None or not record.may_be_offered or agent_id in self._rung:
            return False
        self._rung[agent_id] = contact.contact_id
        return True

    def _rings_no_more(self, agent_id: AgentId) -> None:
        self._rung.pop(agent_id, None)

    def _ringer(self, agent_id: AgentId) -> ContactActor | None:
        """The contact that rings at the agent beside others."""
        contact_id = self._rung.get(agent_id)
        return self._actors.get(contact_id) if contact_id is not None else None

    def _agent_changed(self, record: AgentRecord) -> None:
        agent_id = record.card.agent_id
        ringer = self._ringer(agent_id) if record.state is not AgentState.READY else None
        if ringer is not None:
            ringer.post(messages.RingLeft(agent_id=agent_id))
        self._notices.tell(AgentParty(agent_id=agent_id), _changed(record))
        if not record.card.visiting:  # whom an ACD lends us is in the state that it says
            self._positions[agent_id] = AgentPosition(
                agent_id=agent_id,
                queues=record.card.queues,
                state=record.state.value,
                reason=record.reason.value if record.reason is not None else None,
                ready_since=record.ready_since if record.may_be_offered else None,
                skills=record.card.skills,
                languages=record.card.languages,
            )
        if self._positions and self._telling is None:
            self._telling = self._supervisor.spawn(self._tell_positions(), name="agent-positions")
        deadline = self._roster.next_deadline()
        if deadline is None:
            self._deadlines.cancel(_ROSTER_TIMER)
        else:
            self._deadlines.set(_ROSTER_TIMER, deadline, self._roster.on_timer)
        self._board.changed()

    async def _tell_positions(self) -> None:
        """Tell the ACD of agents, one after another. Only the newest position of each is worth telling."""
        try:
            while self._positions:
                position = self._positions.pop(next(iter(self._positions)))
                try:
                    await self._acd.set_agent_state(position)
                except GatewayError as error:
                    self.alarm("acd_failed", f"An agent's state was not told to the ACD: {error.code}.", None)
        finally:
            self._telling = None
            self._tidy.set()

    def _seats(self) -> list[BoardSeat]:
        return [
            BoardSeat(
                agent_id=record.card.agent_id,
                display_name=record.card.display_name,
                queues=record.card.queues,
                state=record.state.value,
                reason=record.reason.value if record.reason is not None else None,
                since_s=record.since_s,
                contact_id=record.contact_id,
                ready=record.may_be_offered,
            )
            for record in self._roster
        ]

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

    def _agent_at_acd(self, event: AgentEvent) -> None:
        """An agent's state at a foreign ACD: theirs here follows as far as no contact of ours decides it."""
        record = self._roster.find(event.agent.agent_id) if event.agent.agent_id is not None else None
        if record is None:
            return
        agent_id = record.card.agent_id
        _log.info("agent.at_acd", agent_id=agent_id, state=event.state.value, reason=event.reason, source=event.source)
        match event.state:
            case AcdAgentState.READY:
                self._roster.follow_acd(agent_id)
            case AcdAgentState.NOT_READY | AcdAgentState.LOGGED_OFF:
                self._roster.pause_by_acd(agent_id, event.reason)
            case AcdAgentState.RINGING | AcdAgentState.BUSY | AcdAgentState.WRAP_UP:
                pass  # the contact's own events say what that means here

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
        self._rung = {agent: contact_id for agent, contact_id in self._rung.items() if contact_id != contact.contact_id}
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


def _changed(record: AgentRecord) -> AgentChanged:
    return AgentChanged(
        state=record.state.value,
        reason=record.reason.value if record.reason is not None else None,
        pending_reason=record.pending.value if record.pending is not None else None,
        contact_id=record.contact_id,
        queues=record.card.queues,
    )
