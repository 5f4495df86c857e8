"""`AcdPort` in task mode: each contact is a task at the ACD, which queues and routes; the media are ours.

A command is a letter and never waits for the ACD, but for `transfer` and looking, which are asked at once. An event is
verified, read, put in its order and applied to its task; then the contact is told. It keeps the tasks of this node, in
memory and in the records, and ends at the ACD what a restart left open. It knows no contact but by its id.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from gateway.acd.events import (
    AcdAgentState,
    AcdEvent,
    AcdEventBody,
    AcdRef,
    AgentEvent,
    AgentName,
    ExitReason,
    QueueExit,
    Rejected,
    RejectReason,
    TransferMode,
    TransferTarget,
    Unrecognised,
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
from gateway.acd.tasks.book import TaskBook
from gateway.acd.tasks.letters import Letters, Refused, Reply
from gateway.acd.tasks.mapping import Command, TaskMapping, Told
from gateway.acd.tasks.order import Arrived, InOrder
from gateway.acd.tasks.ports import Caller, Letter, LetterStore
from gateway.acd.tasks.reading import Notice, read_webhook
from gateway.acd.tasks.task import IN_CALL, IN_LINE, Heard, Task, taken_by_us, tell
from gateway.acd.tasks.templates import TemplateFault
from gateway.acd.tasks.verifying import Verifier
from gateway.base.clock import Clock
from gateway.base.errors import PortFailure, StateConflict
from gateway.base.ids import AgentId, ContactId, OfferId, new_id
from gateway.base.log import get_logger
from gateway.base.tasks import Supervisor
from gateway.config.tasks import TaskAcdSettings

_log = get_logger("acd.tasks")

RESTARTED: Final = "gateway_restart"  # why a task of an earlier process ends
LOOK_AT_ONCE: Final = 4
_AGENT_KEY: Final = "agent:"


class TaskAcd:
    """One ACD of kind `tasks`. `claim_url` makes the address at which an agent's panel takes a contact by its
    correlation id. `store` None: nothing survives a restart."""

    def __init__(
        self,
        *,
        settings: TaskAcdSettings,
        mapping: TaskMapping,
        caller: Caller,
        verifier: Verifier | None,
        store: LetterStore | None,
        clock: Clock,
        node: str,
        claim_url: Callable[[str], str] = lambda correlation: correlation,
    ) -> None:
        self.name = settings.name
        self._settings = settings
        self._mapping = mapping
        self._caller = caller
        self._verifier = verifier
        self._clock = clock
        self._listener: Callable[[AcdEvent], None] = lambda _: None
        self._agent_listener: Callable[[AgentEvent], None] = lambda _: None
        self._book = TaskBook(acd=settings.name, node=node, store=store, clock=clock, claim_url=claim_url)
        self._orders: dict[ContactId, InOrder[Notice]] = {}
        self._agent_order: InOrder[Notice] = InOrder(0)
        self._agents: dict[str, AgentId] = {ref: AgentId(agent) for ref, agent in settings.agents.items()}
        self._positions: dict[AgentId, AgentPosition] = {}
        self._agent_letters = 0
        self._agent_states: dict[str, str] = {}  # as the ACD said last: what it knows is not told back
        self._gap_soon = asyncio.Event()
        self._supervisor = Supervisor(f"acd:{settings.name}")
        self._started = False
        self.letters = Letters(
            settings=settings,
            mapping=mapping,
            caller=caller,
            store=store,
            clock=clock,
            node=node,
            view=self._book.view,
            on_reply=self._replied,
            on_dead=self._died,
            on_done=self._forget_if_over,
            on_open=lambda _: None,
        )
        self.unknown = 0  # events of contacts that nobody here knows

    # ------------------------------------------------------------ life

    async def start(self, alive: Collection[ContactId] = ()) -> None:
        """Deliver what was left, and end the tasks of contacts that did not outlive the last process."""
        left = await self._book.restore()
        await self.letters.start()
        self._started = True
        for task in left:
            if task.offer.contact_id not in alive:
                self._end_left_over(task)
        _ = self._supervisor.spawn(self._book.keep_saving(), name="save")
        _ = self._supervisor.spawn(self._watch_gaps(), name="gaps")

    async def aclose(self) -> None:
        """Stop; what is not delivered stays in the records. Idempotent."""
        if not self._started:
            return
        self._started = False
        await self._supervisor.aclose()
        await self.letters.aclose()
        await self._book.save()
        await self._caller.aclose()

    def _end_left_over(self, task: Task) -> None:
        contact_id = task.offer.contact_id
        _log.warning("acd.task_left_over", acd=self.name, contact_id=contact_id)
        last = Command.WRAPPED_UP if task.taken else Command.CANCEL
        if not self.letters.has(contact_id, last):
            if task.taken and not self.letters.has(contact_id, Command.ENDED):
                self._post(task, Command.ENDED, reason=RESTARTED)
            self._post(task, last, reason=RESTARTED)
        self._over(task)

    # ------------------------------------------------------------ port: what it can

    def capabilities(self, queue: str = "") -> AcdCapabilities:
        able = self._mapping.abilities
        return AcdCapabilities(
            mode=AcdMode.TASK,
            gives_position=able.position,
            gives_estimate=able.estimate,
            keeps_deadlines=able.keeps_deadlines,
            max_attribute_bytes=able.max_attribute_bytes,
            holds=able.holds,
            transfers=able.transfers if Command.TRANSFER in self._mapping.commands else frozenset(),
            wraps_up=able.wraps_up,
            tells_agent_state=able.agent_state,
            takes_agent_state=Command.AGENT_STATE in self._mapping.commands,
        )

    def on_event(self, listener: Callable[[AcdEvent], None]) -> None:
        self._listener = listener

    def on_agent_event(self, listener: Callable[[AgentEvent], None]) -> None:
        self._agent_listener = listener

    async def check(self) -> None:
        if self.letters.full:
            raise PortFailure("acd_outbox_full", "Too much waits to be told to the ACD.", retry_after_s=5)
        if self.letters.is_open:
            raise PortFailure("acd_away", "The ACD does not answer; try again in a moment.", retry_after_s=5)

    # ------------------------------------------------------------ port: commands

    async def offer(self, offer: ContactOffer) -> AcdRef:
        if self._book.get(offer.contact_id) is None:
            task = Task(offer=replace(offer, attributes=self._fitting(offer.attributes)))
            self._book.add(task)
            self._post(task, Command.CREATE)
        return AcdRef(offer.contact_id)

    async def update_attributes(self, ref: AcdRef, attributes: Mapping[str, str]) -> None:
        task = self._book.get(ref)
        if task is not None:
            task.offer = replace(task.offer, attributes=self._fitting(attributes))
            self._book.changed(task)
            self._post(task, Command.UPDATE)

    async def set_offerable(self, ref: AcdRef, offerable: bool) -> None:
        task = self._book.get(ref)
        if task is not None and task.offer.offerable is not offerable:
            task.offer = replace(task.offer, offerable=offerable)
            self._post(task, Command.OFFERABLE, reason="yes" if offerable else "no")

    async def cancel(self, ref: AcdRef, reason: str) -> None:
        task = self._book.get(ref)
        if task is None or task.phase is Phase.GONE:
            self._forget(ContactId(ref))
            return
        if task.taken:
            self._post(task, Command.ENDED, reason=reason)
            self._post(task, Command.WRAPPED_UP, reason=reason)
        else:
            self._post(task, Command.CANCEL, reason=reason)
        self._over(task)

    async def accept(self, ref: AcdRef, offer_id: OfferId) -> None:
        task = self._book.get(ref)
        if task is None or task.offer_id != offer_id or task.phase is not Phase.RINGING:
            return
        taken_by_us(task)
        self._book.changed(task)
        self._post(task, Command.ACCEPT)

    async def decline(self, ref: AcdRef, offer_id: OfferId, reason: DeclineReason) -> None:
        task = self._book.get(ref)
        if task is None or task.offer_id != offer_id or task.phase is not Phase.RINGING:
            return
        self._post(task, Command.DECLINE, reason=reason.value)
        task.in_line_again()

    async def claimed(self, ref: AcdRef, agent_id: AgentId) -> None:
        """Who has it is the ACD's to say in this mode."""

    async def confirm_media(self, ref: AcdRef, ok: bool) -> None:
        task = self._book.get(ref)
        if task is None or task.phase not in IN_CALL:
            return
        if ok:
            self._post(task, Command.MEDIA_CONFIRMED)
        else:
            self._back_in_line(task, Command.MEDIA_FAILED, "media_failed")

    async def hold(self, ref: AcdRef) -> None:
        task = self._book.get(ref)
        if task is not None and task.phase is Phase.CONNECTED:
            task.phase = Phase.HELD
            self._post(task, Command.HELD)

    async def resume(self, ref: AcdRef) -> None:
        task = self._book.get(ref)
        if task is not None and task.phase is Phase.HELD:
            task.phase = Phase.CONNECTED
            self._post(task, Command.RESUMED)

    async def requeue(self, ref: AcdRef, reason: str) -> None:
        task = self._book.get(ref)
        if task is not None and task.phase not in IN_LINE:
            self._back_in_line(task, Command.REQUEUE, reason)

    async def transfer(self, ref: AcdRef, mode: TransferMode, target: TransferTarget) -> None:
        task = self._book.get(ref)
        if mode not in self.capabilities().transfers:
            raise StateConflict("transfer_unsupported", "This queue can't transfer.")
        if task is None or task.phase not in IN_CALL:
            raise StateConflict("transfer_refused", "There is no call to transfer.")
        value = self._ref_of(AgentId(target.value)) if target.kind.value == "agent" else target.value
        data = {"target": {"mode": mode.value, "kind": target.kind.value, "value": value}, **_offer_data(task)}
        try:
            await self.letters.ask(task.offer.contact_id, Command.TRANSFER, data)
        except (Refused, TemplateFault):
            raise StateConflict("transfer_refused", "The ACD does not transfer this call.") from None

    async def end(self, ref: AcdRef, reason: str) -> None:
        task = self._book.get(ref)
        if task is None or task.phase not in IN_CALL:
            return
        task.phase = Phase.WRAP_UP
        self._post(task, Command.ENDED, reason=reason)

    async def complete_wrap_up(self, ref: AcdRef, disposition: str | None) -> None:
        task = self._book.get(ref)
        if task is None:
            return
        if task.phase in IN_CALL:  # nobody said that it ended: it did
            self._post(task, Command.ENDED, reason="normal")
        if task.phase is not Phase.GONE:
            self._post(task, Command.WRAPPED_UP, disposition=disposition or "")
        self._over(task)

    async def set_agent_state(self, position: AgentPosition) -> None:
        ref = position.ref or self._ref_of(position.agent_id)
        if position.state == AcdAgentState.LOGGED_OFF:
            self._positions.pop(position.agent_id, None)
        else:
            self._positions[position.agent_id] = position
            self._agents[ref] = position.agent_id
        if self._agent_states.get(ref) == position.state:
            return
        self._agent_states[ref] = position.state
        self._agent_letters += 1
        data = {"agent": {"ref": ref, "state": position.state, "reason": position.reason or ""}}
        self.letters.post(_AGENT_KEY + ref, self._agent_letters, Command.AGENT_STATE, data, self._clock.now())

    # ------------------------------------------------------------ port: what it sees

    async def snapshot(self, queue: str) -> QueueSnapshot:
        if self.letters.is_open:
            raise PortFailure("acd_away", "The ACD does not answer; try again in a moment.", retry_after_s=5)
        waiting = [task.offer for task in self._book.all() if task.offer.queue == queue and task.phase in IN_LINE]
        ready = [
            position
            for position in self._positions.values()
            if queue in position.queues and position.ready_since is not None
        ]
        return QueueSnapshot(
            queue=queue,
            waiting=tuple(offer.contact_id for offer in sorted(waiting, key=lambda offer: offer.queued_at)),
            ready=tuple(p.agent_id for p in sorted(ready, key=lambda p: (p.ready_since is None, p.ready_since))),
        )

    async def contacts(self, refs: Sequence[AcdRef]) -> Sequence[ContactSnapshot]:
        """Asked of the ACD where its mapping says how; otherwise what it told last."""
        gate = asyncio.Semaphore(LOOK_AT_ONCE)

        async def look(ref: AcdRef) -> ContactSnapshot:
            async with gate:
                return await self._look(ref)

        return await asyncio.gather(*(look(ref) for ref in refs))

    async def _look(self, ref: AcdRef) -> ContactSnapshot:
        contact_id = ContactId(ref)
        task = self._book.get(contact_id)
        phase = task.phase if task is not None else Phase.GONE
        if (
            task is not None
            and task.ref
            and Command.LOOK in self._mapping.commands
            and not self.letters.has(contact_id)
        ):
            try:
                reply = await self.letters.ask(contact_id, Command.LOOK, _offer_data(task))
                phase = Phase(reply.phase) if reply.phase in tuple(Phase) else phase
            except Refused:
                phase = Phase.GONE
            except TemplateFault as fault:
                _log.warning("acd.look_failed", acd=self.name, fault=fault.message)
        agent = task.agent if task is not None else None
        return ContactSnapshot(contact_id=contact_id, acd_ref=ref, phase=phase, agent=agent)

    # ------------------------------------------------------------ what the ACD tells

    def receive(self, url: str, headers: Mapping[str, str], body: bytes) -> None:
        """One webhook: verified, read, put in order, applied.

        NotSignedIn (`signature_invalid`): nothing was read. BadInput (`bad_event`): nothing was applied.
        """
        if self._verifier is None:
            raise StateConflict("webhooks_off", "This ACD has no secret for webhooks in its settings.")
        self._verifier.check(url, headers, body, self._clock.now().timestamp())
        for notice in read_webhook(self._mapping.incoming, body, headers, self._settings.variables):
            self._take_in(notice)

    def _take_in(self, notice: Notice) -> None:
        of_agents = [heard for heard in notice.heard if heard.told is Told.AGENT_STATE]
        if of_agents and self._agent_order.arrive(notice.event_id, None, notice, self._clock.monotonic()).ready:
            for heard in of_agents:
                self._tell_agent(notice, heard)
        if of_agents and len(of_agents) == len(notice.heard):
            return
        task = self._task_of(notice)
        if task is None:
            self.unknown += 1
            _log.info("acd.unknown_contact", acd=self.name, told=notice.name)
            return
        contact_id = task.offer.contact_id
        order = self._orders.setdefault(contact_id, InOrder(self._settings.gap_wait.total_seconds()))
        arrived = order.arrive(notice.event_id, notice.seq, notice, self._clock.monotonic())
        self._go_on(contact_id, arrived)
        if order.deadline is not None:
            self._gap_soon.set()

    def _task_of(self, notice: Notice) -> Task | None:
        """Whose it is. None for what nobody here knows, and for what is of an earlier round of its contact."""
        task = self._book.get(notice.contact) if notice.contact else self._book.by_ref(notice.ref)
        if task is None or not notice.ref:
            return task
        if task.is_former(notice.ref):
            return None
        if task.awaits_ref:  # it tells of the task before it answers that there is one
            self._book.name(task, notice.ref)
        return task if notice.ref == task.ref else None

    def _go_on(self, contact_id: ContactId, arrived: Arrived[Notice]) -> None:
        for notice in arrived.late:
            self._emit(self._book.get(contact_id), Unrecognised(name=f"late: {notice.name}"), notice)
        if arrived.skipped:
            _log.warning("acd.events_missing", acd=self.name, contact_id=contact_id, missing=arrived.skipped)
        for notice in arrived.ready:
            task = self._book.get(contact_id)
            if task is None:
                return
            if task.keep(notice.kept):
                self._book.changed(task)
            if not notice.known:
                self._emit(task, Unrecognised(name=notice.name or "unknown"), notice)
            for heard in notice.heard:
                if heard.told is not Told.AGENT_STATE:
                    self._apply(task, heard, notice)

    def _apply(self, task: Task, heard: Heard, notice: Notice) -> None:
        before = task.phase
        taken = task.taken
        known = replace(heard, agent_id=self._agents.get(heard.fields.get("agent", "")))
        if known.told is Told.RESERVED and not task.offer.offerable and task.phase in IN_LINE:
            self._post(task, Command.DECLINE, reason=DeclineReason.WITHDRAWN.value, offer=_reserved_for(known))
            self._emit(task, Unrecognised(name="reserved while it must not be offered"), notice)
            return
        for said in tell(task, known):
            self._emit(task, said.body, notice, made_up=said.made_up)
        if task.taken != taken:
            self._book.changed(task)
        if task.phase is Phase.GONE and before is not Phase.GONE:
            self._over(task)

    def _tell_agent(self, notice: Notice, heard: Heard) -> None:
        ref = heard.fields.get("agent", "")
        state = heard.fields.get("state", "")
        if not ref or state not in tuple(AcdAgentState):
            _log.info("acd.unknown_agent_state", acd=self.name, told=notice.name)
            return
        self._agent_states[ref] = state
        now = self._clock.now()
        self._agent_listener(
            AgentEvent(
                event_id=notice.event_id,
                agent=AgentName(ref=ref, agent_id=self._agents.get(ref)),
                state=AcdAgentState(state),
                reason=heard.fields.get("reason") or None,
                occurred_at=notice.occurred_at or now,
                received_at=now,
                source=self.name,
                raw=notice.raw,
            )
        )

    def _emit(self, task: Task | None, body: AcdEventBody, notice: Notice | None, *, made_up: bool = False) -> None:
        if task is None:
            return
        now = self._clock.now()
        task.seq += 1
        self._listener(
            AcdEvent(
                event_id=notice.event_id if notice is not None and not made_up else new_id("ev"),
                contact_id=task.offer.contact_id,
                acd_ref=AcdRef(task.offer.contact_id),
                seq=task.seq,
                occurred_at=(notice.occurred_at if notice is not None else None) or now,
                received_at=now,
                source=self.name,
                body=body,
                queue=task.offer.queue,
                attempt=task.attempt,
                synthesized=made_up or notice is None,
                raw=notice.raw if notice is not None else {},
            )
        )

    async def _watch_gaps(self) -> None:
        """Give up the gaps whose time is over."""
        while True:
            await self._gap_soon.wait()
            self._gap_soon.clear()
            while deadlines := [d for order in self._orders.values() if (d := order.deadline) is not None]:
                await self._clock.sleep_until(min(deadlines))
                now_s = self._clock.monotonic()
                for contact_id, order in list(self._orders.items()):
                    if order.deadline is not None and order.deadline <= now_s:
                        self._go_on(contact_id, order.expire(now_s))

    # ------------------------------------------------------------ letters

    def _post(self, task: Task, command: Command, **data: Any) -> None:
        data = {**_offer_data(task), **data}
        if self.letters.post(task.offer.contact_id, task.letters + 1, command, data, self._clock.now()):
            task.letters += 1

    def _back_in_line(self, task: Task, command: Command, reason: str) -> None:
        """To the head of the queue: as the ACD does it, or as a new task where it knows no way back."""
        if command in self._mapping.commands:
            self._post(task, command, reason=reason)
            task.in_line_again()
        elif Command.REQUEUE in self._mapping.commands:
            self._post(task, Command.REQUEUE, reason=reason)
            task.in_line_again()
        else:
            self._post(task, Command.ENDED, reason=reason)
            self._post(task, Command.WRAPPED_UP, reason=reason)
            task.next_round()
            self._orders.pop(task.offer.contact_id, None)
            self._post(task, Command.CREATE, reason=reason)
        self._book.changed(task)

    def _replied(self, letter: Letter, reply: Reply) -> None:
        task = self._book.get(letter.contact_id)
        if task is None:
            return
        if letter.command is Command.CREATE and reply.ref:
            self._book.name(task, reply.ref)
        if task.keep(reply.kept):
            self._book.changed(task)

    def _died(self, letter: Letter) -> None:
        task = self._book.get(letter.contact_id)
        if task is None:
            return
        if letter.command is Command.CREATE and task.phase in IN_LINE:
            refused = letter.cause.startswith("http_4")
            self._emit(task, QueueExit(reason=ExitReason.REFUSED if refused else ExitReason.FAILED), None)
            task.phase = Phase.GONE
            self._over(task)
        elif letter.command is Command.ACCEPT and task.phase in IN_CALL and task.offer_id is not None:
            self._emit(task, Rejected(offer_id=task.offer_id, reason=RejectReason.WITHDRAWN), None)
            task.in_line_again()
        self._forget_if_over(letter)

    # ------------------------------------------------------------ tasks

    def _over(self, task: Task) -> None:
        """It is closed for us; it is forgotten when the ACD has been told."""
        task.phase = Phase.GONE
        contact_id = task.offer.contact_id
        if not self.letters.has(contact_id):
            self._forget(contact_id)

    def _forget_if_over(self, letter: Letter) -> None:
        task = self._book.get(letter.contact_id)
        if task is not None and task.phase is Phase.GONE and not self.letters.has(letter.contact_id):
            self._forget(task.offer.contact_id)

    def _forget(self, contact_id: ContactId) -> None:
        self._orders.pop(contact_id, None)
        self._book.forget(contact_id)

    def _fitting(self, attributes: Mapping[str, str]) -> dict[str, str]:
        """As many as the ACD takes, in their order; those that are too much are left out."""
        limit = self._mapping.abilities.max_attribute_bytes
        fitting: dict[str, str] = {}
        size = 0
        for name, value in attributes.items():
            size += len(name.encode()) + len(value.encode("utf-8", "replace")) + 6
            if limit is not None and size > limit:
                break
            fitting[name] = value
        return fitting

    def _ref_of(self, agent_id: AgentId) -> str:
        return next((ref for ref, known in self._agents.items() if known == agent_id), str(agent_id))


def _offer_data(task: Task) -> dict[str, Any]:
    ref = task.agent.ref if task.agent is not None else ""
    return {"offer": {"reservation": task.reservation, "agent": ref}}


def _reserved_for(heard: Heard) -> dict[str, str]:
    return {"reservation": heard.reservation, "agent": heard.fields.get("agent", "")}
