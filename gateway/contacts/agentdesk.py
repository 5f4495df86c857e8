"""Where agents meet the contacts of a node: their presence, what they ask for, and whom each of them is with.

Keeps the roster's changes known to panel, ACD and board. It knows no rule of a contact's life: that is `conduct`.
"""

from collections.abc import Callable, Mapping, Sequence, Set
from typing import Final

from gateway.acd.events import AcdAgentState, AgentEvent
from gateway.acd.port import AcdPort
from gateway.agents.roster import AgentRecord, AgentRoster
from gateway.agents.states import AgentState
from gateway.base.deadlines import Deadlines
from gateway.base.errors import StateConflict, TooManyRequests
from gateway.base.ids import AgentId, ContactId
from gateway.base.log import get_logger
from gateway.config import QueueSettings
from gateway.contacts import messages
from gateway.contacts.actor import ContactActor
from gateway.contacts.board import BoardSeat
from gateway.contacts.claims import Claims
from gateway.contacts.model import Contact
from gateway.contacts.positions import Positions
from gateway.parties import (
    AgentCard,
    AgentChanged,
    AgentNotice,
    AgentParty,
    AgentRequest,
    ClaimContact,
    NoticePort,
    SetNotReady,
    SetReady,
    TransferAgent,
    TransferTargets,
)

_log = get_logger("desk")

_ROSTER_TIMER: Final = "roster"


class AgentDesk:
    """The agents' half of the `Desk` of `gateway.parties`. `actors`: the contacts of this node, as they come and go."""

    def __init__(
        self,
        *,
        roster: AgentRoster,
        actors: Mapping[ContactId, ContactActor],
        acd: AcdPort,
        notices: NoticePort,
        queues: Sequence[QueueSettings],
        unlisted: Set[str],
        claims: Claims,
        positions: Positions,
        deadlines: Deadlines,
        alarm: Callable[[str, str], None],
        board_changed: Callable[[], None],
    ) -> None:
        self._roster = roster
        self._actors = actors
        self._acd = acd
        self._notices = notices
        self._queues = tuple((queue.id, queue.name) for queue in queues if queue.id not in unlisted)
        self._unlisted = unlisted
        self._claims = claims
        self._positions = positions
        self._deadlines = deadlines
        self._alarm = alarm
        self._board_changed = board_changed
        self._rung: dict[AgentId, ContactId] = {}  # a contact rings there beside others

    def start(self) -> None:
        self._acd.on_agent_event(self._at_acd)
        self._roster.on_change(self._changed)

    # ------------------------------------------------------------ what agents ask for

    async def present(self, card: AgentCard, present: bool, *, page_gone: bool = False) -> None:
        record = self._roster.panel_came(card) if present else self._roster.panel_went(card.agent_id)
        actor = self._holder(record)
        if actor is not None:
            actor.post(messages.AgentPresence(agent_id=card.agent_id, present=present, page_gone=page_gone))

    async def request(self, agent_id: AgentId, request: AgentRequest) -> None:
        match request:
            case SetReady():
                self._roster.set_ready(agent_id)
            case SetNotReady(reason=reason):
                self._roster.set_not_ready(agent_id, reason)
            case ClaimContact():
                await self._claim(agent_id, request)
            case _:
                actor = self._holder(self._roster.get(agent_id)) or self._ringer(agent_id)
                if actor is None:
                    raise StateConflict("no_contact", "You are not on a contact.")
                await actor.ask(messages.AgentAsked(agent_id=agent_id, request=request))

    async def _claim(self, agent_id: AgentId, request: ClaimContact) -> None:
        """Find the contact of a short id and ask it. NotFound (`claim_unknown`), TooManyRequests (`claim_limited`),
        StateConflict (`claim_over`, `claim_taken`, `agent_busy`)."""
        record = self._roster.get(agent_id)
        try:
            contact_id = self._claims.find(agent_id, request.correlation, request.address)
        except TooManyRequests:
            self._alarm("claims_guessed", f"An agent sends claim ids that lead nowhere: {record.card.display_name}.")
            raise
        if record.contact_id not in (None, contact_id):
            raise StateConflict("agent_busy", "End what you are on first.")
        actor = self._actors.get(contact_id)
        if actor is None:
            raise StateConflict("claim_over", "This call is over.")
        await actor.ask(messages.AgentClaims(agent_id=agent_id))

    def transfer_targets(self, agent_id: AgentId) -> TransferTargets:
        agents = [
            TransferAgent(
                agent_id=record.card.agent_id, display_name=record.card.display_name, ready=record.may_be_offered
            )
            for record in self._roster
            if record.card.agent_id != agent_id and record.absent_since_s is None and self._is_colleague(record.card)
        ]
        agents.sort(key=lambda each: (not each.ready, each.display_name, each.agent_id))
        return TransferTargets(queues=self._queues, agents=tuple(agents))

    def _is_colleague(self, card: AgentCard) -> bool:
        """Not here for one contact only, nor for unlisted queues only, as robots are."""
        return not card.visiting and (not card.queues or not set(card.queues) <= self._unlisted)

    async def view(self, agent_id: AgentId) -> Sequence[AgentNotice]:
        record = self._roster.get(agent_id)
        notices: tuple[AgentNotice, ...] = (_as_told(record),)
        actor = self._holder(record) or self._ringer(agent_id)
        if actor is not None:
            notices += await actor.ask(messages.AgentViewAsked(agent_id=agent_id)) or ()  # type: ignore[operator]
        return notices

    async def logged_off(self, agent_id: AgentId) -> None:
        record = self._roster.find(agent_id)
        if record is None:
            return
        if record.state is AgentState.BUSY:
            raise StateConflict("agent_busy", "End the call first.")
        actor = self._holder(record)
        if actor is not None:
            await actor.ask(messages.AgentSignedOut(agent_id=agent_id))
        self._roster.log_off(agent_id)

    # ------------------------------------------------------------ whom they are with

    def contact_of(self, agent_id: AgentId) -> ContactId | None:
        holder = self._holder(self._roster.find(agent_id))
        return holder.contact.contact_id if holder is not None else None

    def _holder(self, record: AgentRecord | None) -> ContactActor | None:
        """The contact that rings at the agent or is with them."""
        if record is None or record.contact_id is None:
            return None
        return self._actors.get(record.contact_id)

    def ring_at(self, agent_id: AgentId, contact: Contact) -> bool:
        """Note that the contact rings at this agent beside others. False: they take no contacts, or one rings there."""
        record = self._roster.find(agent_id)
        if record is None or not record.may_be_offered or agent_id in self._rung:
            return False
        self._rung[agent_id] = contact.contact_id
        return True

    def rings_no_more(self, agent_id: AgentId) -> None:
        self._rung.pop(agent_id, None)

    def contact_ended(self, contact_id: ContactId) -> None:
        """It rings nowhere any more."""
        self._rung = {agent: each for agent, each in self._rung.items() if each != contact_id}

    def _ringer(self, agent_id: AgentId) -> ContactActor | None:
        """The contact that rings at the agent beside others."""
        contact_id = self._rung.get(agent_id)
        return self._actors.get(contact_id) if contact_id is not None else None

    # ------------------------------------------------------------ their states

    def _changed(self, record: AgentRecord) -> None:
        agent_id = record.card.agent_id
        ringer = self._ringer(agent_id) if record.state is not AgentState.READY else None
        if ringer is not None:
            ringer.post(messages.RingLeft(agent_id=agent_id))
        self._notices.tell(AgentParty(agent_id=agent_id), _as_told(record))
        self._positions.changed(record)
        deadline = self._roster.next_deadline()
        if deadline is None:
            self._deadlines.cancel(_ROSTER_TIMER)
        else:
            self._deadlines.set(_ROSTER_TIMER, deadline, self._roster.on_timer)
        self._board_changed()

    def _at_acd(self, event: AgentEvent) -> None:
        """An agent's state at a foreign ACD: theirs here follows as far as no contact of ours decides it."""
        record = self._roster.find(event.agent.agent_id) if event.agent.agent_id is not None else None
        if record is None:
            return
        agent_id = record.card.agent_id
        _log.info("agent.at_acd", agent_id=agent_id, state=event.state.value, reason=event.reason, source=event.source)
        match event.state:
            case AcdAgentState.READY:
                self._roster.follow_acd(agent_id)
            case AcdAgentState.NOT_READY | AcdAgentState.LOGGED_OFF:
                self._roster.pause_by_acd(agent_id, event.reason)
            case AcdAgentState.RINGING | AcdAgentState.BUSY | AcdAgentState.WRAP_UP:
                pass  # the contact's own events say what that means here

    def seats(self) -> list[BoardSeat]:
        """Every agent, as the board shows them."""
        return [
            BoardSeat(
                agent_id=record.card.agent_id,
                display_name=record.card.display_name,
                queues=record.card.queues,
                state=record.state.value,
                reason=record.reason.value if record.reason is not None else None,
                since_s=record.since_s,
                contact_id=record.contact_id,
                ready=record.may_be_offered,
            )
            for record in self._roster
        ]


def _as_told(record: AgentRecord) -> AgentChanged:
    return AgentChanged(
        state=record.state.value,
        reason=record.reason.value if record.reason is not None else None,
        pending_reason=record.pending.value if record.pending is not None else None,
        contact_id=record.contact_id,
        queues=record.card.queues,
    )
