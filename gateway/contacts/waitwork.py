"""What a contact waits for: the next deadline is set after every message, and what is due when it comes is done.

Which deadlines there are is in `waits`.
"""

from collections.abc import Callable

from gateway.agents import states as a
from gateway.contacts import events, legs
from gateway.contacts.coupling import Event, Machine
from gateway.contacts.effects import Effects, Neighbours
from gateway.contacts.journal import JournalSource
from gateway.contacts.legwork import Legwork
from gateway.contacts.menuwork import Menuwork
from gateway.contacts.messages import DeadlineReached
from gateway.contacts.model import Contact
from gateway.contacts.ringing import Ringing
from gateway.contacts.states import ContactState
from gateway.contacts.waits import Wait, waits_of


class Waitwork:
    """Of one contact."""

    def __init__(
        self,
        contact: Contact,
        neighbours: Neighbours,
        effects: Effects,
        feed: Callable[[Machine, Event, JournalSource], None],
        legs: Legwork,
        menu: Menuwork,
        ringing: Ringing,
    ) -> None:
        self._contact = contact
        self._n = neighbours
        self._do = effects
        self._feed = feed
        self._legs = legs
        self._menu = menu
        self._ringing = ringing

    def afterwards(self) -> None:
        """Be woken at the next deadline, as things are now."""
        contact = self._contact
        due = waits_of(contact, self._n.settings)
        if due:
            at = min(due.values())
            self._n.deadlines.set(contact.contact_id, at, self._wake)
        else:
            self._n.deadlines.cancel(contact.contact_id)

    def _wake(self) -> None:
        self._do.post(DeadlineReached())

    def over(self) -> None:
        """Do the first thing that is due; what else is due comes with the next deadline."""
        now = self._n.clock.monotonic()
        due = sorted((at, wait) for wait, at in waits_of(self._contact, self._n.settings).items() if at <= now)
        if not due:
            return
        contact = self._contact
        clock = JournalSource.CLOCK
        match due[0][1]:
            case Wait.SETUP:
                self._feed(Machine.CONTACT, events.SetupTimedOut(), clock)
            case Wait.MENU_IDLE:
                self._menu.idle()
            case Wait.ANSWERED:
                self._menu.answered()
            case Wait.MAX_WAIT:
                self._feed(Machine.CONTACT, events.MaxWaitReached(), clock)
            case Wait.OFFER:
                self._feed(Machine.CONTACT, events.OfferTimedOut(), clock)
            case Wait.RING:
                self._ringing.unanswered()
            case Wait.RINGING_GRACE:
                self._feed(Machine.AGENT, a.PresenceLost(), clock)
            case Wait.CLAIM:
                self._feed(Machine.CONTACT, events.VoiceOnly(), clock)
            case Wait.TRANSFER:
                self._feed(Machine.CONTACT, events.TransferFailed(reason="timeout"), clock)
            case Wait.CONSULT_OFFER:
                self._feed(Machine.CONTACT, events.ConsultTimedOut(), clock)
            case Wait.CONSULT_GRACE if contact.state is ContactState.CONSULT_RINGING:
                self._feed(Machine.SECOND, a.PresenceLost(), clock)
            case Wait.CONSULT_GRACE:
                self._feed(Machine.SECOND_LEG, legs.GraceExpired(), clock)
            case Wait.CONSULT_BRIDGE:
                self._feed(Machine.CONTACT, events.ConsultFailed(), clock)
            case Wait.BRIDGE if contact.split:
                self._feed(Machine.CONTACT, events.VideoEnded(reason="not_connected"), clock)
            case Wait.BRIDGE:
                if contact.agent is not None and not contact.agent.side.connected:
                    self._feed(Machine.CONTACT, events.AgentLegFailed(), clock)
                else:
                    self._feed(Machine.CONTACT, events.CustomerUnreachable(), clock)
            case Wait.MAX_DURATION:
                self._feed(Machine.CONTACT, events.MaxDurationReached(), clock)
            case Wait.WRAP_UP:
                self._feed(Machine.CONTACT, events.WrapUpTimedOut(), clock)
            case Wait.CUSTOMER_SETUP:
                self._feed(Machine.CUSTOMER_LEG, legs.SetupTimedOut(), clock)
            case Wait.CUSTOMER_GRACE:
                self._feed(Machine.CUSTOMER_LEG, legs.GraceExpired(), clock)
            case Wait.AGENT_GRACE:
                self._feed(Machine.AGENT_LEG, legs.GraceExpired(), clock)
            case Wait.RELOAD:
                pass  # what the other side is told follows from the time
            case Wait.CLOSING:
                self._legs.give_up_closing(now)
