"""How a contact behaves: one message in, transitions by the tables, then what follows from them.

A message that is refused raises a GatewayError and has changed nothing. What belongs to one subject is in the module
of its name (`legwork`, `menuwork`, `recordingwork`, `ringing`, …), hands are in `effects`.
"""

from dataclasses import replace
from typing import Final

from gateway.agents import states as a
from gateway.base.errors import BadInput, StateConflict
from gateway.base.ids import AgentId
from gateway.base.log import get_logger
from gateway.contacts import events, messages
from gateway.contacts.acdwork import Acdwork
from gateway.contacts.arrival import Arrival
from gateway.contacts.chatwork import Chatwork
from gateway.contacts.consequences import Consequences
from gateway.contacts.coupling import (
    Applied,
    Event,
    Joint,
    Machine,
    Step,
    holds_agent,
    holds_second,
    settle,
)
from gateway.contacts.effects import Effects, Neighbours
from gateway.contacts.events import EndReason, LeaveCause
from gateway.contacts.handover import Handover
from gateway.contacts.journal import JournalSource
from gateway.contacts.legwork import Legwork
from gateway.contacts.menuwork import Menuwork
from gateway.contacts.messages import Message
from gateway.contacts.model import AgentOn, Contact, Role, Side
from gateway.contacts.placework import Placework
from gateway.contacts.qualitywork import Qualitywork
from gateway.contacts.recordingwork import Recordingwork
from gateway.contacts.ringing import Ringing
from gateway.contacts.states import CONSULTS, OVER, ContactState
from gateway.contacts.waitwork import Waitwork
from gateway.parties import (
    AcceptOffer,
    AgentNotice,
    AgentRequest,
    AskRecording,
    ChooseOption,
    CompleteTransfer,
    CustomerKnown,
    CustomerNotice,
    CustomerRequest,
    GiveConsent,
    HangUp,
    HoldContact,
    KeepPlace,
    OfferLeg,
    PressKeys,
    RejectOffer,
    ReportMedia,
    ReportQuality,
    RetrieveContact,
    SubmitWrapUp,
    TellPayment,
    TransferContact,
    WriteLine,
)
from media.port import LegQuality, LegVideoPaused, LegVideoResumed, LegVideoUnmatched

_log = get_logger("contact")

NOTES_LIMIT: Final = 4000

Reply = tuple[CustomerNotice, ...] | tuple[AgentNotice, ...] | None


class Conduct:
    """One contact's behaviour. Called only by its actor, one message at a time."""

    def __init__(self, contact: Contact, neighbours: Neighbours, effects: Effects) -> None:
        self.contact = contact
        self._n = neighbours
        self._do = effects
        self._legs = Legwork(contact, neighbours, effects, self._feed)
        self._chat = Chatwork(contact, neighbours, effects)
        self._consequences = Consequences(contact, neighbours, effects, self._chat)
        self._quality = Qualitywork(contact, neighbours, effects)
        self._ringing = Ringing(contact, neighbours, effects, self._feed)
        self._places = Placework(contact, neighbours, effects, self._feed)
        self._acd = Acdwork(contact, neighbours, effects, self._feed, self._ringing, self._places)
        self._handover = Handover(contact, neighbours, self._acd, self._feed)
        self._menu = Menuwork(contact, neighbours, effects, self._legs, self._feed)
        self._arrival = Arrival(contact, neighbours, effects, self._feed, self._menu)
        self._recording = Recordingwork(contact, neighbours, effects)
        self._waits = Waitwork(contact, neighbours, effects, self._feed, self._legs, self._menu, self._ringing)

    @property
    def finished(self) -> bool:
        """Closed, and nothing of it is left anywhere."""
        return self.contact.state is ContactState.CLOSED and not self.contact.transports and self._do.idle

    def handle(self, message: Message) -> Reply:
        """Take one message; a view is answered. Raises GatewayError when a request is not possible now."""
        try:
            return self._handle(message)
        finally:
            self._afterwards()

    def end(self, reason: EndReason) -> None:
        """The gateway ends the contact, whatever its state. Idempotent."""
        if self.contact.state is not ContactState.CLOSED:
            self._feed(Machine.CONTACT, events.Aborted(reason=reason), JournalSource.GATEWAY)
        self._afterwards()

    # ------------------------------------------------------------ messages

    def _handle(self, message: Message) -> Reply:
        match message:
            case messages.Start():
                self._arrival.begin()
            case messages.CustomerAsked(request=request):
                self._customer(request)
            case messages.AgentAsked(agent_id=agent_id, request=request) if self._ringing.rings_at(agent_id):
                self._ringing.asked(agent_id, request)
            case messages.AgentAsked(request=request):
                role = self._must_be_with(message.agent_id)
                self._agent(request, role)
            case messages.CustomerViewAsked():
                self._must_be_on()
                return (
                    *self._n.views.for_customer(self.contact, self._now()),
                    *self._quality.view(Role.CUSTOMER),
                    *self._chat.for_customer(),
                )
            case messages.AgentViewAsked(agent_id=agent_id):
                as_ = self.contact.role_of(agent_id)
                if as_ is Role.SECOND:
                    return self._n.views.for_second(self.contact, self._now())
                if as_ is None:
                    return self._ringing.view(agent_id)
                return (
                    *self._n.views.for_agent(self.contact, self._now()),
                    *self._quality.view(Role.AGENT),
                    *self._chat.for_agent(),
                )
            case messages.CustomerPresence(present=present, page_gone=page_gone):
                self._presence(self.contact.customer, present, page_gone)
            case messages.AgentPresence(agent_id=agent_id, present=present, page_gone=page_gone):
                as_ = self.contact.role_of(agent_id)
                side = self.contact.side(as_) if as_ is not None else None
                if side is not None:
                    self._know_agent(agent_id)
                    self._presence(side, present, page_gone)
            case messages.AgentSignedOut(agent_id=agent_id):
                as_ = self.contact.role_of(agent_id)
                if as_ is not None:
                    machine = Machine.AGENT if as_ is Role.AGENT else Machine.SECOND
                    self._feed(machine, a.LoggedOff(), JournalSource.AGENT)
            case messages.RingLeft(agent_id=agent_id):
                self._ringing.left(agent_id)
            case messages.FromMedia(event=LegQuality() as measured):
                self._quality.measured(measured)
            case messages.FromMedia(event=LegVideoPaused() | LegVideoResumed() as event):
                self._quality.paused(event)
            case messages.FromMedia(event=LegVideoUnmatched() as event):
                self._quality.unmatched(event)
                if event.in_common:
                    self._legs.renew(event)
            case messages.FromMedia(event=event):
                self._legs.media(event)
            case messages.FromAcd(event=event):
                self._acd.said(event)
            case messages.OfferedAnew():
                if self.contact.acd is not None:
                    self.contact.acd.begin_again()
            case messages.TransferRefused(code=code):
                self._handover.refused(code)
            case messages.AgentClaims(agent_id=agent_id):
                self._handover.claim(agent_id)
            case messages.FromRecording(view=view):
                self._recording.changed(view)
            case messages.PlaceIsKept():
                self._places.kept(message)
            case messages.PlaceIsNotKept():
                self._places.not_kept(message)
            case messages.FromCrm(history=history):
                self.contact.history = history
                self._do.tell_agent(CustomerKnown(contact_id=self.contact.contact_id, history=history))
            case messages.LegOpened(leg_id=leg_id, sdp=sdp):
                self._legs.opened(leg_id, sdp)
            case messages.LegNotOpened(leg_id=leg_id, code=code, detail=detail):
                self._legs.not_opened(leg_id, code, detail)
            case messages.SourceRefused(leg_id=leg_id, code=code):
                self._legs.source_refused(leg_id, code)
            case messages.DeadlineReached():
                self._waits.over()
            case messages.End(reason=reason):
                self.end(reason)
            case messages.Tidied():
                pass
        return None

    def _customer(self, request: CustomerRequest) -> None:
        self._must_be_on()
        match request:
            case ChooseOption(node_id=node_id, key=key):
                self._menu.choose(node_id, key)
            case OfferLeg():
                self._legs.offered(Role.CUSTOMER, request)
            case GiveConsent():
                self._recording.consent(request)
            case TellPayment(open=is_open):
                self._recording.payment(is_open)
            case ReportMedia():
                self._recording.shows(self.contact.customer, request)
            case ReportQuality():
                self._quality.reported(Role.CUSTOMER, request)
            case WriteLine():
                self._chat.written(Role.CUSTOMER, request)
            case PressKeys(keys=keys):
                self._press(keys)
            case KeepPlace():
                self._places.asked()
            case HangUp():
                self._customer_hung_up()

    def _agent(self, request: AgentRequest, role: Role) -> None:
        contact = self.contact
        agent, side = contact.agent, contact.side(role)
        if agent is None or side is None:
            return
        match request:
            case OfferLeg():
                self._legs.offered(role, request)
            case ReportMedia():
                self._recording.shows(side, request)
            case ReportQuality():
                self._quality.reported(role, request)
            case _ if role is Role.SECOND:
                self._handover.asked(request)
            case WriteLine():
                self._chat.written(role, request)
            case AcceptOffer(offer_id=offer_id) | RejectOffer(offer_id=offer_id):
                if agent.offer_id != offer_id or contact.state is not ContactState.OFFERED:
                    raise StateConflict("offer_stale", "This offer is over.")
                accepted = isinstance(request, AcceptOffer)
                answer = events.OfferAccepted() if accepted else events.OfferRejected()
                self._feed(Machine.CONTACT, answer, JournalSource.AGENT)
            case AskRecording(action=action):
                self._recording.asked(action, agent.agent_id)
            case HoldContact():
                self._feed(Machine.CONTACT, events.Held(), JournalSource.AGENT)
            case RetrieveContact() if contact.state in CONSULTS:
                self._handover.back_to_customer()
            case RetrieveContact():
                self._feed(Machine.CONTACT, events.Retrieved(), JournalSource.AGENT)
            case TransferContact():
                self._handover.transfer(request)
            case CompleteTransfer():
                self._handover.complete()
            case HangUp() if contact.state in CONSULTS:
                self._handover.hang_up()
            case HangUp() if contact.split and contact.state not in OVER:
                self._feed(Machine.CONTACT, events.VideoEnded(reason="closed"), JournalSource.AGENT)
            case HangUp():
                bridging = contact.state is ContactState.BRIDGING
                left = events.AgentLegFailed(reason="declined") if bridging else events.AgentReleased()
                self._feed(Machine.CONTACT, left, JournalSource.AGENT)
            case SubmitWrapUp(disposition=disposition, notes=notes):
                if disposition not in self._n.settings.dispositions:
                    raise BadInput("unknown_disposition", "Choose one of: " + ", ".join(self._n.settings.dispositions))
                if len(notes) > NOTES_LIMIT:
                    raise BadInput("notes_too_long", f"Notes may have {NOTES_LIMIT} characters.")
                done = events.WrapUpSubmitted(disposition=disposition, notes=notes)
                self._feed(Machine.CONTACT, done, JournalSource.AGENT)
            case _:
                raise StateConflict("not_for_contacts", "This is not asked of a contact.")

    def _must_be_on(self) -> None:
        if self.contact.state in OVER:
            raise StateConflict("contact_closed", "This call is over.")

    def _must_be_with(self, agent_id: AgentId) -> Role:
        role = self.contact.role_of(agent_id)
        if role is None:
            raise StateConflict("not_your_contact", "You are not on this contact.")
        return role

    def _customer_hung_up(self) -> None:
        if self.contact.answered_since_s is not None:
            self._menu.answered()
        else:
            self._feed(Machine.CONTACT, events.CustomerLeft(cause=LeaveCause.HUNG_UP), JournalSource.CUSTOMER)

    # ------------------------------------------------------------ people beside the states

    def _know_agent(self, agent_id: AgentId) -> None:
        """Whom the ACD named before their panel came has a name from now on."""
        on, record = self.contact.agent, self._n.agents.find(agent_id)
        if on is not None and record is not None and on.agent_id == agent_id:
            on.card = record.card

    def _presence(self, side: Side, present: bool, page_gone: bool) -> None:
        side.page_left = page_gone if present else side.page_left or page_gone
        if side.present is present:
            return
        side.present = present
        if present:
            side.setup_since_s = self._now()
        if self.contact.state not in OVER:
            name = "signaling_resumed" if present else "signaling_lost"
            source = JournalSource.CUSTOMER if side.role is Role.CUSTOMER else JournalSource.AGENT
            self._do.journal(name, source, reason="page_gone" if page_gone else None, data={"side": side.role.value})

    def _press(self, keys: str) -> None:
        """Not written down anywhere: what is keyed in may be a PIN."""
        contact = self.contact
        if not contact.split or contact.acd is None or contact.acd.voice is None:
            raise StateConflict("keys_not_now", "There is no telephone call to press keys in just now.")
        self._do.press_keys(contact.acd.voice, keys)

    # ------------------------------------------------------------ transitions

    def _now(self) -> float:
        return self._n.clock.monotonic()

    def _joint(self) -> Joint:
        contact = self.contact
        return replace(
            contact.joint_without_agents(), agent=self._state_of(contact.agent), second=self._state_of(contact.second)
        )

    def _state_of(self, on: AgentOn | None) -> a.AgentState | None:
        if on is None:
            return None
        record = self._n.agents.find(on.agent_id)
        return record.state if record is not None else a.AgentState.LOGGED_OFF

    def _feed(self, machine: Machine, event: Event, source: JournalSource) -> None:
        """One event to the coupled machines, and everything that follows from it."""
        try:
            step = settle(self._joint(), machine, event)
        except StateConflict:
            if isinstance(event, events.OfferMade | events.Claimed):
                self.contact.agent = None
            elif isinstance(event, events.ConsultStarted):
                self.contact.second = None
            raise
        self._commit(step, source)

    def _commit(self, step: Step, source: JournalSource) -> None:
        for index, applied in enumerate(step.applied):
            match applied.machine:
                case Machine.CONTACT:
                    # What follows from it by our rules the ACD does not know, even if it said the first word.
                    told_by_acd = source is JournalSource.ACD and index == 0
                    self._contact_moved(applied, source, told_by_acd=told_by_acd)
                case Machine.CUSTOMER_LEG:
                    self._legs.moved(Role.CUSTOMER, applied)
                case Machine.AGENT_LEG:
                    self._legs.moved(Role.AGENT, applied)
                case Machine.SECOND_LEG:
                    self._legs.moved(Role.SECOND, applied)
                case Machine.AGENT:
                    self._agent_moved(applied, self.contact.agent)
                case Machine.SECOND:
                    self._agent_moved(applied, self.contact.second)
        if self.contact.agent is not None and not holds_agent(step.joint):
            self.contact.agent = None
        if self.contact.second is not None and not holds_second(step.joint):
            self.contact.second = None

    def _agent_moved(self, applied: Applied, on: AgentOn | None) -> None:
        if on is None:
            return
        event = applied.event
        if isinstance(event, a.OfferMade | a.Claimed):
            event = type(event)(contact_id=self.contact.contact_id)
        self._n.agents.apply(on.agent_id, event)  # type: ignore[arg-type]

    def _contact_moved(self, applied: Applied, source: JournalSource, *, told_by_acd: bool) -> None:
        contact = self.contact
        if ContactState(applied.after) in OVER:
            self._quality.end()  # before `closed`, which is the last word
        before, contact.state = contact.state, ContactState(applied.after)
        if contact.state is not before:
            contact.state_since_s = self._now()
            _log.info(
                "contact.transition",
                before=before.value,
                after=contact.state.value,
                event_name=type(applied.event).__name__,
            )
        self._consequences.follow(applied, source, offerable=self._legs.offerable, told_by_acd=told_by_acd)

    # ------------------------------------------------------------ after every message

    def _afterwards(self) -> None:
        """What follows from the state as it is now, whatever led to it."""
        self._ringing.afterwards()
        self._legs.afterwards()
        self._quality.afterwards()
        self._waits.afterwards()
        self._n.board_changed()
