"""`AcdPort` in task mode: each contact is a task at the ACD, which queues and routes; the media are ours.

A command is a letter and never waits for the ACD, but for `transfer` and looking, which are asked at once. An event is
verified, read, put in its order and applied to its task; then the contact is told. It keeps the tasks of this node, in
memory and in the records, and ends at the ACD what a restart left open. It knows no contact but by its id.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from gateway.acd.events import (
    AcdAgentState,
    AcdEvent,
    AcdRef,
    AgentEvent,
    AgentName,
    ExitReason,
    QueueExit,
    Rejected,
    RejectReason,
    TransferMode,
    TransferTarget,
)
from gateway.acd.passes import PanelSeat
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
from gateway.acd.tasks.book import TaskBook
from gateway.acd.tasks.figures import EventResult, TaskFigures
from gateway.acd.tasks.hearing import Hearing, Teller
from gateway.acd.tasks.letters import NAMING, NO_CLAIM, Letters, Refused, Reply
from gateway.acd.tasks.looking import Looking
from gateway.acd.tasks.mapping import Command, TaskMapping
from gateway.acd.tasks.moves import come, handed_over, next_one
from gateway.acd.tasks.ports import Caller, Letter, LetterStore, Panels
from gateway.acd.tasks.task import IN_CALL, IN_LINE, Said, Task, taken_by_us
from gateway.acd.tasks.templates import TemplateFault
from gateway.acd.tasks.verifying import Verifier
from gateway.base.clock import Clock
from gateway.base.errors import PortFailure, StateConflict
from gateway.base.ids import AgentId, ContactId, OfferId
from gateway.base.log import get_logger
from gateway.base.tasks import Supervisor
from gateway.config.acd_tasks import TaskAcdSettings

_log = get_logger("acd.tasks")

RESTARTED: Final = "gateway_restart"  # why a task of an earlier process ends
_AGENT_KEY: Final = "agent:"
_TELLING: Final = frozenset(Command) - {Command.CREATE, Command.UPDATE, Command.OFFERABLE, Command.AGENT_STATE}
"""Commands whose refusal says that the ACD may have the task otherwise than we think."""


class TaskAcd:
    """One ACD of kind `tasks`. `claim_url` makes the address at which an agent's panel takes a contact by its
    correlation id; `panels` None: the desktop opens no panel by a claim. `store` None: nothing survives a restart."""

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
        panels: Panels | None = None,
        on_alarm: Callable[[str, str], None] = lambda code, detail: None,
    ) -> None:
        self.name = settings.name
        self._settings = settings
        self._mapping = mapping
        self._caller = caller
        self._panels = panels
        self._clock = clock
        self._teller = Teller(settings.name, clock)
        self._book = TaskBook(acd=settings.name, node=node, store=store, clock=clock, claim_url=claim_url)
        self._agents: dict[str, AgentId] = {ref: AgentId(agent) for ref, agent in settings.agents.items()}
        self._positions: dict[AgentId, AgentPosition] = {}
        self._agent_letters = 0
        self._agent_states: dict[str, str] = {}  # as the ACD said last: what it knows is not told back
        self._supervisor = Supervisor(f"acd:{settings.name}")
        self._on_alarm = on_alarm
        self._resync: Callable[[CutCause], None] = lambda _: None
        self._left_over: Callable[[ContactSnapshot, str], None] = lambda _, __: None
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
            on_done=self._taken,
            on_open=self._cut_or_back,
            written=self._book.save,
            claim=self._claim,
        )
        self._looking = Looking(
            acd=settings.name,
            mapping=mapping,
            letters=self.letters,
            book=self._book,
            clock=clock,
            every_s=settings.look_every.total_seconds(),
            data=_offer_data,
            on_doubt=lambda cause: self._resync(cause),
        )
        self._hearing = Hearing(
            settings=settings,
            incoming=mapping.incoming,
            verifier=verifier,
            book=self._book,
            teller=self._teller,
            agents=self._agents,
            agent_states=self._agent_states,
            clock=clock,
            post=self._post,
            over=self._over,
            restarted=lambda: self._resync(CutCause.ACD_RESTARTED),
            opens_panels=panels is not None,
        )

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
        _ = self._supervisor.spawn(self._hearing.watch_gaps(), name="gaps")
        _ = self._supervisor.spawn(self._looking.go_round(), name="look")
        _ = self._supervisor.spawn(self._looking.follow_suspicions(), name="suspicions")

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
        seen = ContactSnapshot(contact_id=contact_id, acd_ref=AcdRef(contact_id), phase=task.phase)
        self._left_over(seen, task.offer.queue)
        booked = task.taken and task.booking is None
        last = Command.WRAPPED_UP if booked else Command.CANCEL
        if not self.letters.has(contact_id, last):
            if booked and not self.letters.has(contact_id, Command.ENDED):
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
            opens_panels=self._panels is not None and Command.PANEL in self._mapping.commands,
        )

    def on_event(self, listener: Callable[[AcdEvent], None]) -> None:
        self._teller.listener = listener

    def on_agent_event(self, listener: Callable[[AgentEvent], None]) -> None:
        self._teller.agent_listener = listener

    def on_resync(self, listener: Callable[[CutCause], None]) -> None:
        self._resync = listener

    def on_left_over(self, listener: Callable[[ContactSnapshot, str], None]) -> None:
        self._left_over = listener

    async def check(self) -> None:
        if self.letters.full:
            raise PortFailure("acd_outbox_full", "Too much waits to be told to the ACD.", retry_after_s=5)
        if self.letters.is_open:
            raise PortFailure("acd_away", "The ACD does not answer; try again in a moment.", retry_after_s=5)

    # ------------------------------------------------------------ port: commands

    async def offer(self, offer: ContactOffer) -> AcdRef:
        fitting = replace(offer, attributes=self._fitting(offer.attributes))
        task = self._book.get(offer.contact_id) or self._book.closed(offer.contact_id)
        if task is None:
            task = Task(offer=fitting)
            self._book.add(task)
            self._post(task, Command.CREATE)
        elif task.phase is Phase.GONE:  # it was here before; that this is over may still be on its way
            task.offer = fitting
            self._create_anew(task, "")
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
            self._end(task, reason)
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
        if task is None or task.offer_id != offer_id:
            return
        if task.phase is Phase.RINGING:
            self._post(task, Command.DECLINE, reason=reason.value)
            task.in_line_again()
        elif task.phase in IN_CALL and not task.confirmed:  # accepted there, and nobody is here
            self._back_in_line(task, Command.MEDIA_FAILED, reason.value)

    async def claimed(self, ref: AcdRef, agent_id: AgentId) -> None:
        """Who is offered it is the ACD's to say in this mode; that one agent handed it to another, after asking
        them, is ours. What is told from here on names the agent who has it."""
        task = self._book.get(ref)
        new = self._ref_of(agent_id)
        if task is None or task.phase not in IN_CALL or (task.agent is not None and task.agent.ref == new):
            return
        told = self._post(task, Command.HANDED_OVER, agent={"ref": new, "state": "", "reason": ""})
        rings = told and self._mapping.abilities.hand_over_rings
        handed_over(task, AgentName(ref=new, agent_id=agent_id), to_be_booked=rings)
        self._book.changed(task)

    async def confirm_media(self, ref: AcdRef, ok: bool) -> None:
        task = self._book.get(ref)
        if task is None or task.phase not in (*IN_CALL, Phase.GONE):
            return
        if ok:
            task.confirmed = True
            self._post(task, Command.MEDIA_CONFIRMED)
        elif not self._goes_to_the_next(task):
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
        if task is not None and task.phase not in IN_LINE and not self._goes_to_the_next(task):
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
        self._end(task, reason)

    async def complete_wrap_up(self, ref: AcdRef, disposition: str | None) -> None:
        task = self._book.get(ref)
        if task is None:
            return
        if task.phase in IN_CALL:  # nobody said that it ended: it did
            self._end(task, "normal")
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
        return await self._looking.contacts(refs)

    def align(self, seen: ContactSnapshot) -> None:
        """As `Aligns`. A task that was over here, and is not there, is known again until it is ended there."""
        contact_id = ContactId(seen.acd_ref)
        task = self._book.get(contact_id)
        if task is None:
            task = self._book.closed(contact_id)
            if task is None or seen.phase is Phase.GONE:
                return
            self._book.add(task)
        task.stands(seen.phase)
        self._book.changed(task)

    # ------------------------------------------------------------ what the ACD tells

    @property
    def unknown(self) -> int:
        """Events of contacts that nobody here knows."""
        return self._hearing.events[EventResult.UNKNOWN_CONTACT]

    def figures(self) -> TaskFigures:
        letters = self.letters
        return TaskFigures(
            tasks=len(self._book.all()),
            waiting=letters.pending,
            sent=letters.sent,
            failed=letters.failed,
            dead=letters.dead,
            is_open=letters.is_open,
            calls=letters.calls,
            events=self._hearing.events,
        )

    def receive(self, url: str, headers: Mapping[str, str], body: bytes) -> None:
        """One webhook: verified, read, put in order, applied.

        NotSignedIn (`signature_invalid`): nothing was read. BadInput (`bad_event`): nothing was applied. StateConflict
        (`webhooks_off`).
        """
        self._hearing.receive(url, headers, body)

    # ------------------------------------------------------------ letters

    def _post(self, task: Task, command: Command, **data: Any) -> bool:
        """Whether the ACD is told."""
        data = {**_offer_data(task), **data}
        posted = self.letters.post(task.offer.contact_id, task.letters + 1, command, data, self._clock.now())
        task.letters += posted
        return posted

    def _end(self, task: Task, reason: str) -> None:
        """Whom the ACD has not booked yet has nothing to end there."""
        self._post(task, Command.ENDED if task.booking is None else Command.CANCEL, reason=reason)

    def _claim(self, letter: Letter) -> Mapping[str, object]:
        """What the agent's desktop opens our panel with; nothing when the task is somebody else's by now."""
        task = self._book.get(letter.contact_id)
        if self._panels is None or task is None or task.phase not in IN_CALL:
            return NO_CLAIM
        offered = [(task.offer_id, task.agent)]
        if task.coming is not None:
            offered.append((task.coming.offer_id, task.coming.agent))
        for offer_id, agent in offered:
            if offer_id is None or agent is None or agent.agent_id is None:
                continue
            if offer_id == letter.data.get("offer_id"):
                contact_id = task.offer.contact_id
                seat = PanelSeat(acd=self.name, contact_id=contact_id, agent_id=agent.agent_id, offer_id=offer_id)
                return self._panels.claim(seat, self._settings.panel_claim.total_seconds())
        return NO_CLAIM

    def panel_opens(self, seat: PanelSeat) -> bool:
        """The claim of this seat is shown. True: the ACD gives the contact to its agent, who has it from now on."""
        task = self._book.get(seat.contact_id)
        if task is None or task.coming is None or task.coming.offer_id != seat.offer_id or not task.confirmed:
            return False
        said = come(task)
        self._tell(task, said)
        return said != []

    def _goes_to_the_next(self, task: Task) -> bool:
        """Whether the ACD gives it to another agent already, now that whoever had it is lost."""
        said = next_one(task)
        if said:
            self._tell(task, said)
        return said != []

    def _tell(self, task: Task, said: Sequence[Said]) -> None:
        """What the ACD had said before, and counts now."""
        for each in said:
            self._teller.tell(task, each.body, None)
        self._book.changed(task)

    def _back_in_line(self, task: Task, command: Command, reason: str) -> None:
        """To the head of the queue: as the ACD does it, or as a new task where it knows no way back."""
        if task.phase is Phase.GONE:
            self._create_anew(task, reason)
        elif command in self._mapping.commands:
            self._post(task, command, reason=reason)
            task.in_line_again()
        elif Command.REQUEUE in self._mapping.commands:
            self._post(task, Command.REQUEUE, reason=reason)
            task.in_line_again()
        else:
            self._end(task, reason)
            self._post(task, Command.WRAPPED_UP, reason=reason)
            self._create_anew(task, reason)
        self._book.changed(task)

    def _create_anew(self, task: Task, reason: str) -> None:
        """The same contact is a new task there, after all that is still to be told of the former one."""
        task.next_round()
        self._hearing.forget(task.offer.contact_id)
        self._book.add(task)
        self._post(task, Command.CREATE, reason=reason)

    def _replied(self, letter: Letter, reply: Reply) -> None:
        task = self._book.get(letter.contact_id)
        if task is None:
            return
        if letter.command in NAMING and reply.ref:
            self._book.name(task, reply.ref)
        if task.keep(reply.kept):
            self._book.changed(task)

    def again(self, letter: Letter) -> None:
        """Send a dead letter once more."""
        self.letters.again(letter)

    def _cut_or_back(self, is_open: bool) -> None:
        if is_open:
            self._on_alarm("acd_away", f"The ACD {self.name} does not answer; it is tried again.")
        else:
            self._resync(CutCause.NETWORK)

    def _died(self, letter: Letter) -> None:
        self._on_alarm("letter_dead", f"The ACD {self.name} was not told: {letter.command.value}, {letter.cause}.")
        task = self._book.get(letter.contact_id)
        if task is None:
            return
        if letter.command is Command.CREATE and task.phase in IN_LINE:
            refused = letter.cause.startswith("http_4")
            self._teller.tell(task, QueueExit(reason=ExitReason.REFUSED if refused else ExitReason.FAILED), None)
            task.phase = Phase.GONE
            self._over(task)
            self._delivered(letter)
            return
        took = letter.command is Command.ACCEPT and task.phase in IN_CALL and not task.confirmed
        if took and task.offer_id is not None:  # who talks already is not parted by it
            self._teller.tell(task, Rejected(offer_id=task.offer_id, reason=RejectReason.WITHDRAWN), None)
            task.in_line_again()
        if letter.command is Command.HANDED_OVER:
            task.booking = None  # it stays booked to whoever had it
        if letter.command in _TELLING:
            self._looking.suspect()
        self._delivered(letter)

    # ------------------------------------------------------------ tasks

    def _over(self, task: Task) -> None:
        """It is closed for us; it is forgotten when the ACD has been told."""
        task.phase = Phase.GONE
        contact_id = task.offer.contact_id
        if not self.letters.has(contact_id):
            self._forget(contact_id)

    def _taken(self, letter: Letter) -> None:
        """The ACD has taken it."""
        task = self._book.get(letter.contact_id)
        booking = task.booking if task is not None else None
        if task is not None and booking is not None and letter.command is Command.ACCEPT:
            offered = letter.data.get("offer")
            if isinstance(offered, Mapping) and offered.get("reservation") == booking.reservation:
                task.booking = None
                self._book.changed(task)
        self._delivered(letter)

    def _delivered(self, letter: Letter) -> None:
        """Or dead: if it was the last of its task, there is nothing to wait for."""
        if self.letters.has(letter.contact_id):
            return
        task = self._book.get(letter.contact_id)
        if task is not None and task.phase is Phase.GONE:
            self._forget(task.offer.contact_id)
        self._looking.told_all(ContactId(letter.contact_id))

    def _forget(self, contact_id: ContactId) -> None:
        self._hearing.forget(contact_id)
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
