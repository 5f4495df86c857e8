"""What the ACD is told of agents: the state of each, one after another. Only the newest of one is worth telling."""

import asyncio
from collections.abc import Callable

from gateway.acd.port import AcdPort, AgentPosition
from gateway.agents.roster import AgentRecord
from gateway.base.errors import GatewayError
from gateway.base.ids import AgentId
from gateway.base.tasks import Supervisor


class Positions:
    """Of one node. `on_told`: everything there was to tell is told."""

    def __init__(
        self, acd: AcdPort, supervisor: Supervisor, alarm: Callable[[str, str], None], on_told: Callable[[], None]
    ) -> None:
        self._acd = acd
        self._supervisor = supervisor
        self._alarm = alarm
        self._on_told = on_told
        self._untold: dict[AgentId, AgentPosition] = {}  # newest per agent
        self._telling: asyncio.Task[None] | None = None

    @property
    def told(self) -> bool:
        """Nothing is being told just now."""
        return self._telling is None

    def changed(self, record: AgentRecord) -> None:
        """The agent is in another state. Whom an ACD lends us is in the state that it says."""
        if not record.card.visiting:
            self._untold[record.card.agent_id] = AgentPosition(
                agent_id=record.card.agent_id,
                queues=record.card.queues,
                state=record.state.value,
                reason=record.reason.value if record.reason is not None else None,
                ready_since=record.ready_since if record.may_be_offered else None,
                skills=record.card.skills,
                languages=record.card.languages,
            )
        if self._untold and self._telling is None and not self._supervisor.closed:
            self._telling = self._supervisor.spawn(self._tell(), name="agent-positions")

    async def _tell(self) -> None:
        try:
            while self._untold:
                position = self._untold.pop(next(iter(self._untold)))
                try:
                    await self._acd.set_agent_state(position)
                except GatewayError as error:
                    self._alarm("acd_failed", f"An agent's state was not told to the ACD: {error.code}.")
        finally:
            self._telling = None
            self._on_told()
