"""What people are told of a contact, built from what it knows. Pure."""

from collections.abc import Set
from dataclasses import replace

from gateway.acd.events import TargetKind, TransferMode
from gateway.acd.port import AcdMode
from gateway.base.ids import OfferId
from gateway.config import ContactSettings, QueueSettings
from gateway.contacts.legs import LegState
from gateway.contacts.model import Contact, Role, Side
from gateway.contacts.ports import PlacesPort
from gateway.contacts.states import IN_CALL, OVER, ContactState
from gateway.contacts.waits import STATE_WAIT, idle_s, waits_of
from gateway.parties import (
    AgentNotice,
    Away,
    BoardContact,
    ContactAssigned,
    ContactChanged,
    CustomerCard,
    CustomerNotice,
    LegChanged,
    MenuShown,
    OfferMade,
    PeerChanged,
    QueuePlace,
    RecordingShown,
    WrapUpStarted,
)

WITH_AGENT = frozenset({ContactState.BRIDGING}) | IN_CALL
"""States in which each side is told of the other."""


class Views:
    """Notices of contacts, with the names and times of the settings."""

    def __init__(
        self,
        settings: ContactSettings,
        queues: tuple[QueueSettings, ...],
        places: PlacesPort | None = None,
        unlisted: Set[str] = frozenset(),
    ) -> None:
        self._settings = settings
        self._names = {queue.id: queue.name for queue in queues}
        self._places = places
        self._unlisted = unlisted

    def queue_name(self, queue: str) -> str:
        return self._names.get(queue, queue)

    def knows_queue(self, queue: str) -> bool:
        return queue in self._names

    def lists_queue(self, queue: str) -> bool:
        """Whether an agent can send a contact there."""
        return self.knows_queue(queue) and queue not in self._unlisted

    def contact_changed(self, contact: Contact, now_s: float) -> ContactChanged:
        wait = STATE_WAIT.get(contact.state)
        deadline = waits_of(contact, self._settings).get(wait) if wait is not None else None
        return ContactChanged(
            contact_id=contact.contact_id,
            state=contact.state.value,
            end_reason=contact.end_reason.value if contact.end_reason is not None and contact.state in OVER else None,
            deadline_s=max(0.0, deadline - now_s) if deadline is not None else None,
            talk_s=now_s - contact.bridged_at_s if contact.bridged_at_s is not None else None,
            voice_apart=contact.split,
        )

    def menu_shown(self, contact: Contact) -> MenuShown | None:
        node = contact.node
        if node is None:
            return None
        return MenuShown(
            node_id=node.node_id,
            text=node.text,
            options=node.options,
            can_go_back=node.can_go_back,
            idle_s=idle_s(contact, self._settings),
        )

    def card(self, contact: Contact) -> CustomerCard:
        entry = contact.entry
        return CustomerCard(
            display_name=entry.display_name,
            language=contact.language,
            site=entry.site,
            page_url=entry.page_url,
            page_title=entry.page_title,
            form=dict(entry.form),
            menu_path=contact.line.path if contact.line is not None else (),
            history=contact.history,
        )

    def offer(self, contact: Contact, now_s: float) -> OfferMade | None:
        if contact.agent is None or contact.line is None:
            return None
        left_s = contact.acd.offer_left_s if contact.acd is not None else None
        deadline = contact.agent.offered_at_s + (left_s or self._settings.offer_timeout.total_seconds())
        return OfferMade(
            offer_id=contact.agent.offer_id,
            contact_id=contact.contact_id,
            queue=contact.line.queue,
            queue_name=self.queue_name(contact.line.queue),
            customer=self.card(contact),
            waited_s=now_s - contact.line.waiting_since_s,
            deadline_s=max(0.0, deadline - now_s),
        )

    def offer_of_ring(self, contact: Contact, offer_id: OfferId, now_s: float) -> OfferMade | None:
        """To one of those at whom it rings at once: until the ring ends for all."""
        if contact.ring is None or contact.line is None:
            return None
        deadline = contact.ring.since_s + self._settings.offer_timeout.total_seconds()
        return OfferMade(
            offer_id=offer_id,
            contact_id=contact.contact_id,
            queue=contact.line.queue,
            queue_name=self.queue_name(contact.line.queue),
            customer=self.card(contact),
            waited_s=now_s - contact.line.waiting_since_s,
            deadline_s=max(0.0, deadline - now_s),
        )

    def offer_to_second(self, contact: Contact, now_s: float) -> OfferMade | None:
        """To the agent who is asked: who asks, and about whom."""
        if contact.agent is None or contact.second is None or contact.line is None:
            return None
        deadline = contact.second.offered_at_s + self._settings.offer_timeout.total_seconds()
        return OfferMade(
            offer_id=contact.second.offer_id,
            contact_id=contact.contact_id,
            queue=contact.line.queue,
            queue_name=self.queue_name(contact.line.queue),
            customer=self.card(contact),
            waited_s=now_s - contact.state_since_s,
            deadline_s=max(0.0, deadline - now_s),
            asked_by=contact.agent.card.display_name,
        )

    def assigned_to_second(self, contact: Contact) -> ContactAssigned:
        asked_by = contact.agent.card.display_name if contact.agent is not None else ""
        return replace(self.assigned(contact), transfers=(), asked_by=asked_by)

    def assigned(self, contact: Contact) -> ContactAssigned:
        return ContactAssigned(
            contact_id=contact.contact_id,
            queue_name=self.queue_name(contact.line.queue) if contact.line is not None else "",
            customer=self.card(contact),
            voice_apart=contact.split,
            transfers=transfers_of(contact),
        )

    def wrap_up(self, contact: Contact, now_s: float) -> WrapUpStarted:
        deadline = contact.state_since_s + self._settings.wrap_up.total_seconds()
        return WrapUpStarted(
            contact_id=contact.contact_id,
            dispositions=self._settings.dispositions,
            deadline_s=max(0.0, deadline - now_s),
        )

    def queue_place(
        self, contact: Contact, place: int | None, estimate_s: float | None, now_s: float
    ) -> QueuePlace | None:
        if contact.line is None:
            return None
        waited_s = now_s - contact.line.waiting_since_s
        own = contact.acd is not None and contact.acd.capabilities.mode is AcdMode.OWN
        after_s = self._places.offered_after_s(contact.line.queue, estimate_s) if self._places and own else None
        return QueuePlace(
            queue=contact.line.queue,
            queue_name=self.queue_name(contact.line.queue),
            place=place,
            ahead=place - 1 if place is not None else None,
            waited_s=waited_s,
            estimate_s=estimate_s,
            keep_in_s=max(0.0, after_s - waited_s) if after_s is not None else None,
        )

    def peer_of(self, contact: Contact, role: Role, now_s: float) -> PeerChanged | None:
        """What `role` is told of the other side; None while there is no other."""
        if contact.state not in WITH_AGENT or contact.agent is None:
            return None
        if role is Role.CUSTOMER or role is Role.SECOND:
            return self._peer(contact.agent.side, contact.agent.card.display_name, now_s)
        if contact.state is ContactState.CONSULTING and contact.second is not None:
            return self._peer(contact.second.side, contact.second.card.display_name, now_s)
        return self._peer(contact.customer, contact.entry.display_name, now_s)

    def _peer(self, side: Side, display_name: str, now_s: float) -> PeerChanged:
        return PeerChanged(
            display_name=display_name,
            connected=side.connected and side.interruption is None,
            audio=side.shows.audio,
            video=side.shows.video,
            screen=side.shows.screen,
            away=self._away(side, now_s),
        )

    def _away(self, side: Side, now_s: float) -> Away | None:
        if side.interruption is None:
            return None
        grace = self._settings.customer_grace if side.role is Role.CUSTOMER else self._settings.agent_grace
        lost_s = side.lost_since_s
        return Away(
            cause=side.interruption.cause.value,
            since_s=now_s - side.interruption.since_s,
            deadline_s=None if lost_s is None else max(0.0, lost_s + grace.total_seconds() - now_s),
        )

    # ------------------------------------------------------------ whole views

    def for_customer(self, contact: Contact, now_s: float) -> tuple[CustomerNotice, ...]:
        """Everything a freshly loaded widget must know, in order."""
        notices: list[CustomerNotice] = [self.contact_changed(contact, now_s)]
        menu = self.menu_shown(contact)
        if contact.state is ContactState.IN_MENU and menu is not None:
            notices.append(menu)
        if contact.state in (ContactState.QUEUED, ContactState.OFFERED) and contact.line is not None:
            place = contact.line.place
            if place is not None:
                fresh = self.queue_place(contact, place.place, place.estimate_s, now_s)
                notices.extend([fresh] if fresh is not None else [])
        notices.extend(_leg(contact.customer))
        peer = self.peer_of(contact, Role.CUSTOMER, now_s)
        notices.extend([peer] if peer is not None else [])
        notices.extend([for_customer(contact.recording)] if contact.recording is not None else [])
        return tuple(notices)

    def for_agent(self, contact: Contact, now_s: float) -> tuple[AgentNotice, ...]:
        """Everything a freshly loaded panel must know of the contact it is on, in order."""
        if contact.agent is None:
            return ()
        if contact.state is ContactState.OFFERED:
            offer = self.offer(contact, now_s)
            return (offer,) if offer is not None else ()
        notices: list[AgentNotice] = [self.assigned(contact), self.contact_changed(contact, now_s)]
        if contact.state is ContactState.WRAP_UP:
            notices.append(self.wrap_up(contact, now_s))
            return tuple(notices)
        notices.extend(_leg(contact.agent.side))
        peer = self.peer_of(contact, Role.AGENT, now_s)
        notices.extend([peer] if peer is not None else [])
        notices.extend([contact.recording] if contact.recording is not None else [])
        return tuple(notices)

    def for_second(self, contact: Contact, now_s: float) -> tuple[AgentNotice, ...]:
        """The same for the agent who is asked."""
        if contact.second is None:
            return ()
        if contact.state is ContactState.CONSULT_RINGING:
            offer = self.offer_to_second(contact, now_s)
            return (offer,) if offer is not None else ()
        notices: list[AgentNotice] = [self.assigned_to_second(contact), self.contact_changed(contact, now_s)]
        notices.extend(_leg(contact.second.side))
        peer = self.peer_of(contact, Role.SECOND, now_s)
        notices.extend([peer] if peer is not None else [])
        return tuple(notices)

    def for_board(self, contact: Contact, now_s: float) -> BoardContact:
        return BoardContact(
            contact_id=contact.contact_id,
            site=contact.entry.site,
            state=contact.state.value,
            queue=contact.line.queue if contact.line is not None else None,
            agent_id=contact.agent.agent_id if contact.agent is not None else None,
            since_s=now_s - contact.state_since_s,
            age_s=now_s - contact.started_s,
            quality=contact.quality,
            cause=contact.quality_cause,
        )


def transfers_of(contact: Contact) -> tuple[str, ...]:
    """To what the agent may send the contact: by the ACD when it carries transfers out, otherwise by our own means."""
    if contact.acd is None:
        return ()
    by_acd = TransferMode.BLIND in contact.acd.capabilities.transfers
    if contact.split:
        # They ask each other on their phones; and which telephone a colleague has, only the ACD knows.
        return (TargetKind.QUEUE.value, TargetKind.NUMBER.value) if by_acd else ()
    return (TargetKind.QUEUE.value, TargetKind.AGENT.value, TransferMode.CONSULT.value)


def _leg(side: Side) -> list[LegChanged]:
    """The leg as its own side must see it after a reload: which generation was last, and that it needs a new one."""
    if side.generation == 0:
        return []
    state = LegState.RECONNECTING if side.leg is LegState.NEW else side.leg
    return [LegChanged(generation=side.generation, state=state.value)]


def for_customer(shown: RecordingShown) -> RecordingShown:
    """What the customer is told: not what the agent may do."""
    return replace(shown, may=())
