"""A contact that rings at several agents at once: who is rung, who answered first, and what the others are told.

A ring is beside the states. While it rings the contact is in line and the agents are ready; nobody has the offer. Who
is first is the ACD's to say, and only then is there an offer: to that one agent, who has accepted it already.
"""

from collections.abc import Callable
from typing import Final

from gateway.acd.port import DeclineReason
from gateway.agents.states import NotReadyReason, NotReadySet
from gateway.base.errors import StateConflict
from gateway.base.ids import AgentId, OfferId
from gateway.contacts import events
from gateway.contacts.coupling import Event, Machine
from gateway.contacts.effects import Effects, Neighbours
from gateway.contacts.journal import JournalSource, JournalValue
from gateway.contacts.model import Contact, Ring, Role, take_on
from gateway.contacts.states import ContactState
from gateway.parties import AcceptOffer, AgentNotice, AgentParty, AgentRequest, OfferEnded, RejectOffer

TAKEN: Final = "taken"
UNANSWERED: Final = "unanswered"
REJECTED: Final = "rejected"
WITHDRAWN: Final = "withdrawn"


class Ringing:
    """Of one contact."""

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

    # ------------------------------------------------------------ the ACD

    def begins(self, offers: tuple[tuple[OfferId, AgentId], ...]) -> None:
        """It rings at these agents, or at these too. Who can't be rung here is left out."""
        contact, now_s = self._contact, self._n.clock.monotonic()
        ring = contact.ring
        if contact.state is ContactState.QUEUED:
            able = [(offer_id, agent_id) for offer_id, agent_id in offers if self._n.ring_at(agent_id, contact)]
            if able and ring is None:
                ring = contact.ring = Ring(since_s=now_s)
            if able and ring is not None:
                name = "ring_joined" if ring.offers else "ring_started"
                for offer_id, agent_id in able:
                    ring.offers[agent_id] = offer_id
                    self._tell(agent_id, self._n.views.offer_of_ring(contact, offer_id, now_s))
                self._journal(name, data={"agents": [agent_id for _, agent_id in able]})
        if contact.ring is None:
            self._do.acd_decline(offers[0][0], DeclineReason.WITHDRAWN)

    def given(self, offer_id: OfferId) -> bool:
        """This agent was the first: they have the offer, and have accepted it. False: it is none of a ring, or they are
        gone; a ring is over all the same."""
        contact, ring = self._contact, self._contact.ring
        if ring is None or contact.state is not ContactState.QUEUED:
            return False
        first = ring.who(offer_id)
        agent = self._n.agents.find(first) if first is not None else None
        if first is None or agent is None or not agent.may_be_offered:
            self._end(WITHDRAWN)
            return False
        del ring.offers[first]
        self._n.rings_no_more(first)
        rang_at = len(ring.offers) + 1
        self._end(TAKEN, {"agent_id": first, "rang_at": rang_at})
        contact.agent = take_on(agent, offer_id, Role.AGENT, self._n.clock.monotonic())
        self._feed(Machine.CONTACT, events.OfferMade(offer_id=offer_id, agent_id=first), JournalSource.ACD)
        self._feed(Machine.CONTACT, events.OfferAccepted(), JournalSource.AGENT)
        return True

    def lost(self, offer_id: OfferId) -> None:
        """The ACD took one of them out."""
        agent_id = self._contact.ring.who(offer_id) if self._contact.ring is not None else None
        if agent_id is not None:
            self.left(agent_id)

    # ------------------------------------------------------------ the agents

    def rings_at(self, agent_id: AgentId) -> bool:
        return self._contact.ring is not None and agent_id in self._contact.ring.offers

    def asked(self, agent_id: AgentId, request: AgentRequest) -> None:
        """One of those at whom it rings answers. StateConflict (`offer_stale`, `no_contact`)."""
        ring = self._contact.ring
        if ring is None or not isinstance(request, AcceptOffer | RejectOffer):
            raise StateConflict("no_contact", "You are not on a contact.")
        if ring.offers.get(agent_id) != request.offer_id:
            raise StateConflict("offer_stale", "This offer is over.")
        if isinstance(request, AcceptOffer):
            self._do.acd_accept(request.offer_id)
            return
        self._journal("ring_declined", source=JournalSource.AGENT, data={"agent_id": agent_id})
        self._n.agents.apply(agent_id, NotReadySet(reason=NotReadyReason.DECLINED))
        self.left(agent_id)

    def view(self, agent_id: AgentId) -> tuple[AgentNotice, ...]:
        """What a freshly loaded panel must know."""
        ring = self._contact.ring
        if ring is None or agent_id not in ring.offers:
            return ()
        offer = self._n.views.offer_of_ring(self._contact, ring.offers[agent_id], self._n.clock.monotonic())
        return (offer,) if offer is not None else ()

    def left(self, agent_id: AgentId) -> None:
        """This one is not rung any more; the others are. After the last one the ring is over. Idempotent."""
        ring = self._contact.ring
        if ring is None or agent_id not in ring.offers:
            return
        offer_id = ring.offers.pop(agent_id)
        self._n.rings_no_more(agent_id)
        self._tell(agent_id, OfferEnded(offer_id=offer_id, reason=REJECTED))
        if not ring.offers:
            self._end(WITHDRAWN)
            self._do.acd_decline(offer_id, DeclineReason.WITHDRAWN)

    # ------------------------------------------------------------ the end

    def unanswered(self) -> None:
        """Nobody took it in time. Nobody is to blame either: all stay ready, and it may ring at them again."""
        ring = self._contact.ring
        if ring is not None:
            any_offer = next(iter(ring.offers.values()))
            self._end(UNANSWERED)
            self._do.acd_decline(any_offer, DeclineReason.NO_ANSWER)

    def afterwards(self) -> None:
        """A contact that is not in line any more rings nowhere."""
        if self._contact.ring is not None and self._contact.state is not ContactState.QUEUED:
            self._end(WITHDRAWN)

    def _end(self, reason: str, data: dict[str, JournalValue] | None = None) -> None:
        ring, self._contact.ring = self._contact.ring, None
        if ring is None:
            return
        for agent_id, offer_id in ring.offers.items():
            self._n.rings_no_more(agent_id)
            self._tell(agent_id, OfferEnded(offer_id=offer_id, reason=reason))
        if self._contact.state is not ContactState.CLOSED:  # `closed` is the last word
            self._journal("ring_ended", reason=reason, data=data)

    # ------------------------------------------------------------ small things

    def _tell(self, agent_id: AgentId, notice: AgentNotice | None) -> None:
        if notice is not None:
            self._n.notices.tell(AgentParty(agent_id=agent_id), notice)

    def _journal(
        self,
        name: str,
        *,
        source: JournalSource = JournalSource.ACD,
        reason: str | None = None,
        data: dict[str, JournalValue] | None = None,
    ) -> None:
        self._do.journal(name, source, reason=reason, data=data)
