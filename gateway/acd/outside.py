"""Calls whose voice is on a telephone that nobody here carries: a customer whom an agent, talking to them, sent a link.

Mode *call* without a call: there is no queue and nobody to ring, the agent is known from the start. What is offered is
connected with them at once, and their panel has the video. When the telephone call ends is not told; the video ends
when either of the two ends it.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from gateway.acd.events import (
    AcdEvent,
    AcdEventBody,
    AcdRef,
    AgentEvent,
    AgentName,
    Connected,
    TransferMode,
    TransferTarget,
)
from gateway.acd.port import (
    AcdCapabilities,
    AcdMode,
    AgentPosition,
    ContactOffer,
    ContactSnapshot,
    DeclineReason,
    Phase,
    QueueSnapshot,
)
from gateway.base.clock import Clock
from gateway.base.errors import StateConflict
from gateway.base.ids import AgentId, ContactId, OfferId, new_id

NAME: Final = "outside"
QUEUE: Final = "by-link"
"""The queue of such contacts in journal and reports. No menu leads there."""


class OutsideAcd:
    """`AcdPort` of calls that are carried elsewhere."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._listener: Callable[[AcdEvent], None] = lambda _: None
        self._agents: dict[ContactId, AgentId | None] = {}  # of the contacts that are not over

    def capabilities(self, queue: str = "") -> AcdCapabilities:
        return AcdCapabilities(
            mode=AcdMode.CALL,
            gives_position=False,
            gives_estimate=False,
            keeps_deadlines=False,
            max_attribute_bytes=None,
            takes_agent_state=False,
        )

    def on_event(self, listener: Callable[[AcdEvent], None]) -> None:
        self._listener = listener

    def on_agent_event(self, listener: Callable[[AgentEvent], None]) -> None:
        """Nothing is known of agents outside."""

    async def check(self) -> None:
        """Nothing here can be away."""

    async def offer(self, offer: ContactOffer) -> AcdRef:
        ref = AcdRef(offer.contact_id)
        if offer.contact_id not in self._agents:
            self._agents[offer.contact_id] = offer.preferred_agent
            self._connect(offer.contact_id)
        return ref

    def _connect(self, contact_id: ContactId) -> None:
        agent_id = self._agents[contact_id]
        name = AgentName(ref=agent_id, agent_id=agent_id) if agent_id is not None else None
        self._say(contact_id, Connected(agent=name))

    def _say(self, contact_id: ContactId, body: AcdEventBody) -> None:
        now = self._clock.now()
        self._listener(
            AcdEvent(
                event_id=new_id("ev"),
                contact_id=contact_id,
                acd_ref=AcdRef(contact_id),
                seq=1,
                occurred_at=now,
                received_at=now,
                source=NAME,
                body=body,
                queue=QUEUE,
                synthesized=True,  # that they talk is what the link says, not what somebody heard
            )
        )

    async def update_attributes(self, ref: AcdRef, attributes: Mapping[str, str]) -> None:
        """Nobody is there to be told."""

    async def set_offerable(self, ref: AcdRef, offerable: bool) -> None:
        """Nobody is there to be told."""

    async def cancel(self, ref: AcdRef, reason: str) -> None:
        self._agents.pop(ContactId(ref), None)

    async def accept(self, ref: AcdRef, offer_id: OfferId) -> None:
        """Nothing is offered here."""

    async def decline(self, ref: AcdRef, offer_id: OfferId, reason: DeclineReason) -> None:
        """Nothing is offered here."""

    async def claimed(self, ref: AcdRef, agent_id: AgentId) -> None:
        if ContactId(ref) in self._agents:
            self._agents[ContactId(ref)] = agent_id

    async def confirm_media(self, ref: AcdRef, ok: bool) -> None:
        """The voice goes on either way."""

    async def hold(self, ref: AcdRef) -> None:
        """The telephone has a key of its own."""

    async def resume(self, ref: AcdRef) -> None:
        """As `hold`."""

    async def requeue(self, ref: AcdRef, reason: str) -> None:
        """There is no line: the customer talks on by voice, and the agent's panel may claim the video again."""

    async def transfer(self, ref: AcdRef, mode: TransferMode, target: TransferTarget) -> None:
        raise StateConflict("transfer_unsupported", "The telephone call is transferred on the telephone.")

    async def end(self, ref: AcdRef, reason: str) -> None:
        self._agents.pop(ContactId(ref), None)

    async def complete_wrap_up(self, ref: AcdRef, disposition: str | None) -> None:
        self._agents.pop(ContactId(ref), None)

    async def set_agent_state(self, position: AgentPosition) -> None:
        """Nobody is there to be told."""

    async def snapshot(self, queue: str) -> QueueSnapshot:
        return QueueSnapshot(queue=queue, waiting=(), ready=())

    async def contacts(self, refs: Sequence[AcdRef]) -> Sequence[ContactSnapshot]:
        return [
            ContactSnapshot(
                contact_id=ContactId(ref),
                acd_ref=ref,
                phase=Phase.CONNECTED if ContactId(ref) in self._agents else Phase.GONE,
            )
            for ref in refs
        ]
