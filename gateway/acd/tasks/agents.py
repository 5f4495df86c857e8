"""Agents as one ACD and we know them: what it calls them, where they stand, what it has heard of that.

Keeps and finds; sends nothing.
"""

from collections.abc import Mapping

from gateway.acd.events import AcdAgentState
from gateway.acd.port import AgentPosition
from gateway.base.ids import AgentId


class Agents:
    """`named`: ids by the ACD's names, as the settings have them; others are named when they come."""

    def __init__(self, named: Mapping[str, str]) -> None:
        self.ids: dict[str, AgentId] = {ref: AgentId(agent) for ref, agent in named.items()}
        self.states: dict[str, str] = {}  # as the ACD said last: what it knows is not told back
        self._positions: dict[AgentId, AgentPosition] = {}

    def ref_of(self, agent_id: AgentId) -> str:
        """What the ACD calls them; their id where nobody said so."""
        return next((ref for ref, known in self.ids.items() if known == agent_id), str(agent_id))

    def stands(self, position: AgentPosition) -> tuple[str, bool]:
        """Of an agent whose state or queues changed: what the ACD calls them, and whether it is to be told."""
        ref = position.ref or self.ref_of(position.agent_id)
        if position.state == AcdAgentState.LOGGED_OFF:
            self._positions.pop(position.agent_id, None)
        else:
            self._positions[position.agent_id] = position
            self.ids[ref] = position.agent_id
        if self.states.get(ref) == position.state:
            return ref, False
        self.states[ref] = position.state
        return ref, True

    def ready(self, queue: str) -> tuple[AgentId, ...]:
        """Of that queue, longest idle first."""
        found = [(p.ready_since, p.agent_id) for p in self._positions.values() if queue in p.queues and p.ready_since]
        return tuple(agent_id for _, agent_id in sorted(found))
