"""What a contact knows: plain fields, written only by its conduct. No behaviour beyond questions about itself.

`*_s` fields are seconds of the monotonic clock.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from gateway.acd.events import AcdEvent, TransferTarget
from gateway.acd.port import AcdCapabilities, AcdMode
from gateway.base.ids import AgentId, ContactId, LegId, OfferId
from gateway.contacts.chat import ChatBook
from gateway.contacts.coupling import Joint
from gateway.contacts.events import EndReason
from gateway.contacts.interruptions import Cause, Interruption
from gateway.contacts.legs import LegState
from gateway.contacts.ports import AgentOfRoster, MenuWalk
from gateway.contacts.states import ContactState
from gateway.menu.interpreter import ShowNode
from gateway.parties import AgentCard, CustomerHistory, Entry, PeerChanged, QueuePlace, RecordingShown, ReportMedia
from media.port import Source

NOTHING_SHOWN = ReportMedia(audio=False, video=False, screen=False)


EVENT_IDS_LIMIT: Final = 512
"""Ids kept of what an ACD said of one contact. A repetition later than that is caught by its sequence number."""


class Role(StrEnum):
    """Whose side of the contact."""

    CUSTOMER = "customer"
    AGENT = "agent"
    SECOND = "second"  # the agent whom the agent asks


@dataclass(slots=True, kw_only=True)
class Side:
    """One side: its leg through all generations, and whether its signaling is there."""

    role: Role
    leg: LegState
    setup_since_s: float  # a side that was never connected has its time from here
    generation: int = 0
    transport: LegId | None = None  # of the newest generation
    present: bool = True
    page_left: bool = False  # the page that connected is gone, and no newer one has connected yet
    interruption: Interruption | None = None
    lost_cause: Cause | None = None  # of the last loss, for the interruption that begins with it
    lost_since_s: float | None = None  # the grace runs from here
    connected_once: bool = False
    overuses: int = 0  # generations that the engine ended because the browser went on beyond its limits
    shows: ReportMedia = NOTHING_SHOWN
    peer_told: PeerChanged | None = None  # what this side was last told of the other, without its running times

    @property
    def connected(self) -> bool:
        return self.leg is LegState.CONNECTED

    @property
    def lost(self) -> bool:
        """Not to be seen, or not able to say anything."""
        return not self.present or self.interrupted

    @property
    def interrupted(self) -> bool:
        """Was to be seen and heard, and is not now. Signaling that is gone while media flows interrupts nobody."""
        return self.leg is LegState.RECONNECTING or (self.leg is LegState.CONNECTED and self.page_left)


@dataclass(slots=True, kw_only=True)
class AgentOn:
    """The agent a contact rings at, is with, or was with until their after-call work is done."""

    agent_id: AgentId
    card: AgentCard
    offer_id: OfferId
    offered_at_s: float
    side: Side


def take_on(agent: AgentOfRoster, offer_id: OfferId, role: Role, now_s: float) -> AgentOn:
    """An agent at whom the contact begins to ring, or who claims it."""
    side = Side(role=role, leg=LegState.CLOSED, setup_since_s=now_s)
    return AgentOn(agent_id=agent.card.agent_id, card=agent.card, offer_id=offer_id, offered_at_s=now_s, side=side)


@dataclass(slots=True, kw_only=True)
class Ring:
    """The contact rings at these agents, each with an offer's id of their own. Never empty, but while it is changed."""

    since_s: float
    offers: dict[AgentId, OfferId] = field(default_factory=dict)

    def who(self, offer_id: OfferId) -> AgentId | None:
        return next((agent_id for agent_id, its in self.offers.items() if its == offer_id), None)


@dataclass(slots=True, kw_only=True)
class Transport:
    """One generation's connection in the media engine, until the engine says it is gone."""

    leg_id: LegId
    role: Role
    generation: int
    connected: bool = False
    closing_since_s: float | None = None
    source: Source | None = None  # the last one asked for


@dataclass(slots=True, kw_only=True)
class InQueue:
    """Where the contact is, or was last, in line."""

    queue: str
    priority: int
    language: str
    path: tuple[str, ...]
    queued_at: datetime  # the first time, for good
    waiting_since_s: float  # what is told of the wait, and the longest one, count from here: anew after an agent
    place: QueuePlace | None = None
    offerable: bool = True


@dataclass(slots=True, kw_only=True)
class AtAcd:
    """What the ACD of the contact's queue does by itself, and what it has said so far."""

    capabilities: AcdCapabilities
    correlation: str = ""  # by which a panel claims the video; empty where nobody has to
    attempt: int = 0  # offers made
    offer_left_s: float | None = None  # the ACD's own deadline of the offer that rings, when it was made
    voice: LegId | None = None  # call mode: its sound
    voice_source: Source | None = None  # the last one asked for
    answered_at_s: float | None = None  # call mode: since its 200 OK; not yet an agent
    asked_for: TransferTarget | None = None  # of the transfer that the ACD was asked for
    transfers_held: bool = False  # the customer was on hold when that began
    _ids: "OrderedDict[str, None]" = field(default_factory=OrderedDict)
    _seqs: dict[str, int] = field(default_factory=dict)

    def is_repeated(self, event: AcdEvent) -> bool:
        """Whether it was said before. Asking notes it. One word of an ACD may mean two of ours, under one id."""
        key = f"{event.source} {event.event_id} {type(event.body).__name__}"
        if key in self._ids:
            return True
        self._ids[key] = None
        if len(self._ids) > EVENT_IDS_LIMIT:
            self._ids.popitem(last=False)
        return False

    def is_late(self, event: AcdEvent) -> bool:
        """Whether something that was said later has come before it. Asking notes it."""
        last = self._seqs.get(event.source, -1)
        if event.seq < last:
            return True
        self._seqs[event.source] = event.seq
        return False

    def begin_again(self) -> None:
        """The contact is offered anew: the ACD counts from the beginning."""
        self._seqs.clear()


@dataclass(slots=True, kw_only=True)
class Contact:
    """One contact."""

    contact_id: ContactId
    entry: Entry
    state: ContactState
    started_at: datetime
    started_s: float
    state_since_s: float
    customer: Side
    agent: AgentOn | None = None
    ring: Ring | None = None  # in line, and several agents may take it
    second: AgentOn | None = None  # asked by the agent; the two change places when a transfer is completed
    menu: MenuWalk | None = None
    node: ShowNode | None = None
    node_since_s: float = 0.0
    prompt: str | None = None  # the clip being said
    answered_since_s: float | None = None  # the menu has answered; it ends when the prompt is over
    line: InQueue | None = None
    acd: AtAcd | None = None
    bridged_at_s: float | None = None  # the first time
    end_reason: EndReason | None = None
    consent: bool | None = None
    consent_at: datetime | None = None
    consent_language: str = ""
    notice_version: str = ""
    payment_open: bool = False
    recording: RecordingShown | None = None
    history: CustomerHistory | None = None
    chat: ChatBook = field(default_factory=ChatBook)
    quality: str | None = None  # the worse side's word, and why
    quality_cause: str | None = None
    seq: int = 0  # of the last journal event
    transports: "OrderedDict[LegId, Transport]" = field(default_factory=OrderedDict)

    @property
    def language(self) -> str:
        if self.line is not None:
            return self.line.language
        return self.menu.language if self.menu is not None else self.entry.language

    @property
    def split(self) -> bool:
        """Call mode: the ACD carries the voice, the video is claimed."""
        return self.acd is not None and self.acd.capabilities.mode is AcdMode.CALL

    def side(self, role: Role) -> Side | None:
        """The side, if anybody is on it."""
        if role is Role.CUSTOMER:
            return self.customer
        on = self.agent if role is Role.AGENT else self.second
        return on.side if on is not None else None

    @property
    def sides(self) -> list[Side]:
        """Everybody who is on it."""
        return [side for role in Role if (side := self.side(role)) is not None]

    def role_of(self, agent_id: AgentId) -> Role | None:
        """What the agent is to this contact."""
        if self.agent is not None and self.agent.agent_id == agent_id:
            return Role.AGENT
        return Role.SECOND if self.second is not None and self.second.agent_id == agent_id else None

    def change_places(self) -> None:
        """The agent who was asked has the contact now; the other is about to leave it."""
        self.agent, self.second = self.second, self.agent
        for on, role in ((self.agent, Role.AGENT), (self.second, Role.SECOND)):
            if on is not None:
                on.side.role = role
        other = {Role.AGENT: Role.SECOND, Role.SECOND: Role.AGENT, Role.CUSTOMER: Role.CUSTOMER}
        for transport in self.transports.values():
            transport.role = other[transport.role]

    def joint_without_agents(self) -> Joint:
        """The coupled states this contact owns; whoever knows the agents adds theirs."""
        return Joint(
            contact=self.state,
            customer_leg=self.customer.leg,
            agent_leg=self.agent.side.leg if self.agent is not None else LegState.CLOSED,
            agent=None,
            split=self.split,
            second_leg=self.second.side.leg if self.second is not None else LegState.CLOSED,
        )
