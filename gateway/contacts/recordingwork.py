"""What the people on a contact have to do with its recording: consent, payments, what is asked of it and shown.

When a recording begins and ends follows from the states (`consequences`); whether it may is the recording's own affair.
"""

from gateway.base.errors import StateConflict
from gateway.base.ids import AgentId
from gateway.contacts.effects import Effects, Neighbours
from gateway.contacts.journal import JournalSource
from gateway.contacts.model import Contact, Role, Side
from gateway.contacts.ports import RecordingView
from gateway.contacts.states import OVER, ContactState
from gateway.contacts.views import for_customer
from gateway.parties import GiveConsent, RecordingShown, ReportMedia


class Recordingwork:
    """Of one contact."""

    def __init__(self, contact: Contact, neighbours: Neighbours, effects: Effects) -> None:
        self._contact = contact
        self._n = neighbours
        self._do = effects

    # ------------------------------------------------------------ the customer

    def consent(self, answer: GiveConsent) -> None:
        """The customer has answered whether they may be recorded."""
        contact = self._contact
        contact.consent = answer.given
        contact.consent_at = self._n.clock.now()
        contact.consent_language = answer.language or contact.entry.language
        contact.notice_version = answer.notice_version
        name = "consent_given" if answer.given else "consent_refused"
        data = {"notice_version": answer.notice_version, "language": contact.consent_language}
        self._do.journal(name, JournalSource.CUSTOMER, data=data)
        if contact.bridged_at_s is not None:
            self._do.recording_consent(answer.given, answer.notice_version, contact.consent_language)

    def payment(self, is_open: bool) -> None:
        """The customer's page says that a payment is being entered, or is no more. Said again, nothing happens."""
        contact = self._contact
        if contact.payment_open is is_open:
            return
        contact.payment_open = is_open
        self._do.journal("payment_opened" if is_open else "payment_closed", JournalSource.CUSTOMER, data={})
        if contact.bridged_at_s is not None:
            self._do.recording_ask("pause" if is_open else "resume", "page")

    # ------------------------------------------------------------ agents, and both

    def asked(self, action: str, agent_id: AgentId) -> None:
        """An agent wants the recording to do something. StateConflict (`recording_not_now`)."""
        shown = self._contact.recording
        if shown is None or action not in shown.may:
            raise StateConflict("recording_not_now", "The recording can't do this just now.")
        self._do.recording_ask(action, f"agent:{agent_id}")

    def shows(self, side: Side, shows: ReportMedia) -> None:
        """This side has camera, microphone or screen on, or off, from now on."""
        side.shows = shows
        if self._contact.bridged_at_s is not None and side.role is not Role.SECOND:
            self._do.recording_shown(side.role, shows)

    # ------------------------------------------------------------ the recording

    def changed(self, view: RecordingView) -> None:
        """The recording is in another state: who is on the contact is shown it."""
        contact = self._contact
        shown = RecordingShown(state=view.state, notice_version=view.notice_version, may=view.may)
        if contact.state is ContactState.CLOSED:
            return
        if view.code is not None and view.state in ("on", "paused"):
            self._do.journal("recording_gap", JournalSource.RECORDING, reason=view.code)
        if shown == contact.recording:
            return
        before = contact.recording.state if contact.recording is not None else None
        contact.recording = shown
        if view.state != before:
            data = {"recording": view.state, "by": view.by}
            self._do.journal("recording_changed", JournalSource.RECORDING, reason=view.code, data=data)
            if contact.state not in OVER:
                self._do.tell_customer(for_customer(shown))
        self._do.tell_agent(shown)
