"""The agents of this node: state, reason, presence, what follows after-call work. No I/O; time is passed in.

One writer per agent and moment: the contact that holds the agent (through `apply`), otherwise the agent's own requests.
Every change is told to one listener (the desk), which tells the panel, the ACD and the board.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from gateway.agents import states as a
from gateway.agents.states import AGENT, REASON_OF, AgentEvent, AgentState, NotReadyReason
from gateway.base.clock import Clock
from gateway.base.errors import BadInput, NotFound, StateConflict
from gateway.base.ids import AgentId, ContactId
from gateway.parties import AgentCard

CHOSEN_REASONS = frozenset(
    {
        NotReadyReason.BREAK,
        NotReadyReason.LUNCH,
        NotReadyReason.TRAINING,
        NotReadyReason.MEETING,
        NotReadyReason.OTHER,
    }
)
"""The reasons an agent may choose."""

_ON_CONTACT = frozenset({AgentState.RESERVED, AgentState.BUSY, AgentState.WORKING_AFTER_CALL})


@dataclass(slots=True, kw_only=True)
class AgentRecord:
    """One agent. Only the roster writes it; `*_s` are seconds of the monotonic clock."""

    card: AgentCard
    state: AgentState
    reason: NotReadyReason | None
    pending: NotReadyReason | None
    contact_id: ContactId | None
    since_s: float
    ready_since: datetime | None  # kept through an offer that was withdrawn: it was not the agent's doing
    absent_since_s: float | None  # no panel since; None: there is one

    @property
    def may_be_offered(self) -> bool:
        return self.state is AgentState.READY and self.absent_since_s is None

    @property
    def may_claim(self) -> bool:
        """Has a panel, and no contact: ready or not, their phone is the ACD's."""
        return self.state in (AgentState.READY, AgentState.NOT_READY) and self.absent_since_s is None


class AgentRoster:
    """Every agent who is logged on here."""

    def __init__(self, clock: Clock, presence_grace: timedelta) -> None:
        self._clock = clock
        self._grace_s = presence_grace.total_seconds()
        self._agents: dict[AgentId, AgentRecord] = {}
        self._listener: Callable[[AgentRecord], None] = lambda _: None

    def on_change(self, listener: Callable[[AgentRecord], None]) -> None:
        self._listener = listener

    def __iter__(self) -> Iterator[AgentRecord]:
        return iter(self._agents.values())

    def __len__(self) -> int:
        return len(self._agents)

    def find(self, agent_id: AgentId) -> AgentRecord | None:
        return self._agents.get(agent_id)

    def get(self, agent_id: AgentId) -> AgentRecord:
        """NotFound (`agent_not_logged_on`) when no panel of this agent was ever here since they signed in."""
        try:
            return self._agents[agent_id]
        except KeyError:
            raise NotFound("agent_not_logged_on", "This agent has no panel here.") from None

    # ------------------------------------------------------------ presence

    def panel_came(self, card: AgentCard) -> AgentRecord:
        """A panel connected. The first one logs the agent on: not ready, `login`."""
        record = self._agents.get(card.agent_id)
        if record is None:
            record = AgentRecord(
                card=card,
                state=AgentState.LOGGED_OFF,
                reason=None,
                pending=None,
                contact_id=None,
                since_s=self._clock.monotonic(),
                ready_since=None,
                absent_since_s=None,
            )
            self._agents[card.agent_id] = record
            self.apply(card.agent_id, a.LoggedOn())
            return record
        if card.visiting and not record.card.visiting:
            card = replace(card, visiting=False)  # a panel of their own was here: they stay
        record.card = card
        record.absent_since_s = None
        self._listener(record)
        return record

    def expect(self, agent_id: AgentId) -> AgentRecord | None:
        """A panel will be opened for one contact: as if it were there. None when a contact holds the agent already."""
        record = self._agents.get(agent_id)
        if record is None:
            return self.panel_came(AgentCard(agent_id=agent_id, display_name="", queues=(), visiting=True))
        if record.state in _ON_CONTACT:
            return None
        record.card = replace(record.card, visiting=True)
        record.absent_since_s = None
        self._listener(record)
        return record

    def panel_went(self, agent_id: AgentId) -> AgentRecord | None:
        """The last panel of the agent is gone; unknown agents are no error."""
        record = self._agents.get(agent_id)
        if record is not None and record.absent_since_s is None:
            record.absent_since_s = self._clock.monotonic()
            self._listener(record)
        return record

    def next_deadline(self) -> float | None:
        """When `on_timer` is due: the earliest end of a presence grace."""
        return min((since_s + self._grace_s for _, since_s in self._missed()), default=None)

    def on_timer(self) -> None:
        """Ready agents whose panel was gone for the grace are ready no more."""
        now = self._clock.monotonic()
        for agent_id, since_s in list(self._missed()):
            if since_s + self._grace_s <= now:
                self.apply(agent_id, a.PresenceLost())

    def _missed(self) -> Iterator[tuple[AgentId, float]]:
        for agent_id, record in self._agents.items():
            if record.state is AgentState.READY and record.absent_since_s is not None:
                yield agent_id, record.absent_since_s

    # ------------------------------------------------------------ what agents ask

    def set_ready(self, agent_id: AgentId) -> None:
        """Take contacts; on a call or after it: take back the pending reason. StateConflict otherwise."""
        record = self.get(agent_id)
        if record.state is AgentState.READY:
            return
        AGENT.next(record.state, a.ReadySet())
        record.pending = None
        self.apply(agent_id, a.ReadySet())

    def set_not_ready(self, agent_id: AgentId, reason: str) -> None:
        """Take no contacts: now, or after the present one. BadInput (`unknown_reason`), StateConflict."""
        record = self.get(agent_id)
        chosen = next((each for each in CHOSEN_REASONS if each.value == reason), None)
        if chosen is None:
            raise BadInput("unknown_reason", "Choose one of: " + ", ".join(sorted(CHOSEN_REASONS)) + ".")
        AGENT.next(record.state, a.NotReadySet(reason=chosen))
        if record.state in _ON_CONTACT:
            record.pending = chosen
        self.apply(agent_id, a.NotReadySet(reason=chosen))

    def log_off(self, agent_id: AgentId) -> None:
        """The agent signed out: forgotten here. StateConflict (`agent_busy`) on a call; unknown ones are no error."""
        record = self._agents.get(agent_id)
        if record is None:
            return
        if record.state is AgentState.BUSY:
            raise StateConflict("agent_busy", "End the call first.")
        if record.state is not AgentState.LOGGED_OFF:  # a contact that held the agent has moved them already
            self.apply(agent_id, a.LoggedOff())
        del self._agents[agent_id]

    def follow_acd(self, agent_id: AgentId) -> None:
        """The ACD routes to this agent, so they are ready here too if they have a panel and no contact. NotFound."""
        record = self.get(agent_id)
        if record.state is AgentState.NOT_READY and record.absent_since_s is None:
            self.apply(agent_id, a.ReadySet())

    def pause_by_acd(self, agent_id: AgentId, reason: str | None) -> None:
        """The ACD routes to this agent no more. One who is on a contact stays so, and pauses after it. NotFound."""
        record = self.get(agent_id)
        known = next((each for each in CHOSEN_REASONS if each.value == reason), NotReadyReason.OTHER)
        if record.state in (AgentState.READY, AgentState.BUSY, AgentState.WORKING_AFTER_CALL):
            self.set_not_ready(agent_id, known)

    # ------------------------------------------------------------ transitions

    def apply(self, agent_id: AgentId, event: AgentEvent) -> None:
        """Move the agent by the table. StateConflict (`illegal_transition`); nothing changed then."""
        record = self.get(agent_id)
        before, reason_before = record.state, record.reason
        self._move(record, event)
        if record.state is AgentState.READY and record.pending is not None:
            self._move(record, a.NotReadySet(reason=record.pending))
        if record.state is AgentState.NOT_READY:
            record.pending = None
        if record.state not in _ON_CONTACT:
            record.contact_id = None
        if record.state is AgentState.READY:
            if record.ready_since is None:
                record.ready_since = self._clock.now()
        elif record.state is not AgentState.RESERVED:
            record.ready_since = None
        if (record.state, record.reason) != (before, reason_before):
            record.since_s = self._clock.monotonic()
        idle = record.state in (AgentState.READY, AgentState.NOT_READY)
        if record.card.visiting and before in _ON_CONTACT and idle:  # the one contact is over
            self._move(record, a.LoggedOff())
            del self._agents[agent_id]
        self._listener(record)

    def _move(self, record: AgentRecord, event: AgentEvent) -> None:
        before, record.state = record.state, AGENT.next(record.state, event)
        if isinstance(event, a.Claimed) and before is AgentState.NOT_READY:
            record.pending = record.reason  # they take this call, and are as they were after it
        if isinstance(event, a.OfferMade | a.Claimed):
            record.contact_id = event.contact_id
        if record.state is not AgentState.NOT_READY:
            record.reason = None
        elif isinstance(event, a.NotReadySet | a.LegFailed):
            record.reason = event.reason
        else:
            record.reason = REASON_OF[type(event)]
