"""The legs of a contact: generations, answers, losses, sources, closings. The tables decide; this keeps the books.

Media events are told apart by leg id, one per generation: whatever comes from a generation that was replaced changes
nothing but its own end.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from gateway.base.errors import StateConflict
from gateway.base.ids import LegId, new_leg_id
from gateway.base.log import get_logger
from gateway.contacts import events, interruptions, legs
from gateway.contacts.coupling import Applied, Event, Machine
from gateway.contacts.effects import Effects, Neighbours
from gateway.contacts.interruptions import Cause, Interruption, cause_of
from gateway.contacts.journal import JournalSource, JournalValue
from gateway.contacts.legs import LegState
from gateway.contacts.model import Contact, Role, Side, Transport
from gateway.contacts.sources import source_for, source_for_voice
from gateway.contacts.states import IN_CALL, OVER, ContactState
from gateway.contacts.waits import CLOSE_TIMEOUT_S
from gateway.parties import LegAnswered, LegChanged, LegRefused, OfferLeg, PeerChanged
from media.port import (
    ClipEnded,
    LegClosed,
    LegConnected,
    LegFirstMedia,
    LegHeard,
    LegSilent,
    LegVideoUnmatched,
    MediaEvent,
    Silence,
)

LIMIT: Final = "limit_"
"""What all reasons of LegClosed begin with that name a limit the peer went beyond."""

MAX_OVERUSES: Final = 2
"""Once may be a fault that a new generation mends. Twice is a browser that goes on: its grace is over."""

MAX_RENEWALS: Final = 8
"""Generations asked for in one contact so that pictures fit. Policy for *full*: both sides keep sound, and know."""

_log = get_logger("contact.legs")

_MACHINE = {
    Role.CUSTOMER: Machine.CUSTOMER_LEG,
    Role.AGENT: Machine.AGENT_LEG,
    Role.SECOND: Machine.SECOND_LEG,
}


class Legwork:
    """Both sides' legs of one contact."""

    def __init__(
        self,
        contact: Contact,
        neighbours: Neighbours,
        effects: Effects,
        feed: Callable[[Machine, Event, JournalSource], None],
    ) -> None:
        self._contact = contact
        self._n = neighbours
        self._do = effects
        self._feed = feed
        self._renewed_for: set[LegId] = set()  # listeners whose source was asked for a new generation

    @property
    def offerable(self) -> bool:
        """Whether an agent would find the customer: otherwise the place is kept and nobody is rung for nothing."""
        return self._contact.customer.connected and self._contact.customer.present

    # ------------------------------------------------------------ negotiation

    def offered(self, role: Role, request: OfferLeg) -> None:
        """The browser's SDP offer. StateConflict (`leg_stale`, `illegal_transition`)."""
        side = self._contact.side(role)
        if side is None:
            raise StateConflict("not_your_contact", "You are not on this contact.")
        if request.generation <= side.generation:
            raise StateConflict("leg_stale", f"Generation {side.generation} is already known: make a newer one.")
        self._feed(_MACHINE[role], legs.OfferReceived(), _source(role))
        if side.connected_once:
            side.lost_cause = side.lost_cause or Cause.MEDIA_RESTART
        replaced = side.transport
        leg_id = new_leg_id()
        side.generation = request.generation
        side.transport = leg_id
        self._contact.transports[leg_id] = Transport(leg_id=leg_id, role=role, generation=request.generation)
        self._n.claim_leg(leg_id, self._contact.contact_id)
        self._do.open_leg(leg_id, request.sdp)
        if replaced is not None:
            self._close(self._contact.transports[replaced])

    def opened(self, leg_id: LegId, sdp: str) -> None:
        side = self._side_of(leg_id)
        if side is None:
            return  # replaced or closed meanwhile: its CloseLeg is behind this in the lane
        self._feed(_MACHINE[side.role], legs.AnswerSent(), JournalSource.MEDIA)
        self._tell(side.role, LegAnswered(generation=side.generation, sdp=sdp))

    def not_opened(self, leg_id: LegId, code: str, detail: str) -> None:
        side = self._side_of(leg_id)
        transport = self._contact.transports.get(leg_id)
        self._forget(leg_id)
        if side is None or transport is None:
            return
        side.transport = None
        self._journal(side.role, "leg_refused", code)
        self._feed(_MACHINE[side.role], legs.NegotiationFailed(), JournalSource.MEDIA)
        self._tell(side.role, LegRefused(generation=transport.generation, code=code, detail=detail))

    # ------------------------------------------------------------ media events

    def media(self, event: MediaEvent) -> None:
        match event:
            case LegConnected():
                self._connected(LegId(event.leg_id))
            case LegFirstMedia(kind=kind):
                transport = self._contact.transports.get(LegId(event.leg_id))
                if transport is not None:
                    self._journal(transport.role, "leg_first_media", None, kind=kind.value)
            case LegSilent():
                side = self._side_of(LegId(event.leg_id))
                if side is not None and side.connected:
                    self._lost(side, "silent")
            case LegHeard():
                side = self._side_of(LegId(event.leg_id))
                transport = self._contact.transports.get(LegId(event.leg_id))
                if side is not None and side.leg is LegState.RECONNECTING and transport is not None:
                    self._back(side, transport)
            case LegClosed(reason=reason):
                self._closed(LegId(event.leg_id), reason)
            case ClipEnded(name=name):
                self._clip_ended(LegId(event.leg_id), name)
            case _:
                pass

    def _connected(self, leg_id: LegId) -> None:
        side = self._side_of(leg_id)
        transport = self._contact.transports.get(leg_id)
        if side is None or transport is None or side.leg not in (LegState.CONNECTING, LegState.RECONNECTING):
            return
        transport.connected = True
        self._back(side, transport)

    def _back(self, side: Side, transport: Transport) -> None:
        if not transport.connected:
            return
        side.connected_once = True
        side.page_left = False
        self._journal(side.role, "leg_connected", None)
        if self._contact.state in IN_CALL and side.role is not Role.SECOND:
            self._do.recording_attach(transport.leg_id, side.role.value)
        self._feed(_MACHINE[side.role], legs.TransportConnected(), JournalSource.MEDIA)

    def _lost(self, side: Side, reason: str) -> None:
        side.lost_cause = cause_of(reason)
        self._journal(side.role, "leg_lost", reason)
        self._feed(_MACHINE[side.role], legs.TransportLost(), JournalSource.MEDIA)

    def _closed(self, leg_id: LegId, reason: str) -> None:
        side = self._side_of(leg_id)
        transport = self._contact.transports.get(leg_id)
        self._forget(leg_id)
        if side is None or transport is None:
            return
        side.transport = None
        if reason.startswith(LIMIT):
            side.overuses += 1
        if side.connected:
            self._lost(side, reason)
            if side.overuses >= MAX_OVERUSES:
                self._n.alarm(
                    "media_overuse", f"The {side.role.value}'s browser goes on beyond: {reason}.", self._contact
                )
                self._feed(_MACHINE[side.role], legs.GraceExpired(), JournalSource.MEDIA)
        elif not transport.connected and side.leg in legs.LIVE and side.leg is not LegState.NEW:
            self._journal(side.role, "leg_not_connected", reason)
            self._feed(_MACHINE[side.role], legs.NegotiationFailed(), JournalSource.MEDIA)

    def _clip_ended(self, leg_id: LegId, name: str) -> None:
        contact = self._contact
        transport = contact.transports.get(leg_id)
        if contact.customer.transport != leg_id or transport is None or contact.prompt != name:
            return
        contact.prompt = None
        transport.source = Silence()
        self._said()

    def source_refused(self, leg_id: LegId, code: str) -> None:
        """A clip is missing, or the leg went before the command came: its end is on the way."""
        if code != "clip_unknown":
            return
        self._n.alarm("clip_unknown", "A prompt or the hold media is missing.", self._contact)
        if self._contact.customer.transport == leg_id and self._contact.prompt is not None:
            self._contact.prompt = None
            self._said()

    def _said(self) -> None:
        if self._contact.answered_since_s is not None and self._contact.state is ContactState.IN_MENU:
            node_id = self._contact.node.node_id if self._contact.node is not None else ""
            self._feed(Machine.CONTACT, events.SelfServed(node_id=node_id), JournalSource.MEDIA)

    def say(self, clip: str | None) -> None:
        """A new node is shown: its prompt from the beginning, also when it is the same clip as before."""
        self._contact.prompt = clip
        transport = self._newest(self._contact.customer)
        if transport is not None and clip is not None:
            transport.source = None

    def renew(self, event: LegVideoUnmatched) -> None:
        """Ask the source of pictures that do not fit for its next generation, which will be answered with what does.

        Once per leg of a listener, so that two browsers never ask each other in turn.
        """
        source, listener = self._side_of(LegId(event.source_leg_id)), self._side_of(LegId(event.leg_id))
        if source is None or listener is None or not source.connected or self._contact.state not in IN_CALL:
            return
        if LegId(event.leg_id) in self._renewed_for or len(self._renewed_for) >= MAX_RENEWALS:
            return
        self._renewed_for.add(LegId(event.leg_id))
        self._tell(source.role, LegChanged(generation=source.generation, state=LegState.FAILED.value))

    # ------------------------------------------------------------ closing

    def close_all(self, role: Role) -> None:
        for transport in list(self._contact.transports.values()):
            if transport.role is role:
                self._close(transport)

    def give_up_closing(self, now: float) -> None:
        """The engine did not say that a leg is gone in time: it is taken for gone."""
        for transport in list(self._contact.transports.values()):
            if transport.closing_since_s is not None and transport.closing_since_s + CLOSE_TIMEOUT_S <= now:
                _log.error("leg.close_timed_out", leg_id=transport.leg_id)
                self._forget(transport.leg_id)

    def _close(self, transport: Transport) -> None:
        if transport.closing_since_s is None:
            transport.closing_since_s = self._n.clock.monotonic()
            self._do.close_leg(transport.leg_id)

    def _forget(self, leg_id: LegId) -> None:
        self._contact.transports.pop(leg_id, None)
        self._n.release_leg(leg_id)

    # ------------------------------------------------------------ transitions of a leg

    def moved(self, role: Role, applied: Applied) -> None:
        """The table moved a leg."""
        side = self._contact.side(role)
        if side is None:
            return
        side.leg = LegState(applied.after)
        if side.leg in (LegState.CLOSING, LegState.CLOSED, LegState.FAILED):
            self.close_all(role)
            side.transport = None
        told: str | None = None
        match applied.event:
            case legs.TransportConnected():
                told = LegState.CONNECTED.value
            case legs.TransportLost():
                told = LegState.RECONNECTING.value
            case legs.NegotiationFailed():
                told = LegState.FAILED.value if side.leg is LegState.NEW else side.leg.value
            case _ if side.leg is not applied.before and side.leg in legs.GONE | {LegState.CLOSING}:
                told = LegState.FAILED.value if side.leg is LegState.FAILED else LegState.CLOSED.value
        if told is not None and applied.before != LegState.CLOSING and side.generation > 0:
            self._tell(role, LegChanged(generation=side.generation, state=told))

    # ------------------------------------------------------------ after every message

    def afterwards(self) -> None:
        contact = self._contact
        now = self._n.clock.monotonic()
        for side in self._sides():
            self._interruption(side, now)
            if not side.lost:
                side.lost_since_s = None
            elif side.lost_since_s is None:
                side.lost_since_s = now
            if side.leg is LegState.CLOSING and not any(t.role is side.role for t in contact.transports.values()):
                self._feed(_MACHINE[side.role], legs.TransportClosed(), JournalSource.MEDIA)
        if contact.state not in OVER:
            for side in self._sides():
                self._send(side)
                self._introduce(side)
            self._send_voice()
        line = contact.line
        if contact.state is ContactState.QUEUED and line is not None and line.offerable is not self.offerable:
            line.offerable = self.offerable
            self._do.acd_offerable(self.offerable)

    def _interruption(self, side: Side, now: float) -> None:
        """Begin, correct or end what is told and written of a side that is not to be seen or heard."""
        going_on = side.interruption
        if side.interrupted and self._contact.state not in OVER:
            if going_on is None:
                going_on = Interruption(cause=side.lost_cause or Cause.NETWORK, since_s=now)
            known = interruptions.at(going_on, page_left=side.page_left, present=side.present, now_s=now)
            if side.interruption is None:
                self._do.journal(
                    "interrupted", JournalSource.MEDIA, reason=known.cause.value, data={"side": side.role.value}
                )
            side.interruption = known
            return
        side.lost_cause = None
        side.interruption = None
        if going_on is not None and side.connected:
            facts: dict[str, JournalValue] = {"side": side.role.value, "seconds": round(now - going_on.since_s, 3)}
            self._do.journal("recovered", JournalSource.MEDIA, reason=going_on.cause.value, data=facts)

    def _sides(self) -> list[Side]:
        return self._contact.sides

    def _send(self, side: Side) -> None:
        transport = self._newest(side)
        if transport is None or not transport.connected:
            return  # a silent one is connected: its browser may hear us while we don't hear it
        wanted = source_for(self._contact, side.role)
        if wanted != (transport.source if transport.source is not None else Silence()):
            transport.source = wanted
            self._do.set_source(transport.leg_id, wanted)

    def _send_voice(self) -> None:
        """What the ACD's call hears, in call mode: its leg is the adapter's, the customer's sound is ours."""
        acd = self._contact.acd
        if acd is None or acd.voice is None:
            return
        wanted = source_for_voice(self._contact)
        if wanted != (acd.voice_source or Silence()):
            acd.voice_source = wanted
            self._do.set_source(acd.voice, wanted)

    def _introduce(self, side: Side) -> None:
        peer = self._n.views.peer_of(self._contact, side.role, self._n.clock.monotonic())
        if peer is None:
            side.peer_told = None
            return
        timeless = replace(peer, away=replace(peer.away, since_s=0.0, deadline_s=None) if peer.away else None)
        if timeless != side.peer_told:
            side.peer_told = timeless
            self._tell(side.role, peer)

    # ------------------------------------------------------------ small things

    def _newest(self, side: Side) -> Transport | None:
        return self._contact.transports.get(side.transport) if side.transport is not None else None

    def _side_of(self, leg_id: LegId) -> Side | None:
        """The side whose newest generation this is; None for older ones."""
        return next((side for side in self._sides() if side.transport == leg_id), None)

    def _tell(self, role: Role, notice: LegAnswered | LegRefused | LegChanged | PeerChanged) -> None:
        match role:
            case Role.CUSTOMER:
                self._do.tell_customer(notice)
            case Role.AGENT:
                self._do.tell_agent(notice)
            case Role.SECOND:
                self._do.tell_second(notice)

    def _journal(self, role: Role, name: str, reason: str | None, **data: str) -> None:
        side = self._contact.side(role)
        generation = side.generation if side is not None else 0
        facts: dict[str, str | int | float | bool | list[str] | None] = {"side": role.value, "generation": generation}
        self._do.journal(name, JournalSource.MEDIA, reason=reason, data=facts | data)


def _source(role: Role) -> JournalSource:
    return JournalSource.CUSTOMER if role is Role.CUSTOMER else JournalSource.AGENT
