"""An ACD that does what a test says: remembers every command, and says what it is told to say."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from gateway.acd.events import AcdEvent, AcdEventBody, AcdRef, AgentEvent, TransferMode, TransferTarget
from gateway.acd.port import (
    AcdCapabilities,
    AcdMode,
    AgentPosition,
    ContactOffer,
    ContactSnapshot,
    CutCause,
    DeclineReason,
    Phase,
    QueueSnapshot,
)
from gateway.base.errors import PortFailure
from gateway.base.ids import AgentId, ContactId, OfferId, new_id

NOON: Final = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


class FakeAcd:
    """`away` makes whatever asks it something fail. Its refs are `at-` and the contact's id."""

    def __init__(self, mode: AcdMode = AcdMode.TASK, *, takes_agent_state: bool = True) -> None:
        self.mode = mode
        self.takes_agent_state = takes_agent_state
        self.away = False
        self.told: list[tuple[object, ...]] = []
        self.positions: list[AgentPosition] = []
        self.phases: dict[ContactId, Phase] = {}
        self.checked = 0
        self._listener: Callable[[AcdEvent], None] = lambda _: None
        self._agent_listener: Callable[[AgentEvent], None] = lambda _: None
        self._resync_listener: Callable[[CutCause], None] = lambda _: None

    def say(self, contact: str, body: AcdEventBody, *, seq: int = 1) -> None:
        self._listener(
            AcdEvent(
                event_id=new_id("ev"),
                contact_id=ContactId(contact),
                acd_ref=AcdRef(f"at-{contact}"),
                seq=seq,
                occurred_at=NOON,
                received_at=NOON,
                source="fake",
                body=body,
                queue="sales",
            )
        )

    def say_of_agent(self, event: AgentEvent) -> None:
        self._agent_listener(event)

    def back(self, cause: CutCause) -> None:
        self._resync_listener(cause)

    def _answer(self) -> None:
        if self.away:
            raise PortFailure("fake_away", "The fake ACD is away.")

    def _note(self, *what: object) -> None:
        self._answer()
        self.told.append(what)

    def capabilities(self, queue: str = "") -> AcdCapabilities:
        return AcdCapabilities(
            mode=self.mode,
            gives_position=False,
            gives_estimate=False,
            keeps_deadlines=True,
            max_attribute_bytes=None,
            takes_agent_state=self.takes_agent_state,
        )

    def on_event(self, listener: Callable[[AcdEvent], None]) -> None:
        self._listener = listener

    def on_agent_event(self, listener: Callable[[AgentEvent], None]) -> None:
        self._agent_listener = listener

    def on_resync(self, listener: Callable[[CutCause], None]) -> None:
        self._resync_listener = listener

    async def check(self) -> None:
        self.checked += 1
        self._answer()

    async def offer(self, offer: ContactOffer) -> AcdRef:
        self._note("offer", offer.contact_id)
        return AcdRef(f"at-{offer.contact_id}")

    async def update_attributes(self, ref: AcdRef, attributes: Mapping[str, str]) -> None:
        self._note("update_attributes", ref, dict(attributes))

    async def set_offerable(self, ref: AcdRef, offerable: bool) -> None:
        self._note("set_offerable", ref, offerable)

    async def cancel(self, ref: AcdRef, reason: str) -> None:
        self._note("cancel", ref, reason)

    async def accept(self, ref: AcdRef, offer_id: OfferId) -> None:
        self._note("accept", ref, offer_id)

    async def decline(self, ref: AcdRef, offer_id: OfferId, reason: DeclineReason) -> None:
        self._note("decline", ref, offer_id, reason)

    async def claimed(self, ref: AcdRef, agent_id: AgentId) -> None:
        self._note("claimed", ref, agent_id)

    async def confirm_media(self, ref: AcdRef, ok: bool) -> None:
        self._note("confirm_media", ref, ok)

    async def hold(self, ref: AcdRef) -> None:
        self._note("hold", ref)

    async def resume(self, ref: AcdRef) -> None:
        self._note("resume", ref)

    async def requeue(self, ref: AcdRef, reason: str) -> None:
        self._note("requeue", ref, reason)

    async def transfer(self, ref: AcdRef, mode: TransferMode, target: TransferTarget) -> None:
        self._note("transfer", ref, mode, target)

    async def end(self, ref: AcdRef, reason: str) -> None:
        self._note("end", ref, reason)

    async def complete_wrap_up(self, ref: AcdRef, disposition: str | None) -> None:
        self._note("complete_wrap_up", ref, disposition)

    async def set_agent_state(self, position: AgentPosition) -> None:
        self._answer()
        self.positions.append(position)

    async def snapshot(self, queue: str) -> QueueSnapshot:
        self._answer()
        return QueueSnapshot(queue=queue, waiting=(), ready=())

    async def contacts(self, refs: Sequence[AcdRef]) -> Sequence[ContactSnapshot]:
        self._answer()
        known = [(ref, ContactId(ref.removeprefix("at-"))) for ref in refs]
        return [
            ContactSnapshot(contact_id=contact_id, acd_ref=ref, phase=self.phases.get(contact_id, Phase.GONE))
            for ref, contact_id in known
        ]
