"""What follows from a transition of the contact, in order: its own facts, journal, ACD, recording, people.

The tables have decided; nothing in here may refuse.
"""

import re
from datetime import UTC, datetime
from typing import Final, cast

from gateway.acd.events import TargetKind, TransferMode, TransferTarget
from gateway.acd.port import AcdMode, ContactOffer, DeclineReason
from gateway.base.ids import AgentId
from gateway.contacts import events, states
from gateway.contacts.chatwork import Chatwork
from gateway.contacts.coupling import Applied, RecordingCommand, recording_command
from gateway.contacts.effects import Effects, Neighbours, visitor_hash
from gateway.contacts.events import ContactEvent
from gateway.contacts.journal import JournalSource, JournalValue
from gateway.contacts.legs import LegState
from gateway.contacts.model import NOTHING_SHOWN, AtAcd, Contact, InQueue
from gateway.contacts.ports import RecordingOrder
from gateway.contacts.states import IN_CALL, OVER, WAITING, ContactState
from gateway.parties import OfferEnded

_OFFER_ENDS: Final[dict[type, str]] = {
    events.OfferAccepted: "accepted",
    events.OfferRejected: "rejected",
    events.OfferTimedOut: "timed_out",
    events.ConsultAccepted: "accepted",
    events.ConsultRejected: "rejected",
    events.ConsultTimedOut: "timed_out",
}


class Consequences:
    """Of the transitions of one contact."""

    def __init__(self, contact: Contact, neighbours: Neighbours, effects: Effects, chat: Chatwork) -> None:
        self.contact = contact
        self._n = neighbours
        self._do = effects
        self._chat = chat

    def follow(self, applied: Applied, source: JournalSource, *, offerable: bool, told_by_acd: bool = False) -> None:
        """The contact has just moved. `offerable`: an agent would find the customer. `told_by_acd`: it said so."""
        contact, event = self.contact, cast("ContactEvent", applied.event)
        before, after = ContactState(applied.before), ContactState(applied.after)
        changed = after is not before
        now = self._n.clock.monotonic()
        self._keep(before, event, now, offerable=offerable, told_by_acd=told_by_acd)
        self._do.journal(
            _snake(type(event).__name__),
            source,
            reason=_reason(event),
            data=self._facts(event),
            state_changed=changed and after is not ContactState.CLOSED,
        )
        if after is ContactState.CLOSED:
            reason = contact.end_reason.value if contact.end_reason is not None else None
            self._do.journal("closed", JournalSource.GATEWAY, reason=reason, state_changed=True)
        if told_by_acd:
            self._answer_acd(event, after)
        else:
            self._tell_acd(before, event, after)
        self._tell_recording(applied)
        if after in OVER and before not in OVER:
            self._n.end_claim(contact.contact_id)
        if changed:
            self._tell_people(before, event, after, now)

    def _keep(
        self, before: ContactState, event: ContactEvent, now: float, *, offerable: bool, told_by_acd: bool
    ) -> None:
        """What the contact itself must remember of the event."""
        contact = self.contact
        if contact.end_reason is None:
            contact.end_reason = states.end_reason(before, event, connected_once=contact.customer.connected_once)
        match event:
            case events.Enqueued():
                contact.line = InQueue(
                    queue=event.queue,
                    priority=event.priority,
                    language=event.language,
                    path=event.path,
                    queued_at=self._queued_at(),
                    waiting_since_s=now,
                    offerable=offerable,
                )
                self._meet_acd(event.queue)
            case events.OfferAccepted() | events.Claimed() if contact.agent is not None:
                contact.agent.side.leg = LegState.NEW
            case events.ConsultAccepted() if contact.second is not None:
                contact.second.side.leg = LegState.NEW
            case events.TransferCompleted():
                contact.change_places()
            case events.TransferStarted(kind=kind, target=target) if contact.acd is not None:
                known = kind in list(TargetKind)
                contact.acd.asked_for = TransferTarget(kind=TargetKind(kind), value=target) if known else None
                contact.acd.transfers_held = before is ContactState.HELD
            case events.Transferred(queue=queue) if contact.line is not None:
                contact.line.waiting_since_s = now
                contact.line.place = None
                if self._n.views.knows_queue(queue):  # a foreign ACD may call it by a name of its own
                    contact.line.queue = queue
                    if not told_by_acd:
                        self._meet_acd(queue)
            case events.Bridged() if contact.bridged_at_s is None:
                contact.bridged_at_s = now
            case events.AgentLegLost() if contact.line is not None:
                contact.line.waiting_since_s = now
            case _:
                pass

    def _queued_at(self) -> datetime:
        """When the customer came into line: who is back for a kept place did so before they left."""
        invitation = self.contact.entry.invitation
        if invitation is None or invitation.place is None:
            return self._n.clock.now()
        return datetime.fromtimestamp(invitation.place.queued_s, UTC)

    def _meet_acd(self, queue: str) -> None:
        contact = self.contact
        capabilities = self._n.acd.capabilities(queue)
        if contact.acd is None:
            contact.acd = AtAcd(capabilities=capabilities)
        contact.acd.capabilities = capabilities
        if capabilities.mode is AcdMode.CALL and not contact.acd.correlation:
            contact.acd.correlation = self._n.issue_claim(contact.contact_id)

    def _tell_people(self, before: ContactState, event: ContactEvent, after: ContactState, now: float) -> None:
        contact, do, views = self.contact, self._do, self._n.views
        changed = views.contact_changed(contact, now)
        do.tell_customer(changed)
        if before is ContactState.OFFERED and contact.agent is not None:
            reason = _OFFER_ENDS.get(type(event), "withdrawn")
            do.tell_agent(OfferEnded(offer_id=contact.agent.offer_id, reason=reason))
        if after is ContactState.OFFERED:
            do.tell_agent(views.offer(contact, now))
            return
        if before is ContactState.CONSULT_RINGING and contact.second is not None:
            reason = _OFFER_ENDS.get(type(event), "withdrawn")
            do.tell_second(OfferEnded(offer_id=contact.second.offer_id, reason=reason))
        match event:
            case events.OfferAccepted() | events.Claimed() | events.TransferCompleted():
                do.tell_agent(views.assigned(contact))
                for written in self._chat.for_agent():
                    do.tell_agent(written)
            case events.ConsultStarted():
                do.tell_second(views.offer_to_second(contact, now))
            case events.ConsultAccepted():
                do.tell_second(views.assigned_to_second(contact))
                do.tell_second(changed)
            case _:
                pass
        if before is not ContactState.OFFERED or after is ContactState.BRIDGING:
            do.tell_agent(changed)
        if after is ContactState.WRAP_UP:
            do.tell_agent(views.wrap_up(contact, now))

    def _tell_acd(self, before: ContactState, event: ContactEvent, after: ContactState) -> None:
        contact, do = self.contact, self._do
        line, agent = contact.line, contact.agent
        match event:
            case events.Enqueued() if line is not None:
                do.enqueue(self._offer(line))
            case events.OfferAccepted() if agent is not None:
                do.acd_accept(agent.offer_id)
            case events.OfferRejected() if agent is not None:
                do.acd_decline(agent.offer_id, DeclineReason.DECLINED)
            case events.OfferTimedOut() if agent is not None:
                do.acd_decline(agent.offer_id, DeclineReason.NO_ANSWER)
            case events.OfferWithdrawn() if agent is not None:
                do.acd_decline(agent.offer_id, DeclineReason.WITHDRAWN)
            case events.Bridged():
                do.acd_confirm(True)
            case events.AgentLegFailed() | events.CustomerUnreachable():
                do.acd_confirm(False)
            case events.AgentLegLost():
                do.acd_requeue("agent_lost")
            case events.Claimed(agent_id=agent_id):
                do.acd_claimed(agent_id)
            case events.Held():
                do.acd_hold()
            case events.Retrieved():
                do.acd_resume()
            case events.TransferStarted(kind=kind, target=target):
                do.acd_transfer(TransferMode.BLIND, TransferTarget(kind=TargetKind(kind), value=target))
            case events.TransferFailed():
                self._back_from_transfer()
            case events.ConsultStarted() if before is ContactState.ACTIVE:
                do.acd_hold()
            case events.ConsultRejected() | events.ConsultTimedOut() | events.ConsultFailed() | events.ConsultEnded():
                do.acd_resume()
            case events.TransferCompleted() if agent is not None:
                do.acd_resume()
                do.acd_claimed(agent.agent_id)
            case events.Transferred(agent_id=agent_id) if line is not None:
                do.acd_offer_anew(self._offer(line, preferred=AgentId(agent_id) if agent_id else None), "transfer")
            case events.WrapUpSubmitted(disposition=disposition):
                do.acd_complete(disposition)
            case _ if after in OVER and before is not after:
                self._acd_over(before, after)
            case _:
                pass

    def _offer(self, line: InQueue, *, preferred: AgentId | None = None) -> ContactOffer:
        contact, invitation = self.contact, self.contact.entry.invitation
        if preferred is None and invitation is not None:
            preferred = invitation.agent_id
        place = invitation.place if invitation is not None else None
        return ContactOffer(
            contact_id=contact.contact_id,
            site=contact.entry.site,
            queue=line.queue,
            language=line.language,
            priority=line.priority,
            queued_at=line.queued_at,
            display_name=contact.entry.display_name,
            canary=contact.entry.canary,
            offerable=line.offerable,
            correlation=contact.acd.correlation if contact.acd is not None else "",
            preferred_agent=preferred,
            previous_contact_id=place.contact_id if place is not None else None,
            customer_key=visitor_hash(contact.entry.visitor_key),
            menu_path=line.path,
            returning=contact.bridged_at_s is not None,
        )

    def _answer_acd(self, event: ContactEvent, after: ContactState) -> None:
        """The ACD said so itself: it is told only what it can't know, and that it may forget the contact."""
        match event:
            case events.Claimed(agent_id=agent_id):  # it named the agent; that the video is theirs it does not know
                self._do.acd_claimed(agent_id)
            case events.QueueLeft(reason=reason) | events.PlaceKept(reason=reason):
                self._do.acd_cancel(reason)
            case events.CallEnded() if after is ContactState.CLOSED:
                self._do.acd_complete(None)
            case events.TransferFailed():
                self._back_from_transfer()
            case _:
                pass

    def _back_from_transfer(self) -> None:
        """The two talk on; an ACD that was told to hold the customer would hold them still."""
        if self.contact.acd is not None and self.contact.acd.transfers_held:
            self._do.acd_resume()

    def _acd_over(self, before: ContactState, after: ContactState) -> None:
        reason = self.contact.end_reason.value if self.contact.end_reason is not None else ""
        in_call = before in IN_CALL or before is ContactState.VOICE
        if in_call or (before is ContactState.BRIDGING and self.contact.split):
            self._do.acd_end(reason)
        elif before in WAITING:
            self._do.acd_cancel(reason)
        if after is ContactState.CLOSED and (in_call or before is ContactState.WRAP_UP):
            self._do.acd_complete(None)

    def _tell_recording(self, applied: Applied) -> None:
        contact, do = self.contact, self._do
        command = recording_command(applied, bridged_once=contact.bridged_at_s is not None)
        match command:
            case None:
                pass
            case RecordingCommand.BEGIN:
                self._begin_recording()
            case RecordingCommand.STOP:
                do.recording_stop(contact.end_reason.value if contact.end_reason is not None else "")
            case _:
                do.recording_mark(command.value)

    def _begin_recording(self) -> None:
        contact, agent = self.contact, self.contact.agent
        if agent is None or agent.side.transport is None or contact.customer.transport is None:
            return
        self._do.recording_begin(
            RecordingOrder(
                contact_id=contact.contact_id,
                agent_id=agent.agent_id,
                customer_leg=contact.customer.transport,
                agent_leg=agent.side.transport,
                telephone_leg=contact.acd.voice if contact.acd is not None and contact.split else None,
                queue=contact.line.queue if contact.line is not None else "",
                notice_version=contact.notice_version or contact.entry.notice_version,
                consent=contact.consent,
                consent_at=contact.consent_at or contact.started_at,
                language=contact.consent_language or contact.entry.language,
                payment_open=contact.payment_open,
            )
        )
        for side in (contact.customer, agent.side):
            if side.shows is not NOTHING_SHOWN:  # a robot never says; what it sends is expected as it comes
                self._do.recording_shown(side.role, side.shows)

    def _facts(self, event: ContactEvent) -> dict[str, JournalValue]:
        """What the journal keeps of the event."""
        agent = self.contact.agent
        match event:
            case events.MenuStarted(node_id=node_id) | events.SelfServed(node_id=node_id):
                return {"node_id": node_id}
            case events.OptionChosen(node_id=node_id, key=key):
                return {"node_id": node_id, "key": key}
            case events.Enqueued():
                return {
                    "queue": event.queue,
                    "priority": event.priority,
                    "language": event.language,
                    "path": list(event.path),
                }
            case events.WrapUpSubmitted(disposition=disposition, notes=notes):
                return {"disposition": disposition, "notes": notes}
            case events.CallEnded(by=by):
                return {"by": by}
            case events.Transferred(queue=queue, agent_id=target) if agent is not None:
                return {"agent_id": agent.agent_id, "queue": queue, "to_agent_id": target}
            case events.ConsultStarted(offer_id=offer_id, agent_id=target) if agent is not None:
                return {"agent_id": agent.agent_id, "to_agent_id": target, "offer_id": offer_id}
            case events.TransferStarted(kind=kind, target=target) if agent is not None:
                return {"agent_id": agent.agent_id, "to": kind, "target": target}
            case _ if agent is not None and self.contact.state is not ContactState.CLOSED:
                return {"agent_id": agent.agent_id, "offer_id": agent.offer_id}
            case _:
                return {}


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def _reason(event: ContactEvent) -> str | None:
    match event:
        case events.CustomerLeft(cause=cause):
            return cause.value
        case (
            events.AgentLegFailed(reason=reason)
            | events.QueueLeft(reason=reason)
            | events.PlaceKept(reason=reason)
            | events.CallEnded(reason=reason)
            | events.VoiceOnly(reason=reason)
            | events.VideoEnded(reason=reason)
            | events.TransferFailed(reason=reason)
            | events.ConsultEnded(reason=reason)
        ):
            return reason
        case events.AgentLegLost():
            return "agent_lost"
        case events.Aborted(reason=aborted):
            return aborted.value
        case _:
            return None
