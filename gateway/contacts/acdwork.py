"""What an ACD says of a contact, and what it means: duplicates, late ones and unknown ones harm nothing.

Everything it says is written into the journal with its source, whether it was made up, and its raw form. Which command
goes back to the ACD follows from the transition (`consequences`), never from here: what the ACD told is not told it.
"""

import json
import re
from collections.abc import Callable
from typing import Final

from gateway.acd import events as acd
from gateway.acd.events import RAW_LIMIT_BYTES, AcdEvent, AcdEventBody, AgentName
from gateway.acd.port import AcdMode, DeclineReason
from gateway.base.ids import OfferId, new_offer_id
from gateway.contacts import events
from gateway.contacts.coupling import Event, Machine
from gateway.contacts.effects import Effects, Neighbours
from gateway.contacts.journal import JournalSource, JournalValue
from gateway.contacts.model import AtAcd, Contact, Role, take_on
from gateway.contacts.placework import Placework
from gateway.contacts.ports import AgentOfRoster
from gateway.contacts.ringing import Ringing
from gateway.contacts.states import CONTACT, IN_CALL, ContactState
from media.port import TELEPHONE

PREFIX: Final = "acd_"
"""What the names of journal events begin with that only say what an ACD said."""

_IN_LINE: Final = frozenset({ContactState.QUEUED, ContactState.OFFERED})
_ORDERED: Final = (acd.Queued, acd.Held, acd.Resumed, acd.VoiceUp, acd.Transferring, acd.TransferFailed)
"""Where the last one counts: a late one moves nothing. The others say what is over for good, or name their offer."""


class Acdwork:
    """The ACD's side of one contact."""

    def __init__(
        self,
        contact: Contact,
        neighbours: Neighbours,
        effects: Effects,
        feed: Callable[[Machine, Event, JournalSource], None],
        ringing: Ringing,
        places: Placework,
    ) -> None:
        self._contact = contact
        self._n = neighbours
        self._do = effects
        self._feed = feed
        self._ringing = ringing
        self._places = places

    def said(self, event: AcdEvent) -> None:
        """One event of the ACD."""
        here = self._contact.acd
        if here is None or here.is_repeated(event):
            return
        here.attempt = max(here.attempt, event.attempt)
        late = here.is_late(event)
        self._write(event, here, late=late)
        if not (late and isinstance(event.body, _ORDERED)):
            self._mean(event.body, here)

    def _mean(self, body: AcdEventBody, here: AtAcd) -> None:
        contact = self._contact
        match body:
            case acd.Queued(place=place, estimate_s=estimate_s):
                if contact.state in _IN_LINE and contact.line is not None:
                    contact.line.place = self._n.views.queue_place(contact, place, estimate_s, self._now())
                    self._do.tell_customer(contact.line.place)
            case acd.Reserved() if here.capabilities.mode is not AcdMode.CALL:
                self._reserved(body, here)
            case acd.Ringing(offers=offers):
                self._ringing.begins(offers)
            case acd.Rejected(offer_id=offer_id, reason=reason):
                self._taken_back(offer_id, reason)
            case acd.NoAnswer(offer_id=offer_id):
                if self._rings(offer_id):
                    self._move(events.OfferTimedOut())
            case acd.Accepted(offer_id=offer_id):
                if self._rings(offer_id):
                    self._move(events.OfferAccepted())
            case acd.Connected(agent=agent):
                self._connected(agent)
            case acd.VoiceUp(leg_id=leg_id, answered=answered) if contact.split:
                if here.voice != leg_id:
                    here.voice, here.voice_source = leg_id, None
                    if contact.bridged_at_s is not None:
                        self._do.recording_attach(leg_id, TELEPHONE)
                if answered and here.answered_at_s is None:
                    here.answered_at_s = self._now()
            case acd.Held():
                self._move(events.Held())
            case acd.Resumed():
                self._move(events.Retrieved())
            case acd.Transferring(mode=acd.TransferMode.BLIND, target=target):
                kind, value = (target.kind.value, target.value) if target is not None else ("", "")
                self._move(events.TransferStarted(kind=kind, target=value))
            case acd.Transferred(queue=queue, agent=agent):
                self._transferred(queue, agent)
            case acd.TransferFailed(reason=reason):
                self._move(events.TransferFailed(reason=reason))
            case acd.Abandoned():
                self._move(events.CallEnded(by=acd.Party.CUSTOMER.value, reason="abandoned"))
            case acd.QueueExit(reason=reason, kept=True):
                self._places.let_go(reason.value)
            case acd.QueueExit(reason=reason):
                self._move(events.QueueLeft(reason=reason.value))
            case acd.Ended(by=by, reason=reason):
                self._move(events.CallEnded(by=by.value, reason=reason))
            case acd.WrapUpStarted():
                if contact.state in IN_CALL:  # the end was not told
                    self._move(events.CallEnded())
            case acd.WrapUpDone(disposition=disposition):
                self._wrapped_up(disposition)
            case _:
                pass  # Offered, a reservation in call mode, what nobody knows: written down

    # ------------------------------------------------------------ offers

    def _reserved(self, reserved: acd.Reserved, here: AtAcd) -> None:
        contact = self._contact
        if self._ringing.given(reserved.offer_id):
            return
        agent = self._n.agents.find(reserved.agent_id) if reserved.agent_id is not None else None
        absent = agent is None or agent.absent_since_s is not None
        if reserved.agent_id is not None and absent and here.capabilities.opens_panels:
            agent = self._n.agents.expect(reserved.agent_id)
        if agent is not None and here.capabilities.mode is AcdMode.TASK:
            self._n.agents.follow_acd(agent.card.agent_id)  # whom it routes to is its own to decide
        possible = contact.state is ContactState.QUEUED and agent is not None and agent.may_be_offered
        if agent is None or not possible:
            if not self._rings(reserved.offer_id):
                self._do.acd_decline(reserved.offer_id, DeclineReason.WITHDRAWN)
            return
        here.offer_left_s = reserved.deadline_s
        contact.agent = take_on(agent, reserved.offer_id, Role.AGENT, self._now())
        self._move(events.OfferMade(offer_id=reserved.offer_id, agent_id=agent.card.agent_id))

    def _taken_back(self, offer_id: OfferId, reason: acd.RejectReason) -> None:
        contact = self._contact
        self._ringing.lost(offer_id)
        if self._rings(offer_id):
            match reason:
                case acd.RejectReason.WITHDRAWN:
                    self._move(events.OfferWithdrawn())
                case acd.RejectReason.UNREACHABLE:
                    self._move(events.OfferTimedOut())
                case acd.RejectReason.DECLINED | acd.RejectReason.BUSY:
                    self._move(events.OfferRejected())
        elif contact.state is ContactState.BRIDGING and contact.agent and contact.agent.offer_id == offer_id:
            self._move(events.OfferWithdrawn())

    def _rings(self, offer_id: OfferId) -> bool:
        agent = self._contact.agent
        return self._contact.state is ContactState.OFFERED and agent is not None and agent.offer_id == offer_id

    # ------------------------------------------------------------ the call

    def _connected(self, name: AgentName | None) -> None:
        contact = self._contact
        if contact.state is ContactState.OFFERED and not contact.split:
            agent = contact.agent
            if agent is not None and (name is None or name.agent_id in (None, agent.agent_id)):
                self._move(events.OfferAccepted())  # that they accepted was not told
            return
        if not contact.split:
            return
        agent_id = name.agent_id if name is not None else None
        if contact.agent is not None and agent_id in (None, contact.agent.agent_id):
            return
        record = self._n.agents.find(agent_id) if agent_id is not None else None
        if record is not None and record.may_claim and CONTACT.allows(_unclaimed(contact.state), events.Claimed):
            self.claimed_by(record, JournalSource.ACD)
        elif contact.agent is not None:
            self._move(events.VideoEnded(reason="claimed_by_other"))  # the call is somebody else's, who has no panel
        elif contact.state is ContactState.QUEUED:
            self._move(events.VoiceOnly(reason="connected"))

    def claimed_by(self, agent: AgentOfRoster, source: JournalSource) -> None:
        """The video is this agent's from now on; whoever had it has it no more. StateConflict."""
        if self._contact.agent is not None:
            self._feed(Machine.CONTACT, events.VideoEnded(reason="claimed_by_other"), source)
        offer_id = new_offer_id()
        self._contact.agent = take_on(agent, offer_id, Role.AGENT, self._now())
        self._feed(Machine.CONTACT, events.Claimed(offer_id=offer_id, agent_id=agent.card.agent_id), source)

    def _transferred(self, queue: str | None, name: AgentName | None) -> None:
        contact = self._contact
        if contact.state in _IN_LINE and contact.line is not None and queue and self._n.views.knows_queue(queue):
            contact.line.queue = queue  # it overflowed: the place that is told next is of that line
            self._do.journal("transferred", JournalSource.ACD, data={"queue": queue})
        if contact.state not in IN_CALL:
            return
        agent_id = name.agent_id if name is not None else None
        if contact.agent is not None and agent_id == contact.agent.agent_id:
            return
        if contact.split:
            self._move(events.VideoEnded(reason="transferred"))
        else:
            self._move(events.Transferred(queue=queue or "", agent_id=agent_id or ""))

    def _wrapped_up(self, disposition: str | None) -> None:
        if self._contact.state in IN_CALL:
            self._move(events.CallEnded())
        if self._contact.state is ContactState.WRAP_UP:
            known = disposition in self._n.settings.dispositions
            if disposition is not None and known:
                self._move(events.WrapUpSubmitted(disposition=disposition))
            else:
                self._move(events.WrapUpTimedOut())

    # ------------------------------------------------------------ small things

    def _move(self, event: Event) -> None:
        """What the state has no place for any more was overtaken: it is written, and moves nothing."""
        if CONTACT.allows(self._contact.state, type(event)):
            self._feed(Machine.CONTACT, event, JournalSource.ACD)

    def _now(self) -> float:
        return self._n.clock.monotonic()

    def _write(self, event: AcdEvent, here: AtAcd, *, late: bool) -> None:
        body = event.body
        own = here.capabilities.mode is AcdMode.OWN
        if own and not isinstance(body, acd.Unrecognised):
            return  # ours: each of them is followed by a transition, or is a place that was told
        data: dict[str, JournalValue] = {"event_id": event.event_id, "adapter": event.source, "seq": event.seq}
        if event.attempt:
            data["attempt"] = event.attempt
        if event.synthesized:
            data["synthesized"] = True
        if late:
            data["late"] = True
        data |= _facts(body)
        if event.raw:
            data["raw"] = _raw(event)
        self._do.journal(PREFIX + _snake(type(body).__name__), JournalSource.ACD, reason=_reason(body), data=data)


def _unclaimed(state: ContactState) -> ContactState:
    """What the contact is in once whoever has the video has it no more."""
    return ContactState.VOICE if CONTACT.allows(state, events.VideoEnded) else state


def _facts(body: AcdEventBody) -> dict[str, JournalValue]:
    match body:
        case acd.Queued(place=place, estimate_s=estimate_s):
            return {"place": place, "estimate_s": estimate_s}
        case acd.Reserved(offer_id=offer_id, agent_id=agent_id, agent=agent):
            return {"offer_id": offer_id, "agent_id": agent_id, "agent_ref": agent.ref if agent is not None else None}
        case acd.Rejected(offer_id=offer_id) | acd.NoAnswer(offer_id=offer_id) | acd.Accepted(offer_id=offer_id):
            return {"offer_id": offer_id}
        case acd.VoiceUp(leg_id=leg_id, answered=answered):
            return {"leg_id": leg_id, "answered": answered}
        case acd.Connected(agent=AgentName(ref=ref, agent_id=agent_id)):
            return {"agent_id": agent_id, "agent_ref": ref}
        case acd.Held(by=by) | acd.Resumed(by=by) | acd.Ended(by=by):
            return {"by": by.value}
        case acd.Transferring(mode=mode, target=target):
            to: dict[str, JournalValue] = {"to": target.kind.value, "target": target.value} if target else {}
            return {"mode": mode.value} | to
        case acd.Transferred(queue=queue, agent=agent):
            return {"queue": queue, "agent_ref": agent.ref if agent is not None else None}
        case acd.Abandoned(waited_s=waited_s):
            return {"waited_s": waited_s}
        case acd.WrapUpDone(disposition=disposition):
            return {"disposition": disposition}
        case acd.Unrecognised(name=name):
            return {"name": name[:200]}
        case _:
            return {}


def _reason(body: AcdEventBody) -> str | None:
    match body:
        case acd.Rejected(reason=reason) | acd.QueueExit(reason=reason):
            return reason.value
        case acd.Ended(reason=code) | acd.TransferFailed(reason=code):
            return code[:64]
        case _:
            return None


def _raw(event: AcdEvent) -> str:
    """As JSON, never longer than the limit, whatever the adapter let through."""
    text = json.dumps(dict(event.raw), ensure_ascii=False, sort_keys=True)
    return text.replace("\0", "").encode("utf-8", "replace")[:RAW_LIMIT_BYTES].decode("utf-8", "ignore")


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
