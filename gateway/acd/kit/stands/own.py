"""The gateway's own ACD on an embedded live state, which can be cut off and lose what it held."""

from collections.abc import Callable, Mapping
from typing import Final

from fakeredis import FakeAsyncRedis, FakeServer

from gateway.acd.builtin.acd import BuiltinAcd
from gateway.acd.events import TargetKind, TransferTarget
from gateway.acd.kit.stand import Act
from gateway.acd.port import AcdPort, AgentPosition
from gateway.base.clock import Clock
from gateway.base.errors import InvariantBroken
from gateway.base.ids import AgentId, ContactId
from gateway.live.queues import LiveQueueStore
from gateway.live.store import Live

QUEUE: Final = "kit"
LIVE_TIMEOUT_S: Final = 1.0


class OwnStand:
    """A `Stand`. What lies between is the live state; agents are what the roster says."""

    adapter = "own"
    queue = QUEUE
    agents = (AgentId("ag_kitanna0"), AgentId("ag_kitben00"))
    can = frozenset({Act.CRASH, Act.CUT, Act.MEND, Act.RESTART_ACD, Act.RESTART_GATEWAY})
    target = TransferTarget(kind=TargetKind.AGENT, value=agents[1])
    wait_s = 5.0
    quiet_s = 0.05

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._server = FakeServer()
        self._live = Live(
            FakeAsyncRedis(server=self._server, decode_responses=True, protocol=2),
            prefix="kit",
            timeout_s=LIVE_TIMEOUT_S,
            embedded=True,
        )
        self._acd: BuiltinAcd | None = None
        self._meet: Callable[[AcdPort], None] = lambda _: None

    async def start(self, meet: Callable[[AcdPort], None]) -> None:
        self._meet = meet
        await self._begin()

    async def _begin(self) -> None:
        self._acd = BuiltinAcd(
            store=LiveQueueStore(self._live), clock=self._clock, node="kit", agent_allowed=lambda _agent, _site: True
        )
        self._meet(self._acd)
        await self._acd.start()

    async def aclose(self) -> None:
        if self._acd is not None:
            await self._acd.aclose()
            self._acd = None
        await self._live.aclose()

    async def do(self, act: Act, contact: ContactId | None = None, agent: AgentId | None = None) -> None:
        if self._acd is None:
            raise InvariantBroken("kit_not_started", "The stand was not started.")
        match act:
            case Act.CRASH if agent is not None:
                gone = AgentPosition(
                    agent_id=agent, queues=(QUEUE,), state="not_ready", reason="presence_lost", ready_since=None
                )
                await self._acd.set_agent_state(gone)
            case Act.CUT:
                self._server.connected = False
            case Act.MEND:
                self._server.connected = True
            case Act.RESTART_ACD:
                await self._live.client.flushall()
            case Act.RESTART_GATEWAY:
                await self._acd.aclose()
                await self._begin()
            case _:
                raise InvariantBroken("kit_cannot", f"This stand can't do {act}.")

    def said(self, contact: ContactId) -> Mapping[str, int] | None:
        return None
