"""Agents as the ACD calls them, and what was last told of each: what is told twice, or only echoes us, is told once.

Pure; knows no protocol. How an ACD's own states make one of ours is the mapper's knowledge.
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gateway.acd.events import AcdAgentState, AgentName
from gateway.base.ids import AgentId

MAX_AGENTS: Final = 20_000
"""Names kept, ours and others'; the one not heard of for the longest goes first."""

ECHO_S: Final = 5.0
"""How long after a command what the ACD says of that agent is taken for its consequence."""

_SETTABLE: Final = (AcdAgentState.READY, AcdAgentState.NOT_READY, AcdAgentState.WRAP_UP, AcdAgentState.LOGGED_OFF)


class AgentNames:
    """The ACD's name of an agent ↔ our agent. From the settings, and from what the contact says of agents."""

    def __init__(self, known: Mapping[str, AgentId] | None = None) -> None:
        """`known`: the ACD's names and whose they are."""
        self._id_of: dict[str, AgentId] = {}
        self._ref_of: dict[AgentId, str] = {}
        for ref, agent_id in (known or {}).items():
            self.learn(agent_id, ref)

    def learn(self, agent_id: AgentId, ref: str) -> None:
        """That is what the ACD calls this agent. The last word counts; a name is one agent's."""
        if ref == self._ref_of.get(agent_id) or (agent_id not in self._ref_of and len(self._ref_of) >= MAX_AGENTS):
            return
        before = self._ref_of.pop(agent_id, None)
        if before is not None:
            self._id_of.pop(before, None)
        owner = self._id_of.pop(ref, None)
        if owner is not None:
            self._ref_of.pop(owner, None)
        self._ref_of[agent_id] = ref
        self._id_of[ref] = agent_id

    def of(self, ref: str) -> AgentName:
        return AgentName(ref=ref, agent_id=self._id_of.get(ref))

    def ref_of(self, agent_id: AgentId) -> str | None:
        return self._ref_of.get(agent_id)


@dataclass(slots=True)
class _Standing:
    state: AcdAgentState
    reason: str | None
    echo_until: float = 0.0  # monotonic


class AgentBook:
    """What was last told of each agent."""

    def __init__(self) -> None:
        self._standings: OrderedDict[str, _Standing] = OrderedDict()

    def state_of(self, ref: str) -> AcdAgentState | None:
        standing = self._standings.get(ref)
        return standing.state if standing else None

    def report(self, ref: str, state: AcdAgentState, reason: str | None, now_s: float) -> bool:
        """The ACD shows the agent so. True: that is news, and to be told."""
        standing = self._standings.get(ref)
        if standing is None:
            if len(self._standings) >= MAX_AGENTS:
                self._standings.popitem(last=False)
            self._standings[ref] = _Standing(state, reason)
            return True
        self._standings.move_to_end(ref)
        if (state, reason) == (standing.state, standing.reason):
            standing.echo_until = 0.0
            return False
        if now_s < standing.echo_until and state in _SETTABLE:
            return False  # on its way to what was asked: one queue after the other
        standing.state, standing.reason, standing.echo_until = state, reason, 0.0
        return True

    def commanded(self, ref: str, state: AcdAgentState, reason: str | None, now_s: float) -> None:
        """We asked the ACD for that: when it says so, that is no news."""
        standing = self._standings.setdefault(ref, _Standing(state, reason))
        standing.state, standing.reason, standing.echo_until = state, reason, now_s + ECHO_S

    def refused(self, ref: str) -> None:
        """The ACD did not do it: whatever it says of the agent next is news."""
        self._standings.pop(ref, None)
