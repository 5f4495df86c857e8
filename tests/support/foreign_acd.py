"""A foreign ACD in a few lines: what it is asked is kept in order, what it says a test makes it say."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from gateway.acd.events import AcdEvent, AcdEventBody, AcdRef, AgentEvent, Reserved, TransferMode, TransferTarget
from gateway.acd.port import (
    AcdCapabilities,
    AcdMode,
    AgentPosition,
    ContactOffer,
    ContactSnapshot,
    DeclineReason,
    QueueSnapshot,
)
from gateway.base.errors import GatewayError
from gateway.base.ids import AgentId, ContactId, OfferId

TASK: Final = AcdCapabilities(
    mode=AcdMode.TASK,
    gives_position=False,
    gives_estimate=False,
    keeps_deadlines=True,
    max_attribute_bytes=None,
    tells_agent_state=True,
)
CALL: Final = AcdCapabilities(
    mode=AcdMode.CALL,
    gives_position=False,
    gives_estimate=False,
    keeps_deadlines=True,
    max_attribute_bytes=128,
    tells_agent=False,
    holds=True,
    transfers=frozenset({TransferMode.BLIND}),
    wraps_up=True,
)
_AT: Final = datetime(2026, 1, 1, tzinfo=UTC)


class ForeignAcd:
    """An `AcdPort` that does nothing by itself."""

    def __init__(self, capabilities: AcdCapabilities = TASK) -> None:
        self.now = capabilities
        self.asked: list[tuple[object, ...]] = []
        self.of_queue: dict[str, AcdCapabilities] = {}  # where they differ
        self.offers: dict[ContactId, ContactOffer] = {}
        self.positions: dict[AgentId, AgentPosition] = {}
        self.fail_next: GatewayError | None = None  # of `transfer`
        self._listener: Callable[[AcdEvent], None] = lambda _: None
        self._agent_listener: Callable[[AgentEvent], None] = lambda _: None
        self._seq = itertools.count(1)

    # ------------------------------------------------------------ what a test makes it say

    def say(
        self,
        contact_id: ContactId,
        body: AcdEventBody,
        *,
        event_id: str = "",
        seq: int | None = None,
        synthesized: bool = False,
        raw: Mapping[str, str] | None = None,
    ) -> AcdEvent:
        number = next(self._seq) if seq is None else seq
        event = AcdEvent(
            event_id=event_id or f"ev{number}",
            contact_id=contact_id,
            acd_ref=AcdRef(f"ref {contact_id}"),
            seq=number,
            occurred_at=_AT,
            received_at=_AT,
            source="foreign",
            body=body,
            queue=self.offers[contact_id].queue if contact_id in self.offers else "",
            synthesized=synthesized,
            raw=raw or {},
        )
        self._listener(event)
        return event

    async def ring(self, contact_id: ContactId, agent_id: AgentId) -> None:
        self.say(contact_id, Reserved(offer_id=OfferId(f"of_{next(self._seq):08}"), agent_id=agent_id, deadline_s=20.0))

    def again(self, event: AcdEvent) -> None:
        self._listener(event)

    def say_of_agent(self, event: AgentEvent) -> None:
        self._agent_listener(event)

    def words(self) -> list[str]:
        """The names of what it was asked, in order."""
        return [str(what[0]) for what in self.asked]

    # ------------------------------------------------------------ the port

    def capabilities(self, queue: str = "") -> AcdCapabilities:
        return self.of_queue.get(queue, self.now)

    def on_event(self, listener: Callable[[AcdEvent], None]) -> None:
        self._listener = listener

    def on_agent_event(self, listener: Callable[[AgentEvent], None]) -> None:
        self._agent_listener = listener

    async def check(self) -> None:
        pass

    async def offer(self, offer: ContactOffer) -> AcdRef:
        self.asked.append(("offer", offer.queue))
        self.offers[offer.contact_id] = offer
        return AcdRef(f"ref {offer.contact_id}")

    async def update_attributes(self, ref: AcdRef, attributes: Mapping[str, str]) -> None:
        self.asked.append(("update_attributes",))

    async def set_offerable(self, ref: AcdRef, offerable: bool) -> None:
        pass  # beside the point of every test here

    async def cancel(self, ref: AcdRef, reason: str) -> None:
        self.asked.append(("cancel", reason))

    async def accept(self, ref: AcdRef, offer_id: OfferId) -> None:
        self.asked.append(("accept", offer_id))

    async def decline(self, ref: AcdRef, offer_id: OfferId, reason: DeclineReason) -> None:
        self.asked.append(("decline", offer_id, reason))

    async def claimed(self, ref: AcdRef, agent_id: AgentId) -> None:
        self.asked.append(("claimed", agent_id))

    async def confirm_media(self, ref: AcdRef, ok: bool) -> None:
        self.asked.append(("confirm_media", ok))

    async def hold(self, ref: AcdRef) -> None:
        self.asked.append(("hold",))

    async def resume(self, ref: AcdRef) -> None:
        self.asked.append(("resume",))

    async def requeue(self, ref: AcdRef, reason: str) -> None:
        self.asked.append(("requeue", reason))

    async def transfer(self, ref: AcdRef, mode: TransferMode, target: TransferTarget) -> None:
        self.asked.append(("transfer", mode, target))
        if self.fail_next is not None:
            error, self.fail_next = self.fail_next, None
            raise error

    async def end(self, ref: AcdRef, reason: str) -> None:
        self.asked.append(("end", reason))

    async def complete_wrap_up(self, ref: AcdRef, disposition: str | None) -> None:
        self.asked.append(("complete_wrap_up", disposition))

    async def set_agent_state(self, position: AgentPosition) -> None:
        self.positions[position.agent_id] = position

    async def snapshot(self, queue: str) -> QueueSnapshot:
        return QueueSnapshot(queue=queue, waiting=(), ready=())

    async def contacts(self, refs: Sequence[AcdRef]) -> Sequence[ContactSnapshot]:
        return ()
