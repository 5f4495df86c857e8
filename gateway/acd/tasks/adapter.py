"""`AcdPort` in task mode: each contact is a task at the ACD, which queues and routes; the media are ours.

A command is a letter and never waits for the ACD, but for `transfer` and looking, which are asked at once. An event is
verified, read, put in its order and applied to its task; then the contact is told. It keeps the tasks of this node, in
memory and in the records, and ends at the ACD what a restart left open. It knows no contact but by its id.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Final

from gateway.acd.events import AcdEvent, AcdRef, AgentEvent, AgentName, TransferMode, TransferTarget
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
from gateway.acd.tasks.agents import Agents
from gateway.acd.tasks.book import TaskBook
from gateway.acd.tasks.errands import Errands, offered_to
from gateway.acd.tasks.figures import EventResult, TaskFigures
from gateway.acd.tasks.hearing import Hearing, Teller
from gateway.acd.tasks.looking import Looking
from gateway.acd.tasks.mapping import Command, TaskMapping
from gateway.acd.tasks.moves import handed_over
from gateway.acd.tasks.ports import Caller, Letter, LetterStore, Panels
from gateway.acd.tasks.requests import Refused, Requests
from gateway.acd.tasks.seats import Seats
from gateway.acd.tasks.task import IN_CALL, IN_LINE, Task, taken_by_us
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
        self._mapping = mapping
        self._caller = caller
        self._panels = panels
        self._teller = Teller(settings.name, clock)
        self._book = TaskBook(acd=settings.name, node=node, store=store, clock=clock, claim_url=claim_url)
        self._agents = Agents(settings.agents)
        self._seats = Seats(
            acd=settings.name,
            panels=panels,
            lasts_s=settings.panel_claim.total_seconds(),
            book=self._book,
            teller=self._teller,
        )
        self._supervisor = Supervisor(f"acd:{settings.name}")
        self._on_alarm = on_alarm
        self._resync: Callable[[CutCause], None] = lambda _: None
        self._left_over: Callable[[ContactSnapshot, str], None] = lambda _, __: None
        self._started = False
        self._requests = Requests(
            variables=settings.variables, caller=caller, clock=clock, view=self._book.view, claim=self._seats.claim
        )
        self._errands = Errands(
            settings=settings,
            mapping=mapping,
            requests=self._requests,
            store=store,
            clock=clock,
            node=node,
            book=self._book,
            teller=self._teller,
            on_alarm=on_alarm,
            on_open=self._cut_or_back,
            forget_events=lambda contact_id: self._hearing.forget(contact_id),
            suspect=lambda: self._looking.suspect(),
            told_all=lambda contact_id: self._looking.told_all(contact_id),
        )
        self.letters = self._errands.letters
        self._looking = Looking(
            acd=settings.name,
            mapping=mapping,
            letters=self.letters,
            book=self._book,
            clock=clock,
            every_s=settings.look_every.total_seconds(),
            data=offered_to,
            on_doubt=lambda cause: self._resync(cause),
        )
        self._hearing = Hearing(
            settings=settings,
            incoming=mapping.incoming,
            verifier=verifier,
            book=self._book,
            teller=self._teller,
            agents=self._agents.ids,
            agent_states=self._agents.states,
            clock=clock,
            post=self._errands.post,
            over=self._errands.over,
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
        await self._supervisor.aclose()
        await self.letters.aclose()
        await self._book.save()
        await self._caller.aclose()
        self._started = False  # not before: cut short, it is done by the next who asks

    def _end_left_over(self, task: Task) -> None:
        contact_id = task.offer.contact_id
        _log.warning("acd.task_left_over", acd=self.name, contact_id=contact_id)
        seen = ContactSnapshot(contact_id=contact_id, acd_ref=AcdRef(contact_id), phase=task.phase)
        self._left_over(seen, task.offer.queue)
        self._errands.end_left_over(task, RESTARTED)

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
        fitting = replace(offer, attributes=self._mapping.abilities.fitting(offer.attributes))
        task = self._book.get(offer.contact_id) or self._book.closed(offer.contact_id)
        if task is None:
            task = Task(offer=fitting)
            self._book.add(task)
            self._errands.post(task, Command.CREATE)
        elif task.phase is Phase.GONE:  # it was here before; that this is over may still be on its way
            task.offer = fitting
            self._errands.create_anew(task, "")
        return AcdRef(offer.contact_id)

    async def update_attributes(self, ref: AcdRef, attributes: Mapping[str, str]) -> None:
        task = self._book.get(ref)
        if task is not None:
            task.offer = replace(task.offer, attributes=self._mapping.abilities.fitting(attributes))
            self._book.changed(task)
            self._errands.post(task, Command.UPDATE)

    async def set_offerable(self, ref: AcdRef, offerable: bool) -> None:
        task = self._book.get(ref)
        if task is not None and task.offer.offerable is not offerable:
            task.offer = replace(task.offer, offerable=offerable)
            self._errands.post(task, Command.OFFERABLE, reason="yes" if offerable else "no")

    async def cancel(self, ref: AcdRef, reason: str) -> None:
        task = self._book.get(ref)
        if task is None or task.phase is Phase.GONE:
            self._errands.forget(ContactId(ref))
            return
        if task.taken:
            self._errands.end(task, reason)
            self._errands.post(task, Command.WRAPPED_UP, reason=reason)
        else:
            self._errands.post(task, Command.CANCEL, reason=reason)
        self._errands.over(task)

    async def accept(self, ref: AcdRef, offer_id: OfferId) -> None:
        task = self._book.get(ref)
        if task is None or task.offer_id != offer_id or task.phase is not Phase.RINGING:
            return
        taken_by_us(task)
        self._book.changed(task)
        self._errands.post(task, Command.ACCEPT)

    async def decline(self, ref: AcdRef, offer_id: OfferId, reason: DeclineReason) -> None:
        task = self._book.get(ref)
        if task is None or task.offer_id != offer_id:
            return
        if task.phase is Phase.RINGING:
            self._errands.post(task, Command.DECLINE, reason=reason.value)
            task.in_line_again()
        elif task.phase in IN_CALL and not task.confirmed:  # accepted there, and nobody is here
            self._errands.back_in_line(task, Command.MEDIA_FAILED, reason.value)

    async def claimed(self, ref: AcdRef, agent_id: AgentId) -> None:
        """Who is offered it is the ACD's to say in this mode; that one agent handed it to another, after asking
        them, is ours. What is told from here on names the agent who has it."""
        task = self._book.get(ref)
        new = self._agents.ref_of(agent_id)
        if task is None or task.phase not in IN_CALL or (task.agent is not None and task.agent.ref == new):
            return
        told = self._errands.post(task, Command.HANDED_OVER, agent={"ref": new, "state": "", "reason": ""})
        rings = told and self._mapping.abilities.hand_over_rings
        handed_over(task, AgentName(ref=new, agent_id=agent_id), to_be_booked=rings)
        self._book.changed(task)

    async def confirm_media(self, ref: AcdRef, ok: bool) -> None:
        task = self._book.get(ref)
        if task is None or task.phase not in (*IN_CALL, Phase.GONE):
            return
        if ok:
            task.confirmed = True
            self._errands.post(task, Command.MEDIA_CONFIRMED)
        elif not self._seats.goes_to_the_next(task):
            self._errands.back_in_line(task, Command.MEDIA_FAILED, "media_failed")

    async def hold(self, ref: AcdRef) -> None:
        task = self._book.get(ref)
        if task is not None and task.phase is Phase.CONNECTED:
            task.phase = Phase.HELD
            self._errands.post(task, Command.HELD)

    async def resume(self, ref: AcdRef) -> None:
        task = self._book.get(ref)
        if task is not None and task.phase is Phase.HELD:
            task.phase = Phase.CONNECTED
            self._errands.post(task, Command.RESUMED)

    async def requeue(self, ref: AcdRef, reason: str) -> None:
        task = self._book.get(ref)
        if task is not None and task.phase not in IN_LINE and not self._seats.goes_to_the_next(task):
            self._errands.back_in_line(task, Command.REQUEUE, reason)

    async def transfer(self, ref: AcdRef, mode: TransferMode, target: TransferTarget) -> None:
        task = self._book.get(ref)
        if mode not in self.capabilities().transfers:
            raise StateConflict("transfer_unsupported", "This queue can't transfer.")
        if task is None or task.phase not in IN_CALL:
            raise StateConflict("transfer_refused", "There is no call to transfer.")
        value = self._agents.ref_of(AgentId(target.value)) if target.kind.value == "agent" else target.value
        data = {"target": {"mode": mode.value, "kind": target.kind.value, "value": value}, **offered_to(task)}
        try:
            await self.letters.ask(task.offer.contact_id, Command.TRANSFER, data)
        except (Refused, TemplateFault):
            raise StateConflict("transfer_refused", "The ACD does not transfer this call.") from None

    async def end(self, ref: AcdRef, reason: str) -> None:
        task = self._book.get(ref)
        if task is None or task.phase not in IN_CALL:
            return
        task.phase = Phase.WRAP_UP
        self._errands.end(task, reason)

    async def complete_wrap_up(self, ref: AcdRef, disposition: str | None) -> None:
        task = self._book.get(ref)
        if task is None:
            return
        if task.phase in IN_CALL:  # nobody said that it ended: it did
            self._errands.end(task, "normal")
        if task.phase is not Phase.GONE:
            self._errands.post(task, Command.WRAPPED_UP, disposition=disposition or "")
        self._errands.over(task)

    async def set_agent_state(self, position: AgentPosition) -> None:
        ref, is_news = self._agents.stands(position)
        if is_news:
            self._errands.post_of_agent(ref, position)

    # ------------------------------------------------------------ port: what it sees

    async def snapshot(self, queue: str) -> QueueSnapshot:
        if self.letters.is_open:
            raise PortFailure("acd_away", "The ACD does not answer; try again in a moment.", retry_after_s=5)
        waiting = [task.offer for task in self._book.all() if task.offer.queue == queue and task.phase in IN_LINE]
        return QueueSnapshot(
            queue=queue,
            waiting=tuple(offer.contact_id for offer in sorted(waiting, key=lambda offer: offer.queued_at)),
            ready=self._agents.ready(queue),
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
            calls=self._requests.calls,
            events=self._hearing.events,
        )

    def receive(self, url: str, headers: Mapping[str, str], body: bytes) -> None:
        """One webhook: verified, read, put in order, applied.

        NotSignedIn (`signature_invalid`): nothing was read. BadInput (`bad_event`): nothing was applied. StateConflict
        (`webhooks_off`).
        """
        self._hearing.receive(url, headers, body)

    def panel_opens(self, seat: PanelSeat) -> bool:
        """As `Seats.opens`."""
        return self._seats.opens(seat)

    def again(self, letter: Letter) -> None:
        """Send a dead letter once more."""
        self.letters.again(letter)

    def _cut_or_back(self, is_open: bool) -> None:
        if is_open:
            self._on_alarm("acd_away", f"The ACD {self.name} does not answer; it is tried again.")
        else:
            self._resync(CutCause.NETWORK)
