"""Several ACDs behind one port: each queue is served by the adapter that its settings name.

Refs are `name:ref`, so a command finds its adapter after a restart too. Events are passed on with the router's ref and
a number per contact; what an adapter says of a contact that has moved on to another is passed on as `Unrecognised`:
written down, it moves nothing. It knows no kind of ACD and decides nothing of a contact.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final

from gateway.acd.events import AcdEvent, AcdEventBody, AcdRef, AgentEvent, TransferMode, TransferTarget, Unrecognised
from gateway.acd.ledger import Belief, Ledger
from gateway.acd.port import (
    AcdCapabilities,
    AcdPort,
    AgentPosition,
    ContactOffer,
    ContactSnapshot,
    CutCause,
    DeclineReason,
    LeavesOver,
    Phase,
    QueueSnapshot,
    Resyncs,
)
from gateway.base.clock import Clock
from gateway.base.errors import GatewayError, PortFailure
from gateway.base.ids import AgentId, OfferId, new_id
from gateway.base.log import get_logger
from gateway.base.tasks import Supervisor

_log = get_logger("acd")

SOURCE: Final = "reconcile"
"""Of events that the router made up."""

CHECK_TIMEOUT_S: Final = 3.0
AGENT_TIMEOUT_S: Final = 10.0
AGENT_RETRY_S: Final = 5.0
"""An ACD that could not be told of agents is tried again after this, with the newest state of each."""

SNAPSHOT_TIMEOUT_S: Final = 10.0
_SEPARATOR: Final = ":"


@dataclass(slots=True, kw_only=True)
class _Adapter:
    name: str
    port: AcdPort
    positions: dict[AgentId, AgentPosition] = field(default_factory=dict)  # not yet told, newest per agent
    telling: asyncio.Task[None] | None = None
    agents_wait: bool = False  # since it took none


class AcdRouter:
    """`AcdPort` over adapters by name. `acd_of` says which of them serves a queue; a queue it does not name is served
    by `default`. `on_alarm(code, detail)` hears of an agent's state that an adapter would not take."""

    def __init__(
        self,
        adapters: Mapping[str, AcdPort],
        acd_of: Mapping[str, str],
        *,
        default: str,
        clock: Clock,
        on_alarm: Callable[[str, str], None],
    ) -> None:
        self._adapters = {name: _Adapter(name=name, port=port) for name, port in adapters.items()}
        self._default = self._adapters[default]
        self._by_queue = {queue: self._adapters[name] for queue, name in acd_of.items()}
        self._clock = clock
        self._on_alarm = on_alarm
        self._listener: Callable[[AcdEvent], None] = lambda _: None
        self.ledger = Ledger()
        self._supervisor = Supervisor("acd-router")
        for adapter in self._adapters.values():
            adapter.port.on_event(partial(self._heard, adapter.name))

    async def aclose(self) -> None:
        """Stop telling of agents. The adapters belong to whoever made them. Idempotent."""
        await self._supervisor.aclose()

    # ------------------------------------------------------------ what comes from below

    def on_event(self, listener: Callable[[AcdEvent], None]) -> None:
        self._listener = listener

    def on_agent_event(self, listener: Callable[[AgentEvent], None]) -> None:
        for adapter in self._adapters.values():
            adapter.port.on_agent_event(listener)

    def on_resync(self, listener: Callable[[str, CutCause], None]) -> None:
        """`listener` is called with the name of an adapter whose ACD is back after a cut. One listener."""
        for adapter in self._adapters.values():
            if isinstance(adapter.port, Resyncs):
                adapter.port.on_resync(partial(listener, adapter.name))

    def on_left_over(self, listener: Callable[[str, ContactSnapshot, str], None]) -> None:
        """`listener` is called with the adapter's name, a contact that an earlier process left at its ACD, and the
        queue. One listener."""
        for adapter in self._adapters.values():
            if isinstance(adapter.port, LeavesOver):
                adapter.port.on_left_over(partial(listener, adapter.name))

    def _heard(self, name: str, event: AcdEvent) -> None:
        belief = self.ledger.find(event.contact_id)
        if belief is None:  # of an earlier life of this gateway, or long over: the desk knows whether it has it
            belief = self.ledger.keep(event.contact_id, name)
            self.ledger.took(belief, event.acd_ref)
        belief.seq += 1
        passed = replace(event, acd_ref=_outer(name, event.acd_ref), seq=belief.seq)
        if belief.name == name:
            belief.said(event.body)
        else:
            passed = replace(passed, body=Unrecognised(name=f"{type(event.body).__name__} of {name}"))
        self._listener(passed)

    def say(self, belief: Belief, body: AcdEventBody, *, why: str) -> None:
        """Tell the desk what the ACD should have told, marked as made up."""
        now = self._clock.now()
        belief.seq += 1
        belief.said(body)
        self._listener(
            AcdEvent(
                event_id=new_id("ev"),
                contact_id=belief.contact_id,
                acd_ref=_outer(belief.name, belief.ref),
                seq=belief.seq,
                occurred_at=now,
                received_at=now,
                source=SOURCE,
                body=body,
                queue=belief.offer.queue if belief.offer is not None else "",
                synthesized=True,
                raw={"why": why},
            )
        )

    def adapter(self, name: str) -> AcdPort | None:
        """The adapter of that name, which speaks with its own refs."""
        known = self._adapters.get(name)
        return known.port if known is not None else None

    # ------------------------------------------------------------ port: of queues

    def _of(self, queue: str) -> _Adapter:
        return self._by_queue.get(queue, self._default)

    def capabilities(self, queue: str = "") -> AcdCapabilities:
        return self._of(queue).port.capabilities(queue)

    async def check(self) -> None:
        """PortFailure when none of the ACDs that serve a queue could take a contact now. Those that serve none are
        not asked, and one that is away does not close the door of the others."""
        needed = {adapter.name: adapter for adapter in self._by_queue.values()} or {self._default.name: self._default}
        answers = await asyncio.gather(*(self._answers(adapter) for adapter in needed.values()))
        failures = [answer for answer in answers if answer is not None]
        if len(failures) == len(answers):
            raise failures[0]

    async def _answers(self, adapter: _Adapter) -> PortFailure | None:
        """What is wrong with it; None when it could take a contact."""
        try:
            async with asyncio.timeout(CHECK_TIMEOUT_S):
                await adapter.port.check()
        except PortFailure as failure:
            return failure
        except TimeoutError:
            return PortFailure("acd_timeout", f"The ACD {adapter.name} does not answer.")
        return None

    async def snapshot(self, queue: str) -> QueueSnapshot:
        return await self._of(queue).port.snapshot(queue)

    # ------------------------------------------------------------ port: of contacts

    async def offer(self, offer: ContactOffer) -> AcdRef:
        adapter = self._of(offer.queue)
        belief = self.ledger.keep(offer.contact_id, adapter.name)  # before it is asked: events may come before the ref
        belief.offer, belief.phase, belief.offer_id = offer, Phase.QUEUED, None
        inner = await adapter.port.offer(offer)
        self.ledger.took(belief, inner)
        return _outer(adapter.name, inner)

    def _at(self, ref: AcdRef, command: str = "", offer_id: OfferId | None = None) -> tuple[AcdPort, AcdRef]:
        """Whom to ask, and by which ref; what is asked goes into the ledger."""
        name, _, inner = ref.partition(_SEPARATOR)
        adapter = self._adapters.get(name)
        if adapter is None:
            raise PortFailure("acd_unknown", "The ACD that took this contact is not in the settings any more.")
        belief = self.ledger.of_ref(name, AcdRef(inner)) if command else None
        if belief is not None:
            belief.asked(command, offer_id)
        return adapter.port, AcdRef(inner)

    def _changed(self, ref: AcdRef, **fields: Any) -> None:
        """If it is offered once more, it is as it is then."""
        name, _, inner = ref.partition(_SEPARATOR)
        belief = self.ledger.of_ref(name, AcdRef(inner))
        if belief is not None and belief.offer is not None:
            belief.offer = replace(belief.offer, **fields)

    async def update_attributes(self, ref: AcdRef, attributes: Mapping[str, str]) -> None:
        port, inner = self._at(ref)
        self._changed(ref, attributes=attributes)
        await port.update_attributes(inner, attributes)

    async def set_offerable(self, ref: AcdRef, offerable: bool) -> None:
        port, inner = self._at(ref)
        self._changed(ref, offerable=offerable)
        await port.set_offerable(inner, offerable)

    async def cancel(self, ref: AcdRef, reason: str) -> None:
        port, inner = self._at(ref, "cancel")
        await port.cancel(inner, reason)

    async def accept(self, ref: AcdRef, offer_id: OfferId) -> None:
        port, inner = self._at(ref, "accept", offer_id)
        await port.accept(inner, offer_id)

    async def decline(self, ref: AcdRef, offer_id: OfferId, reason: DeclineReason) -> None:
        port, inner = self._at(ref, "decline", offer_id)
        await port.decline(inner, offer_id, reason)

    async def claimed(self, ref: AcdRef, agent_id: AgentId) -> None:
        port, inner = self._at(ref, "claimed")
        await port.claimed(inner, agent_id)

    async def confirm_media(self, ref: AcdRef, ok: bool) -> None:
        port, inner = self._at(ref, "media_confirmed" if ok else "media_failed")
        await port.confirm_media(inner, ok)

    async def hold(self, ref: AcdRef) -> None:
        port, inner = self._at(ref, "hold")
        await port.hold(inner)

    async def resume(self, ref: AcdRef) -> None:
        port, inner = self._at(ref, "resume")
        await port.resume(inner)

    async def requeue(self, ref: AcdRef, reason: str) -> None:
        port, inner = self._at(ref, "requeue")
        await port.requeue(inner, reason)

    async def transfer(self, ref: AcdRef, mode: TransferMode, target: TransferTarget) -> None:
        port, inner = self._at(ref)
        await port.transfer(inner, mode, target)

    async def end(self, ref: AcdRef, reason: str) -> None:
        port, inner = self._at(ref, "end")
        await port.end(inner, reason)

    async def complete_wrap_up(self, ref: AcdRef, disposition: str | None) -> None:
        port, inner = self._at(ref, "complete_wrap_up")
        await port.complete_wrap_up(inner, disposition)

    async def contacts(self, refs: Sequence[AcdRef]) -> Sequence[ContactSnapshot]:
        """In the order of `refs`. Those of an ACD that does not answer, or is not here any more, are left out;
        PortFailure when no ACD answers."""
        asked: dict[str, list[AcdRef]] = {}
        for ref in refs:
            name, _, inner = ref.partition(_SEPARATOR)
            if name in self._adapters:
                asked.setdefault(name, []).append(AcdRef(inner))
        answers = await asyncio.gather(*(self._seen(self._adapters[name], inner) for name, inner in asked.items()))
        failures = [answer for answer in answers if isinstance(answer, PortFailure)]
        if failures and len(failures) == len(answers):
            raise failures[0]
        found = {
            _outer(name, each.acd_ref): each
            for name, answer in zip(asked, answers, strict=True)
            if not isinstance(answer, PortFailure)
            for each in answer
        }
        return [replace(found[ref], acd_ref=ref) for ref in refs if ref in found]

    async def _seen(self, adapter: _Adapter, refs: Sequence[AcdRef]) -> Sequence[ContactSnapshot] | PortFailure:
        try:
            async with asyncio.timeout(SNAPSHOT_TIMEOUT_S):
                return await adapter.port.contacts(refs)
        except PortFailure as failure:
            return failure
        except TimeoutError:
            return PortFailure("acd_timeout", f"The ACD {adapter.name} does not answer.")

    # ------------------------------------------------------------ port: of agents

    async def set_agent_state(self, position: AgentPosition) -> None:
        """Told to every ACD that takes it, each at its own pace and again when it was away: returns at once."""
        for adapter in self._adapters.values():
            if not adapter.port.capabilities().takes_agent_state:
                continue
            adapter.positions[position.agent_id] = position
            if adapter.telling is None:
                adapter.telling = self._supervisor.spawn(self._tell(adapter), name=f"agents:{adapter.name}")

    async def _tell(self, adapter: _Adapter) -> None:
        try:
            while adapter.positions:
                position = adapter.positions.pop(next(iter(adapter.positions)))
                try:
                    async with asyncio.timeout(AGENT_TIMEOUT_S):
                        await adapter.port.set_agent_state(position)
                except (PortFailure, TimeoutError) as error:
                    code = error.code if isinstance(error, PortFailure) else "acd_timeout"
                    if not adapter.agents_wait:
                        _log.warning("acd.agents_not_told", acd=adapter.name, code=code)
                        self._on_alarm("acd_failed", f"Agents' states can't be told to the ACD {adapter.name}: {code}.")
                    adapter.agents_wait = True
                    adapter.positions.setdefault(position.agent_id, position)  # unless a newer one came meanwhile
                    await self._clock.sleep_until(self._clock.monotonic() + AGENT_RETRY_S)
                except GatewayError as error:
                    _log.warning("acd.agent_refused", acd=adapter.name, agent_id=position.agent_id, code=error.code)
                    self._on_alarm("acd_failed", f"The ACD {adapter.name} took no agent's state: {error.code}.")
                else:
                    adapter.agents_wait = False
        finally:
            adapter.telling = None


def _outer(name: str, inner: AcdRef) -> AcdRef:
    return AcdRef(f"{name}{_SEPARATOR}{inner}")


def adapter_of(ref: AcdRef) -> str:
    """The name of the adapter that a ref of the router belongs to."""
    return ref.partition(_SEPARATOR)[0]
