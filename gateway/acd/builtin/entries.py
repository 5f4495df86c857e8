"""What this node knows of its own contacts and agents: the truth that its part of the store is written from."""

from dataclasses import dataclass

from gateway.acd.builtin.ports import Hold, Seat, Ticket
from gateway.acd.builtin.routing.line import score
from gateway.acd.builtin.routing.rules import Rules
from gateway.acd.builtin.routing.waits import Told
from gateway.acd.events import Queued
from gateway.acd.port import AgentPosition, ContactOffer
from gateway.config.own import CapacitySettings

BUSY_STATES = frozenset({"reserved", "busy", "working_after_call"})
LOGGED_OFF = "logged_off"
AWAY = "not_ready"


@dataclass(slots=True, kw_only=True)
class OwnContact:
    """A contact of this node, from `offer` until it is forgotten."""

    offer: ContactOffer
    queue: str
    queued_s: float
    sent_s: float
    kept_s: float = 0.0
    at_head: bool = False
    hold: Hold | None = None  # who is reserved for it, or has it
    ring: tuple[Hold, ...] = ()  # at whom it rings, before anybody has the offer
    rings_since_s: float = 0.0
    answered_s: float = 0.0  # an agent accepted it, the last time
    connected_once: bool = False  # an agent had it, here or before it was sent on
    visited: tuple[str, ...] = ()
    entered: bool = False  # its queue let it in
    callback: bool = False
    called_s: float | None = None  # the customer of a callback was called
    keeps_until_s: float = 0.0  # a callback's place is over then
    told: Queued | None = None
    looked_s: float = 0.0  # the last round of estimates in which it was told
    first_told: Told | None = None
    seq: int = 0
    attempt: int = 0

    @property
    def kept(self) -> bool:
        """Somebody is kept for it: reserved, rung, or they have it."""
        return self.hold is not None or bool(self.ring)

    @property
    def waits(self) -> bool:
        """In line, perhaps ringing."""
        return self.hold is None or not self.hold.taken

    def ticket(self, rules: Rules, node: str) -> Ticket:
        offer = self.offer
        place = score(
            priority=offer.priority, queued_s=self.queued_s, at_head=self.at_head, aging_s=rules.aging_s
        )  # fmt: skip
        return Ticket(
            contact_id=offer.contact_id,
            queue=self.queue,
            score=place,
            node=node,
            channel=rules.channel,
            site=offer.site,
            canary=offer.canary,
            language=offer.language,
            priority=offer.priority,
            queued_s=self.queued_s,
            sent_s=self.sent_s,
            kept_s=self.kept_s,
            at_head=self.at_head,
            skills=tuple(sorted((need.name, need.min_level) for need in offer.skills)),
            preferred=offer.preferred_agent,
            last=offer.last_agent,
            offerable=self.entered and (self.called_s is None if self.callback else offer.offerable),
            callback=self.callback,
            visited=self.visited,
        )


@dataclass(slots=True, kw_only=True)
class OwnAgent:
    """An agent whose panel is connected here."""

    position: AgentPosition
    logged_on_s: float
    busy_s: float = 0.0
    busy_since_s: float | None = None

    def move(self, position: AgentPosition, now_s: float) -> None:
        """The agent's state or card changed."""
        busy = position.state in BUSY_STATES
        if self.busy_since_s is not None and not busy:
            self.busy_s += max(0.0, now_s - self.busy_since_s)
            self.busy_since_s = None
        elif busy and self.busy_since_s is None:
            self.busy_since_s = now_s
        self.position = position

    def seat(self, node: str, capacity: CapacitySettings) -> Seat:
        position = self.position
        ready = position.ready_since
        return Seat(
            agent_id=position.agent_id,
            queues=position.queues,
            state=position.state,
            reason=position.reason,
            ready_score=ready.timestamp() if ready is not None else None,
            node=node,
            skills=dict(position.skills),
            languages=position.languages,
            chats=capacity.chats,
            chats_beside_video=capacity.chats_beside_video,
            logged_on_s=self.logged_on_s,
            busy_s=self.busy_s,
        )
